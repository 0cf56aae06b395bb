"""The back-off between a job's failed pods: 10 s, doubled with each failure since the last success, at most 10 minutes.

upstream: pkg/controller/job/backoff_utils.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from kubelab.controllers.common.pod_facts import created_ns, ready_condition
from kubelab.store.log import Object
from kubelab.world.clock import SECOND, parse_rfc3339
from kubelab.world.codec import value

DEFAULT_NS = 10 * SECOND
MAX_NS = 600 * SECOND
_NONE: dict[str, Any] = {}


@value
class JobBackoff(NamedTuple):
    """``failures`` since the last success; ``last_ns``: when the last one was."""

    failures: int = 0
    last_ns: int = 0


def after(known: JobBackoff, succeeded: Sequence[Object], failed: Sequence[Object]) -> JobBackoff:
    """The record when these pods have been counted too."""
    ends = sorted(finished_ns(pod) for pod in failed)
    if not succeeded:
        return JobBackoff(known.failures + len(ends), ends[-1]) if ends else known
    last_success_ns = max(finished_ns(pod) for pod in succeeded)
    later = [end_ns for end_ns in ends if end_ns > last_success_ns]
    return JobBackoff(len(later), later[-1]) if later else JobBackoff()


def remaining_ns(backoff: JobBackoff, now_ns: int) -> int:
    """How long the next pod must still wait."""
    if not backoff.failures:
        return 0
    wait_ns = min(DEFAULT_NS << min(backoff.failures - 1, 20), MAX_NS)
    return max(0, wait_ns - (now_ns - backoff.last_ns))


def finished_ns(pod: Object) -> int:
    """When a pod ended: by its containers, else since when it is not ready, else when its deletion was asked for."""
    statuses = (pod.get("status") or _NONE).get("containerStatuses") or ()
    ends = [((each.get("state") or _NONE).get("terminated") or _NONE).get("finishedAt") for each in statuses]
    if ends and all(ends):
        return max(parse_rfc3339(end) for end in ends)
    condition = ready_condition(pod)
    if condition is not None and condition["status"] == "False" and condition.get("lastTransitionTime"):
        return parse_rfc3339(condition["lastTransitionTime"])
    meta = pod["metadata"]
    if meta.get("deletionTimestamp") is not None:
        return parse_rfc3339(meta["deletionTimestamp"]) - (meta.get("deletionGracePeriodSeconds") or 0) * SECOND
    return created_ns(pod)
