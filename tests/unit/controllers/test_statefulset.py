"""The StatefulSet controller's plans: what it does with which pods. Rows: upstream pkg/controller/statefulset/*_test.go, 1.28, and recorded
syncs. In a row each word is the pod of one ordinal: ``-`` is missing, ``old+…`` has the old revision."""

from dataclasses import replace

import pytest

from kubelab.controllers.common.history import resolve_revision, sorted_revisions, template_data
from kubelab.controllers.statefulset.controller import plan, truncate_history
from kubelab.controllers.statefulset.observe import Gates, Seen
from kubelab.controllers.statefulset.update import max_unavailable
from kubelab.world.clock import SECOND
from tests.unit.controllers.builders import (
    NOW,
    NOW_NS,
    ago,
    done,
    revision,
    rules,
    seen,
    stateful_set,
    status_of,
    template,
)


def pod_calls(result):
    return [text for text in done(result) if "/status" not in text]


ORDERED = [
    # CreatesPods: one at a time, the next when the one before is Running and Ready
    ("- - -", {}, ["create pods web-0"], ["PodMissing"]),
    ("ready - -", {}, ["create pods web-1"], ["PodMissing"]),
    ("ready pending -", {}, [], ["PodNotReady"]),
    ("ready running -", {}, [], ["PodNotReady"]),
    ("ready ready+going -", {}, [], ["PodTerminating"]),
    ("ready ready ready", {}, [], ["Settled"]),
    ("ready - ready", {}, ["create pods web-1"], ["PodMissing"]),  # ReplacesPods
    # RecreatesFailedPod, RecreatesSucceededPod (1.28: a finished pod is waited for, not made anew)
    ("ready failed ready", {}, ["delete pods web-1", "create pods web-1"], ["PodFailed", "PodFailed"]),
    ("ready succeeded -", {}, [], ["PodNotReady"]),
    # ScalesDown: from the top, one by one
    ("ready ready ready", {"replicas": 1}, ["delete pods web-2"], ["PodCondemned"]),
    ("ready ready ready+going", {"replicas": 1}, [], ["PodTerminating"]),
    ("ready ready running", {"replicas": 1}, ["delete pods web-2"], ["PodCondemned"]),  # one broken condemned pod goes
    ("ready running running", {"replicas": 1}, [], ["PodNotReady"]),  # two block each other
    ("running ready ready", {"replicas": 1}, [], ["PodNotReady"]),
    ("ready ready ready", {"replicas": 0}, ["delete pods web-2"], ["PodCondemned"]),
    # scaling goes before updating
    ("old+ready old+ready -", {"updating": True}, ["create pods web-2"], ["PodMissing"]),
    ("old+ready old+ready old+ready", {"updating": True, "replicas": 2}, ["delete pods web-2"], ["PodCondemned"]),
    # TestStatefulSetControlRollingUpdate: from the top down, one per sync
    ("old+ready old+ready old+ready", {"updating": True}, ["delete pods web-2"], ["PodOutdated"]),
    ("old+ready old+ready ready", {"updating": True}, ["delete pods web-1"], ["PodOutdated"]),
    ("old+ready old+ready -", {"updating": True, "partition": 3}, ["create pods web-2"], ["PodMissing"]),
    # TestStatefulSetControlRollingUpdateWithPartition: compared with the slot's index, not the ordinal
    ("old+ready old+ready old+ready", {"updating": True, "partition": 2}, ["delete pods web-2"], ["PodOutdated"]),
    ("old+ready old+ready ready", {"updating": True, "partition": 2}, [], ["Settled"]),
    (
        "old+ready old+ready",
        {"updating": True, "partition": 1, "first": 5, "spec": {"ordinals": {"start": 5}}},
        ["delete pods web-6"],
        ["PodOutdated"],
    ),
    # TestStatefulSetControlOnDeleteUpdate
    ("old+ready old+ready", {"updating": True, "strategy": "OnDelete"}, [], ["UpdateOnDelete"]),
    # the forced-rollback trap (recorded: image back to nginx:2, web-2 stays broken)
    ("ready ready old+pending", {"updating": True}, [], ["PodNotReady"]),
    # TestStatefulSetControlWithStartOrdinal: below the start is condemned too
    ("ready ready ready", {"replicas": 2, "spec": {"ordinals": {"start": 1}}}, ["delete pods web-0"], ["PodCondemned"]),
    ("- -", {"first": 2, "spec": {"ordinals": {"start": 2}}}, ["create pods web-2"], ["PodMissing"]),
    # a set being deleted only reports
    ("ready -", {"deletionTimestamp": NOW}, [], ["OwnerDeleting"]),
    # minReadySeconds (TestStatefulSetAvailability)
    ("ready -", {"spec": {"minReadySeconds": 60}, "pods": {"ready_since": ago(30)}}, [], ["PodNotAvailable"]),
    ("ready -", {"spec": {"minReadySeconds": 60}, "pods": {"ready_since": ago(61)}}, ["create pods web-1"], ["PodMissing"]),
]


