"""Occupancy: how full the nodes are over time, and how much of what is free is of no use.

Free room is *stranded* for a task if it lies on nodes that the task does not fit on, for want of whatever. Stranded room is the mean over
the pods that ask for the resource, each as likely as it is often (after the fragmentation measure of Weng et al., "Beware of
Fragmentation", USENIX ATC 2023; there a GPU is a device, here it is what the scheduler counts).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from kubelab.frames.phases import FAILED, SUCCEEDED
from kubelab.frames.typed import category, count, instants, seconds
from kubelab.kinds import quantity
from kubelab.store.log import Commit, Log, Object

INSTANTS = 200
LEFT_OUT = ("pods", "ephemeral-storage")
Amounts = tuple[float, ...]


def grid(start_ns: int, now_ns: int, since: float, every: float | None) -> list[int]:
    """The instants looked at: from ``since`` seconds after the start, one ``every`` so many seconds (None: two hundred in all), and now."""
    if not abs(since) < float("inf"):
        raise ValueError(f"since={since!r}: give seconds since the cluster's start")
    if every is not None and not 0 < every < float("inf"):
        raise ValueError(f"every={every!r}: give seconds, more than 0")
    from_ns = start_ns + round(since * 1e9)
    step_ns = max(1, round(every * 1e9)) if every is not None else max(1, (now_ns - from_ns) // INSTANTS)
    return [*range(from_ns, now_ns, step_ns), now_ns]


class Tally:
    """What nodes have and what pods on them take, as commits are gone through. Rows of the arrays are nodes, columns resources."""

    def __init__(self, resources: Sequence[str], nodes: Sequence[str]) -> None:
        self.resources = resources
        self.row = {name: index for index, name in enumerate(nodes)}
        self.have = np.zeros((len(nodes), len(resources)))
        self.used = np.zeros((len(nodes), len(resources)))
        self.taking: dict[str, tuple[int, Amounts]] = {}
        self.waiting: dict[str, None] = {}

    def add(self, commit: Commit) -> None:
        if commit.key[0] == "nodes":
            gone = commit.type == "DELETED"
            self.have[self.row[commit.key[2]]] = 0 if gone else amounts(allocatable(commit.object), self.resources)
        elif commit.key[0] == "pods":
            self._pod(commit)

    def _pod(self, commit: Commit) -> None:
        pod = commit.object
        uid, node = pod["metadata"]["uid"], pod["spec"].get("nodeName", "")
        over = commit.type == "DELETED" or (pod.get("status") or {}).get("phase") in (SUCCEEDED, FAILED)
        if over or node:
            self.waiting.pop(uid, None)
        else:
            self.waiting[uid] = None
        if over and uid in self.taking:
            row, took = self.taking.pop(uid)
            self.used[row] -= took
        elif node in self.row and not over and uid not in self.taking:
            took = requests(pod, self.resources)
            self.taking[uid] = (self.row[node], took)
            self.used[self.row[node]] += took


def occupancy(log: Log, start_ns: int, grid: Sequence[int]) -> pd.DataFrame:
    """A row per instant and resource (cpu, memory, and extended ones that a node has).

    Columns: ``time``, ``elapsed``, ``resource``; ``allocatable``, ``requested``, ``stranded`` (cores, bytes, or the resource's own unit);
    ``share`` (requested of allocatable, 0 to 1); ``running`` and ``pending``: pods that have a node, and that wait for one.
    """
    resources, nodes = _names(log)
    tally, coming = Tally(resources, nodes), iter(log.commits)
    commit = next(coming, None)
    tasks, often = _kinds_of_tasks(log, resources)
    rows: list[tuple[int, str, float, float, float, int, int]] = []
    for time_ns in grid:
        while commit is not None and commit.time_ns <= time_ns:
            tally.add(commit)
            commit = next(coming, None)
        lost = stranded(tally.have - tally.used, tasks, often)
        have, used = tally.have.sum(axis=0), tally.used.sum(axis=0)
        for column, name in enumerate(resources):
            numbers = (len(tally.taking), len(tally.waiting))
            rows.append((time_ns, name, float(have[column]), float(used[column]), float(lost[column]), *numbers))
    allocated = np.array([row[2] for row in rows], dtype=np.float64)
    requested = np.array([row[3] for row in rows], dtype=np.float64)
    return pd.DataFrame(
        {
            "time": instants([row[0] for row in rows]),
            "elapsed": seconds([row[0] for row in rows], start_ns),
            "resource": category([row[1] for row in rows], order=resources) if rows else category([]),
            "allocatable": allocated,
            "requested": requested,
            "share": np.divide(requested, allocated, out=np.zeros_like(requested), where=allocated > 0),
            "stranded": np.array([row[4] for row in rows], dtype=np.float64),
            "running": count([row[5] for row in rows]),
            "pending": count([row[6] for row in rows]),
        }
    )


def stranded(free: np.ndarray[Any, Any], tasks: np.ndarray[Any, Any], often: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Per resource: the mean, over the tasks that ask for it, of what is free on nodes that they do not fit on."""
    lost, weight = np.zeros(free.shape[1]), np.zeros(free.shape[1])
    for task, times in zip(tasks, often, strict=True):
        out_of_reach = ~(free >= task).all(axis=1)
        asks = task > 0
        lost[asks] += times * free[out_of_reach].sum(axis=0)[asks]
        weight[asks] += times
    return np.divide(lost, weight, out=np.zeros_like(lost), where=weight > 0)


def _names(log: Log) -> tuple[list[str], list[str]]:
    resources, nodes = dict.fromkeys(("cpu", "memory")), dict[str, None]()
    for commit in log.commits:
        if commit.key[0] == "nodes":
            nodes[commit.key[2]] = None
            resources.update(dict.fromkeys(allocatable(commit.object)))
    return [name for name in resources if name not in LEFT_OUT and not name.startswith("hugepages-")], list(nodes)


def _kinds_of_tasks(log: Log, resources: Sequence[str]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The different requests of all pods that there were, and how often each."""
    found: dict[Amounts, int] = {}
    for commit in log.commits:
        if commit.key[0] == "pods" and commit.type == "ADDED":
            wanted = requests(commit.object, resources)
            found[wanted] = found.get(wanted, 0) + 1
    return np.array(list(found), dtype=np.float64).reshape(len(found), len(resources)), np.array(list(found.values()), dtype=np.float64)


def allocatable(node: Object) -> Object:
    return (node.get("status") or {}).get("allocatable") or {}


def amounts(given: Object, resources: Sequence[str]) -> Amounts:
    return tuple(quantity.milli(given.get(name)) / 1000 if name == "cpu" else float(quantity.value(given.get(name))) for name in resources)


def requests(pod: Object, resources: Sequence[str]) -> Amounts:
    """What the containers of a pod ask for in sum."""
    each = [amounts((container.get("resources") or {}).get("requests") or {}, resources) for container in pod["spec"]["containers"]]
    return tuple(map(sum, zip(*each, strict=True)))
