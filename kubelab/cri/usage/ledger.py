"""The ledger: what the runtime writes down about usage when something changes, so that a reading of any instant can be computed later.

spec: cri-metrics.md section 6. Written only at changes (a curve set, a container started, ended or removed, a limit changed), never at reads, and
on a machine without curves only when a container is removed. Tables: ``asked`` container → its curves, ``accounts`` container → stretches,
``epochs`` start → who shared a scarce CPU, ``ghosts`` removed container → its end, ``gone`` sandbox ("": of removed ones) → counters,
``ooms`` container ("": the machine) → when it runs out of memory, ``capacity`` "" → the machine's, ``boots`` when it
was switched on again → what it had used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubelab.cri.api import NOTREADY, RUNNING, Container, Sandbox
from kubelab.cri.usage import oom
from kubelab.cri.usage.account import (
    KEPT_NS,
    MANY_CORES,
    NO_COUNTERS,
    PAUSE_CPU,
    Counters,
    Ghost,
    Stretch,
    Tables,
    at_rest,
    cap_of,
    counters_at,
    counters_of,
    highest_memory,
    pause_counters,
    plus,
)
from kubelab.cri.usage.curves import CORE
from kubelab.cri.usage.demand import IDLE_CPU, Demand, Run, demand
from kubelab.cri.usage.epoch import SYSTEM, TIERS, Epoch, Leaf, PodShare
from kubelab.cri.usage.machine import Capacity, system_run
from kubelab.cri.usage.shares import SHARES_PER_CPU, milli_cpu_to_shares, weight_of

TABLES = ("asked", "accounts", "epochs", "ghosts", "gone", "ooms", "capacity", "boots")
SYSTEM_SHARES = 1024  # of system.slice, in which kubelet, runtime and the rest run
OOM_KILLED = "OOMKilled"


def begin(tables: Tables, container: Container, curves: Mapping[str, Run], capacity: Capacity, now_ns: int, *, fresh: bool = False) -> None:
    """A container that runs (``fresh``: that starts) gets its curves (anew), beginning now. Amounts not given are those of a container at rest."""
    tables["capacity"][""] = capacity
    limit = container.spec.memory_limit_bytes
    wanted = demand(curves, container.started_ns, limit)
    epoch_ns = 0
    if fresh:
        counters = Counters(touched=wanted.memory.at(now_ns), written=wanted.disk.at(now_ns), starts=1)
    else:
        last = _last(tables, container, now_ns)
        if last.demand == wanted:
            return
        counters = counters_of(tables, container.id, container.started_ns, limit, now_ns)
        counters, epoch_ns = _stepped(counters, last.demand, wanted, now_ns), last.epoch_ns
    _append(tables, container.id, Stretch(now_ns, wanted, _cap(container), _cores(tables), epoch_ns, counters), now_ns)
    turn(tables, now_ns)


def _last(tables: Tables, container: Container, now_ns: int) -> Stretch:
    """The stretch that a container is in; one at rest since its start gets an account with that."""
    known: tuple[Stretch, ...] = tables["accounts"].get(container.id, ())
    if known:
        return known[-1]
    started_ns, limit = container.started_ns, container.spec.memory_limit_bytes
    first = Stretch(started_ns, demand({}, started_ns, limit), _cap(container), _cores(tables), 0, at_rest(0, limit))
    _append(tables, container.id, first, now_ns)
    return first


def _stepped(counters: Counters, before: Demand, after: Demand, now_ns: int) -> Counters:
    """A jump upwards from one curve to the next touches memory and writes files."""
    grown = max(0, after.memory.at(now_ns) - before.memory.at(now_ns))
    written = max(0, after.disk.at(now_ns) - before.disk.at(now_ns))
    return counters._replace(touched=counters.touched + grown, written=counters.written + written)


def turn(tables: Tables, now_ns: int) -> None:
    """Something has changed on a machine: if it has curves, CPU is shared from now on as the containers that run now ask for it."""
    if not tables.get("accounts"):
        return
    epoch = _epoch(tables, now_ns)
    epochs: dict[int, Epoch] = tables["epochs"]
    before = next(reversed(epochs.values())) if epochs else None
    is_open = before is not None and bool(before.pods)
    if epoch is not None or is_open:
        if epoch is None or before is None or epoch._replace(from_ns=before.from_ns) != before:
            _open(tables, epoch, before if is_open else None, now_ns)
    oom.foresee(tables, now_ns)


def _open(tables: Tables, epoch: Epoch | None, before: Epoch | None, now_ns: int) -> None:
    """New stretches for all whose share changes its rule; an epoch without pods says that nobody is in anybody's way."""
    leaves = [*(before.leaves if before else ()), *(epoch.leaves if epoch else ())]
    capacity: Capacity = tables["capacity"][""]
    epoch_ns = now_ns if epoch is not None else 0
    for leaf in dict.fromkeys(leaf.id for leaf in leaves):
        if leaf == SYSTEM:
            _append(tables, SYSTEM, _system_stretch(tables, capacity, epoch_ns, now_ns), now_ns)
            continue
        container: Container | None = tables["containers"].get(leaf)
        if container is None or not container.started_ns:
            continue
        at_ns = now_ns if container.state == RUNNING else container.finished_ns
        limit = container.spec.memory_limit_bytes
        wanted = _last(tables, container, now_ns).demand
        counters = counters_of(tables, leaf, container.started_ns, limit, at_ns)
        mine = epoch_ns if container.state == RUNNING else 0
        _append(tables, leaf, Stretch(at_ns, wanted, _cap(container), _cores(tables), mine, counters), now_ns)
    epochs = tables["epochs"]
    epochs[now_ns] = epoch if epoch is not None else Epoch(now_ns, 0, 1, Leaf(SYSTEM, system_run(capacity), 0, 1), (1, 1, 1), ())
    starts = list(epochs)
    for start, following in zip(starts, starts[1:], strict=False):
        if following < now_ns - KEPT_NS:
            del epochs[start]


