"""Counting a job's pods, each exactly once: an ended pod is first listed in the status as uncounted, then loses its finalizer, then counts.

upstream: syncJob, trackJobStatusAndRemoveFinalizers, enactJobFinished in pkg/controller/job/job_controller.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from kubelab.controllers.common.conditions import find_condition
from kubelab.controllers.common.pod_facts import is_active, is_ready, is_terminating, phase
from kubelab.controllers.job.facts import is_failed, is_suspended, is_tracked
from kubelab.controllers.job.failure_policy import judge
from kubelab.controllers.job.indexes import index_of, is_indexed, parse, written
from kubelab.controllers.job.per_index import awaiting_replacement, failed_indexes
from kubelab.store.log import Object
from kubelab.world.clock import SECOND, parse_rfc3339, rfc3339

MAX_UNCOUNTED = 500
_COUNTED = ("active", "ready", "terminating", "succeeded", "failed", "failedIndexes", "uncountedTerminatedPods")
_TOO_MANY_INDEXES = "Job has exceeded the specified maximal number of failed indexes"
_NONE: dict[str, Any] = {}
_NO_PODS: dict[int, Object] = {}


class Tally(NamedTuple):
    """``succeeded``, ``failed``: with those that are not yet in the counters. ``new_…``: pods that are nowhere in the status yet.

    ``failed_indexes`` and ``awaiting`` (index → failed pod): see `per_index`; None and empty where failures are counted for all.
    """

    active: tuple[Object, ...]
    succeeded: int
    failed: int
    done: tuple[int, ...]
    new_succeeded: tuple[Object, ...]
    new_failed: tuple[Object, ...]
    failed_indexes: tuple[int, ...] | None = None
    awaiting: Mapping[int, Object] = _NO_PODS


def tally(job: Object, pods: Sequence[Object]) -> Tally:
    status, spec = job.get("status") or _NONE, job["spec"]
    uncounted = status.get("uncountedTerminatedPods") or _NONE
    counted_good, counted_bad = uncounted.get("succeeded") or (), uncounted.get("failed") or ()
    completions = spec.get("completions")
    indexed = is_indexed(job)
    fresh = [pod for pod in pods if is_tracked(pod) and (not indexed or 0 <= index_of(pod) < completions)]
    good = tuple(pod for pod in fresh if phase(pod) == "Succeeded" and pod["metadata"]["uid"] not in counted_good)
    bad = tuple(pod for pod in fresh if is_failed(pod, job) and pod["metadata"]["uid"] not in counted_bad)
    done: tuple[int, ...] = ()
    succeeded = (status.get("succeeded") or 0) + len(good) + len(counted_good)
    if indexed:
        before = parse(status.get("completedIndexes"), completions)
        done = tuple(sorted(dict.fromkeys([*before, *(index_of(pod) for pod in good)])))
        succeeded = len(done)
    counting = sum(1 for pod in bad if judge(spec.get("podFailurePolicy"), pod).counts)
    failed = (status.get("failed") or 0) + counting + len(counted_bad)
    active = tuple(pod for pod in pods if is_active(pod))
    lost = failed_indexes(job, pods)
    return Tally(active, succeeded, failed, done, good, bad, lost, awaiting_replacement(job, pods, active, done, lost))


def verdict(job: Object, pods: Sequence[Object], counts: Tally, now_ns: int) -> Object | None:
    """The condition with which the job ends, if it does: failed by its policy, its limit or its deadline, or complete."""
    spec = job["spec"]
    target = find_condition((job.get("status") or _NONE).get("conditions"), "FailureTarget")
    if target is not None:
        return condition("Failed", target.get("reason", ""), target.get("message", ""), now_ns)
    if spec.get("podFailurePolicy") is not None:
        for pod in pods:
            message = judge(spec["podFailurePolicy"], pod).message if is_failed(pod, job) else ""
            if message:
                return condition("FailureTarget", "PodFailurePolicy", message, now_ns)
    if counts.failed > spec.get("backoffLimit", 6) or _restarted_too_often(job, pods):
        return condition("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit", now_ns)
    if deadline_left_ns(job, now_ns) == 0:
        return condition("Failed", "DeadlineExceeded", "Job was active longer than specified deadline", now_ns)
    completions = spec.get("completions")
    if counts.failed_indexes:
        if len(counts.failed_indexes) > spec.get("maxFailedIndexes", completions):
            return condition("Failed", "MaxFailedIndexesExceeded", _TOO_MANY_INDEXES, now_ns)
        if len(counts.failed_indexes) + len(counts.done) >= completions:
            return condition("Failed", "FailedIndexes", "Job has failed indexes", now_ns)
    if counts.active:
        return None
    if counts.succeeded > 0 if completions is None else counts.succeeded >= completions:
        return condition("Complete", "", "", now_ns)
    return None


def _restarted_too_often(job: Object, pods: Sequence[Object]) -> bool:
    """Where containers restart in place, their restarts count (upstream: pastBackoffLimitOnFailure)."""
    spec = job["spec"]
    if spec["template"]["spec"].get("restartPolicy") != "OnFailure":
        return False
    restarts = sum(
        each.get("restartCount", 0)
        for pod in pods
        if phase(pod) in ("Running", "Pending")
        for field in ("initContainerStatuses", "containerStatuses")
        for each in (pod.get("status") or _NONE).get(field) or ()
    )
    limit = spec.get("backoffLimit", 6)
    return bool(restarts > 0 if limit == 0 else restarts >= limit)


def deadline_left_ns(job: Object, now_ns: int) -> int | None:
    """Time until activeDeadlineSeconds; 0 if it has passed, None if there is none or it is not running."""
    seconds, start = job["spec"].get("activeDeadlineSeconds"), (job.get("status") or _NONE).get("startTime")
    if seconds is None or not start or is_suspended(job):
        return None
    return max(0, int(seconds * SECOND) - (now_ns - parse_rfc3339(start)))


def condition(type_: str, reason: str, message: str, now_ns: int, status: str = "True") -> Object:
    now = rfc3339(now_ns)
    made: Object = {"type": type_, "status": status, "lastProbeTime": now, "lastTransitionTime": now}
    if reason:
        made["reason"] = reason
    if message:
        made["message"] = message
    return made


# -- the status -------------------------------------------------------------------------------------------------------------
class Progress(NamedTuple):
    """``status`` as it should be; ``release``: pods whose finalizer may go; ``ended``: the job ends with this status."""

    status: Object
    release: tuple[Object, ...]
    ended: bool


def progress(job: Object, pods: Sequence[Object], counts: Tally, end: Object | None, now_ns: int, replaced: Sequence[str] = ()) -> Progress:
    """One step of the count: what left the list counts, what has ended is listed; with an empty list the job may end.

    ``replaced``: uids of failed pods that are not counted yet, though they have ended.
    """
    old = job.get("status") or _NONE
    tracked = {pod["metadata"]["uid"]: None for pod in pods if is_tracked(pod)}
    before = old.get("uncountedTerminatedPods") or _NONE
    listed = {field: [uid for uid in before.get(field) or () if uid in tracked] for field in ("succeeded", "failed")}
    left = {field: len(before.get(field) or ()) - len(listed[field]) for field in listed}
    listed_before = {field: tuple(uids) for field, uids in listed.items()}
    held = [*replaced, *(pod["metadata"]["uid"] for pod in counts.awaiting.values())]
    ended = [pod for pod in pods if pod["metadata"]["uid"] not in held] if held and end is None and not is_terminating(job) else pods
    release, done = _list_ended(job, ended, counts, end, listed)
    status = {key: part for key, part in old.items() if key not in _COUNTED}
    if "startTime" not in status and not is_suspended(job):
        status["startTime"] = rfc3339(now_ns)
    numbers = {
        "active": len(counts.active),
        "succeeded": len(done) if is_indexed(job) else (old.get("succeeded") or 0) + left["succeeded"],
        "failed": (old.get("failed") or 0) + left["failed"],
    }
    status.update({field: number for field, number in numbers.items() if number})
    status["ready"] = sum(1 for pod in counts.active if is_ready(pod))
    if job["spec"].get("podReplacementPolicy") is not None:
        status["terminating"] = sum(1 for pod in pods if is_terminating(pod) and phase(pod) not in ("Succeeded", "Failed"))
    status["uncountedTerminatedPods"] = {field: uids for field, uids in listed.items() if uids}
    if is_indexed(job):
        status.pop("completedIndexes", None)
    if done:
        status["completedIndexes"] = written(done)
    if counts.failed_indexes is not None:
        status["failedIndexes"] = written(counts.failed_indexes)
    if end is not None and end["type"] == "FailureTarget":
        status["conditions"] = [*(status.get("conditions") or ()), end]
        return Progress(status, (), False)
    waiting = any(uid in tracked for uids in listed_before.values() for uid in uids) or any(listed.values()) or bool(release)
    if end is None or waiting:
        return Progress(status, release, False)
    status["conditions"] = [*(status.get("conditions") or ()), end]
    if end["type"] == "Complete":
        status["completionTime"] = end["lastTransitionTime"]
    return Progress(status, release, True)


def _list_ended(
    job: Object, pods: Sequence[Object], counts: Tally, end: Object | None, listed: dict[str, list[str]]
) -> tuple[tuple[Object, ...], list[int]]:
    """Put ended pods on the list (of succeeded ones of an Indexed job the index is enough); all whose finalizer may go then.

    At most ``MAX_UNCOUNTED`` at a time, so that the status stays small.
    """
    indexed, completions = is_indexed(job), job["spec"].get("completions") or 0
    before = parse((job.get("status") or _NONE).get("completedIndexes"), completions) if indexed else []
    done, good, bad = dict.fromkeys(before), dict.fromkeys(listed["succeeded"]), dict.fromkeys(listed["failed"])
    release: list[Object] = []
    for pod in sorted(pods, key=index_of) if indexed else pods:
        uid, index, failed = pod["metadata"]["uid"], index_of(pod), is_failed(pod, job)
        if not is_tracked(pod) or not (is_terminating(job) or end is not None or phase(pod) == "Succeeded" or failed):
            continue
        in_range = not indexed or 0 <= index < completions
        fresh: dict[Any, None] | None = None
        if phase(pod) == "Succeeded" and uid not in bad:
            fresh = done if indexed else good
        elif (failed or end is not None) and judge(job["spec"].get("podFailurePolicy"), pod).counts:
            fresh = bad
        place = index if fresh is done else uid
        if fresh is not None and in_range and place not in fresh:
            if max(len(done) - len(before) + len(good) + len(bad), len(release)) >= MAX_UNCOUNTED:
                break
            fresh[place] = None
        release.append(pod)
    listed["succeeded"], listed["failed"] = list(good), list(bad)
    return tuple(release), list(done)
