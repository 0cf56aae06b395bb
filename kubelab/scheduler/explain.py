"""Why a pod is where it is, or nowhere: each node's answer by plug-in, computed from a view, changing nothing.

upstream: pkg/scheduler/framework/runtime/framework.go RunFilterPlugins, RunScorePlugins, 1.28. Unlike the scheduler this asks every plug-in of
every node, where the scheduler stops at a node's first refusal, and when it has found enough nodes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kubelab.engine.component import Tables
from kubelab.scheduler import memory
from kubelab.scheduler.cluster import Cluster, build
from kubelab.scheduler.cycle import WIDE, Decision, decide
from kubelab.scheduler.facts import Entry
from kubelab.scheduler.framework import MAX_NODE_SCORE, Skip, Status
from kubelab.scheduler.node_info import NodeInfo
from kubelab.scheduler.plugins import (
    image_locality,
    inter_pod_affinity,
    node_affinity,
    node_resources_balanced_allocation,
    node_resources_fit,
    pod_topology_spread,
    taint_toleration,
)
from kubelab.scheduler.queue import ACTIVE, BACKOFF, UNSCHEDULABLE, Queued
from kubelab.scheduler.table import FILTERS
from kubelab.store.view import View

Object = dict[str, Any]


class NodeVerdict(NamedTuple):
    """One node's answer. ``plugin`` and ``reasons``: the first refusal, as the scheduler counts it ("" if the pod fits).

    ``filters``: (plug-in, reasons) of every filter that matters for the pod, in order, no reasons if it passes.
    ``scores``: (plug-in, weighted score among the nodes that fit); ``total`` their sum, None if the pod does not fit.
    """

    node: str
    fits: bool
    plugin: str
    reasons: tuple[str, ...]
    filters: tuple[tuple[str, tuple[str, ...]], ...]
    scores: tuple[tuple[str, int], ...] = ()
    total: int | None = None

    def __str__(self) -> str:
        if self.fits:
            return f"{self.node}: fits, score {self.total}"
        return f"{self.node}: {', '.join(self.reasons)} ({self.plugin})"


class Standing(NamedTuple):
    """Where a pod stands in the scheduler: ``queue`` is active, backoff, unschedulable, gated, assumed or "" (not known to it)."""

    queue: str
    attempts: int = 0
    plugins: tuple[str, ...] = ()
    backoff_until_ns: int = 0
    node: str = ""


def verdicts(pod: Object, view: View) -> list[NodeVerdict]:
    """Each node's verdict on a pod, in the scheduler's order of nodes. A pod that is bound is judged as if it were not."""
    cluster, entry = _without(pod, view)
    states, refusal = _states(entry, cluster)
    found = [_filtered(entry, node, states, refusal) for node in cluster.order]
    fitting = [index for index, each in enumerate(found) if each.fits]
    if not fitting:
        return found
    columns = _scores(entry, cluster, fitting)
    for at, index in enumerate(fitting):
        scores = tuple((name, column[at]) for name, column in columns)
        found[index] = found[index]._replace(scores=scores, total=sum(score for _, score in scores))
    return found


def decision(pod: Object, view: View) -> Decision:
    """What a cycle would decide now, beginning at the first node; of a failure, its message and what each node said."""
    cluster, entry = _without(pod, view)
    return decide(cluster, entry, 0, 0)


def standing(tables: Tables, uid: str) -> Standing:
    """Where a pod stands, out of the scheduler's memory."""
    assumed = tables.get(memory.ASSUMED, {}).get(uid)
    if assumed is not None:
        return Standing("assumed", assumed.queued.attempts, node=assumed.node)
    for name in (ACTIVE, BACKOFF, UNSCHEDULABLE):
        queued: Queued | None = tables.get(name, {}).get(uid)
        if queued is not None:
            until = queued.backoff_until_ns if name == BACKOFF else 0
            return Standing("gated" if queued.gated else name, queued.attempts, queued.plugins, until)
    return Standing("")


def _without(pod: Object, view: View) -> tuple[Cluster, Entry]:
    cluster = build(view, {})
    cluster.remove(pod["metadata"]["uid"])
    entry = cluster.entry_of(pod)
    return cluster, entry._replace(node_name="")


def _states(pod: Entry, cluster: Cluster) -> tuple[list[tuple[Any, Any]], Status | None]:
    """The wide plug-ins that matter, with their states; or the refusal of a pre-filter."""
    only = node_affinity.pre_filter(pod)
    if isinstance(only, Status):
        return [], only
    states: list[tuple[Any, Any]] = []
    for plugin in WIDE:
        state = plugin.pre_filter(pod, cluster)
        if isinstance(state, Status):
            return states, state
        if not isinstance(state, Skip):
            states.append((plugin, state))
    return states, None


def _filtered(pod: Entry, node: NodeInfo, states: list[tuple[Any, Any]], refusal: Status | None) -> NodeVerdict:
    if refusal is not None:
        return NodeVerdict(node.name, False, refusal.plugin, refusal.reasons, ((refusal.plugin, refusal.reasons),))
    answers = [(plugin.NAME, plugin.filter(pod, node)) for plugin in FILTERS]
    answers.extend((plugin.NAME, plugin.filter(state, node)) for plugin, state in states)
    first = next((status for _, status in answers if status is not None), None)
    rows = tuple((name, status.reasons if status is not None else ()) for name, status in answers)
    return NodeVerdict(node.name, first is None, first.plugin if first else "", first.reasons if first else (), rows)


def _scores(pod: Entry, cluster: Cluster, fitting: list[int]) -> list[tuple[str, list[int]]]:
    """The weighted scores of the nodes that fit, by plug-in."""
    nodes = [cluster.order[index] for index in fitting]
    size = len(cluster.order)
    spread = pod_topology_spread.pre_score(pod, cluster, fitting)
    near = inter_pod_affinity.pre_score(pod, cluster)
    zeros = [0] * len(nodes)
    rows: list[tuple[Any, list[int]]] = [
        (taint_toleration, taint_toleration.normalize([taint_toleration.score(pod, node) for node in nodes])),
        (node_affinity, node_affinity.normalize([node_affinity.score(pod, node) for node in nodes])),
        (node_resources_fit, [node_resources_fit.score(pod, node) for node in nodes]),
        (
            pod_topology_spread,
            zeros
            if isinstance(spread, Skip)
            else pod_topology_spread.normalize([pod_topology_spread.score(spread, node) for node in nodes]),
        ),
        (
            inter_pod_affinity,
            zeros if isinstance(near, Skip) else inter_pod_affinity.normalize([inter_pod_affinity.score(near, node) for node in nodes]),
        ),
        (node_resources_balanced_allocation, [node_resources_balanced_allocation.score(pod, node) for node in nodes]),
        (image_locality, [image_locality.score(pod, node, cluster.image_spread, size) for node in nodes]),
    ]
    return [(plugin.NAME, [plugin.WEIGHT * score for score in column]) for plugin, column in rows]


MAX_TOTAL = MAX_NODE_SCORE * sum(
    plugin.WEIGHT
    for plugin in (
        taint_toleration,
        node_affinity,
        node_resources_fit,
        pod_topology_spread,
        inter_pod_affinity,
        node_resources_balanced_allocation,
        image_locality,
    )
)
