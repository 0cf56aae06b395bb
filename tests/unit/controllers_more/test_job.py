"""Jobs. Rows: upstream pkg/controller/job/{job_controller,backoff_utils,indexed_job_utils,pod_failure_policy}_test.go, 1.28."""

from typing import Any

import pytest

from kubelab.controllers.job import CONTROLLER
from kubelab.controllers.job.backoff import JobBackoff, after, finished_ns, remaining_ns
from kubelab.controllers.job.counting import tally
from kubelab.controllers.job.facts import FINALIZER
from kubelab.controllers.job.failure_policy import judge
from kubelab.controllers.job.indexes import INDEX, duplicates, next_indexes, parse, with_index, written
from kubelab.controllers.job.pods import wanted_active
from kubelab.engine.component import Later
from tests.unit.controllers_more.builders import LABELS, ago, controlled, meta, pod
from tests.unit.storage.harness import NOW_NS, World


def job(name: str = "j", parallelism: int = 1, completions: int | None = 1, **more: Any) -> dict:
    """``more``: spec fields by their names; status, going."""
    status = more.pop("status", {})
    template = {
        "metadata": {"labels": LABELS},
        "spec": {"restartPolicy": more.pop("restart", "Never"), "containers": [{"name": "c", "image": "i"}]},
    }
    spec = {"parallelism": parallelism, "backoffLimit": 6, "selector": {"matchLabels": LABELS}, "template": template}
    if completions is not None:
        spec["completions"] = completions
    of = {"deletionTimestamp": ago(0)} if more.pop("going", False) else {}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta(name, generation=1, **of), "spec": {**spec, **more}, "status": status}


def run(name: str, phase: str = "Running", *, tracked: bool = True, index: int | None = None, ended: float = 1, **more: Any) -> dict:
    state = (
        {"terminated": {"exitCode": more.pop("code", 1), "finishedAt": ago(ended)}} if phase in ("Failed", "Succeeded") else {"running": {}}
    )
    statuses = [{"name": "c", "restartCount": more.pop("restarts", 0), "state": state}]
    made = pod(name, phase=phase, ready=phase == "Running", statuses=statuses, finalizers=[FINALIZER] if tracked else [], **more)
    made["metadata"]["ownerReferences"] = controlled(job())
    if index is not None:
        made["metadata"]["annotations"] = {INDEX: str(index)}
    return made


STARTED = {"startTime": ago(60)}


@pytest.mark.parametrize(
    ("why", "of", "pods", "created", "deleted"),
    [
        ("job start", job(parallelism=2, completions=5), [], 2, 0),
        ("WQ job start", job(parallelism=2, completions=None), [], 2, 0),
        ("too few active pods", job(parallelism=2, completions=5), [run("a"), run("b", "Succeeded")], 1, 0),
        ("WQ job: no new pods after the first success", job(parallelism=2, completions=None), [run("a"), run("b", "Succeeded")], 0, 0),
        ("correct # of pods", job(parallelism=2, completions=5), [run("a"), run("b", "Pending")], 0, 0),
        ("too many active pods", job(parallelism=2, completions=5), [run(name) for name in "abc"], 0, 1),
        ("limited by what is left", job(parallelism=5, completions=3), [run("a", "Succeeded"), run("b", "Succeeded")], 1, 0),
        ("more active than left", job(parallelism=2, completions=3), [run("a"), run("b"), *(run(n, "Succeeded") for n in "cd")], 0, 1),
        ("suspended: all go", job(parallelism=2, completions=5, suspend=True), [run("a"), run("b")], 0, 2),
        ("being deleted: none is made", job(parallelism=2, completions=5, going=True), [], 0, 0),
        ("parallelism 0", job(parallelism=0, completions=5), [run("a")], 0, 1),
        ("count terminating pods as failed and replace them", job(parallelism=2, completions=5), [run("a"), run("b", going=True)], 1, 0),
    ],
)
def test_how_many_pods(why, of, pods, created, deleted):
    """TestControllerSyncJob."""
    counts = tally(of, pods)
    world = World(CONTROLLER, of, *pods)
    plan = CONTROLLER.plan(CONTROLLER.observe(world.scope(), ("default", "j")))
    assert sum(call.verb == "create" for call in plan.calls) == created
    assert sum(call.verb == "delete" for call in plan.calls) == deleted
    assert wanted_active(of, counts) >= 0


def test_pods_go_out_in_batches_of_one_two_four():
    world = World(CONTROLLER, job(parallelism=10, completions=10))
    plan = CONTROLLER.plan(CONTROLLER.observe(world.scope(), ("default", "j")))
    assert [len(batch.calls) for batch in plan.batches] == [1, 2, 4, 3]
    body = plan.calls[0].body
    assert body["metadata"]["finalizers"] == [FINALIZER]
    assert body["metadata"]["generateName"] == "j-"


