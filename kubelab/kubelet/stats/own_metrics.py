"""What a kubelet tells of its own work: how long its runtime took, how long pods took to start, when its PLEG looked; pods it wants, evicts
and preempts.

An answer of the simulated runtime takes the time that ``Timing`` says of the operation, and none where it says nothing.

upstream: pkg/kubelet/metrics/metrics.go, pkg/kubelet/kuberuntime/instrumented_services.go recordOperation, pkg/kubelet/pleg/generic.go Relist,
pkg/kubelet/kubelet.go SyncPod (PodStartDuration), pkg/kubelet/kubelet_pods.go HandlePodCleanups, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubelab.apiserver.exposition import Family, histogram
from kubelab.cri.api import RUNNING
from kubelab.kubelet import durations
from kubelab.kubelet.durations import DEFAULT_BOUNDS, OPERATION_BOUNDS, Histogram
from kubelab.kubelet.eviction.manager import COUNTED as EVICTED
from kubelab.kubelet.pod.preemption import COUNTED as PREEMPTED
from kubelab.kubelet.static_pods import TABLE as STATIC
from kubelab.kubelet.static_pods import is_mirror
from kubelab.kubelet.stats import runtime_operations
from kubelab.kubelet.stats.cgroups import Machine
from kubelab.kubelet.stats.prometheus import COUNTER, GAUGE, Metric, Row
from kubelab.world.clock import SECOND

ERRORS = Metric(
    "kubelet_runtime_operations_errors_total",
    COUNTER,
    "ALPHA",
    "Cumulative number of runtime operation errors by operation type.",
    ("operation_type",),
)
EVICTIONS = Metric("kubelet_evictions", COUNTER, "ALPHA", "Cumulative number of pod evictions by eviction signal", ("eviction_signal",))
PREEMPTIONS = Metric(
    "kubelet_preemptions", COUNTER, "ALPHA", "Cumulative number of pod preemptions by preemption resource", ("preemption_signal",)
)
STARTED_PODS = Metric("kubelet_started_pods_total", COUNTER, "ALPHA", "Cumulative number of pods started")
LAST_SEEN = Metric("kubelet_pleg_last_seen_seconds", GAUGE, "ALPHA", "Timestamp in seconds when PLEG was last seen active.")
DESIRED = Metric(
    "kubelet_desired_pods",
    GAUGE,
    "ALPHA",
    "The number of pods the kubelet is being instructed to run. static is true if the pod is not from the apiserver.",
    ("static",),
)
ACTIVE = Metric(
    "kubelet_active_pods",
    GAUGE,
    "ALPHA",
    "The number of pods the kubelet considers active and which are being considered when admitting new pods. "
    "static is true if the pod is not from the apiserver.",
    ("static",),
)
MIRRORS = Metric(
    "kubelet_mirror_pods",
    GAUGE,
    "ALPHA",
    "The number of mirror pods the kubelet will try to create (one per admitted static pod)",
)
OPERATIONS = "Duration in seconds of runtime operations. Broken down by operation type."
SANDBOXES = "Duration in seconds of the run_podsandbox operations. Broken down by RuntimeClass.Handler."
STARTS = "Duration in seconds from kubelet seeing a pod for the first time to the pod starting to run"
RELISTS = "Duration in seconds for relisting pods in PLEG."
INTERVALS = "Interval in seconds between relisting in PLEG."
_NONE: dict[Any, Any] = {}


# -- numbers --------------------------------------------------------------------------------------------------------------------
def rows(machine: Machine, t_ns: int) -> Iterator[Row]:
    for metric, table in (
        (ERRORS, machine.tables.get(durations.ERRORS, _NONE)),
        (EVICTIONS, machine.memory.get(EVICTED, _NONE)),
        (PREEMPTIONS, machine.memory.get(PREEMPTED, _NONE)),
    ):
        yield from (Row(metric, count, (name,)) for name, count in table.items())
    yield Row(STARTED_PODS, machine.tables.get("operations", _NONE).get("run_podsandbox", 0))
    count, last_ns = relists(machine, t_ns)
    if count:
        yield Row(LAST_SEEN, last_ns / SECOND)
    static = machine.tables.get(STATIC, _NONE)
    mirrors = sum(is_mirror(pod) for pod in machine.pods.values())
    active = [uid for uid, worker in machine.workers.items() if not worker.done and not worker.rejected]
    own = {pod["metadata"]["uid"] for pod in static.values()}
    yield Row(DESIRED, len(machine.pods) - mirrors, ("",))
    yield Row(DESIRED, len(static), ("true",))
    yield Row(ACTIVE, sum(uid not in own for uid in active), ("",))
    yield Row(ACTIVE, sum(uid in own for uid in active), ("true",))
    yield Row(MIRRORS, mirrors)


def relists(machine: Machine, t_ns: int) -> tuple[int, int]:
    """How often the PLEG has looked at the runtime, and when last; it stands still while the runtime does not answer."""
    period_ns, phase_ns = machine.timing.relist_ns, machine.tables.get("pleg", _NONE).get("phase")
    t_ns = min([t_ns, *machine.tables.get("hang", _NONE).values()])
    if phase_ns is None or period_ns <= 0 or t_ns < phase_ns:
        return 0, 0
    number = (t_ns - phase_ns) // period_ns
    return number + 1, phase_ns + number * period_ns


# -- histograms -----------------------------------------------------------------------------------------------------------------
def histograms(machine: Machine, t_ns: int) -> list[Family]:
    """The page's histograms; one without observations is left out."""
    took = operation_durations(machine, t_ns)
    count, _ = relists(machine, t_ns)
    sandboxes = Histogram().with_(
        machine.timing.sandbox_ns, DEFAULT_BOUNDS, machine.tables.get("operations", _NONE).get("run_podsandbox", 0)
    )
    interval = Histogram().with_(machine.timing.relist_ns, DEFAULT_BOUNDS, max(0, count - 1))
    return [
        _family(
            "kubelet_runtime_operations_duration_seconds",
            OPERATIONS,
            OPERATION_BOUNDS,
            [({"operation_type": name}, found) for name, found in took.items()],
        ),
        _family("kubelet_run_podsandbox_duration_seconds", SANDBOXES, DEFAULT_BOUNDS, [({"runtime_handler": ""}, sandboxes)]),
        _family("kubelet_pod_start_duration_seconds", STARTS, DEFAULT_BOUNDS, [({}, pod_starts(machine))]),
        _family("kubelet_pleg_relist_duration_seconds", RELISTS, DEFAULT_BOUNDS, [({}, Histogram().with_(0, DEFAULT_BOUNDS, count))]),
        _family("kubelet_pleg_relist_interval_seconds", INTERVALS, DEFAULT_BOUNDS, [({}, interval)]),
    ]


