"""From the number that the metrics ask for to the number that is set: stabilization, the rate of change, the bounds.

Recommendations and scale events are tuples of values; each function gives the new tuple back.

upstream: normalizeDesiredReplicas… and the functions below it in pkg/controller/podautoscaler/horizontal.go, 1.28; KEP-853.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from kubelab.controllers.podautoscaler.replicas import Settings
from kubelab.store.log import Object
from kubelab.world.clock import SECOND
from kubelab.world.codec import value

_MAX, _MIN = 2**31 - 1, -(2**31)
_NOTHING: dict[str, Any] = {}


@value
class Recommendation(NamedTuple):
    """What the metrics asked for at ``time_ns``."""

    replicas: int
    time_ns: int


@value
class ScaleEvent(NamedTuple):
    """By how many replicas (not negative) the scale changed at ``time_ns``; an outdated one is replaced by the next."""

    change: int
    time_ns: int
    outdated: bool = False


Recommendations = tuple[Recommendation, ...]
ScaleEvents = tuple[ScaleEvent, ...]


class Bounds(NamedTuple):
    least: int
    most: int


class Stable(NamedTuple):
    """The stabilized number, why it may differ (reason, message), and the recommendations with the new one among them."""

    replicas: int
    reason: str
    message: str
    recommendations: Recommendations


class Limited(NamedTuple):
    """The number within rate and bounds; reason and message of ScalingLimited."""

    replicas: int
    reason: str
    message: str


_UP_STABILIZED = ("ScaleUpStabilized", "recent recommendations were lower than current one, applying the lowest recent recommendation")
_DOWN_STABILIZED = (
    "ScaleDownStabilized",
    "recent recommendations were higher than current one, applying the highest recent recommendation",
)
_UP_LIMIT = ("ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate")
_DOWN_LIMIT = ("ScaleDownLimit", "the desired replica count is decreasing faster than the maximum scale rate")
_TOO_MANY = ("TooManyReplicas", "the desired replica count is more than the maximum replica count")
_TOO_FEW = ("TooFewReplicas", "the desired replica count is less than the minimum replica count")
_WITHIN = ("DesiredWithinRange", "the desired count is within the acceptable range")


# -- without spec.behavior --------------------------------------------------------------------------------------------------------
def stabilized(recommendations: Recommendations, desired: int, now_ns: int, window_ns: int) -> Stable:
    """The highest recommendation of the window (upstream: stabilizeRecommendation)."""
    cutoff_ns = now_ns - window_ns
    old = None
    highest = desired
    for index, each in enumerate(recommendations):
        if each.time_ns < cutoff_ns:
            old = index
        else:
            highest = max(highest, each.replicas)
    return Stable(highest, *_DOWN_STABILIZED, _recorded(recommendations, old, Recommendation(desired, now_ns)))


def within_rules(present: int, desired: int, bounds: Bounds, settings: Settings) -> Limited:
    """At most twice as many, or four, in one step (upstream: convertDesiredReplicasWithRules)."""
    step = scale_up_limit(present, settings)
    most, words = (step, _UP_LIMIT) if bounds.most > step else (bounds.most, _TOO_MANY)
    if desired < bounds.least:
        return Limited(bounds.least, *_TOO_FEW)
    return Limited(most, *words) if desired > most else Limited(desired, *_WITHIN)


def scale_up_limit(present: int, settings: Settings) -> int:
    return int(max(settings.scale_up_factor * present, settings.scale_up_least))


# -- with spec.behavior -----------------------------------------------------------------------------------------------------------
def stabilized_both_ways(recommendations: Recommendations, present: int, desired: int, behavior: Object, now_ns: int) -> Stable:
    """Not above the lowest recommendation of the window for up, not below the highest of the one for down.

    upstream: stabilizeRecommendationWithBehaviors.
    """
    up_cutoff_ns = now_ns - behavior["scaleUp"]["stabilizationWindowSeconds"] * SECOND
    down_cutoff_ns = now_ns - behavior["scaleDown"]["stabilizationWindowSeconds"] * SECOND
    lowest = highest = desired
    old = None
    for index, each in enumerate(recommendations):
        if each.time_ns > up_cutoff_ns:
            lowest = min(lowest, each.replicas)
        if each.time_ns > down_cutoff_ns:
            highest = max(highest, each.replicas)
        if each.time_ns < up_cutoff_ns and each.time_ns < down_cutoff_ns:
            old = index
    words = _UP_STABILIZED if desired >= present else _DOWN_STABILIZED
    replicas = min(max(present, lowest), highest)
    return Stable(replicas, *words, _recorded(recommendations, old, Recommendation(desired, now_ns)))


def within_rate(present: int, desired: int, bounds: Bounds, behavior: Object, ups: ScaleEvents, downs: ScaleEvents, now_ns: int) -> Limited:
    """Not faster than the policies allow (upstream: convertDesiredReplicasWithBehaviorRate)."""
    if desired > present:
        limit = max(rate_limit_up(present, ups, downs, behavior["scaleUp"], now_ns), present)
        most, words = (limit, _UP_LIMIT) if bounds.most > limit else (bounds.most, _TOO_MANY)
        if desired > most:
            return Limited(most, *words)
    elif desired < present:
        limit = min(rate_limit_down(present, ups, downs, behavior["scaleDown"], now_ns), present)
        least, words = (limit, _DOWN_LIMIT) if bounds.least < limit else (bounds.least, _TOO_FEW)
        if desired < least:
            return Limited(least, *words)
    return Limited(desired, *_WITHIN)


def rate_limit_up(present: int, ups: ScaleEvents, downs: ScaleEvents, rules: Object, now_ns: int) -> int:
    """The most replicas that the policies allow now (upstream: calculateScaleUpLimitWithScalingRules)."""
    select = rules.get("selectPolicy", "Max")
    if select == "Disabled":
        return present
    allowed = [_MAX if select == "Min" else _MIN]
    for policy in rules.get("policies") or ():
        start = _at_start(present, ups, downs, policy["periodSeconds"], now_ns)
        if policy["type"] == "Pods":
            allowed.append(start + policy["value"])
        elif policy["type"] == "Percent":
            allowed.append(math.ceil(start * (1 + policy["value"] / 100)))
    return min(allowed) if select == "Min" else max(allowed)


def rate_limit_down(present: int, ups: ScaleEvents, downs: ScaleEvents, rules: Object, now_ns: int) -> int:
    """The fewest replicas that the policies allow now (upstream: calculateScaleDownLimitWithBehaviors)."""
    select = rules.get("selectPolicy", "Max")
    if select == "Disabled":
        return present
    allowed = [_MIN if select == "Min" else _MAX]
    for policy in rules.get("policies") or ():
        start = _at_start(present, ups, downs, policy["periodSeconds"], now_ns)
        if policy["type"] == "Pods":
            allowed.append(start - policy["value"])
        elif policy["type"] == "Percent":
            allowed.append(int(start * (1 - policy["value"] / 100)))
    return max(allowed) if select == "Min" else min(allowed)


def _at_start(present: int, ups: ScaleEvents, downs: ScaleEvents, period_s: int, now_ns: int) -> int:
    """How many there were when a policy's period began."""
    return present - changed_since(ups, period_s, now_ns) + changed_since(downs, period_s, now_ns)


def changed_since(events: ScaleEvents, period_s: int, now_ns: int) -> int:
    """upstream: getReplicasChangePerPeriod."""
    cutoff_ns = now_ns - period_s * SECOND
    return sum(event.change for event in events if event.time_ns > cutoff_ns)


def with_scale_event(events: ScaleEvents, change: int, rules: Object, now_ns: int) -> ScaleEvents:
    """The events with a new one, which takes the place of one that no policy looks at any more (upstream: storeScaleEvent)."""
    longest_s = max((policy["periodSeconds"] for policy in rules.get("policies") or ()), default=0)
    cutoff_ns = now_ns - longest_s * SECOND
    marked = tuple(event._replace(outdated=True) if event.time_ns < cutoff_ns else event for event in events)
    old = max((index for index, event in enumerate(marked) if event.outdated), default=None)
    new = ScaleEvent(change, now_ns)
    return (*marked, new) if old is None else (*marked[:old], new, *marked[old + 1 :])


def _recorded(recommendations: Recommendations, old: int | None, new: Recommendation) -> Recommendations:
    """The new one in the place of one that is too old to count, if there is such a one."""
    return (*recommendations, new) if old is None else (*recommendations[:old], new, *recommendations[old + 1 :])
