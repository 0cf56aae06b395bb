"""``/metrics/probes``: how often each probe was made, and with what result.

upstream: pkg/kubelet/prober/{prober_manager,worker}.go, 1.28; component-base RegisterProcessStartTime. A probe that fails to be made is not
counted. The answers come at once in virtual time: every duration is 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubelab.apiserver.exposition import Family, Sample, histogram
from kubelab.cri.api import RUNNING
from kubelab.kubelet.pod.probing import unasked
from kubelab.kubelet.records import ProbeState, Worker
from kubelab.kubelet.stats.cgroups import Machine
from kubelab.kubelet.stats.prometheus import COUNTER, GAUGE, Metric, Row
from kubelab.world.clock import SECOND

TOTAL = Metric(
    "prober_probe_total",
    COUNTER,
    "ALPHA",
    "Cumulative number of a liveness, readiness or startup probe for a container by result.",
    ("probe_type", "result", "container", "pod", "namespace", "pod_uid"),
)
STARTED = Metric("process_start_time_seconds", GAUGE, "ALPHA", "Start time of the process since unix epoch in seconds.")
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_NONE: dict[Any, Any] = {}
Probe = tuple[str, str, str, Worker, ProbeState]


def rows(machine: Machine, t_ns: int) -> Iterator[Row]:
    """The counters; a series comes to be with its first result."""
    yield Row(STARTED, machine.capacity.started_ns / SECOND)
    for uid, name, kind, worker, state in _probes(machine):
        meta = worker.pod["metadata"]
        where = (name, meta["name"], meta["namespace"], uid)
        for result, count in (("successful", successes(machine, worker, name, kind, state, t_ns)), ("failed", state.failures)):
            if count:
                yield Row(TOTAL, count, (kind.capitalize(), result, *where))


def durations(machine: Machine, t_ns: int) -> Family:
    """The histogram of successful probes."""
    samples: list[Sample] = []
    for _, name, kind, worker, state in _probes(machine):
        count = successes(machine, worker, name, kind, state, t_ns)
        if count:
            meta = worker.pod["metadata"]
            labels = {"probe_type": kind.capitalize(), "container": name, "pod": meta["name"], "namespace": meta["namespace"]}
            samples += histogram(labels, BOUNDS, [count, *(0 for _ in BOUNDS)], 0.0)
    return Family("prober_probe_duration_seconds", "histogram", "ALPHA", "Duration in seconds for a probe response.", tuple(samples))


def _probes(machine: Machine) -> Iterator[Probe]:
    for uid, worker in machine.workers.items():
        for (name, kind), state in worker.probes.items():
            yield uid, name, kind, worker, state


def successes(machine: Machine, worker: Worker, name: str, kind: str, state: ProbeState, t_ns: int) -> int:
    """With those that were not asked for, because a container that runs no interesting program cannot answer otherwise."""
    container = machine.tables.get("containers", _NONE).get(state.container)
    if kind == "startup" or state.on_hold or container is None or container.state != RUNNING:
        return state.successes
    if state.container in machine.tables.get("states", _NONE):
        return state.successes
    spec = next(each for each in worker.pod["spec"]["containers"] if each["name"] == name)
    return state.successes + unasked(state, spec[f"{kind}Probe"], t_ns)
