"""The scheduler's memory: its queue, its assumptions, the order of zones; and, derived from these and the view, the cluster.

``Derived`` is kept in the memory only so that it lives and dies with it. A fork or a loaded world finds one that is not its own (or is empty)
and builds its own; the placements are the same.

upstream: pkg/scheduler/internal/cache/cache.go (assumed pods), internal/queue, 1.28.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple

from kubelab.engine.component import Later, Scope, Tables
from kubelab.engine.plan import Key
from kubelab.scheduler.cluster import Cluster, build
from kubelab.scheduler.facts import Entry
from kubelab.scheduler.plugins.priority_sort import rank
from kubelab.scheduler.plugins.volume_binding import Bindings
from kubelab.scheduler.queue import ACTIVE, BACKOFF, FLUSH_NS, UNSCHEDULABLE, Moves, Queued, next_tick_ns
from kubelab.world.codec import value

ASSUMED = "assumed"
NOMINATED = "nominated"  # uid -> (namespace, name, node): promises of this scheduler that its view does not show yet
ZONES = "zones"
CYCLE = "cycle"  # start: next start index; sequence: of queue entries; born_ns: when it started
TOUCHED = "touched"  # uids whose queue or assumption a plan has changed, for the derived cluster to follow
DERIVED = "derived"

CYCLE_KEY: Key = ("cycle",)
FLUSH_KEY: Key = ("flush",)
LEFTOVER_KEY: Key = ("leftover",)


@value
class Assumed(NamedTuple):
    """A decision that is not yet seen in the view. ``since_ns``: when its volumes were asked for (0: not yet)."""

    queued: Queued
    node: str
    score: int
    feasible: int
    evaluated: int
    static: tuple[tuple[str, str], ...] = ()
    provision: tuple[str, ...] = ()
    since_ns: int = 0

    @property
    def bindings(self) -> Bindings:
        return Bindings(self.static, self.provision)


@value
@dataclass(eq=False)
class Derived:
    """The cluster, the heap of active pods, the entry of the pod last looked at. Nothing of it is saved."""

    def __post_init__(self) -> None:
        self.owner: Tables | None = None
        self.cluster: Cluster | None = None
        self.heap: list[tuple[tuple[int, int, int], str]] = []
        self.recent: Entry | None = None


def derived(scope: Scope) -> tuple[Derived, Cluster]:
    """The derived part, brought up to date with what plans have noted."""
    memory = scope.memory
    found = memory.get(DERIVED)
    box = found.get("") if found else None
    touched = scope.table(TOUCHED)
    if box is None or box.owner is not memory or box.cluster is None:
        box = Derived()
        box.owner = memory
        box.cluster = build(scope.view, scope.table(ZONES), _assumptions(scope), scope.table(NOMINATED))
        box.heap = [(_rank(queued), uid) for uid, queued in scope.table(ACTIVE).items()]
        heapify(box.heap)
        memory[DERIVED] = {"": box}
        touched.clear()
    cluster: Cluster = box.cluster
    cluster.view = scope.view
    if touched:
        for uid in touched:
            _follow(scope, box, cluster, uid)
        touched.clear()
    return box, cluster


def _assumptions(scope: Scope) -> list[tuple[str, str, str, str, tuple[str, ...]]]:
    return [
        (uid, each.queued.namespace, each.queued.name, each.node, tuple(volume for _, volume in each.static))
        for uid, each in scope.table(ASSUMED).items()
    ]


def _follow(scope: Scope, box: Derived, cluster: Cluster, uid: str) -> None:
    assumed: Assumed | None = scope.table(ASSUMED).get(uid)
    if assumed is not None:
        if cluster.placed.get(uid) != assumed.node:
            entry = box.recent if box.recent is not None and box.recent.uid == uid else _pending(scope, cluster, assumed.queued)
            if entry is not None:
                cluster.place(entry, assumed.node)
        cluster.nominate(uid, "", None)
        if assumed.static:
            cluster.promised[uid] = tuple(volume for _, volume in assumed.static)
        return
    promise = scope.table(NOMINATED).get(uid)
    if promise is not None:
        _nominate(cluster, uid, *promise)
    placed = cluster.entry(uid)
    if placed is not None and not placed.node_name:
        cluster.remove(uid)
    cluster.promised.pop(uid, None)
    queued = scope.table(ACTIVE).get(uid)
    if queued is not None:
        heappush(box.heap, (_rank(queued), uid))


def _nominate(cluster: Cluster, uid: str, namespace: str, name: str, node: str) -> None:
    pod = cluster.view.get("pods", namespace, name)
    if pod is not None and pod["metadata"]["uid"] == uid:
        cluster.nominate(uid, node, cluster.entry_of(pod))


def _pending(scope: Scope, cluster: Cluster, queued: Queued) -> Entry | None:
    pod = scope.view.get("pods", queued.namespace, queued.name)
    return cluster.entry_of(pod) if pod is not None and pod["metadata"]["uid"] == queued.uid else None


def attend_only(memory: Tables, pod: dict[str, Any]) -> Key:
    """The key under which the scheduler looks at this pod next; other pods leave the queue. For looking ahead in a fork alone."""
    meta = pod["metadata"]
    if meta["uid"] in memory.get(ASSUMED, {}):
        return ("bind", meta["namespace"], meta["name"], meta["uid"])
    waiting = [memory.get(name, {}) for name in (ACTIVE, BACKOFF, UNSCHEDULABLE)]
    queued = next((table[meta["uid"]] for table in waiting if meta["uid"] in table), None)
    for table in waiting:
        table.clear()
    if queued is not None:
        memory.setdefault(ACTIVE, {})[meta["uid"]] = queued
    memory.pop(DERIVED, None)
    return CYCLE_KEY


def _rank(queued: Queued) -> tuple[int, int, int]:
    return rank(queued.priority, queued.timestamp_ns, queued.sequence)


def head(scope: Scope, box: Derived) -> Queued | None:
    """The next pod to schedule."""
    active, heap = scope.table(ACTIVE), box.heap
    while heap:
        rank_, uid = heap[0]
        queued = active.get(uid)
        if queued is not None and _rank(queued) == rank_:
            return queued
        heappop(heap)
    return None


# -- changes by watches --------------------------------------------------------------------------------------------------
def enqueue(scope: Scope, box: Derived, queued: Queued) -> None:
    """To the active pods."""
    scope.table(ACTIVE)[queued.uid] = queued
    heappush(box.heap, (_rank(queued), queued.uid))


def next_sequence(scope: Scope) -> int:
    table = scope.table(CYCLE)
    table["sequence"] = sequence = table.get("sequence", 0) + 1
    return sequence


def dequeue(scope: Scope, uid: str) -> Queued | None:
    """Out of the queue, wherever the pod stands in it."""
    for name in (ACTIVE, BACKOFF, UNSCHEDULABLE):
        found = scope.table(name).pop(uid, None)
        if found is not None:
            return found
    return None


def standing(scope: Scope, uid: str) -> str:
    """In which table of the queue a pod stands; "" if in none."""
    return next((name for name in (ACTIVE, BACKOFF, UNSCHEDULABLE) if uid in scope.table(name)), "")


def apply(scope: Scope, box: Derived, moves: Moves) -> list[Key | Later]:
    """Carry moves out at once; the keys to look at then."""
    for name, rows in moves.tables.items():
        table = scope.table(name)
        for uid, queued in rows.items():
            if queued is None:
                table.pop(uid, None)
            elif name == ACTIVE:
                enqueue(scope, box, queued)
            else:
                table[uid] = queued
    keys: list[Key | Later] = [CYCLE_KEY] if moves.active else []
    keys.extend(Later(flush_after_ns(scope, until), FLUSH_KEY) for until in moves.backoff_until_ns)
    return keys


def flush_after_ns(scope: Scope, until_ns: int) -> int:
    return next_tick_ns(scope.table(CYCLE).get("born_ns", 0), FLUSH_NS, until_ns) - scope.now_ns


def note_moves(moves: Moves) -> dict[str, dict[Any, Any]]:
    """Moves as notes of a plan."""
    if not moves.tables:
        return {}
    return {**moves.tables, TOUCHED: dict.fromkeys(moves.tables[ACTIVE], 1)}
