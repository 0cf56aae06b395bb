"""What a pod is up to, in one word: finer than ``status.phase``, coarser than kubectl's STATUS column.

upstream: pkg/printers/internalversion/printers.go (printPod) for the words of STATUS, 1.28.
"""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]

PENDING = "Pending"
CREATING = "ContainerCreating"
RUNNING = "Running"
READY = "Ready"
BACKOFF = "BackOff"
TERMINATING = "Terminating"
SUCCEEDED = "Succeeded"
FAILED = "Failed"
PHASES = (PENDING, CREATING, RUNNING, READY, BACKOFF, TERMINATING, SUCCEEDED, FAILED)

_PATIENT = ("", "ContainerCreating", "PodInitializing")


def phase_of(pod: Object) -> str:
    """``Pending``: without a node; ``ContainerCreating``: pulling, mounting, initialising; ``Running``: not ready; ``Ready``;
    ``BackOff``: a container has failed or cannot start; ``Terminating``; ``Succeeded``; ``Failed``.

    >>> phase_of({"metadata": {}, "spec": {}, "status": {"phase": "Pending"}})
    'Pending'
    """
    status = pod.get("status") or {}
    phase = status.get("phase", PENDING)
    if pod["metadata"].get("deletionTimestamp"):
        return TERMINATING
    if phase in (SUCCEEDED, FAILED):
        return str(phase)
    if not pod["spec"].get("nodeName"):
        return PENDING
    if trouble(status):
        return BACKOFF
    if phase != RUNNING:
        return CREATING
    return READY if is_ready(status) else RUNNING


def trouble(status: Object) -> str:
    """The reason for which a container waits or has ended, if that is a failure; else "".

    >>> trouble({"containerStatuses": [{"state": {"waiting": {"reason": "CrashLoopBackOff"}}}]})
    'CrashLoopBackOff'
    """
    for part in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(part) or ():
            state = container.get("state") or {}
            waiting = (state.get("waiting") or {}).get("reason", "")
            if waiting not in _PATIENT:
                return str(waiting)
            ended = state.get("terminated") or {}
            if ended.get("exitCode"):
                return str(ended.get("reason") or f"ExitCode:{ended['exitCode']}")
    return ""


def is_ready(status: Object) -> bool:
    """Whether the condition Ready is true."""
    return condition(status, "Ready")


def condition(status: Object, name: str) -> bool:
    """Whether a condition is there and true."""
    return any(each["type"] == name and each["status"] == "True" for each in status.get("conditions") or ())


def restarts(status: Object) -> int:
    """Restarts of all containers together."""
    return sum(each.get("restartCount") or 0 for each in status.get("containerStatuses") or ())
