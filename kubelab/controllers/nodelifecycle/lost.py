"""What is written about a node that is lost: its conditions become Unknown, its pods not ready.

upstream: tryUpdateNodeHealth in pkg/controller/nodelifecycle/node_lifecycle_controller.go; MarkPodsNotReady, RecordNodeEvent and
RecordNodeStatusChange in pkg/controller/util/node/controller_utils.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kubelab.controllers.common.conditions import find_condition
from kubelab.controllers.common.events import warning
from kubelab.controllers.common.pod_facts import ready_condition
from kubelab.controllers.nodelifecycle.facts import readiness
from kubelab.engine.plan import Call, EventDraft, Reason, update_status
from kubelab.store.log import Object
from kubelab.world.clock import rfc3339

CONDITIONS = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")
STOPPED = {"status": "Unknown", "reason": "NodeStatusUnknown", "message": "Kubelet stopped posting node status."}
NEVER = {"status": "Unknown", "reason": "NodeStatusNeverUpdated", "message": "Kubelet never posted node status."}
_NONE: dict[str, Any] = {}

SILENT = Reason("NodeSilent", "{subject}: nothing was heard of its kubelet for 40 s")
NEVER_HEARD = Reason("NodeNeverHeard", "{subject}: nothing was ever heard of its kubelet, for 60 s")
MARKED = Reason("PodOnLostNode", "{subject} is on {node}, which is not ready")


CONDITIONS_1_7 = ("Ready", "OutOfDisk", "MemoryPressure", "DiskPressure")


def status_unknown(node: Object, now_ns: int, known: tuple[str, ...] = CONDITIONS) -> Call:
    """The update of the node's status. One that was ready has an event about it."""
    meta, status, now = node["metadata"], node.get("status") or _NONE, rfc3339(now_ns)
    conditions = [_unknown(condition, now, known) for condition in status.get("conditions") or ()]
    for kind in known:
        if find_condition(conditions, kind) is None:
            times = {"lastHeartbeatTime": meta["creationTimestamp"], "lastTransitionTime": now}
            conditions.append({"type": kind, **times, **NEVER})
    was = readiness(node)
    because = (SILENT if was else NEVER_HEARD)(f"node/{meta['name']}")
    events = (status_event(meta["name"], meta["uid"], "NodeNotReady"),) if was == "True" else ()
    return update_status("nodes", {**node, "status": {**status, "conditions": conditions}}, on_success=events, because=because)


def _unknown(condition: Object, now: str, known: tuple[str, ...]) -> Object:
    if condition["type"] not in known or condition["status"] == "Unknown":
        return condition
    return {**condition, **STOPPED, "lastTransitionTime": now}


def marks(pods: Iterable[Object], now_ns: int, *, silent: bool = False) -> list[Call]:
    """The updates of the pods that still seem ready; nothing but the Ready condition changes. ``silent``: no pod's event tells of it."""
    calls = [mark(pod, now_ns) for pod in pods if is_unmarked(pod)]
    return [call._replace(on_success=(), on_refusal=()) for call in calls] if silent else calls


def is_unmarked(pod: Object) -> bool:
    condition = ready_condition(pod)
    return condition is not None and condition["status"] != "False"


def mark(pod: Object, now_ns: int) -> Call:
    status, told = pod["status"], (warning(pod, "NodeNotReady", "Node is not ready"),)
    conditions = [
        {**condition, "status": "False", "lastTransitionTime": rfc3339(now_ns)} if condition["type"] == "Ready" else condition
        for condition in status["conditions"]
    ]
    because = MARKED(f"pod/{pod['metadata']['name']}", node=pod["spec"]["nodeName"])
    body = {**pod, "status": {**status, "conditions": conditions}}
    return update_status("pods", body, accept=(404,), on_success=told, on_refusal=told, because=because)


def node_event(name: str, uid: str, reason: str, words: str) -> EventDraft:
    return EventDraft(_regarding(name, uid), "Normal", reason, f"Node {name} event: {words}")


def status_event(name: str, uid: str, reason: str) -> EventDraft:
    return EventDraft(_regarding(name, uid), "Normal", reason, f"Node {name} status is now: {reason}")


def _regarding(name: str, uid: str) -> Object:
    return {"kind": "Node", "name": name, "uid": uid, "apiVersion": "v1"}
