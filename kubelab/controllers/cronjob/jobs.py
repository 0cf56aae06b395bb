"""The Jobs of a CronJob: which are active, which have ended, how a new one looks, which old ones go.

upstream: syncCronJob (its first half), cleanupFinishedJobs in pkg/controller/cronjob/cronjob_controllerv2.go, getJobFromTemplate2 and byJobStartTime
in …/utils.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kubelab.controllers.common.events import normal, warning
from kubelab.controllers.common.owners import controller_reference
from kubelab.controllers.cronjob.schedule import in_zone
from kubelab.engine.plan import Call, EventDraft, Reason, create, delete, reference
from kubelab.store.log import Object
from kubelab.world.clock import MINUTE, parse_rfc3339, rfc3339

JOBS = "jobs.batch"
CRON_JOBS = "cronjobs.batch"
SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"
HISTORY_LIMIT = Reason("HistoryLimit", "{subject} is beyond the {kind} history limit of {limit}")
REPLACED = Reason("JobReplaced", "{subject} still runs when the next start of {owner} is due")
DUE = Reason("StartDue", "a start of {subject} was due at {at}")
CHECK = Reason("LiveCheck", "{subject} is read live before it is believed to be gone")
_NONE: dict[str, Any] = {}


@dataclass(slots=True)
class Activity:
    """The status as it comes out: ``active`` references, the last success, what is said about it, and the live reads before."""

    active: list[Object]
    last_success: str | None
    changed: bool = False
    events: list[EventDraft] = field(default_factory=list)
    reads: list[Call] = field(default_factory=list)


def finished_as(job: Object) -> str:
    """Complete, Failed, or "" while it runs."""
    for condition in (job.get("status") or _NONE).get("conditions") or ():
        if condition["type"] in ("Complete", "Failed") and condition["status"] == "True":
            return str(condition["type"])
    return ""


def activity(cron_job: Object, jobs: Sequence[Object], ignored: Sequence[str] = ()) -> Activity:
    """Bring the list of active jobs in line with the jobs that there are. ``ignored``: uids of those that this very sync took away or made."""
    status = cron_job.get("status") or _NONE
    listed = [each for each in status.get("active") or () if each["uid"] not in ignored]
    found = Activity(listed, status.get("lastSuccessfulTime"))
    for job in jobs:
        if job["metadata"]["uid"] not in ignored:
            _take_in(cron_job, job, found)
    there = {job["metadata"]["uid"]: True for job in jobs}
    for each in list(found.active):
        if each["uid"] not in there:
            found.reads.append(_live(JOBS, each["namespace"], each["name"]))
            found.events.append(normal(cron_job, "MissingJob", f"Active job went missing: {each['name']}"))
            _drop(found, each["uid"])
    return found


def _take_in(cron_job: Object, job: Object, found: Activity) -> None:
    meta, ended = job["metadata"], finished_as(job)
    listed = any(each["uid"] == meta["uid"] for each in found.active)
    if not ended:
        if not listed:
            found.reads.append(_live(CRON_JOBS, cron_job["metadata"]["namespace"], cron_job["metadata"]["name"]))
            text = f"Saw a job that the controller did not create or forgot: {meta['name']}"
            found.events.append(warning(cron_job, "UnexpectedJob", text))
    elif listed:
        _drop(found, meta["uid"])
        found.events.append(normal(cron_job, "SawCompletedJob", f"Saw completed job: {meta['name']}, status: {ended}"))
    else:
        completed = job["status"].get("completionTime")
        if found.last_success is None or (completed and parse_rfc3339(completed) > parse_rfc3339(found.last_success)):
            found.last_success = completed
            found.changed = True


def _drop(found: Activity, uid: str) -> None:
    found.active = [each for each in found.active if each["uid"] != uid]
    found.changed = True


def _live(resource: str, namespace: str, name: str) -> Call:
    return Call("get", resource, namespace, name, accept=(404,), because=CHECK(f"{resource.partition('.')[0][:-1]}/{name}"))


# -- new ones -------------------------------------------------------------------------------------------------------------------
def job_name(cron_job: Object, scheduled_ns: int) -> str:
    """One name per start: the minutes since the epoch tell them apart."""
    return f"{cron_job['metadata']['name']}-{scheduled_ns // MINUTE}"


def start_call(cron_job: Object, scheduled_ns: int, *, taken: bool) -> Call:
    """``taken``: a job of that name is there already, so that a refusal is expected and makes no event."""
    at = in_zone(scheduled_ns, cron_job["spec"].get("timeZone") or "")
    template = cron_job["spec"]["jobTemplate"]
    of_template = template.get("metadata") or _NONE
    body = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job_name(cron_job, scheduled_ns),
            "creationTimestamp": rfc3339(scheduled_ns),
            "labels": of_template.get("labels") or {},
            "annotations": {**(of_template.get("annotations") or _NONE), SCHEDULED: at},
            "ownerReferences": [controller_reference(cron_job)],
        },
        "spec": template["spec"],
    }
    return create(
        JOBS,
        body,
        cron_job["metadata"]["namespace"],
        on_success=(normal(cron_job, "SuccessfulCreate", "Created job {name}"),),
        on_refusal=() if taken else (warning(cron_job, "FailedCreate", "Error creating job: {error}"),),
        because=DUE(f"cronjob/{cron_job['metadata']['name']}", at=at),
    )


def replace_calls(cron_job: Object, each: Object) -> tuple[Call, Call]:
    """Read an active job live, and take it away."""
    because = REPLACED(f"job/{each['name']}", owner=f"cronjob/{cron_job['metadata']['name']}")
    refused = (warning(cron_job, "FailedGet", "Get job: {error}"),)
    read = Call("get", JOBS, each["namespace"], each["name"], on_refusal=refused, because=because)
    return read, _delete(cron_job, {"metadata": {"namespace": each["namespace"], "name": each["name"]}}, because=because)


def job_reference(job: Object) -> Object:
    return reference(job)


# -- old ones -------------------------------------------------------------------------------------------------------------------
def surplus_jobs(cron_job: Object, jobs: Sequence[Object]) -> list[Call]:
    """The deletions of ended jobs beyond the history limits, the oldest first."""
    calls = []
    for ended, limit_name, kind in (
        ("Complete", "successfulJobsHistoryLimit", "successful"),
        ("Failed", "failedJobsHistoryLimit", "failed"),
    ):
        limit = cron_job["spec"].get(limit_name)
        if limit is None:
            continue
        of_kind = sorted((job for job in jobs if finished_as(job) == ended), key=_by_start)
        for job in of_kind[: max(0, len(of_kind) - limit)]:
            because = HISTORY_LIMIT(f"job/{job['metadata']['name']}", kind=kind, limit=limit)
            calls.append(_delete(cron_job, job, because=because))
    return calls


def _by_start(job: Object) -> tuple[bool, int, str]:
    """Those that never started last, then by start, then by name."""
    start = (job.get("status") or _NONE).get("startTime")
    return not start, parse_rfc3339(start) if start else 0, job["metadata"]["name"]


def _delete(cron_job: Object, job: Object, **more: Any) -> Call:
    name = job["metadata"]["name"]
    return delete(
        JOBS,
        job,
        options={"propagationPolicy": "Background"},
        accept=(404,),
        on_success=(normal(cron_job, "SuccessfulDelete", f"Deleted job {name}"),),
        on_refusal=(warning(cron_job, "FailedDelete", "Deleted job: {error}"),),
        **more,
    )
