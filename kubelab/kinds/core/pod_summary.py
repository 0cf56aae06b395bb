"""A pod in one line: what ``kubectl get pods`` shows.

upstream: pkg/printers/internalversion/printers.go (printPod), 1.28.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kubelab.kinds.columns import since
from kubelab.kinds.kind import Column, Object

_UNREACHABLE = "NodeLost"
_GATED = "SchedulingGated"


@dataclass(frozen=True, slots=True)
class PodSummary:
    """``reason`` is the STATUS column; ``last_restart`` an RFC 3339 time, empty without one."""

    ready: int
    total: int
    reason: str
    restarts: int
    last_restart: str


@dataclass(slots=True)
class _Count:
    ready: int
    restarts: int
    last_restart: str

    def restarted(self, status: Object) -> None:
        self.restarts += status.get("restartCount") or 0
        self.last_restart = max(self.last_restart, _finished(status))


def summarize(pod: Object) -> PodSummary:
    """What the printer says about a pod's containers and state."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    reason = status.get("reason") or status.get("phase") or ""
    conditions = status.get("conditions") or ()
    if any(each.get("type") == "PodScheduled" and each.get("reason") == _GATED for each in conditions):
        reason = _GATED
    restartable = [each.get("name") for each in spec.get("initContainers") or () if each.get("restartPolicy") == "Always"]
    count = _Count(0, 0, "")
    sidecars = _Count(0, 0, "")
    init_reason = _init_reason(spec, status, restartable, count, sidecars)
    if init_reason:
        reason = init_reason
    if not init_reason or _condition(conditions, "Initialized") == "True":
        count = _Count(count.ready, sidecars.restarts, sidecars.last_restart)
        reason = _container_reason(status, conditions, reason, count)
    if (pod.get("metadata") or {}).get("deletionTimestamp"):
        reason = "Unknown" if status.get("reason") == _UNREACHABLE else "Terminating"
    total = len(spec.get("containers") or ()) + len(restartable)
    return PodSummary(count.ready, total, reason, count.restarts, count.last_restart)


def _finished(status: Object) -> str:
    return ((status.get("lastState") or {}).get("terminated") or {}).get("finishedAt") or ""


def _init_reason(spec: Object, status: Object, restartable: list[Any], count: _Count, sidecars: _Count) -> str:
    """Why the pod is still initialising; empty if it is not. Counts restarts on the way."""
    for index, container in enumerate(status.get("initContainerStatuses") or ()):
        count.restarted(container)
        state = container.get("state") or {}
        ended, waiting = state.get("terminated"), state.get("waiting") or {}
        sidecar = container.get("name") in restartable
        if sidecar:
            sidecars.restarted(container)
        if ended is not None and not ended.get("exitCode"):
            continue
        if sidecar and container.get("started"):
            count.ready += bool(container.get("ready"))
            continue
        if ended is not None:
            return f"Init:{ended.get('reason') or _ended(ended)}"
        if waiting.get("reason") and waiting["reason"] != "PodInitializing":
            return f"Init:{waiting['reason']}"
        return f"Init:{index}/{len(spec.get('initContainers') or ())}"
    return ""


def _ended(state: Object) -> str:
    return f"Signal:{state['signal']}" if state.get("signal") else f"ExitCode:{state.get('exitCode') or 0}"


def _container_reason(status: Object, conditions: Any, reason: str, count: _Count) -> str:
    running = False
    for container in reversed(status.get("containerStatuses") or ()):
        count.restarted(container)
        state = container.get("state") or {}
        ended, waiting = state.get("terminated"), state.get("waiting") or {}
        if waiting.get("reason"):
            reason = waiting["reason"]
        elif ended is not None:
            reason = ended.get("reason") or _ended(ended)
        elif container.get("ready") and state.get("running") is not None:
            running = True
            count.ready += 1
    if reason == "Completed" and running:
        return "Running" if _condition(conditions, "Ready") == "True" else "NotReady"
    return reason


def _condition(conditions: Any, name: str) -> str:
    return next((each.get("status") or "" for each in conditions if each.get("type") == name), "")


def _ready(pod: Object, now_ns: int) -> str:
    summary = summarize(pod)
    return f"{summary.ready}/{summary.total}"


def _status(pod: Object, now_ns: int) -> str:
    return summarize(pod).reason


def _restarts(pod: Object, now_ns: int) -> str:
    summary = summarize(pod)
    if summary.restarts and summary.last_restart:
        return f"{summary.restarts} ({since(summary.last_restart, now_ns)} ago)"
    return str(summary.restarts)


def _ip(pod: Object, now_ns: int) -> str:
    status = pod.get("status") or {}
    addresses = status.get("podIPs") or [{"ip": status.get("podIP")}]
    return addresses[0].get("ip") or "<none>"


def _node(pod: Object, now_ns: int) -> str:
    return (pod.get("spec") or {}).get("nodeName") or "<none>"


def _nominated(pod: Object, now_ns: int) -> str:
    return (pod.get("status") or {}).get("nominatedNodeName") or "<none>"


def _gates(pod: Object, now_ns: int) -> str:
    gates = (pod.get("spec") or {}).get("readinessGates") or ()
    conditions = (pod.get("status") or {}).get("conditions") or ()
    true = sum(_condition(conditions, gate.get("conditionType")) == "True" for gate in gates)
    return f"{true}/{len(gates)}" if gates else "<none>"


READY = Column("Ready", _ready, description="The aggregate readiness state of this pod for accepting traffic.")
STATUS = Column("Status", _status, description="The aggregate status of the containers in this pod.")
RESTARTS = Column(
    "Restarts",
    _restarts,
    description="The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.",
)
WIDE = (
    Column("IP", _ip, priority=1),
    Column("Node", _node, priority=1),
    Column("Nominated Node", _nominated, priority=1),
    Column("Readiness Gates", _gates, priority=1),
)

_COMPLETED = {"Succeeded": "The pod has completed successfully.", "Failed": "The pod failed."}


def row_conditions(pod: Object) -> list[Object]:
    """What a table says of a pod that is over (upstream: podSuccessConditions, podFailedConditions)."""
    phase = (pod.get("status") or {}).get("phase", "")
    if phase not in _COMPLETED:
        return []
    return [{"type": "Completed", "status": "True", "reason": phase, "message": _COMPLETED[phase]}]
