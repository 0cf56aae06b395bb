"""The cluster as the scheduler sees it: nodes with their pods, bound or assumed, and what is counted over them.

All of it follows from the view, the assumptions and the order of zones, which are the scheduler's memory; so it may be thrown away at any
time and is built again equal. It lives beside the memory for speed, and is changed in place, by the functions of this module only.

upstream: pkg/scheduler/internal/cache/{cache,node_tree,snapshot}.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from kubelab.kinds.core.node_selectors import matches_required
from kubelab.scheduler.counters import Counter, CounterBook, Question
from kubelab.scheduler.facts import Entry, Facts, FactsBook, Owner, Selector, Term, Weighted, entry_of
from kubelab.scheduler.node_info import NodeInfo, zone_key
from kubelab.store.view import View

if TYPE_CHECKING:
    from kubelab.scheduler.table import Table

Object = dict[str, Any]
Zones = dict[str, tuple[int, tuple[str, ...]]]  # zone key -> (rank of its first appearance, its nodes in order of arrival)

_LOG_LIMIT = 100_000
_SELECTIONS = 256
_NO_PROMISES: Mapping[str, tuple[str, str, str]] = {}


class Cluster:
    """``order``: known nodes, one of each zone in turn. ``epoch`` grows when that order or a label changes; ``log`` holds the indices of
    nodes whose pods changed since (``~index`` if the node object itself did). ``promised``: volumes that assumed pods will bind.
    """

    __slots__ = (
        "affinity",
        "anti_affinity",
        "book",
        "columns",
        "counters",
        "epoch",
        "image_spread",
        "log",
        "nodes",
        "nominated",
        "order",
        "placed",
        "preferences",
        "promised",
        "selections",
        "selectors",
        "services",
        "stale",
        "tables",
        "view",
        "zones",
    )

    def __init__(self, view: View, zones: Zones) -> None:
        self.view = view
        self.zones = zones
        self.nodes: dict[str, NodeInfo] = {}
        self.order: list[NodeInfo] = []
        self.placed: dict[str, str] = {}
        self.log: list[int] = []
        self.epoch = 0
        self.stale = False
        self.columns: dict[str, list[str | None]] = {}
        self.selections: dict[str, list[bool]] = {}
        self.counters = CounterBook()
        self.affinity: dict[Term, dict[str, int]] = {}
        self.anti_affinity: dict[Term, dict[str, int]] = {}
        self.preferences: dict[Weighted, dict[str, int]] = {}
        self.image_spread: dict[str, int] = {}
        self.promised: dict[str, tuple[str, ...]] = {}
        self.nominated: dict[str, dict[str, Entry]] = {}
        self.tables: dict[str, Table] = {}
        self.book = FactsBook()
        self.services: dict[str, list[dict[str, str]]] = {}
        self.selectors: dict[Owner, tuple[list[dict[str, str]], Object, dict[str, str], Selector]] = {}

    # -- nodes -------------------------------------------------------------------------------------------------------
    def set_node(self, node: Object) -> None:
        """A node appeared or changed."""
        name = node["metadata"]["name"]
        info = self._info(name)
        old = info.node
        if old is node:
            return
        labels = node["metadata"].get("labels") or {}
        if old is not None and info.labels == labels:
            self._count_images(info, -1)
            info.set_node(node)
            self._count_images(info, 1)
            self.log.append(~info.index)
            return
        self._forget_terms(info)
        if old is not None:
            self._count_images(info, -1)
            self._leave_zone(name, zone_key(info.labels), zone_key(labels))
        info.set_node(node)
        self._join_zone(name, zone_key(labels))
        self._count_images(info, 1)
        for entry in info.pods.values():
            self._note_terms(entry, info, 1)
        self.stale = True

    def remove_node(self, name: str) -> None:
        info = self.nodes.get(name)
        if info is None or info.node is None:
            return
        self._forget_terms(info)
        self._count_images(info, -1)
        self._leave_zone(name, zone_key(info.labels), None)
        info.set_node(None)
        info.index = -1
        self.stale = True

    def refresh(self) -> None:
        """Bring ``order`` and the indices up to date."""
        if not self.stale and len(self.log) < _LOG_LIMIT:
            return
        self.stale = False
        self.epoch += 1
        self.log.clear()
        self.columns.clear()
        self.selections.clear()
        self.counters.clear()
        self.order = [self.nodes[name] for name in node_order(self.zones) if name in self.nodes and self.nodes[name].node is not None]
        for index, info in enumerate(self.order):
            info.index = index

    def column(self, key: str) -> list[str | None]:
        """The value of a label on each node, None where it is missing."""
        found = self.columns.get(key)
        if found is None:
            found = self.columns[key] = [node.labels.get(key) for node in self.order]
        return found

    def selected(self, facts: Facts) -> list[bool]:
        """Whether each node satisfies a pod's node selector and required node affinity."""
        found = self.selections.get(facts.signature)
        if found is None:
            if len(self.selections) >= _SELECTIONS:
                self.selections.clear()
            found = [matches_required(facts.spec, node.labels, node.name) for node in self.order]
            self.selections[facts.signature] = found
        return found

    # -- pods --------------------------------------------------------------------------------------------------------
    def place(self, entry: Entry, node: str) -> None:
        """A pod stands on a node, really or by assumption."""
        if entry.uid in self.placed:
            self.remove(entry.uid)
        info = self._info(node)
        info.add(entry)
        self.placed[entry.uid] = node
        self.counters.carry(entry, 1)
        self._note(entry, info, 1)

    def remove(self, uid: str) -> Entry | None:
        """A pod left its node."""
        node = self.placed.pop(uid, None)
        if node is None:
            return None
        info = self.nodes[node]
        entry = info.pods[uid]
        info.remove(uid)
        self.counters.carry(entry, -1)
        self._note(entry, info, -1)
        if info.node is None and not info.pods:
            del self.nodes[node]
        return entry

    def nominate(self, uid: str, node: str, entry: Entry | None) -> None:
        """A waiting pod counts on a node (its nominatedNodeName), or on none any more."""
        if self.nominated:
            for name in [name for name, entries in self.nominated.items() if uid in entries]:
                del self.nominated[name][uid]
                if not self.nominated[name]:
                    del self.nominated[name]
        if node and entry is not None:
            self.nominated.setdefault(node, {})[uid] = entry

    def entry(self, uid: str) -> Entry | None:
        node = self.placed.get(uid)
        return None if node is None else self.nodes[node].pods[uid]

    def entry_of(self, pod: Object) -> Entry:
        return entry_of(pod, self.book.of(pod))

    def count(self, terms: tuple[Term, ...], *, live_only: bool = False) -> Counter:
        """The count of pods that match all terms."""
        return self.counters.ask(Question(terms, live_only), self.order)

    # -- inside ------------------------------------------------------------------------------------------------------
    def _info(self, name: str) -> NodeInfo:
        info = self.nodes.get(name)
        if info is None:
            info = self.nodes[name] = NodeInfo(name)
        return info

    def _note(self, entry: Entry, info: NodeInfo, sign: int) -> None:
        if info.node is None:
            return
        if not self.stale and info.index >= 0:
            self.log.append(info.index)
            self.counters.note(entry, info, sign)
        self._note_terms(entry, info, sign)

    def _note_terms(self, entry: Entry, info: NodeInfo, sign: int) -> None:
        facts = entry.facts
        if not (facts.anti_affinity or facts.preferences or facts.affinity):
            return
        for term in facts.anti_affinity:
            _tally(self.anti_affinity, term, info.labels.get(term.topology_key), sign)
        for term in facts.affinity:
            _tally(self.affinity, term, info.labels.get(term.topology_key), sign)
        for each in facts.preferences:
            _tally(self.preferences, each, info.labels.get(each.term.topology_key), sign)

    def _forget_terms(self, info: NodeInfo) -> None:
        if info.node is not None:
            for entry in info.pods.values():
                self._note_terms(entry, info, -1)

    def _count_images(self, info: NodeInfo, sign: int) -> None:
        for image in info.images:
            self.image_spread[image] = self.image_spread.get(image, 0) + sign

    def _join_zone(self, name: str, zone: str) -> None:
        found = self.zones.get(zone)
        if found is None:
            self.zones[zone] = (1 + max((rank for rank, _ in self.zones.values()), default=0), (name,))
        elif name not in found[1]:
            self.zones[zone] = (found[0], (*found[1], name))

    def _leave_zone(self, name: str, zone: str, new_zone: str | None) -> None:
        if zone == new_zone or zone not in self.zones:
            return
        rank, names = self.zones[zone]
        left = tuple(each for each in names if each != name)
        if left:
            self.zones[zone] = (rank, left)
        else:
            del self.zones[zone]


