"""Usage: what containers and nodes really used, read at regular instants: the truth that samples are compared with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import pandas as pd

from kubelab.cri.api import Container
from kubelab.cri.usage.reading import ContainerReading, NodeReading, container_at, node_at
from kubelab.frames.typed import category, count, instants, seconds, text
from kubelab.kinds import quantity
from kubelab.kinds.kind import Object
from kubelab.kubelet.stats.cgroups import Machine
from kubelab.world.clock import SECOND

REACH_NS = 600 * SECOND
_NONE: Object = {}


class Reading(NamedTuple):
    """A container at an instant."""

    machine: Machine
    container: Container
    reading: ContainerReading


def grid(now_ns: int, since_ns: int, every_ns: int) -> list[int]:
    """The instants to read at: whole steps back from now, not before ``since_ns`` nor further back than readings reach."""
    first_ns = max(since_ns, now_ns - REACH_NS)
    return list(range(now_ns - (now_ns - first_ns) // every_ns * every_ns, now_ns + 1, every_ns)) if first_ns <= now_ns else []


def usage(machines: Iterable[Machine], at: Sequence[int], start_ns: int, pods: frozenset[str] | None = None) -> pd.DataFrame:
    """A row per container and instant, of containers that ran then and are still listed.

    Columns: ``time``, ``elapsed``; ``node``, ``namespace``, ``pod``, ``container``, ``id``; ``cpu`` (cores that it gets), ``cpu_demand`` (that it
    wants), ``cpu_seconds`` (since it began); ``cpu_request``, ``cpu_limit`` (cores, NaN: none); ``working_set``, ``memory_usage``,
    ``memory_request``, ``memory_limit`` (bytes, missing: none); ``filesystem`` (bytes in the writable layer); ``periods``,
    ``throttled_periods``, ``throttled_seconds`` (since it began); ``ended`` (why it ended later: ``OOMKilled`` …, missing: it runs) and
    ``ended_elapsed``.
    """
    found = _readings(machines, at, pods)
    readings = [one.reading for one in found]
    times = [one.time_ns for one in readings]
    ended = [(one.container.finished_ns, one.container.reason) if one.container.finished_ns else (None, None) for one in found]
    return pd.DataFrame(
        {
            "time": instants(times),
            "elapsed": seconds(times, start_ns),
            "node": category([one.machine.name for one in found]),
            "namespace": category([one.container.spec.namespace for one in found]),
            "pod": text([one.container.spec.pod_name for one in found]),
            "container": text([one.container.spec.name for one in found]),
            "id": text([one.container.id for one in found]),
            "cpu": seconds([one.cpu_rate for one in readings]),
            "cpu_demand": seconds([one.cpu_demand for one in readings]),
            "cpu_seconds": seconds([one.cpu_ns for one in readings]),
            "cpu_request": pd.array([_cores(one, "requests") for one in found], dtype="float64"),
            "cpu_limit": pd.array([_cores(one, "limits") for one in found], dtype="float64"),
            "working_set": count([one.working_set for one in readings]),
            "memory_usage": count([one.usage for one in readings]),
            "memory_request": count([_bytes(one, "requests") for one in found]),
            "memory_limit": count([one.limit or None for one in readings]),
            "filesystem": count([one.fs_bytes for one in readings]),
            "periods": count([one.periods for one in readings]),
            "throttled_periods": count([one.throttled_periods for one in readings]),
            "throttled_seconds": seconds([one.throttled_ns for one in readings]),
            "ended": text([reason for _, reason in ended]),
            "ended_elapsed": seconds([time for time, _ in ended], start_ns),
        }
    )


def _readings(machines: Iterable[Machine], at: Sequence[int], pods: frozenset[str] | None) -> list[Reading]:
    listed = [
        (machine, container)
        for machine in machines
        for container in machine.tables.get("containers", _NONE).values()
        if pods is None or container.spec.pod_uid in pods
    ]
    found = []
    for at_ns in at:
        for machine, container in listed:
            reading = container_at(machine.tables, container.id, at_ns)
            if reading is not None:
                found.append(Reading(machine, container, reading))
    return found


def _asked(one: Reading, what: str) -> Object:
    """Requests or limits of a container, from its pod."""
    pod = one.machine.pods.get(one.container.spec.pod_uid)
    specs = [*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]] if pod is not None else []
    spec = next((each for each in specs if each["name"] == one.container.spec.name), _NONE)
    return (spec.get("resources") or _NONE).get(what) or _NONE


def _cores(one: Reading, what: str) -> float | None:
    amount = _asked(one, what).get("cpu")
    return None if amount is None else quantity.milli(amount) / 1000


def _bytes(one: Reading, what: str) -> int | None:
    amount = _asked(one, what).get("memory")
    return None if amount is None else quantity.value(amount)


def node_usage(machines: Iterable[Machine], at: Sequence[int], start_ns: int) -> pd.DataFrame:
    """A row per node and instant.

    Columns: ``time``, ``elapsed``, ``node``; ``cpu`` (cores), ``cpu_demand`` (cores that all containers and the system want
    together), ``memory`` (working set, bytes), ``filesystem``, ``images`` (bytes); and as shares of what the node has: ``cpu_share``,
    ``cpu_demand_share``, ``memory_share``, ``filesystem_share``.
    """
    found: list[tuple[Machine, NodeReading]] = []
    for at_ns in at:
        found += [
            (machine, node_at(machine.tables, machine.capacity, at_ns)) for machine in machines if machine.capacity.started_ns <= at_ns
        ]
    readings = [reading for _, reading in found]
    capacities = [machine.capacity for machine, _ in found]
    times = [reading.time_ns for reading in readings]
    frame = pd.DataFrame(
        {
            "time": instants(times),
            "elapsed": seconds(times, start_ns),
            "node": category([machine.name for machine, _ in found]),
            "cpu": seconds([reading.cpu_rate for reading in readings]),
            "cpu_demand": seconds([_demand(reading) for reading in readings]),
            "memory": count([reading.working_set for reading in readings]),
            "filesystem": count([reading.fs_used for reading in readings]),
            "images": count([reading.image_fs_used for reading in readings]),
        }
    )
    cores = seconds([capacity.cpu_nano for capacity in capacities])
    return frame.assign(
        cpu_share=frame["cpu"] / cores,
        cpu_demand_share=frame["cpu_demand"] / cores,
        memory_share=frame["memory"].astype("float64") / [capacity.memory_bytes for capacity in capacities],
        filesystem_share=frame["filesystem"].astype("float64") / [capacity.fs_bytes for capacity in capacities],
    )


def _demand(reading: NodeReading) -> int:
    """What all on a node want: what they get, and what containers want beyond it."""
    parts = [one for box in reading.sandboxes.values() for one in box.containers.values()]
    return reading.cpu_rate + sum(max(0, one.cpu_demand - one.cpu_rate) for one in parts)


def image_bytes(machine: Machine, t_ns: int) -> int:
    """What the images on a node take."""
    return node_at(machine.tables, machine.capacity, t_ns).image_fs_used
