"""When a node is late, and what follows. Rows: upstream pkg/controller/nodelifecycle/node_lifecycle_controller_test.go, 1.28."""

import pytest

from kubelab.engine.plan import Call
from tests.unit.controllers_nodes.builders import NOT_READY, UNREACHABLE, Nodes, ago, lease, node, pod, ready


def seen(*objects):
    """A world whose nodes have been looked at once, at the start."""
    world = Nodes(*objects)
    world.tick(0)
    world.calls.clear()
    world.events.clear()
    return world


@pytest.mark.parametrize(
    ("why", "conditions", "created", "after", "expected"),
    [
        ("TestMonitorNodeHealthUpdateStatus: never reported, within the startup grace", {}, 10, 45, None),
        ("… beyond it: Never", {}, 10, 51, "NodeStatusNeverUpdated"),
        ("ready, within 40 s", ready("True"), 3600, 40, None),
        ("ready, beyond 40 s", ready("True"), 3600, 40.001, "NodeStatusUnknown"),
        ("not ready, beyond 40 s", ready("False"), 3600, 41, "NodeStatusUnknown"),
        ("Unknown already: nothing to write", ready("Unknown"), 3600, 41, None),
    ],
)
def test_a_silent_node_is_marked(why, conditions, created, after, expected):
    world = seen(node(conditions=conditions, created=created))
    world.tick(after)
    marked = [call for call in world.calls if call == "update nodes n/status"]
    assert bool(marked) == (expected is not None), why
    if expected:
        reasons = [each.get("reason") for each in world.bodies[0]["status"]["conditions"]]
        assert reasons == [expected] * 4
        assert set(world.conditions().values()) == {"Unknown"}


def test_conditions_that_a_kubelet_never_posted_are_added_at_the_end():
    world = seen(node(conditions={"Ready": "True", "NetworkUnavailable": "False"}))
    world.tick(41)
    found = world.bodies[0]["status"]["conditions"]
    assert [(each["type"], each["status"], each.get("reason")) for each in found] == [
        ("Ready", "Unknown", "NodeStatusUnknown"),
        ("NetworkUnavailable", "False", None),
        ("MemoryPressure", "Unknown", "NodeStatusNeverUpdated"),
        ("DiskPressure", "Unknown", "NodeStatusNeverUpdated"),
        ("PIDPressure", "Unknown", "NodeStatusNeverUpdated"),
    ]
    assert found[2]["message"] == "Kubelet never posted node status."
    assert found[2]["lastHeartbeatTime"] == ago(3600)
    assert found[0]["message"] == "Kubelet stopped posting node status."


@pytest.mark.parametrize(
    ("why", "sign", "expected"),
    [
        ("TestMonitorNodeHealthUpdateNodeAndPodStatusWithLease: lease renewed", lease(renewed=-30), False),
        ("status posted", node(heartbeat=-30), False),
        ("the same lease again", lease(), True),
        ("a lease of another namespace", {**lease(renewed=-30), "metadata": {"name": "n", "namespace": "default"}}, True),
    ],
)
def test_a_sign_of_life_counts_from_the_tick_that_sees_it(why, sign, expected):
    world = seen(node(), lease())
    world.now_ns += 30_000_000_000
    world.put(sign)
    world.tick(0.1)
    world.tick(39)
    assert (world.conditions()["Ready"] == "Unknown") == expected, why


def test_what_counts_is_when_the_controller_saw_it_not_what_the_clock_of_the_node_says():
    world = seen(node(heartbeat=3000), lease(renewed=3000))
    world.tick(39)
    assert world.conditions()["Ready"] == "True"


def test_a_posted_status_is_followed_by_one_more_tick_of_grace():
    """upstream: tryUpdateNodeHealth forgets the lease with a new status, so that the next tick finds it new."""
    world = seen(node(), lease())
    world.tick(5)
    world.put(node(heartbeat=-10))
    world.tick(5)
    world.tick(5)
    world.tick(39)
    assert world.conditions()["Ready"] == "True"


def test_a_node_is_registered_once_and_told_of_when_it_goes():
    world = Nodes(node())
    world.tick()
    world.tick()
    assert world.events == [("Normal RegisteredNode", "Node n event: Registered Node n in Controller")]
    world.remove("nodes", "", "n")
    world.tick()
    assert world.events[1:] == [("Normal RemovingNode", "Node n event: Removing Node n from Controller")]
    assert not world.memory["known"] and not world.memory["probe"]


