"""PodTopologySpread: even numbers of matching pods over zones, hosts or any other topology, as a rule or as a wish.

A pod without constraints of its own gets two wishes: over hosts (skew 3) and zones (skew 5), for the pods of its services and its owner.

upstream: pkg/scheduler/framework/plugins/podtopologyspread/{common,filtering,scoring,plugin}.go, plugins/helper/spread.go, 1.28.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from kubelab.kinds.core.node_selectors import untolerated
from kubelab.scheduler.cluster import Cluster, taker
from kubelab.scheduler.counters import Counter
from kubelab.scheduler.default_selector import default_selector
from kubelab.scheduler.facts import EVERYTHING, NOTHING, Entry, Selector, Term, selector_of, selects, with_pairs
from kubelab.scheduler.framework import (
    HOSTNAME,
    MAX_NODE_SCORE,
    NODE_ADD,
    NODE_DELETE,
    NODE_LABEL,
    POD_ADD,
    POD_DELETE,
    POD_UPDATE,
    SKIP,
    ZONE,
    Skip,
    Status,
)
from kubelab.scheduler.node_info import NodeInfo

NAME = "PodTopologySpread"
WEIGHT = 2
NO_MATCH = Status(NAME, ("node(s) didn't match pod topology spread constraints",))
NO_LABEL = Status(NAME, ("node(s) didn't match pod topology spread constraints (missing required label)",), unresolvable=True)
WAKES_ON = (POD_ADD, POD_UPDATE, POD_DELETE, NODE_ADD, NODE_DELETE, NODE_LABEL)


class Constraint(NamedTuple):
    max_skew: int
    key: str
    selector: Selector
    min_domains: int = 1
    honors_affinity: bool = True
    honors_taints: bool = False


class Defaults(NamedTuple):
    """The constraints of pods that have none of their own. Those of the system do not exclude nodes without the label."""

    soft: tuple[Constraint, ...]
    hard: tuple[Constraint, ...] = ()
    is_system: bool = False


SYSTEM_DEFAULTS = Defaults((Constraint(3, HOSTNAME, NOTHING), Constraint(5, ZONE, NOTHING)), is_system=True)


class Rule(NamedTuple):
    """A hard constraint with its counts: ``least`` is the smallest, None if no node counts at all."""

    constraint: Constraint
    counts: dict[str, int]
    least: int | None
    own: int


class Hard(NamedTuple):
    rules: tuple[Rule, ...]


class Wish(NamedTuple):
    """A soft constraint: ``counts`` by label value (hosts: None, the node's own pods count), and the weight of one pod."""

    constraint: Constraint
    counts: dict[str, int] | None
    counter: Counter
    weight: float


class Soft(NamedTuple):
    wishes: tuple[Wish, ...]
    needs_all_keys: bool


# -- filter --------------------------------------------------------------------------------------------------------------
def pre_filter(pod: Entry, cluster: Cluster, defaults: Defaults = SYSTEM_DEFAULTS) -> Hard | Skip:
    constraints = _own_constraints(pod, "DoNotSchedule")
    if defaults.hard and not pod.facts.spec.get("topologySpreadConstraints"):
        constraints = _for_pod(pod, cluster, defaults.hard)
    if not constraints:
        return SKIP
    return Hard(tuple(_rule(pod, constraint, constraints, cluster) for constraint in constraints))


def _rule(pod: Entry, constraint: Constraint, constraints: tuple[Constraint, ...], cluster: Cluster) -> Rule:
    counts = _domain_counts(pod, constraint, constraints, cluster)
    least = min(counts.values(), default=None)
    if least is not None and len(counts) < constraint.min_domains:
        least = 0
    return Rule(constraint, counts, least, int(selects(constraint.selector, pod.labels)))


def filter(state: Hard, node: NodeInfo) -> Status | None:
    for rule in state.rules:
        value = node.labels.get(rule.constraint.key)
        if value is None:
            return NO_LABEL
        if rule.least is not None and rule.counts.get(value, 0) + rule.own - rule.least > rule.constraint.max_skew:
            return NO_MATCH
    return None


# -- score ---------------------------------------------------------------------------------------------------------------
def pre_score(pod: Entry, cluster: Cluster, window: Sequence[int], defaults: Defaults = SYSTEM_DEFAULTS) -> Soft | Skip:
    """``window``: the indices of the feasible nodes; their domains set the weights."""
    own = bool(pod.facts.spec.get("topologySpreadConstraints"))
    constraints = _own_constraints(pod, "ScheduleAnyway") if own else _for_pod(pod, cluster, defaults.soft)
    own = own or not defaults.is_system
    if not constraints:
        return SKIP
    if own:
        columns = [cluster.column(constraint.key) for constraint in constraints]
        if any(None in column for column in columns):
            window = [index for index in window if all(column[index] is not None for column in columns)]
    return Soft(tuple(_wish(pod, constraint, constraints if own else (), cluster, window) for constraint in constraints), own)


def _wish(pod: Entry, constraint: Constraint, required: tuple[Constraint, ...], cluster: Cluster, window: Sequence[int]) -> Wish:
    counter = _counter(pod, constraint, cluster)
    if constraint.key == HOSTNAME:
        return Wish(constraint, None, counter, math.log(len(window) + 2))
    domains = len(dict.fromkeys(taker(window)(cluster.column(constraint.key)))) if window else 0
    if constraint.selector.empty or _is_selective(pod, constraint, required, cluster):
        counts = _domain_counts(pod, constraint, required, cluster)
    else:
        counts = counter.values(constraint.key, cluster.order)
    return Wish(constraint, counts, counter, math.log(domains + 2))


def score(state: Soft, node: NodeInfo) -> int | None:
    """The raw score; None for a node that lacks a label that counts."""
    return _raw(state, tuple(_seen(wish, node) for wish in state.wishes))


def _seen(wish: Wish, node: NodeInfo) -> int | None:
    """How many matching pods the wish counts for a node; None if the node lacks the label."""
    value = node.labels.get(wish.constraint.key)
    return None if value is None else _count(wish, value if wish.counts is not None else wish.counter.by_node[node.index])


def _raw(state: Soft, counts: tuple[int | None, ...]) -> int | None:
    total = 0.0
    for wish, count in zip(state.wishes, counts, strict=True):
        if count is not None:
            total += count * wish.weight + (wish.constraint.max_skew - 1)
        elif state.needs_all_keys:
            return None
    whole = math.floor(total)
    return whole + (total - whole >= 0.5)


def normalize(raw: Sequence[int | None]) -> list[int]:
    present = [each for each in raw if each is not None]
    highest, lowest = max(present, default=0), min(present, default=0)
    if not highest:
        return [0 if each is None else MAX_NODE_SCORE for each in raw]
    return [0 if each is None else MAX_NODE_SCORE * (highest + lowest - each) // highest for each in raw]


def scores(state: Soft, cluster: Cluster, window: Sequence[int]) -> list[int]:
    """The normalised scores of the feasible nodes at once: nodes with equal labels and counts share one calculation."""
    take = taker(window)
    rows = list(zip(*[_column(wish, cluster, take) for wish in state.wishes], strict=True))
    kinds = list(dict.fromkeys(rows))
    raw = [_raw(state, tuple(map(_count, state.wishes, kind))) for kind in kinds]
    by_kind = dict(zip(kinds, normalize(raw), strict=True))
    return list(map(by_kind.__getitem__, rows))


def _column(wish: Wish, cluster: Cluster, take: Callable[[Sequence[Any]], Sequence[Any]]) -> Sequence[Any]:
    """What distinguishes the nodes for a wish: the label's value, for hosts the number of their own pods; None if the label is missing."""
    labels = take(cluster.column(wish.constraint.key))
    if wish.counts is not None:
        return labels
    pods = take(wish.counter.by_node)
    return pods if None not in labels else [None if label is None else count for label, count in zip(labels, pods, strict=True)]


def _count(wish: Wish, seen: str | int | None) -> int | None:
    """Matching pods, of what a column holds."""
    if seen is None:
        return None
    if isinstance(seen, int):
        return 0 if wish.constraint.selector.empty else seen
    return (wish.counts or {}).get(seen, 0)


# -- what both use -------------------------------------------------------------------------------------------------------
def _own_constraints(pod: Entry, when: str) -> tuple[Constraint, ...]:
    given = pod.facts.spec.get("topologySpreadConstraints") or ()
    return tuple(_constraint(each, pod.labels) for each in given if each["whenUnsatisfiable"] == when)


def _constraint(given: dict[str, Any], labels: dict[str, str]) -> Constraint:
    selector = selector_of(given.get("labelSelector"))
    pairs = {key: labels[key] for key in given.get("matchLabelKeys") or () if key in labels}
    if pairs and not selector.nothing:
        selector = with_pairs(selector, pairs)
    return Constraint(
        given["maxSkew"],
        given["topologyKey"],
        selector,
        given.get("minDomains") or 1,
        (given.get("nodeAffinityPolicy") or "Honor") == "Honor",
        (given.get("nodeTaintsPolicy") or "Ignore") == "Honor",
    )


def defaults_of(constraints: Sequence[dict[str, Any]]) -> Defaults:
    """A profile's own list of default constraints."""
    soft, hard = (
        [_constraint(each, {}) for each in constraints if each["whenUnsatisfiable"] == when] for when in ("ScheduleAnyway", "DoNotSchedule")
    )
    return Defaults(tuple(soft), tuple(hard))


def _for_pod(pod: Entry, cluster: Cluster, defaults: tuple[Constraint, ...]) -> tuple[Constraint, ...]:
    """Default constraints over the pods like this one; none if it is not known which those are."""
    selector = default_selector(pod, cluster) if defaults else EVERYTHING
    return () if selector.empty else tuple([each._replace(selector=selector) for each in defaults])


def _counter(pod: Entry, constraint: Constraint, cluster: Cluster) -> Counter:
    return cluster.count((Term((pod.namespace,), None, constraint.selector, ""),), live_only=True)


def _domain_counts(pod: Entry, constraint: Constraint, required: tuple[Constraint, ...], cluster: Cluster) -> dict[str, int]:
    """Matching pods by domain, over the nodes that count: they have all ``required`` keys and pass the inclusion policies."""
    column, counter = cluster.column(constraint.key), _counter(pod, constraint, cluster)
    empty = constraint.selector.empty
    if not _is_selective(pod, constraint, required, cluster):
        counts = {value: 0 for value in dict.fromkeys(column) if value is not None}
        if not empty:
            counts.update(counter.values(constraint.key, cluster.order))
        return counts
    counts = {}
    selected = cluster.selected(pod.facts) if constraint.honors_affinity and pod.facts.restricts_nodes else None
    others = [cluster.column(each.key) for each in required if each.key != constraint.key]
    for index, value in enumerate(column):
        if value is None or (selected is not None and not selected[index]) or any(other[index] is None for other in others):
            continue
        if constraint.honors_taints and _is_barred(pod, cluster.order[index]):
            continue
        counts[value] = counts.get(value, 0) + (0 if empty else counter.by_node[index])
    return counts


def _is_selective(pod: Entry, constraint: Constraint, required: tuple[Constraint, ...], cluster: Cluster) -> bool:
    """Whether some node may not count."""
    if constraint.honors_taints or (constraint.honors_affinity and pod.facts.restricts_nodes):
        return True
    return any(None in cluster.column(each.key) for each in required)


def _is_barred(pod: Entry, node: NodeInfo) -> bool:
    return untolerated(node.taints, pod.facts.spec.get("tolerations") or (), ("NoSchedule", "NoExecute")) is not None
