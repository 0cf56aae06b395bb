"""Prediction beside measurement: the lab's preset of a real control plane, tried on the workloads that were measured there.

What ran: Kubernetes 1.20.2 and etcd 3.4.23 on one machine of two cores, 20 nodes (100 for DaemonSets) of 64 CPU, 256Gi and 500 pods, whose
agent makes a bound pod Running and Ready by one patch; pods of one container, ``terminationGracePeriodSeconds: 0``. A client polled the
workload's status every 50 ms; the time is from sending its request to seeing the goal. The causes: docs/timing.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import mean, median
from typing import Any, NamedTuple

import pandas as pd

from kubelab.cluster import Cluster
from kubelab.frames.typed import category, count, text
from kubelab.world.timing import Timing

PRESET = "real-1.20-2cpu"
LIMITS = ("default", "raised")
NAME = "web"
#: The client that measured, by the recorded logs: its create, its patch and its look at the workload (seconds), and how often it looks.
CREATE, PATCH, LOOK, POLL = 0.0096, 0.0071, 0.0016, 0.05
SETTLED = "1m"


class Row(NamedTuple):
    """A workload and the seconds it took, one figure for each run. ``pods`` of a DaemonSet: one for each of so many nodes."""

    kind: str
    pods: int
    policy: str = ""  # podManagementPolicy
    update: bool = False
    default: tuple[float, ...] = ()
    raised: tuple[float, ...] = ()

    @property
    def what(self) -> str:
        policy = f", {self.policy}" if self.policy else ""
        return f"{self.kind} {'updated' if self.update else 'created'}{policy}"

    def measured(self, limits: str) -> tuple[float, ...]:
        return self.default if limits == "default" else self.raised


ROWS = (
    Row("StatefulSet", 10, "OrderedReady", False, (0.26,), (0.26,)),
    Row("StatefulSet", 50, "OrderedReady", False, (5.60, 5.63), (1.30, 1.08)),
    Row("StatefulSet", 10, "Parallel", False, (0.14,), (0.15,)),
    Row("StatefulSet", 50, "Parallel", False, (2.52, 2.60), (0.38, 0.53)),
    Row("StatefulSet", 50, "OrderedReady", True, (11.34, 11.27), (2.00, 1.89)),
    Row("Deployment", 50, "", False, (1.56, 1.58), (0.30, 0.47)),
    Row("Deployment", 500, "", False, (24.12, 24.13), (2.20, 2.48)),
    Row("DaemonSet", 100, "", False, (4.15, 4.11, 4.13), (0.73, 0.78)),
    Row("DaemonSet", 100, "", True, (23.67,), (4.04,)),
)

#: What can be changed, each as one: figures of the timing that are multiplied (rates: divided).
CAUSES: dict[str, tuple[str, ...]] = {
    "client limits": ("client_qps", "client_burst", "scheduler_qps", "scheduler_burst"),
    "server's work": ("write_ns", "read_ns", "admit_ns"),
    "disk": ("disk_ns",),
    "watch events' work": ("event_ns",),
    "watch delay": ("watch_ns", "answer_ns"),
    "replies": ("reply_ns",),
    "controllers' work": ("sync_ns", "node_sync_ns"),
    "scheduler's work": ("schedule_ns",),
}


def seconds(row: Row, timing: Timing, *, seed: int = 1) -> float:
    """What the measuring client would have seen: a poll comes half an interval after the goal, on average."""
    cluster = Cluster(_nodes(row.pods if row.kind == "DaemonSet" else 20), seed=seed, timing=timing)
    cluster.run(SETTLED)
    reference = f"{row.kind.lower()}/{NAME}"
    began, asked = cluster.elapsed, CREATE
    cluster.create(workload(row))
    cluster.run(until=_reached(reference, row.pods, updated=False), timeout="1h")
    if row.update:
        cluster.run(LOOK + POLL / 2)
        began, asked = cluster.elapsed, PATCH
        cluster.patch(reference, {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "app:2"}]}}}})
        cluster.run(until=_reached(reference, row.pods, updated=True), timeout="1h")
    return asked + cluster.elapsed - began + POLL / 2 + LOOK


def workload(row: Row) -> dict[str, Any]:
    """The manifest that is measured."""
    labels = {"app": NAME}
    pod = {"terminationGracePeriodSeconds": 0, "containers": [{"name": "web", "image": "app:1"}]}
    spec: dict[str, Any] = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
    if row.kind != "DaemonSet":
        spec["replicas"] = row.pods
    if row.kind == "StatefulSet":
        spec |= {"serviceName": NAME, "podManagementPolicy": row.policy or "OrderedReady"}
    return {"apiVersion": "apps/v1", "kind": row.kind, "metadata": {"name": NAME}, "spec": spec}


def _nodes(number: int) -> list[dict[str, Any]]:
    status = {"capacity": {"cpu": "64", "memory": "256Gi", "pods": "500"}}
    return [{"apiVersion": "v1", "kind": "Node", "metadata": {"name": f"n{index}"}, "status": status} for index in range(number)]


def _reached(reference: str, pods: int, *, updated: bool) -> Callable[[Cluster], bool]:
    def look(cluster: Cluster) -> bool:
        found = cluster[reference]
        status = found.get("status") or {}
        if status.get("observedGeneration", 0) < found["metadata"]["generation"]:
            return False
        if found["kind"] == "DaemonSet":
            ready, new = status.get("numberReady", 0), status.get("updatedNumberScheduled", 0)
        else:
            ready, new = status.get("readyReplicas", 0), status.get("updatedReplicas", 0)
        return bool(ready >= pods and (new >= pods or not updated))

    return look


def table(
    rows: Iterable[Row] = ROWS, *, limits: Sequence[str] = LIMITS, seeds: Iterable[int] = range(1, 6), timing: str = PRESET
) -> pd.DataFrame:
    """A row for each workload and set of client limits.

    Columns: ``what``, ``pods``, ``limits``, ``measured`` (mean, seconds), ``predicted`` (median over the seeds), ``least`` and ``most`` of
    the seeds, ``error`` (predicted against measured, as a share).
    """
    lines, chosen = [], tuple(seeds)
    for row in rows:
        for limit in limits:
            runs = [seconds(row, Timing.preset(timing, client_qps=limit), seed=seed) for seed in chosen]
            measured = mean(row.measured(limit)) if row.measured(limit) else float("nan")
            lines.append((row.what, row.pods, limit, measured, median(runs), min(runs), max(runs), median(runs) / measured - 1))
    columns = list(zip(*lines, strict=True)) or [()] * 8
    named = {"what": text(columns[0]), "pods": count(columns[1]), "limits": category(columns[2], LIMITS)}
    figures = ("measured", "predicted", "least", "most", "error")
    return pd.DataFrame({**named, **{name: pd.Series(values, dtype="float64") for name, values in zip(figures, columns[3:], strict=True)}})


def sensitivity(
    rows: Iterable[Row] = ROWS,
    *,
    limits: Sequence[str] = LIMITS,
    causes: Mapping[str, Sequence[str]] = CAUSES,
    factor: float = 2.0,
    seeds: Iterable[int] = (1,),
    timing: str = PRESET,
) -> pd.DataFrame:
    """Which cause moves which row: the change of the predicted time (a share) when one cause is made ``factor`` times as slow.

    One row for each workload and set of limits (index), one column for each cause. ValueError for a factor that is not above 0.
    """
    if not factor > 0:
        raise ValueError(f"factor={factor!r}: give a number above 0")
    chosen = tuple(seeds)
    found = {}
    for row in rows:
        for limit in limits:
            base = Timing.preset(timing, client_qps=limit)
            usual = mean(seconds(row, base, seed=seed) for seed in chosen)
            found[f"{row.what}, {row.pods}, {limit} limits"] = {
                cause: mean(seconds(row, slower(base, names, factor), seed=seed) for seed in chosen) / usual - 1
                for cause, names in causes.items()
            }
    return pd.DataFrame.from_dict(found, orient="index").rename_axis("workload")


def slower(timing: Timing, names: Iterable[str], factor: float) -> Timing:
    """The timing with some figures ``factor`` times as slow: durations multiplied, rates and bursts divided."""
    changed: dict[str, Any] = {}
    for name in names:
        figure = getattr(timing, name)
        changed[name] = round(figure * factor) if name.endswith("_ns") else type(figure)(max(1, figure / factor))
    return replace(timing, **changed)
