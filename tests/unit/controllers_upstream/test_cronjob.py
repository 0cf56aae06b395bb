"""CronJobs over upstream's own tables: what one sync does, which start is due, what a change wakes.

upstream: pkg/controller/cronjob/{cronjob_controllerv2,utils}_test.go, 1.28.
"""

from __future__ import annotations

import pytest

from kubelab.controllers.common.owners import controller_reference
from kubelab.controllers.cronjob import CONTROLLER
from kubelab.controllers.cronjob.controller import cron_job_keys, schedule_of
from kubelab.controllers.cronjob.jobs import SCHEDULED, job_name, start_call, surplus_jobs
from kubelab.controllers.cronjob.times import NeverDue, latest_due
from kubelab.engine.component import Change, Later
from kubelab.kinds.batch.cron import CronError
from kubelab.store.log import Object
from kubelab.world.clock import SECOND, parse_rfc3339, rfc3339
from tests.unit.controllers_upstream.rows import Row, rows
from tests.unit.controllers_upstream.world import ServedWorld as World

KEY = ("cronjob", "snazzycats", "mycronjob")
TEMPLATE = {
    "metadata": {"labels": {"a": "b"}, "annotations": {"x": "y"}},
    "spec": {"template": {"spec": {"containers": [{"image": "foo/bar"}]}}},
}
BEFORE_THE_HOUR, BEFORE_THE_PRIOR_HOUR, AFTER_THE_PRIOR_HOUR = (f"2016-05-19T{clock}:00Z" for clock in ("09:59", "08:59", "09:01"))
NO_DEADLINE = -12345


def cron_job(row: Row, **status: str) -> Object:
    created = row.get("cronjobCreationTime") or (BEFORE_THE_PRIOR_HOUR if row.get("ranPreviously") else BEFORE_THE_HOUR)
    spec = {
        "schedule": row["schedule"],
        "concurrencyPolicy": row["concurrencyPolicy"],
        "suspend": row.get("suspend", False),
        "jobTemplate": TEMPLATE,
    }
    if row.get("timeZone") is not None:
        spec["timeZone"] = row["timeZone"]
    if row.get("deadline", NO_DEADLINE) != NO_DEADLINE:
        spec["startingDeadlineSeconds"] = row["deadline"]
    meta = {"name": "mycronjob", "namespace": "snazzycats", "uid": "1a2b3c", "resourceVersion": "1", "creationTimestamp": created}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": meta, "spec": spec, "status": status}


def job_of(owner: Object, row: Row) -> Object:
    since = row["jobCreationTime"]
    meta = {"name": job_name(owner, parse_rfc3339(since)), "namespace": "snazzycats", "uid": "1234", "creationTimestamp": since}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {**meta, "ownerReferences": [controller_reference(owner)]},
        "spec": {},
        "status": {},
    }
    if not row.get("stillActive"):
        ended = rfc3339(parse_rfc3339(since) + 10 * SECOND)
        job["status"] = {"completionTime": ended, "conditions": [{"type": "Complete", "status": "True"}]}
    return job


LAGGING = "kubelab's controllers see their own writes: no list of active jobs lags behind"
ANSWERED = "the harness refuses nothing: test_sync and the scenarios have that"


def left_out() -> dict[str, str]:
    """Rows whose lists lag behind each other, or whose server refuses."""
    found = {}
    for each in rows("cronjob", "TestControllerV2SyncCronJob"):
        row = each.values[0]
        if row.get("jobCreateError") or row.get("jobGetErr"):
            found[each.id] = ANSWERED
        elif row.get("jobStillNotFoundInLister") or (row.get("stillActive") and not row.get("jobPresentInCJActiveStatus")):
            found[each.id] = LAGGING
    return found