def test_pods_taken_away_lose_their_finalizer_first():
    world = World(CONTROLLER, job(parallelism=1, completions=5), run("a"), run("b"))
    plan = CONTROLLER.plan(CONTROLLER.observe(world.scope(), ("default", "j")))
    assert [[call.verb for call in batch.calls] for batch in plan.batches] == [["patch"], ["delete"]]
    assert plan.calls[0].body == {"metadata": {"$deleteFromPrimitiveList/finalizers": [FINALIZER]}}


def step(world: World) -> Any:
    return CONTROLLER.plan(CONTROLLER.observe(world.scope(), ("default", "j")))


def test_a_pod_is_counted_in_three_writes():
    """TestTrackJobStatusAndRemoveFinalizers: listed, released, counted."""
    world = World(CONTROLLER, job(completions=2, status=STARTED), run("a", "Succeeded"), run("b"))
    listed = step(world).calls[0].body["status"]
    assert listed["uncountedTerminatedPods"] == {"succeeded": ["uid-a"]}
    assert "succeeded" not in listed
    world.put({**job(completions=2), "status": listed})
    release = step(world)
    assert [(call.verb, call.name) for call in release.calls] == [("patch", "a")]
    assert release.again_ns == 0
    world.put(run("a", "Succeeded", tracked=False))
    counted = step(world).calls[0].body["status"]
    assert (counted["succeeded"], counted["uncountedTerminatedPods"]) == (1, {})


@pytest.mark.parametrize(
    ("why", "of", "pods", "condition"),
    [
        ("job finish", job(parallelism=2, completions=5, status={**STARTED, "succeeded": 5}), [], ("Complete", None)),
        ("WQ job finished", job(completions=None, status={**STARTED, "succeeded": 2}), [], ("Complete", None)),
        ("WQ job: not while pods are active", job(completions=None, status={**STARTED, "succeeded": 2}), [run("a")], None),
        ("failed = limit: not yet", job(status={**STARTED, "failed": 6}), [], None),
        ("job failed, over the limit", job(status={**STARTED, "failed": 7}), [], ("Failed", "BackoffLimitExceeded")),
        (
            "backoffLimit 0: one failure ends it",
            job(backoffLimit=0, status={**STARTED, "failed": 1}),
            [],
            ("Failed", "BackoffLimitExceeded"),
        ),
        ("deadline", job(activeDeadlineSeconds=60, status=STARTED), [], ("Failed", "DeadlineExceeded")),
        ("deadline not reached", job(activeDeadlineSeconds=61, status=STARTED), [run("a")], None),
        ("deadline of a suspended job", job(activeDeadlineSeconds=1, suspend=True, status=STARTED), [], None),
        (
            "listed pods first",
            job(status={**STARTED, "failed": 9, "uncountedTerminatedPods": {"failed": ["uid-a"]}}),
            [run("a", "Failed")],
            None,
        ),
    ],
)
def test_how_a_job_ends(why, of, pods, condition):
    world = World(CONTROLLER, of, *pods)
    bodies = [call.body for call in step(world).calls if call.subresource == "status"]
    ends = [each for body in bodies for each in body["status"].get("conditions", ()) if each["type"] in ("Complete", "Failed")]
    assert ([(each["type"], each.get("reason")) for each in ends] or [None]) == [condition]


@pytest.mark.parametrize(
    ("limit", "restarts", "ends"),
    [(6, 5, False), (6, 6, True), (0, 0, False), (0, 1, True), (1, 1, True)],
)
def test_restarts_in_place_count(limit, restarts, ends):
    """TestJobBackoffOnRestartPolicyOnFailure: >= limit, but limit 0: > 0."""
    world = World(CONTROLLER, job(backoffLimit=limit, restart="OnFailure", status=STARTED), run("a", restarts=restarts))
    assert [call.verb for call in step(world).calls][:1] == (["delete"] if ends else ["update"])


def test_a_job_that_ends_ends_though_its_pods_forget_why():
    """The active pod is deleted; once it is gone its restarts are, too, and the job still fails for them."""
    world = World(CONTROLLER, job(backoffLimit=1, restart="OnFailure", status=STARTED), run("a", restarts=1)).sync("default", "j")
    found = world.get("jobs.batch", "j")["status"]["conditions"][0]
    assert (found["type"], found["reason"]) == ("Failed", "BackoffLimitExceeded")
    assert world.events == [
        ("Normal SuccessfulDelete", "Deleted pod: a"),
        ("Warning BackoffLimitExceeded", "Job has reached the specified backoff limit"),
    ]


