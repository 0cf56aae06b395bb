"""Facts about pods that several controllers ask for, each a small predicate.

upstream: pkg/api/v1/pod/util.go, pkg/controller/controller_utils.go, 1.28.
"""

from __future__ import annotations

from typing import Any

from kubelab.store.log import Object
from kubelab.world.clock import SECOND, parse_rfc3339

_NONE: dict[str, Any] = {}


def phase(pod: Object) -> str:
    """Pending, Running, Succeeded, Failed, Unknown; "" for a pod that was never created."""
    return (pod.get("status") or _NONE).get("phase") or ""


def is_terminating(pod: Object) -> bool:
    return pod["metadata"].get("deletionTimestamp") is not None


def is_active(pod: Object) -> bool:
    """Neither finished nor terminating (upstream: IsPodActive)."""
    return pod["metadata"].get("deletionTimestamp") is None and phase(pod) not in ("Succeeded", "Failed")


def ready_condition(pod: Object) -> Object | None:
    for condition in (pod.get("status") or _NONE).get("conditions") or ():
        if condition["type"] == "Ready":
            return condition
    return None


def is_ready(pod: Object) -> bool:
    """The Ready condition is True, whatever the phase."""
    condition = ready_condition(pod)
    return condition is not None and condition["status"] == "True"


def ready_since_ns(pod: Object) -> int:
    """Since when the pod is ready; 0 if it is not, or nobody knows."""
    condition = ready_condition(pod)
    if condition is None or condition["status"] != "True":
        return 0
    since = condition.get("lastTransitionTime")
    return parse_rfc3339(since) if since else 0


def is_available(pod: Object, min_ready_seconds: int, now_ns: int) -> bool:
    """Ready, and longer than ``min_ready_seconds`` (upstream: IsPodAvailable)."""
    if not min_ready_seconds:
        return is_ready(pod)
    since_ns = ready_since_ns(pod)
    return since_ns > 0 and since_ns + min_ready_seconds * SECOND < now_ns


def created_ns(obj: Object) -> int:
    """Its creationTimestamp, 0 if it has none."""
    text = obj["metadata"].get("creationTimestamp")
    return parse_rfc3339(text) if text else 0


def restarts(pod: Object) -> int:
    """The restart count of the container that restarted most."""
    return max((status.get("restartCount", 0) for status in (pod.get("status") or _NONE).get("containerStatuses") or ()), default=0)
