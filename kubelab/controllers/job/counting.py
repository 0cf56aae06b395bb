"""Counting a job's pods, each exactly once: an ended pod is first listed in the status as uncounted, then loses its finalizer, then counts.

upstream: syncJob, trackJobStatusAndRemoveFinalizers, enactJobFinished in pkg/controller/job/job_controller.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from kubelab.controllers.common.conditions import find_condition
from kubelab.controllers.common.pod_facts import is_active, is_ready, is_terminating, phase
from kubelab.controllers.job.failure_policy import judge
from kubelab.controllers.job.indexes import index_of, is_indexed, parse, written
from kubelab.store.log import Object
from kubelab.world.clock import SECOND, parse_rfc3339, rfc3339

FINALIZER = "batch.kubernetes.io/job-tracking"
MAX_UNCOUNTED = 500
_NONE: dict[str, Any] = {}


class Tally(NamedTuple):
    """``succeeded``, ``failed``: with those that are not yet in the counters. ``new_…``: pods that are nowhere in the status yet."""

    active: tuple[Object, ...]
    succeeded: int
    failed: int
    done: tuple[int, ...]
    new_succeeded: tuple[Object, ...]
    new_failed: tuple[Object, ...]


def is_tracked(pod: Object) -> bool:
    return FINALIZER in (pod["metadata"].get("finalizers") or ())


def is_finished(job: Object) -> bool:
    conditions = (job.get("status") or _NONE).get("conditions") or ()
    return any(each["type"] in ("Complete", "Failed") and each["status"] == "True" for each in conditions)


def is_suspended(job: Object) -> bool:
    return bool(job["spec"].get("suspend"))


def is_failed(pod: Object, job: Object) -> bool:
    """A pod that is being deleted counts as failed, unless there is a failure policy, which waits for its end."""
    if phase(pod) == "Failed":
        return True
    return job["spec"].get("podFailurePolicy") is None and is_terminating(pod) and phase(pod) != "Succeeded"


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
    return Tally(tuple(pod for pod in pods if is_active(pod)), succeeded, failed, done, good, bad)


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
    if counts.active:
        return None
    completions = spec.get("completions")
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


def progress(job: Object, pods: Sequence[Object], counts: Tally, end: Object | None, now_ns: int) -> Progress:
    """One step of the count: what left the list counts, what has ended is listed; with an empty list the job may end."""
    old = job.get("status") or _NONE
    tracked = {pod["metadata"]["uid"]: None for pod in pods if is_tracked(pod)}
    before = old.get("uncountedTerminatedPods") or _NONE
    listed = {field: [uid for uid in before.get(field) or () if uid in tracked] for field in ("succeeded", "failed")}
    left = {field: len(before.get(field) or ()) - len(listed[field]) for field in listed}
    listed_before = {field: tuple(uids) for field, uids in listed.items()}
    release, done = _list_ended(job, pods, counts, end, listed)
    status = {key: part for key, part in old.items() if key not in ("active", "ready", "succeeded", "failed", "uncountedTerminatedPods")}
    if "startTime" not in status and not is_suspended(job):
        status["startTime"] = rfc3339(now_ns)
    numbers = {
        "active": len(counts.active),
        "succeeded": len(done) if is_indexed(job) else (old.get("succeeded") or 0) + left["succeeded"],
        "failed": (old.get("failed") or 0) + left["failed"],
    }
    status.update({field: number for field, number in numbers.items() if number})
    status["ready"] = sum(1 for pod in counts.active if is_ready(pod))
    status["uncountedTerminatedPods"] = {field: uids for field, uids in listed.items() if uids}
    if is_indexed(job):
        status.pop("completedIndexes", None)
    if done:
        status["completedIndexes"] = written(done)
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
    """Put ended pods on the list (of succeeded ones of an Indexed job the index is enough); all whose finalizer may go then."""
    indexed, completions = is_indexed(job), job["spec"].get("completions") or 0
    done = parse((job.get("status") or _NONE).get("completedIndexes"), completions) if indexed else []
    release: list[Object] = []
    for pod in sorted(pods, key=index_of) if indexed else pods:
        uid, failed = pod["metadata"]["uid"], is_failed(pod, job)
        if not is_tracked(pod) or not (is_terminating(job) or end is not None or phase(pod) == "Succeeded" or failed):
            continue
        release.append(pod)
        in_range = not indexed or 0 <= index_of(pod) < completions
        if phase(pod) == "Succeeded" and uid not in listed["failed"]:
            if indexed and in_range and index_of(pod) not in done:
                done.append(index_of(pod))
            elif not indexed and uid not in listed["succeeded"]:
                listed["succeeded"].append(uid)
        elif (failed or end is not None) and in_range and uid not in listed["failed"]:
            if judge(job["spec"].get("podFailurePolicy"), pod).counts:
                listed["failed"].append(uid)
        if len(done) + len(listed["succeeded"]) + len(listed["failed"]) >= MAX_UNCOUNTED:
            break
    return tuple(release), done
