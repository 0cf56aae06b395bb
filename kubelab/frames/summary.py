"""Summary: the kubelets' ``/stats/summary`` as a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pandas as pd

from kubelab.frames.typed import category, count, instants, seconds, text
from kubelab.kinds.kind import Object
from kubelab.kubelet.stats import summary as summaries
from kubelab.kubelet.stats.cgroups import Machine

LEVELS = ("node", "system", "pod", "container")
_NONE: Object = {}
Row = tuple[str, str, str, str, str, Object]


def summary(machines: Iterable[Machine], now_ns: int) -> pd.DataFrame:
    """A row per node, system container, pod and container of the kubelets' summaries, as they answer now.

    Columns: ``level`` (node, system, pod, container), ``node``, ``namespace``, ``pod``, ``container`` (of a system container its name);
    ``started``; ``time`` of the CPU reading and its ``age`` (seconds); ``cpu`` (cores), ``cpu_seconds``; ``working_set``, ``usage``, ``rss``,
    ``available`` (bytes; missing: no limit); ``rx_bytes``, ``tx_bytes``; ``filesystem`` (bytes: of the node, of a pod's ephemeral storage, of
    a container's writable layer), ``logs`` (bytes).
    """
    rows = [row for machine in machines for row in _rows(machine, now_ns)]
    stats = [row[5] for row in rows]
    cpu, memory, network = ([one.get(part) or _NONE for one in stats] for part in ("cpu", "memory", "network"))
    disk = [one.get("fs") or one.get("ephemeral-storage") or one.get("rootfs") or _NONE for one in stats]
    at = [one.get("time") for one in cpu]
    return pd.DataFrame(
        {
            "level": category([row[0] for row in rows], LEVELS),
            "node": category([row[1] for row in rows]),
            "namespace": text([row[2] for row in rows]),
            "pod": text([row[3] for row in rows]),
            "container": text([row[4] for row in rows]),
            "started": instants([one.get("startTime") for one in stats]),
            "time": instants(at),
            "age": seconds([now_ns] * len(at), at),
            "cpu": seconds([one.get("usageNanoCores") for one in cpu]),
            "cpu_seconds": seconds([one.get("usageCoreNanoSeconds") for one in cpu]),
            "working_set": count([one.get("workingSetBytes") for one in memory]),
            "usage": count([one.get("usageBytes") for one in memory]),
            "rss": count([one.get("rssBytes") for one in memory]),
            "available": count([one.get("availableBytes") for one in memory]),
            "rx_bytes": count([one.get("rxBytes") for one in network]),
            "tx_bytes": count([one.get("txBytes") for one in network]),
            "filesystem": count([one.get("usedBytes") for one in disk]),
            "logs": count([(one.get("logs") or _NONE).get("usedBytes") for one in stats]),
        }
    )


def _rows(machine: Machine, now_ns: int) -> Iterator[Row]:
    """Nothing of a node that cannot answer yet."""
    try:
        found = summaries.full(machine, now_ns)
    except summaries.Unavailable:
        return
    node = found["node"]
    yield "node", machine.name, "", "", "", node
    for part in node["systemContainers"]:
        yield "system", machine.name, "", "", part["name"], part
    for pod in found["pods"]:
        place = (machine.name, pod["podRef"]["namespace"], pod["podRef"]["name"])
        yield "pod", *place, "", pod
        for part in pod["containers"] or ():
            yield "container", *place, part["name"], part
