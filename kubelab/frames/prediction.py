"""Prediction beside measurement: the lab's preset of a real control plane, tried on the workloads that were measured there.

What ran: Kubernetes 1.20.2 and etcd 3.4.23 on one machine of two cores, 20 nodes (100 for DaemonSets) of 64 CPU, 256Gi and 500 pods, whose
agent makes a bound pod Running and Ready by one patch; pods of one container, ``terminationGracePeriodSeconds: 0``. A client looked at the
workload, paused for 50 ms, and looked again; the time is from sending its request to seeing the goal. The causes: docs/timing.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import mean, median
from typing import Any, NamedTuple

import pandas as pd

from kubelab.cluster import Cluster
from kubelab.frames.typed import category, count, text
from kubelab.world.clock import SECOND
from kubelab.world.timing import Timing

PRESET = "real-1.20-2cpu"
LIMITS = ("default", "raised")
NAME = "web"
NODES = 20
#: The client that measured, by the recorded logs (seconds): its create and its patch; of a look the server's part and its own; its pause.
CREATE, PATCH, READ, CLIENT, POLL = 0.0096, 0.0071, 0.0012, 0.0045, 0.05
SETTLED = "1m"
PATIENCE_NS = 3600 * SECOND


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
    "watch events' work": ("event_ns", "wake_ns"),
    "watch delay": ("watch_ns", "doze_ns", "answer_ns"),
    "replies": ("reply_ns",),
    "controllers' work": ("sync_ns", "node_sync_ns"),
    "scheduler's work": ("schedule_ns", "turn_ns"),
}


def seconds(row: Row, timing: Timing, *, seed: int = 1) -> float:
    """What the measuring client would have seen, on average over the instants at which it may begin to look.

    Its looks take their share of the machine's cores, and wait for them as every other process does.
    """
    cluster = Cluster(_nodes(row.pods if row.kind == "DaemonSet" else NODES), seed=seed, timing=timing)
    cluster.run(SETTLED)
    began_ns = cluster._engine.now_ns
    cluster.create(workload(row))
    asked, seen = CREATE, _seen(cluster, row, began_ns, updated=False)
    if row.update:
        began_ns = cluster._engine.now_ns
        cluster.patch(_reference(row), {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "app:2"}]}}}})
        asked, seen = PATCH, _seen(cluster, row, began_ns, updated=True)
    return asked + seen


def _seen(cluster: Cluster, row: Row, began_ns: int, *, updated: bool) -> float:
    """Look again and again until the goal is there; seconds until then, half the time between two looks, and the last one's answer."""
    engine = cluster._engine
    revision, read_ns = engine.store.log.revision, began_ns
    while True:
        _spend(cluster, CLIENT / 2)
        _spend(cluster, READ)
        before_ns, read_ns = read_ns, engine.now_ns
        there = reached(cluster[_reference(row)], row.pods, updated=updated)
        _spend(cluster, CLIENT / 2)
        if there:
            break
        if engine.now_ns - began_ns > PATIENCE_NS:
            cluster.run(until=lambda late: reached(late[_reference(row)], row.pods, updated=updated), timeout=POLL)
        cluster.run(POLL)
    changes = (commit for commit in engine.store.log.since(revision) if commit.object["kind"] == row.kind)
    reached_ns = next((each.time_ns for each in changes if reached(each.object, row.pods, updated=updated)), began_ns)
    return (reached_ns - began_ns + (read_ns - before_ns) / 2 + engine.now_ns - read_ns) / SECOND


def _spend(cluster: Cluster, work: float) -> None:
    """Processor time of the client, or of the server for it."""
    engine, work_ns = cluster._engine, round(work * SECOND)
    done_ns = engine.cores.take(engine.now_ns, work_ns) if engine.cores is not None else engine.now_ns + work_ns
    cluster.run((done_ns - engine.now_ns) / SECOND)


def _reference(row: Row) -> str:
    return f"{row.kind.lower()}/{NAME}"


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


def reached(found: Mapping[str, Any], pods: int, *, updated: bool) -> bool:
    """Whether a workload's status says that all its pods are ready, and (``updated``) of its newest revision."""
    status = found.get("status") or {}
    if status.get("observedGeneration", 0) < found["metadata"]["generation"]:
        return False
    daemons = found["kind"] == "DaemonSet"
    ready = status.get("numberReady" if daemons else "readyReplicas", 0)
    new = status.get("updatedNumberScheduled" if daemons else "updatedReplicas", 0)
    return bool(ready >= pods and (new >= pods or not updated))


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
