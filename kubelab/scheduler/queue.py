"""The scheduling queue as values: active, backing off, unschedulable; and what moves a pod from one to another.

upstream: pkg/scheduler/internal/queue/scheduling_queue.go, pkg/scheduler/eventhandlers.go, 1.28 (gate SchedulerQueueingHints on); spec "Queues".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from kubelab.scheduler.framework import ClusterEvent
from kubelab.scheduler.plugins import (
    inter_pod_affinity,
    node_affinity,
    node_name,
    node_ports,
    node_resources_fit,
    node_unschedulable,
    node_volume_limits,
    pod_topology_spread,
    scheduling_gates,
    taint_toleration,
    volume_binding,
    volume_restrictions,
    volume_zone,
)
from kubelab.world.clock import MINUTE, SECOND
from kubelab.world.codec import value

Object = dict[str, Any]
Tables = Mapping[str, Mapping[str, Any]]

ACTIVE = "active"
BACKOFF = "backoff"
UNSCHEDULABLE = "unschedulable"

BACKOFF_NS = (SECOND, 10 * SECOND)  # the first and the longest
FLUSH_NS = SECOND
LEFTOVER_NS = 30 * SECOND
LONGEST_UNSCHEDULABLE_NS = 5 * MINUTE

WAKES_ON: dict[str, tuple[ClusterEvent, ...]] = {
    plugin.NAME: plugin.WAKES_ON
    for plugin in (
        node_unschedulable,
        node_name,
        taint_toleration,
        node_affinity,
        node_ports,
        node_resources_fit,
        volume_restrictions,
        volume_binding,
        volume_zone,
        pod_topology_spread,
        inter_pod_affinity,
        scheduling_gates,
    )
} | node_volume_limits.WAKES_ON


@value
class Queued(NamedTuple):
    """A pod in the queue. ``timestamp_ns``: when it was queued, or last failed. ``plugins``: those that refused it last.

    ``near``: it has a required pod affinity, so that pods that arrive elsewhere may help it.
    """

    uid: str
    namespace: str
    name: str
    priority: int
    timestamp_ns: int
    sequence: int
    attempts: int = 0
    plugins: tuple[str, ...] = ()
    gated: bool = False
    near: bool = False
    backoff_ns: tuple[int, int] = BACKOFF_NS

    @property
    def backoff_until_ns(self) -> int:
        return self.timestamp_ns + backoff_ns(self.attempts, *self.backoff_ns)


def backoff_ns(attempts: int, first_ns: int = BACKOFF_NS[0], longest_ns: int = BACKOFF_NS[1]) -> int:
    """One second after the first failure, doubled by each further one, at most ten, unless the configuration says otherwise.

    >>> [backoff_ns(attempts) // SECOND for attempts in (1, 2, 3, 4, 5)]
    [1, 2, 4, 8, 10]
    """
    return min(first_ns << min(max(attempts - 1, 0), 63), longest_ns)


def next_tick_ns(born_ns: int, period_ns: int, not_before_ns: int) -> int:
    """The first tick of a periodic job, running since ``born_ns``, that is not before an instant."""
    return born_ns + max(0, -(-(not_before_ns - born_ns) // period_ns)) * period_ns


def is_worth(queued: Queued, event: ClusterEvent) -> bool:
    """Whether an event may help a pod: some plug-in that refused it asks for such events, or none is known."""
    if queued.gated:
        return False
    return not queued.plugins or any(event in WAKES_ON.get(plugin, ()) for plugin in queued.plugins)


class Moves(NamedTuple):
    """Changes of the queue's tables (None: out of it), and whether some pod became active or began to back off."""

    tables: dict[str, dict[str, Queued | None]]
    active: bool = False
    backoff_until_ns: tuple[int, ...] = ()


def moved(pods: Iterable[Queued], event: ClusterEvent | None, now_ns: int) -> Moves:
    """What an event does to unschedulable pods; ``event`` None: they have waited long enough for anything."""
    worth = [each for each in pods if not each.gated and (event is None or is_worth(each, event))]
    return requeued(worth, now_ns)


def requeued(pods: Iterable[Queued], now_ns: int) -> Moves:
    """Out of the unschedulable ones, into back-off while that lasts, else to the active ones."""
    active: dict[str, Queued | None] = {}
    backoff: dict[str, Queued | None] = {}
    for each in pods:
        (backoff if each.backoff_until_ns > now_ns else active)[each.uid] = each
    gone: dict[str, Queued | None] = dict.fromkeys([*active, *backoff])
    until = tuple(dict.fromkeys(each.backoff_until_ns for each in backoff.values() if each))
    return Moves({ACTIVE: active, BACKOFF: backoff, UNSCHEDULABLE: gone} if gone else {}, bool(active), until)


_STATUS_LIKE = ("resourceVersion", "generation", "managedFields", "finalizers")


def is_updated(old: Object, new: Object) -> bool:
    """Whether a pod changed so that it may have become schedulable: not its status alone (upstream: isPodUpdated)."""
    if old["spec"] is not new["spec"] and old["spec"] != new["spec"]:
        return True
    before, after = old["metadata"], new["metadata"]
    return {key: item for key, item in before.items() if key not in _STATUS_LIKE} != {
        key: item for key, item in after.items() if key not in _STATUS_LIKE
    }


def node_event(old: Object, new: Object) -> ClusterEvent | None:
    """What about a node changed, in upstream's order of looking; None if nothing that could help a pod."""
    before, after = old.get("spec") or {}, new.get("spec") or {}
    status_before, status_after = old.get("status") or {}, new.get("status") or {}
    if before.get("unschedulable") and not after.get("unschedulable"):
        return ClusterEvent("nodes", "taint")
    if status_before.get("allocatable") != status_after.get("allocatable"):
        return ClusterEvent("nodes", "allocatable")
    if (old["metadata"].get("labels") or {}) != (new["metadata"].get("labels") or {}):
        return ClusterEvent("nodes", "label")
    if (before.get("taints") or []) != (after.get("taints") or []):
        return ClusterEvent("nodes", "taint")
    return ClusterEvent("nodes", "condition") if _conditions(status_before) != _conditions(status_after) else None


def _conditions(status: Object) -> dict[str, str]:
    return {each["type"]: each["status"] for each in status.get("conditions") or ()}
