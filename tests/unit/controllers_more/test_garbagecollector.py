"""The garbage collector. Rows: upstream pkg/controller/garbagecollector/garbagecollector_test.go, test/integration/garbagecollector, 1.28."""

import pytest

from kubelab.controllers.garbagecollector import CONTROLLER
from kubelab.controllers.garbagecollector.graph import changed_keys
from kubelab.engine.component import Change
from tests.unit.controllers_more.builders import owner_of, pod, thing, workload
from tests.unit.storage.harness import NOW, World

RS = workload()
GONE = workload(name="gone")
WAITING = {
    **workload(name="waiting"),
    "metadata": {**workload(name="waiting")["metadata"], "deletionTimestamp": NOW, "finalizers": ["foregroundDeletion"]},
}
ORPHANING = {**RS, "metadata": {**RS["metadata"], "deletionTimestamp": NOW, "finalizers": ["orphan"]}}


def owned(*owners: dict, **more: object) -> dict:
    made = pod("p", **more)
    return {**made, "metadata": {**made["metadata"], "ownerReferences": list(owners)}}


def writes(world: World) -> list[str]:
    return [call for call in world.calls if not call.startswith("get ")]


@pytest.mark.parametrize(
    ("why", "present", "of", "expected"),
    [
        ("a living owner keeps it", [RS], owned(owner_of(RS)), []),
        ("no owner at all", [], owned(), []),
        ("absent owner", [], owned(owner_of(GONE)), ["delete pods p"]),
        ("same name, other uid is absent", [RS], owned({**owner_of(RS), "uid": "other"}), ["delete pods p"]),
        ("one living, one dangling", [RS], owned(owner_of(RS), owner_of(GONE)), ["patch pods p"]),
        ("one living, one waiting", [RS, WAITING], owned(owner_of(RS), owner_of(WAITING)), ["patch pods p"]),
        ("owner waits for it", [WAITING], owned(owner_of(WAITING)), ["delete pods p"]),
        ("absent owner of a version that is not served", [], owned({**owner_of(GONE), "apiVersion": "extensions/v1beta1"}), []),
        ("living owner of a version that is not served", [RS], owned({**owner_of(RS), "apiVersion": "apps/v1beta2"}), []),
        ("already being deleted", [], owned(owner_of(GONE), going=True), []),
        ("cluster-scoped owner", [thing("Node", "n", namespace="")], owned(owner_of(thing("Node", "n", namespace=""))), []),
    ],
)
def test_one_dependent(why, present, of, expected):
    world = World(CONTROLLER, *present, of).sync("delete", "pods", "default", "p", "uid-p")
    assert writes(world) == expected


def test_it_asks_before_it_deletes_and_asks_for_an_absent_owner_once():
    first, second = (
        owned(owner_of(GONE)),
        {**owned(owner_of(GONE)), "metadata": {**owned(owner_of(GONE))["metadata"], "name": "q", "uid": "uid-q"}},
    )
    world = World(CONTROLLER, first, second)
    world.sync("delete", "pods", "default", "p", "uid-p").sync("delete", "pods", "default", "q", "uid-q")
    assert world.calls == ["get pods p", "get replicasets.apps gone", "delete pods p", "get pods q", "delete pods q"]
    assert world.bodies[2] == {"propagationPolicy": "Background", "preconditions": {"uid": "uid-p"}}


@pytest.mark.parametrize(("finalizers", "policy"), [([], "Background"), (["orphan"], "Orphan"), (["foregroundDeletion"], "Foreground")])
def test_the_policy_follows_the_finalizers(finalizers, policy):
    world = World(CONTROLLER, owned(owner_of(GONE), finalizers=finalizers)).sync("delete", "pods", "default", "p", "uid-p")
    assert world.bodies[-1]["propagationPolicy"] == policy


def test_dangling_references_are_taken_off_by_uid():
    world = World(CONTROLLER, RS, WAITING, owned(owner_of(RS), owner_of(GONE), owner_of(WAITING))).sync(
        "delete", "pods", "default", "p", "uid-p"
    )
    gone = [{"$patch": "delete", "uid": "uid-gone"}, {"$patch": "delete", "uid": "uid-waiting"}]
    assert world.bodies[-1] == {"metadata": {"uid": "uid-p", "ownerReferences": gone}}


def test_a_dependent_with_dependents_goes_in_the_foreground():
    of = {**RS, "metadata": {**RS["metadata"], "ownerReferences": [owner_of(WAITING)]}}
    world = World(CONTROLLER, WAITING, of, owned(owner_of(RS))).sync("delete", "replicasets.apps", "default", "rs", "uid-rs")
    assert world.bodies[-1]["propagationPolicy"] == "Foreground"


def test_a_circle_is_cut():
    circle = {"deletionTimestamp": NOW, "finalizers": ["foregroundDeletion"]}
    a = {**RS, "metadata": {**RS["metadata"], "ownerReferences": [owner_of(WAITING, blockOwnerDeletion=True)]}}
    b = {**WAITING, "metadata": {**WAITING["metadata"], **circle, "ownerReferences": [owner_of(RS, blockOwnerDeletion=True)]}}
    world = World(CONTROLLER, b, a).sync("delete", "replicasets.apps", "default", "rs", "uid-rs")
    assert writes(world) == ["patch replicasets.apps rs", "delete replicasets.apps rs"]
    assert [each["blockOwnerDeletion"] for each in world.bodies[-2]["metadata"]["ownerReferences"]] == [False]


