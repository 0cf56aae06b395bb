"""NodeAffinity: the nodes that a pod's node selector and node affinity require or prefer.

upstream: pkg/scheduler/framework/plugins/nodeaffinity/node_affinity.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubelab.kinds.core.node_selectors import matches_any_term, matches_required, matches_term
from kubelab.scheduler.facts import Entry
from kubelab.scheduler.framework import MAX_NODE_SCORE, NODE_ADD, NODE_UPDATE, Status
from kubelab.scheduler.node_info import NodeInfo

Object = dict[str, Any]

NAME = "NodeAffinity"
WEIGHT = 2
NO_MATCH = Status(NAME, ("node(s) didn't match Pod's node affinity/selector",), unresolvable=True)
ENFORCED = Status(NAME, ("node(s) didn't match scheduler-enforced node affinity",), unresolvable=True)
CONFLICT = Status(NAME, ("pod affinity terms conflict",), unresolvable=True)
WAKES_ON = (NODE_ADD, *NODE_UPDATE)


def pre_filter(pod: Entry) -> Status | tuple[str, ...] | None:
    """The names of the only nodes to look at, if every term names some; else None."""
    terms = pod.facts.node_terms
    if not terms:
        return None
    names: dict[str, None] = {}
    for term in terms:
        wanted: list[str] | None = None
        for field in term.get("matchFields") or ():
            if field["key"] == "metadata.name" and field.get("operator") == "In":
                values = field.get("values") or []
                wanted = list(values) if wanted is None else [name for name in wanted if name in values]
        if wanted is None:
            return None
        names.update(dict.fromkeys(wanted))
    return tuple(names) or CONFLICT


def filter(pod: Entry, node: NodeInfo) -> Status | None:
    facts = pod.facts
    if not facts.restricts_nodes or matches_required(facts.spec, node.labels, node.name):
        return None
    return NO_MATCH


def filter_added(terms: list[Object], pod: Entry, node: NodeInfo) -> Status | None:
    """The same behind the terms that the profile requires of every pod's node (``addedAffinity``)."""
    return filter(pod, node) if matches_any_term(terms, node.labels, node.name) else ENFORCED


def score(pod: Entry, node: NodeInfo, added: tuple[tuple[int, Object], ...] = ()) -> int:
    """The weights of the preferred terms that the node matches, those that the profile adds included."""
    return sum(weight for weight, term in (*added, *pod.facts.node_preferences) if matches_term(term, node.labels, node.name))


def normalize(raw: Sequence[int]) -> list[int]:
    highest = max(raw)
    return [MAX_NODE_SCORE * each // highest for each in raw] if highest else list(raw)
