"""Readings: what a container, a pod's sandbox and a node have used at an instant, past ones (ten minutes back) as well as the present.

spec: cri-metrics.md sections 3 and 6. Pure functions of the machine's tables: the same instant gives the same reading, however often and in
whatever order it is asked for; nothing ticks. Times are ns, amounts bytes, CPU time ns, rates nanocores.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from kubelab.cri import disks
from kubelab.cri.api import EXITED, RUNNING, Container, Sandbox
from kubelab.cri.usage import course
from kubelab.cri.usage.account import (
    NO_COUNTERS,
    PAUSE_CPU,
    PAUSE_MEMORY,
    Counters,
    Stretch,
    Tables,
    cap_of,
    counters_at,
    counters_of,
    highest_memory,
    minus,
    pause_counters,
    plus,
    served_at,
    stretch_at,
    touched_at,
)
from kubelab.cri.usage.curves import CORE, profile
from kubelab.cri.usage.demand import IDLE_CPU, IDLE_DISK, idle_memory
from kubelab.cri.usage.images import inodes_of, unpacked_bytes
from kubelab.cri.usage.machine import Capacity, boot_of, system_counters, system_memory, system_rate
from kubelab.world.clock import SECOND

CACHE_BYTES = 2 << 20  # page cache of a container at rest: squeezed first when its limit comes near
PAUSE_PROCESSES = 1
OOM_KILLED = "OOMKilled"
PAGE = 4096
FIRST_FAULTS, FIRST_MAJOR_FAULTS = 1500, 12  # of a process that starts: its program is mapped and read
DISK_INODES, BYTES_PER_INODE = 8, 64 << 10
PACKET_BYTES = 1000
_NONE: dict[Any, Any] = {}


class ContainerReading(NamedTuple):
    """A running container. ``cpu_rate`` is what it gets, ``cpu_demand`` what it wants; ``limit`` the memory limit (0: none); periods are
    those of its CPU quota (all 0 without one).
    """

    time_ns: int
    started_ns: int
    cpu_ns: int
    cpu_rate: int
    cpu_demand: int
    working_set: int
    usage: int
    rss: int
    cache: int
    max_usage: int
    limit: int
    page_faults: int
    major_page_faults: int
    fs_bytes: int
    fs_inodes: int
    written_bytes: int
    periods: int
    throttled_periods: int
    throttled_ns: int
    oom_events: int
    processes: int


class SandboxReading(NamedTuple):
    """A pod's cgroup: its own process and all containers it ever had. ``containers``: id → reading of those that run."""

    time_ns: int
    started_ns: int
    cpu_ns: int
    cpu_rate: int
    working_set: int
    usage: int
    rss: int
    limit: int
    page_faults: int
    major_page_faults: int
    rx_bytes: int
    tx_bytes: int
    rx_packets: int
    tx_packets: int
    processes: int
    oom_events: int
    fs_bytes: int
    containers: dict[str, ContainerReading]


class SliceReading(NamedTuple):
    """A part of the node: ``kubelet``, ``runtime``, ``misc``, or all ``pods``."""

    time_ns: int
    started_ns: int
    cpu_ns: int
    cpu_rate: int
    working_set: int
    usage: int
    rss: int
    page_faults: int
    major_page_faults: int


class NodeReading(NamedTuple):
    """A node: the sum of its pods and its system slices. ``fs_used`` counts images, writable layers and the system's own files."""

    time_ns: int
    started_ns: int
    cpu_ns: int
    cpu_rate: int
    working_set: int
    usage: int
    available: int
    rss: int
    page_faults: int
    major_page_faults: int
    rx_bytes: int
    tx_bytes: int
    fs_used: int
    fs_inodes_used: int
    image_fs_used: int
    image_fs_inodes_used: int
    processes: int
    slices: dict[str, SliceReading]
    sandboxes: dict[str, SandboxReading]


# -- containers -----------------------------------------------------------------------------------------------------------------
def container_at(tables: Tables, container_id: str, t_ns: int) -> ContainerReading | None:
    """A container at an instant; None if it did not run then, or is gone."""
    container: Container | None = tables.get("containers", _NONE).get(container_id)
    if container is None or not runs_at(container, t_ns):
        return None
    return _container(tables, container, t_ns)


def runs_at(container: Container, t_ns: int) -> bool:
    """Whether a container was running."""
    return 0 < container.started_ns <= t_ns and (container.state == RUNNING or t_ns < container.finished_ns)


