"""Running out of memory: when a container reaches its limit, when a machine is full, and whom the kernel kills then.

spec: cri-metrics.md section 6, point 5; upstream: the kernel's oom_badness (mm/oom_kill.c): points in thousandths of the machine, biased by
oom_score_adj. cgroup v2 kills the whole container (memory.oom.group). Instants are roots of the memory curves, found once at each change.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import count

from kubelab.cri.api import RUNNING, Container, Sandbox
from kubelab.cri.usage.account import PAUSE_MEMORY, Stretch, Tables
from kubelab.cri.usage.curves import constant, first_above, period_of, pieces
from kubelab.cri.usage.demand import Run, idle_memory
from kubelab.cri.usage.machine import Capacity, system_memory

MACHINE = ""
EDGES_LOOKED_AT = 512
SAMPLES = 16


def foresee(tables: Tables, now_ns: int) -> None:
    """Write down when each container, and the machine, will have too little memory."""
    ooms: dict[str, int] = {}
    accounts = tables["accounts"]
    runs: list[Run] = []
    for container in tables["containers"].values():
        if container.state != RUNNING:
            continue
        limit = container.spec.memory_limit_bytes
        if container.id not in accounts:
            runs.append(_at_rest(idle_memory(limit)))
            continue
        run = memory_of(tables, container)
        runs.append(run)
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


def _machine_full(tables: Tables, runs: list[Run], now_ns: int) -> int | None:
    """The first instant at which all containers together need more than there is; None if they never do.

    Only so many edges of periodic curves are looked at: then the last of them, to look again.
    """
    most = room(tables)
    if most is None or sum(run.curve.peak for run in runs) <= most:
        return None
    moving = [run for run in runs if not run.curve.is_constant]
    t_ns = now_ns
    for number in count():
        if _sum_at(runs, t_ns) > most:
            return t_ns
        edges = [edge for run in moving if (edge := _next_edge(run, t_ns)) is not None]
        if not edges:
            return None
        end_ns = min(edges)
        found = _crossed(runs, most, t_ns, end_ns)
        if found is not None:
            return found
        t_ns = end_ns
        if number >= EDGES_LOOKED_AT:
            return t_ns
    return None


def _crossed(runs: list[Run], most: int, first_ns: int, last_ns: int) -> int | None:
    """Where the sum exceeds ``most`` between two edges: between two samples it is taken to rise or fall only."""
    marks = [first_ns + (last_ns - 1 - first_ns) * number // SAMPLES for number in range(SAMPLES + 1)]
    low = marks[0]
    for high in marks[1:]:
        if _sum_at(runs, high) > most:
            while high - low > 1:
                middle = (low + high) // 2
                if _sum_at(runs, middle) > most:
                    high = middle
                else:
                    low = middle
            return high
        low = high
    return None


def _sum_at(runs: list[Run], t_ns: int) -> int:
    return sum(run.at(t_ns) for run in runs)


def _next_edge(run: Run, t_ns: int) -> int | None:
    x = max(0, t_ns - run.from_ns)
    curve, period = run.curve, period_of(run.curve)
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
