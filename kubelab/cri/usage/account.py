"""Accounts: what a container has used, as a function of an instant. A stretch begins with counters and goes on by its curves.

spec: cri-metrics.md section 6. A container at rest that never had curves has no account: its counters follow from its start alone. Stretches that
ended longer than ``KEPT_NS`` ago are forgotten: their counters stand at the start of the next.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from kubelab.cri.usage.course import gained
from kubelab.cri.usage.curves import CORE, CURVES_KEPT, Curve, highest, profile, rises
from kubelab.cri.usage.demand import IDLE_CPU, IDLE_DISK, IDLE_NETWORK, Demand, Run, idle_memory
from kubelab.cri.usage.epoch import Epoch
from kubelab.world.clock import MINUTE
from kubelab.world.codec import value

Tables = dict[str, dict[Any, Any]]
KEPT_NS = 10 * MINUTE
MANY_CORES = 1 << 20
PAUSE_CPU = CORE // 20_000
PAUSE_MEMORY = 300 << 10
_NONE: dict[Any, Any] = {}


@value
class Counters(NamedTuple):
    """``served`` nanocores × ns; ns of running under a quota, of wanting more than it, of runqueues held back by it; ``network`` bytes × ns
    in each direction; bytes of memory touched and of files written for the first time; processes started, and killed for want of memory.
    """

    served: int = 0
    running: int = 0
    over: int = 0
    held: int = 0
    network: int = 0
    touched: int = 0
    written: int = 0
    starts: int = 0
    kills: int = 0


NO_COUNTERS = Counters()


@value
class Stretch(NamedTuple):
    """From an instant on. ``cap``: the quota in nanocores (0: none); ``cores`` of the node; ``epoch_ns``: where its share depends on the
    neighbours, the epoch that says how (0: nobody is in its way). ``highest``: the most memory that it held before.
    """

    from_ns: int
    demand: Demand
    cap: int
    cores: int
    epoch_ns: int
    counters: Counters
    highest: int = 0


def plus(first: Counters, second: Counters) -> Counters:
    return Counters(*(one + other for one, other in zip(first, second, strict=True)))


def minus(later: Counters, earlier: Counters) -> Counters:
    return Counters(*(one - other for one, other in zip(later, earlier, strict=True)))


def counters_of(tables: Tables, container_id: str, started_ns: int, limit: int, t_ns: int) -> Counters:
    """The counters at an instant since the container's start; ``limit`` is its memory limit."""
    stretches = tables.get("accounts", _NONE).get(container_id)
    if not stretches:
        return at_rest(t_ns - started_ns, limit)
    stretch = stretch_at(stretches, t_ns)
    return counters_at(tables, container_id, stretch, max(t_ns, stretch.from_ns))


def at_rest(span_ns: int, limit: int) -> Counters:
    """Of a container that never had curves."""
    return Counters(IDLE_CPU * span_ns, 0, 0, 0, IDLE_NETWORK * span_ns, idle_memory(limit), IDLE_DISK, 1)


def pause_counters(span_ns: int) -> Counters:
    """Of the process that holds a sandbox."""
    return Counters(PAUSE_CPU * span_ns, 0, 0, 0, 0, PAUSE_MEMORY, 0, 1)


def stretch_at(stretches: tuple[Stretch, ...], t_ns: int) -> Stretch:
    """The stretch that covers an instant (the oldest known one for earlier ones)."""
    for stretch in reversed(stretches):
        if stretch.from_ns <= t_ns:
            return stretch
    return stretches[0]


def highest_memory(stretch: Stretch, t_ns: int) -> int:
    """The most memory that a container has held until an instant."""
    run = stretch.demand.memory
    if run.curve.kind == "constant":
        return max(stretch.highest, run.curve.numbers[0])
    return max(stretch.highest, highest(run.curve, max(0, stretch.from_ns - run.from_ns), max(0, t_ns - run.from_ns)))