def _container(tables: Tables, container: Container, t_ns: int) -> ContainerReading:
    stretches: tuple[Stretch, ...] = tables.get("accounts", _NONE).get(container.id, ())
    spec, started_ns = container.spec, container.started_ns
    limit, linux = spec.memory_limit_bytes, spec.linux
    if not stretches:
        return _at_rest(t_ns, started_ns, limit, linux.cpu_quota, linux.cpu_period)
    stretch = stretch_at(stretches, t_ns)
    demand, counters = stretch.demand, counters_at(tables, container.id, stretch, t_ns)
    wanted = demand.cpu.at(t_ns)
    if stretch.epoch_ns in tables["epochs"]:
        rate = course.rate(tables["epochs"][stretch.epoch_ns], container.id, t_ns)
    else:
        rate = min(wanted, stretch.cap) if stretch.cap else wanted
    memory, disk = demand.memory.at(t_ns), demand.disk.at(t_ns)
    memory = min(memory, limit) if limit else memory
    cache = _cache(memory, limit)
    top = highest_memory(stretch, t_ns)
    top = max(memory + cache, min(top + CACHE_BYTES, limit) if limit else top + CACHE_BYTES)
    periods, throttled, held = throttling(counters, linux.cpu_period * 1000, stretch.cores)
    return ContainerReading(
        t_ns, started_ns, counters.served // CORE, rate, wanted, memory, memory + cache, memory, cache, top, limit,
        *_faults(counters), disk, _inodes(disk), counters.written, periods, throttled, held, 0, 1,
    )  # fmt: skip


def _at_rest(t_ns: int, started_ns: int, limit: int, quota_us: int, period_us: int) -> ContainerReading:
    memory, span = idle_memory(limit), t_ns - started_ns
    cache = _cache(memory, limit)
    periods = span // (period_us * 1000) if quota_us > 0 else 0
    return ContainerReading(
        t_ns, started_ns, IDLE_CPU * span // CORE, IDLE_CPU, IDLE_CPU, memory, memory + cache, memory, cache, memory + cache, limit,
        FIRST_FAULTS + memory // PAGE, FIRST_MAJOR_FAULTS, IDLE_DISK, _inodes(IDLE_DISK), IDLE_DISK, periods, 0, 0, 0, 1,
    )  # fmt: skip


Brief = tuple[int, int | None, int, int, int, int]
SAMPLE_NS = SECOND  # the runtime's own sampler looks each second from a container's start


