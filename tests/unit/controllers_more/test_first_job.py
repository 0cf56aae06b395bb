"""The job controller of 1.7: rows of upstream's tables of then."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubelab.controllers.job.first import Seen, job_keys, plan
from kubelab.engine.component import Change
from kubelab.engine.plan import Call, Plan
from kubelab.kinds.kind import Object
from kubelab.world.clock import SECOND, parse_rfc3339

NOW_NS = parse_rfc3339("2017-06-30T12:00:00Z")
UID = "11111111-2222-4333-8444-555555555555"


def job_of(parallelism: int, completions: int, **more: Any) -> Object:
    spec = {"parallelism": parallelism, "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": []}}}
    if completions >= 0:
        spec["completions"] = completions
    meta = {"name": "job", "namespace": "default", "uid": UID, "resourceVersion": "7"}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": spec, **more}


def pods_of(**counts: int) -> tuple[Object, ...]:
    return tuple(
        {
            "metadata": {"name": f"{phase}-{index}", "namespace": "default", "uid": f"{phase}-{index}"},
            "spec": {},
            "status": {"phase": phase},
        }
        for phase, count in counts.items()
        for index in range(count)
    )


def calls_of(made: Plan, verb: str) -> list[Call]:
    return [call for batch in made.batches for call in batch.calls if isinstance(call, Call) and call.verb == verb]


# upstream: pkg/controller/job/jobcontroller_test.go TestControllerSyncJob, 1.7: parallelism, completions, deleting; refused; pods pending,
# running, succeeded, failed; creations, deletions; active, succeeded, failed, complete. Refused: what the status says when pods are refused.
ROWS = {
    "job start": (2, 5, False, False, 0, 0, 0, 0, 2, 0, 2, 0, 0, False),
    "WQ job start": (2, -1, False, False, 0, 0, 0, 0, 2, 0, 2, 0, 0, False),
    "pending pods": (2, 5, False, False, 2, 0, 0, 0, 0, 0, 2, 0, 0, False),
    "correct # of pods": (2, 5, False, False, 0, 2, 0, 0, 0, 0, 2, 0, 0, False),
    "WQ job: correct # of pods": (2, -1, False, False, 0, 2, 0, 0, 0, 0, 2, 0, 0, False),
    "too few active pods": (2, 5, False, False, 0, 1, 1, 0, 1, 0, 2, 1, 0, False),
    "too few active pods with a dynamic job": (2, -1, False, False, 0, 1, 0, 0, 1, 0, 2, 0, 0, False),
    "too few active pods, with controller error": (2, 5, False, True, 0, 1, 1, 0, 1, 0, 1, 1, 0, False),
    "too many active pods": (2, 5, False, False, 0, 3, 0, 0, 0, 1, 2, 0, 0, False),
    "too many active pods, with controller error": (2, 5, False, True, 0, 3, 0, 0, 0, 1, 3, 0, 0, False),
    "failed pod": (2, 5, False, False, 0, 1, 1, 1, 1, 0, 2, 1, 1, False),
    "job finish": (2, 5, False, False, 0, 0, 5, 0, 0, 0, 0, 5, 0, True),
    "WQ job finishing": (2, -1, False, False, 0, 1, 1, 0, 0, 0, 1, 1, 0, False),
    "WQ job all finished": (2, -1, False, False, 0, 0, 2, 0, 0, 0, 0, 2, 0, True),
    "WQ job all finished despite one failure": (2, -1, False, False, 0, 0, 1, 1, 0, 0, 0, 1, 1, True),
    "more active pods than completions": (2, 5, False, False, 0, 10, 0, 0, 0, 8, 2, 0, 0, False),
    "status change": (2, 5, False, False, 0, 2, 2, 0, 0, 0, 2, 2, 0, False),
    "deleting job": (2, 5, True, False, 1, 1, 1, 0, 0, 0, 2, 1, 0, False),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
def test_one_sync(row: tuple[Any, ...]) -> None:
    parallelism, completions, deleting, refused, pending, running, good, bad, creations, deletions, active, succeeded, failed, ends = row
    job = job_of(parallelism, completions)
    if deleting:
        job["metadata"]["deletionTimestamp"] = "2017-06-30T12:00:00Z"
    made = plan(Seen(job, pods_of(Pending=pending, Running=running, Succeeded=good, Failed=bad), NOW_NS, has_failed=refused))
    assert len(calls_of(made, "create")) == creations
    assert len(calls_of(made, "delete")) == deletions
    for call in calls_of(made, "create"):
        assert call.body["metadata"]["ownerReferences"] == [
            {"apiVersion": "batch/v1", "kind": "Job", "name": "job", "uid": UID, "controller": True, "blockOwnerDeletion": True}
        ]
        assert "finalizers" not in call.body["metadata"]
    (told,) = calls_of(made, "update")
    status = told.body["status"]
    assert [status.get(field, 0) for field in ("active", "succeeded", "failed")] == [active, succeeded, failed]
    assert status["startTime"] == "2017-06-30T12:00:00Z"
    assert [each["type"] for each in status.get("conditions", ())] == (["Complete"] if ends else [])
    assert ("completionTime" in status) == ends


# upstream: TestSyncJobPastDeadline, 1.7: parallelism, completions, deadline, age; running, succeeded, failed; deletions; active, succeeded, failed
@pytest.mark.parametrize(
    "row",
    [
        (1, 1, 10, 15, 1, 0, 0, 1, 0, 0, 1),
        (1, 2, 10, 15, 1, 1, 0, 1, 0, 1, 1),
        (1, 1, 10, 10, 0, 0, 0, 0, 0, 0, 0),
    ],
)
def test_a_deadline_ends_it(row: tuple[int, ...]) -> None:
    parallelism, completions, deadline, age, running, good, bad, deletions, active, succeeded, failed = row
    job = job_of(parallelism, completions, status={"startTime": "2017-06-30T12:00:00Z"})
    job["spec"]["activeDeadlineSeconds"] = deadline
    made = plan(Seen(job, pods_of(Running=running, Succeeded=good, Failed=bad), NOW_NS + age * SECOND))
    assert len(calls_of(made, "delete")) == deletions
    (told,) = calls_of(made, "update")
    status = told.body["status"]
    assert [status.get(field, 0) for field in ("active", "succeeded", "failed")] == [active, succeeded, failed]
    (condition,) = status["conditions"]
    assert (condition["type"], condition["reason"]) == ("Failed", "DeadlineExceeded")
    assert [(event.type, event.reason) for event in told.on_success] == [("Normal", "DeadlineExceeded")]


def test_a_pod_says_who_made_it() -> None:
    (call,) = calls_of(plan(Seen(job_of(1, 1), (), NOW_NS)), "create")
    text = call.body["metadata"]["annotations"]["kubernetes.io/created-by"]
    assert text.endswith("}\n")
    assert json.loads(text) == {
        "kind": "SerializedReference",
        "apiVersion": "v1",
        "reference": {"kind": "Job", "namespace": "default", "name": "job", "uid": UID, "apiVersion": "batch", "resourceVersion": "7"},
    }


def test_a_finished_job_wakes_nobody() -> None:
    """upstream: the informer's UpdateFunc, TestSyncJobComplete."""
    done = job_of(1, 1, status={"conditions": [{"type": "Complete", "status": "True"}]})
    change = Change("MODIFIED", "jobs.batch", done, job_of(1, 1), 2)
    assert list(job_keys(change, None)) == []  # type: ignore[arg-type]
    assert list(job_keys(Change("ADDED", "jobs.batch", done, None, 2), None)) == [("default", "job")]  # type: ignore[arg-type]
