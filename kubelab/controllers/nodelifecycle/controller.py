"""The node lifecycle controller: which keys it looks at, and who plans for each.

``("monitor",)`` the look at all nodes every 5 s; ``("node", name)`` NoSchedule taints and labels of a node that changed; ``("pass", zone)``
the zone's turn to taint a node with NoExecute; ``("noexecute", name)`` and ``("clear", name)`` a node whose NoExecute taints shall follow
its readiness, or go; ``("pod", namespace, name)`` a pod that came to a node which is not ready.

upstream: pkg/controller/nodelifecycle/node_lifecycle_controller.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from kubelab.controllers.nodelifecycle import deleting, lost, monitor
from kubelab.controllers.nodelifecycle.facts import LEASE_NAMESPACE, LEASES, PASS_NS, WORKERS, has_taint, readiness, zone_of
from kubelab.controllers.nodelifecycle.monitor import CHANGED, HEARD, KNOWN, NAME, QUEUE, ZONES, Tick
from kubelab.controllers.nodelifecycle.tainting import BY_READINESS, Evicting, Tainting, plan_no_execute, plan_no_schedule
from kubelab.controllers.nodelifecycle.zones import Zone
from kubelab.engine.component import Change, Controller, Later, Scope, Watch, service_account
from kubelab.engine.plan import Key, Nudge, Plan, Reason, step
from kubelab.store.log import Object
from kubelab.world.clock import SECOND

RATE = Reason("ZoneRate", "{subject}: {count} nodes wait to be tainted with NoExecute; the zone's rate allows the next one later")
MONITOR: Key = ("monitor",)


@dataclass(frozen=True, slots=True)
class Pass:
    """A zone's turn: the nodes that wait in it, first come first, and those that need it no longer."""

    zone: str
    state: Zone
    waiting: tuple[str, ...]
    done: tuple[str, ...]
    now_ns: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """A pod on a node that is not ready."""

    pod: Object
    now_ns: int


def observe(scope: Scope, key: Key) -> Any:
    view, kind = scope.view, key[0]
    if kind == "monitor":
        return monitor.observe(scope)
    if kind == "pass":
        return _observe_pass(scope, key[1])
    if kind == "pod":
        pod = view.get("pods", key[1], key[2])
        known = scope.table(KNOWN).get(pod["spec"].get("nodeName", "")) if pod is not None else None
        is_lost = pod is not None and known is not None and known.ready not in ("", "True") and lost.is_unmarked(pod)
        return Arrival(pod, scope.now_ns) if pod is not None and is_lost else None
    node = view.get("nodes", "", key[1])
    if node is None:
        return None
    if scope.release == "1.7":
        return deleting.observe(scope, node) if kind == "noexecute" and readiness(node) != "True" else None
    if kind == "node":
        return Tainting(node, scope.now_ns)
    held = scope.table(ZONES).get(zone_of(node), Zone()).interval_ns == 0
    return Evicting(node, kind == "clear", held, scope.now_ns)


def _observe_pass(scope: Scope, zone: str) -> Pass:
    queue = scope.table(QUEUE)
    waiting = sorted(((since_ns, name) for name, (where, since_ns) in queue.items() if where == zone), key=lambda entry: entry[0])
    names = [name for _, name in waiting]
    if scope.release == "1.7":
        evicted = scope.table(deleting.EVICTED)
        done = [name for name in names if name in evicted or _is_ready_or_gone(scope.view.get("nodes", "", name))]
    else:
        done = [name for name in names if not _needs_taint(scope.view.get("nodes", "", name))]
    state = scope.table(ZONES).get(zone, Zone())
    return Pass(zone, state, tuple(name for name in names if name not in done), tuple(done), scope.now_ns)


def _is_ready_or_gone(node: Object | None) -> bool:
    return node is None or readiness(node) == "True"


def _needs_taint(node: Object | None) -> bool:
    key = BY_READINESS.get(readiness(node)) if node is not None else None
    return node is not None and key is not None and not has_taint(node, key)


def plan(seen: Any) -> Plan:
    return _PLANS[type(seen)](seen)


def plan_pass(seen: Pass) -> Plan:
    """One node per token of the zone's bucket."""
    gone: dict[str, Any] = dict.fromkeys(seen.done)
    waiting = RATE(f"zone/{seen.zone}", count=len(seen.waiting))
    if not seen.waiting or not seen.state.interval_ns:
        return Plan(note={QUEUE: gone} if gone else {}, because=(waiting,) if seen.waiting else ())
    if not seen.state.may(seen.now_ns):
        return Plan(note={QUEUE: gone}, because=(waiting,), again_ns=_next_pass(seen.state.free_ns - seen.now_ns))
    first = seen.waiting[0]
    spent = seen.state.spent(seen.now_ns)
    again_ns = _next_pass(spent.free_ns - seen.now_ns) if len(seen.waiting) > 1 else None
    note = {QUEUE: {**gone, first: None}, ZONES: {seen.zone: spent}}
    return Plan(note=note, nudge=(Nudge(NAME, ("noexecute", first)),), again_ns=again_ns, because=(waiting,) if again_ns else ())


def _next_pass(after_ns: int) -> int:
    return -(-after_ns // PASS_NS) * PASS_NS


def _plan_arrival(seen: Arrival) -> Plan:
    return step(lost.mark(seen.pod, seen.now_ns))


_PLANS: dict[type, Callable[[Any], Plan]] = {
    Tick: monitor.plan,
    Tainting: plan_no_schedule,
    Evicting: plan_no_execute,
    Pass: plan_pass,
    Arrival: _plan_arrival,
    deleting.Leaving: deleting.plan,
}


# -- what wakes it ----------------------------------------------------------------------------------------------------------------
def node_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    """A changed node is looked at in the next tick; its NoSchedule taints at once."""
    name = change.object["metadata"]["name"]
    scope.table(CHANGED)[name] = True
    if not scope.timing.heartbeats:
        return (MONITOR,) if change.type == "DELETED" else (MONITOR, ("node", name))
    return () if change.type == "DELETED" else (("node", name),)


def lease_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    """A renewed lease is noted for the next tick."""
    obj, old = change.object, change.old
    meta = obj["metadata"]
    if meta["namespace"] == LEASE_NAMESPACE and change.type != "DELETED":
        renewed = obj["spec"].get("renewTime")
        if old is None or old["spec"].get("renewTime") != renewed:
            scope.table(HEARD)[meta["name"]] = True
    return ()


def pod_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    """A pod that has just been bound to a node that is not ready."""
    pod, old = change.object, change.old
    node = pod["spec"].get("nodeName")
    if not node or change.type == "DELETED" or (old is not None and old["spec"].get("nodeName") == node):
        return ()
    known = scope.table(KNOWN).get(node)
    if known is None or known.ready in ("", "True"):
        return ()
    meta = pod["metadata"]
    return (("pod", meta["namespace"], meta["name"]),)


CONTROLLER = Controller(
    name=NAME,
    identity=service_account("node-controller"),
    watches=(Watch("nodes", node_keys), Watch(LEASES, lease_keys), Watch("pods", pod_keys)),
    observe=observe,
    plan=plan,
    workers=WORKERS,
    backoff=(5_000_000, 5 * SECOND),
    background=frozenset({"monitor"}),
    first=(MONITOR,),
)
