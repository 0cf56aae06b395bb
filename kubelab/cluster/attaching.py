"""Which pod ``logs`` and ``exec`` mean when they are given a workload or a Service.

upstream: kubectl/pkg/polymorphichelpers/{helpers,logsforobject,attachablepodforobject}.go, kubectl/pkg/util/podutils/podutils.go, 1.28.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubelab.cluster.references import Reference, kind_of
from kubelab.kinds.kind import Object
from kubelab.kinds.selectors import matches_labels, matches_selector
from kubelab.world.clock import parse_rfc3339

if TYPE_CHECKING:
    from kubelab.cluster.handle import Cluster

BY_LABELS = ("Service", "ReplicationController")
BY_SELECTOR = ("DaemonSet", "Deployment", "Job", "ReplicaSet", "StatefulSet")
PHASES = {"Running": 0, "Unknown": 1, "Pending": 2}


def pod_for_logs(cluster: Cluster, reference: Reference) -> Reference:
    """Of several the one that is furthest on; of those the one with the most restarts."""
    return _first(cluster, reference, lambda pod: (*_standing(pod), -_restarts(pod), _created(pod)))


def pod_for_exec(cluster: Cluster, reference: Reference) -> Reference:
    """Of several the one that is furthest on and not terminating; of those the one with the fewest restarts."""

    def rank(pod: Object) -> tuple[Any, ...]:
        assigned, phase, unready, since = _standing(pod)
        leaving = pod["metadata"].get("deletionTimestamp")
        return assigned, phase, unready, leaving is not None, -_instant(leaving), since, _restarts(pod), _created(pod)

    return _first(cluster, reference, rank)


def _first(cluster: Cluster, reference: Reference, rank: Any) -> Reference:
    kind = reference.kind.kind
    if kind == "Pod":
        return reference
    obj = cluster._call("get", reference).object
    if kind not in BY_LABELS + BY_SELECTOR:
        raise ValueError(f"{reference} has no pods: give a pod, or one of {', '.join(sorted(BY_LABELS + BY_SELECTOR))}")
    matches = matches_labels if kind in BY_LABELS else matches_selector
    selector = obj["spec"].get("selector")
    pods = cluster._call("list", Reference(kind_of("pod"), reference.namespace, "")).object["items"]
    found = [pod for pod in pods if selector and matches(selector, pod["metadata"].get("labels"))]
    if not found:
        raise ValueError(f"{reference} has no pods yet: let time pass, as in c.run(until='{reference} ready')")
    return Reference(kind_of("pod"), reference.namespace, min(found, key=rank)["metadata"]["name"])


def _standing(pod: Object) -> tuple[bool, int, bool, int]:
    """What both orders begin with: on a node, running, ready, and since when."""
    status = pod.get("status") or {}
    ready = next((item for item in status.get("conditions") or () if item["type"] == "Ready" and item["status"] == "True"), None)
    since = _instant(ready.get("lastTransitionTime")) if ready else 0
    return not pod["spec"].get("nodeName"), PHASES.get(status.get("phase", ""), 0), ready is None, since


def _restarts(pod: Object) -> int:
    return max((item.get("restartCount", 0) for item in (pod.get("status") or {}).get("containerStatuses") or ()), default=0)


def _created(pod: Object) -> int:
    return _instant(pod["metadata"].get("creationTimestamp"))


def _instant(text: str | None) -> int:
    return parse_rfc3339(text) if text else 0