def brief_at(tables: Tables, container: Container, t_ns: int) -> Brief:
    """Of a container that runs what the stats RPCs tell: CPU time, its mean rate between the sampler's last two looks (None: there was only
    one), working set, usage, page faults, major ones.
    """
    stretches: tuple[Stretch, ...] = tables["accounts"].get(container.id, ())
    started_ns, limit = container.started_ns, container.spec.memory_limit_bytes
    looked_ns = t_ns - (t_ns - started_ns) % SAMPLE_NS
    if not stretches:
        return IDLE_CPU * (t_ns - started_ns) // CORE, IDLE_CPU if looked_ns > started_ns else None, *_rest_of(limit)
    rate = None
    if looked_ns > started_ns:
        before, after, cpu = served_at(tables, container.id, (looked_ns - SAMPLE_NS, looked_ns, t_ns))
        rate = (after // CORE - before // CORE) * SECOND // SAMPLE_NS
    else:
        cpu = served_at(tables, container.id, (t_ns,))[0]
    stretch = stretch_at(stretches, t_ns)
    memory = stretch.demand.memory.at(t_ns)
    memory = min(memory, limit) if limit else memory
    starts, touched = stretch.counters.starts, touched_at(stretch, t_ns)
    faults = starts * FIRST_FAULTS + touched // PAGE
    return cpu // CORE, rate, memory, memory + _cache(memory, limit), faults, starts * FIRST_MAJOR_FAULTS


@lru_cache(maxsize=1024)
def _rest_of(limit: int) -> tuple[int, int, int, int]:
    memory = idle_memory(limit)
    return memory, memory + _cache(memory, limit), FIRST_FAULTS + memory // PAGE, FIRST_MAJOR_FAULTS


def _faults(counters: Counters) -> tuple[int, int]:
    """Page faults and major ones."""
    return counters.starts * FIRST_FAULTS + counters.touched // PAGE, counters.starts * FIRST_MAJOR_FAULTS


def disk_at(tables: Tables, container: Container, t_ns: int) -> tuple[int, int]:
    """Bytes and inodes in a container's writable layer at an instant."""
    disk = _layer(tables, container, t_ns)
    return disk, _inodes(disk)


def _cache(memory: int, limit: int) -> int:
    return min(CACHE_BYTES, limit - memory) if limit else CACHE_BYTES


def _inodes(disk: int) -> int:
    return DISK_INODES + disk // BYTES_PER_INODE


DISK_AT_REST = (IDLE_DISK, _inodes(IDLE_DISK))


def throttling(counters: Counters, period_ns: int, cores: int) -> tuple[int, int, int]:
    """(nr_periods, nr_throttled, throttled_time): only whole periods are counted, so the held time lags behind by at most one."""
    throttled = counters.over // period_ns
    return counters.running // period_ns, throttled, min(counters.held, throttled * period_ns * cores)


# -- pods -----------------------------------------------------------------------------------------------------------------------
def sandbox_at(tables: Tables, sandbox_id: str, t_ns: int) -> SandboxReading | None:
    """A pod's cgroup at an instant; None if there was none then."""
    sandbox: Sandbox | None = tables.get("sandboxes", _NONE).get(sandbox_id)
    if sandbox is None or not 0 < sandbox.created_ns <= t_ns or (sandbox.stopped_ns and t_ns >= sandbox.stopped_ns):
        return None
    return _sandbox(tables, sandbox, t_ns)


def _sandbox(tables: Tables, sandbox: Sandbox, t_ns: int) -> SandboxReading:
    containers: dict[str, Container] = tables["containers"]
    running: dict[str, ContainerReading] = {}
    counters = plus(_removed(tables, sandbox.id, t_ns), pause_counters(t_ns - sandbox.created_ns))
    for container_id in tables["members"].get(sandbox.id, ()):
        container = containers[container_id]
        if runs_at(container, t_ns):
            running[container_id] = _container(tables, container, t_ns)
        counters = plus(counters, _so_far(tables, container, t_ns))
    memory = PAUSE_MEMORY + sum(reading.working_set for reading in running.values())
    cache = sum(reading.cache for reading in running.values())
    traffic = counters.network // SECOND
    faults, majors = _faults(counters)
    return SandboxReading(
        t_ns, sandbox.created_ns, counters.served // CORE,
        PAUSE_CPU + sum(reading.cpu_rate for reading in running.values()),
        memory, memory + cache, memory, sandbox.config.linux.memory_limit,
        faults, majors, traffic, traffic, -(-traffic // PACKET_BYTES), -(-traffic // PACKET_BYTES),
        PAUSE_PROCESSES + len(running), counters.kills, sum(reading.fs_bytes for reading in running.values()), running,
    )  # fmt: skip


def _so_far(tables: Tables, container: Container, t_ns: int) -> Counters:
    """A container's counters, which stay as they are when it ends; none before its start."""
    if not 0 < container.started_ns <= t_ns:
        return NO_COUNTERS
    has_ended = container.state == EXITED and container.finished_ns <= t_ns
    end_ns = container.finished_ns if has_ended else t_ns
    found = counters_of(tables, container.id, container.started_ns, container.spec.memory_limit_bytes, end_ns)
    return found._replace(kills=1) if has_ended and container.reason == OOM_KILLED else found


def _removed(tables: Tables, sandbox_id: str, t_ns: int) -> Counters:
    """The counters of the containers that a sandbox had and that have been removed."""
    found: Counters = tables.get("gone", _NONE).get(sandbox_id, NO_COUNTERS)
    for ghost_id, ghost in tables.get("ghosts", _NONE).items():
        if ghost.sandbox_id == sandbox_id:
            found = plus(found, ghost.at(tables, ghost_id, t_ns))
    return found


# -- nodes ----------------------------------------------------------------------------------------------------------------------
def node_at(tables: Tables, capacity: Capacity, t_ns: int) -> NodeReading:
    """A node at an instant: every sandbox that there was, the slices of the system, the filesystems."""
    sandboxes: dict[str, SandboxReading] = {}
    served_ns, network, faults, majors, fs_layers, inodes = 0, 0, 0, 0, 0, 0
    boot = boot_of(tables, t_ns)
    started_ns = capacity.started_ns if boot is None else max(capacity.started_ns, boot.at_ns)
    for sandbox in tables.get("sandboxes", _NONE).values():
        reading = sandbox_at(tables, sandbox.id, t_ns)
        if reading is not None:
            sandboxes[sandbox.id] = reading
    gone = ended(tables, t_ns)
    if boot is not None:
        gone = minus(gone, boot.pods)
    for container in tables.get("containers", _NONE).values():
        disk = _layer(tables, container, t_ns)
        fs_layers, inodes = fs_layers + disk, inodes + (_inodes(disk) if disk else 0)
    for reading in sandboxes.values():
        served_ns, network = served_ns + reading.cpu_ns, network + reading.rx_bytes
        faults, majors = faults + reading.page_faults, majors + reading.major_page_faults
    slices = {name: _slice(tables, capacity, name, t_ns) for name in ("kubelet", "runtime", "misc")}
    pods = SliceReading(
        t_ns, started_ns, served_ns + gone.served // CORE, sum(reading.cpu_rate for reading in sandboxes.values()),
        sum(reading.working_set for reading in sandboxes.values()), sum(reading.usage for reading in sandboxes.values()),
        sum(reading.rss for reading in sandboxes.values()), faults + _faults(gone)[0], majors + _faults(gone)[1],
    )  # fmt: skip
    slices["pods"] = pods
    parts = list(slices.values())
    working_set = sum(part.working_set for part in parts)
    images = [record.size_bytes for record in tables.get("images", _NONE).values()]
    image_bytes, image_inodes = sum(map(unpacked_bytes, images)), sum(map(inodes_of, images))
    traffic = network + gone.network // SECOND
    return NodeReading(
        t_ns, started_ns, sum(part.cpu_ns for part in parts), sum(part.cpu_rate for part in parts),
        working_set, sum(part.usage for part in parts), max(0, capacity.memory_bytes - working_set),
        sum(part.rss for part in parts), sum(part.page_faults for part in parts), sum(part.major_page_faults for part in parts),
        traffic, traffic, disks.filled(tables, capacity.fs_bytes, capacity.system_fs_bytes + image_bytes + fs_layers),
        capacity.system_inodes + image_inodes + inodes,
        image_bytes, image_inodes, capacity.system_processes + sum(reading.processes for reading in sandboxes.values()),
        slices, sandboxes,
    )  # fmt: skip


def ended(tables: Tables, t_ns: int) -> Counters:
    """All that sandboxes had used that were there before an instant, and were not any more then."""
    out = tables.get("gone", _NONE).get("", NO_COUNTERS)
    for sandbox in tables.get("sandboxes", _NONE).values():
        if sandbox.stopped_ns and t_ns >= sandbox.stopped_ns:
            out = plus(out, _stopped(tables, sandbox, t_ns))
    for ghost_id, ghost in tables.get("ghosts", _NONE).items():
        if ghost.sandbox_id not in tables["sandboxes"]:
            out = plus(out, ghost.at(tables, ghost_id, t_ns))
    return out


def _stopped(tables: Tables, sandbox: Sandbox, t_ns: int) -> Counters:
    """All that a sandbox had used when it was stopped."""
    if not 0 < sandbox.created_ns <= t_ns:
        return NO_COUNTERS
    span = max(0, min(t_ns, sandbox.stopped_ns) - sandbox.created_ns)
    found = plus(_removed(tables, sandbox.id, t_ns), pause_counters(span))
    for container_id in tables["members"].get(sandbox.id, ()):
        found = plus(found, _so_far(tables, tables["containers"][container_id], t_ns))
    return found


def _layer(tables: Tables, container: Container, t_ns: int) -> int:
    """Bytes in a container's writable layer, which an ended one keeps until it is removed."""
    if not 0 < container.created_ns <= t_ns:
        return 0
    stretches = tables.get("accounts", _NONE).get(container.id)
    if not stretches:
        return IDLE_DISK
    at_ns = min(t_ns, container.finished_ns) if container.state == EXITED else t_ns
    return stretch_at(stretches, at_ns).demand.disk.at(at_ns)


def _slice(tables: Tables, capacity: Capacity, name: str, t_ns: int) -> SliceReading:
    memory, boot = system_memory(capacity, name), boot_of(tables, t_ns)
    return SliceReading(
        t_ns, capacity.started_ns if boot is None else max(capacity.started_ns, boot.at_ns),
        system_counters(tables, capacity, name, t_ns), system_rate(tables, capacity, name, t_ns),
        memory, memory + CACHE_BYTES, memory, FIRST_FAULTS + memory // PAGE, FIRST_MAJOR_FAULTS,
    )  # fmt: skip


__all__ = [
    "DISK_AT_REST",
    "Capacity",
    "ContainerReading",
    "NodeReading",
    "SandboxReading",
    "SliceReading",
    "brief_at",
    "cap_of",
    "container_at",
    "disk_at",
    "node_at",
    "profile",
    "runs_at",
    "sandbox_at",
    "throttling",
]
