"""Status and conditions of a Deployment. Rows: upstream pkg/controller/deployment/{progress_test,util/deployment_util_test}.go, 1.28."""

import pytest

from kubelab.controllers.common.conditions import find_condition
from kubelab.controllers.deployment.amounts import DESIRED_REPLICAS, MAX_REPLICAS
from kubelab.controllers.deployment.controller import DeadlineCheck, Seen, plan
from kubelab.controllers.deployment.replica_sets import (
    REVISION,
)
from kubelab.controllers.deployment.status import deadline_check_ns, is_complete, is_progressing, is_timed_out, looks_on, rollout_status
from kubelab.world.clock import SECOND, parse_rfc3339
from tests.unit.controllers.builders import NOW, NOW_NS, ago, deployment, replica_set


def told(replicas=4, most=5, revision="1", **more):
    return {DESIRED_REPLICAS: str(replicas), MAX_REPLICAS: str(most), REVISION: revision, **more}


def condition(reason, status="True", at=NOW, type_="Progressing"):
    return {"type": type_, "status": status, "lastUpdateTime": at, "lastTransitionTime": at, "reason": reason, "message": ""}


def with_status(replicas, updated, available, conditions=(), desired=3, deadline=60, **more):
    status = {
        "replicas": replicas,
        "updatedReplicas": updated,
        "availableReplicas": available,
        "readyReplicas": available,
        "observedGeneration": 1,
    }
    return deployment(
        replicas=desired, status={**status, "conditions": list(conditions)}, spec={"progressDeadlineSeconds": deadline}, **more
    )


def counted_set(name, size, replicas, available):
    return replica_set(name, size, status={"replicas": replicas, "availableReplicas": available, "readyReplicas": available})


T0 = "2017-02-15T18:49:00Z"
UPDATED = condition("ReplicaSetUpdated", at=T0)
EXCEEDED = condition("ProgressDeadlineExceeded", "False", at=T0)


@pytest.mark.parametrize(
    ("owner", "new", "old", "reason", "transition"),
    [  # TestSyncRolloutStatus
        (with_status(2, 2, 2, [UPDATED], deadline=None), (3, 2, 2), [(0, 1, 1)], None, None),
        (with_status(3, 3, 3, [condition("NewReplicaSetAvailable", at=T0)]), None, [(3, 3, 3)], "NewReplicaSetAvailable", T0),
        (with_status(2, 2, 2, [UPDATED]), (3, 2, 2), [(0, 1, 1)], "ReplicaSetUpdated", T0),
        (with_status(2, 2, 2, [EXCEEDED]), (3, 2, 2), [(0, 1, 1)], "ReplicaSetUpdated", NOW),
        (with_status(2, 2, 2, []), (3, 2, 2), [(0, 1, 1)], "ReplicaSetUpdated", NOW),
        (with_status(3, 3, 3, [UPDATED]), (3, 3, 3), [], "NewReplicaSetAvailable", T0),
        (with_status(3, 3, 3, [EXCEEDED]), (3, 3, 3), [], "NewReplicaSetAvailable", NOW),
        (with_status(3, 3, 3, []), (3, 3, 3), [], "NewReplicaSetAvailable", NOW),
        (with_status(3, 3, 3, [UPDATED], desired=0), None, [(0, 0, 0)], "NewReplicaSetAvailable", T0),
        (with_status(2, 2, 2, [UPDATED]), (3, 2, 2), [], "ProgressDeadlineExceeded", NOW),
    ],
)
def test_progress(owner, new, old, reason, transition):
    newest = counted_set("foo", *new) if new else None
    olds = [counted_set("bar", *each) for each in old]
    found = find_condition(rollout_status(owner, newest, olds, NOW_NS)["conditions"], "Progressing")
    assert (found and found["reason"], found and found["lastTransitionTime"]) == (reason, transition)


@pytest.mark.parametrize(
    ("owner", "at", "rest"),
    [  # TestRequeueStuckDeployment, with the second that is added
        (with_status(3, 3, 2, [UPDATED], deadline=None), "18:49:30", None),
        (with_status(3, 3, 2, [UPDATED], deadline=2147483647), "18:49:30", None),
        (with_status(3, 3, 2, []), "18:49:30", None),
        (with_status(3, 3, 3, [UPDATED]), "18:49:30", None),
        (with_status(3, 3, 0, [EXCEEDED]), "18:49:30", None),
        (with_status(3, 3, 1, [UPDATED]), "18:49:30", 31 * SECOND),
        (with_status(3, 3, 1, [UPDATED]), "18:49:59", 2 * SECOND),
        (with_status(3, 3, 1, [UPDATED]), "18:49:59.000000001", SECOND - 1 + 5_000_000),
        (with_status(3, 3, 1, [UPDATED]), "18:51:00", 5_000_000),
    ],
)
def test_when_to_look_for_the_deadline(owner, at, rest):
    assert deadline_check_ns(owner, owner["status"], parse_rfc3339(f"2017-02-15T{at}Z")) == rest


