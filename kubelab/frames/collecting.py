"""Collecting: what a collector learns of containers that asks at regular instants, by each way, beside the truth that only a simulation knows.

upstream's ways: the CRI (ListContainerStats), the kubelet's /stats/summary and /metrics/resource, metrics.k8s.io. spec/cri-metrics.md 3, 4.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from kubelab.frames.accessor import Frames
from kubelab.frames.typed import category, count, seconds, text
from kubelab.kinds import quantity

if TYPE_CHECKING:
    from kubelab.cluster.handle import Cluster

#: Further back the truth does not reach.
LONGEST = 600.0
WAYS = ("CRI", "summary", "resource", "metrics-server")
_SERIES = re.compile(r"^(container_cpu_usage_seconds_total|container_memory_working_set_bytes)\{(.*)\} (\S+) (\d+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_NONE: dict[str, Any] = {}


class Told(NamedTuple):
    """What one answer says of one container; times in seconds since the epoch. ``cores`` None: it gives no rate, or not yet."""

    namespace: str
    pod: str
    container: str
    at: float
    cores: float | None
    cpu_seconds: float | None
    working_set: int | None


def _cri(cluster: Cluster, nodes: Sequence[str]) -> Iterator[Told]:
    for one in (one for node in nodes for one in cluster.cri(node).list_container_stats()):
        labels, cpu, memory = one["attributes"]["labels"], one["cpu"], one["memory"]
        if "io.kubernetes.pod.name" not in labels:  # no kubelet made it
            continue
        namespace, pod, container = (labels[f"io.kubernetes.{part}"] for part in ("pod.namespace", "pod.name", "container.name"))
        rate = cpu.get("usageNanoCores")
        yield Told(
            namespace,
            pod,
            container,
            cpu["timestamp"] / 1e9,
            rate["value"] / 1e9 if rate else None,
            cpu["usageCoreNanoSeconds"]["value"] / 1e9,
            memory["workingSetBytes"]["value"],
        )


def _summary(cluster: Cluster, nodes: Sequence[str]) -> Iterator[Told]:
    for pod in (pod for node in nodes for pod in cluster.summary(node)["pods"]):
        for one in pod["containers"] or ():
            cpu, memory, place = one.get("cpu") or _NONE, one.get("memory") or _NONE, pod["podRef"]
            if "time" in cpu:
                at = pd.Timestamp(cpu["time"]).timestamp()
                rate, total = cpu.get("usageNanoCores"), cpu.get("usageCoreNanoSeconds")
                yield Told(
                    place["namespace"],
                    place["name"],
                    one["name"],
                    at,
                    None if rate is None else rate / 1e9,
                    None if total is None else total / 1e9,
                    memory.get("workingSetBytes"),
                )


def _resource(cluster: Cluster, nodes: Sequence[str]) -> Iterator[Told]:
    """Counters alone; whoever scrapes works the rate out (``_rates``)."""
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    page = "".join(cluster.prometheus(node, "/metrics/resource") for node in nodes)
    for name, labels, value, at in _SERIES.findall(page):
        place = dict(_LABEL.findall(labels))
        one = found.setdefault((place["namespace"], place["pod"], place["container"]), {})
        one["cpu" if name.startswith("container_cpu") else "memory"] = float(value)
        one["at"] = max(int(at) / 1e3, one.get("at", 0.0))
    for key, one in found.items():
        yield Told(*key, one["at"], None, one.get("cpu"), None if "memory" not in one else int(one["memory"]))


def _metrics_server(cluster: Cluster, nodes: Sequence[str]) -> Iterator[Told]:
    _, found = cluster.request("GET", "/apis/metrics.k8s.io/v1beta1/pods")
    for pod in found["items"]:
        for one in pod["containers"]:
            cores = quantity.parse(one["usage"]["cpu"]).nano / 1e9
            place = (pod["metadata"]["namespace"], pod["metadata"]["name"], one["name"])
            yield Told(*place, pd.Timestamp(pod["timestamp"]).timestamp(), cores, None, quantity.value(one["usage"]["memory"]))


_ASK: dict[str, Callable[[Any, Sequence[str]], Iterator[Told]]] = {
    "CRI": _cri,
    "summary": _summary,
    "resource": _resource,
    "metrics-server": _metrics_server,
}


def collect(
    cluster: Cluster, duration: float = 300, *, every: float = 1, ways: Sequence[str] = WAYS, namespace: str = "default"
) -> pd.DataFrame:
    """Let the cluster run for ``duration`` seconds (at most ten minutes) and ask ``every`` seconds by each of ``ways``: a row per way, instant
    and container.

    Columns: ``elapsed``; ``way`` (CRI, summary, resource, metrics-server); ``pod``, ``container``; ``age`` (seconds since the sample that is
    told was taken, as its timestamp says); ``cpu`` (cores that are told; of resource: between the last two samples), ``cpu_seconds`` (the
    counter), ``working_set`` (bytes); and the truth of the instant: ``true_cpu``, ``true_working_set``; ``error`` (``cpu`` less ``true_cpu``).
    """
    if not 0 < duration <= LONGEST:
        raise ValueError(f"duration={duration!r}: from 0 to {LONGEST:.0f} seconds, further back the truth does not reach")
    if not 0 < every <= duration:
        raise ValueError(f"every={every!r}: seconds above 0 and up to the duration are needed")
    unknown = [way for way in ways if way not in _ASK]
    if unknown:
        raise ValueError(f"ways={list(ways)!r}: {unknown[0]!r} is not one of {', '.join(_ASK)}")
    rows = []
    nodes = [node["metadata"]["name"] for node in cluster.list("nodes")]
    begun = cluster.elapsed
    for _ in range(int(duration / every)):
        cluster.run(every)
        now = cluster.now.timestamp()
        for way in ways:
            rows += [(cluster.elapsed, way, now - one.at, one) for one in _ASK[way](cluster, nodes) if one.namespace == namespace]
    frame = pd.DataFrame(
        {
            "elapsed": seconds([round(row[0] * 1e9) for row in rows]),
            "way": category([row[1] for row in rows], tuple(ways)),
            "pod": text([row[3].pod for row in rows]),
            "container": text([row[3].container for row in rows]),
            "age": pd.array([max(0.0, round(row[2], 3)) for row in rows], dtype="float64"),
            "cpu": pd.array([row[3].cores for row in rows], dtype="float64"),
            "cpu_seconds": pd.array([row[3].cpu_seconds for row in rows], dtype="float64"),
            "working_set": count([row[3].working_set for row in rows]),
        }
    )
    frame["cpu"] = frame["cpu"].fillna(_rates(frame))
    return _beside_the_truth(frame, cluster, begun, every, namespace)


def _rates(frame: pd.DataFrame) -> pd.Series:
    """Of counters without a rate: the mean between the last two samples that differ."""
    rates = pd.Series(float("nan"), index=frame.index)
    for _, own in frame[frame["cpu_seconds"].notna()].groupby(["way", "pod", "container"], observed=True, sort=False):
        taken = (own["elapsed"] - own["age"]).round(2)
        samples = own.assign(taken=taken).drop_duplicates("taken")
        rate = samples["cpu_seconds"].diff() / samples["taken"].diff()
        rates.loc[own.index] = rate.reindex(own.index).ffill()
    return rates.where(rates >= 0)


def _beside_the_truth(frame: pd.DataFrame, cluster: Cluster, begun: float, every: float, namespace: str) -> pd.DataFrame:
    truth = Frames(cluster).usage(since=begun, every=every)
    truth = truth[truth["namespace"] == namespace]
    truth = truth.assign(at=(truth["elapsed"] * 1e3).round().astype("int64"))[["at", "pod", "container", "cpu", "working_set"]]
    truth = truth.rename(columns={"cpu": "true_cpu", "working_set": "true_working_set"}).drop_duplicates(
        ["at", "pod", "container"], keep="last"
    )
    found = frame.assign(at=(frame["elapsed"] * 1e3).round().astype("int64")).merge(truth, on=["at", "pod", "container"], how="left")
    return found.drop(columns="at").assign(error=found["cpu"] - found["true_cpu"])


def cost(cluster: Cluster) -> pd.DataFrame:
    """What one question by each way is answered with, for all nodes together.

    Columns: ``way``; ``asks`` (requests for one look at everything), ``bytes`` (of the answers: JSON, or Prometheus text), ``containers`` (that
    they tell of), ``per_container`` (bytes), ``throttling``, ``network``, ``filesystem`` (whether they tell of these of a container or its pod).
    """
    nodes = [node["metadata"]["name"] for node in cluster.list("nodes")]
    answers = {
        "CRI": [json.dumps(cluster.cri(node).list_container_stats()) for node in nodes],
        "CRI, pods": [json.dumps(cluster.cri(node).list_pod_sandbox_stats()) for node in nodes],
        "CRI, metrics": [json.dumps(cluster.cri(node).list_pod_sandbox_metrics()) for node in nodes],
        "summary": [json.dumps(cluster.summary(node)) for node in nodes],
        "summary, short": [json.dumps(cluster.summary(node, only_cpu_and_memory=True)) for node in nodes],
        "resource": [cluster.prometheus(node, "/metrics/resource") for node in nodes],
        "cadvisor": [cluster.prometheus(node, "/metrics/cadvisor") for node in nodes],
        "metrics-server": [json.dumps(cluster.request("GET", "/apis/metrics.k8s.io/v1beta1/pods")[1])],
    }
    running = sum(len(cluster.cri(node).list_container_stats()) for node in nodes)
    words = {"throttling": ("throttled",), "network": ("rxBytes", "network_receive"), "filesystem": ("rootfs", "writableLayer", "fs_usage")}
    rows = []
    for way, texts in answers.items():
        size = sum(len(one) for one in texts)
        tells = [any(word in one for one in texts for word in some) for some in words.values()]
        rows.append((way, len(texts), size, running, round(size / max(running, 1)), *tells))
    return pd.DataFrame(rows, columns=["way", "asks", "bytes", "containers", "per_container", *words])
