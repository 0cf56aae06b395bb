"""The metrics RPCs: ListMetricDescriptors and ListPodSandboxMetrics.

upstream: staging/src/k8s.io/cri-api/pkg/apis/runtime/v1/api.proto, KEP-2371, 1.28; the names are those that cri-tools' validation asks for
(pkg/validate, 2026), which are cAdvisor's. Descriptors are fixed; a metric's label values stand in the order of its keys; integers only, so seconds
are whole ones; a timestamp of 0 means "read now". spec: cri-metrics.md section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from kubelab.cri.api import Container, Sandbox
from kubelab.cri.stats import INTERFACE, ready_sandboxes
from kubelab.cri.usage.account import Tables
from kubelab.cri.usage.machine import Capacity
from kubelab.cri.usage.reading import ContainerReading, SandboxReading, sandbox_at
from kubelab.world.clock import SECOND

Object = dict[str, Any]
COUNTER, GAUGE = "COUNTER", "GAUGE"
BASE_KEYS = ("id", "name")
SECTOR = 4096
USER_PERCENT = 80
KERNEL_BYTES, MAPPED_BYTES = 256 << 10, 1 << 20
FILES, THREADS, SOCKETS, MAX_FILES = 8, 1, 1, 1_048_576
Values = Iterable[tuple[tuple[str, ...], int]]


class Seen(NamedTuple):
    """A running container, what it has used, and the machine."""

    container: Container
    reading: ContainerReading
    capacity: Capacity


class Metric(NamedTuple):
    """A described metric: its own label keys come after ``BASE_KEYS``; ``read`` gives (label values, value) for each of its series."""

    name: str
    help: str
    kind: str
    keys: tuple[str, ...]
    read: Callable[[Seen], Values]


def _one(read: Callable[[Seen], int]) -> Callable[[Seen], Values]:
    return lambda seen: (((), read(seen)),)


def _on(*labels: str) -> Callable[[Callable[[Seen], int]], Callable[[Seen], Values]]:
    return lambda read: lambda seen: ((labels, read(seen)),)


def _failures(seen: Seen) -> Values:
    one = seen.reading
    for failure, value in (("pgfault", one.page_faults), ("pgmajfault", one.major_page_faults)):
        yield (failure, "container"), value
        yield (failure, "hierarchy"), value


def _starved_seconds(seen: Seen) -> int:
    """Time in which it wanted more CPU than it got: what of it is known in closed form, being held back by its quota."""
    return seen.reading.throttled_ns // SECOND


_DISK = _on("/dev/vda")
_CPU_TOTAL = _on("total")
CONTAINER: tuple[Metric, ...] = (
    Metric("container_blkio_device_usage_total", "Blkio Device bytes usage", COUNTER, ("device", "major", "minor", "operation"),
           lambda seen: ((("/dev/vda", "254", "0", "Write"), seen.reading.written_bytes),)),
    Metric("container_cpu_cfs_periods_total", "Number of elapsed enforcement period intervals.", COUNTER, (), _one(lambda seen: seen.reading.periods)),
    Metric("container_cpu_cfs_throttled_periods_total", "Number of throttled period intervals.", COUNTER, (),
           _one(lambda seen: seen.reading.throttled_periods)),
    Metric("container_cpu_cfs_throttled_seconds_total", "Total time duration the container has been throttled.", COUNTER, (),
           _one(lambda seen: seen.reading.throttled_ns // SECOND)),
    Metric("container_cpu_system_seconds_total", "Cumulative system cpu time consumed in seconds.", COUNTER, (),
           _one(lambda seen: seen.reading.cpu_ns * (100 - USER_PERCENT) // 100 // SECOND)),
    Metric("container_cpu_usage_seconds_total", "Cumulative cpu time consumed in seconds.", COUNTER, ("cpu",),
           _CPU_TOTAL(lambda seen: seen.reading.cpu_ns // SECOND)),
    Metric("container_cpu_user_seconds_total", "Cumulative user cpu time consumed in seconds.", COUNTER, (),
           _one(lambda seen: seen.reading.cpu_ns * USER_PERCENT // 100 // SECOND)),
    Metric("container_file_descriptors", "Number of open file descriptors for the container.", GAUGE, (), _one(lambda seen: FILES)),
    Metric("container_fs_inodes_free", "Number of available Inodes", GAUGE, ("device",),
           _DISK(lambda seen: max(0, seen.capacity.inodes - seen.capacity.system_inodes - seen.reading.fs_inodes))),
    Metric("container_fs_inodes_total", "Number of Inodes", GAUGE, ("device",), _DISK(lambda seen: seen.capacity.inodes)),
    Metric("container_fs_limit_bytes", "Number of bytes that can be consumed by the container on this filesystem.", GAUGE, ("device",),
           _DISK(lambda seen: seen.capacity.fs_bytes)),
    Metric("container_fs_usage_bytes", "Number of bytes that are consumed by the container on this filesystem.", GAUGE, ("device",),
           _DISK(lambda seen: seen.reading.fs_bytes)),
    Metric("container_fs_reads_total", "Cumulative count of reads completed", COUNTER, ("device",),
           _DISK(lambda seen: seen.reading.major_page_faults)),
    Metric("container_fs_reads_bytes_total", "Cumulative count of bytes read", COUNTER, ("device",),
           _DISK(lambda seen: seen.reading.major_page_faults * SECTOR)),
    Metric("container_fs_writes_total", "Cumulative count of writes completed", COUNTER, ("device",),
           _DISK(lambda seen: -(-seen.reading.written_bytes // SECTOR))),
    Metric("container_fs_writes_bytes_total", "Cumulative count of bytes written", COUNTER, ("device",),
           _DISK(lambda seen: seen.reading.written_bytes)),
    Metric("container_hugetlb_usage_bytes", "Current hugepage usage in bytes", GAUGE, ("pagesize",), _on("2Mi")(lambda seen: 0)),
    Metric("container_hugetlb_max_usage_bytes", "Maximum hugepage usages recorded in bytes", GAUGE, ("pagesize",), _on("2Mi")(lambda seen: 0)),
    Metric("container_last_seen", "Last time a container was seen by the exporter", GAUGE, (), _one(lambda seen: seen.reading.time_ns // SECOND)),
    Metric("container_memory_cache", "Number of bytes of page cache memory.", GAUGE, (), _one(lambda seen: seen.reading.cache)),
    Metric("container_memory_failcnt", "Number of memory usage hits limits", COUNTER, (), _one(lambda seen: seen.reading.oom_events)),
    Metric("container_memory_failures_total", "Cumulative count of memory allocation failures.", COUNTER, ("failure_type", "scope"), _failures),
    Metric("container_memory_kernel_usage", "Size of kernel memory allocated in bytes.", GAUGE, (), _one(lambda seen: KERNEL_BYTES)),
    Metric("container_memory_mapped_file", "Size of memory mapped files in bytes.", GAUGE, (),
           _one(lambda seen: min(MAPPED_BYTES, seen.reading.cache))),
    Metric("container_memory_max_usage_bytes", "Maximum memory usage recorded in bytes", GAUGE, (), _one(lambda seen: seen.reading.max_usage)),
    Metric("container_memory_rss", "Size of RSS in bytes.", GAUGE, (), _one(lambda seen: seen.reading.rss)),
    Metric("container_memory_swap", "Container swap usage in bytes.", GAUGE, (), _one(lambda seen: 0)),
    Metric("container_memory_usage_bytes", "Current memory usage in bytes, including all memory regardless of when it was accessed", GAUGE, (),
           _one(lambda seen: seen.reading.usage)),
    Metric("container_memory_working_set_bytes", "Current working set in bytes.", GAUGE, (), _one(lambda seen: seen.reading.working_set)),
    Metric("container_oom_events_total", "Count of out of memory events observed for the container", COUNTER, (),
           _one(lambda seen: seen.reading.oom_events)),
    Metric("container_pressure_cpu_stalled_seconds_total", "Total time duration no tasks in the container could make progress due to CPU congestion.",
           COUNTER, (), _one(_starved_seconds)),
    Metric("container_pressure_cpu_waiting_seconds_total", "Total time duration tasks in the container have waited due to CPU congestion.",
           COUNTER, (), _one(_starved_seconds)),
    Metric("container_pressure_io_stalled_seconds_total", "Total time duration no tasks in the container could make progress due to IO congestion.",
           COUNTER, (), _one(lambda seen: 0)),
    Metric("container_pressure_io_waiting_seconds_total", "Total time duration tasks in the container have waited due to IO congestion.",
           COUNTER, (), _one(lambda seen: 0)),
    Metric("container_pressure_memory_stalled_seconds_total",
           "Total time duration no tasks in the container could make progress due to memory congestion.", COUNTER, (), _one(lambda seen: 0)),
    Metric("container_pressure_memory_waiting_seconds_total", "Total time duration tasks in the container have waited due to memory congestion.",
           COUNTER, (), _one(lambda seen: 0)),
    Metric("container_processes", "Number of processes running inside the container.", GAUGE, (), _one(lambda seen: seen.reading.processes)),
    Metric("container_sockets", "Number of open sockets for the container.", GAUGE, (), _one(lambda seen: SOCKETS)),
    Metric("container_spec_cpu_period", "CPU period of the container.", GAUGE, (), _one(lambda seen: seen.container.spec.linux.cpu_period)),
    Metric("container_spec_cpu_quota", "CPU quota of the container.", GAUGE, (), _one(lambda seen: seen.container.spec.linux.cpu_quota)),
    Metric("container_spec_cpu_shares", "CPU share of the container.", GAUGE, (), _one(lambda seen: seen.container.spec.linux.cpu_shares)),
    Metric("container_spec_memory_limit_bytes", "Memory limit for the container.", GAUGE, (), _one(lambda seen: seen.reading.limit)),
    Metric("container_spec_memory_reservation_limit_bytes", "Memory reservation limit for the container.", GAUGE, (), _one(lambda seen: 0)),
    Metric("container_spec_memory_swap_limit_bytes", "Memory swap limit for the container.", GAUGE, (), _one(lambda seen: seen.reading.limit)),
    Metric("container_start_time_seconds", "Start time of the container since unix epoch in seconds.", GAUGE, (),
           _one(lambda seen: seen.reading.started_ns // SECOND)),
    Metric("container_threads", "Number of threads running inside the container", GAUGE, (), _one(lambda seen: seen.reading.processes * THREADS)),
    Metric("container_threads_max", "Maximum number of threads allowed inside the container, infinity if value is zero", GAUGE, (),
           _one(lambda seen: seen.capacity.max_pid)),
    Metric("container_ulimits_soft", "Soft ulimit values for the container root process. Unlimited if -1, except priority and nice", GAUGE,
           ("ulimit",), _on("max_open_files")(lambda seen: MAX_FILES)),
)  # fmt: skip
NETWORK: tuple[tuple[str, str, Callable[[SandboxReading], int]], ...] = (
    ("container_network_receive_bytes_total", "Cumulative count of bytes received", lambda one: one.rx_bytes),
    ("container_network_receive_errors_total", "Cumulative count of errors encountered while receiving", lambda one: 0),
    ("container_network_receive_packets_total", "Cumulative count of packets received", lambda one: one.rx_packets),
    ("container_network_receive_packets_dropped_total", "Cumulative count of packets dropped while receiving", lambda one: 0),
    ("container_network_transmit_bytes_total", "Cumulative count of bytes transmitted", lambda one: one.tx_bytes),
    ("container_network_transmit_errors_total", "Cumulative count of errors encountered while transmitting", lambda one: 0),
    ("container_network_transmit_packets_total", "Cumulative count of packets transmitted", lambda one: one.tx_packets),
    ("container_network_transmit_packets_dropped_total", "Cumulative count of packets dropped while transmitting", lambda one: 0),
)


def list_metric_descriptors() -> list[Object]:
    """ListMetricDescriptors: every metric that ListPodSandboxMetrics can give."""
    found = [{"name": item.name, "help": item.help, "labelKeys": [*BASE_KEYS, *item.keys]} for item in CONTAINER]
    found += [{"name": name, "help": text, "labelKeys": [*BASE_KEYS, "interface"]} for name, text, _ in NETWORK]
    return sorted(found, key=lambda item: str(item["name"]))


def list_pod_sandbox_metrics(tables: Tables, capacity: Capacity, now_ns: int) -> list[Object]:
    """ListPodSandboxMetrics: of each ready sandbox its network, and the metrics of its running containers."""
    return [_sandbox(tables, sandbox, capacity, now_ns) for sandbox in ready_sandboxes(tables)]


def _sandbox(tables: Tables, sandbox: Sandbox, capacity: Capacity, now_ns: int) -> Object:
    reading = sandbox_at(tables, sandbox.id, now_ns)
    assert reading is not None, "a ready sandbox can be read"
    own = [_metric(name, COUNTER, (sandbox.id, "POD", INTERFACE), read(reading), now_ns) for name, _, read in NETWORK]
    parts = [Seen(tables["containers"][item], one, capacity) for item, one in reading.containers.items()]
    return {"podSandboxId": sandbox.id, "metrics": own, "containerMetrics": [_of_container(seen, now_ns) for seen in parts]}


def _of_container(seen: Seen, now_ns: int) -> Object:
    base = (seen.container.id, seen.container.spec.name)
    metrics = [_metric(item.name, item.kind, (*base, *labels), amount, now_ns) for item in CONTAINER for labels, amount in item.read(seen)]
    return {"containerId": seen.container.id, "metrics": metrics}


def _metric(name: str, kind: str, labels: tuple[str, ...], amount: int, now_ns: int) -> Object:
    return {"name": name, "timestamp": now_ns, "metricType": kind, "labelValues": list(labels), "value": {"value": amount}}
