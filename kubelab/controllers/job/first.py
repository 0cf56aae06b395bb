"""The job controller of 1.7: it counts the pods that are there, as often as it looks, and knows no limit of failures.

A pod that is deleted counts no more, one that fails is replaced at once; a deadline is noticed when something else wakes the job.

upstream: pkg/controller/job/jobcontroller.go, 1.7.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kubelab.controllers.common.claiming import claim, claiming_plan
from kubelab.controllers.common.deletion_order import youngest_first
from kubelab.controllers.common.dependents import managers, orphans
from kubelab.controllers.common.events import normal, pod_created, pod_deleted, pod_not_created, pod_not_deleted, warning
from kubelab.controllers.common.pod_facts import is_active, phase
from kubelab.controllers.common.pod_template import pod_from_template, with_creator
from kubelab.controllers.job.controller import RESOURCE, RUNNING, STATUS
from kubelab.controllers.job.counting import condition, deadline_left_ns
from kubelab.controllers.job.facts import is_finished
from kubelab.controllers.job.pods import ENDED, TOO_FEW, TOO_MANY
from kubelab.engine.component import Change, Controller, Later, Scope, Watch, service_account
from kubelab.engine.plan import NOTHING, Batch, Because, Call, EventDraft, Key, Plan, create, delete, step, update_status, wait
from kubelab.store.log import Object
from kubelab.world.clock import rfc3339

_NONE: dict[str, Any] = {}
_LATE = ("DeadlineExceeded", "Job was active longer than specified deadline")
_SURPLUS = "Too many {} pods running after completion count reached"


@dataclass(frozen=True, slots=True)
class Seen:
    """A job that has not finished, with the pods that it manages."""

    job: Object
    pods: tuple[Object, ...]
    now_ns: int
    claims: tuple[Call, ...] = ()
    has_failed: bool = False


def observe(scope: Scope, key: Key) -> Seen | None:
    job = scope.view.get(RESOURCE, key[0], key[1])
    if job is None or is_finished(job):
        return None
    claimed = claim(job, RESOURCE, "pods", scope.view.owned("pods", job["metadata"]["uid"]), orphans(scope, "pods", key[0]))
    return Seen(job, tuple(claimed.objects), scope.now_ns, tuple(claimed.calls), scope.attempt > 0)


def plan(seen: Seen) -> Plan:
    if seen.claims:
        return claiming_plan(seen.claims)
    job = seen.job
    active = [pod for pod in seen.pods if is_active(pod)]
    succeeded, failed = (sum(phase(pod) == ended for pod in seen.pods) for ended in ("Succeeded", "Failed"))
    if deadline_left_ns(job, seen.now_ns) == 0:
        status = _status(job, 0, succeeded, failed + len(active), seen.now_ns)
        status["conditions"] = [*(status.get("conditions") or ()), condition("Failed", *_LATE, seen.now_ns)]
        return _take_away(job, active, ENDED(_subject(job))).then(_told(job, status, (normal(job, *_LATE),)))
    going = job["metadata"].get("deletionTimestamp") is not None
    managing, left = (NOTHING, len(active)) if going else _manage(job, active, succeeded)
    if seen.has_failed:
        left = len(active)
    status = _status(job, left, succeeded, failed, seen.now_ns)
    events = _complete(job, status, left, succeeded, seen.now_ns)
    if not managing.batches and not _has_changed(job, status):
        return wait(RUNNING(_subject(job), active=left, succeeded=succeeded, failed=failed))
    return managing.then(_told(job, status, events, always=seen.has_failed) if _has_changed(job, status) else NOTHING)


def _manage(job: Object, active: list[Object], succeeded: int) -> tuple[Plan, int]:
    """What makes the active pods as many as they shall be, and how many they are then."""
    spec, count = job["spec"], len(active)
    parallelism, completions = int(spec.get("parallelism", 1)), spec.get("completions")
    if count > parallelism:
        surplus = youngest_first(active)[: count - parallelism]
        return _take_away(job, surplus, TOO_MANY(_subject(job), pods=count, wanted=parallelism)), parallelism
    if completions is None:
        wanted = count if succeeded > 0 else parallelism
    else:
        wanted = max(count, min(int(completions) - succeeded, parallelism))
    if wanted == count:
        return NOTHING, count
    made = create(
        "pods",
        with_creator(pod_from_template(spec["template"], job), job),
        job["metadata"]["namespace"],
        on_success=(pod_created(job),),
        on_refusal=(pod_not_created(job),),
        because=TOO_FEW(_subject(job), pods=count, wanted=wanted),
    )
    return Plan((Batch((made,) * (wanted - count)),)), wanted


def _take_away(job: Object, pods: Iterable[Object], because: Because) -> Plan:
    refused = (pod_not_deleted(job),)
    return step(*(delete("pods", pod, on_success=(pod_deleted(job, pod),), on_refusal=refused, because=because) for pod in pods))


def _status(job: Object, active: int, succeeded: int, failed: int, now_ns: int) -> Object:
    status = {"startTime": rfc3339(now_ns), **(job.get("status") or _NONE)}
    for field, count in (("active", active), ("succeeded", succeeded), ("failed", failed)):
        status.pop(field, None)
        if count:
            status[field] = count
    return status


def _complete(job: Object, status: Object, active: int, succeeded: int, now_ns: int) -> tuple[EventDraft, ...]:
    """In place: the end in the status, if this is it; and what is told of it."""
    completions = job["spec"].get("completions")
    if (succeeded < completions) if completions is not None else (active or not succeeded):
        return ()
    status["conditions"] = [*(status.get("conditions") or ()), condition("Complete", "", "", now_ns)]
    status["completionTime"] = rfc3339(now_ns)
    events: list[EventDraft] = []
    if completions is not None and active:
        events.append(warning(job, "TooManyActivePods", _SURPLUS.format("active")))
    if completions is not None and succeeded > completions:
        events.append(warning(job, "TooManySucceededPods", _SURPLUS.format("succeeded")))
    return tuple(events)


def _has_changed(job: Object, status: Object) -> bool:
    """A start alone is not worth a write."""
    before = job.get("status") or _NONE
    return any((status.get(field) or 0) != (before.get(field) or 0) for field in ("active", "succeeded", "failed")) or (
        len(status.get("conditions") or ()) != len(before.get("conditions") or ())
    )


def _told(job: Object, status: Object, events: tuple[EventDraft, ...], *, always: bool = False) -> Plan:
    return step(update_status(RESOURCE, {**job, "status": status}, on_success=events, because=STATUS(_subject(job))), always=always)


def _subject(job: Object) -> str:
    return f"job/{job['metadata']['name']}"


# -- what wakes it ------------------------------------------------------------------------------------------------------------
def job_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    job = change.object
    return () if change.old is not None and is_finished(job) else ((job["metadata"]["namespace"], job["metadata"]["name"]),)


def pod_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    return [(job["metadata"]["namespace"], job["metadata"]["name"]) for job in managers(change, scope, "Job", RESOURCE)]


FIRST = Controller(
    name="job-controller",
    identity=service_account("job-controller"),
    watches=(Watch(RESOURCE, job_keys), Watch("pods", pod_keys)),
    observe=observe,
    plan=plan,
    workers=5,
)
