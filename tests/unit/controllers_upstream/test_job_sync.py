"""One sync of a Job, as upstream's own tables have it.

upstream: pkg/controller/job/job_controller_test.go, 1.28.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.controllers.job import CONTROLLER
from kubelab.controllers.job.backoff import JobBackoff
from kubelab.controllers.job.controller import BACKOFF, condition
from kubelab.controllers.job.counting import progress, tally
from kubelab.controllers.job.facts import FINALIZER
from kubelab.controllers.job.indexes import INDEX
from kubelab.store.log import Object
from kubelab.world.clock import SECOND, parse_rfc3339, rfc3339
from tests.unit.controllers_upstream.rows import LONG_AGO, Row, dated, owner, placed, rows
from tests.unit.controllers_upstream.world import ServedWorld as World
from tests.unit.storage.harness import NOW, NOW_NS

KEY = ("default", "foobar")


def job_of(row: Row, **spec: Any) -> Object:
    """newJob: -1 stands for no number."""
    numbers = {name: row.get(name, 0) for name in ("parallelism", "completions") if row.get(name, 0) >= 0}
    mode = {"completionMode": row["completionMode"]} if row.get("completionMode") else {}
    template = {"metadata": {"labels": {"foo": "bar"}}, "spec": {"containers": [{"image": "foo/bar"}]}}
    fixed = {"backoffLimit": row.get("backoffLimit", 0), "selector": {"matchLabels": {"foo": "bar"}}, "template": template}
    return completed({"metadata": {"name": "foobar"}, "spec": {**numbers, **mode, **fixed, **spec}, "status": {}})


def completed(job: Object) -> Object:
    meta = {"namespace": "default", "uid": "job-uid", "creationTimestamp": LONG_AGO, "generation": 1, **job["metadata"]}
    return {"apiVersion": "batch/v1", "kind": "Job", **job, "metadata": meta}


def pod_of(job: Object, name: str, phase: str, **more: Any) -> Object:
    """newPodList: every container has ended long ago. ``more``: ready, going, index, statuses."""
    statuses = more.get("statuses", [{"name": "", "state": {"terminated": {"exitCode": 0, "finishedAt": LONG_AGO}}}])
    status: Object = {"phase": phase, "containerStatuses": statuses}
    if more.get("ready"):
        status["conditions"] = [{"type": "Ready", "status": "True"}]
    meta: Object = {"labels": {"foo": "bar"}, "finalizers": [FINALIZER], "ownerReferences": job_owner(job)}
    if more.get("going"):
        meta["deletionTimestamp"] = NOW
    if more.get("index") not in (None, "-"):
        meta["annotations"] = {INDEX: more["index"]}
    return placed({"metadata": meta, "status": status}, name)


def job_owner(job: Object) -> list[Object]:
    return owner("Job", "batch/v1", job["metadata"]["name"], job["metadata"]["uid"])


def pods_of(row: Row, job: Object) -> list[Object]:
    found = [pod_of(job, f"pending-{at}", "Pending") for at in range(row.get("pendingPods", 0))]
    ready = row.get("readyPods", 0)
    found += [pod_of(job, f"active-{at}", "Running", ready=at < ready) for at in range(row.get("activePods", 0))]
    found += [pod_of(job, f"succeeded-{at}", "Succeeded") for at in range(row.get("succeededPods", 0))]
    found += [pod_of(job, f"failed-{at}", "Failed") for at in range(row.get("failedPods", 0))]
    found += [pod_of(job, f"going-{at}", "Running", going=True) for at in range(row.get("terminatingPods", 0))]
    for at, each in enumerate(row.get("podsWithIndexes") or ()):
        ended = {} if each["Phase"] in ("Succeeded", "Failed") else {"statuses": []}
        found.append(pod_of(job, f"indexed-{at}", each["Phase"], index=each["Index"], **ended))
    return found


NO_EXPECTATIONS = "kubelab's controllers see their own writes: there are no expectations"
REFUSED = "the harness refuses nothing: test_a_refused_create_ends_the_plan has that"


@pytest.mark.parametrize(
    "row",
    rows(
        "job",
        "TestControllerSyncJob",
        {
            "too few active pods, with controller error": REFUSED,
            "too many active pods, with controller error": REFUSED,
            "only new failed pod with controller error": REFUSED,
            "limited pods": REFUSED,
            "job failures, unsatisfied expectations": NO_EXPECTATIONS,
            "suspending a job with unsatisfied expectations": NO_EXPECTATIONS,
            "indexed job with podIndexLabel feature disabled": "the gate PodIndexLabel is always on",
        },
    ),
)
def test_sync(row):
    job = job_of(row, suspend=row.get("suspend", False))
    if row.get("jobPodReplacementPolicy"):
        job["spec"]["podReplacementPolicy"] = row["podReplacementPolicy"]
    initial = row.get("initialStatus")
    if initial is not None:
        counts = {"active": initial.get("active"), "succeeded": initial.get("succeed"), "failed": initial.get("failed")}
        job["status"] = {"startTime": initial.get("startTime") or NOW, **{name: count for name, count in counts.items() if count}}
    if row.get("wasSuspended"):
        job["status"]["conditions"] = [condition("Suspended", "JobSuspended", "Job suspended", NOW_NS)]
    if row.get("deleting"):
        job["metadata"]["deletionTimestamp"] = NOW
    now_ns = parse_rfc3339(row["controllerTime"]) if row.get("controllerTime") else NOW_NS
    world = World(CONTROLLER, job, *pods_of(row, job), now_ns=now_ns)
    record = row.get("backoffRecord")
    if record:
        known = JobBackoff(record["failuresAfterLastSuccess"], parse_rfc3339(record["lastFailureTime"]))
        world.memory = {BACKOFF: {KEY: known}}

    world.sync(*KEY)

    made = [body for call, body in zip(world.calls, world.bodies, strict=True) if call.startswith("create pods")]
    assert len(made) == row.get("expectedCreations", 0)
    assert sum(call.startswith("delete pods") for call in world.calls) == row.get("expectedDeletions", 0)
    assert sum(call.startswith("patch pods") for call in world.calls) == row.get("expectedPodPatches", 0)
    indexes = sorted(int(body["metadata"]["annotations"][INDEX]) for body in made if body["metadata"].get("annotations"))
    assert indexes == sorted(row.get("expectedCreatedIndexes") or ())
    status = world.get("jobs.batch", "foobar")["status"]
    assert counted(status) == {
        "active": row.get("expectedActive", 0),
        "succeeded": row.get("expectedSucceeded", 0),
        "failed": row.get("expectedFailed", 0),
        "completedIndexes": row.get("expectedCompletedIdxs", ""),
    }
    assert status.get("terminating") == row.get("expectedTerminating")
    if row.get("expectedReady") is not None:
        assert status["ready"] == row["expectedReady"]
    assert ("startTime" in status) != row.get("suspend", False)
    wanted = row.get("expectedCondition") and (
        row["expectedCondition"],
        row.get("expectedConditionStatus"),
        row.get("expectedConditionReason", ""),
    )
    found = [(each["type"], each["status"], each.get("reason", "")) for each in status.get("conditions") or ()]
    assert (wanted in found) if wanted else not [each for each in found if each[1] == "True"]


def counted(status: Object) -> Row:
    return {
        **{name: status.get(name, 0) for name in ("active", "succeeded", "failed")},
        "completedIndexes": status.get("completedIndexes", ""),
    }


@pytest.mark.parametrize("row", rows("job", "TestSyncJobPastDeadline"))
def test_past_the_deadline(row):
    job = job_of(row, activeDeadlineSeconds=row["activeDeadlineSeconds"], suspend=row.get("suspend", False))
    job["status"]["startTime"] = rfc3339(NOW_NS - row["startTime"] * SECOND)
    world = World(CONTROLLER, job, *pods_of(row, job)).sync(*KEY)

    assert not [call for call in world.calls if call.startswith("create")]
    assert sum(call.startswith("delete pods") for call in world.calls) == row.get("expectedDeletions", 0)
    check_outcome(world, row)


def check_outcome(world: World, row: Row) -> None:
    status = world.get("jobs.batch", "foobar")["status"]
    assert [status.get(name, 0) for name in ("active", "succeeded", "failed")] == [
        row.get(f"expected{name}", 0) for name in ("Active", "Succeeded", "Failed")
    ]
    if row.get("expectedCondition"):
        ends = [(each["type"], each.get("reason", "")) for each in status["conditions"] if each["status"] == "True"]
        assert (row["expectedCondition"], row.get("expectedConditionReason", "")) in ends


@pytest.mark.parametrize("row", rows("job", "TestJobBackoffForOnFailure"))
def test_restarts_in_place(row):
    job = job_of(row, suspend=row["suspend"])
    job["spec"]["template"]["spec"]["restartPolicy"] = "OnFailure"
    pods = [pod_of(job, f"p{at}", row["podPhase"], statuses=[{"restartCount": count}]) for at, count in enumerate(row["restartCounts"])]
    check_outcome(World(CONTROLLER, job, *pods).sync(*KEY), row)


@pytest.mark.parametrize("row", rows("job", "TestJobBackoffOnRestartPolicyNever"))
def test_failures_of_pods_that_are_not_restarted(row):
    job = job_of(row)
    job["spec"]["template"]["spec"]["restartPolicy"] = "Never"
    pods = [pod_of(job, f"failed-{at}", "Failed") for at in range(row["failedPods"])]
    pods += [pod_of(job, f"active-{at}", row["activePodsPhase"]) for at in range(row["activePods"])]
    check_outcome(World(CONTROLLER, job, *pods).sync(*KEY), row)


def world_of(row: Row, *, by_place: bool) -> World:
    """The pods of a row, named mypod-0 … and owned by its job; ``by_place``: its index is a pod's place."""
    job = completed(dated(row["job"]))
    job.setdefault("status", {})
    pods = []
    for at, given in enumerate(dated(row["pods"] or [])):
        notes = {**(given.get("metadata", {}).get("annotations") or {})}
        if by_place and job["spec"].get("completionMode") == "Indexed":
            notes[INDEX] = str(at)
        uid = given.get("metadata", {}).get("uid") or f"uid-{at}"
        meta = {"annotations": notes, "finalizers": [FINALIZER], "ownerReferences": job_owner(job), "labels": {"foo": "bar"}, "uid": uid}
        pods.append(placed(given, f"mypod-{at}", **meta))
    return World(CONTROLLER, job, *pods)


