"""What holds of every step of an autoscaler, whatever the metrics ask for and however its policies are set."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kubelab.controllers.podautoscaler.behavior import (
    Bounds,
    Recommendation,
    ScaleEvent,
    stabilized,
    stabilized_both_ways,
    with_scale_event,
    within_rate,
    within_rules,
)
from kubelab.controllers.podautoscaler.replicas import Settings
from kubelab.world.clock import SECOND

NOW_NS = 10_000 * SECOND
COUNTS = st.integers(0, 200)
AGES = st.integers(0, 2000)
POLICIES = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["Pods", "Percent"]), "value": st.integers(1, 200), "periodSeconds": st.integers(1, 1800)}
    ),
    min_size=1,
    max_size=3,
)
RULES = st.fixed_dictionaries(
    {"selectPolicy": st.sampled_from(["Max", "Min", "Disabled"]), "stabilizationWindowSeconds": st.integers(0, 900), "policies": POLICIES}
)
BEHAVIORS = st.fixed_dictionaries({"scaleUp": RULES, "scaleDown": RULES})
BOUNDS = st.tuples(st.integers(0, 50), st.integers(1, 200)).map(lambda pair: Bounds(min(pair), max(pair)))
EVENTS = st.lists(st.tuples(st.integers(1, 50), AGES), max_size=5).map(
    lambda rows: tuple(ScaleEvent(change, NOW_NS - age * SECOND) for change, age in rows)
)
KNOWN = st.lists(st.tuples(COUNTS, AGES), max_size=6).map(
    lambda rows: tuple(Recommendation(replicas, NOW_NS - age * SECOND) for replicas, age in rows)
)


@given(st.data(), BOUNDS, COUNTS, BEHAVIORS, EVENTS, EVENTS)
def test_a_step_stays_between_the_present_and_the_wish_and_within_the_bounds(
    data: Any, bounds: Bounds, desired: int, behavior: dict[str, Any], ups: tuple[ScaleEvent, ...], downs: tuple[ScaleEvent, ...]
) -> None:
    present = data.draw(st.integers(bounds.least, bounds.most))
    found = within_rate(present, desired, bounds, behavior, ups, downs, NOW_NS)
    assert min(present, desired) <= found.replicas <= max(present, desired) or found.replicas in bounds
    assert bounds.least <= found.replicas <= bounds.most
    if behavior["scaleUp" if desired > present else "scaleDown"]["selectPolicy"] == "Disabled":
        assert found.replicas == present
    if not ups and not downs and desired > present and behavior["scaleUp"]["selectPolicy"] == "Min":
        for policy in behavior["scaleUp"]["policies"]:
            grown = present + policy["value"] if policy["type"] == "Pods" else present * (100 + policy["value"]) / 100
            assert found.replicas <= grown + 1


@given(BOUNDS, COUNTS, COUNTS)
def test_without_behavior_a_step_at_most_doubles(bounds: Bounds, present: int, desired: int) -> None:
    found = within_rules(present, desired, bounds, Settings())
    assert found.replicas <= max(2 * present, 4) or found.replicas == bounds.least
    assert found.replicas <= bounds.most or found.replicas == bounds.least


@given(KNOWN, COUNTS, COUNTS, BEHAVIORS, st.integers(0, 900))
def test_stabilization_gives_only_what_was_recommended(
    known: tuple[Recommendation, ...], present: int, desired: int, behavior: dict[str, Any], window: int
) -> None:
    asked = [desired, *(each.replicas for each in known)]
    down = stabilized(known, desired, NOW_NS, window * SECOND)
    assert down.replicas in asked
    assert down.replicas >= desired
    both = stabilized_both_ways(known, present, desired, behavior, NOW_NS)
    assert both.replicas in [present, *asked]
    for found in (down, both):
        assert Recommendation(desired, NOW_NS) in found.recommendations
        assert len(found.recommendations) <= len(known) + 1


@given(EVENTS, st.integers(1, 50), RULES)
def test_what_policies_still_look_at_is_kept(events: tuple[ScaleEvent, ...], change: int, rules: dict[str, Any]) -> None:
    longest_ns = max(policy["periodSeconds"] for policy in rules["policies"]) * SECOND
    after = with_scale_event(events, change, rules, NOW_NS)
    young = [event for event in events if event.time_ns >= NOW_NS - longest_ns]
    assert [event for event in after if event.time_ns >= NOW_NS - longest_ns and event != ScaleEvent(change, NOW_NS)] == [
        event for event in young if event != ScaleEvent(change, NOW_NS)
    ]
    assert ScaleEvent(change, NOW_NS) in after
