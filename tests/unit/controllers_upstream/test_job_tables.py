"""Small functions of the job controller over upstream's own tables: indexes, back-offs, failure policies, failures per index.

upstream: pkg/controller/job/{indexed_job_utils,backoff_utils,pod_failure_policy,job_controller,utils}_test.go, 1.28.
"""

from __future__ import annotations

import pytest

from kubelab.controllers.job import CONTROLLER
from kubelab.controllers.job.backoff import DEFAULT_NS, JobBackoff, after, finished_ns, remaining_ns
from kubelab.controllers.job.counting import tally
from kubelab.controllers.job.facts import FINALIZER, is_finished
from kubelab.controllers.job.failure_policy import judge
from kubelab.controllers.job.indexes import INDEX, duplicates, next_indexes, parse, with_index, written
from kubelab.controllers.job.per_index import (
    FAILURES,
    awaiting_replacement,
    failed_indexes,
    fails_index,
    failures,
    ready_indexes,
    with_failures,
)
from kubelab.store.log import Object
from kubelab.world.clock import SECOND, parse_rfc3339
from tests.unit.controllers_upstream.rows import Row, dated, placed, rows
from tests.unit.storage.harness import NOW, NOW_NS, World


def indexed(at: int, row: Row, *, tracked: bool = True) -> Object:
    """ "-" stands for no index."""
    notes = {"annotations": {INDEX: row["Index"]}} if row["Index"] != "-" else {}
    finalizers = {"finalizers": [FINALIZER]} if tracked else {}
    return placed({"metadata": {**notes, **finalizers}, "status": {"phase": row["Phase"]}}, f"p{at}")


def numbers(intervals: list[Row] | None) -> list[int]:
    return [number for each in intervals or () for number in range(each.get("First", 0), each.get("Last", 0) + 1)]


def job_of(row: Row) -> Object:
    """A job that is Indexed where it counts failures per index."""
    job = {"metadata": {"name": "j"}, "status": {}, "spec": {}, **(row.get("job") or {})}
    mode = {"completionMode": "Indexed"} if job["spec"].get("backoffLimitPerIndex") is not None else {}
    spec = {**job["spec"], **mode}
    if row.get("enableJobPodFailurePolicy") is False:
        spec.pop("podFailurePolicy", None)  # as the server does where the gate is off
    return {**job, "spec": spec}


@pytest.mark.parametrize("row", rows("job", "TestCalculateSucceededIndexes"))
def test_succeeded_indexes(row):
    job = {
        "spec": {"completions": row["completions"], "completionMode": "Indexed"},
        "status": {"completedIndexes": row.get("prevSucceeded", "")},
    }
    pods = [indexed(at, each) for at, each in enumerate(row.get("pods") or ())]

    assert parse(row.get("prevSucceeded"), row["completions"]) == numbers(row.get("wantStatusIntervals"))
    assert list(tally(job, pods).done) == numbers(row.get("wantIntervals"))
    assert parse(written(tally(job, pods).done), row["completions"]) == numbers(row.get("wantIntervals"))


@pytest.mark.parametrize("row", rows("job", "TestFirstPendingIndexes"))
def test_first_pending_indexes(row):
    settled = numbers(row.get("succeededIndexes")) + numbers(row.get("failedIndexes"))
    active = [indexed(at, each) for at, each in enumerate(row.get("activePods") or ())]

    assert next_indexes(settled, active, row["cnt"], row["completions"]) == row["want"]


@pytest.mark.parametrize("row", rows("job", "TestAppendDuplicatedIndexPodsForRemoval"))
def test_pods_of_one_index(row):
    pods = [indexed(at, each) for at, each in enumerate(row["pods"])]
    gone = [
        {"Index": pod["metadata"].get("annotations", {}).get(INDEX, "-"), "Phase": pod["status"]["phase"]}
        for pod in duplicates(pods, row["completions"])
    ]

    assert sorted(gone, key=str) == sorted(row["wantRm"] or (), key=str)


