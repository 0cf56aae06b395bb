"""A runtime that does not answer: what the kubelet says of it, and which of its requests fail after which time.

upstream: pkg/kubelet/runtime.go runtimeErrors, pkg/kubelet/pleg/generic.go Healthy, pkg/kubelet/kubelet.go SyncTerminatingPod,
pkg/kubelet/cri/remote/{remote_runtime,remote_image}.go, 1.28; spec/cri-metrics.md section 1. The table ``hang`` of a machine: fault → begin.
"""

from __future__ import annotations

from typing import Any

from kubelab.cri.api import CriError
from kubelab.engine.component import Scope, Tables
from kubelab.engine.plan import NOTHING, Act, Plan
from kubelab.engine.trouble import OVERDUE
from kubelab.kubelet.pod import starting, stopping
from kubelab.kubelet.pod.seen import pod_event
from kubelab.world.clock import SECOND, format_duration
from kubelab.world.timing import Timing

TABLE = "hang"
DOWN_AFTER_NS = 30 * SECOND  # upstream: maxWaitForContainerRuntime
RELIST_THRESHOLD_NS = 180 * SECOND
DEADLINE_S = 120
SANDBOX_DEADLINE_S = 240
ACTS = frozenset(("collect-images", "forget", "kill", "pull", "reclaim", "run", "sandbox", "stop", "tear-down", "term"))
_NONE: dict[str, Any] = {}


def runtime_errors(tables: Tables, timing: Timing, now_ns: int) -> str:
    """Why a node is not ready because of its runtime; "" if there is nothing to say (yet)."""
    since_ns = min(tables[TABLE].values())
    errors = ["container runtime is down"] if now_ns - since_ns >= DOWN_AFTER_NS else []
    listed_ns = since_ns
    if timing.relist_ns > 0:
        listed_ns -= (since_ns - int(tables.get("pleg", _NONE).get("phase", 0))) % timing.relist_ns
    silent_ns = now_ns - listed_ns
    if silent_ns > RELIST_THRESHOLD_NS:
        ago, threshold = format_duration(silent_ns), format_duration(RELIST_THRESHOLD_NS)
        errors.append(f"PLEG is not healthy: pleg was last seen active {ago} ago; threshold is {threshold}")
    return errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]" if errors else ""


def refuse(tables: Tables) -> None:
    """Raise what a client of the runtime is told."""
    if tables.get(TABLE):
        raise CriError("DeadlineExceeded", "context deadline exceeded")


def asked(scope: Scope, act: Act) -> Plan:
    """What is told before a request to the runtime, which does not answer."""
    worker = scope.table("workers").get(act.arguments[1]) if act.name == "stop" else None
    if worker is None:
        return NOTHING
    _, uid, _, _, name, _, message = act.arguments
    return stopping.announce(scope, worker.pod, uid, name, message)


def deadline_s(act: Act) -> int | None:
    """After how many seconds a request to the runtime has failed. None: a pull waits for ever. The eviction manager asks beside the
    heartbeats, so it goes without an answer at once.
    """
    if act.name == "pull":
        return None
    if act.name in ("reclaim", "collect-images"):
        return 0
    if act.name == "stop":  # StopContainer, then StopPodSandbox
        return DEADLINE_S + int(act.arguments[5]) + DEADLINE_S
    return SANDBOX_DEADLINE_S if act.name == "sandbox" else DEADLINE_S


def overdue(scope: Scope, act: Act) -> Plan:
    """A request has failed: told as upstream tells it, and tried again."""
    failed = Plan(error=OVERDUE)
    if act.name not in ("run", "sandbox", "stop"):
        return failed
    worker = scope.table("workers").get(act.arguments[1])
    if worker is None:
        return failed
    pod = worker.pod
    if act.name == "sandbox":
        return failed._replace(events=(pod_event(pod, "Warning", "FailedCreatePodSandBox", f"Failed to create pod sandbox: {OVERDUE}"),))
    if act.name == "run":
        return starting.not_created(scope, act.arguments[:4], act.arguments[4], "context deadline exceeded")
    name, uid = act.arguments[4], act.arguments[1]
    stopping.unannounce(scope, uid, name)
    text = (
        f'error killing pod: [failed to "KillContainer" for "{name}" with KillContainerError: "{OVERDUE}", '
        f'failed to "KillPodSandbox" for "{uid}" with KillPodSandboxError: "{OVERDUE}"]'
    )
    return failed._replace(events=(pod_event(pod, "Warning", "FailedKillPod", text),))
