"""What several scrapes of ``/metrics/resource`` tell of one container, without making the pages: the same numbers for a fraction of the work.

upstream: as ``cri.containers_cpu_and_memory``, of one container at several instants; tests compare the two.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from kubelab.cri.api import Container
from kubelab.cri.usage.reading import ContainerReading, container_at, runs_at
from kubelab.kubelet.stats import grid
from kubelab.kubelet.stats.cgroups import Machine, pod_path

_BEFORE_NS = 9 * grid.INTERVAL_NS  # two looks lie within this


class Scraped(NamedTuple):
    """A container's numbers on a page: ``time_ns`` is that of the reading."""

    time_ns: int
    cpu_ns: int
    working_set: int


def scraped(machine: Machine, container: Container, at: Sequence[int]) -> list[Scraped | None]:
    """One container at ascending instants; None where the page says nothing of it."""
    if machine.gate or not container.started_ns:
        return [None] * len(at)
    name = f"{machine.name}{pod_path(machine, container.spec.pod_uid)}/cri-containerd-{container.id}.scope"
    looks = grid.instants(name, machine.seed, container.started_ns, at[0] - _BEFORE_NS, at[-1])
    seen: dict[int, ContainerReading | None] = {}

    def read(t_ns: int) -> ContainerReading | None:
        if t_ns not in seen:
            seen[t_ns] = container_at(machine.tables, container.id, t_ns)
        return seen[t_ns]

    found: list[Scraped | None] = []
    for t_ns in at:
        if not runs_at(container, t_ns):
            found.append(None)
            continue
        position = bisect_right(looks, t_ns)
        last = read(looks[position - 1]) if position else None
        before = read(looks[position - 2]) if position > 1 else None
        if last is None or before is None or _idle(before, last):
            last = read(t_ns)
        found.append(None if last is None else Scraped(last.time_ns, last.cpu_ns, last.working_set))
    return found


def _idle(before: ContainerReading, last: ContainerReading) -> bool:
    """Whether cAdvisor takes a container for ended (``cadvisor.terminated``)."""
    return last.rss == 0 and (last.cpu_ns - before.cpu_ns) * 1_000_000_000 < last.time_ns - before.time_ns