@pytest.mark.parametrize("row", rows("job", "TestPodGenerateNameWithIndex"))
def test_generated_names(row):
    made = with_index({"metadata": {}, "spec": {}}, row["jobname"], row["index"])

    assert made["metadata"]["generateName"] == row["wantPodGenerateName"]


@pytest.mark.parametrize("row", rows("job", "TestGetFinishedTime"))
def test_finished_time(row):
    assert finished_ns(placed(dated(row["pod"]), "p")) == parse_rfc3339(row["wantFinishTime"])


@pytest.mark.parametrize("row", rows("job", "TestGetRemainingBackoffTime"))
def test_remaining_backoff(row):
    """Upstream's rows have a first back-off of 5 s and a limit of 700 s: scaled, and those above our limit are the limit."""
    record = row["backoffRecord"]
    since_ns = parse_rfc3339(row["currentTime"]) - parse_rfc3339(record["lastFailureTime"]) if record["lastFailureTime"] else 0
    scale = DEFAULT_NS // row["defaultBackoff"]
    found = remaining_ns(JobBackoff(record["failuresAfterLastSuccess"], NOW_NS), NOW_NS + since_ns * scale)

    assert found == min(row["wantDuration"] * scale, 600 * SECOND)


@pytest.mark.parametrize("row", rows("job", "TestNewBackoffRecord"))
def test_new_backoff_record(row):
    """The record of one row has two failures before."""
    known = JobBackoff(2, 1) if row["wantBackoffRecord"]["failuresAfterLastSuccess"] == 3 else JobBackoff()

    def ended(times):
        return [placed({"status": {"containerStatuses": [{"state": {"terminated": {"finishedAt": time}}}]}}, f"p{time}") for time in times]

    found = after(known, ended(row["newSucceededPods"]), ended(row["newFailedPods"]))

    wanted = row["wantBackoffRecord"]
    assert found.failures == wanted["failuresAfterLastSuccess"]
    assert not wanted.get("lastFailureTime") or found.last_ns == parse_rfc3339(wanted["lastFailureTime"])


