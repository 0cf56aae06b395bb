"""Eviction by deletion: in 1.7 no taints are put on a lost node; five minutes later its zone's turn comes, and its pods are deleted.

upstream: monitorNodeStatus, evictPods, cancelPodEviction and doEvictionPass in pkg/controller/node/nodecontroller.go, deletePods and
setPodTerminationReason in pkg/controller/node/controller_utils.go, 1.7 (without the alpha gate TaintBasedEvictions).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kubelab.controllers.common.events import normal
from kubelab.controllers.common.owners import controller_of
from kubelab.controllers.nodelifecycle import lost
from kubelab.engine.component import Scope
from kubelab.engine.plan import Batch, Plan, Reason, delete, update_status
from kubelab.store.log import Object
from kubelab.world.clock import SECOND

SINCE = "since"  # table: node → the readiness last seen, and since when the controller has known it
EVICTED = "evicted"  # table: nodes whose pods have been deleted; they are left alone until they are ready again
TIMEOUT_NS = 300 * SECOND  # podEvictionTimeout

EVICTING = Reason("NodeEvicted", "{subject} is on {node}, which has not been ready for five minutes")


@dataclass(frozen=True, slots=True)
class Leaving:
    """A node whose zone lets its pods be deleted now."""

    node: Object
    pods: tuple[Object, ...]
    now_ns: int


def observe(scope: Scope, node: Object) -> Leaving:
    name = node["metadata"]["name"]
    return Leaving(node, tuple(sorted(scope.view.on_node(name), key=_name)), scope.now_ns)


def _name(pod: Object) -> tuple[str, str]:
    return pod["metadata"]["namespace"], pod["metadata"]["name"]


def plan(seen: Leaving) -> Plan:
    """Each pod is told why, and deleted, one after the other; those of DaemonSets stay."""
    meta = seen.node["metadata"]
    note: dict[str, dict[str, Any]] = {EVICTED: {meta["name"]: True}}
    if not seen.pods:
        return Plan(note=note)
    batches: list[Batch] = []
    for pod in seen.pods:
        because = EVICTING(f"pod/{pod['metadata']['name']}", node=f"node/{meta['name']}")
        status = pod.get("status") or {}
        if status.get("reason") != "NodeLost":
            words = f"Node {meta['name']} which was running pod {pod['metadata']['name']} is unresponsive"
            told = {**pod, "status": {**status, "reason": "NodeLost", "message": words}}
            batches.append(Batch((update_status("pods", told, accept=(404, 409), because=because),)))
        if pod["metadata"].get("deletionTimestamp") is None and (controller_of(pod) or {}).get("kind") != "DaemonSet":
            words = f"Marking for deletion Pod {pod['metadata']['name']} from Node {meta['name']}"
            marked = (normal(pod, "NodeControllerEviction", words),)
            batches.append(Batch((delete("pods", pod, accept=(404,), on_success=marked, because=because),)))
    event = lost.node_event(meta["name"], meta["uid"], "DeletingAllPods", f"Deleting all Pods from Node {meta['name']}.")
    return Plan(tuple(batches), events=(event,), note=note)


def is_due(readiness: str, since_ns: int, probe_ns: int, now_ns: int) -> bool:
    """Whether a node has been lost for so long that its pods shall go: not ready since, or not heard of since."""
    return readiness != "True" and now_ns > (since_ns if readiness == "False" else probe_ns) + TIMEOUT_NS