def _system_stretch(tables: Tables, capacity: Capacity, epoch_ns: int, now_ns: int) -> Stretch:
    run = system_run(capacity)
    known: tuple[Stretch, ...] = tables["accounts"].get(SYSTEM, ())
    if not known:
        first = Stretch(capacity.started_ns, Demand(run, run, run, run), 0, capacity.cores, 0, Counters())
        _append(tables, SYSTEM, first, now_ns)
        known = (first,)
    counters = counters_at(tables, SYSTEM, known[-1], now_ns)
    return Stretch(now_ns, Demand(run, run, run, run), 0, capacity.cores, epoch_ns, counters)


def _append(tables: Tables, container_id: str, stretch: Stretch, now_ns: int) -> None:
    """Add a stretch; forget those that nobody can ask for any more."""
    known: tuple[Stretch, ...] = tables["accounts"].get(container_id, ())
    if known and container_id != SYSTEM:
        stretch = stretch._replace(highest=highest_memory(known[-1], stretch.from_ns))
    if known and known[-1].from_ns >= stretch.from_ns:
        known = known[:-1]
    followers = (*known, stretch)[1:]
    kept = [old for old, after in zip(known, followers, strict=True) if after.from_ns >= now_ns - KEPT_NS]
    tables["accounts"][container_id] = (*kept, stretch)