PENDING_UNTIL_FAILED = "pods of jobs with a failure policy count once they are Failed: the gate PodDisruptionConditions is always on"


@pytest.mark.parametrize("row", rows("job", "TestSyncJobWithJobPodFailurePolicy"))
def test_failure_policy(row):
    if not row.get("enableJobPodFailurePolicy"):
        del row["job"]["spec"]["podFailurePolicy"]  # as the server does where the gate is off
    if row.get("enableJobPodReplacementPolicy"):
        row["job"]["spec"].setdefault("podReplacementPolicy", "Failed")
    else:
        row["job"]["spec"].pop("podReplacementPolicy", None)
    world = world_of(row, by_place=True).sync(*KEY)
    status = world.get("jobs.batch", "foobar")["status"]

    found = [{key: each[key] for key in each if not key.startswith("last")} for each in status.get("conditions") or ()]
    for wanted in row.get("wantConditions") or ():
        assert [each for each in found if each["type"] == wanted["type"]] == [wanted]
    assert row.get("wantConditions") or not [each for each in found if each["status"] == "True"]
    names = {
        "active": "wantStatusActive",
        "succeeded": "wantStatusSucceeded",
        "failed": "wantStatusFailed",
        "terminating": "wantStatusTerminating",
    }
    assert {name: status.get(name) or 0 for name in names} == {name: row.get(wanted) or 0 for name, wanted in names.items()}


