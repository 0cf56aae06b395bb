"""Zones: how many of their nodes are lost, and at which rate nodes may be tainted with NoExecute.

upstream: ComputeZoneState, handleDisruption and setLimiterInZone in pkg/controller/nodelifecycle/node_lifecycle_controller.go;
RateLimitedTimedQueue in pkg/controller/nodelifecycle/scheduler/rate_limited_queue.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from kubelab.world.clock import SECOND
from kubelab.world.codec import value

INITIAL, NORMAL, PARTIAL, FULL = "Initial", "Normal", "PartialDisruption", "FullDisruption"
USUAL_NS = 10 * SECOND  # evictionLimiterQPS 0.1
REDUCED_NS = 100 * SECOND  # secondaryEvictionLimiterQPS 0.01
NEVER_NS = 0
LARGE = 50  # largeClusterThreshold
UNHEALTHY = 0.55  # unhealthyZoneThreshold


@value
@dataclass(frozen=True, slots=True)
class Zone:
    """A zone's state, and its bucket of one token: a new one every ``interval_ns`` (0: never), the next at ``free_ns``."""

    state: str = INITIAL
    interval_ns: int = USUAL_NS
    free_ns: int = 0

    def may(self, now_ns: int) -> bool:
        return self.interval_ns > 0 and now_ns >= self.free_ns

    def spent(self, now_ns: int) -> Zone:
        return replace(self, free_ns=now_ns + self.interval_ns)

    def at_rate(self, interval_ns: int, now_ns: int) -> Zone:
        """Another rate: its bucket is empty if the old one was."""
        if interval_ns == self.interval_ns:
            return self
        free_ns = now_ns if self.may(now_ns) else now_ns + interval_ns
        return replace(self, interval_ns=interval_ns, free_ns=free_ns)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The zones as they are now. ``entered``: all nodes of all zones are lost, and were not before; ``left``: the other way round."""

    zones: Mapping[str, Zone]
    entered: bool = False
    left: bool = False


def state_of(ready: int, lost: int) -> str:
    if not ready and lost:
        return FULL
    if lost > 2 and lost / (lost + ready) >= UNHEALTHY:
        return PARTIAL
    return NORMAL


def judge(zones: Mapping[str, Zone], nodes: Iterable[tuple[str, bool]], now_ns: int) -> Verdict:
    """``nodes``: zone and whether ready, of each node that counts."""
    counts: dict[str, list[int]] = {}
    for zone, is_ready in nodes:
        counts.setdefault(zone, [0, 0])[is_ready] += 1
    states = {zone: state_of(ready, lost) for zone, (lost, ready) in counts.items()}
    old = {zone: zones.get(zone, Zone()) for zone in states}
    all_lost = all(state == FULL for state in states.values())
    were_lost = all(zone.state == FULL for zone in old.values())
    if all_lost and were_lost:
        return Verdict(old)
    if all_lost:
        return Verdict({name: replace(zone.at_rate(NEVER_NS, now_ns), state=FULL) for name, zone in old.items()}, entered=True)
    new = {name: _moved(zone, states[name], sum(counts[name]), now_ns, again=were_lost) for name, zone in old.items()}
    return Verdict(new, left=were_lost)


def _moved(zone: Zone, state: str, size: int, now_ns: int, *, again: bool) -> Zone:
    if zone.state == state and not again:
        return zone
    interval_ns = USUAL_NS
    if state == PARTIAL:
        interval_ns = REDUCED_NS if size > LARGE else NEVER_NS
    return replace(zone.at_rate(interval_ns, now_ns), state=state)
