"""InterPodAffinity: near to pods or away from pods, as the incoming pod wants it and as the present ones want it.

upstream: pkg/scheduler/framework/plugins/interpodaffinity/{filtering,scoring,plugin}.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kubelab.scheduler.cluster import Cluster, taker
from kubelab.scheduler.facts import Entry, Term, selects, term_matches
from kubelab.scheduler.framework import (
    MAX_NODE_SCORE,
    NODE_ADD,
    NODE_LABEL,
    POD_ADD,
    POD_DELETE,
    POD_UPDATE,
    SKIP,
    Skip,
    Status,
)
from kubelab.scheduler.node_info import NodeInfo

NAME = "InterPodAffinity"
WEIGHT = 2
HARD_WEIGHT = 1
AFFINITY = Status(NAME, ("node(s) didn't match pod affinity rules",), unresolvable=True)
ANTI_AFFINITY = Status(NAME, ("node(s) didn't match pod anti-affinity rules",))
EXISTING_ANTI_AFFINITY = Status(NAME, ("node(s) didn't satisfy existing pods anti-affinity rules",))
WAKES_ON = (POD_ADD, POD_UPDATE, POD_DELETE, NODE_ADD, NODE_LABEL)

Counts = tuple[tuple[str, dict[str, int]], ...]  # (topology key, matching pods by its value)
_NO_LABELS: dict[str, str] = {}


class Required(NamedTuple):
    """``first``: nothing matches the affinity anywhere and the pod matches it itself, so that it may start the group."""

    affinity: Counts
    anti_affinity: Counts
    existing: Counts
    first: bool


class Preferred(NamedTuple):
    scores: tuple[tuple[str, dict[str, int]], ...]


def pre_filter(pod: Entry, cluster: Cluster) -> Required | Skip:
    existing = _existing(pod, cluster)
    facts = pod.facts
    if not existing and not facts.affinity and not facts.anti_affinity:
        return SKIP
    terms = tuple(_resolved(term, cluster) for term in facts.affinity)
    affinity: Counts = ()
    if terms:
        counter = cluster.count(terms)
        affinity = tuple((term.topology_key, counter.values(term.topology_key, cluster.order)) for term in terms)
    anti = tuple(
        (term.topology_key, cluster.count((_resolved(term, cluster),)).values(term.topology_key, cluster.order))
        for term in facts.anti_affinity
    )
    first = not any(count > 0 for _, counts in affinity for count in counts.values()) and all(
        term_matches(term, pod.namespace, pod.labels, _NO_LABELS) for term in terms
    )
    return Required(affinity, anti, existing, first)


def filter(state: Required, node: NodeInfo) -> Status | None:
    labels = node.labels
    near = True
    for key, counts in state.affinity:
        value = labels.get(key)
        if value is None:
            return AFFINITY
        near = near and counts.get(value, 0) > 0
    if not near and not state.first:
        return AFFINITY
    if _holds_any(state.anti_affinity, labels):
        return ANTI_AFFINITY
    return EXISTING_ANTI_AFFINITY if _holds_any(state.existing, labels) else None


def _holds_any(rules: Counts, labels: dict[str, str]) -> bool:
    for key, counts in rules:
        value = labels.get(key)
        if value is not None and counts.get(value, 0) > 0:
            return True
    return False


def pre_score(pod: Entry, cluster: Cluster, hard_weight: int = HARD_WEIGHT, *, ignores_preferences: bool = False) -> Preferred | Skip:
    """The sums of weights by topology: what the pod wishes, and what the present pods wish; ``hard_weight``: of a required affinity of theirs.

    ``ignores_preferences``: a pod that wishes nothing does not hear the present pods either.
    """
    if ignores_preferences and not pod.facts.preferences:
        return SKIP
    sums: dict[str, dict[str, int]] = {}
    for weight, term in pod.facts.preferences:
        _add(sums, term.topology_key, cluster.count((_resolved(term, cluster),)).values(term.topology_key, cluster.order), weight)
    if cluster.preferences or cluster.affinity:
        where = _namespace_labels(pod.namespace, cluster)
        for (weight, term), counts in cluster.preferences.items():
            if term_matches(term, pod.namespace, pod.labels, where):
                _add(sums, term.topology_key, counts, weight)
        for term, counts in cluster.affinity.items() if hard_weight else ():
            if term_matches(term, pod.namespace, pod.labels, where):
                _add(sums, term.topology_key, counts, hard_weight)
    return Preferred(tuple(sums.items())) if sums else SKIP


def _add(sums: dict[str, dict[str, int]], key: str, counts: dict[str, int], weight: int) -> None:
    for value, count in counts.items():
        if count:
            by_value = sums.setdefault(key, {})
            by_value[value] = by_value.get(value, 0) + weight * count


def score(state: Preferred, node: NodeInfo) -> int:
    return sum(by_value.get(node.labels.get(key, ""), 0) for key, by_value in state.scores if key in node.labels)


def normalize(raw: Sequence[int]) -> list[int]:
    highest, lowest = max(raw), min(raw)
    spread = highest - lowest
    if spread <= 0:
        return [0] * len(raw)
    return [int(MAX_NODE_SCORE * ((each - lowest) / spread)) for each in raw]


def scores(state: Preferred, cluster: Cluster, window: Sequence[int]) -> list[int]:
    """The normalised scores of the feasible nodes at once."""
    take = taker(window)
    totals: list[int] | None = None
    for key, by_value in state.scores:
        part = [by_value.get(value, 0) for value in take(cluster.column(key))]
        totals = part if totals is None else [one + other for one, other in zip(totals, part, strict=True)]
    return normalize(totals or [])


# -- what both use -------------------------------------------------------------------------------------------------------
def _existing(pod: Entry, cluster: Cluster) -> Counts:
    if not cluster.anti_affinity:
        return ()
    where = _namespace_labels(pod.namespace, cluster)
    return tuple(
        (term.topology_key, counts)
        for term, counts in cluster.anti_affinity.items()
        if term_matches(term, pod.namespace, pod.labels, where)
    )


def _resolved(term: Term, cluster: Cluster) -> Term:
    """The incoming pod's term with its namespace selector turned into names."""
    where = term.namespace_selector
    if where is None or where.empty:
        return term
    names = [each["metadata"]["name"] for each in cluster.view.list("namespaces") if selects(where, each["metadata"].get("labels") or {})]
    return term._replace(namespaces=tuple(sorted(dict.fromkeys((*term.namespaces, *names)))), namespace_selector=None)


def _namespace_labels(namespace: str, cluster: Cluster) -> dict[str, str]:
    found = cluster.view.get("namespaces", "", namespace)
    return (found["metadata"].get("labels") if found else None) or _NO_LABELS