@pytest.mark.parametrize(
    "row",
    rows(
        "job",
        "TestSyncJobWithJobBackoffLimitPerIndex",
        {
            "job with finished indexes; failedIndexes are cleaned when JobBackoffLimitPerIndex disabled": "a gate does not change in a world's life",
        },
    ),
)
def test_backoff_limit_per_index(row):
    world = world_of(row, by_place=False).sync(*KEY)
    status = world.get("jobs.batch", "foobar")["status"]

    for condition_ in status.get("conditions") or ():
        del condition_["lastProbeTime"], condition_["lastTransitionTime"]
    unsaid = ("startTime", "completionTime", "ready", "uncountedTerminatedPods")
    assert {key: part for key, part in status.items() if key not in unsaid} == {
        key: part for key, part in row["wantStatus"].items() if key not in unsaid
    }
    assert status["uncountedTerminatedPods"] == {}


FULL = ["too many finished", "too many indexed finished"]


@pytest.mark.parametrize(
    "row",
    rows(
        "job",
        "TestTrackJobStatusAndRemoveFinalizers",
        {
            "expecting removed finalizers": NO_EXPECTATIONS,
            "status update error": REFUSED,
            "pod patch errors": REFUSED,
            "pod patch errors with partial success": REFUSED,
            "new active": "the number of active pods is read from the pods",
            **dict.fromkeys(FULL, "test_count_of_more_than_fit_into_the_status"),
        },
    ),
)
def test_count(row):
    """The status as it is written step by step, while finalizers go in between; the number of active pods aside."""
    job = completed({"metadata": {"name": "foobar"}, "spec": {}, "status": {}, **dated(row.get("job") or {})})
    job = completed({**job, "metadata": {"name": "foobar", **(row.get("job") or {}).get("metadata", {})}})
    pods = [placed(each, f"p{at}") for at, each in enumerate(dated(row.get("pods") or []))]
    written: list[Object] = []
    released = 0
    status = {**job["status"], "startTime": NOW}
    for _ in range(10):
        job = {**job, "status": status}
        made = progress(job, pods, tally(job, pods), row.get("finishedCond"), NOW_NS)
        if compared(made.status) != compared(status):
            written.append(compared(made.status))
            status = made.status
        elif made.release:
            released += len(made.release)
            names = [pod["metadata"]["name"] for pod in made.release]
            pods = [{**pod, "metadata": {**pod["metadata"], "finalizers": []}} if pod["metadata"]["name"] in names else pod for pod in pods]
        if made.ended:
            break

    assert written == [compared(dated(each)) for each in row.get("wantStatusUpdates") or ()]
    assert released == row.get("wantRmFinalizers", 0)


@pytest.mark.parametrize("name", FULL)
def test_count_of_more_than_fit_into_the_status(name):
    """What is listed and released at once; what does not fit is listed with the next write."""
    row = next(each.values[0] for each in rows("job", "TestTrackJobStatusAndRemoveFinalizers") if each.id == name)
    job = completed({"metadata": {"name": "foobar"}, "spec": {}, "status": {}, **row["job"]})
    pods = [placed(each, f"p{at}") for at, each in enumerate(row["pods"])]
    listed = progress(job, pods, tally(job, pods), None, NOW_NS).status
    job = {**job, "status": listed}

    assert compared(listed) == compared(row["wantStatusUpdates"][0])
    assert len(progress(job, pods, tally(job, pods), None, NOW_NS).release) == row["wantRmFinalizers"]


def compared(status: Object) -> Object:
    kept = {key: part for key, part in status.items() if key not in ("active", "ready", "startTime") and part not in (None, 0, {})}
    if kept.get("conditions"):
        kept["conditions"] = [{key: each[key] for key in each if key in ("type", "status")} for each in kept["conditions"]]
    return kept
