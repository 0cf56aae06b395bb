"""``/metrics/resource``: CPU and memory of the node, its containers and pods, which metrics-server scrapes.

upstream: pkg/kubelet/metrics/collectors/resource_metrics.go, 1.28. A sample's timestamp is that of the reading; what is unknown has no line;
the start time of a container bears itself as timestamp (1.28).
"""

from __future__ import annotations

from collections.abc import Iterator

from kubelab.kinds.kind import Object
from kubelab.kubelet.stats.prometheus import COUNTER, GAUGE, Metric, Row
from kubelab.world.clock import SECOND

_CONTAINER = ("container", "pod", "namespace")
_POD = ("pod", "namespace")

NODE_CPU = Metric("node_cpu_usage_seconds_total", COUNTER, "STABLE", "Cumulative cpu time consumed by the node in core-seconds")
NODE_MEMORY = Metric("node_memory_working_set_bytes", GAUGE, "STABLE", "Current working set of the node in bytes")
NODE_SWAP = Metric("node_swap_usage_bytes", GAUGE, "ALPHA", "Current swap usage of the node in bytes. Reported only on non-windows systems")
CONTAINER_CPU = Metric(
    "container_cpu_usage_seconds_total", COUNTER, "STABLE", "Cumulative cpu time consumed by the container in core-seconds", _CONTAINER
)
CONTAINER_MEMORY = Metric(
    "container_memory_working_set_bytes", GAUGE, "STABLE", "Current working set of the container in bytes", _CONTAINER
)
CONTAINER_SWAP = Metric(
    "container_swap_usage_bytes",
    GAUGE,
    "ALPHA",
    "Current amount of the container swap usage in bytes. Reported only on non-windows systems",
    _CONTAINER,
)
CONTAINER_START = Metric(
    "container_start_time_seconds", GAUGE, "STABLE", "Start time of the container since unix epoch in seconds", _CONTAINER
)
POD_CPU = Metric("pod_cpu_usage_seconds_total", COUNTER, "STABLE", "Cumulative cpu time consumed by the pod in core-seconds", _POD)
POD_MEMORY = Metric("pod_memory_working_set_bytes", GAUGE, "STABLE", "Current working set of the pod in bytes", _POD)
POD_SWAP = Metric(
    "pod_swap_usage_bytes",
    GAUGE,
    "ALPHA",
    "Current amount of the pod swap usage in bytes. Reported only on non-windows systems",
    _POD,
)
_ERROR = "1 if there was an error while getting container metrics, 0 otherwise"
SCRAPE_ERROR = Metric("scrape_error", GAUGE, "ALPHA", _ERROR)
RESOURCE_SCRAPE_ERROR = Metric("resource_scrape_error", GAUGE, "STABLE", _ERROR)
_NONE: Object = {}


def rows(summary: Object | None) -> Iterator[Row]:
    """The page's rows from a summary of CPU and memory (``summary.cpu_and_memory``: times in nanoseconds); None: it could not be had."""
    failed = 1.0 if summary is None else 0.0
    yield Row(SCRAPE_ERROR, failed)
    yield Row(RESOURCE_SCRAPE_ERROR, failed)
    if summary is None:
        return
    node = summary.get("node") or _NONE
    yield from _usage(node, (), NODE_CPU, NODE_MEMORY)
    # a node's swap bears the time of its memory (upstream's own choice)
    yield from _swap(node, (), NODE_SWAP, (node.get("memory") or _NONE).get("time"))
    for pod in summary.get("pods") or ():
        place = (pod["podRef"]["name"], pod["podRef"]["namespace"])
        for container in pod.get("containers") or ():
            labels = (container["name"], *place)
            start_ns = container.get("startTime") or 0
            if start_ns // SECOND > 0:
                yield Row(CONTAINER_START, float(start_ns) / SECOND, labels, start_ns)
            yield from _usage(container, labels, CONTAINER_CPU, CONTAINER_MEMORY)
            yield from _swap(container, labels, CONTAINER_SWAP)
        yield from _usage(pod, place, POD_CPU, POD_MEMORY)
        yield from _swap(pod, place, POD_SWAP)


def _usage(stats: Object, labels: tuple[str, ...], cpu: Metric, memory: Metric) -> Iterator[Row]:
    used = stats.get("cpu") or _NONE
    if used.get("usageCoreNanoSeconds") is not None:
        yield Row(cpu, float(used["usageCoreNanoSeconds"]) / SECOND, labels, used["time"])
    held = stats.get("memory") or _NONE
    if held.get("workingSetBytes") is not None:
        yield Row(memory, float(held["workingSetBytes"]), labels, held["time"])


def _swap(stats: Object, labels: tuple[str, ...], swap: Metric, time_ns: int | None = None) -> Iterator[Row]:
    found = stats.get("swap") or _NONE
    if found.get("swapUsageBytes") is not None:
        yield Row(swap, float(found["swapUsageBytes"]), labels, found["time"] if time_ns is None else time_ns)
