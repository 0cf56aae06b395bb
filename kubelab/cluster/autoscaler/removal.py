"""Taking a node away: marked, drained by evictions if it has pods to move, ended. A drain that does not come to an end is given up.

upstream: cluster-autoscaler/core/scaledown/actuation/{actuator,drain,delete_in_batch,group_deletion_scheduler}.go, 1.28.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kubelab.cluster.autoscaler.options import AutoscalerOptions
from kubelab.cluster.autoscaler.scaling_down import is_daemon, is_long_terminating
from kubelab.engine.plan import Act, Batch, Because, Call, EventDraft, Plan, Reason, reference, update, wait
from kubelab.world.clock import SECOND
from kubelab.world.codec import value

Object = dict[str, Any]

TO_BE_DELETED = "ToBeDeletedByClusterAutoscaler"
CANDIDATE = "DeletionCandidateOfClusterAutoscaler"
REMOVING = "removing"
EVICT_AGAIN_NS = 10 * SECOND  # upstream: DefaultEvictionRetryTime
POLL_NS = 5 * SECOND
HEADROOM_NS = 30 * SECOND  # upstream: DefaultPodEvictionHeadroom

UNNEEDED = Reason("NodeUnneeded", "{subject} has not been needed for {minutes} min")
DRAINING = Reason("NodeDraining", "{subject} is drained: {count} pods are still there")
EVICT = Reason("NodeGoes", "{subject} moves: its node {node} is not needed")
FAILED = Reason("RemovalFailed", "{subject} stays: {words}")


@value
class Removal(NamedTuple):
    """A node on its way out. ``pods``: (namespace, name, uid) to move; ``evicted_ns``: when the last of them was asked to go (0: not yet)."""

    pool: str
    since_ns: int
    unneeded_ns: int
    pods: tuple[tuple[str, str, str], ...] = ()
    evicted_ns: int = 0


class Seen(NamedTuple):
    """``there``: the pods to move that are still on the node; ``strangers``: pods that came to an empty node meanwhile."""

    name: str
    node: Object | None
    removal: Removal
    there: tuple[Object, ...]
    strangers: tuple[Object, ...]
    options: AutoscalerOptions
    now_ns: int


def with_taint(node: Object, key: str, effect: str, now_ns: int) -> Object:
    """The node with one of the autoscaler's taints, whose value is the time in seconds."""
    taints = [each for each in node["spec"].get("taints") or () if each["key"] != key]
    taint = {"key": key, "value": str(now_ns // SECOND), "effect": effect}
    return {**node, "spec": {**node["spec"], "taints": [*taints, taint]}}


def without_taint(node: Object, key: str) -> Object:
    spec = {name: item for name, item in node["spec"].items() if name != "taints"}
    taints = [each for each in node["spec"].get("taints") or () if each["key"] != key]
    return {**node, "spec": {**spec, **({"taints": taints} if taints else {})}}


def has_taint(node: Object, key: str) -> bool:
    return any(each["key"] == key for each in node["spec"].get("taints") or ())


def mark(node: Object, because: Because, now_ns: int) -> Call:
    """The call that keeps new pods off the node."""
    body = without_taint(node, CANDIDATE)
    told = EventDraft(reference(node), "Normal", "ScaleDown", "marked the node as toBeDeleted/unschedulable")
    failed = EventDraft(reference(node), "Warning", "ScaleDownFailed", "failed to mark the node as toBeDeleted/unschedulable: {error}")
    return update("nodes", with_taint(body, TO_BE_DELETED, "NoSchedule", now_ns), on_success=(told,), on_refusal=(failed,), because=because)


def plan(seen: Seen) -> Plan:
    removal, options, now_ns = seen.removal, seen.options, seen.now_ns
    subject = f"node/{seen.name}"
    because = UNNEEDED(subject, minutes=(removal.since_ns - removal.unneeded_ns) // (60 * SECOND))
    if seen.node is None:
        return Plan(remember={REMOVING: {seen.name: None}})
    if not removal.pods:
        if seen.strangers:
            return _give_up(seen, f'failed to delete empty node "{seen.name}", new pods scheduled', "failed to delete empty node: ")
        return _end(seen, because)
    if not seen.there:
        return _end(seen, because)
    waiting = [pod for pod in seen.there if not pod["metadata"].get("deletionTimestamp")]
    if waiting:
        if now_ns - removal.since_ns > options.max_pod_eviction_time + options.node_delete_delay_after_taint:
            names = ", ".join(f"{pod['metadata']['namespace']}/{pod['metadata']['name']}" for pod in waiting)
            return _give_up(seen, f"failed to evict pods within allowed timeout: {names}", _DRAIN)
        first = now_ns - removal.since_ns <= options.node_delete_delay_after_taint
        calls = tuple(_evict(pod, seen, is_first=first) for pod in waiting)
        return Plan((Batch(calls),), again_ns=EVICT_AGAIN_NS if not first else POLL_NS)
    asked_ns = removal.evicted_ns or now_ns
    if now_ns - asked_ns >= options.max_graceful_termination_sec * SECOND + HEADROOM_NS:
        return _give_up(seen, f"Failed to drain node /{seen.name}: pods remaining after timeout", _DRAIN)
    remember = {REMOVING: {seen.name: removal._replace(evicted_ns=asked_ns)}}
    return wait(DRAINING(subject, count=len(seen.there)), again_ns=POLL_NS)._replace(remember=remember)


_DRAIN = "failed to drain and delete node: "


def _evict(pod: Object, seen: Seen, *, is_first: bool) -> Call:
    meta = pod["metadata"]
    grace = pod["spec"].get("terminationGracePeriodSeconds")
    most = seen.options.max_graceful_termination_sec
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": meta["name"], "namespace": meta["namespace"]},
        "deleteOptions": {"gracePeriodSeconds": min(30 if grace is None else grace, most)},
    }
    told = (EventDraft(reference(pod), "Normal", "ScaleDown", "deleting pod for node scale down"),) if is_first else ()
    because = EVICT(f"pod/{meta['name']}", node=seen.name)
    return Call("create", "pods", meta["namespace"], meta["name"], "eviction", body, accept=(404, 429), on_success=told, because=because)


def _end(seen: Seen, because: Because) -> Plan:
    node: Object = seen.node or {}
    gone = EventDraft(reference(node), "Normal", "ScaleDown", "nodes removed by cluster autoscaler")
    return Plan((Batch((Act("end", (seen.name,), because=because),)),), events=(gone,), remember={REMOVING: {seen.name: None}})


def _give_up(seen: Seen, words: str, head: str) -> Plan:
    node: Object = seen.node or {}
    because = FAILED(f"node/{seen.name}", words=words)
    failed = EventDraft(reference(node), "Warning", "ScaleDownFailed", head + words)
    clean = update("nodes", without_taint(node, TO_BE_DELETED), because=because)
    remember: dict[str, dict[Any, Any]] = {REMOVING: {seen.name: None}, "clock": {"failed_ns": seen.now_ns}, "unneeded": {seen.name: None}}
    return Plan((Batch((clean,)),), events=(failed,), remember=remember)


def movable(pod: Object, now_ns: int) -> bool:
    """Whether a pod counts when a node is asked whether it is empty."""
    finished = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
    return (
        not finished
        and not is_long_terminating(pod, now_ns)
        and not is_daemon(pod)
        and "kubernetes.io/config.mirror" not in (pod["metadata"].get("annotations") or {})
    )
