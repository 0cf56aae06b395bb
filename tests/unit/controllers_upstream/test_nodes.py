"""Pods on nodes that are gone, tainted or out of service, over upstream's own tables.

upstream: pkg/controller/podgc/gc_controller_test.go, pkg/controller/nodelifecycle/{node_lifecycle_controller,scheduler/taint_manager}_test.go,
pkg/controller/disruption/disruption_test.go, 1.28.
"""

from __future__ import annotations

import pytest

from kubelab.controllers import disruption, podgc
from kubelab.controllers.disruption.controller import STALE_POD
from kubelab.controllers.nodelifecycle.tainting import Tainting, no_schedule, plan_no_schedule
from kubelab.controllers.podgc import controller as podgc_controller
from kubelab.controllers.tainteviction.controller import FOREVER, tolerated_seconds
from kubelab.store.log import Object
from kubelab.world.clock import SECOND, rfc3339
from tests.unit.controllers_nodes.test_tainteviction import Manager
from tests.unit.controllers_upstream.rows import dated, placed, rows
from tests.unit.controllers_upstream.world import ServedWorld as World
from tests.unit.storage.harness import NOW, NOW_NS

FILE = "nodes"


def node(given: Object, *taints: Object) -> Object:
    meta = {"uid": f"uid-{given['metadata']['name']}", **given["metadata"]}
    spec = {**(given.get("spec") or {}), **({"taints": list(taints)} if taints else {})}
    return {"apiVersion": "v1", "kind": "Node", "status": {}, **given, "metadata": meta, "spec": spec}


def deleted(world: World) -> list[str]:
    return [call.split()[2] for call in world.calls if call.startswith("delete pods")]


def collected(*objects: Object, after: float = 0) -> World:
    world = World(podgc.CONTROLLER, *objects)
    world.sync("gc")
    if after:
        assert not deleted(world)
        world.now_ns += int(after)
    return world


def pods_of(row) -> list[Object]:
    """Each an hour younger than the one before; Go's zero time marks one that is being deleted."""
    found = []
    for at, given in enumerate(row["pods"]):
        going = {"deletionTimestamp": NOW} if given.get("deletionTimeStamp") else {}
        spec = {"nodeName": given["nodeName"]} if given.get("nodeName") else {}
        status = {name: given[name] for name in ("phase", "reason") if given.get(name)}
        created = rfc3339((at + 1) * 3600 * SECOND)
        found.append(placed({"spec": spec, "status": status}, given["name"], creationTimestamp=created, **going))
    return found


@pytest.mark.parametrize("row", rows(FILE, "TestGCTerminated"))
def test_terminated_pods(row, monkeypatch):
    threshold = row["threshold"] or 0
    monkeypatch.setattr(podgc_controller, "THRESHOLD", threshold if threshold > 0 else 1 << 31)
    pods = [{**pod, "spec": {"nodeName": "node"}} for pod in pods_of(row)]

    assert sorted(deleted(collected(node({"metadata": {"name": "node"}}), *pods))) == sorted(row["deletedPodNames"] or ())


@pytest.mark.parametrize("row", rows(FILE, "TestGCUnscheduledTerminating"))
def test_unscheduled_pods_that_terminate(row):
    assert sorted(deleted(collected(*pods_of(row)))) == sorted(row["deletedPodNames"] or ())


@pytest.mark.parametrize("row", rows(FILE, "TestGCTerminating"))
def test_pods_on_nodes_out_of_service(row):
    nodes = []
    for given in row["nodes"]:
        taints = given.get("taints") or []
        ready = {"type": "Ready", "status": given.get("readyCondition", "Unknown") or "Unknown"}
        nodes.append(node({"metadata": {"name": given["name"]}, "status": {"conditions": [ready]}}, *taints))

    assert sorted(deleted(collected(*nodes, *pods_of(row)))) == sorted(row["deletedPodNames"] or ())


def one_truth(row) -> bool:
    """Rows in which what has been heard is what the server has."""
    names = ("initial", "added", "deleted")
    return all((row[f"{name}ClientNodes"] or []) == (row[f"{name}InformerNodes"] or []) for name in names)