def test_a_waiting_deadline_has_a_key_of_its_own():
    owner = with_status(3, 3, 1, [condition("ReplicaSetUpdated")], deadline=600)
    nudge = plan(Seen(with_same_status(owner), [counted("web-1")], NOW_NS)).nudge
    assert [(each.component, each.key, each.after_ns) for each in nudge] == [
        ("deployment-controller", ("progress deadline", "default", "web"), 601 * SECOND)
    ]
    assert plan(DeadlineCheck(("default", "web"))).follow_up == (("default", "web"),)


def counted(name):
    status = {"replicas": 3, "availableReplicas": 1, "readyReplicas": 1}
    return replica_set(name, 3, annotations=told(3, 4), status=status)


def with_same_status(owner):
    """The Deployment with the very status that its ReplicaSet gives."""
    owner = {**owner, "metadata": {**owner["metadata"], "annotations": {REVISION: "1"}}}
    return {**owner, "status": rollout_status(owner, counted("web-1"), [], NOW_NS)}


@pytest.mark.parametrize(
    ("desired", "replicas", "updated", "available", "complete"),
    [(5, 5, 5, 5, True), (5, 5, 5, 4, False), (5, 6, 5, 5, False), (5, 5, 4, 5, False), (1, 2, 1, 1, False)],  # TestDeploymentComplete
)
def test_complete(desired, replicas, updated, available, complete):
    owner = with_status(replicas, updated, available, desired=desired)
    assert is_complete(owner, owner["status"]) is complete


def test_not_complete_before_the_spec_was_observed():
    owner = with_status(3, 3, 3, generation=2)
    assert not is_complete(owner, owner["status"])


@pytest.mark.parametrize(
    ("before", "after", "progressing"),
    [  # TestDeploymentProgressing: replicas, updated, ready, available
        ((10, 4, 4, 4), (10, 6, 0, 0), True),
        ((10, 4, 4, 4), (10, 4, 0, 0), False),
        ((10, 10, 10, 10), (8, 8, 8, 8), False),
        ((10, 4, 0, 0), (8, 4, 0, 0), True),
        ((7, 3, 0, 0), (8, 8, 0, 0), True),
        ((10, 7, 8, 8), (10, 7, 9, 8), True),
        ((10, 7, 8, 8), (10, 7, 8, 9), True),
    ],
)
def test_progressing(before, after, progressing):
    names = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    owner = deployment(status=dict(zip(names, before, strict=True)))
    assert is_progressing(owner, dict(zip(names, after, strict=True))) is progressing


@pytest.mark.parametrize(
    ("current", "seconds", "expected"),
    [  # TestDeploymentTimedOut
        (None, 100, False),
        (condition("x", at=T0), 60, False),
        (condition("x", at=T0), 61, True),
        (condition("NewReplicaSetAvailable", at=T0), 1000, False),
        (condition("ProgressDeadlineExceeded", "False", at=T0), 1, True),
    ],
)
def test_timed_out(current, seconds, expected):
    owner = deployment(spec={"progressDeadlineSeconds": 60})
    assert is_timed_out(owner, current, parse_rfc3339(T0) + seconds * SECOND) is expected


def test_a_replica_failure_comes_up_to_the_deployment():
    # upstream: getReplicaFailures: the new one's first
    failure = {"type": "ReplicaFailure", "status": "True", "lastTransitionTime": T0, "reason": "FailedCreate", "message": "quota"}
    failing = replica_set("new", 3, status={"replicas": 0, "conditions": [failure]})
    status = rollout_status(deployment(replicas=3), failing, [], NOW_NS)
    assert find_condition(status["conditions"], "ReplicaFailure") == {**failure, "lastUpdateTime": T0}
    mended = rollout_status({**deployment(replicas=3), "status": status}, replica_set("new", 3), [], NOW_NS)
    assert find_condition(mended["conditions"], "ReplicaFailure") is None


@pytest.mark.parametrize(
    ("reason", "since", "after", "polls"),
    [  # requeueStuckDeployment, progress.go: a rollout that was complete once waits for old pods of a Recreate update
        ("NewReplicaSetAvailable", ago(10), 51 * SECOND, False),
        ("NewReplicaSetAvailable", ago(100), None, True),  # looked at again and again, every 5 ms
        ("ProgressDeadlineExceeded", ago(100), None, False),
        ("ReplicaSetUpdated", ago(10), 51 * SECOND, False),
    ],
)
def test_a_recreate_update_that_waits_for_old_pods_is_looked_at_again(reason, since, after, polls):
    owner = with_status(0, 0, 0, [condition(reason, at=since)])
    assert deadline_check_ns(owner, owner["status"], NOW_NS, waiting=True) == after
    assert looks_on(owner, NOW_NS) is polls