@pytest.mark.parametrize(("pods", "given", "calls", "why"), ORDERED, ids=[f"{row[0]} {list(row[1].values())}" for row in ORDERED])
def test_in_order(pods, given, calls, why):
    result = plan(seen(pods, **given))
    assert (pod_calls(result), rules(result)) == (calls, why)


PARALLEL = [
    ("- - - - -", {}, ["create pods web-0", "create pods web-1, create pods web-2", "create pods web-3, create pods web-4"]),  # slow start
    ("pending - -", {}, ["create pods web-1, create pods web-2"]),
    ("ready ready running running", {"replicas": 1}, ["delete pods web-3", "delete pods web-2, delete pods web-1"]),  # ScalesDown, burst
    ("ready ready+going ready", {"replicas": 1}, ["delete pods web-2"]),
    ("failed ready", {}, ["delete pods web-0", "create pods web-0"]),
    ("old+ready old+ready old+ready", {"updating": True}, ["delete pods web-2"]),  # an update goes one by one all the same
    ("ready ready old+pending", {"updating": True}, ["delete pods web-2"]),  # Parallel heals itself: no trap
    ("old+ready old+ready pending", {"updating": True}, []),
    ("old+ready old+ready -", {"updating": True}, ["create pods web-2"]),
]


@pytest.mark.parametrize(("pods", "given", "calls"), PARALLEL)
def test_in_parallel(pods, given, calls):
    assert pod_calls(plan(seen(pods, policy="Parallel", **given))) == calls


@pytest.mark.parametrize(
    ("pods", "partition", "allowed", "calls"),
    [  # TestStatefulSetControlRollingUpdateWithMaxUnavailable
        ("old+ready old+ready old+ready old+ready", 0, 2, ["delete pods web-3", "delete pods web-2"]),
        ("old+ready old+ready old+ready old+ready+going", 0, 2, []),
        ("old+ready old+ready old+ready ready", 0, 2, ["delete pods web-2", "delete pods web-1"]),
        ("old+ready old+ready old+ready old+ready", 3, 2, ["delete pods web-3"]),
        ("old+ready old+ready old+ready old+ready", 0, "25%", ["delete pods web-3"]),
    ],
)
def test_max_unavailable_behind_its_gate(pods, partition, allowed, calls):
    given = {"updating": True, "partition": partition, "rolling": {"maxUnavailable": allowed}, "gates": Gates(max_unavailable=True)}
    assert pod_calls(plan(seen(pods, **given))) == calls


@pytest.mark.parametrize(
    ("value", "replicas", "expected"),
    [(1, 10, 1), (0, 10, 1), ("30%", 10, 3), ("39%", 10, 3), ("1%", 10, 1), ("20%", 1, 1)],  # TestGetStatefulSetMaxUnavailable
)
def test_max_unavailable(value, replicas, expected):
    assert max_unavailable(value, replicas) == expected


# -- new pods ---------------------------------------------------------------------------------------------------------------
def test_a_new_pod_has_its_identity():
    # upstream: newStatefulSetPod, initIdentity
    given = seen("-")
    body = plan(given).calls[0].body
    assert body["metadata"]["name"] == "web-0"
    assert body["metadata"]["generateName"] == "web-"
    assert body["metadata"]["labels"] == {
        "app": "web",
        "statefulset.kubernetes.io/pod-name": "web-0",
        "apps.kubernetes.io/pod-index": "0",
        "controller-revision-hash": given.update["metadata"]["name"],
    }
    assert (body["spec"]["hostname"], body["spec"]["subdomain"]) == ("web-0", "web")


