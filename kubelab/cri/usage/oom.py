"""Running out of memory: when a container reaches its limit, when a machine is full, and whom the kernel kills then.

spec: cri-metrics.md section 6, point 5; upstream: the kernel's oom_badness (mm/oom_kill.c): points in thousandths of the machine, biased by
oom_score_adj. cgroup v2 kills the whole container (memory.oom.group). Instants are roots of the memory curves, found once at each change.
"""

from __future__ import annotations

from functools import lru_cache
from math import pi

from kubelab.cri.api import RUNNING, Container, Sandbox
from kubelab.cri.usage.account import PAUSE_MEMORY, Stretch, Tables
from kubelab.cri.usage.curves import constant, first_above, period_of, pieces
from kubelab.cri.usage.demand import Run, idle_memory
from kubelab.cri.usage.machine import Capacity, system_memory

MACHINE = ""
STRIDES = 64  # of a sine's period
STRIDES_LOOKED_AT = 128
SHORTEST_NS = 50_000_000


def foresee(tables: Tables, now_ns: int) -> None:
    """Write down when each container, and the machine, will have too little memory."""
    ooms: dict[str, int] = {}
    accounts = tables["accounts"]
    runs: list[tuple[Run, int]] = []
    for container in tables["containers"].values():
        if container.state != RUNNING:
            continue
        limit = container.spec.memory_limit_bytes
        if container.id not in accounts:
            runs.append((_at_rest(idle_memory(limit)), limit))
            continue
        run = memory_of(tables, container)
        runs.append((run, limit))
        at = first_above(run.curve, limit, max(0, now_ns - run.from_ns)) if limit else None
        if at is not None:
            ooms[container.id] = max(now_ns, run.from_ns + at)
    full_ns = _machine_full(tables, runs, now_ns)
    if full_ns is not None:
        ooms[MACHINE] = full_ns
    known = tables["ooms"]
    if known != ooms:
        known.clear()
        known.update(ooms)


@lru_cache(maxsize=1024)
def _at_rest(amount: int) -> Run:
    return Run(constant(amount), 0)


def memory_of(tables: Tables, container: Container) -> Run:
    """The memory curve of a running container."""
    stretches: tuple[Stretch, ...] = tables["accounts"].get(container.id, ())
    if stretches:
        return stretches[-1].demand.memory
    return Run(constant(idle_memory(container.spec.memory_limit_bytes)), container.started_ns)


def room(tables: Tables) -> int | None:
    """Bytes that containers may use in all; None: unknown."""
    capacity: Capacity | None = tables["capacity"].get("")
    if capacity is None:
        return None
    ready = sum(1 for sandbox in tables["sandboxes"].values() if _is_up(sandbox))
    return capacity.memory_bytes - system_memory(capacity) - PAUSE_MEMORY * ready


def _is_up(sandbox: Sandbox) -> bool:
    return not sandbox.stopped_ns


def _machine_full(tables: Tables, runs: list[tuple[Run, int]], now_ns: int) -> int | None:
    """The first instant at which all containers together need more than there is; None if they never do.

    Walks in strides in which the sum cannot get there, however steeply it rises; only so many: then the end of the last, to look again.
    """
    most = room(tables)
    if most is None or sum(min(run.curve.peak, limit) if limit else run.curve.peak for run, limit in runs) <= most:
        return None
    still = sum(run.curve.numbers[0] for run, _ in runs if run.curve.is_constant)
    moving: dict[Run, int] = {}
    for run, _ in runs:
        if not run.curve.is_constant:
            moving[run] = moving.get(run, 0) + 1
    stride_ns = min((period_of(run.curve) // STRIDES for run in moving if run.curve.kind == "sine"), default=0)
    stride_ns = max(SHORTEST_NS, stride_ns)
    t_ns = now_ns
    for _ in range(STRIDES_LOOKED_AT):
        spare = most - still - _sum_at(moving, t_ns)
        if spare < 0:
            return t_ns
        edge_ns = min((edge for run in moving if (edge := _next_jump(run, t_ns)) is not None), default=None)
        steepest = sum(count * _steepest(run, t_ns) for run, count in moving.items())
        if edge_ns is None and not steepest:
            return None
        end_ns = t_ns + max(stride_ns, int(spare / steepest)) if steepest else edge_ns
        last_ns = end_ns if edge_ns is None or end_ns is None else min(end_ns, edge_ns - 1)
        if last_ns is not None and last_ns > t_ns and most - still - _sum_at(moving, last_ns) < 0:
            return _root(moving, most - still, t_ns, last_ns)
        t_ns = min(at for at in (end_ns, edge_ns) if at is not None)
    return t_ns


def _root(moving: dict[Run, int], most: int, low_ns: int, high_ns: int) -> int:
    """Where a sum that is above ``most`` at the end, and not at the beginning, first is."""
    while high_ns - low_ns > 1:
        middle = (low_ns + high_ns) // 2
        if _sum_at(moving, middle) > most:
            high_ns = middle
        else:
            low_ns = middle
    return high_ns


def _sum_at(moving: dict[Run, int], t_ns: int) -> int:
    return sum(count * run.at(t_ns) for run, count in moving.items())


def _steepest(run: Run, t_ns: int) -> float:
    """By how many bytes in a nanosecond it may rise between its edges."""
    curve = run.curve
    if curve.kind == "sine":
        return 2 * pi * curve.numbers[1] / curve.numbers[2]
    if curve.kind == "ramp" and t_ns - run.from_ns < curve.numbers[2]:
        return max(0, curve.numbers[1] - curve.numbers[0]) / curve.numbers[2]
    return 0.0


def _next_jump(run: Run, t_ns: int) -> int | None:
    """The next edge of a curve that jumps, or where a ramp ends."""
    x = max(0, t_ns - run.from_ns)
    curve, period = run.curve, period_of(run.curve)
    if curve.kind == "sine":
        return None
    starts = [start for start, _ in pieces(curve)]
    base = x - x % period if period else 0
    later = next((base + start for start in starts if base + start > x), base + period if period and len(starts) > 1 else None)
    return None if later is None else run.from_ns + later


def victim(tables: Tables, now_ns: int) -> str | None:
    """Whom the kernel kills on a full machine: who has the most points; None if nobody runs or there is room.

    upstream: oom_badness: 1000 · rss / capacity + oom_score_adj; an oom_score_adj of −1000 is never killed.
    """
    most = room(tables)
    capacity: Capacity | None = tables["capacity"].get("")
    running = [container for container in tables["containers"].values() if container.state == RUNNING]
    if most is None or capacity is None or sum(memory_of(tables, item).at(now_ns) for item in running) <= most:
        return None
    scores = [(score(tables, item, capacity.memory_bytes, now_ns), item.id) for item in running]
    return max(scores)[1] if scores else None


def score(tables: Tables, container: Container, memory_bytes: int, now_ns: int) -> int:
    """A container's points: thousandths of the machine's memory that it holds, and its bias."""
    held = 1000 * memory_of(tables, container).at(now_ns) // max(1, memory_bytes)
    return held + container.spec.linux.oom_score_adj
