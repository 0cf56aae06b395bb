"""The job controller: one sync, step by step; each step is decided anew from what the one before has written.

Claim pods ▸ end: active pods go ▸ else make or take away pods ▸ status with what has ended ▸ finalizers go ▸ status with the counters.

upstream: pkg/controller/job/job_controller.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kubelab.controllers.common.claiming import claim, claiming_plan
from kubelab.controllers.common.conditions import find_condition
from kubelab.controllers.common.dependents import managers, orphans
from kubelab.controllers.common.events import normal, warning
from kubelab.controllers.common.owners import controller_of
from kubelab.controllers.job import pods as pods_of_job
from kubelab.controllers.job.backoff import JobBackoff, after, remaining_ns
from kubelab.controllers.job.counting import Progress, Tally, condition, deadline_left_ns, progress, tally, verdict
from kubelab.controllers.job.facts import FINALIZER, has_limit_per_index, is_finished, is_suspended, is_tracked
from kubelab.controllers.job.indexes import is_indexed
from kubelab.controllers.job.per_index import ready_indexes
from kubelab.engine.component import Change, Controller, Later, Scope, Watch, service_account
from kubelab.engine.plan import Batch, Call, EventDraft, Key, Plan, Reason, patch, step, update_status, wait
from kubelab.store.log import Object
from kubelab.world.clock import SECOND, parse_rfc3339, rfc3339

RESOURCE = "jobs.batch"
BATCH_NS = SECOND
BACKOFF = "back-off"
ENDING = "ending"
MANAGED = "managed"
ORPHAN_POD = "orphan pod"  # no namespace can be called so
_NONE: dict[str, Any] = {}

STATUS = Reason("StatusChanged", "the status of {subject} is out of date")
ORPHAN = Reason("OrphanPod", "no job counts {subject} any more")
BACKING_OFF = Reason("BackOff", "{subject} waits after {failures} failures in a row")
RUNNING = Reason("Running", "{subject} has {active} active pods, {succeeded} succeeded and {failed} failed")


@dataclass(frozen=True, slots=True)
class Seen:
    """A job with its pods; or (``job`` None) a pod with a finalizer that nobody else takes off.

    ``ending``: reason and message with which the job is ending since its active pods were deleted. ``managed``: this sync has made
    pods or taken some away, which it does once; uids of failed pods that these replace: the next sync counts them.
    """

    job: Object | None
    pods: tuple[Object, ...]
    now_ns: int
    claims: tuple[Call, ...] = ()
    backoff: JobBackoff = JobBackoff()
    ending: tuple[str, str] | None = None
    has_failed: bool = False
    managed: tuple[str, ...] | None = None


def observe(scope: Scope, key: Key) -> Seen | None:
    view = scope.view
    if key[0] == ORPHAN_POD:
        pod = view.get("pods", key[1], key[2])
        if pod is None or not is_tracked(pod) or _has_running_job(scope, pod):
            return None
        return Seen(None, (pod,), scope.now_ns)
    job = view.get(RESOURCE, key[0], key[1])
    known, ending = scope.table(BACKOFF), scope.table(ENDING)
    if job is None or is_finished(job):
        known.pop(key, None)
        scope.table(MANAGED).pop(key, None)
        ending.pop(key, None)
        return None
    claimed = claim(job, RESOURCE, "pods", view.owned("pods", job["metadata"]["uid"]), orphans(scope, "pods", key[0]))
    claims = tuple(_tracking(call) for call in claimed.calls)
    backoff = known.get(key, JobBackoff())
    managed = scope.table(MANAGED).get(key) if not scope.attempt else None
    return Seen(job, tuple(claimed.objects), scope.now_ns, claims, backoff, ending.get(key), scope.attempt > 0, managed)


def _has_running_job(scope: Scope, pod: Object) -> bool:
    reference = controller_of(pod)
    job = scope.view.get(RESOURCE, pod["metadata"]["namespace"], reference["name"]) if reference is not None else None
    return job is not None and reference is not None and job["metadata"]["uid"] == reference["uid"] and not is_finished(job)


def _tracking(call: Call) -> Call:
    """An adopted pod gets the finalizer too."""
    references = ((call.body or _NONE).get("metadata") or _NONE).get("ownerReferences") or ()
    if call.verb != "patch" or not any(each.get("controller") for each in references):
        return call
    return call._replace(body={"metadata": {**call.body["metadata"], "finalizers": [FINALIZER]}})


def plan(seen: Seen) -> Plan:
    job = seen.job
    if job is None:
        return _release_orphan(seen.pods[0])
    if seen.claims:
        return claiming_plan(seen.claims)
    counts = tally(job, seen.pods)
    end = condition("Failed", *seen.ending, seen.now_ns) if seen.ending else verdict(job, seen.pods, counts, seen.now_ns)
    backoff = after(seen.backoff, counts.new_succeeded, counts.new_failed)
    managing, again_ns = _manage(seen, job, counts, end, backoff)
    if managing is not None:
        if seen.has_failed:
            managing = managing.then(_status_after_refusal(seen, job, counts))
        return managing._replace(again_ns=0)
    return _count(seen, job, counts, end, backoff, again_ns)


def _manage(seen: Seen, job: Object, counts: Tally, end: Object | None, backoff: JobBackoff) -> tuple[Plan | None, int | None]:
    """The pods to make or take away, if any; else when to look again."""
    if end is not None:
        if not counts.active:
            return None, None
        ending = {_key(job): (end["reason"], end["message"])} if end["type"] == "Failed" else {}
        return pods_of_job.end_active(job, counts.active)._replace(note={ENDING: ending}), None
    left_ns = deadline_left_ns(job, seen.now_ns)
    if job["metadata"].get("deletionTimestamp") is not None or seen.managed is not None:
        return None, left_ns
    wanted = max(0, pods_of_job.wanted_active(job, counts) - pods_of_job.held_places(job, seen.pods))
    surplus = pods_of_job.surplus_pods(job, counts, wanted)
    if surplus:
        return pods_of_job.take_away(job, surplus, wanted, len(counts.active))._replace(note={MANAGED: {_key(job): ()}}), None
    if wanted <= len(counts.active):
        return None, left_ns
    wait_ns = 0 if has_limit_per_index(job) else remaining_ns(backoff, seen.now_ns)
    indexes = pods_of_job.free_indexes(job, counts, seen.pods, wanted) if is_indexed(job) and not wait_ns else []
    if has_limit_per_index(job):
        indexes, wait_ns = ready_indexes(indexes, counts.awaiting, seen.now_ns)
    if wait_ns:
        wait_ns = max(wait_ns, BATCH_NS)
        return None, wait_ns if left_ns is None else min(wait_ns, left_ns)
    if is_indexed(job) and not indexes:
        return None, left_ns
    making = pods_of_job.make(job, counts, wanted, indexes)
    replaced = tuple(pod["metadata"]["uid"] for index, pod in counts.awaiting.items() if index in indexes)
    return making._replace(note={MANAGED: {_key(job): replaced}}), None


def _count(seen: Seen, job: Object, counts: Tally, end: Object | None, backoff: JobBackoff, again_ns: int | None) -> Plan:
    made = progress(job, seen.pods, counts, end, seen.now_ns, seen.managed or ())
    going = job["metadata"].get("deletionTimestamp") is not None
    status, events = (made.status, ()) if end is not None or going else _suspension(job, made.status, seen.now_ns)
    if status != (job.get("status") or _NONE):
        if made.ended and end is not None:
            events = _end_events(job, status, end)
        call = update_status(RESOURCE, {**job, "status": status}, on_success=events, because=STATUS(_subject(job)))
        known = backoff if backoff.failures else None
        remember = {BACKOFF: {_key(job): known}} if backoff != seen.backoff else {}
        return Plan((Batch((call,)),), again_ns=0, remember=remember)
    if made.release:
        return pods_of_job.release(made.release)._replace(again_ns=0)
    because = RUNNING(_subject(job), active=len(counts.active), succeeded=counts.succeeded, failed=counts.failed)
    if again_ns is not None and backoff.failures and remaining_ns(backoff, seen.now_ns):
        because = BACKING_OFF(_subject(job), failures=backoff.failures)
    waiting = wait(because, again_ns=again_ns)
    return waiting if seen.managed is None else waiting._replace(remember={MANAGED: {_key(job): None}})


def _status_after_refusal(seen: Seen, job: Object, counts: Tally) -> Plan:
    """Where pods are refused again and again, the status still says how many there are."""
    made: Progress = progress(job, seen.pods, counts, None, seen.now_ns)
    if made.status == (job.get("status") or _NONE):
        return Plan()
    return step(update_status(RESOURCE, {**job, "status": made.status}, because=STATUS(_subject(job))), always=True)


def _suspension(job: Object, status: Object, now_ns: int) -> tuple[Object, tuple[EventDraft, ...]]:
    """The condition Suspended, and the start of a job that goes on: it starts anew."""
    conditions = status.get("conditions") or []
    present = find_condition(conditions, "Suspended")
    suspended = is_suspended(job)
    wanted = ("True", "JobSuspended", "Job suspended") if suspended else ("False", "JobResumed", "Job resumed")
    if present is None and not suspended:
        return status, ()
    if present is not None and (present["status"], present.get("reason"), present.get("message")) == wanted:
        return status, ()
    made = condition("Suspended", wanted[1], wanted[2], now_ns, wanted[0])
    listed = [made if each["type"] == "Suspended" else each for each in conditions] if present else [*conditions, made]
    event = normal(job, "Suspended" if suspended else "Resumed", wanted[2])
    if suspended:
        return {**status, "conditions": listed}, (event,)
    return {**status, "conditions": listed, "startTime": rfc3339(now_ns)}, (event,)


def _end_events(job: Object, status: Object, end: Object) -> tuple[EventDraft, ...]:
    if end["type"] != "Complete":
        return (warning(job, end["reason"], end["message"]),)
    completions = job["spec"].get("completions")
    done = normal(job, "Completed", "Job completed")
    if completions is not None and (status.get("succeeded") or 0) > completions:
        return (warning(job, "TooManySucceededPods", "Too many succeeded pods running after completion count reached"), done)
    return (done,)


def _release_orphan(pod: Object) -> Plan:
    because = ORPHAN(f"pod/{pod['metadata']['name']}")
    return step(patch("pods", pod, pods_of_job.finalizer_patch(), accept=(404,), because=because))


def _key(job: Object) -> Key:
    return (job["metadata"]["namespace"], job["metadata"]["name"])


def _subject(job: Object) -> str:
    return f"job/{job['metadata']['name']}"


# -- what wakes it ------------------------------------------------------------------------------------------------------------
def job_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    """At once if the spec changed; a changed status waits for more. A deadline that was just set is looked at when it ends."""
    job, old, meta = change.object, change.old, change.object["metadata"]
    key = _key(job)
    if old is None or change.type != "MODIFIED":
        return (key,)
    if meta.get("generation") == old["metadata"].get("generation"):
        return (Later(BATCH_NS, key),)
    seconds, start = job["spec"].get("activeDeadlineSeconds"), (job.get("status") or _NONE).get("startTime")
    if seconds is None or not start or seconds == old["spec"].get("activeDeadlineSeconds"):
        return (key,)
    return (key, Later(max(1, parse_rfc3339(start) + int(seconds * SECOND) - scope.now_ns), key))


def pod_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    pod, meta = change.object, change.object["metadata"]
    owners = managers(change, scope, "Job", RESOURCE)
    keys: list[Key | Later] = [Later(BATCH_NS, _key(each)) for each in owners]
    if change.type != "DELETED" and is_tracked(pod) and not _has_running_job(scope, pod):
        keys.append((ORPHAN_POD, meta["namespace"], meta["name"]))
    return keys


CONTROLLER = Controller(
    name="job-controller",
    identity=service_account("job-controller"),
    watches=(Watch(RESOURCE, job_keys), Watch("pods", pod_keys)),
    observe=observe,
    plan=plan,
    workers=5,
    backoff=(SECOND, 60 * SECOND),
)
