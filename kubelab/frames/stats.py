"""Stats: what cAdvisor saw of each container at each of its looks, as far back as it remembers (two minutes)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import pandas as pd

from kubelab.frames.typed import category, count, instants, seconds, text
from kubelab.kubelet.stats.cgroups import Cgroup, Machine, container_of
from kubelab.kubelet.stats.grid import HISTORY_NS, INTERVAL_NS
from kubelab.kubelet.stats.grid import instants as looks
from kubelab.kubelet.stats.looks import Look, look_at


class Sample(NamedTuple):
    """One look at one container, and the look before it."""

    machine: Machine
    cgroup: Cgroup
    look: Look
    before: Look | None


def samples(machines: Iterable[Machine], now_ns: int) -> list[Sample]:
    """Every look of the last two minutes at containers that are still listed, in the order in which they were taken."""
    found = []
    for machine in machines:
        for container in machine.tables.get("containers", {}).values():
            if not container.started_ns:
                continue
            cgroup, before = container_of(machine, container), None
            since_ns = now_ns - HISTORY_NS
            for at_ns in looks(f"{machine.name}{cgroup.name}", machine.seed, cgroup.since_ns, since_ns - 3 * INTERVAL_NS, now_ns):
                look = look_at(machine, cgroup, at_ns)
                if look is None:
                    continue
                if at_ns > since_ns:
                    found.append(Sample(machine, cgroup, look, before))
                before = look
    return sorted(found, key=lambda sample: sample.look.time_ns)


def stats(machines: Iterable[Machine], now_ns: int, start_ns: int) -> pd.DataFrame:
    """A row per container and look of cAdvisor's last two minutes.

    Columns: ``time``, ``elapsed``; ``age`` (seconds ago); ``node``, ``namespace``, ``pod``, ``container``, ``id``; ``window`` (seconds since the
    look before, NaN: there was none); ``cpu`` (cores, mean over the window), ``cpu_seconds`` (since the container began); ``working_set``,
    ``usage``, ``rss`` (bytes), ``memory_limit`` (bytes, missing: none); ``page_faults``, ``major_page_faults``; ``filesystem`` (bytes in the
    writable layer); ``periods``, ``throttled_periods``, ``throttled_seconds`` (of its CPU quota, since it began).
    """
    found = samples(machines, now_ns)
    at = [sample.look.time_ns for sample in found]
    before = [sample.before.time_ns if sample.before is not None else None for sample in found]
    return pd.DataFrame(
        {
            "time": instants(at),
            "elapsed": seconds(at, start_ns),
            "age": seconds([now_ns] * len(at), at),
            "node": category([sample.machine.name for sample in found]),
            "namespace": category([sample.cgroup.namespace for sample in found]),
            "pod": text([sample.cgroup.pod for sample in found]),
            "container": text([sample.cgroup.container for sample in found]),
            "id": text([sample.cgroup.id for sample in found]),
            "window": seconds(at, before),
            "cpu": _cores(found),
            **_numbers(found),
        }
    )


def _cores(found: Sequence[Sample]) -> pd.Series:
    rates = [
        None if one.before is None else (one.look.cpu_ns - one.before.cpu_ns) / (one.look.time_ns - one.before.time_ns) for one in found
    ]
    return pd.Series(rates, dtype="float64")


def _numbers(found: Sequence[Sample]) -> dict[str, object]:
    looked = [sample.look for sample in found]
    return {
        "cpu_seconds": seconds([look.cpu_ns for look in looked]),
        "working_set": count([look.working_set for look in looked]),
        "usage": count([look.usage for look in looked]),
        "rss": count([look.rss for look in looked]),
        "memory_limit": count([sample.cgroup.memory_limit or None for sample in found]),
        "page_faults": count([look.page_faults for look in looked]),
        "major_page_faults": count([look.major_page_faults for look in looked]),
        "filesystem": count([look.fs_bytes for look in looked]),
        "periods": count([look.periods for look in looked]),
        "throttled_periods": count([look.throttled_periods for look in looked]),
        "throttled_seconds": seconds([look.throttled_ns for look in looked]),
    }
