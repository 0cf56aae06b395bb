"""The monitor: every five seconds, what was heard of each node since, and what follows for those that are late.

A node that nothing was heard of costs nothing but a comparison: only nodes that changed, are late, or are not well are looked at.

upstream: monitorNodeHealth, tryUpdateNodeHealth and processTaintBaseEviction in
pkg/controller/nodelifecycle/node_lifecycle_controller.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, NamedTuple

from kubelab.controllers.nodelifecycle import lost
from kubelab.controllers.nodelifecycle.deleting import EVICTED, SINCE, is_due
from kubelab.controllers.nodelifecycle.facts import (
    GRACE_NS,
    LEASE_NAMESPACE,
    LEASES,
    MONITOR_NS,
    PASS_NS,
    STARTUP_NS,
    WORKERS,
    counts_for_zone,
    has_taint,
    readiness,
    ready_of,
    zone_of,
)
from kubelab.controllers.nodelifecycle.tainting import BY_READINESS, OPPOSITE
from kubelab.controllers.nodelifecycle.zones import Verdict, Zone, judge
from kubelab.engine.component import Scope
from kubelab.engine.plan import Batch, Call, EventDraft, Key, Nudge, Plan
from kubelab.store.log import Object
from kubelab.world.clock import parse_rfc3339
from kubelab.world.codec import value

# Tables of the memory. CHANGED and HEARD: nodes whose object, or lease, changed since the last tick; PROBE: node → when something was last
# heard of it; UNWELL: nodes to look at in every tick; QUEUE: node → (zone, since) of those waiting for NoExecute; RETRY: nodes whose pods
# are not all marked yet.
CHANGED, HEARD, PROBE, KNOWN, UNWELL, QUEUE, ZONES, RETRY = "changed", "heard", "probe", "known", "unwell", "queue", "zones", "retry"
NAME = "node-lifecycle-controller"


@value
@dataclass(frozen=True, slots=True)
class Known:
    """A node as it was at the last look. ``ready`` is "" and ``heartbeat`` too, if it has never reported."""

    uid: str
    zone: str
    counts: bool
    ready: str
    heartbeat: str


@dataclass(frozen=True, slots=True)
class Look:
    """A node to be looked at (None: it is gone). ``pods``: those on it, if it may be late or some are still to be marked."""

    name: str
    node: Object | None
    known: Known | None
    probe_ns: int
    heard: bool
    leased: bool
    retry: bool
    pods: tuple[Object, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    looks: tuple[Look, ...]
    heard: tuple[str, ...]
    known: Mapping[str, Known]
    zones: Mapping[str, Zone]
    queue: Mapping[str, tuple[str, int]]
    period_ns: int | None
    now_ns: int
    deleting: Deleting | None = None


class Deleting(NamedTuple):
    """What a controller of 1.7 knows besides: since when each node is as it is, and whose pods it has deleted."""

    since: Mapping[str, tuple[str, int]]
    evicted: Mapping[str, bool]


def observe(scope: Scope) -> Tick:
    now_ns, view = scope.now_ns, scope.view
    heard, probe, retry, known = scope.table(HEARD), scope.table(PROBE), scope.table(RETRY), scope.table(KNOWN)
    limit_ns, beating = now_ns - GRACE_NS, scope.timing.heartbeats
    late = [name for name, at_ns in probe.items() if at_ns < limit_ns and name not in heard] if beating else []
    looks = []
    for name in dict.fromkeys((*scope.table(CHANGED), *scope.table(UNWELL), *late)):
        pods = tuple(view.on_node(name)) if name in retry or name in late else ()
        leased = view.get(LEASES, LEASE_NAMESPACE, name) is not None
        node = view.get("nodes", "", name)
        heard_of = name in heard or not beating
        looks.append(Look(name, node, known.get(name), probe.get(name, 0), heard_of, leased, name in retry, pods))
    # The pass itself takes a moment, so that the eighth tick after a sign of life is later than 40 s after it.
    period_ns = MONITOR_NS + max(1, scope.timing.sync_ns) if beating else None
    older = Deleting(scope.table(SINCE), scope.table(EVICTED)) if scope.release == "1.7" else None
    return Tick(tuple(looks), tuple(heard), known, scope.table(ZONES), scope.table(QUEUE), period_ns, now_ns, older)


@dataclass(slots=True)
class Draft:
    """What a tick has decided so far; changed in place while its nodes are gone through."""

    now_ns: int
    note: dict[str, dict[str, Any]]
    known: dict[str, Known]
    remember: dict[str, None] = field(default_factory=dict)
    events: list[EventDraft] = field(default_factory=list)
    nudges: dict[Key, int] = field(default_factory=dict)
    calls: list[list[Call]] = field(default_factory=list)
    deleting: Deleting | None = None


def plan(tick: Tick) -> Plan:
    probes: dict[str, Any] = dict.fromkeys(tick.heard, tick.now_ns)
    note: dict[str, dict[str, Any]] = {PROBE: probes, HEARD: dict.fromkeys(tick.heard)} if probes else {}
    if not tick.looks:
        return Plan(again_ns=tick.period_ns, note=note)
    note = {name: {} for name in (PROBE, HEARD, CHANGED, KNOWN, UNWELL, QUEUE, ZONES, RETRY)} | note
    draft = Draft(tick.now_ns, note, dict(tick.known), deleting=tick.deleting)
    if tick.deleting is not None:
        note |= {SINCE: {}, EVICTED: {}}
    for look in tick.looks:
        note[CHANGED][look.name] = None
        if look.node is None:
            _forget(draft, look)
        else:
            _look_at(draft, look, look.node)
    _disruption(draft, judge(tick.zones, ((each.zone, each.ready == "True") for each in draft.known.values() if each.counts), tick.now_ns))
    return Plan(
        _batches(draft.calls),
        again_ns=tick.period_ns,
        events=tuple(draft.events),
        note=note,
        remember={RETRY: draft.remember} if draft.remember else {},
        nudge=tuple(Nudge(NAME, key, after_ns) for key, after_ns in draft.nudges.items()),
    )


def _forget(draft: Draft, look: Look) -> None:
    if draft.known.pop(look.name, None) is not None and look.known is not None:
        who = "Controller" if draft.deleting is None else "NodeController"
        draft.events.append(lost.node_event(look.name, look.known.uid, "RemovingNode", f"Removing Node {look.name} from {who}"))
    for table in (PROBE, HEARD, KNOWN, UNWELL, QUEUE, RETRY, *(() if draft.deleting is None else (SINCE, EVICTED))):
        draft.note[table][look.name] = None


def _look_at(draft: Draft, look: Look, node: Object) -> None:
    name, meta, zone, now_ns = look.name, node["metadata"], zone_of(node), draft.now_ns
    if look.known is None:
        who = "Controller" if draft.deleting is None else "NodeController"
        draft.events.append(lost.node_event(name, meta["uid"], "RegisteredNode", f"Registered Node {name} in {who}"))
        if _is_tainted(node):
            draft.nudges[("clear", name)] = 0
    observed, (probe_ns, remade) = readiness(node), _probe(look, node, now_ns)
    draft.note[PROBE][name] = probe_ns
    draft.note[HEARD][name] = True if remade and not look.heard and look.leased else None
    current, calls = observed, []
    if now_ns > probe_ns + (GRACE_NS if observed else STARTUP_NS) and observed != "Unknown":
        current = "Unknown"
        calls.append(lost.status_unknown(node, now_ns, lost.CONDITIONS if draft.deleting is None else lost.CONDITIONS_1_7))
    if draft.deleting is None:
        _taint(draft, node, observed or "Unknown", zone)
    else:
        _queue_deletion(draft, draft.deleting, name, observed or "Unknown", zone, probe_ns)
    if (observed == "True" != current) or (look.retry and observed != "True"):
        marks = lost.marks(look.pods, now_ns, silent=draft.deleting is not None)
        if marks:
            draft.note[RETRY][name], draft.remember[name] = True, None
        calls += marks
    if look.retry and name not in draft.remember:
        draft.note[RETRY][name] = None
    if calls:
        draft.calls.append(calls)
    condition = ready_of(node)
    heartbeat = (condition or {}).get("lastHeartbeatTime") or ""
    known = draft.known[name] = draft.note[KNOWN][name] = Known(meta["uid"], zone, counts_for_zone(node), current, heartbeat)
    draft.note[UNWELL][name] = True if known.ready != "True" or _is_tainted(node) or name in draft.remember else None


def _is_tainted(node: Object) -> bool:
    return any(has_taint(node, key) for key in OPPOSITE)


def _probe(look: Look, node: Object, now_ns: int) -> tuple[int, bool]:
    """When something was last heard of the node, and whether that was its status."""
    condition, known = ready_of(node), look.known
    if condition is None:
        if known is None:
            probe_ns, remade = parse_rfc3339(node["metadata"]["creationTimestamp"]), False
        else:
            probe_ns, remade = (now_ns, True) if known.heartbeat else (look.probe_ns, False)
    elif known is None or known.heartbeat != (condition.get("lastHeartbeatTime") or ""):
        probe_ns, remade = now_ns, known is not None
    else:
        probe_ns, remade = look.probe_ns, False
    return (now_ns if look.heard else probe_ns), remade


def _taint(draft: Draft, node: Object, observed: str, zone: str) -> None:
    """What the readiness at the beginning of the tick means for the NoExecute taints."""
    name, queue, key = node["metadata"]["name"], draft.note[QUEUE], BY_READINESS.get(observed)
    if key is None:
        queue[name] = None
        if _is_tainted(node):
            draft.nudges[("noexecute", name)] = 0
    elif has_taint(node, OPPOSITE[key]):
        draft.nudges[("noexecute", name)] = 0
    elif has_taint(node, key):
        queue[name] = None
    else:
        queue[name] = (zone, draft.now_ns)
        draft.nudges[("pass", zone)] = PASS_NS


def _queue_deletion(draft: Draft, deleting: Deleting, name: str, observed: str, zone: str, probe_ns: int) -> None:
    """1.7: a node that has not been ready for five minutes waits for its zone's turn; one that is ready again does not."""
    readiness, since_ns = deleting.since.get(name, ("", draft.now_ns))
    if readiness != observed:
        since_ns = draft.now_ns
        draft.note[SINCE][name] = (observed, since_ns)
    if observed == "True":
        draft.note[QUEUE][name] = draft.note[EVICTED][name] = None
    elif name not in deleting.evicted and is_due(observed, since_ns, probe_ns, draft.now_ns):
        draft.note[QUEUE][name] = (zone, draft.now_ns)
        draft.nudges[("pass", zone)] = PASS_NS


def _disruption(draft: Draft, verdict: Verdict) -> None:
    draft.note[ZONES] = dict(verdict.zones)
    if verdict.entered:
        for name in draft.known:
            draft.note[QUEUE][name] = None
            if draft.deleting is None:
                draft.nudges[("clear", name)] = 0
    if verdict.left:
        draft.note[PROBE].update(dict.fromkeys(draft.known, draft.now_ns))


def _batches(calls: Sequence[list[Call]]) -> tuple[Batch, ...]:
    """Eight nodes at a time; of each first its status, then its pods one after the other."""
    batches = []
    for start in range(0, len(calls), WORKERS):
        for index, row in enumerate(zip_longest(*calls[start : start + WORKERS])):
            batches.append(Batch(tuple(call for call in row if call is not None), always=not index))
    return tuple(batches)
