"""upstream: pkg/controller/podautoscaler/horizontal_test.go, 1.28: rules, policies, stabilization."""

from __future__ import annotations

import pytest

from kubelab.controllers.podautoscaler.behavior import (
    Bounds,
    Recommendation,
    ScaleEvent,
    changed_since,
    rate_limit_down,
    rate_limit_up,
    stabilized,
    stabilized_both_ways,
    with_scale_event,
    within_rate,
    within_rules,
)
from kubelab.controllers.podautoscaler.replicas import Settings
from kubelab.world.clock import SECOND
from tests.unit.controllers_podautoscaler.rows import NOW_NS, SETTINGS, Row, defaulted, rows, rules

MINUTE = 60


def events(pairs: list[list[int]] | None) -> tuple[ScaleEvent, ...]:
    return tuple(ScaleEvent(change, NOW_NS + seconds * SECOND) for change, seconds in pairs or ())


@pytest.mark.parametrize("row", rows("scaling_rules"), ids=lambda row: row["name"])
def test_within_rate(row: Row) -> None:
    """upstream: TestScalingWithRules."""
    behavior = defaulted({"scaleUp": rules(row.get("up")) or {}, "scaleDown": rules(row.get("down")) or {}})
    bounds = Bounds(row.get("min", 0), row["max"])
    found = within_rate(row["current"], row["desired"], bounds, behavior, events(row.get("ups")), events(row.get("downs")), NOW_NS)
    assert (found.replicas, found.reason) == (row["want"], row["reason"])


@pytest.mark.parametrize(("current", "desired", "least", "most", "want", "reason"), [
    (5, 7, 3, 8, 7, "DesiredWithinRange"),
    (3, 1, 2, 8, 2, "TooFewReplicas"),
    (1, 0, 0, 10, 0, "DesiredWithinRange"),
    (20, 1000, 1, 10, 10, "TooManyReplicas"),
    (3, 1000, 1, 2000, 24, "ScaleUpLimit"),
])  # fmt: skip
def test_within_rules(current: int, desired: int, least: int, most: int, want: int, reason: str) -> None:
    """upstream: TestConvertDesiredReplicasWithRules."""
    found = within_rules(current, desired, Bounds(least, most), SETTINGS)
    assert (found.replicas, found.reason) == (want, reason)


@pytest.mark.parametrize(("current", "want"), [(1, 4), (2, 4), (3, 6), (10, 20)])
def test_one_step_up_doubles_or_makes_four(current: int, want: int) -> None:
    assert within_rules(current, 1000, Bounds(1, 1000), Settings()).replicas == want


HALF = {
    "selectPolicy": "Min",
    "policies": [{"type": "Pods", "value": 2, "periodSeconds": 60}, {"type": "Percent", "value": 50, "periodSeconds": 60}],
}


def test_the_smaller_change_of_two_policies() -> None:
    """upstream: TestCalculateScaleUpLimitWithScalingRules, TestCalculateScaleDownLimitWithBehaviors."""
    assert rate_limit_up(1, (), (), HALF, NOW_NS) == 2
    assert rate_limit_down(5, (), (), HALF, NOW_NS) == 3


def recommendations(pairs: list[tuple[int, int]]) -> tuple[Recommendation, ...]:
    return tuple(Recommendation(replicas, NOW_NS - ago * MINUTE * SECOND) for replicas, ago in pairs)


@pytest.mark.parametrize(("known", "desired", "want", "kept"), [
    ([], 5, 5, 1),
    ([(4, 2), (5, 1)], 3, 5, 3),
    ([(1, 2), (2, 1)], 3, 3, 3),
    ([(10, 10), (9, 9)], 3, 3, 2),
    ([(10, 10), (4, 1), (5, 2), (9, 9)], 3, 5, 4),
])  # fmt: skip
def test_stabilized(known: list[tuple[int, int]], desired: int, want: int, kept: int) -> None:
    """upstream: TestNormalizeDesiredReplicas."""
    found = stabilized(recommendations(known), desired, NOW_NS, 5 * MINUTE * SECOND)
    assert (found.replicas, len(found.recommendations)) == (want, kept)


@pytest.mark.parametrize(("known", "current", "desired", "want", "kept", "up", "down"), [
    ([], 100, 5, 5, [5], 0, 0),
    ([(4, 2), (5, 1)], 100, 3, 5, [4, 5, 3], 0, 180),
    ([(4, 2), (5, 1)], 1, 7, 4, [4, 5, 7], 300, 0),
    ([(1, 2), (2, 1)], 100, 3, 3, [1, 2, 3], 300, 0),
    ([(4, 2), (5, 1)], 1, 3, 3, [4, 5, 3], 0, 300),
    ([(10, 10), (9, 9)], 100, 3, 3, [10, 3], 0, 0),
    ([(10, 10), (9, 9)], 1, 100, 100, [10, 100], 0, 0),
    ([(10, 10), (4, 1), (5, 2), (9, 9)], 100, 3, 5, [10, 4, 5, 3], 0, 180),
    ([(10, 100), (6, 1), (5, 2), (9, 3)], 1, 100, 5, [100, 6, 5, 9], 300, 0),
    ([(2, 100), (3, 3)], 2, 1, 2, None, 300, 300),
    ([(2, 100), (1, 3)], 2, 3, 2, None, 300, 300),
])  # fmt: skip
def test_stabilized_both_ways(
    known: list[tuple[int, int]], current: int, desired: int, want: int, kept: list[int] | None, up: int, down: int
) -> None:
    """upstream: TestNormalizeDesiredReplicasWithBehavior."""
    behavior = {"scaleUp": {"stabilizationWindowSeconds": up}, "scaleDown": {"stabilizationWindowSeconds": down}}
    found = stabilized_both_ways(recommendations(known), current, desired, behavior, NOW_NS)
    assert found.replicas == want
    if kept is not None:
        assert [each.replicas for each in found.recommendations] == kept


@pytest.mark.parametrize(("known", "given", "kept", "changed"), [
    ([], (10, 60, 100, 60), [(5, False)], 0),
    ([(7, -61)], (10, 60, 100, 60), [(5, False)], 0),
    ([(7, -58)], (10, 60, 100, 60), [(7, False), (5, False)], 7),
    ([(7, -61), (6, -59)], (10, 60, 0, 0), [(5, False), (6, False)], 6),
    ([(8, -29), (6, -59), (7, -61), (9, -61)], (10, 60, 100, 30), [(8, False), (6, False), (7, True), (5, False)], 14),
    ([(7, -58), (6, -59)], (10, 120, 100, 30), [(7, False), (6, False), (5, False)], 13),
])  # fmt: skip
def test_scale_events_are_kept(known: list[list[int]], given: tuple[int, ...], kept: list[tuple[int, bool]], changed: int) -> None:
    """upstream: TestStoreScaleEvents."""
    before = events(known)
    assert changed_since(before, 60, NOW_NS) == changed
    after = with_scale_event(before, 5, rules({"rules": [*given, 0]}) or {}, NOW_NS)
    assert [(each.change, each.outdated) for each in after] == kept