@pytest.mark.parametrize(
    ("why", "dependents", "expected", "follow_up"),
    [
        ("none left", [], ["patch replicasets.apps waiting"], 0),
        ("one that does not block", [owned(owner_of(WAITING))], ["patch replicasets.apps waiting"], 0),
        ("one that blocks", [owned(owner_of(WAITING, blockOwnerDeletion=True))], [], 1),
        ("one that is going", [owned(owner_of(WAITING, blockOwnerDeletion=True), going=True)], [], 0),
    ],
)
def test_an_owner_waits_for_those_that_block_it(why, dependents, expected, follow_up):
    world = World(CONTROLLER, WAITING, *dependents).sync("delete", "replicasets.apps", "default", "waiting", "uid-waiting")
    assert writes(world) == expected
    assert len(world.plans[-1].follow_up) == follow_up
    if expected:
        assert world.bodies[-1]["metadata"]["finalizers"] is None


def test_orphaning_lets_all_dependents_go_first():
    world = World(CONTROLLER, ORPHANING, owned(owner_of(RS))).sync("orphan", "replicasets.apps", "default", "rs", "uid-rs")
    assert writes(world) == ["patch pods p", "patch replicasets.apps rs"]
    assert [len(batch.calls) for batch in world.plans[-1].batches] == [1, 1, 1]


def test_an_owner_in_another_namespace_is_no_owner():
    elsewhere = thing("ConfigMap", "cm", namespace="other")
    world = World(CONTROLLER, elsewhere, owned(owner_of(elsewhere))).sync("delete", "pods", "default", "p", "uid-p")
    assert writes(world) == ["delete pods p"]
    words = 'ownerRef [v1/ConfigMap, namespace: default, name: cm, uid: uid-cm] does not exist in namespace "default"'
    assert world.events == [("Warning OwnerRefInvalidNamespace", words)]


def test_a_cluster_scoped_dependent_of_a_namespaced_owner_is_told_and_kept():
    owner = thing("ConfigMap", "cm")
    of = thing("Node", "n", namespace="", ownerReferences=[owner_of(owner)])
    world = World(CONTROLLER, owner, of).sync("delete", "nodes", "", "n", "uid-n")
    assert writes(world) == []
    assert world.events == [
        ("Warning OwnerRefInvalidNamespace", 'ownerRef [v1/ConfigMap, namespace: , name: cm, uid: uid-cm] does not exist in namespace ""')
    ]


def test_an_owner_of_an_unknown_kind_is_asked_for_in_the_background():
    unknown = {"apiVersion": "example.com/v1", "kind": "Widget", "name": "w", "uid": "u"}
    world = World(CONTROLLER, owned(unknown)).sync("delete", "pods", "default", "p", "uid-p")
    assert world.plans[-1].follow_up == (("unmapped", "pods", "default", "p", "uid-p"),)
    world.sync("unmapped", "pods", "default", "p", "uid-p")
    assert world.plans[-1].error == "unable to get REST mapping for example.com/v1/Widget."
    assert "unmapped" in CONTROLLER.background


# -- which changes matter ---------------------------------------------------------------------------------------------------------
def keys(world: World, type_: str, obj: dict, old: dict | None = None, resource: str = "pods") -> list:
    return list(changed_keys(Change(type_, resource, obj, old, 1), world.scope()))


def test_a_status_change_is_nobody_s_business():
    old = owned(owner_of(RS))
    assert keys(World(CONTROLLER, RS, old), "MODIFIED", {**old, "status": {}}, old) == []


@pytest.mark.parametrize(
    ("why", "owners", "before", "woken"),
    [
        ("owner present", [owner_of(RS)], None, []),
        ("owner absent", [owner_of(GONE)], None, ["p"]),
        ("owner added that is absent", [owner_of(RS), owner_of(GONE)], [owner_of(RS)], ["p"]),
        ("blocking reference removed: the owner", [], [owner_of(WAITING, blockOwnerDeletion=True)], ["waiting"]),
        ("no longer blocking: the owner", [owner_of(WAITING)], [owner_of(WAITING, blockOwnerDeletion=True)], ["waiting"]),
        ("reference that did not block removed", [], [owner_of(WAITING)], []),
    ],
)
def test_changed_owners(why, owners, before, woken):
    new, old = owned(*owners), owned(*before) if before is not None else None
    found = keys(World(CONTROLLER, RS, WAITING, new), "MODIFIED" if old else "ADDED", new, old)
    assert [key[3] for key in found] == woken


def test_a_deleted_owner_wakes_its_dependents_and_a_deleted_dependent_its_waiting_owner():
    world = World(CONTROLLER, WAITING, owned(owner_of(RS), owner_of(WAITING)))
    assert [key[:4] for key in keys(world, "DELETED", RS, RS, "replicasets.apps")] == [("delete", "pods", "default", "p")]
    found = keys(world, "DELETED", owned(owner_of(WAITING)), owned(owner_of(WAITING)))
    assert [key[:4] for key in found] == [("delete", "replicasets.apps", "default", "waiting")]


def test_the_beginning_of_a_deletion_that_waits():
    world = World(CONTROLLER, WAITING, owned(owner_of(WAITING)))
    before = workload(name="waiting")
    assert [key[3] for key in keys(world, "MODIFIED", WAITING, before, "replicasets.apps")] == ["p", "waiting"]
    assert keys(world, "MODIFIED", WAITING, WAITING, "replicasets.apps") == []
    assert keys(World(CONTROLLER), "MODIFIED", ORPHANING, RS, "replicasets.apps") == [
        ("orphan", "replicasets.apps", "default", "rs", "uid-rs")
    ]


def test_events_are_not_tracked():
    watched = [watch.resource for watch in CONTROLLER.watches]
    assert "pods" in watched and "deployments.apps" in watched
    assert not any(resource.startswith("events") for resource in watched)