@pytest.mark.parametrize(
    ("given", "image"),
    [  # TestNewVersionedStatefulSetPod: ordinal 1 is made; current has app:1, update app:2
        ({"partition": 0}, "app:2"),
        ({"partition": 1}, "app:2"),
        ({"partition": 2}, "app:1"),
        ({"strategy": "OnDelete"}, "app:2"),
    ],
)
def test_the_revision_of_a_new_pod(given, image):
    call = plan(seen("old+ready -", updating=True, **given)).calls[0]
    assert call.body["spec"]["containers"][0]["image"] == image


@pytest.mark.parametrize(("current_replicas", "image"), [(1, "app:2"), (2, "app:1")])
def test_the_revision_of_a_new_pod_without_a_rolling_update_block(current_replicas, image):
    given = seen("old+ready -", updating=True, status={"replicas": 2, "currentReplicas": current_replicas})
    spec = {**given.set["spec"], "updateStrategy": {"type": "RollingUpdate"}}
    without = Seen({**given.set, "spec": spec}, given.pods, given.current, given.update, NOW_NS, given.revisions)
    assert plan(without).calls[0].body["spec"]["containers"][0]["image"] == image


CREATED = ("SuccessfulCreate", "create Pod web-0 in StatefulSet web successful")
NOT_CREATED = ("FailedCreate", "create Pod web-0 in StatefulSet web failed error: {error}")
DELETED = ("SuccessfulDelete", "delete Pod web-1 in StatefulSet web successful")
NOT_DELETED = ("FailedDelete", "delete Pod web-1 in StatefulSet web failed error: {error}")


@pytest.mark.parametrize(
    ("pods", "given", "events"),
    [  # upstream: recordPodEvent, stateful_pod_control.go
        ("-", {}, [CREATED, NOT_CREATED]),
        ("-", {"taken": ("web-0",)}, [CREATED]),  # AlreadyExists: no event
        ("ready ready", {"replicas": 1}, [DELETED, NOT_DELETED]),
    ],
)
def test_events(pods, given, events):
    call = plan(seen(pods, **given)).calls[0]
    assert [(event.reason, event.message) for event in (*call.on_success, *call.on_refusal)] == events


def test_a_failed_pod_is_told_of():
    event = plan(seen("failed")).events[0]
    assert (event.type, event.reason, event.message) == (
        "Warning",
        "RecreatingFailedPod",
        "StatefulSet default/web is recreating failed Pod web-0",
    )


def test_an_identity_is_repaired():
    # TestStatefulPodControlUpdatesIdentity
    given = seen("ready")
    broken = {**given.pods[0], "metadata": {**given.pods[0]["metadata"], "labels": {"app": "web"}}}
    result = plan(Seen(given.set, [broken], given.current, given.update, NOW_NS, given.revisions))
    call = result.calls[0]
    assert (call.verb, call.body["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"]) == ("update", "web-0")
    assert call.on_success[0].message == "update Pod web-0 in StatefulSet web successful"


# -- status -----------------------------------------------------------------------------------------------------------------
def counts(result):
    status = status_of(result)
    return tuple(status.get(f"{name}Replicas" if name else "replicas", 0) for name in ("", "ready", "available", "current", "updated"))


@pytest.mark.parametrize(
    ("pods", "given", "expected"),
    [  # replicas, ready, available, current, updated
        ("- -", {}, (0, 0, 0, 0, 0)),  # a pod just created is not counted yet (1.28)
        ("ready pending", {}, (2, 1, 1, 2, 2)),
        ("ready ready+going", {}, (2, 2, 2, 1, 1)),  # terminating counts as a replica, but not for its revision
        ("old+ready old+ready", {"updating": True}, (2, 2, 2, 1, 0)),  # recorded: update delete: currentReplicas - 1
        ("old+ready pending", {"updating": True}, (2, 1, 1, 1, 1)),
        ("ready ready", {"updating": True}, (2, 2, 2, 2, 2)),  # completion: current := update
        ("old+ready ready", {"updating": True, "partition": 1}, (2, 2, 2, 1, 1)),
        ("ready ready", {"updating": True, "strategy": "OnDelete"}, (2, 2, 2, 0, 2)),  # OnDelete never completes
        ("ready failed", {}, (1, 1, 1, 1, 1)),  # the failed pod is being replaced
        ("ready ready", {"spec": {"minReadySeconds": 60}, "pods": {"ready_since": ago(30)}}, (2, 2, 0, 2, 2)),
    ],
)
def test_status(pods, given, expected):
    assert counts(plan(seen(pods, **given))) == expected