def test_completion_is_told_and_timed():
    world = World(CONTROLLER, job(status={**STARTED, "succeeded": 1})).sync("default", "j")
    status = world.get("jobs.batch", "j")["status"]
    assert status["completionTime"] == status["conditions"][0]["lastTransitionTime"]
    assert world.events == [("Normal Completed", "Job completed")]


@pytest.mark.parametrize(
    ("why", "of", "condition", "events"),
    [
        ("suspending", job(suspend=True), ("True", "JobSuspended", "Job suspended"), [("Normal Suspended", "Job suspended")]),
        (
            "resuming",
            job(status={"conditions": [{"type": "Suspended", "status": "True", "reason": "JobSuspended", "message": "Job suspended"}]}),
            ("False", "JobResumed", "Job resumed"),
            [("Normal SuccessfulCreate", "Created pod: {name}"), ("Normal Resumed", "Job resumed")],
        ),
        ("never suspended", job(), None, [("Normal SuccessfulCreate", "Created pod: {name}")]),
    ],
)
def test_suspension(why, of, condition, events):
    """TestSyncJobUpdateRequeue …, suspend rows of TestControllerSyncJob."""
    world = World(CONTROLLER, of).sync("default", "j")
    status = world.get("jobs.batch", "j")["status"]
    found = status.get("conditions", [])
    assert [(each["status"], each["reason"], each["message"]) for each in found] == ([condition] if condition else [])
    assert world.events == events
    assert ("startTime" in status) is (why != "suspending")


@pytest.mark.parametrize(
    ("failures", "since", "left"),
    [(0, 0, 0), (1, 0, 10), (1, 4, 6), (1, 11, 0), (2, 0, 20), (3, 0, 40), (7, 0, 600), (40, 0, 600)],
)
def test_the_backoff_doubles_up_to_ten_minutes(failures, since, left):
    """TestGetRemainingBackoffTime."""
    assert remaining_ns(JobBackoff(failures, NOW_NS - since * 10**9), NOW_NS) == left * 10**9


@pytest.mark.parametrize(
    ("known", "good", "bad", "failures"),
    [
        (JobBackoff(), [], [], 0),  # Empty backoff store and no new failures
        (JobBackoff(), [], [3, 2], 2),
        (JobBackoff(1, 1), [], [3], 2),
        (JobBackoff(4, 1), [1], [], 0),  # success resets
        (JobBackoff(4, 1), [5], [9, 3], 1),  # only failures after the last success count
    ],
)
def test_failures_since_the_last_success(known, good, bad, failures):
    """TestNewBackoffRecord."""
    found = after(known, [run("s", "Succeeded", ended=end) for end in good], [run("f", "Failed", ended=end) for end in bad])
    assert found.failures == failures


def test_when_a_pod_ended():
    """TestGetFinishedTime."""
    assert finished_ns(run("a", "Failed", ended=7)) == NOW_NS - 7 * 10**9
    assert finished_ns(pod("b", ready=False, since=ago(5))) == NOW_NS - 5 * 10**9
    assert finished_ns(run("c", going=True)) == NOW_NS - 30 * 10**9


@pytest.mark.parametrize(
    ("text", "completions", "indexes"),
    [("", 10, []), ("3,7", 10, [3, 7]), ("0-2,5", 10, [0, 1, 2, 5]), ("1,3-5", 4, [1, 3]), ("bad,2", 5, [2])],
)
def test_indexes_are_read(text, completions, indexes):
    """TestCalculateSucceededIndexes, TestParseIndexesFromString."""
    assert parse(text, completions) == indexes


@pytest.mark.parametrize(
    ("indexes", "text"), [([], ""), ([0], "0"), ([0, 1], "0,1"), ([0, 1, 2], "0-2"), ([1, 3, 4, 6, 7, 8], "1,3,4,6-8")]
)
def test_indexes_are_written(indexes, text):
    assert written(indexes) == text


@pytest.mark.parametrize(
    ("done", "active", "count", "completions", "expected"),
    [
        ([], [], 3, 5, [0, 1, 2]),  # cnt greater than completions …
        ([], [], 8, 5, [0, 1, 2, 3, 4]),
        ([0, 1, 3], [], 8, 7, [2, 4, 5, 6]),  # first pending indexes
        ([0], [2], 2, 6, [1, 3]),
    ],
)
def test_the_next_indexes(done, active, count, completions, expected):
    """TestFirstPendingIndexes."""
    assert next_indexes(done, [run(f"p{index}", index=index) for index in active], count, completions) == expected


def test_surplus_pods_of_an_index():
    """TestAppendDuplicatedIndexPodsForRemoval: out of range, and twice."""
    active = [run("a", index=0), run("b", index=0, created=ago(1)), run("c", index=9), run("d", index=1)]
    assert sorted(each["metadata"]["name"] for each in duplicates(active, 3)) == ["b", "c"]