def counters_at(tables: Tables, container_id: str, stretch: Stretch, t_ns: int) -> Counters:
    base, span = stretch.counters, t_ns - stretch.from_ns
    if span <= 0:
        return base
    demand = stretch.demand
    if stretch.epoch_ns:
        epoch: Epoch | None = tables["epochs"].get(stretch.epoch_ns)
        if epoch is None:
            return base  # an instant so long ago that nobody knows any more
        begin, end = gained(epoch, container_id, stretch.from_ns), gained(epoch, container_id, t_ns)
        served, over, held = end[0] - begin[0], end[1] - begin[1], end[2] - begin[2]
    else:
        served, over, held = _between(demand.cpu, stretch.cap, stretch.cores, stretch.from_ns, t_ns)
    return Counters(
        base.served + served,
        base.running + (span if stretch.cap else 0),
        base.over + over,
        base.held + held,
        base.network + _flowed(demand.network, stretch.from_ns, t_ns),
        base.touched + _risen(demand.memory, stretch.from_ns, t_ns),
        base.written + _risen(demand.disk, stretch.from_ns, t_ns),
        base.starts,
        base.kills,
    )


def served_at(tables: Tables, container_id: str, instants: tuple[int, ...]) -> list[int]:
    """What ``counters_of`` says of the CPU alone, of a container with an account, at some instants."""
    stretches = tables["accounts"][container_id]
    last: Stretch = stretches[-1]
    if last.epoch_ns or instants[0] < last.from_ns:
        return [_served(tables, container_id, stretch_at(stretches, t_ns), t_ns) for t_ns in instants]
    known, run = last.counters.served, last.demand.cpu
    if run.curve.kind == "constant":
        level = run.curve.numbers[0]
        rate = min(level, last.cap) if last.cap else level
        return [known + rate * (t_ns - last.from_ns) for t_ns in instants]
    found = profile(run.curve, last.cap, last.cores)
    base = known - _before(run.curve, last.cap, last.cores, last.from_ns - run.from_ns)
    return [base + found.served(t_ns - run.from_ns) for t_ns in instants]


@lru_cache(maxsize=CURVES_KEPT)
def _before(curve: Curve, cap: int, cores: int, x: int) -> int:
    """What a curve was served before a stretch began: the same at every look."""
    return profile(curve, cap, cores).served(x)


def _served(tables: Tables, container_id: str, stretch: Stretch, t_ns: int) -> int:
    return counters_at(tables, container_id, stretch, max(t_ns, stretch.from_ns)).served


def touched_at(stretch: Stretch, t_ns: int) -> int:
    """What ``counters_at`` says of the memory alone."""
    return stretch.counters.touched + (_risen(stretch.demand.memory, stretch.from_ns, t_ns) if t_ns > stretch.from_ns else 0)


def _flowed(run: Run, first_ns: int, last_ns: int) -> int:
    if run.curve.kind == "constant":
        return run.curve.numbers[0] * (last_ns - first_ns)
    found = profile(run.curve, 0, MANY_CORES)
    return found.served(last_ns - run.from_ns) - found.served(first_ns - run.from_ns)


def _between(run: Run, cap: int, cores: int, first_ns: int, last_ns: int) -> tuple[int, int, int]:
    if run.curve.kind == "constant" and (not cap or run.curve.numbers[0] <= cap):
        return run.curve.numbers[0] * (last_ns - first_ns), 0, 0
    found = profile(run.curve, cap, cores)
    begin, end = found.to(first_ns - run.from_ns), found.to(last_ns - run.from_ns)
    return end.served - begin.served, end.over - begin.over, end.held - begin.held


def _risen(run: Run, first_ns: int, last_ns: int) -> int:
    curve = run.curve
    return 0 if curve.kind == "constant" else rises(curve, last_ns - run.from_ns) - rises(curve, first_ns - run.from_ns)


@value
class Ghost(NamedTuple):
    """A container that has been removed (or the process of a sandbox, under the sandbox's own id). ``total``: its counters at its end;
    ``stretches``: what a look further back needs.
    """

    sandbox_id: str
    started_ns: int
    finished_ns: int
    limit: int
    stretches: tuple[Stretch, ...]
    total: Counters

    def at(self, tables: Tables, container_id: str, t_ns: int) -> Counters:
        """Its counters at an instant."""
        if t_ns >= self.finished_ns:
            return self.total
        if t_ns < self.started_ns:
            return NO_COUNTERS
        if container_id == self.sandbox_id:
            return pause_counters(t_ns - self.started_ns)
        if not self.stretches:
            return at_rest(t_ns - self.started_ns, self.limit)
        stretch = stretch_at(self.stretches, t_ns)
        return counters_at(tables, container_id, stretch, max(t_ns, stretch.from_ns))


def cap_of(quota_us: int, period_us: int) -> int:
    """A CFS quota in nanocores."""
    return quota_us * CORE // period_us if quota_us > 0 else 0
