"""Faults: the lab's own controller, which makes things break as ``Fault`` objects say, and mends them when their time is over.

What each type does to the world: ``breaking``; what ``c.fault`` makes of its arguments: ``fault_objects``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kubelab.cluster import breaking, usages
from kubelab.cluster.active import CONTROLLER_NAME
from kubelab.cluster.breaking import BUILT, FIELD, ON_NODES, Breakage
from kubelab.engine.component import Change, Client, Identity, Later, Scope, Watch
from kubelab.engine.plan import NOTHING, Act, Batch, Call, EventDraft, Key, Plan, Reason, reference, step, update_status, wait
from kubelab.kinds.selectors import matches_selector
from kubelab.store.log import Object
from kubelab.world.clock import parse_duration, parse_rfc3339, rfc3339
from kubelab.world.timing import Timing

if TYPE_CHECKING:
    from kubelab.engine.engine import Engine

RESOURCE = "faults.lab.kubelab.dev"
NOT_YET = Reason("FaultNotYet", "{subject} starts later")
LASTING = Reason("FaultActive", "{subject} is active until its duration is over or it is deleted")
NOT_BUILT = Reason("FaultNotBuilt", "{subject} is of a type that is not built: nothing happens")
NOTHING_HIT = Reason("FaultHitsNothing", "{subject} has ended at once: {words}")
OVER = Reason("FaultEnded", "{subject} has ended")


@dataclass(frozen=True, slots=True)
class Seen:
    """A Fault, its instants (``end_ns`` None: until deleted), and what of it is active now (what to mend: type and targets).

    ``missed``: it has begun and found nothing to hit.
    """

    name: str
    fault: Object | None
    start_ns: int
    end_ns: int | None
    targets: tuple[str, ...]
    active: tuple[Any, ...] | None
    now_ns: int
    missed: str = ""


@dataclass(frozen=True, slots=True)
class PowerOff:
    """A node whose kubelet has done what it does before a shutdown."""

    node: str


def observe(scope: Scope, key: Key) -> Seen:
    name = key[0]
    fault = scope.view.get(RESOURCE, "", name)
    active = scope.memory.get("active", {}).get(name)
    missed = scope.memory.get("missed", {}).get(name, "")
    if fault is None:
        return Seen(name, None, 0, None, (), active, scope.now_ns, missed)
    spec, created_ns = fault["spec"], parse_rfc3339(fault["metadata"]["creationTimestamp"])
    start_ns = _instant(spec.get("start"), created_ns)
    begun_ns = active[2] if active else max(start_ns, scope.now_ns)
    end_ns = begun_ns + parse_duration(spec["duration"]) if spec.get("duration") is not None else None
    return Seen(name, fault, start_ns, end_ns, _targets(scope, spec), active, scope.now_ns, missed)


def _instant(start: Any, created_ns: int) -> int:
    """``start`` is an RFC 3339 instant or a delay after the creation."""
    if start is None:
        return created_ns
    if isinstance(start, str) and "T" in start:
        return parse_rfc3339(start)
    return created_ns + parse_duration(start)


def _targets(scope: Scope, spec: Object) -> tuple[str, ...]:
    kind = spec["type"]
    named = list(spec.get(FIELD.get(kind, "")) or ())
    if kind in ON_NODES and spec.get("selector") is not None:
        nodes = scope.view.list("nodes")
        named += [node["metadata"]["name"] for node in nodes if matches_selector(spec["selector"], node["metadata"].get("labels"))]
    return tuple(dict.fromkeys(named))


def plan(seen: Seen) -> Plan:
    subject = f"fault/{seen.name}"
    if seen.fault is None:
        return _end(seen) if seen.active else Plan(remember={"missed": {seen.name: None}}) if seen.missed else NOTHING
    kind = seen.fault["spec"]["type"]
    if kind not in BUILT:
        words = f"{kind} is not built, and nothing happens: use one of {', '.join(BUILT)}"
        told = EventDraft(reference(seen.fault), "Warning", "NotBuilt", words)
        return Plan(because=(NOT_BUILT(subject),), events=(told,))
    phase = (seen.fault.get("status") or {}).get("phase", "Pending")
    if phase == "Ended":
        return wait(OVER(subject))
    if seen.missed:
        return step(_phase(seen, "Ended"))._replace(because=(NOTHING_HIT(subject, words=seen.missed),))
    if seen.active is None:
        if seen.now_ns < seen.start_ns:
            return wait(NOT_YET(subject), again_ns=seen.start_ns - seen.now_ns)
        return _begin(seen, subject)
    if seen.end_ns is not None and seen.now_ns >= seen.end_ns:
        return _end(seen).then(step(_phase(seen, "Ended")))
    again_ns = None if seen.end_ns is None else seen.end_ns - seen.now_ns
    return wait(LASTING(subject), again_ns=again_ns)


def _begin(seen: Seen, subject: str) -> Plan:
    assert seen.fault is not None
    spec = seen.fault["spec"]
    kind = spec["type"]
    active = (kind, seen.targets, seen.now_ns)
    begin = Act("begin", (seen.name, kind, seen.targets, dict(spec.get("parameters") or {}), tuple(spec.get("components") or ())))
    again_ns = 0 if seen.end_ns is not None else None
    return Plan(
        (Batch((begin,)), Batch((_phase(seen, "Active"),))),
        again_ns=again_ns,
        note={"active": {seen.name: active}},
        because=(LASTING(subject),),
    )


def _end(seen: Seen) -> Plan:
    assert seen.active is not None
    kind, targets, _ = seen.active
    return Plan((Batch((Act("end", (seen.name, kind, targets)),)),), remember={"active": {seen.name: None}})


def _phase(seen: Seen, phase: str) -> Call:
    """The status that says that a fault has begun, or ended, and when."""
    fault = seen.fault or {}
    when = {"startTime" if phase == "Active" else "endTime": rfc3339(seen.now_ns)}
    return update_status(RESOURCE, {**fault, "status": {**(fault.get("status") or {}), "phase": phase, **when}})


def keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    return ((change.object["metadata"]["name"],),)


class FaultController:
    """The component. Its acts change the world itself, so it is never a target."""

    name = CONTROLLER_NAME
    identity = Identity("system:kubelab-fault-controller", ("system:masters", "system:authenticated"), "kubelab-lab", "fault-controller")
    watches = (Watch(RESOURCE, keys), Watch(usages.RESOURCE, usages.keys))
    lanes = {"": 1}
    max_retries: int | None = None
    backoff = (5_000_000, 1_000_000_000)
    background: frozenset[str] = frozenset((usages.KEY,))
    machine = ""

    def start(self, scope: Scope) -> Iterable[Key | Later]:
        return ()

    def client(self, timing: Timing) -> Client:
        return Client(1e9, 10**9)

    def lane(self, key: Key) -> str:
        return ""

    def observe(self, scope: Scope, key: Key) -> Seen | PowerOff | usages.UsageSeen | None:
        if len(key) == 1:
            return observe(scope, key)
        return PowerOff(key[1]) if key[0] == "power-off" else usages.observe(scope, key)

    def plan(self, seen: Seen | PowerOff | usages.UsageSeen) -> Plan:
        if isinstance(seen, PowerOff):
            return step(Act("power-off", (seen.node,)))
        return plan(seen) if isinstance(seen, Seen) else usages.plan(seen)

    def act(self, scope: Scope, act: Act) -> Plan:
        return NOTHING

    def act_on_world(self, engine: Engine, act: Act) -> Plan:
        if act.name == "power-off":
            breaking.power_off(engine, *act.arguments)
            return NOTHING
        name, kind, targets, *more = act.arguments
        there = breaking.known(engine, kind, targets)
        if act.name == "end":
            breaking.end(engine, Breakage(name, kind, there))
            return NOTHING
        fault = engine.store.head.get(RESOURCE, "", name)
        missing = [target for target in targets if target not in there]
        if there or (not targets and kind not in ON_NODES):
            breaking.begin(engine, Breakage(name, kind, there, *more))
            if not missing or fault is None:
                return NOTHING
            words = f"{kind} hits nothing called {', '.join(missing)}"
            return Plan(events=(EventDraft(reference(fault), "Warning", "UnknownTarget", words),))
        words = f"{kind} hits nothing: "
        words += f"there is nothing called {', '.join(missing)}" if missing else "no node matches the selector"
        told = (EventDraft(reference(fault), "Warning", "HitsNothing", words),) if fault is not None else ()
        return Plan(events=told, note={"active": {name: None}, "missed": {name: words}})


CONTROLLER = FaultController()