@pytest.mark.parametrize("row", rows("job", "TestGetRemainingBackoffTimePerIndex"))
def test_remaining_backoff_per_index(row):
    now_ns = parse_rfc3339(row["currentTime"]) if row.get("currentTime") else NOW_NS
    awaiting = {0: placed(row["lastFailedPod"], "p")} if row["lastFailedPod"] else {}

    assert ready_indexes([0], awaiting, now_ns)[1] == row["wantDuration"] * (DEFAULT_NS // row["defaultBackoff"])


@pytest.mark.parametrize("row", rows("job", "TestGetPodCreationInfoForIndependentIndexes"))
def test_indexes_that_are_ready(row):
    awaiting = {int(index): placed(pod, f"p{index}") for index, pod in (row.get("podsWithDelayedDeletionPerIndex") or {}).items()}

    assert ready_indexes(row["indexesToAdd"], awaiting, NOW_NS) == (row.get("wantIndexesToAdd") or [], row.get("wantRemainingTime", 0))


@pytest.mark.parametrize("row", rows("job", "TestIsIndexFailed"))
def test_index_failed(row):
    assert fails_index(job_of(row), placed(row["pod"], "p")) == row.get("wantResult", False)


@pytest.mark.parametrize("row", rows("job", "TestCalculateFailedIndexes"))
def test_failed_indexes(row):
    pods = [placed(each, f"p{at}") for at, each in enumerate(row["pods"])]

    assert list(failed_indexes(job_of(row), pods)) == numbers(row["wantFailedIndexes"])


@pytest.mark.parametrize("row", rows("job", "TestGetPodsWithDelayedDeletionPerIndex"))
def test_pods_that_await_their_replacement(row):
    job = job_of(row)
    pods = [placed(dated(each), f"p{at}") for at, each in enumerate(row["pods"])]
    counts = tally(job, pods)
    found = awaiting_replacement(job, pods, counts.active, counts.done, counts.failed_indexes)

    assert sorted(pod["metadata"]["uid"] for pod in found.values()) == sorted(row.get("wantPodsWithDelayedDeletionPerIndex") or ())


@pytest.mark.parametrize("row", rows("job", "TestGetNewIndexFailureCountValue"))
def test_failures_of_a_replacement(row):
    replaced = placed(row["pod"], "p") if row.get("pod") else None
    made = with_failures({"metadata": {}}, job_of(row), replaced)["metadata"]["annotations"]

    assert made[FAILURES] == str(row["wantNewIndexFailureCount"])
    ignored = row.get("wantNewIndexIgnoredFailureCount", 0)
    assert made.get("batch.kubernetes.io/job-index-ignored-failure-count", "0") == str(ignored)


@pytest.mark.parametrize("row", rows("job", "TestGetIndexFailureCount"))
def test_failure_count(row):
    assert failures(placed(row["pod"], "p")) == row["wantResult"]


@pytest.mark.parametrize("row", rows("job", "TestGetNewFinshedPods", {"with expected removed finalizers": "there are no expectations"}))
def test_new_finished_pods(row):
    job = {"metadata": {"name": "j"}, "spec": {}, "status": {}, **row["job"]}
    counts = tally(job, [placed(each, f"p{at}") for at, each in enumerate(row["pods"])])

    assert (counts.succeeded, counts.failed) == (row.get("wantSucceeded", 0), row.get("wantFailed", 0))


@pytest.mark.parametrize("row", rows("job", "TestMatchPodFailurePolicy"))
def test_failure_policy(row):
    if not row.get("enableJobBackoffLimitPerIndex") and row["podFailurePolicy"]:
        kept = [
            rule for rule in row["podFailurePolicy"]["rules"] if rule["action"] != "FailIndex"
        ]  # as the server does where the gate is off
        row["podFailurePolicy"]["rules"] = kept
    found = judge(row["podFailurePolicy"], placed(row["failedPod"], "p"))

    assert (found.message or None, found.counts) == (row.get("wantJobFailureMessage"), row.get("wantCountFailed", False))
    assert found.fails_index == (row.get("wantAction") == "FailIndex")


@pytest.mark.parametrize("row", rows("job", "TestIsJobFinished"))
def test_finished(row):
    job = {"status": {"conditions": [{"type": row["conditionType"], "status": row["conditionStatus"]}]}}

    assert is_finished(job) != row["expectJobNotFinished"]


@pytest.mark.parametrize(
    "row",
    rows("job", "TestGetPodsForJob", {"no adopt when deleting race": "the plan asks the server before it adopts: test_claiming has that"}),
)
def test_pods_of_a_job(row):
    """Kept and adopted are the job's; one that no longer matches is released, unless the job is going."""
    uids = {each["uid"] for pod in row["pods"] for each in pod["metadata"].get("ownerReferences") or () if each["name"] == "test_job"}
    going = {"deletionTimestamp": NOW} if row.get("jobDeletedInCache") else {}
    meta = {"name": "test_job", "namespace": "default", "uid": uids.pop(), **going}
    spec = {"selector": {"matchLabels": {"foo": "bar"}}, "parallelism": 0, "template": {"spec": {"containers": []}}}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": spec, "status": {}}
    seen = CONTROLLER.observe(World(CONTROLLER, job, *(placed(pod, "p") for pod in row["pods"])).scope(), ("default", "test_job"))

    adopted = [
        call.name
        for call in seen.claims
        if call.verb == "patch" and call.body["metadata"].get("ownerReferences", [{}])[0].get("controller")
    ]
    assert sorted(dict.fromkeys([pod["metadata"]["name"] for pod in seen.pods] + adopted)) == sorted(row["wantPods"])
    tracked = sorted(
        [pod["metadata"]["name"] for pod in seen.pods if FINALIZER in (pod["metadata"].get("finalizers") or ())]
        + [call.name for call in seen.claims if FINALIZER in (call.body or {}).get("metadata", {}).get("finalizers", ())]
    )
    assert sorted(dict.fromkeys(tracked)) == sorted(row.get("wantPodsFinalizer") or ())
