"""The ReplicaSet controller's plans. Rows: upstream pkg/controller/replicaset/{replica_set,replica_set_utils}_test.go, 1.28."""

import pytest

from kubelab.controllers.common.claiming import Claimed
from kubelab.controllers.common.slow_start import slow_start
from kubelab.controllers.replicaset.controller import Seen, plan
from kubelab.controllers.replicaset.status import count_pods, failure_status, new_status, same_status
from kubelab.world.clock import SECOND
from tests.unit.controllers.builders import NOW, NOW_NS, ago, done, pod, replica_set, rules, status_of

OBSERVED = {"replicas": 2, "fullyLabeledReplicas": 2, "readyReplicas": 2, "availableReplicas": 2, "observedGeneration": 1}


def pods(count, state="ready", **more):
    return [pod(f"web-{at}", state, **more) for at in range(count)]


def planned(replicas, present, **more):
    return plan(Seen(replica_set(replicas=replicas, **more), present, NOW_NS))


def test_nothing_to_do():
    # TestSyncReplicaSetDoesNothing
    result = planned(2, pods(2), status=OBSERVED)
    assert (done(result), rules(result)) == ([], ["Settled"])


@pytest.mark.parametrize(
    ("replicas", "present", "batches"),
    [
        (0, 0, []),
        (1, 0, [1]),
        (2, 1, [1]),
        (10, 0, [1, 2, 4, 3]),  # TestSlowStartBatch: 1, 2, 4 …
        (1000, 0, [1, 2, 4, 8, 16, 32, 64, 128, 245]),  # TestControllerBurstReplicas: 500 in one sync
    ],
)
def test_creations_start_slowly(replicas, present, batches):
    result = planned(replicas, pods(present), status={"observedGeneration": 1, "replicas": present, **({} if not present else OBSERVED)})
    sizes = [len(batch.calls) for batch in result.batches if batch.calls[0].verb == "create"]
    assert sizes == batches


def test_a_created_pod_is_the_templates_with_a_generated_name_and_its_controller():
    # upstream: TestCreatePodsWithGenerateName, controller_utils_test.go
    call = planned(1, []).calls[0]
    assert call.namespace == "default"
    assert call.body["metadata"] == {
        "generateName": "web-",
        "labels": {"app": "web"},
        "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "uid-web", "controller": True, "blockOwnerDeletion": True}
        ],
    }
    assert call.name == ""
    assert [(event.type, event.reason, event.message) for event in call.on_success] == [
        ("Normal", "SuccessfulCreate", "Created pod: {name}")
    ]
    assert [(event.type, event.reason, event.message) for event in call.on_refusal] == [
        ("Warning", "FailedCreate", "Error creating: {error}")
    ]
    assert call.ignore_terminating


def test_deletions_go_all_at_once():
    result = planned(2, [*pods(4), pod("new", "pending")], status={**OBSERVED, "replicas": 5})
    deletions = result.batches[0].calls
    assert [call.name for call in deletions][0] == "new"
    assert len(deletions) == 3
    assert deletions[0].accept == (404,)
    assert [event.message for event in deletions[0].on_success] == ["Deleted pod: new"]
    assert [event.message for event in deletions[0].on_refusal] == ["Error deleting: {error}"]
    assert rules(result) == ["TooManyPods"] * 3


def test_a_replica_set_being_deleted_only_reports():
    # TestDoNotAdoptOrCreateIfBeingDeleted
    assert done(planned(2, [], deletionTimestamp=NOW)) == ["update replicasets.apps/status web"]


def test_claims_come_first():
    claimed = Claimed([], (planned(1, []).calls[0],))
    result = plan(Seen(replica_set(), [], NOW_NS, claimed))
    assert result.again_ns == 0
    assert len(result.calls) == 1


def test_the_first_status_counts_the_pods_listed_before():
    # upstream: calculateStatus is given the pods of the start of the sync
    status = status_of(planned(3, []))
    assert status == {"replicas": 0, "observedGeneration": 1}


HALF_LABELLED = [pod("a", labels={"app": "web", "x": "y"}), pod("b")]


@pytest.mark.parametrize(
    ("spec", "present", "counts"),
    [
        ({}, pods(1, "running"), (1, 1, 0, 0)),  # 1 fullyLabelled, not ready
        ({}, pods(2), (2, 2, 2, 2)),  # 2 fully labelled, ready, available
        (
            {"template": {"metadata": {"labels": {"app": "web", "x": "y"}}, "spec": {}}},
            HALF_LABELLED,
            (2, 1, 2, 2),
        ),  # one not fully labelled
        ({"minReadySeconds": 3600}, pods(1, ready_since=ago(60)), (1, 1, 1, 0)),  # ready, not yet available
        ({"minReadySeconds": 60}, pods(1, ready_since=ago(60)), (1, 1, 1, 0)),  # available only after, not at, the moment
        ({"minReadySeconds": 60}, pods(1, ready_since=ago(61)), (1, 1, 1, 1)),
    ],
)
def test_counts(spec, present, counts):
    # TestCalculateStatus
    assert tuple(count_pods(replica_set(replicas=2, spec=spec), present, NOW_NS)) == counts


@pytest.mark.parametrize(
    ("replicas", "present", "reason", "message"),
    [
        (1, 0, "FailedCreate", "{error}"),  # TestCalculateStatusConditions: manageReplicasErr != nil && failureCond == nil, diff < 0
        (0, 1, "FailedDelete", "unable to delete pods: {error}"),  # diff > 0; upstream: DeletePod, controller_utils.go
    ],
)
def test_a_refusal_is_reported_once(replicas, present, reason, message):
    owner = replica_set(replicas=replicas)
    counts = count_pods(owner, pods(present), NOW_NS)
    failed = failure_status(owner, counts, NOW_NS)
    condition = {"type": "ReplicaFailure", "status": "True", "lastTransitionTime": NOW, "reason": reason, "message": message}
    assert failed["conditions"] == [condition]
    told = {**owner, "status": {**failed, "conditions": [{**condition, "message": "first"}]}}
    assert failure_status(told, counts, NOW_NS)["conditions"][0]["message"] == "first"
    assert "conditions" not in new_status(told, counts)


@pytest.mark.parametrize(
    ("status", "same"),
    [
        (OBSERVED, True),
        ({**OBSERVED, "observedGeneration": 0}, False),
        ({**OBSERVED, "readyReplicas": 1}, False),
        ({**OBSERVED, "conditions": []}, True),
    ],
)
def test_when_a_status_is_written(status, same):
    # upstream: updateReplicaSetStatus, replica_set_utils.go
    owner = replica_set(replicas=2, status=status)
    assert same_status(owner, new_status(owner, count_pods(owner, pods(2), NOW_NS))) is same


@pytest.mark.parametrize(
    ("since", "again_ns"),
    [(ago(1), 10 * SECOND), (ago(60), None)],  # upstream: syncReplicaSet, the last line of defence against clock skew
)
def test_it_looks_again_when_all_are_ready_but_not_available(since, again_ns):
    assert planned(2, pods(2, ready_since=since), spec={"minReadySeconds": 10}).again_ns == again_ns


def test_slow_start_is_capped():
    # upstream: slowStartBatch of the StatefulSet controller, MaxBatchSize 500
    assert [len(batch) for batch in slow_start(range(2000), cap=500)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 500, 500, 489]
