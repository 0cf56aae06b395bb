"""A cluster at a glance: its clock, its nodes, its workloads, and what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubelab.cluster import tables, until
from kubelab.display.blocks import Block, Heading, Lines, table
from kubelab.kinds import registry
from kubelab.kinds.core.pod_summary import summarize
from kubelab.store.log import Object

if TYPE_CHECKING:
    from kubelab.cluster.handle import Cluster

WORKLOADS = ("deployments.apps", "statefulsets.apps", "daemonsets.apps", "jobs.batch", "cronjobs.batch")
NODES, ROWS = 10, 20


def overview(cluster: Cluster) -> list[Block]:
    """A line on time and size, a table of nodes with their pods, a table per kind of workload, and pods in trouble."""
    engine = cluster._engine
    state, log = engine.store.head, engine.store.log
    pods = list(state.all("pods").values())
    ready = sum(until.is_ready(pod) for pod in pods)
    size = f"{_many(len(state.all('nodes')), 'node')}, {_many(len(pods), 'pod')} ({ready:,} ready), {log.revision:,} revisions"
    blocks: list[Block] = [
        Heading(f"Cluster at {cluster.now:%Y-%m-%d %H:%M:%S} UTC, {cluster.elapsed:,.3f} s after its start"),
        Lines((size,)),
    ]
    if state.all("nodes"):
        blocks.append(table(_nodes(cluster), NODES))
    for resource in WORKLOADS:
        objects = list(state.all(resource).values())
        if objects:
            kind = registry.by_resource(resource)
            several = len({obj["metadata"]["namespace"]: None for obj in objects}) > 1
            blocks += [Heading(f"{kind.kind}s"), table(tables.cells(kind, objects, engine.now_ns, namespaces=several), ROWS)]
    trouble = _trouble(pods)
    if trouble:
        blocks += [Heading("Pods in trouble"), Lines(tuple(trouble), bad=True)]
    return blocks


def _nodes(cluster: Cluster) -> list[list[str]]:
    state = cluster._engine.store.head
    rows = tables.cells(registry.by_resource("nodes"), state.all("nodes").values(), cluster._engine.now_ns)
    names = [name for _, name in state.all("nodes")]
    return [[*rows[0], "PODS"], *([*row, str(len(state.by_node.get(name, {})))] for row, name in zip(rows[1:], names, strict=True))]


def _trouble(pods: list[Object]) -> list[str]:
    """How many pods are in which state that is neither well nor on its way."""
    counts: dict[str, list[str]] = {}
    for pod in pods:
        reason = summarize(pod).reason
        if reason.endswith(("BackOff", "Error", "ErrImagePull", "Unknown", "Failed", "Evicted", "OOMKilled")) or "Invalid" in reason:
            counts.setdefault(reason, []).append(pod["metadata"]["name"])
    return [
        f"{reason}: {', '.join(names[:5])}{f' and {len(names) - 5} more' if len(names) > 5 else ''}" for reason, names in counts.items()
    ]


def _many(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"
