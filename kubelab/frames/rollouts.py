"""Rollouts: how many pods of each revision there are over time, and between which bounds its controller has promised to stay.

upstream: pkg/controller/deployment/util/deployment_util.go (ResolveFenceposts), pkg/controller/statefulset/stateful_set_control.go
(getStatefulSetMaxUnavailable), 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from kubelab.frames.lives import Life
from kubelab.frames.phases import FAILED, READY, SUCCEEDED, TERMINATING
from kubelab.frames.typed import category, count, instants, seconds
from kubelab.kinds.intstr import scaled
from kubelab.store.log import Commit, Log, Object

WORKLOADS = ("deployments.apps", "statefulsets.apps", "replicasets.apps", "daemonsets.apps")
Delta = tuple[int, int, int, int]  # time in nanoseconds; pods, ready, terminating more


def rollouts(lives: Sequence[Life], start_ns: int) -> pd.DataFrame:
    """A row each time that a count changes, in the order of time; between two rows it stays.

    Columns: ``time``, ``elapsed`` (seconds since the cluster's start), ``namespace``, ``workload`` (``deployment/web``), ``revision`` (hash of
    the template), ``images``; the counts after the change: ``pods`` (alive: neither terminating nor ended), ``ready``, ``terminating``.
    """
    deltas = []
    for number, life in enumerate(lives):
        if life.workload:
            deltas += [(delta, number, (life.namespace, life.workload, life.revision)) for delta in _deltas(life)]
    deltas.sort(key=lambda each: (each[0][0], each[1]))
    counts: dict[tuple[str, str, str], list[int]] = {}
    rows: dict[tuple[int, tuple[str, str, str]], tuple[int, ...]] = {}
    images: dict[tuple[str, str, str], str] = {}
    for (time_ns, pods, ready, terminating), number, key in deltas:
        tally = counts.setdefault(key, [0, 0, 0])
        tally[0] += pods
        tally[1] += ready
        tally[2] += terminating
        images.setdefault(key, lives[number].images)
        rows[(time_ns, key)] = tuple(tally)
    times = [time_ns for time_ns, _ in rows]
    return pd.DataFrame(
        {
            "time": instants(times),
            "elapsed": seconds(times, start_ns),
            "namespace": category([key[0] for _, key in rows]),
            "workload": category([key[1] for _, key in rows]),
            "revision": category([key[2] for _, key in rows]),
            "images": category([images[key] for _, key in rows]),
            "pods": count([tally[0] for tally in rows.values()]),
            "ready": count([tally[1] for tally in rows.values()]),
            "terminating": count([tally[2] for tally in rows.values()]),
        }
    )


def _deltas(life: Life) -> list[Delta]:
    """What a pod adds to the counts, and when."""
    found: list[Delta] = []
    before = (0, 0, 0)
    for time_ns, phase, _ in life.steps:
        alive = phase not in (TERMINATING, SUCCEEDED, FAILED)
        after = (int(alive), int(phase == READY), int(phase == TERMINATING))
        if after != before:
            found.append((time_ns, after[0] - before[0], after[1] - before[1], after[2] - before[2]))
        before = after
    if life.deleted_ns is not None and any(before):
        found.append((life.deleted_ns, -before[0], -before[1], -before[2]))
    return found


def bounds(log: Log, start_ns: int) -> pd.DataFrame:
    """A row each time that what a workload promises changes, in the order of time; between two rows it stays.

    Columns: ``time``, ``elapsed`` (seconds since the cluster's start), ``namespace``, ``workload``, ``desired`` (replicas asked for), ``minimum``
    (pods that an update keeps available, missing: no promise), ``maximum`` (pods there may be at most, missing: no limit).
    """
    rows: list[tuple[Commit, str, tuple[int | None, ...]]] = []
    known: dict[tuple[str, str], tuple[int | None, ...]] = {}
    for commit in log.commits:
        if commit.key[0] not in WORKLOADS:
            continue
        workload = f"{commit.object['kind'].lower()}/{commit.key[2]}"
        promise = promised(commit.object) if commit.type != "DELETED" else (0, None, None)
        if known.get((commit.key[1], workload)) != promise:
            known[(commit.key[1], workload)] = promise
            rows.append((commit, workload, promise))
    times = [commit.time_ns for commit, _, _ in rows]
    return pd.DataFrame(
        {
            "time": instants(times),
            "elapsed": seconds(times, start_ns),
            "namespace": category([commit.key[1] for commit, _, _ in rows]),
            "workload": category([workload for _, workload, _ in rows]),
            "desired": count([promise[0] for _, _, promise in rows]),
            "minimum": count([promise[1] for _, _, promise in rows]),
            "maximum": count([promise[2] for _, _, promise in rows]),
        }
    )


def promised(workload: Object) -> tuple[int | None, int | None, int | None]:
    """(desired, minimum, maximum) pods of a workload.

    >>> promised({"kind": "Deployment", "spec": {"replicas": 10, "strategy": {"type": "RollingUpdate", "rollingUpdate": {}}}})
    (10, 8, 13)
    """
    spec, kind = workload["spec"], workload["kind"]
    if kind == "DaemonSet":
        desired = (workload.get("status") or {}).get("desiredNumberScheduled", 0)
    else:
        desired = spec.get("replicas", 1)
    if kind == "Deployment":
        return (desired, *_fenceposts(spec, desired))
    if kind == "StatefulSet":
        strategy = spec.get("updateStrategy") or {}
        if strategy.get("type", "RollingUpdate") != "RollingUpdate":
            return desired, None, desired
        rolling = strategy.get("rollingUpdate") or {}
        # upstream rounds up, so that an update can always move on
        unavailable = max(1, scaled(rolling.get("maxUnavailable") or 1, desired, round_up=True))
        return desired, max(0, desired - unavailable), desired
    return desired, None, None


def _fenceposts(spec: Object, desired: int) -> tuple[int | None, int]:
    strategy = spec.get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return None, desired
    rolling = strategy.get("rollingUpdate") or {}
    surge = scaled(rolling.get("maxSurge", "25%"), desired, round_up=True)
    unavailable = scaled(rolling.get("maxUnavailable", "25%"), desired, round_up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return max(0, desired - unavailable), desired + surge