def _family(name: str, text: str, bounds: tuple[float, ...], found: list[tuple[dict[str, str], Histogram]]) -> Family:
    samples = [
        sample for labels, each in found if each.number for sample in histogram(labels, bounds, list(each.counts), each.sum_ns / SECOND)
    ]
    return Family(name, "histogram", "ALPHA", text, tuple(samples))


def operation_durations(machine: Machine, t_ns: int) -> dict[str, Histogram]:
    """By operation: what was written down, and for all others what ``Timing`` says of it."""
    timing, tables = machine.timing, machine.tables
    usual = {
        "run_podsandbox": timing.sandbox_ns,
        "create_container": timing.container_create_ns,
        "start_container": timing.container_start_ns,
        "stop_container": timing.container_stop_ns,
    }
    written = tables.get(durations.OPERATIONS, _NONE)
    under_way = {"stop_container": _stopping(machine)}
    found = {}
    for name, count in runtime_operations.counts(machine, t_ns).items():
        known: Histogram = written.get(name, Histogram())
        left = max(0, count - known.number - under_way.get(name, 0))
        found[name] = known.with_(usual.get(name, 0), OPERATION_BOUNDS, left) if left else known
    return found


def _stopping(machine: Machine) -> int:
    containers, stops = machine.tables.get("containers", _NONE), machine.tables.get("stops", _NONE)
    running = (containers.get(container_id) for container_id, stop in stops.items() if stop.asked_ns)
    return sum(container is not None and container.state == RUNNING for container in running)


def pod_starts(machine: Machine) -> Histogram:
    """How long pods took from their first sight until they were reported to run."""
    table = machine.memory.get(durations.STARTS, _NONE)
    return durations.of((took for uid, took in table.items() if uid), DEFAULT_BOUNDS, table.get(""))
