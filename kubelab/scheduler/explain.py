"""Why a pod is where it is, or nowhere: each node's answer by plug-in, computed from a view, changing nothing.

upstream: pkg/scheduler/framework/runtime/framework.go RunFilterPlugins, RunScorePlugins, 1.28. Unlike the scheduler this asks every plug-in of
every node, where the scheduler stops at a node's first refusal, and when it has found enough nodes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kubelab.engine.component import Tables
from kubelab.scheduler import memory
from kubelab.scheduler.cluster import Cluster, build
from kubelab.scheduler.cycle import Decision, decide
from kubelab.scheduler.extender import ExtenderError, Extending
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
from kubelab.scheduler.profile import DEFAULT, WEIGHTS, Profile, Wide
from kubelab.scheduler.queue import ACTIVE, BACKOFF, UNSCHEDULABLE, Queued
from kubelab.scheduler.setup import DEFAULT_SETUP, Setup
from kubelab.store.view import View

Object = dict[str, Any]

EXTENDERS = "extenders"


class NodeVerdict(NamedTuple):
    """One node's answer. ``plugin`` and ``reasons``: the first refusal, as the scheduler counts it ("" if the pod fits).

    ``filters``: (plug-in, reasons) of every filter that matters for the pod, in order, no reasons if it passes.
    ``scores``: (plug-in, weighted score among the nodes that fit); ``total`` their sum, None if the pod does not fit. ``raw``: (plug-in, what it
    found before scores were made comparable).
    """

    node: str
    fits: bool
    plugin: str
    reasons: tuple[str, ...]
    filters: tuple[tuple[str, tuple[str, ...]], ...]
    scores: tuple[tuple[str, int], ...] = ()
    total: int | None = None
    raw: tuple[tuple[str, int | None], ...] = ()

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


def verdicts(pod: Object, view: View, setup: Setup = DEFAULT_SETUP) -> list[NodeVerdict]:
    """Each node's verdict on a pod, in the scheduler's order of nodes. A pod that is bound is judged as if it were not."""
    cluster, entry = _without(pod, view)
    profile = setup.profile_of(pod) or DEFAULT
    states, refusal = _states(entry, cluster, profile)
    found = [_filtered(entry, node, states, refusal, profile) for node in cluster.order]
    fitting = [index for index, each in enumerate(found) if each.fits]
    extending = Extending(pod, setup.concerned(pod)) if setup.extenders else None
    if extending is not None and extending.extenders and fitting:
        fitting = _extended(extending, cluster, fitting, found)
    if not fitting:
        return found
    columns = _scores(entry, cluster, fitting, profile)
    if extending is not None and extending.extenders:
        added = extending.scores(cluster.order, fitting)
        columns.append((EXTENDERS, added, added))
    for at, index in enumerate(fitting):
        scores = tuple((name, column[at]) for name, column, _ in columns)
        raw = tuple((name, column[at]) for name, _, column in columns)
        found[index] = found[index]._replace(scores=scores, total=sum(score for _, score in scores), raw=raw)
    return found


def _extended(extending: Extending, cluster: Cluster, fitting: list[int], found: list[NodeVerdict]) -> list[int]:
    """The nodes that the extenders leave; what they say of the others is noted."""
    statuses: dict[str, Status] = {}
    try:
        left = extending.filter(cluster.order, fitting, statuses)
    except ExtenderError as error:
        left, statuses = [], {cluster.order[index].name: Status(EXTENDERS, (str(error),)) for index in fitting}
    for index in fitting:
        each = found[index]
        if index in left:
            found[index] = each._replace(filters=(*each.filters, (EXTENDERS, ())))
            continue
        reasons = statuses[each.node].reasons if each.node in statuses else ("not among the nodes that the extenders left",)
        found[index] = each._replace(fits=False, plugin=EXTENDERS, reasons=reasons, filters=(*each.filters, (EXTENDERS, reasons)))
    return left


def decision(pod: Object, view: View, setup: Setup = DEFAULT_SETUP) -> Decision:
    """What a cycle would decide now, beginning at the first node; of a failure, its message and what each node said."""
    cluster, entry = _without(pod, view)
    extending = Extending(pod, setup.concerned(pod)) if setup.extenders else None
    return decide(cluster, entry, 0, 0, profile=setup.profile_of(pod) or DEFAULT, extending=extending)


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


def _states(pod: Entry, cluster: Cluster, profile: Profile) -> tuple[list[tuple[Wide, Any]], Status | None]:
    """The wide plug-ins that matter, with their states; or the refusal of a pre-filter."""
    only = node_affinity.pre_filter(pod) if profile.confines else None
    if isinstance(only, Status):
        return [], only
    states: list[tuple[Wide, Any]] = []
    for plugin in profile.wide:
        state = plugin.pre_filter(pod, cluster)
        if isinstance(state, Status):
            return states, state
        if not isinstance(state, Skip):
            states.append((plugin, state))
    return states, None


def _filtered(pod: Entry, node: NodeInfo, states: list[tuple[Wide, Any]], refusal: Status | None, profile: Profile) -> NodeVerdict:
    if refusal is not None:
        return NodeVerdict(node.name, False, refusal.plugin, refusal.reasons, ((refusal.plugin, refusal.reasons),))
    answers = [(name, ask(pod, node)) for name, ask in profile.own]
    answers.extend((plugin.name, plugin.filter(state, node)) for plugin, state in states)
    first = next((status for _, status in answers if status is not None), None)
    rows = tuple((name, status.reasons if status is not None else ()) for name, status in answers)
    return NodeVerdict(node.name, first is None, first.plugin if first else "", first.reasons if first else (), rows)


Raw = list[int] | list[int | None]


def _scores(pod: Entry, cluster: Cluster, fitting: list[int], profile: Profile) -> list[tuple[str, list[int], Raw]]:
    """The weighted scores of the nodes that fit by plug-in, and what the plug-in found."""
    nodes = [cluster.order[index] for index in fitting]
    size = len(cluster.order)
    columns: list[tuple[str, list[int], Raw]] = []

    def column(name: str, raw: list[int], scores: list[int]) -> None:
        weight = profile.weight(name)
        if weight:
            columns.append((name, [weight * score for score in scores], raw))

    unwelcome = [taint_toleration.score(pod, node) for node in nodes]
    column(taint_toleration.NAME, unwelcome, taint_toleration.normalize(unwelcome))
    preference = [node_affinity.score(pod, node, profile.added) for node in nodes]
    column(node_affinity.NAME, preference, node_affinity.normalize(preference))
    free = [profile.fit(pod, node) for node in nodes]
    column(node_resources_fit.NAME, free, free)
    columns.extend(_wide_scores(pod, cluster, fitting, profile))
    balance = [profile.balance(pod, node) for node in nodes]
    column(node_resources_balanced_allocation.NAME, balance, balance)
    images = [image_locality.score(pod, node, cluster.image_spread, size) for node in nodes]
    column(image_locality.NAME, images, images)
    return columns


def _wide_scores(pod: Entry, cluster: Cluster, fitting: list[int], profile: Profile) -> list[tuple[str, list[int], Raw]]:
    """The same of the plug-ins that look beyond the node."""
    nodes = [cluster.order[index] for index in fitting]
    found: list[tuple[str, list[int], Raw]] = []
    if weight := profile.weight(pod_topology_spread.NAME):
        spread = pod_topology_spread.pre_score(pod, cluster, fitting, profile.spread)
        raw = [0] * len(nodes) if isinstance(spread, Skip) else [pod_topology_spread.score(spread, node) for node in nodes]
        even = raw if isinstance(spread, Skip) else pod_topology_spread.normalize(raw)
        found.append((pod_topology_spread.NAME, [weight * (score or 0) for score in even], raw))
    if weight := profile.weight(inter_pod_affinity.NAME):
        near = inter_pod_affinity.pre_score(pod, cluster, profile.hard_affinity_weight, ignores_preferences=profile.ignores_preferences)
        sums = [0] * len(nodes) if isinstance(near, Skip) else [inter_pod_affinity.score(near, node) for node in nodes]
        scores = sums if isinstance(near, Skip) else inter_pod_affinity.normalize(sums)
        found.append((inter_pod_affinity.NAME, [weight * score for score in scores], sums))
    return found


MAX_TOTAL = MAX_NODE_SCORE * sum(WEIGHTS.values())
