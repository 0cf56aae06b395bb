"""The words of a failed attempt, and the condition that tells the pod's owner.

upstream: pkg/scheduler/framework/types.go FitError, pkg/scheduler/schedule_one.go handleSchedulingFailure, 1.28; spec "Failure".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kubelab.engine.plan import Because, Call, EventDraft, patch, reference
from kubelab.scheduler.framework import SCHEDULER_NAME, Status

Object = dict[str, Any]

NO_NODES = "no nodes available to schedule pods"
UNSCHEDULABLE = "Unschedulable"
SCHEDULER_ERROR = "SchedulerError"

_NOTE_LIMIT = 1024
_ANY_REFUSAL = (400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 429, 500, 502, 503, 504)


def fit_message(nodes: int, statuses: Iterable[Status], pre_filter: str = "", post_filter: str = "") -> str:
    """Why a pod fits nowhere.

    >>> fit_message(3, [Status("NodeResourcesFit", ("Insufficient cpu",))] * 3)
    '0/3 nodes are available: 3 Insufficient cpu.'
    """
    text = f"0/{nodes} nodes are available:"
    if pre_filter:
        text += f" {pre_filter}."
    else:
        counts: dict[str, int] = {}
        for status in statuses:
            for reason in status.reasons:
                counts[reason] = counts.get(reason, 0) + 1
        if counts:
            text += f" {', '.join(sorted(f'{count} {reason}' for reason, count in counts.items()))}."
    return f"{text} {post_filter}." if post_filter else text


def failed_event(pod: Object, message: str) -> EventDraft:
    encoded = message.encode()
    if len(encoded) > _NOTE_LIMIT:
        message = encoded[: _NOTE_LIMIT - 4].decode(errors="ignore") + " ..."
    return EventDraft(reference(pod), "Warning", "FailedScheduling", message, "Scheduling", reporter(pod))


def reporter(pod: Object) -> str:
    """The scheduler name under which events about a pod are told; "" if it is the usual one (upstream: profile.NewRecorderFactory)."""
    name: str = (pod.get("spec") or {}).get("schedulerName") or SCHEDULER_NAME
    return "" if name == SCHEDULER_NAME else name


def condition_patch(pod: Object, reason: str, message: str, now: str, because: Because, nominated: str | None = "") -> Call | None:
    """The patch that sets PodScheduled to False; None if the pod says so already. A refusal of it is only logged.

    ``nominated``: the nominatedNodeName from now on; None leaves it.
    """
    status = pod.get("status") or {}
    conditions = status.get("conditions") or []
    old = next((each for each in conditions if each["type"] == "PodScheduled"), None)
    new = {
        "lastProbeTime": None,
        "lastTransitionTime": now,
        "message": message,
        "reason": reason,
        "status": "False",
        "type": "PodScheduled",
    }
    if old is not None and old["status"] == "False":
        new["lastTransitionTime"] = old.get("lastTransitionTime")
    renominated = nominated is not None and nominated != (status.get("nominatedNodeName") or "")
    if old == new and not renominated:
        return None
    types = [each["type"] for each in conditions]
    if old is None:
        types.append("PodScheduled")
        changed = new
    else:
        changed = {key: item for key, item in new.items() if key == "type" or old.get(key) != item}
    body: Object = {"$setElementOrder/conditions": [{"type": each} for each in types]} if conditions else {}
    body["conditions"] = [changed]
    if old == new:
        body = {}
    if renominated:
        body["nominatedNodeName"] = nominated or None
    return patch("pods", pod, {"status": body}, subresource="status", accept=_ANY_REFUSAL, because=because)
