"""Faults: the lab's own controller, which makes things break as ``Fault`` objects say, and mends them when their time is over.

The faults of this version: NodeCrash, ComponentCrash, ImageBroken, WatchLag, ApiError (docs/faults.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from kubelab.apiserver.faults import ApiFault
from kubelab.cluster import usages
from kubelab.cri.power import power_cut
from kubelab.engine.component import Change, Client, Identity, Later, Scope, Watch
from kubelab.engine.plan import NOTHING, Act, Batch, EventDraft, Key, Plan, Reason, reference, step, update_status, wait
from kubelab.kinds.selectors import matches_selector
from kubelab.store.log import Object
from kubelab.world.clock import SECOND, parse_duration, parse_rfc3339
from kubelab.world.timing import Timing

if TYPE_CHECKING:
    from kubelab.engine.engine import Engine

RESOURCE = "faults.lab.kubelab.dev"
BUILT = ("ApiError", "ComponentCrash", "ImageBroken", "NodeCrash", "WatchLag")
LISTS = ("components", "images", "nodes", "resources")
FIELDS = (*LISTS, "selector", "start", "duration", "name")
BROKEN_IMAGES = "broken_images"  # a table of the whole world's machine: image → fault
DEFAULT_LAG_NS = 5 * SECOND

NOT_YET = Reason("FaultNotYet", "{subject} starts later")
LASTING = Reason("FaultActive", "{subject} is active until its duration is over or it is deleted")
NOT_BUILT = Reason("FaultNotBuilt", "{subject} is of a type that is not built: nothing happens")
OVER = Reason("FaultEnded", "{subject} has ended")


@dataclass(frozen=True, slots=True)
class Seen:
    """A Fault, its instants (``end_ns`` None: until deleted), and what of it is active now (what to mend: type and targets)."""

    name: str
    fault: Object | None
    start_ns: int
    end_ns: int | None
    targets: tuple[str, ...]
    active: tuple[Any, ...] | None
    now_ns: int


def observe(scope: Scope, key: Key) -> Seen:
    name = key[0]
    fault = scope.view.get(RESOURCE, "", name)
    active = scope.memory.get("active", {}).get(name)
    if fault is None:
        return Seen(name, None, 0, None, (), active, scope.now_ns)
    spec, created_ns = fault["spec"], parse_rfc3339(fault["metadata"]["creationTimestamp"])
    start_ns = _instant(spec.get("start"), created_ns)
    begun_ns = active[2] if active else max(start_ns, scope.now_ns)
    end_ns = begun_ns + parse_duration(spec["duration"]) if spec.get("duration") is not None else None
    return Seen(name, fault, start_ns, end_ns, _targets(scope, spec), active, scope.now_ns)


def _instant(start: Any, created_ns: int) -> int:
    """``start`` is an RFC 3339 instant or a delay after the creation."""
    if start is None:
        return created_ns
    if isinstance(start, str) and "T" in start:
        return parse_rfc3339(start)
    return created_ns + parse_duration(start)


def _targets(scope: Scope, spec: Object) -> tuple[str, ...]:
    kind = spec["type"]
    if kind == "NodeCrash":
        named = list(spec.get("nodes") or ())
        if spec.get("selector") is not None:
            nodes = scope.view.list("nodes")
            named += [node["metadata"]["name"] for node in nodes if matches_selector(spec["selector"], node["metadata"].get("labels"))]
        return tuple(dict.fromkeys(named))
    field = {"ComponentCrash": "components", "WatchLag": "components", "ImageBroken": "images", "ApiError": "resources"}.get(kind, "")
    return tuple(spec.get(field) or ())


def plan(seen: Seen) -> Plan:
    subject = f"fault/{seen.name}"
    if seen.fault is None:
        return _end(seen) if seen.active else NOTHING
    kind = seen.fault["spec"]["type"]
    if kind not in BUILT:
        words = f"{kind} is not built, and nothing happens: use one of {', '.join(BUILT)}"
        told = EventDraft(reference(seen.fault), "Warning", "NotBuilt", words)
        return Plan(because=(NOT_BUILT(subject),), events=(told,))
    phase = (seen.fault.get("status") or {}).get("phase", "Pending")
    if phase == "Ended":
        return wait(OVER(subject))
    if seen.active is None:
        if seen.now_ns < seen.start_ns:
            return wait(NOT_YET(subject), again_ns=seen.start_ns - seen.now_ns)
        return _begin(seen, subject)
    if seen.end_ns is not None and seen.now_ns >= seen.end_ns:
        return _end(seen).then(step(_phase(seen.fault, "Ended")))
    again_ns = None if seen.end_ns is None else seen.end_ns - seen.now_ns
    return wait(LASTING(subject), again_ns=again_ns)


def _begin(seen: Seen, subject: str) -> Plan:
    assert seen.fault is not None
    kind = seen.fault["spec"]["type"]
    active = (kind, seen.targets, seen.now_ns)
    begin = Act("begin", (seen.name, kind, seen.targets))
    again_ns = 0 if seen.end_ns is not None else None
    return Plan(
        (Batch((begin,)), Batch((_phase(seen.fault, "Active"),))),
        again_ns=again_ns,
        note={"active": {seen.name: active}},
        because=(LASTING(subject),),
    )


def _end(seen: Seen) -> Plan:
    assert seen.active is not None
    kind, targets, _ = seen.active
    return Plan((Batch((Act("end", (seen.name, kind, targets)),)),), remember={"active": {seen.name: None}})


def _phase(fault: Object, phase: str) -> Any:
    return update_status(RESOURCE, {**fault, "status": {**(fault.get("status") or {}), "phase": phase}})


# -- what the acts do to the world ----------------------------------------------------------------------------------------
def known(engine: Engine, kind: str, targets: tuple[str, ...]) -> tuple[str, ...]:
    """The targets that are there."""
    if kind == "NodeCrash":
        return tuple(node for node in targets if node and node in engine.machines)
    if kind in ("ComponentCrash", "WatchLag"):
        return tuple(name for name in targets if name in engine.runners and name != CONTROLLER.name)
    return targets


def held_by_others(engine: Engine, name: str, kind: str) -> frozenset[str]:
    """Targets that another active fault of this type hits as well: they stay broken when this one ends."""
    active = engine.runners[CONTROLLER.name].memory.get("active", {})
    others = [its for other, (its_kind, its, _) in active.items() if other != name and its_kind == kind]
    everything = _all_components(engine) if kind == "WatchLag" else ()
    return frozenset(target for its in others for target in its or everything)


def _all_components(engine: Engine) -> tuple[str, ...]:
    return tuple(runner for runner in engine.runners if runner != CONTROLLER.name)


def begin(engine: Engine, name: str, kind: str, targets: tuple[str, ...]) -> None:
    if kind == "NodeCrash":
        for node in targets:
            engine.crash_machine(node)
            power_cut(engine.machines[node], engine.now_ns)
    elif kind == "ComponentCrash":
        for component in targets:
            engine.crash(component)
    elif kind == "WatchLag":
        for component in targets or _all_components(engine):
            engine.lag(component, DEFAULT_LAG_NS)
    elif kind == "ImageBroken":
        table = engine.machines[""].setdefault(BROKEN_IMAGES, {})
        table.update(dict.fromkeys(targets, name))
    elif kind == "ApiError":
        engine.server.faults[name] = ApiFault(targets)


def end(engine: Engine, name: str, kind: str, targets: tuple[str, ...]) -> None:
    """Mend what no other active fault keeps broken."""
    held = held_by_others(engine, name, kind)
    wanted = targets or (_all_components(engine) if kind == "WatchLag" else ())
    for target in (target for target in wanted if target not in held):
        if kind == "NodeCrash":
            engine.restart_machine(target)
        elif kind == "ComponentCrash":
            engine.restart(target)
        elif kind == "WatchLag":
            engine.lag(target, 0)
        elif kind == "ImageBroken":
            engine.machines[""].get(BROKEN_IMAGES, {}).pop(target, None)
    if kind == "ApiError":
        engine.server.faults.pop(name, None)


def keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    return ((change.object["metadata"]["name"],),)


class FaultController:
    """The component. Its acts change the world itself, so it is never a target."""

    name = "fault-controller"
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

    def observe(self, scope: Scope, key: Key) -> Seen | usages.UsageSeen | None:
        return observe(scope, key) if len(key) == 1 else usages.observe(scope, key)

    def plan(self, seen: Seen | usages.UsageSeen) -> Plan:
        return plan(seen) if isinstance(seen, Seen) else usages.plan(seen)

    def act(self, scope: Scope, act: Act) -> Plan:
        return NOTHING

    def act_on_world(self, engine: Engine, act: Act) -> Plan:
        name, kind, targets = act.arguments
        there = known(engine, kind, targets)
        if there or not targets:
            (begin if act.name == "begin" else end)(engine, name, kind, there)
        missing = [target for target in targets if target not in there]
        fault = engine.store.head.get(RESOURCE, "", name)
        if act.name != "begin" or not missing or fault is None:
            return NOTHING
        words = f"{kind} hits nothing called {', '.join(missing)}"
        return Plan(events=(EventDraft(reference(fault), "Warning", "UnknownTarget", words),))


CONTROLLER = FaultController()


# -- the Python side ------------------------------------------------------------------------------------------------------
def fault_object(engine: Engine, kind: str, fields: dict[str, Any]) -> Object:
    """A Fault from ``Cluster.fault``'s arguments, its targets checked; ValueError names the one that is not there."""
    if kind not in BUILT:
        raise ValueError(f"fault {kind!r} is not built: use one of {', '.join(BUILT)}")
    for field, given in fields.items():
        if field not in FIELDS:
            raise ValueError(f"{kind} has no {field!r}: a fault takes {', '.join(FIELDS)}")
        if field in LISTS and isinstance(given, str):
            raise ValueError(f"{field}={given!r}: give a list, such as [{given!r}]")
    _check(list(fields.get("nodes") or ()), "node", [name for name in engine.machines if name])
    components = [name for name in engine.runners if name != CONTROLLER.name]
    _check(list(fields.get("components") or ()), "component", components)
    taken = engine.store.head.all(RESOURCE)
    free = next(number for number in count(1) if ("", f"{kind.lower()}-{number}") not in taken)
    name = fields.pop("name", None) or f"{kind.lower()}-{free}"
    spec = {"type": kind, **{key: list(item) if isinstance(item, tuple) else item for key, item in fields.items() if item is not None}}
    if "duration" in spec and not isinstance(spec["duration"], str):
        spec["duration"] = f"{spec['duration']}s"
    return {"apiVersion": "lab.kubelab.dev/v1", "kind": "Fault", "metadata": {"name": name}, "spec": spec}


def _check(named: list[str], what: str, known: list[str]) -> None:
    for name in named:
        if name not in known:
            shown = ", ".join(known[:8]) + (" …" if len(known) > 8 else "")
            raise ValueError(f"there is no {what} {name!r}: there are {shown}")
