"""``/metrics/cadvisor``: what cAdvisor knows of every cgroup, the pods' own and the sandboxes' included.

upstream: github.com/google/cadvisor v0.47.3 metrics/{prometheus,prometheus_machine}.go, pkg/kubelet/server/server.go
(containerPrometheusLabelsFunc, the metric set), pkg/kubelet/metrics/collectors/cri_metrics.go, 1.28. A pod's own cgroup is a series with
container=""; so is its sandbox, with image and name, and only that carries the network. ``cfs`` series are there only under a quota.

The lab's share: a fifth of the CPU time is the system's; there is one disk, and nothing is read from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kubelab.cri.metrics import list_metric_descriptors, list_pod_sandbox_metrics
from kubelab.cri.usage.shares import weight_of
from kubelab.kubelet.stats.cgroups import (
    SYSTEM_CONTAINERS,
    Cgroup,
    Machine,
    container_of,
    containers,
    pod_of,
    root_of,
    sandbox_of,
    sandboxes,
    system_of,
)
from kubelab.kubelet.stats.looks import Info, Look, info_at
from kubelab.kubelet.stats.prometheus import COUNTER, GAUGE, Metric, Row
from kubelab.kubelet.stats.storage import Disk
from kubelab.world.clock import SECOND

LABELS = ("container", "id", "image", "name", "namespace", "pod")
DEVICE, INTERFACE = "/dev/sda", "eth0"
FILES_PER_PROCESS, OPEN_FILES = 8, 1_048_576
PACKET_BYTES = 1000
_TASKS = ("sleeping", "running", "stopped", "uninterruptible", "iowaiting")
_FAILURES = (("pgfault", "container"), ("pgmajfault", "container"), ("pgfault", "hierarchy"), ("pgmajfault", "hierarchy"))


def _metric(name: str, type_: str, text: str, *labels: str) -> Metric:
    return Metric(f"container_{name}", type_, "", text, (*LABELS, *labels))


LAST_SEEN = _metric("last_seen", GAUGE, "Last time a container was seen by the exporter")
START_TIME = _metric("start_time_seconds", GAUGE, "Start time of the container since unix epoch in seconds.")
CPU_PERIOD = _metric("spec_cpu_period", GAUGE, "CPU period of the container.")
CPU_QUOTA = _metric("spec_cpu_quota", GAUGE, "CPU quota of the container.")
CPU_SHARES = _metric("spec_cpu_shares", GAUGE, "CPU share of the container.")
MEMORY_LIMIT = _metric("spec_memory_limit_bytes", GAUGE, "Memory limit for the container.")
SWAP_LIMIT = _metric("spec_memory_swap_limit_bytes", GAUGE, "Memory swap limit for the container.")
RESERVATION = _metric("spec_memory_reservation_limit_bytes", GAUGE, "Memory reservation limit for the container.")
CPU_USER = _metric("cpu_user_seconds_total", COUNTER, "Cumulative user cpu time consumed in seconds.")
CPU_SYSTEM = _metric("cpu_system_seconds_total", COUNTER, "Cumulative system cpu time consumed in seconds.")
CPU_USAGE = _metric("cpu_usage_seconds_total", COUNTER, "Cumulative cpu time consumed in seconds.", "cpu")
PERIODS = _metric("cpu_cfs_periods_total", COUNTER, "Number of elapsed enforcement period intervals.")
THROTTLED_PERIODS = _metric("cpu_cfs_throttled_periods_total", COUNTER, "Number of throttled period intervals.")
THROTTLED_SECONDS = _metric("cpu_cfs_throttled_seconds_total", COUNTER, "Total time duration the container has been throttled.")
LOAD = _metric("cpu_load_average_10s", GAUGE, "Value of container cpu load average over the last 10 seconds.")
TASKS = _metric("tasks_state", GAUGE, "Number of tasks in given state", "state")
MEMORY_FAILURES = _metric("memory_failures_total", COUNTER, "Cumulative count of memory allocation failures.", "failure_type", "scope")
BLKIO = _metric("blkio_device_usage_total", COUNTER, "Blkio Device bytes usage", "device", "major", "minor", "operation")
ULIMITS = _metric(
    "ulimits_soft", GAUGE, "Soft ulimit values for the container root process. Unlimited if -1, except priority and nice", "ulimit"
)
OOM_EVENTS = _metric("oom_events_total", COUNTER, "Count of out of memory events observed for the container")


_Of = tuple[tuple[Metric, Callable[[Look], int]], ...]
_MEMORY: _Of = (
    (_metric("memory_cache", GAUGE, "Number of bytes of page cache memory."), lambda look: look.usage - look.rss),
    (_metric("memory_rss", GAUGE, "Size of RSS in bytes."), lambda look: look.rss),
    (_metric("memory_mapped_file", GAUGE, "Size of memory mapped files in bytes."), lambda look: 0),
    (_metric("memory_swap", GAUGE, "Container swap usage in bytes."), lambda look: 0),
    (_metric("memory_failcnt", COUNTER, "Number of memory usage hits limits"), lambda look: 0),
    (
        _metric("memory_usage_bytes", GAUGE, "Current memory usage in bytes, including all memory regardless of when it was accessed"),
        lambda look: look.usage,
    ),
    (_metric("memory_max_usage_bytes", GAUGE, "Maximum memory usage recorded in bytes"), lambda look: 0),
    (_metric("memory_working_set_bytes", GAUGE, "Current working set in bytes."), lambda look: look.working_set),
)
_PROCESSES: _Of = (
    (_metric("processes", GAUGE, "Number of processes running inside the container."), lambda look: look.processes),
    (
        _metric("file_descriptors", GAUGE, "Number of open file descriptors for the container."),
        lambda look: look.processes * FILES_PER_PROCESS,
    ),
    (_metric("sockets", GAUGE, "Number of open sockets for the container."), lambda look: 0),
    (
        _metric("threads_max", GAUGE, "Maximum number of threads allowed inside the container, infinity if value is zero"),
        lambda look: 0,
    ),
    (_metric("threads", GAUGE, "Number of threads running inside the container"), lambda look: look.processes),
)
_TRAFFIC = tuple(
    (_metric(f"network_{way}_{what}_total", COUNTER, f"Cumulative count of {words.format(done)}", "interface"), way, what)
    for way, done in (("receive", "receiv"), ("transmit", "transmitt"))
    for what, words in (
        ("bytes", "bytes {}ed"),
        ("packets", "packets {}ed"),
        ("packets_dropped", "packets dropped while {}ing"),
        ("errors", "errors encountered while {}ing"),
    )
)
_FILESYSTEM: tuple[tuple[Metric, Callable[[Disk], int]], ...] = (
    (_metric("fs_inodes_free", GAUGE, "Number of available Inodes", "device"), lambda disk: disk.inodes - disk.inodes_used),
    (_metric("fs_inodes_total", GAUGE, "Number of Inodes", "device"), lambda disk: disk.inodes),
    (
        _metric("fs_limit_bytes", GAUGE, "Number of bytes that can be consumed by the container on this filesystem.", "device"),
        lambda disk: disk.capacity,
    ),
    (
        _metric("fs_usage_bytes", GAUGE, "Number of bytes that are consumed by the container on this filesystem.", "device"),
        lambda disk: disk.used,
    ),
)
_WRITTEN: _Of = (
    (_metric("fs_reads_bytes_total", COUNTER, "Cumulative count of bytes read", "device"), lambda look: 0),
    (_metric("fs_reads_total", COUNTER, "Cumulative count of reads completed", "device"), lambda look: 0),
    (_metric("fs_writes_bytes_total", COUNTER, "Cumulative count of bytes written", "device"), lambda look: look.written_bytes),
    (
        _metric("fs_writes_total", COUNTER, "Cumulative count of writes completed", "device"),
        lambda look: -(-look.written_bytes // 4096),
    ),
)

VERSION_LABELS = ("cadvisorRevision", "cadvisorVersion", "dockerVersion", "kernelVersion", "osVersion")
VERSION = Metric(
    "cadvisor_version_info",
    GAUGE,
    "",
    "A metric with a constant '1' value labeled by kernel version, OS version, docker version, cadvisor version & cadvisor revision.",
    VERSION_LABELS,
)
SCRAPE_ERROR = Metric("container_scrape_error", GAUGE, "", "1 if there was an error while getting container metrics, 0 otherwise")
MACHINE_LABELS = ("boot_id", "machine_id", "system_uuid")


def rows(machine: Machine, t_ns: int) -> Iterator[Row]:
    """The page's rows."""
    yield from machine_rows(machine)
    if machine.gate:
        yield from cri_rows(machine, t_ns)
        return
    system = machine.node["status"]["nodeInfo"]
    yield Row(VERSION, 1, ("", "", "", system["kernelVersion"], system["osImage"]))
    yield Row(SCRAPE_ERROR, 0)
    disk = Disk(machine, t_ns)
    for group, pod, namespace in _cgroups(machine, t_ns):
        alias = group.id if group.kind in ("sandbox", "container") else ""
        labels = (group.container, group.name, group.image, alias, namespace, pod)
        yield from spec_rows(machine, group, labels)
        info = info_at(machine, group, t_ns)
        if info is None:
            continue
        yield Row(LAST_SEEN, t_ns // SECOND, labels, t_ns)
        yield from _usage_rows(info, labels)
        if group.kind == "root":
            yield from (Row(metric, value(disk), (*labels, DEVICE), info.last.time_ns) for metric, value in _FILESYSTEM)
        if group.has_network:
            yield from _network_rows(info.last, labels)


def _cgroups(machine: Machine, t_ns: int) -> Iterator[tuple[Cgroup, str, str]]:
    """Every cgroup, with the pod and namespace that its series name."""
    yield root_of(machine), "", ""
    for name in SYSTEM_CONTAINERS:
        yield system_of(machine, name), "", ""
    for sandbox in sandboxes(machine, t_ns):
        config = sandbox.config
        groups = [pod_of(machine, sandbox), sandbox_of(machine, sandbox)]
        groups += [container_of(machine, container) for container in containers(machine, sandbox.id, t_ns)]
        yield from ((group, config.name, config.namespace) for group in groups)


def spec_rows(machine: Machine, group: Cgroup, labels: tuple[str, ...]) -> Iterator[Row]:
    """What a cgroup may use; these bear no timestamp."""
    limits = group.limits
    yield Row(START_TIME, group.since_ns // SECOND, labels)
    yield Row(CPU_PERIOD, limits.cpu_period, labels)
    if limits.cpu_quota > 0:
        yield Row(CPU_QUOTA, limits.cpu_quota, labels)
    yield Row(CPU_SHARES, _shares(limits.cpu_shares, machine.capacity.cgroup), labels)
    yield Row(MEMORY_LIMIT, limits.memory_limit, labels)
    yield Row(SWAP_LIMIT, 0, labels)
    yield Row(RESERVATION, 0, labels)


def _shares(shares: int, cgroup: int) -> int:
    """Under cgroup v2 the weight is read back as shares, which is not the same number (upstream: convertCPUWeightToCPULimit)."""
    return shares if cgroup == 1 else 2 + (weight_of(shares) - 1) * 262142 // 9999


def _usage_rows(info: Info, labels: tuple[str, ...]) -> Iterator[Row]:
    look, group, at_ns = info.last, info.cgroup, info.last.time_ns
    system_ns = look.cpu_ns // 5
    yield Row(CPU_USER, (look.cpu_ns - system_ns) / SECOND, labels, at_ns)
    yield Row(CPU_SYSTEM, system_ns / SECOND, labels, at_ns)
    if look.cpu_ns:
        yield Row(CPU_USAGE, look.cpu_ns / SECOND, (*labels, "total"), at_ns)
    if group.limits.cpu_quota > 0:
        yield Row(PERIODS, look.periods, labels, at_ns)
        yield Row(THROTTLED_PERIODS, look.throttled_periods, labels, at_ns)
        yield Row(THROTTLED_SECONDS, look.throttled_ns / SECOND, labels, at_ns)
    yield Row(LOAD, 0, labels, at_ns)
    yield from (Row(TASKS, 0, (*labels, state), at_ns) for state in _TASKS)
    yield from (Row(metric, value(look), labels, at_ns) for metric, value in (*_MEMORY, *_PROCESSES))
    for kind, scope in _FAILURES:
        yield Row(MEMORY_FAILURES, look.page_faults if kind == "pgfault" else look.major_page_faults, (*labels, kind, scope), at_ns)
    yield Row(ULIMITS, OPEN_FILES, (*labels, "max_open_files"), at_ns)
    yield Row(OOM_EVENTS, look.oom_events, labels, at_ns)
    if group.kind == "container" and look.written_bytes:
        yield from (Row(metric, value(look), (*labels, DEVICE), at_ns) for metric, value in _WRITTEN)
        for operation, amount in (("Read", 0), ("Write", look.written_bytes)):
            yield Row(BLKIO, amount, (*labels, DEVICE, "8", "0", operation), at_ns)


def _network_rows(look: Look, labels: tuple[str, ...]) -> Iterator[Row]:
    for metric, way, what in _TRAFFIC:
        amount = look.rx_bytes if way == "receive" else look.tx_bytes
        value = {"bytes": amount, "packets": -(-amount // PACKET_BYTES)}.get(what, 0)
        yield Row(metric, value, (*labels, INTERFACE), look.time_ns)


def machine_rows(machine: Machine) -> Iterator[Row]:
    """The machine itself, as it was looked at when the kubelet started."""
    system, capacity = machine.node["status"]["nodeInfo"], machine.capacity
    labels = (system["bootID"], system["machineID"], system["systemUUID"])
    for name, text, value in (
        ("cpu_physical_cores", "Number of physical CPU cores.", capacity.cores),
        ("cpu_cores", "Number of logical CPU cores.", capacity.cores),
        ("cpu_sockets", "Number of CPU sockets.", 1),
        ("memory_bytes", "Amount of memory installed on the machine.", capacity.memory_bytes),
        ("nvm_avg_power_budget_watts", "NVM power budget.", 0),
    ):
        yield Row(Metric(f"machine_{name}", GAUGE, "", text, MACHINE_LABELS), value, labels, capacity.started_ns)
    capacity_text = "NVM capacity value labeled by NVM mode (memory mode or app direct mode)."
    nvm = Metric("machine_nvm_capacity", GAUGE, "", capacity_text, (*MACHINE_LABELS, "mode"))
    yield from (Row(nvm, 0, (*labels, mode), capacity.started_ns) for mode in ("memory_mode", "app_direct_mode"))
    yield Row(Metric("machine_scrape_error", GAUGE, "", "1 if there was an error while getting machine metrics, 0 otherwise."), 0)


def cri_rows(machine: Machine, t_ns: int) -> Iterator[Row]:
    """What the runtime's metrics RPCs tell, under the names that it described: behind the gate cAdvisor is not asked for containers.

    upstream: pkg/kubelet/metrics/collectors/cri_metrics.go; a metric that is not described is dropped, a timestamp of 0 is not written.
    """
    described = {item["name"]: item for item in list_metric_descriptors()}
    for pod in list_pod_sandbox_metrics(machine.tables, machine.capacity, t_ns):
        of_containers = [metric for container in pod["containerMetrics"] for metric in container["metrics"]]
        for one in (*pod["metrics"], *of_containers):
            what = described.get(one["name"])
            if what is not None:
                metric = Metric(one["name"], one["metricType"].lower(), "INTERNAL", what["help"], tuple(what["labelKeys"]))
                yield Row(metric, one["value"]["value"], one["labelValues"], one["timestamp"] or None)
