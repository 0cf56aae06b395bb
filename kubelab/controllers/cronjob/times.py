"""Which start of a CronJob is due, how many were missed, and when to look again.

upstream: mostRecentScheduleTime, nextScheduleTime, nextScheduleTimeDuration in pkg/controller/cronjob/utils.go, 1.28.
"""

from __future__ import annotations

from typing import NamedTuple

from kubelab.controllers.cronjob.schedule import next_ns
from kubelab.kinds.batch.cron import Schedule
from kubelab.store.log import Object
from kubelab.world.clock import MILLISECOND, SECOND, parse_rfc3339

DELTA_NS = 100 * MILLISECOND  # looked at a little late, so that the start is surely due
MANY_MISSED = 100


class NeverDue(ValueError):
    """A schedule that never comes due."""


class Due(NamedTuple):
    """``since_ns``: from when on starts are counted; ``latest_ns``: the latest start that is due, if one is."""

    since_ns: int
    latest_ns: int | None
    too_many_missed: bool = False


def latest_due(cron_job: Object, schedule: Schedule, now_ns: int, *, within_deadline: bool) -> Due:
    """Raises NeverDue. ``within_deadline``: starts that are later than their startingDeadlineSeconds do not count."""
    since_ns = parse_rfc3339((cron_job.get("status") or {}).get("lastScheduleTime") or cron_job["metadata"]["creationTimestamp"])
    deadline = cron_job["spec"].get("startingDeadlineSeconds")
    if within_deadline and deadline is not None:
        since_ns = max(since_ns, now_ns - deadline * SECOND)
    first_ns = next_ns(schedule, since_ns)
    second_ns = next_ns(schedule, first_ns) if first_ns is not None else None
    if first_ns is not None and now_ns < first_ns:
        return Due(since_ns, None)
    if first_ns is not None and second_ns is not None and now_ns < second_ns:
        return Due(since_ns, first_ns)
    if first_ns is None or second_ns is None:
        raise NeverDue("time difference between two schedules is less than 1 second")
    between = max(1, round((second_ns - first_ns) / SECOND))
    missed = (now_ns - first_ns) // SECOND // between + 1
    latest_ns = None
    at_ns = next_ns(schedule, first_ns + (missed - 2) * between * SECOND)
    while at_ns is not None and at_ns <= now_ns:
        latest_ns, at_ns = at_ns, next_ns(schedule, at_ns)
    return Due(since_ns, latest_ns, missed > MANY_MISSED)


def until_next_ns(cron_job: Object, schedule: Schedule, now_ns: int) -> int:
    """How long until the next start, and a little more."""
    try:
        due = latest_due(cron_job, schedule, now_ns, within_deadline=False)
    except NeverDue:
        due = Due(now_ns, now_ns)
    following_ns = next_ns(schedule, due.since_ns if due.latest_ns is None else due.latest_ns)
    return max(0, (now_ns if following_ns is None else following_ns) + DELTA_NS - now_ns)