# -- who competes ---------------------------------------------------------------------------------------------------------------
def _epoch(tables: Tables, now_ns: int) -> Epoch | None:
    """Who shares the CPU from now on; None if it is always enough for all, or nobody has said how large the machine is."""
    capacity: Capacity | None = tables["capacity"].get("")
    if capacity is None:
        return None
    running = [container for container in tables["containers"].values() if container.state == RUNNING]
    if not _may_be_tight(tables, running, capacity):
        return None
    runs_of_pod: dict[str, list[Container]] = {}
    for container in running:
        runs_of_pod.setdefault(container.sandbox_id, []).append(container)
    weigh = _same if capacity.cgroup == 1 else weight_of
    pods: list[PodShare] = []
    pauses = PAUSE_CPU * sum(1 for sandbox in tables["sandboxes"].values() if sandbox.state != NOTREADY)
    total, is_tight = 0, False
    for sandbox_id, members in runs_of_pod.items():
        sandbox: Sandbox = tables["sandboxes"][sandbox_id]
        config = sandbox.config
        leaves = tuple(_leaf(tables, container, weigh) for container in members)
        cap = cap_of(config.linux.cpu_quota, config.linux.cpu_period)
        peak = sum(min(leaf.run.curve.peak, leaf.cap) if leaf.cap else leaf.run.curve.peak for leaf in leaves)
        is_tight = is_tight or 0 < cap < peak
        total += min(peak, cap) if cap else peak
        pods.append(PodShare(tier_of(config.cgroup_parent), weigh(config.linux.cpu_shares), cap, leaves))
    system = system_run(capacity)
    room = capacity.cpu_nano - pauses
    if not is_tight and total + system.curve.peak <= room:
        return None
    pods.sort(key=lambda pod: TIERS.index(pod.tier))
    burstable = sum(
        item.config.cpu_request_milli
        for item in tables["sandboxes"].values()
        if item.state != NOTREADY and tier_of(item.config.cgroup_parent) == "burstable"
    )
    weights = (weigh(capacity.cpu_nano * SHARES_PER_CPU // CORE), weigh(milli_cpu_to_shares(burstable)), weigh(2))
    return Epoch(now_ns, max(1, room), capacity.cores, Leaf(SYSTEM, system, 0, weigh(SYSTEM_SHARES)), weights, tuple(pods))


def _may_be_tight(tables: Tables, running: list[Container], capacity: Capacity) -> bool:
    """Whether it is worth the while to look closer: all at their highest would need more than there is, or a pod has a quota."""
    accounts: dict[str, tuple[Stretch, ...]] = tables["accounts"]
    total = capacity.cpu_nano - sum(accounts[item.id][-1].demand.cpu.curve.peak if item.id in accounts else IDLE_CPU for item in running)
    if total < system_run(capacity).curve.peak + PAUSE_CPU * len(tables["sandboxes"]):
        return True
    sandboxes = tables["sandboxes"]
    return any(sandboxes[item.sandbox_id].config.linux.cpu_quota for item in running if item.id in accounts)


def _same(shares: int) -> int:
    return max(shares, 2)


def _leaf(tables: Tables, container: Container, weigh: Any) -> Leaf:
    stretches: tuple[Stretch, ...] = tables["accounts"].get(container.id, ())
    run = stretches[-1].demand.cpu if stretches else demand({}, container.started_ns, container.spec.memory_limit_bytes).cpu
    return Leaf(container.id, run, _cap(container), weigh(container.spec.linux.cpu_shares))


def tier_of(cgroup_parent: str) -> str:
    """The QoS class whose cgroup a pod's is under."""
    parts = cgroup_parent.split("/")
    return parts[2] if len(parts) > 2 and parts[2] in TIERS else TIERS[0] if len(parts) > 2 else TIERS[2]


def _cap(container: Container) -> int:
    linux = container.spec.linux
    return cap_of(linux.cpu_quota, linux.cpu_period)


def _cores(tables: Tables) -> int:
    capacity: Capacity | None = tables["capacity"].get("")
    return capacity.cores if capacity is not None else MANY_CORES


def limits_changed(tables: Tables, before: Container, after: Container, capacity: Capacity, now_ns: int) -> None:
    """The limits of a running container count from now on; what it asks for stays."""
    tables["capacity"][""] = capacity
    limit = before.spec.memory_limit_bytes
    last = _last(tables, before, now_ns)
    counters = counters_of(tables, after.id, after.started_ns, limit, now_ns)
    _append(tables, after.id, Stretch(now_ns, last.demand, _cap(after), _cores(tables), last.epoch_ns, counters), now_ns)
    turn(tables, now_ns)


# -- what has ended ---------------------------------------------------------------------------------------------------------------
def bury(tables: Tables, container: Container, now_ns: int) -> None:
    """A container is removed: its counters stay part of its pod's and its node's."""
    tables["asked"].pop(container.id, None)
    stretches: tuple[Stretch, ...] = tables["accounts"].pop(container.id, ())
    if not container.started_ns:
        return
    limit = container.spec.memory_limit_bytes
    if stretches:
        last = stretches[-1]
        total = counters_at(tables, container.id, last, max(container.finished_ns, last.from_ns))
    else:
        total = at_rest(container.finished_ns - container.started_ns, limit)
    if container.reason == OOM_KILLED:
        total = total._replace(kills=1)
    tables["ghosts"][container.id] = Ghost(container.sandbox_id, container.started_ns, container.finished_ns, limit, stretches, total)
    _fold(tables, now_ns)


def bury_sandbox(tables: Tables, sandbox: Sandbox) -> None:
    """A sandbox is removed, after its containers."""
    span = sandbox.stopped_ns - sandbox.created_ns
    tables["ghosts"][sandbox.id] = Ghost(sandbox.id, sandbox.created_ns, sandbox.stopped_ns, 0, (), pause_counters(span))
    rest = tables["gone"].pop(sandbox.id, None)
    if rest is not None:
        tables["gone"][""] = plus(tables["gone"].get("", NO_COUNTERS), rest)


def _fold(tables: Tables, now_ns: int) -> None:
    """Ghosts of long ago are only counters."""
    ghosts: dict[str, Ghost] = tables["ghosts"]
    while ghosts:
        oldest = next(iter(ghosts))
        ghost = ghosts[oldest]
        if ghost.finished_ns >= now_ns - KEPT_NS:
            return
        del ghosts[oldest]
        place = ghost.sandbox_id if ghost.sandbox_id in tables["sandboxes"] else ""
        tables["gone"][place] = plus(tables["gone"].get(place, NO_COUNTERS), ghost.total)