def test_completion_moves_the_current_revision():
    given = seen("ready ready", updating=True)
    status = status_of(plan(given))
    assert status["currentRevision"] == status["updateRevision"] == given.update["metadata"]["name"]


def test_an_unchanged_status_is_not_written_and_a_changed_one_also_after_a_refusal():
    first = plan(seen("ready ready"))
    assert first.batches[-1].always
    settled = seen("ready ready", status=status_of(first))
    assert done(plan(settled)) == []


def test_the_order_of_calls():
    # recorded: pod, status; the status comes last
    assert done(plan(seen("- -"))) == ["create pods web-0", "update statefulsets.apps/status web"]


@pytest.mark.parametrize(
    ("pods", "since", "again_ns"),
    [("ready ready", ago(30), 60 * SECOND), ("ready ready", ago(61), None), ("running running", ago(30), None)],
)
def test_it_looks_again_while_pods_are_ready_but_not_available(pods, since, again_ns):
    assert plan(seen(pods, spec={"minReadySeconds": 60}, pods={"ready_since": since})).again_ns == again_ns


# -- revisions --------------------------------------------------------------------------------------------------------------
OWNER = stateful_set(template=template("app:2"))
ONE, TWO, THREE = (revision(OWNER, f"app:{number}", number) for number in (1, 2, 3))
DATA = template_data(OWNER["spec"]["template"])


def resolved(revisions, collisions=0, named=None):
    return resolve_revision(OWNER, DATA, sorted_revisions(revisions), collisions, (named or {}).get)


@pytest.mark.parametrize(
    ("revisions", "verbs", "number"),
    [  # TestStatefulSetControl_getSetRevisions
        ([], ["create"], 1),
        ([TWO], [], 2),
        ([ONE], ["create"], 2),
        ([ONE, TWO], [], 2),
        ([ONE, TWO, THREE], ["update"], 4),  # an older equal one moves up
    ],
)
def test_which_revision_a_template_has(revisions, verbs, number):
    found = resolved(revisions)
    assert ([call.verb for call in found.calls], found.revision["revision"]) == (verbs, number)
    assert found.revision["data"] == DATA


def test_a_name_taken_by_other_data_counts_as_a_collision():
    # upstream: CreateControllerRevision, controller_history.go
    wanted = resolved([]).revision["metadata"]["name"]
    found = resolved([], named={wanted: ONE})
    assert (found.collision_count, found.revision["metadata"]["name"] != wanted) == (1, True)
    same = resolved([], named={wanted: {**TWO, "metadata": {**TWO["metadata"], "name": wanted}}})
    assert (same.calls, same.collision_count) == ((), 0)


def test_the_revision_is_written_before_anything_else():
    given = seen("- -")
    waiting = Seen(given.set, given.pods, given.current, given.update, NOW_NS, (), revising=resolved([]).calls)
    result = plan(waiting)
    assert (len(result.calls), result.again_ns) == (1, 0)


@pytest.mark.parametrize(
    ("numbers", "limit", "deleted"),
    [  # TestStatefulSetControlLimitsHistory: live ones do not count
        ([1, 2, 3], 2, []),
        ([1, 2, 3, 4], 1, ["1"]),
        ([1, 2, 3, 4], 0, ["1", "2"]),
    ],
)
def test_history_is_truncated(numbers, limit, deleted):
    owner = stateful_set(spec={"revisionHistoryLimit": limit})
    all_ = [{**revision(owner, f"app:{number}", number), "metadata": {"name": f"r{number}", "namespace": "default"}} for number in numbers]
    given = Seen(owner, [], all_[-1], all_[-2], NOW_NS, all_)
    expected = deleted if len(numbers) > 3 else []
    assert [call.name.removeprefix("r") for call in truncate_history(given).calls] == expected


@pytest.mark.parametrize(
    ("of_1_20", "current", "updated"),
    [(False, 3, 3), (True, 2, 2)],  # upstream: stateful_set_control.go, 1.20: the condemned pod counts no more at once; 1.28 updateStatus
)
def test_a_condemned_pod_in_the_status_of_the_sync_that_deletes_it(of_1_20, current, updated):
    given = seen("ready ready ready", replicas=1)
    status = status_of(plan(replace(given, gates=Gates(counts_made=of_1_20))))
    assert (status["replicas"], status["currentReplicas"], status["updatedReplicas"]) == (3, current, updated)