def node_order(zones: Zones) -> list[str]:
    """One node of each zone in turn, zones in the order in which they first appeared."""
    rows = [names for _, names in sorted(zones.values())]
    longest = max(map(len, rows), default=0)
    return [names[at] for at in range(longest) for names in rows if at < len(names)]


def taker(window: Sequence[int]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """Picks the values of some nodes out of a column over all nodes."""
    if isinstance(window, range):
        return itemgetter(slice(window.start, window.stop))
    if len(window) == 1:
        return itemgetter(slice(window[0], window[0] + 1))
    return itemgetter(*window)


def is_finished(pod: Object) -> bool:
    """Whether a pod has ended: such pods are out of the scheduler's sight."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def build(
    view: View,
    zones: Zones,
    assumed: Iterable[tuple[str, str, str, str, tuple[str, ...]]] = (),
    promises: Mapping[str, tuple[str, str, str]] = _NO_PROMISES,
) -> Cluster:
    """The cluster of a view, with the assumed pods: (uid, namespace, name, node, promised volumes), and ``promises`` (namespace, name, node) by
    uid that the view does not show yet.
    """
    cluster = Cluster(view, zones)
    for node in view.list("nodes"):
        cluster.set_node(node)
    for pod in view.list("pods"):
        node_name = pod["spec"].get("nodeName")
        if is_finished(pod):
            continue
        if node_name:
            cluster.place(cluster.entry_of(pod), node_name)
            continue
        nominated = (pod.get("status") or {}).get("nominatedNodeName")
        if nominated:
            cluster.nominate(pod["metadata"]["uid"], nominated, cluster.entry_of(pod))
    for uid, (namespace, name, node_name) in promises.items():
        waiting = view.get("pods", namespace, name)
        if waiting is not None and waiting["metadata"]["uid"] == uid:
            cluster.nominate(uid, node_name, cluster.entry_of(waiting))
    for uid, namespace, name, node_name, volumes in assumed:
        pending = view.get("pods", namespace, name)
        if pending is not None and pending["metadata"]["uid"] == uid:
            if uid not in cluster.placed:
                cluster.place(cluster.entry_of(pending), node_name)
            cluster.nominate(uid, "", None)
            if volumes:
                cluster.promised[uid] = volumes
    cluster.refresh()
    return cluster


def _tally(table: dict[Any, dict[str, int]], key: Any, value: str | None, sign: int) -> None:
    if value is None:
        return
    counts = table.setdefault(key, {})
    counts[value] = counts.get(value, 0) + sign
    if not counts[value]:
        del counts[value]
        if not counts:
            del table[key]
