"""Claiming and the keys that a change wakes. Rows: upstream pkg/controller/controller_ref_manager_test.go and replica_set_test.go, 1.28."""

import pytest

from kubelab.controllers.common.claiming import claim, claiming_plan
from kubelab.controllers.common.dependents import manager_keys, orphans
from kubelab.engine.component import Change, Later, Scope
from kubelab.store.log import Commit, Manager
from kubelab.store.state import State
from kubelab.store.view import View
from kubelab.world.clock import SECOND
from kubelab.world.streams import Streams
from kubelab.world.timing import Timing
from tests.unit.controllers.builders import NOW, deployment, pod, replica_set

ME = replica_set("me")
OTHER = replica_set("other")
GOING = replica_set("me", deletionTimestamp=NOW)
WRONG = {"app": "other"}


@pytest.mark.parametrize(
    ("owner", "owned", "free", "kept", "calls"),
    [
        (ME, [], [pod("p1"), pod("p2", labels=WRONG)], [], ["get me", "patch p1"]),  # Claim pods with correct label
        (GOING, [], [pod("p1"), pod("p2")], [], []),  # Controller marked for deletion can not claim pods
        (GOING, [pod("p1", owner=ME)], [pod("p2")], ["p1"], []),  # … can not claim new pods
        (ME, [pod("p1", owner=ME), pod("p2", owner=ME)], [], ["p1", "p2"], []),  # Controller claims all its pods
        (
            ME,
            [pod("p1", owner=ME), pod("p2", owner=ME, labels=WRONG)],
            [],
            ["p1"],
            ["patch p2"],
        ),  # releases claimed pods when selector doesn't match
        (GOING, [pod("p1", owner=ME), pod("p2", owner=ME, labels=WRONG)], [], ["p1"], []),  # does not release when being deleted
        (ME, [pod("p1", owner=ME)], [pod("p2", "going")], ["p1"], []),  # does not claim orphaned pods if they are being deleted
        (ME, [], [pod("p1", owner=OTHER)], [], []),  # pods of others are ignored
    ],
)
def test_claim(owner, owned, free, kept, calls):
    claimed = claim(owner, "replicasets.apps", "pods", owned, free)
    assert [each["metadata"]["name"] for each in claimed.objects] == kept
    assert [f"{call.verb} {call.name}" for call in claimed.calls] == calls


def test_adoption_names_the_controller_and_the_uid_it_means():
    call = claim(ME, "replicasets.apps", "pods", [], [pod("p1")]).calls[1]
    assert call.body == {
        "metadata": {
            "ownerReferences": [
                {
                    "apiVersion": "apps/v1",
                    "kind": "ReplicaSet",
                    "name": "me",
                    "uid": "uid-me",
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
            "uid": "uid-p1",
        }
    }
    assert (call.patch_type, call.because.rule) == ("strategic", "Adopt")


def test_release_deletes_only_its_own_reference():
    call = claim(ME, "replicasets.apps", "pods", [pod("p1", owner=ME, labels=WRONG)], []).calls[0]
    assert call.body == {"metadata": {"uid": "uid-p1", "ownerReferences": [{"$patch": "delete", "uid": "uid-me"}]}}
    assert call.accept == (404, 422)  # gone meanwhile, or another pod of the name


def test_after_claiming_the_sync_goes_on_with_what_it_sees_then():
    plan = claiming_plan(claim(ME, "replicasets.apps", "pods", [], [pod("p1")]).calls)
    assert plan.again_ns == 0


# -- what a change wakes ----------------------------------------------------------------------------------------------------
def scope_with(*objects):
    state = State()
    for number, (resource, obj) in enumerate(objects, 1):
        key = (resource, "default", obj["metadata"]["name"])
        state.apply(Commit(number, 0, "ADDED", key, obj, None, 0, 0, Manager("test", "Update", "v1")))
    return Scope(View(state, {}, 0), {}, 0, Streams(1), Timing(), "test", "1.28", {}, {}, {})


def wakes(change_type, new, old=None, sets=(ME, OTHER)):
    scope = scope_with(*(("replicasets.apps", each) for each in sets))
    found = manager_keys(Change(change_type, "pods", new, old, 1), scope, "ReplicaSet", "replicasets.apps")
    return [(key.after_ns // SECOND, key.key[1]) if isinstance(key, Later) else key[1] for key in found]


SLOW = replica_set("me", spec={"minReadySeconds": 10})


@pytest.mark.parametrize(
    ("change", "sets", "woken"),
    [
        (("ADDED", pod("p", owner=ME)), (ME, OTHER), ["me"]),  # TestAddPod
        (("ADDED", pod("p")), (ME, OTHER), ["me", "other"]),  # TestAddPodOrphan: all matching
        (("ADDED", pod("p", labels=WRONG)), (ME, OTHER), []),
        (("ADDED", pod("p", labels={})), (ME, OTHER), []),  # without labels nobody is asked
        (("MODIFIED", pod("p", owner=ME), pod("p", "pending", owner=ME)), (ME, OTHER), ["me"]),
        (("MODIFIED", pod("p"), pod("p", "pending")), (ME, OTHER), []),  # an orphan whose labels and controller did not change
        (("MODIFIED", pod("p"), pod("p", labels=WRONG)), (ME, OTHER), ["me", "other"]),  # TestUpdatePodOrphanWithNewLabels
        (("MODIFIED", pod("p", owner=ME), pod("p", owner=OTHER)), (ME, OTHER), ["other", "me"]),  # TestUpdatePodChangeControllerRef
        (
            ("MODIFIED", pod("p"), pod("p", owner=ME)),
            (ME, OTHER),
            ["me", "other"],
        ),  # TestUpdatePodRelease: the old owner, then all matching
        (("DELETED", pod("p", owner=ME)), (ME, OTHER), ["me"]),  # TestDeletePod
        (("DELETED", pod("p")), (ME, OTHER), []),  # TestDeletePodOrphan
        (("ADDED", pod("p", owner=replica_set("me", uid="another"))), (ME,), []),  # an owner of the name but another uid
        (("MODIFIED", pod("p", owner=ME), pod("p", "running", owner=ME)), (SLOW,), ["me", (11, "me")]),  # minReadySeconds + 1
    ],
)
def test_a_pods_change_wakes_its_managers(change, sets, woken):
    assert wakes(*change, sets=sets) == woken


def test_orphans_are_remembered_until_somebody_controls_them():
    free, taken = pod("p"), pod("p", owner=ME)
    scope = scope_with(("pods", free))
    manager_keys(Change("ADDED", "pods", free, None, 1), scope, "ReplicaSet", "replicasets.apps")
    assert orphans(scope, "pods", "default") == [free]
    assert orphans(scope, "pods", "elsewhere") == []
    manager_keys(Change("MODIFIED", "pods", taken, free, 2), scope, "ReplicaSet", "replicasets.apps")
    assert orphans(scope, "pods", "default") == []


def test_a_deployment_claims_replica_sets_in_the_same_way():
    # upstream: TestGetReplicaSetsForDeploymentAdoptRelease, deployment_controller_test.go
    owner = deployment("web")
    adopted, released = replica_set("adopted"), replica_set("released", owner=owner, labels=WRONG)
    claimed = claim(owner, "deployments.apps", "replicasets.apps", [released], [adopted])
    assert claimed.objects == []
    assert [f"{call.verb} {call.name}" for call in claimed.calls] == ["patch released", "get web", "patch adopted"]
