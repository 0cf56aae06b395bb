"""Counts of matching pods, kept up to date pod by pod: what topology spreading and pod affinity ask about the whole cluster.

Upstream counts all pods anew in each cycle (podtopologyspread and interpodaffinity PreFilter, PreScore), in parallel; the results are equal.
"""

from __future__ import annotations

from typing import NamedTuple

from kubelab.scheduler.facts import Entry, Term, term_matches
from kubelab.scheduler.node_info import NodeInfo

_NO_LABELS: dict[str, str] = {}
Anchor = tuple[str, str, str]  # namespace, and a label's key and text


class Question(NamedTuple):
    """Which pods to count: those that match all terms; ``live_only`` leaves out terminating ones."""

    terms: tuple[Term, ...]
    live_only: bool

    def counts(self, entry: Entry) -> bool:
        if self.live_only and entry.terminating:
            return False
        for term in self.terms:
            if not term_matches(term, entry.namespace, entry.labels, _NO_LABELS):
                return False
        return True


class Counter:
    """The answer: matching pods by node index (``by_node``) and, for each topology key asked for, by the value of that label."""

    __slots__ = ("by_node", "by_value", "question", "total")

    def __init__(self, question: Question, nodes: list[NodeInfo], anchor: Anchor | None, *, nobody: bool = False) -> None:
        """``nobody``: it is known that no pod carries the anchor."""
        self.question = question
        self.by_node = [0] * len(nodes) if nobody else [_matching(question, node, anchor) if node.pods else 0 for node in nodes]
        self.total = sum(self.by_node)
        self.by_value: dict[str, dict[str, int]] = {}

    def values(self, key: str, nodes: list[NodeInfo]) -> dict[str, int]:
        """Matching pods by the value of a label; a value that no node with a matching pod has may be missing or 0."""
        found = self.by_value.get(key)
        if found is None:
            found = self.by_value[key] = {}
            if not self.total:
                return found
            for node, count in zip(nodes, self.by_node, strict=True):
                value = node.labels.get(key)
                if count and value is not None:
                    found[value] = found.get(value, 0) + count
        return found

    def note(self, entry: Entry, node: NodeInfo, sign: int) -> None:
        """A pod came to a node or left it."""
        if not self.question.counts(entry):
            return
        self.by_node[node.index] += sign
        self.total += sign
        for key, values in self.by_value.items():
            value = node.labels.get(key)
            if value is not None:
                values[value] = values.get(value, 0) + sign


def _matching(question: Question, node: NodeInfo, anchor: Anchor | None) -> int:
    """The matching pods of a node; most of the others lack the anchor, which is quickly seen."""
    entries = list(node.pods.values())
    if anchor is not None:
        _, key, text = anchor
        entries = [entry for entry in entries if entry.labels.get(key) == text]
    return sum(map(question.counts, entries))


class CounterBook:
    """The counters in use, found by a pair of labels that a pod must have to count at all. ``carriers``: how many of the pods that stand
    somewhere carry a label: a new workload's first pod asks about a label that nobody carries yet."""

    __slots__ = ("by_label", "carriers", "counters", "loose")
    LIMIT = 512

    def __init__(self) -> None:
        self.carriers: dict[Anchor, int] = {}
        self.clear()

    def clear(self) -> None:
        self.counters: dict[Question, Counter] = {}
        self.by_label: dict[Anchor, list[Counter]] = {}
        self.loose: list[Counter] = []

    def ask(self, question: Question, nodes: list[NodeInfo]) -> Counter:
        found = self.counters.get(question)
        if found is not None:
            return found
        if len(self.counters) >= self.LIMIT:
            self._forget(next(iter(self.counters)))
        anchor = _anchor(question)
        nobody = anchor is not None and anchor not in self.carriers
        counter = self.counters[question] = Counter(question, nodes, anchor, nobody=nobody)
        if anchor is None:
            self.loose.append(counter)
        else:
            self.by_label.setdefault(anchor, []).append(counter)
        return counter

    def _forget(self, question: Question) -> None:
        counter, anchor = self.counters.pop(question), _anchor(question)
        if anchor is None:
            self.loose.remove(counter)
            return
        self.by_label[anchor].remove(counter)
        if not self.by_label[anchor]:
            del self.by_label[anchor]

    def carry(self, entry: Entry, sign: int) -> None:
        """A pod stands somewhere from now on (+1), or no longer (-1), be it on a node that is known or not."""
        namespace, carriers = entry.namespace, self.carriers
        for key, text in entry.labels.items():
            anchor = (namespace, key, text)
            count = carriers.get(anchor, 0) + sign
            if count:
                carriers[anchor] = count
            else:
                del carriers[anchor]

    def note(self, entry: Entry, node: NodeInfo, sign: int) -> None:
        """A pod came to a node (+1) or left it (-1)."""
        if self.by_label:
            namespace = entry.namespace
            for key, text in entry.labels.items():
                for counter in self.by_label.get((namespace, key, text), ()):
                    counter.note(entry, node, sign)
        for counter in self.loose:
            counter.note(entry, node, sign)


def _anchor(question: Question) -> Anchor | None:
    for term in question.terms:
        if len(term.namespaces) == 1 and term.namespace_selector is None and term.selector.equals:
            key, text = term.selector.equals[-1]
            return (term.namespaces[0], key, text)
    return None
