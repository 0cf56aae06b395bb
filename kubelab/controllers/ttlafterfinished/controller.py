"""The controller: a job with ``ttlSecondsAfterFinished`` is deleted in the foreground that long after it finished.

upstream: pkg/controller/ttlafterfinished/ttlafterfinished_controller.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kubelab.engine.component import Change, Controller, Later, Scope, Watch, service_account
from kubelab.engine.plan import Batch, Call, Key, Plan, Reason, delete, wait
from kubelab.store.log import Object
from kubelab.world.clock import SECOND, parse_rfc3339

RESOURCE = "jobs.batch"
_NONE: dict[str, Any] = {}

EXPIRED = Reason("Expired", "{subject} finished {ttl} s ago or longer, which is how long it was to stay")
LIVES_ON = Reason("LivesOn", "{subject} has finished and stays {ttl} s longer")


@dataclass(frozen=True, slots=True)
class Seen:
    """A finished job that has a time to live and is not being deleted."""

    job: Object
    finished_ns: int
    now_ns: int


def observe(scope: Scope, key: Key) -> Seen | None:
    job = scope.view.get(RESOURCE, key[0], key[1])
    if job is None or not _must_go(job):
        return None
    return Seen(job, finished_ns(job), scope.now_ns)


def _must_go(job: Object) -> bool:
    return (
        job["spec"].get("ttlSecondsAfterFinished") is not None and job["metadata"].get("deletionTimestamp") is None and finished_ns(job) > 0
    )


def finished_ns(job: Object) -> int:
    """When the job completed or failed; 0 if it has not."""
    for condition in (job.get("status") or _NONE).get("conditions") or ():
        if condition["type"] in ("Complete", "Failed") and condition["status"] == "True" and condition.get("lastTransitionTime"):
            return parse_rfc3339(condition["lastTransitionTime"])
    return 0


def plan(seen: Seen) -> Plan:
    meta, ttl = seen.job["metadata"], seen.job["spec"]["ttlSecondsAfterFinished"]
    subject = f"job/{meta['name']}"
    left_ns = seen.finished_ns + ttl * SECOND - seen.now_ns
    if left_ns > 0:
        return wait(LIVES_ON(subject, ttl=left_ns // SECOND), again_ns=left_ns)
    read = Call("get", RESOURCE, meta["namespace"], meta["name"], accept=(404,))
    options = {"propagationPolicy": "Foreground"}
    gone = delete(RESOURCE, seen.job, uid_precondition=True, options=options, accept=(404,), because=EXPIRED(subject, ttl=ttl))
    return Plan((Batch((read,)), Batch((gone,))))


def job_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    meta = change.object["metadata"]
    return ((meta["namespace"], meta["name"]),) if change.type != "DELETED" and _must_go(change.object) else ()


CONTROLLER = Controller(
    name="ttl-after-finished-controller",
    identity=service_account("ttl-after-finished-controller"),
    watches=(Watch(RESOURCE, job_keys),),
    observe=observe,
    plan=plan,
    workers=5,
)
