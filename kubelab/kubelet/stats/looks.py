"""cAdvisor's looks at cgroups: which there were, and what each saw. A look in the past is a reading of that instant.

upstream: vendor/github.com/google/cadvisor/{manager/container.go, info/v1/container.go}, pkg/kubelet/cadvisor/cadvisor_linux.go, 1.28.
"""

from __future__ import annotations

from typing import NamedTuple

from kubelab.cri.usage.account import PAUSE_CPU, PAUSE_MEMORY
from kubelab.cri.usage.machine import system_counters, system_memory
from kubelab.cri.usage.reading import (
    CACHE_BYTES,
    FIRST_FAULTS,
    FIRST_MAJOR_FAULTS,
    PAGE,
    ContainerReading,
    NodeReading,
    SandboxReading,
    SliceReading,
    container_at,
    node_at,
    sandbox_at,
)
from kubelab.kubelet.stats import grid
from kubelab.kubelet.stats.cgroups import Cgroup, Machine
from kubelab.world.clock import SECOND


class Look(NamedTuple):
    """What one look at a cgroup saw: CPU time in ns since it came to be, memory and traffic in bytes; periods are those of its CPU quota."""

    time_ns: int
    cpu_ns: int
    working_set: int
    usage: int
    rss: int
    page_faults: int
    major_page_faults: int
    processes: int = 1
    rx_bytes: int = 0
    tx_bytes: int = 0
    fs_bytes: int = 0
    written_bytes: int = 0
    periods: int = 0
    throttled_periods: int = 0
    throttled_ns: int = 0
    oom_events: int = 0


class Info(NamedTuple):
    """A cgroup with its newest look and the one before it (None: there was but one)."""

    cgroup: Cgroup
    last: Look
    before: Look | None = None

    @property
    def nano_cores(self) -> int | None:
        """The mean CPU between the two looks, whole nano cores; None with one."""
        if self.before is None or self.last.time_ns <= self.before.time_ns or self.last.cpu_ns < self.before.cpu_ns:
            return None
        return int((self.last.cpu_ns - self.before.cpu_ns) / (self.last.time_ns - self.before.time_ns) * SECOND)


def instants(machine: Machine, cgroup: Cgroup, t_ns: int, count: int = 2) -> list[int]:
    """The last looks at a cgroup up to an instant."""
    return grid.newest(f"{machine.name}{cgroup.name}", machine.seed, cgroup.since_ns, t_ns, count)


def info_at(machine: Machine, cgroup: Cgroup, t_ns: int) -> Info | None:
    """What cAdvisor has of a cgroup at an instant; None before its first look."""
    found = [look for at_ns in instants(machine, cgroup, t_ns) if (look := look_at(machine, cgroup, at_ns)) is not None]
    if not found:
        return None
    return Info(cgroup, found[-1], found[-2] if len(found) > 1 else None)


def look_at(machine: Machine, cgroup: Cgroup, t_ns: int) -> Look | None:
    """What a look at an instant sees; None if the cgroup was not there."""
    kind, tables = cgroup.kind, machine.tables
    if kind == "container":
        container = container_at(tables, cgroup.id, t_ns)
        return None if container is None else _of_container(container)
    if kind in ("pod", "sandbox"):
        sandbox = sandbox_at(tables, cgroup.id, t_ns)
        if sandbox is None:
            return None
        return _of_pod(sandbox) if kind == "pod" else _of_pause(sandbox)
    if kind == "root":
        return _of_node(node_at(tables, machine.capacity, t_ns))
    if kind == "pods":
        return _of_slice(node_at(tables, machine.capacity, t_ns).slices["pods"])
    memory = system_memory(machine.capacity, kind)
    cpu_ns = system_counters(tables, machine.capacity, kind, t_ns)
    return Look(t_ns, cpu_ns, memory, memory + CACHE_BYTES, memory, FIRST_FAULTS + memory // PAGE, FIRST_MAJOR_FAULTS)


def _of_container(one: ContainerReading) -> Look:
    return Look(
        *_common(one),
        fs_bytes=one.fs_bytes,
        written_bytes=one.written_bytes,
        periods=one.periods,
        throttled_periods=one.throttled_periods,
        throttled_ns=one.throttled_ns,
        oom_events=one.oom_events,
    )


def _common(one: ContainerReading | SandboxReading | NodeReading) -> tuple[int, int, int, int, int, int, int, int]:
    """What every reading tells, in a look's order."""
    return (one.time_ns, one.cpu_ns, one.working_set, one.usage, one.rss, one.page_faults, one.major_page_faults, one.processes)


def _of_pod(one: SandboxReading) -> Look:
    return Look(
        *_common(one),
        oom_events=one.oom_events,
    )


def _of_pause(one: SandboxReading) -> Look:
    """The sandbox's own process, with the traffic of the whole pod."""
    cpu_ns = PAUSE_CPU * (one.time_ns - one.started_ns) // SECOND
    faults = PAUSE_MEMORY // PAGE
    return Look(one.time_ns, cpu_ns, PAUSE_MEMORY, PAUSE_MEMORY, PAUSE_MEMORY, faults, 0, rx_bytes=one.rx_bytes, tx_bytes=one.tx_bytes)


def _of_node(one: NodeReading) -> Look:
    return Look(
        *_common(one),
        one.rx_bytes,
        one.tx_bytes,
    )


def _of_slice(one: SliceReading) -> Look:
    return Look(one.time_ns, one.cpu_ns, one.working_set, one.usage, one.rss, one.page_faults, one.major_page_faults, 0)
