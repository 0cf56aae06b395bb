"""Zones and their rates. Rows: upstream node_lifecycle_controller.go ComputeZoneState, handleDisruption and its tests, 1.28."""

import pytest

from kubelab.controllers.nodelifecycle.zones import FULL, INITIAL, NORMAL, PARTIAL, Zone, judge, state_of
from kubelab.world.clock import SECOND
from tests.unit.controllers_nodes.builders import Nodes, node, ready


@pytest.mark.parametrize(
    ("ready", "lost", "state"),
    [(1, 0, NORMAL), (0, 1, FULL), (1, 2, NORMAL), (2, 3, PARTIAL), (3, 3, NORMAL), (9, 11, PARTIAL), (10, 11, NORMAL), (1, 3, PARTIAL)],
)
def test_state_of_a_zone(ready, lost, state):
    assert state_of(ready, lost) == state


def of(**zones):
    """``zone=(ready, lost)``."""
    return [(zone, ok) for zone, (up, down) in zones.items() for ok in [True] * up + [False] * down]


@pytest.mark.parametrize(
    ("why", "before", "nodes", "states", "intervals", "entered", "left"),
    [
        ("at the start", {}, of(a=(3, 0)), {"a": NORMAL}, [10], False, False),
        ("one of three is lost", {"a": Zone(NORMAL)}, of(a=(2, 1)), {"a": NORMAL}, [10], False, False),
        ("a small zone is in trouble: nothing is tainted", {"a": Zone(NORMAL)}, of(a=(2, 3)), {"a": PARTIAL}, [0], False, False),
        ("a large one: slowly", {"a": Zone(NORMAL)}, of(a=(20, 31)), {"a": PARTIAL}, [100], False, False),
        ("fifty nodes are not large", {"a": Zone(NORMAL)}, of(a=(20, 30)), {"a": PARTIAL}, [0], False, False),
        (
            "one zone of two is down",
            {"a": Zone(NORMAL), "b": Zone(NORMAL)},
            of(a=(0, 3), b=(3, 0)),
            {"a": FULL, "b": NORMAL},
            [10, 10],
            False,
            False,
        ),
        ("all are down", {"a": Zone(NORMAL), "b": Zone(FULL)}, of(a=(0, 3), b=(0, 3)), {"a": FULL, "b": FULL}, [0, 0], True, False),
        ("still", {"a": Zone(FULL, 0), "b": Zone(FULL, 0)}, of(a=(0, 3), b=(0, 3)), {"a": FULL, "b": FULL}, [0, 0], False, False),
        (
            "one node is back",
            {"a": Zone(FULL, 0), "b": Zone(FULL, 0)},
            of(a=(1, 1), b=(0, 3)),
            {"a": NORMAL, "b": FULL},
            [10, 10],
            False,
            True,
        ),
        ("a zone is gone", {"a": Zone(NORMAL), "b": Zone(NORMAL)}, of(a=(1, 0)), {"a": NORMAL}, [10], False, False),
        ("no nodes at all", {}, [], {}, [], False, False),
    ],
)
def test_zones_together(why, before, nodes, states, intervals, entered, left):
    verdict = judge(before, nodes, 0)
    assert {name: zone.state for name, zone in verdict.zones.items()} == states, why
    assert [zone.interval_ns // SECOND for zone in verdict.zones.values()] == intervals
    assert (verdict.entered, verdict.left) == (entered, left)


def test_a_new_rate_begins_empty_if_the_old_one_was():
    """upstream: TestSwapLimiter, RateLimitedTimedQueue.SwapLimiter."""
    fresh = Zone(INITIAL)
    assert fresh.at_rate(100 * SECOND, 5).may(5)
    assert not fresh.spent(5).at_rate(100 * SECOND, 6).may(6)
    assert not Zone(FULL, 0).at_rate(10 * SECOND, 6).may(6)
    assert Zone(FULL, 0).at_rate(10 * SECOND, 6).free_ns == 6 + 10 * SECOND
    assert fresh.spent(5).at_rate(10 * SECOND, 6) == fresh.spent(5)


def lost(*names):
    return [node(name, ready("Unknown"), zone="z") for name in names]


def test_a_zone_taints_one_node_in_ten_seconds():
    """upstream: TestTryOrdering, doNoExecuteTaintingPass: first come, first served."""
    world = Nodes(*lost("b", "a", "c"), *(node(f"ok{index}", zone="z") for index in range(3)))
    world.tick()
    order, start_ns = [], world.now_ns
    for _ in range(3):
        world.sync("pass", "r:z")
        plan = world.plans[-1]
        order += [nudge.key for nudge in plan.nudge]
        world.now_ns += plan.again_ns or 0
    assert order == [("noexecute", "b"), ("noexecute", "a"), ("noexecute", "c")]
    assert world.now_ns - start_ns == 20 * SECOND


def test_a_zone_without_tokens_says_what_it_waits_for():
    world = Nodes(*lost("a", "b"), *(node(f"ok{index}", zone="z") for index in range(3)))
    world.tick()
    world.sync("pass", "r:z").sync("pass", "r:z")
    assert str(world.plans[-1].because[0]) == (
        "zone/r:z: 1 nodes wait to be tainted with NoExecute; the zone's rate allows the next one later"
    )
    assert world.plans[-1].again_ns == 10 * SECOND


def test_when_all_is_lost_taints_go_and_nothing_is_evicted():
    """upstream: handleDisruption, master disruption mode."""
    world = Nodes(node("a", zone="z"), node("b", zone="y"))
    world.tick()
    plan = world.tick(41)
    assert {("clear", "a"), ("clear", "b")} <= {nudge.key for nudge in plan.nudge}
    assert world.memory["queue"] == {}
    assert {zone.interval_ns for zone in world.memory["zones"].values()} == {0}
    world.tick()
    world.sync("pass", "r:z")
    assert world.plans[-1].nudge == () and world.plans[-1].again_ns is None
    assert [reason.rule for reason in world.plans[-1].because] == ["ZoneRate"]


def test_leaving_it_probe_times_begin_anew():
    world = Nodes(node("a", zone="z"), node("b", zone="y"))
    world.tick()
    world.tick(41)
    world.put(node("a", heartbeat=-60, zone="z"))
    world.tick()
    assert set(world.memory["probe"].values()) == {world.now_ns}


def test_excluded_nodes_do_not_count():
    """upstream: Test_isNodeExcludedFromDisruptionChecks."""
    excluded = node("x", ready("Unknown"), zone="z", labels={"node.kubernetes.io/exclude-disruption": ""})
    world = Nodes(excluded, node("a", zone="z"))
    world.tick()
    assert world.memory["zones"]["r:z"].state == NORMAL
    world.put(node("a", ready("False"), zone="z"))
    world.tick()
    assert world.memory["zones"]["r:z"].state == FULL
