"""The queue over time. upstream: internal/queue/scheduling_queue.go, eventhandlers.go, 1.28; spec/scheduler-kubelet.md section 4."""

from __future__ import annotations

import pytest

from kubelab.scheduler import explain
from kubelab.scheduler.queue import backoff_ns, node_event
from kubelab.world.clock import SECOND
from tests.unit.scheduler import builders as b


def where(world, name):
    return explain.standing(world.memory, f"uid-default-{name}").queue


def attempts(world):
    return [event.message for event in world.events if event.reason == "FailedScheduling"]


def full_world():
    """One node, filled, and a pod that does not fit any more."""
    world = b.World(b.node("n1", cpu="1"), b.pod("old", cpu="1", node="n1"), b.pod("new", cpu="1"))
    world.run()
    return world


def test_higher_priority_goes_first_then_who_came_first():
    world = b.World(b.node("n1"))
    for name, priority in (("a", 0), ("b", 5), ("c", 5), ("d", 9)):
        world.put(b.pod(name, priority=priority))
    world.run()

    assert [call.name for call in world.calls] == ["d", "b", "c", "a"]


def test_back_off_doubles_up_to_ten_seconds():
    assert [backoff_ns(each) // SECOND for each in range(1, 7)] == [1, 2, 4, 8, 10, 10]


def test_an_unschedulable_pod_waits_for_an_event():
    world = full_world()
    world.run(60)

    assert where(world, "new") == "unschedulable"
    assert len(attempts(world)) == 1


def test_a_pod_that_goes_makes_room_after_the_back_off():
    world = full_world()
    world.put(world.get("Pod", "old"), delete=True)
    world.run(0.9)
    assert where(world, "new") == "backoff"
    world.run(0.2)

    assert world.node_of("new") == "n1"


def test_after_the_back_off_an_event_takes_effect_at_once():
    world = full_world()
    world.run(1.5)
    world.put(world.get("Pod", "old"), delete=True)
    world.run()

    assert world.node_of("new") == "n1"


def test_a_pod_that_ends_makes_room_as_one_that_is_deleted():
    world = full_world()
    world.run(2)
    old = world.get("Pod", "old")
    world.put({**old, "status": {"phase": "Succeeded"}})
    world.run()

    assert world.node_of("new") == "n1"


def test_terminating_is_not_gone():
    world = full_world()
    world.run(2)
    old = world.get("Pod", "old")
    world.put({**old, "metadata": {**old["metadata"], "deletionTimestamp": "2026-01-01T00:00:02Z"}})
    world.run(5)

    assert where(world, "new") == "unschedulable"


def test_after_five_minutes_it_is_tried_again_at_the_next_tick_of_thirty_seconds():
    world = full_world()
    world.run(329)
    assert len(attempts(world)) == 1
    world.run(2)
    assert len(attempts(world)) == 2
    world.run(330)
    assert len(attempts(world)) == 3


def test_each_of_many_waiting_pods_is_tried_again():
    world = b.World(b.node("n1", cpu="1"))
    for at in range(3):
        world.put(b.pod(f"p{at}", cpu="2"))
        world.run(100)
    world.run(700)

    assert all(explain.standing(world.memory, f"uid-default-p{at}").attempts >= 3 for at in range(3))


# spec section 4, the table of who is moved by what; (rejected by, world, pod, event, moved)
def cordoned(is_cordoned):
    return b.node("n1", cordoned=is_cordoned)


def zoned(name, **more):
    return b.node(name, zone="a", **more)


NEAR = {
    "affinity": {
        "podAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"labelSelector": {"matchLabels": {"app": "db"}}, "topologyKey": "topology.kubernetes.io/zone"}
            ]
        }
    }
}
CLAIM = {"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]}

EVENTS = [
    ("Fit: node added", [b.node("n1", cpu="1")], {"cpu": "2"}, b.node("n2", cpu="4"), True),
    ("Fit: a node that is still too small", [b.node("n1", cpu="1")], {"cpu": "2"}, b.node("n2", cpu="1"), False),
    ("Fit: node grows", [b.node("n1", cpu="1")], {"cpu": "2"}, b.node("n1", cpu="4"), True),
    ("Fit: a tainted node", [b.node("n1", cpu="1")], {"cpu": "2"}, b.node("n2", taints=[("a", "b", "NoSchedule")]), False),
    ("Fit: a bound pod elsewhere", [b.node("n1", cpu="1")], {"cpu": "2"}, b.pod("other", node="n1"), False),
    ("Unschedulable: uncordoned", [cordoned(True)], {}, cordoned(False), True),
    ("Taint: taint removed", [b.node("n1", taints=[("a", "b", "NoSchedule")])], {}, b.node("n1"), True),
    ("Affinity: label set", [b.node("n1")], {"nodeSelector": {"disk": "ssd"}}, b.node("n1", labels={"disk": "ssd"}), True),
    ("InterPodAffinity: the wanted pod comes", [zoned("n1")], NEAR, b.pod("db", node="n1", labels={"app": "db"}), True),
    ("InterPodAffinity: another pod comes", [zoned("n1")], NEAR, b.pod("web", node="n1", labels={"app": "web"}), False),
    ("VolumeBinding: the claim comes", [b.node("n1"), b.storage_class()], CLAIM, b.claim("data"), True),
]


@pytest.mark.parametrize(("name", "objects", "wants", "event", "is_moved"), EVENTS, ids=[row[0] for row in EVENTS])
def test_events(name, objects, wants, event, is_moved):
    world = b.World(*objects)
    world.put(b.pod("new", **wants))
    world.run(3)
    assert where(world, "new") == "unschedulable"
    world.put(event)
    world.run(1)

    assert (where(world, "new") != "unschedulable") == is_moved


def test_a_change_of_its_own_spec_makes_a_pod_active_a_status_does_not():
    world = full_world()
    world.run(2)
    new = world.get("Pod", "new")
    world.put({**new, "status": {**new["status"], "reason": "x"}})
    world.run()
    assert len(attempts(world)) == 1
    new = world.get("Pod", "new")
    world.put({**new, "metadata": {**new["metadata"], "labels": {"a": "b"}}})
    world.run()

    assert len(attempts(world)) == 2


def test_a_gated_pod_enters_the_queue_with_its_last_gate_gone():
    world = b.World(b.node("n1"))
    gated = b.pod("new", schedulingGates=[{"name": "a"}, {"name": "b"}])
    world.put(gated)
    world.run(700)
    assert (where(world, "new"), world.events, world.calls) == ("gated", [], [])
    world.put({**gated, "spec": {**gated["spec"], "schedulingGates": [{"name": "b"}]}})
    world.run()
    assert where(world, "new") == "gated"
    world.put({**gated, "spec": {**gated["spec"], "schedulingGates": []}})
    world.run()

    assert world.node_of("new") == "n1"


def test_another_scheduler_is_none_of_its_business():
    world = b.World(b.node("n1"))
    world.put(b.pod("new", schedulerName="mine"))
    world.run(10)

    assert (world.calls, world.events, world.node_of("new")) == ([], [], "")


def test_a_deleting_pod_is_skipped_with_an_event():
    world = b.World()
    waiting = b.pod("new")
    waiting["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    world.put(waiting)
    world.run()

    assert attempts(world) == ["skip schedule deleting pod: default/new"]
    assert world.calls == []


def test_a_pod_that_waits_and_is_deleted_is_forgotten():
    world = full_world()
    world.put(world.get("Pod", "new"), delete=True)
    world.run(700)

    assert where(world, "new") == ""
    assert len(attempts(world)) == 1


def test_without_nodes_the_first_node_helps():
    world = b.World()
    world.put(b.pod("new"))
    world.run(5)
    assert attempts(world) == ["no nodes available to schedule pods"]
    world.put(b.node("n1"))
    world.run(1)

    assert world.node_of("new") == "n1"


NODE_EVENTS = [
    ("allocatable", b.node("n", cpu="2"), "allocatable"),
    ("label", b.node("n", labels={"a": "b"}), "label"),
    ("taint", b.node("n", taints=[("a", "b", "NoSchedule")]), "taint"),
    ("cordoned", b.node("n", cordoned=True), None),
    ("nothing", b.node("n"), None),
]


@pytest.mark.parametrize(("name", "new", "action"), NODE_EVENTS, ids=[row[0] for row in NODE_EVENTS])
def test_what_of_a_node_changed(name, new, action):
    event = node_event(b.node("n"), new)

    assert (event and event.action) == action


def test_a_cluster_that_is_built_anew_when_a_pod_leaves_still_tells_the_waiting_ones():
    # the derived cluster is not saved: after a fork or a restart it is built from a view in which the pod is gone already
    world = b.World(b.node("n1", cpu="1"))
    world.put(b.pod("first", cpu="1"))
    world.put(b.pod("second", cpu="1"))
    world.run(20)
    assert world.node_of("second") == ""

    world.memory.pop("derived")
    world.put(world.get("Pod", "first"), delete=True)
    world.run(20)

    assert world.node_of("second") == "n1"
