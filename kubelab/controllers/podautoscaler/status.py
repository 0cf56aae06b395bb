"""The status that an autoscaler shows: its conditions, in the order in which they were first set, and its numbers.

upstream: setCondition…, setStatus in pkg/controller/podautoscaler/horizontal.go, staging/src/k8s.io/api/autoscaling/v2/types.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubelab.store.log import Object

ABLE, ACTIVE, LIMITED = "AbleToScale", "ScalingActive", "ScalingLimited"
_NONE: dict[str, Any] = {}


def with_condition(conditions: Sequence[Object], type_: str, status: str, reason: str, message: str, now: str) -> list[Object]:
    """The conditions with this one in its old place (new: at the end); lastTransitionTime moves only with the status."""
    out, found = [], False
    for each in conditions:
        if each["type"] == type_ and not found:
            found = True
            since = each.get("lastTransitionTime") if each.get("status") == status else now
            each = _condition(type_, status, since, reason, message)
        out.append(each)
    return out if found else [*out, _condition(type_, status, now, reason, message)]


def _condition(type_: str, status: str, since: str | None, reason: str, message: str) -> Object:
    condition: Object = {"type": type_, "status": status, "lastTransitionTime": since}
    if reason:
        condition["reason"] = reason
    if message:
        condition["message"] = message
    return condition


def status_of(conditions: Sequence[Object], current: int, desired: int, metrics: Sequence[Object] | None, scaled_at: str | None) -> Object:
    """A whole new status. ``scaled_at``: lastScaleTime, None where there never was one."""
    status: Object = {}
    if scaled_at is not None:
        status["lastScaleTime"] = scaled_at
    if current:
        status["currentReplicas"] = current
    status["desiredReplicas"] = desired
    status["currentMetrics"] = list(metrics) if metrics is not None else None
    if conditions:
        status["conditions"] = list(conditions)
    return status


def same(old: Object, new: Object) -> bool:
    """Whether two statuses say the same; an empty list says what no list says."""
    fields = ("lastScaleTime", "currentReplicas", "desiredReplicas", "currentMetrics", "conditions")
    return all((old.get(field) or None) == (new.get(field) or None) for field in fields)