# -- the pods of a lost node ----------------------------------------------------------------------------------------------------
def test_pods_lose_their_readiness_and_nothing_else():
    """upstream: TestMonitorNodeHealthMarkPodsNotReady."""
    world = seen(node(), pod("a"), pod("b", status="False"), pod("c", status=None), pod("d", "elsewhere"))
    world.tick(41)
    assert world.calls == ["update nodes n/status", "update pods a/status"]
    found = world.get("pods", "a")["status"]
    assert [(each["type"], each["status"]) for each in found["conditions"]] == [("Initialized", "True"), ("Ready", "False")]
    assert found["phase"] == "Running"
    assert world.events == [
        ("Normal NodeNotReady", "Node n status is now: NodeNotReady"),
        ("Warning NodeNotReady", "Node is not ready"),
    ]


def test_pods_of_a_node_that_was_not_ready_before_are_not_marked_again():
    world = seen(node(conditions=ready("False")), pod())
    world.tick(41)
    assert world.calls == ["update nodes n/status"]
    assert world.events == []


def test_a_refused_mark_is_tried_again():
    """upstream: TestMonitorNodeHealthMarkPodsNotReadyRetry."""
    world = seen(node(), pod("a"), pod("b"))
    plan = planned(world, 41)
    calls = [call.name for call in plan.calls if isinstance(call, Call)]
    assert calls == ["n", "a", "b"]
    world._write(plan.note)  # sent, and the second mark refused: what is to be remembered after a good end is not
    world.put({**world.get("nodes", "n"), "status": plan.calls[0].body["status"]})
    world.put({**world.get("pods", "a"), "status": plan.calls[1].body["status"]})
    world.tick(0)
    assert world.calls == ["update pods b/status"]
    world.tick()
    assert world.calls == ["update pods b/status"]


def planned(world, after):
    world.now_ns += int(after * 1e9)
    return world.component.plan(world.component.observe(world.scope(), ("monitor",)))


def test_a_pod_that_arrives_at_a_lost_node_is_marked_at_once():
    """upstream: TestPodStatusChange's processPod."""
    world = seen(node(), pod("early", ""))
    world.tick(41)
    world.calls.clear()
    world.queued = []
    world.put(pod("early"))
    assert ("pod", "default", "early") in world.queued
    world.sync("pod", "default", "early")
    assert world.calls == ["update pods early/status"]


def test_eight_nodes_at_a_time():
    """upstream: scheduler.UpdateWorkerSize."""
    names = [f"n{index}" for index in range(10)]
    world = seen(*(node(name) for name in names), *(pod(f"p-{name}", name) for name in names))
    plan = planned(world, 41)
    assert [len(batch.calls) for batch in plan.batches] == [8, 8, 2, 2]
    assert [batch.always for batch in plan.batches] == [True, False, True, False]


# -- taints by readiness --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("why", "obj", "nudged", "queued"),
    [
        ("TestApplyNoExecuteTaints: Unknown waits in the zone's queue", node(conditions=ready("Unknown"), zone="z"), ("pass", "r:z"), True),
        ("not ready too", node(conditions=ready("False"), zone="z"), ("pass", "r:z"), True),
        ("tainted already", node("n", ready("Unknown"), f"{UNREACHABLE}:NoExecute", zone="z"), None, False),
        ("TestSwapUnreachableNotReadyTaints", node("n", ready("False"), f"{UNREACHABLE}:NoExecute", zone="z"), ("noexecute", "n"), False),
        ("… the other way", node("n", ready("Unknown"), f"{NOT_READY}:NoExecute", zone="z"), ("noexecute", "n"), False),
        ("ready again", node("n", ready("True"), f"{UNREACHABLE}:NoExecute", zone="z"), ("noexecute", "n"), False),
        ("ready, with somebody else's taint", node("n", ready("True"), "mine:NoExecute", zone="z"), None, False),
    ],
)
def test_readiness_decides_about_no_execute(why, obj, nudged, queued):
    world = seen(node("other", zone="z"), obj)
    world.tick()
    assert (nudged is None) == (world.nudged() == []) and (nudged is None or nudged in world.nudged()), why
    assert ("n" in world.memory.get("queue", {})) == queued


def test_a_well_node_costs_no_look():
    world = seen(*(node(f"n{index}") for index in range(50)), *(lease(f"n{index}") for index in range(50)))
    world.tick()
    world.put(lease("n7", renewed=-7))
    scope = world.scope()
    tick = world.component.observe(scope, ("monitor",))
    assert tick.looks == () and tick.heard == ("n7",)