def test_the_pod_of_an_index():
    body = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c"}]}}
    made = with_index(body, "j", 4)
    assert made["metadata"]["labels"] == {"a": "b", INDEX: "4"}
    assert (made["metadata"]["annotations"], made["metadata"]["generateName"], made["spec"]["hostname"]) == ({INDEX: "4"}, "j-4-", "j-4")
    source = {"fieldRef": {"fieldPath": f"metadata.labels['{INDEX}']"}}
    assert made["spec"]["containers"][0]["env"] == [{"name": "JOB_COMPLETION_INDEX", "valueFrom": source}]
    assert with_index(body, "j" * 60, 4)["metadata"]["generateName"] == "j" * 55 + "-4-"


def test_an_indexed_job_counts_indexes():
    of = job(parallelism=2, completions=3, completionMode="Indexed", status={**STARTED, "completedIndexes": "0"})
    world = World(CONTROLLER, of, run("a", "Succeeded", index=0), run("b", "Succeeded", index=2), run("c", index=1))
    status = step(world).calls[0].body["status"]
    assert (status["completedIndexes"], status["succeeded"]) == ("0,2", 2)


POLICY = {
    "rules": [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}},
        {"action": "Count", "onExitCodes": {"containerName": "other", "operator": "NotIn", "values": [1]}},
    ]
}


@pytest.mark.parametrize(
    ("why", "of", "verdict"),
    [
        ("no rule matches", run("p", "Failed", code=1), ("", True)),
        (
            "exit code",
            run("p", "Failed", code=42),
            ("Container c for pod default/p failed with exit code 42 matching FailJob rule at index 1", True),
        ),
        ("condition", run("p", "Failed", code=42, conditions=[{"type": "DisruptionTarget", "status": "True"}]), ("", False)),
        ("exit code 0 never matches", run("p", "Failed", code=0), ("", True)),
    ],
)
def test_the_failure_policy(why, of, verdict):
    """TestMatchPodFailurePolicy."""
    assert judge(POLICY, of)[:2] == verdict


def test_a_pod_that_nobody_counts_loses_its_finalizer():
    """TestSyncOrphanPod."""
    assert World(CONTROLLER, run("a")).sync("orphan pod", "default", "a").calls == ["patch pods a"]
    assert World(CONTROLLER, job(), run("a")).sync("orphan pod", "default", "a").calls == []


def test_an_adopted_pod_gets_the_finalizer():
    stray = pod("a", phase="Running")
    world = World(CONTROLLER, job(), stray)
    plan = step(world)
    assert [call.verb for call in plan.calls] == ["get", "patch"]
    assert plan.calls[1].body["metadata"]["finalizers"] == [FINALIZER]


def test_pod_changes_are_gathered_for_a_second():
    world = World(CONTROLLER, job())
    world.queued = []
    world.put(run("a"))
    assert world.queued == [Later(10**9, ("default", "j"))]


def test_a_suspended_job_that_is_being_deleted_gets_no_condition():
    """suspending a deleted job, TestControllerSyncJob."""
    of = job(parallelism=2, completions=4, suspend=True, going=True, status=STARTED)
    bodies = [call.body for call in step(World(CONTROLLER, of, run("a"), run("b"))).calls if call.subresource == "status"]
    assert [body["status"].get("conditions") for body in bodies] == [None]


def test_with_a_failure_policy_a_terminating_pod_is_not_replaced_until_it_has_ended():
    """terminating Pod considered failed when PodDisruptionConditions is disabled / onlyReplaceFailedPods, job_controller.go."""
    policy = {"rules": [{"action": "Count", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]}
    of = job(podFailurePolicy=policy, status=STARTED)
    plan = step(World(CONTROLLER, of, run("a", going=True)))
    assert [call.verb for call in plan.calls] == ["update"]
    assert "failed" not in plan.calls[0].body["status"]
    made = step(World(CONTROLLER, of, run("a", "Failed", going=True, tracked=False)))
    assert [call.verb for call in made.calls] == ["create"]


def test_indexes_beyond_the_completions_are_forgotten():
    """indexed job prev successful pods outside current completions index range, TestTrackJobStatusAndRemoveFinalizers."""
    of = job(parallelism=0, completions=2, completionMode="Indexed", status={**STARTED, "succeeded": 2, "completedIndexes": "3-4"})
    status = step(World(CONTROLLER, of)).calls[0].body["status"]
    assert "completedIndexes" not in status
    assert "succeeded" not in status


def test_a_container_status_without_a_name_is_judged_too():
    """ignore pod failure based on OnExitCodes, TestSyncJobWithJobPodFailurePolicy."""
    policy = {"rules": [{"action": "Ignore", "onExitCodes": {"operator": "In", "values": [1]}}]}
    failed = {**pod("p"), "status": {"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"exitCode": 1}}}]}}
    assert not judge(policy, failed).counts