@pytest.mark.parametrize("row", [each for each in rows(FILE, "TestGCOrphaned") if one_truth(each.values[0])])
def test_pods_of_nodes_that_are_gone(row):
    pods = [placed(dated(pod), pod["metadata"]["name"]) for pod in row["pods"]]
    world = World(podgc.CONTROLLER, *(node(each) for each in row["initialClientNodes"] or ()), *pods)
    world.sync("gc")
    assert not deleted(world)
    world.now_ns += row["delay"]
    for each in row["addedClientNodes"] or ():
        world.put(node(each))
    for each in row["deletedClientNodes"] or ():
        world.remove("nodes", "", each["metadata"]["name"])
    world.sync("gc")

    assert sorted(deleted(world)) == sorted(row["deletedPodNames"] or ())


def judged(row, pods: list[Object], nodes: list[Object], *changes: Object, sleep: float = 0) -> None:
    manager = Manager(*nodes, *pods).drive()
    for each in changes:
        manager.put(each)
    manager.drive(sleep)
    assert any(call.startswith("delete pods") for call in manager.calls) == bool(row["expectDelete"])


def tainted(row) -> list[Object]:
    return [node({"metadata": {"name": name}}, *taints) for name, taints in (row["taintedNodes"] or {}).items()]


@pytest.mark.parametrize("row", rows(FILE, "TestCreatePod"))
def test_a_pod_comes_to_a_node(row):
    judged(row, [], tainted(row), placed(dated(row["pod"]), "pod1"), sleep=0.5)


@pytest.mark.parametrize("row", rows(FILE, "TestUpdatePod"))
def test_a_pod_changes(row):
    judged(
        row,
        [placed(dated(row["prevPod"]), "pod1")],
        tainted(row),
        placed(dated(row["newPod"]), "pod1"),
        sleep=2 if row["awaitForScheduledEviction"] else 0.5,
    )


@pytest.mark.parametrize("row", rows(FILE, "TestCreateNode"))
def test_a_node_comes(row):
    judged(row, [placed(dated(each), "pod1") for each in row["pods"]], [], node(dated(row["node"])), sleep=0.5)


@pytest.mark.parametrize("row", rows(FILE, "TestUpdateNode"))
def test_a_node_changes(row):
    pods = [placed(dated(each), "pod1") for each in row["pods"]]
    sleep = (row["additionalSleep"] or 0) / SECOND or (2 if row["expectDelete"] else 0.5)
    judged(row, pods, [node(dated(row["oldNode"]))], node(dated(row["newNode"])), sleep=sleep)


@pytest.mark.parametrize("row", rows(FILE, "TestGetMinTolerationTime"))
def test_the_least_tolerated_time(row):
    """(Without a toleration upstream says now; kubelab says then that the taint is not tolerated.)"""
    if not row["tolerations"]:
        assert row["expected"] in (None, 0)
        return
    taints = [{"key": f"t{at}", "effect": "NoExecute"} for at in range(len(row["tolerations"]))]
    tolerations = [{"key": f"t{at}", "operator": "Exists", **each} for at, each in enumerate(row["tolerations"])]
    found = tolerated_seconds(taints, tolerations)

    assert (-1 if found == FOREVER else found * SECOND) == row["expected"]


@pytest.mark.parametrize("row", rows(FILE, "TestTaintsNodeByCondition"))
def test_taints_by_condition(row):
    assert no_schedule(node(row["Node"])) == [taint["key"] for taint in row["ExpectedTaints"]]


@pytest.mark.parametrize("row", rows(FILE, "TestReconcileNodeLabels"))
def test_labels_of_nodes(row):
    given = node(row["Node"])
    given["metadata"]["resourceVersion"] = "1"
    calls = plan_no_schedule(Tainting(given, NOW_NS)).calls
    added = calls[-1].body["metadata"]["labels"] if calls else {}

    assert {**(given["metadata"].get("labels") or {}), **added} == (row["ExpectedLabels"] or {})


@pytest.mark.parametrize("row", rows(FILE, "TestStalePodDisruption"))
def test_a_disruption_that_does_not_come(row):
    pod = placed(row["pod"], "foo", resourceVersion="1")
    world = World(disruption.CONTROLLER, pod, now_ns=NOW_NS + row["timePassed"])
    world.sync(STALE_POD, "default", "foo")
    patched = [body["status"]["conditions"][0]["status"] for body in world.bodies if body]
    held = [each["status"] for each in pod["status"].get("conditions") or ()]

    assert (patched or held) == [each["status"] for each in row["wantConditions"] or ()]
