"""Nodes: a row per node, with what it has and what its pods have asked for."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from kubelab.frames.lives import Life
from kubelab.frames.phases import FAILED, SUCCEEDED, condition
from kubelab.frames.typed import category, count, instants, text
from kubelab.kinds import quantity
from kubelab.store.log import Log, Object
from kubelab.world.clock import parse_rfc3339

ZONE = "topology.kubernetes.io/zone"


def nodes(log: Log, lives: Sequence[Life]) -> pd.DataFrame:
    """A row per node that there was, in the order of creation.

    Columns: ``name``, ``zone``, ``ready``, ``schedulable``, ``taints``, ``created``, ``deleted`` (instants); allocatable ``cpu`` (cores), ``memory``
    (bytes), ``max_pods``; ``pods`` on it now, and the sums of what these request: ``cpu_requested`` (cores), ``memory_requested`` (bytes).
    """
    newest: dict[str, Object] = {}
    gone: dict[str, int] = {}
    for commit in log.commits:
        if commit.key[0] == "nodes":
            uid = commit.object["metadata"]["uid"]
            newest[uid] = commit.object
            if commit.type == "DELETED":
                gone[uid] = commit.time_ns
    found = list(newest.values())
    on_node = _pods_by_node(lives)
    pods = [on_node.get(node["metadata"]["name"], []) if node["metadata"]["uid"] not in gone else [] for node in found]
    allocatable = [(node.get("status") or {}).get("allocatable") or {} for node in found]
    return pd.DataFrame(
        {
            "name": text([node["metadata"]["name"] for node in found]),
            "zone": category([(node["metadata"].get("labels") or {}).get(ZONE, "") for node in found]),
            "ready": pd.array([condition(node.get("status") or {}, "Ready") for node in found], dtype="boolean"),
            "schedulable": pd.array([not node["spec"].get("unschedulable") for node in found], dtype="boolean"),
            "taints": text([", ".join(_taint(taint) for taint in node["spec"].get("taints") or ()) for node in found]),
            "created": instants([parse_rfc3339(node["metadata"]["creationTimestamp"]) for node in found]),
            "deleted": instants([gone.get(node["metadata"]["uid"]) for node in found]),
            "cpu": pd.array([quantity.milli(each.get("cpu")) / 1000 for each in allocatable], dtype="float64"),
            "memory": count([quantity.value(each.get("memory")) for each in allocatable]),
            "max_pods": count([quantity.value(each.get("pods")) for each in allocatable]),
            "pods": count([len(each) for each in pods]),
            "cpu_requested": pd.array([sum(_milli_cpu(pod) for pod in each) / 1000 for each in pods], dtype="float64"),
            "memory_requested": count([sum(_memory(pod) for pod in each) for each in pods]),
        }
    )


def _pods_by_node(lives: Sequence[Life]) -> dict[str, list[Object]]:
    """Pods that take up room: there, and not ended."""
    found: dict[str, list[Object]] = {}
    for life in lives:
        if life.node and life.deleted_ns is None and (life.pod.get("status") or {}).get("phase") not in (SUCCEEDED, FAILED):
            found.setdefault(life.node, []).append(life.pod)
    return found


def _taint(taint: Object) -> str:
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint['key']}{value}:{taint['effect']}"


def _milli_cpu(pod: Object) -> int:
    return sum(quantity.milli(each.get("cpu")) for each in _requests(pod))


def _memory(pod: Object) -> int:
    return sum(quantity.value(each.get("memory")) for each in _requests(pod))


def _requests(pod: Object) -> list[Object]:
    return [(container.get("resources") or {}).get("requests") or {} for container in pod["spec"].get("containers") or ()]
