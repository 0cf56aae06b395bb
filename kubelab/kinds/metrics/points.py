"""What metrics-server keeps of its scrapes and makes of it: two points per container and node, and the usage between them.

upstream: kubernetes-sigs/metrics-server pkg/storage/{pod,node,types}.go, pkg/scraper/client/resource/decode.go, 0.7; spec/cri-metrics.md
section 4. Pure functions: a batch and what was kept before give what is kept now.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from kubelab.kinds import quantity
from kubelab.kinds.kind import Object
from kubelab.world.clock import SECOND, format_duration, rfc3339

RESOLUTION_NS = 15 * SECOND
FRESH_NS = 10 * SECOND


class Point(NamedTuple):
    """One reading: when the container or node began (None: unknown, long ago), when it was read, the CPU counter since then, the working set."""

    start_ns: int | None
    time_ns: int
    cpu_ns: int
    memory_bytes: int


Points = Mapping[str, Point]
PodPoints = Mapping[tuple[str, str], Points]


class Kept(NamedTuple):
    """The points of the last scrape, and of the one before it that differs; pods by (namespace, name), their containers by name."""

    pods: PodPoints = {}
    pods_before: PodPoints = {}
    nodes: Points = {}
    nodes_before: Points = {}


def complete(points: Points) -> Points | None:
    """A pod's points as they are taken from a scrape: None if one container has used no CPU or no memory, which hides the pod."""
    if not points or any(not point.cpu_ns or not point.memory_bytes for point in points.values()):
        return None
    return points


def store(kept: Kept, pods: PodPoints, nodes: Points, resolution_ns: int = RESOLUTION_NS) -> Kept:
    """What is kept after one more scrape."""
    before: dict[tuple[str, str], Points] = {}
    for place, points in pods.items():
        known, known_before = kept.pods.get(place, {}), kept.pods_before.get(place, {})
        found = {name: _before(point, known.get(name), known_before.get(name), resolution_ns) for name, point in points.items()}
        ours = {name: point for name, point in found.items() if point is not None}
        if ours:
            before[place] = ours
    nodes_before = {name: _shifted(point, kept.nodes.get(name), kept.nodes_before.get(name)) for name, point in nodes.items()}
    return Kept(pods, before, nodes, {name: point for name, point in nodes_before.items() if point is not None})


def _before(point: Point, last: Point | None, prev: Point | None, resolution_ns: int) -> Point | None:
    """The point that a container's new one is compared with: a fresh container's own start, or what was kept unless it was restarted since."""
    if point.start_ns is not None and FRESH_NS <= point.time_ns - point.start_ns < resolution_ns:
        return point._replace(time_ns=point.start_ns, cpu_ns=0)
    if last is None or (point.start_ns is not None and point.start_ns >= last.time_ns):
        return None
    return _shifted(point, last, prev)


def _shifted(point: Point, last: Point | None, prev: Point | None) -> Point | None:
    if last is None:
        return None
    if point.time_ns > last.time_ns:
        return last
    return prev if prev is not None and prev.time_ns < point.time_ns else None


class Usage(NamedTuple):
    """Between two points: cores in nano units, bytes, the time of the later one, the time between them."""

    cpu_nano: int
    memory_bytes: int
    time_ns: int
    window_ns: int


def usage(last: Point, prev: Point) -> Usage | None:
    """None where a start or a counter went backwards."""
    if (prev.start_ns is not None and (last.start_ns is None or last.start_ns < prev.start_ns)) or last.cpu_ns < prev.cpu_ns:
        return None
    window_ns = last.time_ns - prev.time_ns
    return Usage(int((last.cpu_ns - prev.cpu_ns) / (window_ns / SECOND)), last.memory_bytes, last.time_ns, window_ns)


def pod_usage(kept: Kept, namespace: str, name: str) -> tuple[dict[str, Usage], Usage | None] | None:
    """The usage of each container, and the earliest of them, whose time and window the pod's metrics bear; None: there are no metrics."""
    last, prev = kept.pods.get((namespace, name)), kept.pods_before.get((namespace, name))
    if last is None or prev is None or any(container not in prev for container in last):
        return None
    found = {container: usage(point, prev[container]) for container, point in last.items()}
    known = {container: one for container, one in found.items() if one is not None}
    return known, min(known.values(), key=lambda one: one.time_ns, default=None)


def node_usage(kept: Kept, name: str) -> Usage | None:
    last, prev = kept.nodes.get(name), kept.nodes_before.get(name)
    return None if last is None or prev is None else usage(last, prev)


# -- objects --------------------------------------------------------------------------------------------------------------
def amounts(one: Usage) -> Object:
    """A usage as quantities.

    >>> amounts(Usage(250_000_000, 64 << 20, 0, SECOND))
    {'cpu': '250m', 'memory': '64Mi'}
    """
    return {"cpu": quantity.render(one.cpu_nano, quantity.DECIMAL_SI), "memory": quantity.of(one.memory_bytes, quantity.BINARY_SI)}


def _head(source: Object, one: Usage | None, now_ns: int) -> Object:
    """Name and labels of what is measured, made now."""
    meta = {name: source["metadata"][name] for name in ("name", "namespace") if name in source["metadata"]}
    labels = source["metadata"].get("labels")
    meta |= {"creationTimestamp": rfc3339(now_ns), **({"labels": labels} if labels else {})}
    if one is None:
        return {"metadata": meta, "timestamp": None, "window": "0s"}
    return {"metadata": meta, "timestamp": rfc3339(one.time_ns), "window": format_duration(one.window_ns)}


def pod_metrics(pod: Object, kept: Kept, now_ns: int) -> Object | None:
    """The PodMetrics of a pod, without kind and version; None: there are none."""
    found = pod_usage(kept, pod["metadata"]["namespace"], pod["metadata"]["name"])
    if found is None:
        return None
    containers, earliest = found
    rows = [{"name": name, "usage": amounts(one)} for name, one in containers.items()]
    return {**_head(pod, earliest, now_ns), "containers": rows}


def node_metrics(node: Object, kept: Kept, now_ns: int) -> Object | None:
    """The NodeMetrics of a node, without kind and version; None: there are none."""
    one = node_usage(kept, node["metadata"]["name"])
    return None if one is None else {**_head(node, one, now_ns), "usage": amounts(one)}