@pytest.mark.parametrize("row", rows("cronjob", "TestControllerV2SyncCronJob", left_out()))
def test_sync(row):
    owner, jobs = cron_job(row), []
    if row.get("ranPreviously"):
        owner["status"] = {"lastScheduleTime": row.get("lastScheduleTime") or AFTER_THE_PRIOR_HOUR}
        jobs = [job_of(owner, row)]
        if row.get("stillActive"):
            meta = jobs[0]["metadata"]
            reference = {"apiVersion": "batch/v1", "kind": "Job", "name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]}
            owner["status"]["active"] = [reference]

    world = World(CONTROLLER, owner, *jobs, now_ns=parse_rfc3339(row["now"])).sync(*KEY)

    assert sum(call.startswith("create jobs") for call in world.calls) == row.get("expectCreate", False)
    assert sum(call.startswith("delete jobs") for call in world.calls) == row.get("expectDelete", False)
    assert any(call.endswith("/status") for call in world.calls) == bool(row["expectUpdateStatus"])
    said = bool(row["expectCreate"]) + bool(row["expectDelete"]) + (row["expectedWarnings"] or 0)
    forbidden = [event for event in world.events if event[0] == "Normal JobAlreadyActive"]
    assert len(world.events) - len(forbidden) == said
    assert len(forbidden) == (
        row["concurrencyPolicy"] == "Forbid" and row.get("stillActive", False) and not row.get("suspend") and is_due(row)
    )
    assert sum(kind.startswith("Warning") for kind, _ in world.events) == row.get("expectedWarnings", 0)
    status = world.get("cronjobs.batch", "mycronjob", "snazzycats")["status"]
    if row["expectCreate"] and row["expectActive"]:
        assert len(status.get("active") or ()) == row.get("expectActive", 0)
    if row["expectRequeueAfter"]:
        assert world.plans[-1].again_ns == row["expectedRequeueDuration"]
    if row.get("ranPreviously") and not row.get("stillActive"):
        assert status["lastSuccessfulTime"] == rfc3339(parse_rfc3339(row["jobCreationTime"]) + 10 * SECOND)


def is_due(row: Row) -> bool:
    """Whether a start is due at all, and within its deadline."""
    owner = cron_job(row, lastScheduleTime=row.get("lastScheduleTime") or AFTER_THE_PRIOR_HOUR)
    now_ns = parse_rfc3339(row["now"])
    due_ns = latest_due(owner, schedule_of(owner), now_ns, within_deadline=True).latest_ns
    deadline = owner["spec"].get("startingDeadlineSeconds")
    return due_ns is not None and (deadline is None or due_ns + deadline * SECOND >= now_ns)


@pytest.mark.parametrize("row", rows("cronjob", "TestMostRecentScheduleTime"))
def test_the_most_recent_start(row):
    owner, now_ns = row["cj"], parse_rfc3339(row["now"])
    owner.setdefault("status", {})
    if row.get("wantErr"):
        with pytest.raises((NeverDue, CronError)):
            latest_due(owner, schedule_of(owner), now_ns, within_deadline=row.get("includeSDS", False))
        return
    due = latest_due(owner, schedule_of(owner), now_ns, within_deadline=row.get("includeSDS", False))

    assert due.since_ns == parse_rfc3339(row["expectedEarliestTime"])
    assert due.latest_ns == (parse_rfc3339(row["expectedRecentTime"]) if row["expectedRecentTime"] else None)
    assert due.too_many_missed == row.get("expectedTooManyMissed", False)


@pytest.mark.parametrize("row", rows("cronjob", "TestByJobStartTime"))
def test_jobs_go_by_their_start(row):
    """The oldest goes first, where one is kept."""
    owner = {
        "kind": "CronJob",
        "apiVersion": "batch/v1",
        "metadata": {"name": "c", "namespace": "d", "uid": "u", "resourceVersion": "1"},
        "spec": {"successfulJobsHistoryLimit": len(row["input"]) - 1},
    }
    jobs = [
        {
            "kind": "Job",
            "apiVersion": "batch/v1",
            "metadata": {"namespace": "d", "uid": each["metadata"]["name"], "resourceVersion": "1", **each["metadata"]},
            "status": {**(each.get("status") or {}), "conditions": [{"type": "Complete", "status": "True"}]},
        }
        for each in row["input"]
    ]

    assert [call.name for call in surplus_jobs(owner, jobs)] == [row["expected"][0]["metadata"]["name"]]


@pytest.mark.parametrize("row", rows("cronjob", "TestControllerV2UpdateCronJob"))
def test_a_changed_cron_job(row):
    """A changed schedule or zone waits for its next start; anything else is looked at at once. (Upstream's clock stands a second before 10:00.)"""
    base = {"name": "c", "namespace": "d", "uid": "u", "creationTimestamp": BEFORE_THE_HOUR}

    def filled(given: Object) -> Object:
        return {
            **given,
            "metadata": {**base, **(given.get("metadata") or {})},
            "spec": {"schedule": "", **given["spec"]},
            "status": given.get("status") or {},
        }

    old, new = filled(row["oldCronJob"]), filled(row["newCronJob"])
    scope = World(CONTROLLER, now_ns=parse_rfc3339("2016-05-19T09:59:59Z")).scope()
    (key,) = cron_job_keys(Change("MODIFIED", "cronjobs.batch", new, old, 2), scope)

    assert (key.after_ns if isinstance(key, Later) else 0) == row.get("expectedDelay", 0)


@pytest.mark.parametrize("row", rows("cronjob", "TestGetJobFromTemplate2"))
def test_a_job_from_the_template(row):
    """The annotation says the scheduled time in the CronJob's zone."""
    owner = cron_job(
        {"schedule": "* * * * *", "concurrencyPolicy": "Allow", **({"timeZone": row["timeZone"]} if row.get("timeZone") else {})}
    )
    owner["spec"]["jobTemplate"] = {**TEMPLATE, "metadata": {"labels": {"a": "b"}, "annotations": row["inputAnnotations"]}}
    annotations = start_call(owner, parse_rfc3339("2016-05-19T10:00:00Z"), taken=False).body["metadata"]["annotations"]

    assert len(annotations) == row["expectedNumberOfAnnotations"]
    assert annotations[SCHEDULED] == {"Europe/Rome": "2016-05-19T12:00:00+02:00"}.get(row.get("timeZone"), "2016-05-19T10:00:00Z")
