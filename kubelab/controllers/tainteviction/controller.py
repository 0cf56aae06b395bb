"""The taint manager: it sets a timer for each pod on a tainted node, and deletes the pod when the timer is up.

Keys: ``("node", name)``, ``("pod", namespace, name, node)`` what changed; ``("evict", namespace, name)`` a timer that is up.

upstream: pkg/controller/nodelifecycle/scheduler/{taint_manager,timed_workers}.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kubelab.engine.component import Change, Controller, Later, Scope, Watch, service_account
from kubelab.engine.plan import NOTHING, Batch, Call, EventDraft, Key, Nudge, Plan, Reason, delete, wait
from kubelab.kinds.core.node_selectors import tolerates
from kubelab.store.log import Object
from kubelab.world.clock import MILLISECOND, SECOND, rfc3339
from kubelab.world.codec import value

NAME = "taint-eviction-controller"
FIELD_MANAGER = "TaintManager"
TAINTS, TIMERS = "taints", "timers"  # node → its NoExecute taints; (namespace, name) → Timer
TRIES = 5
FOREVER = -1
_NONE: dict[str, Any] = {}
Place = tuple[str, str]

SET = Reason("EvictionTimed", "{subject} tolerates the taints of {node} for {seconds} s")
NOW = Reason("TaintsNotTolerated", "{subject} does not tolerate the taints of {node}")
DELETED = Reason("DeletionByTaintManager", "{subject} is deleted for a NoExecute taint of {node}")
EARLY = Reason("EvictionNotYet", "{subject} is tolerated where it is for a while")


@value
@dataclass(frozen=True, slots=True)
class Timer:
    """When a pod's eviction is due. ``fired``: it has begun."""

    due_ns: int
    fired: bool = False


@dataclass(frozen=True, slots=True)
class Tainted:
    """A node's NoExecute taints (``node`` "": only pods changed), and pods to be judged by them, with their timers."""

    node: str
    taints: tuple[Object, ...]
    pods: tuple[Object, ...]
    timers: Mapping[Place, Timer]
    now_ns: int
    is_node: bool = True


@dataclass(frozen=True, slots=True)
class Gone:
    """A pod that is no longer there, and its timer."""

    place: Place
    timer: Timer | None


@dataclass(frozen=True, slots=True)
class Due:
    """A timer that is up, or not yet. ``last``: the last attempt."""

    place: Place
    pod: Object | None
    timer: Timer
    last: bool
    now_ns: int


def observe(scope: Scope, key: Key) -> Tainted | Gone | Due | None:
    view, timers = scope.view, scope.table(TIMERS)
    if key[0] == "node":
        node = view.get("nodes", "", key[1])
        taints = tuple(no_execute(node)) if node is not None else ()
        pods = tuple(view.on_node(key[1])) if node is not None else ()
        return Tainted(key[1], taints, pods, timers, scope.now_ns)
    place = (key[1], key[2])
    pod = view.get("pods", *place)
    if key[0] == "evict":
        timer = timers.get(place)
        return (
            None
            if timer is None or (timer.fired and not scope.attempt)
            else Due(place, pod, timer, scope.attempt >= TRIES - 1, scope.now_ns)
        )
    if pod is None:
        return Gone(place, timers.get(place))
    node_name = pod["spec"].get("nodeName", "")
    known = scope.table(TAINTS).get(node_name)
    if node_name != key[3] or not known:
        return None
    return Tainted(node_name, known, (pod,), timers, scope.now_ns, is_node=False)


def no_execute(node: Object) -> list[Object]:
    return [taint for taint in node["spec"].get("taints") or () if taint["effect"] == "NoExecute"]


def plan(seen: Tainted | Gone | Due) -> Plan:
    if isinstance(seen, Due):
        return _evict(seen)
    if isinstance(seen, Gone):
        draft = Draft()
        _cancel(draft, seen.place, seen.timer)
        return draft.plan()
    return _judge(seen)


# -- timers -----------------------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Draft:
    """Timers set and cancelled so far; changed in place while pods are gone through."""

    timers: dict[Place, Timer | None] = field(default_factory=dict)
    events: list[EventDraft] = field(default_factory=list)
    nudges: list[Nudge] = field(default_factory=list)
    because: list[Any] = field(default_factory=list)

    def plan(self) -> Plan:
        if not self.timers:
            return NOTHING
        return Plan(note={TIMERS: self.timers}, events=tuple(self.events), nudge=tuple(self.nudges), because=tuple(self.because))


def _judge(seen: Tainted) -> Plan:
    draft = Draft()
    for pod in seen.pods:
        meta = pod["metadata"]
        place = (meta["namespace"], meta["name"])
        timer = seen.timers.get(place)
        if not seen.taints:
            _cancel(draft, place, timer)
        else:
            _judge_pod(draft, place, timer, pod, seen)
    if not seen.is_node:
        return draft.plan()
    note = {TAINTS: {seen.node: seen.taints or None}}
    return Plan(note=note).then(draft.plan())


def _judge_pod(draft: Draft, place: Place, timer: Timer | None, pod: Object, seen: Tainted) -> None:
    seconds = tolerated_seconds(seen.taints, pod["spec"].get("tolerations") or ())
    subject = f"pod/{place[1]}"
    if seconds is None:
        _cancel(draft, place, timer)
        draft.because.append(NOW(subject, node=seen.node))
        _start(draft, place, seen.now_ns, seen.now_ns)
    elif seconds == FOREVER:
        _cancel(draft, place, timer)
    elif timer is None:
        draft.because.append(SET(subject, node=seen.node, seconds=seconds))
        _start(draft, place, seen.now_ns + seconds * SECOND, seen.now_ns)


def tolerated_seconds(taints: Sequence[Object], tolerations: Sequence[Object]) -> int | None:
    """How long a pod may stay: None if it does not tolerate one of the taints, FOREVER if no toleration that counts has an end.

    Of each taint the first toleration that matches counts.
    """
    used = []
    for taint in taints:
        first = next(_matching(taint, tolerations), None)
        if first is None:
            return None
        used.append(first)
    seconds = [int(each["tolerationSeconds"]) for each in used if each.get("tolerationSeconds") is not None]
    return max(0, min(seconds)) if seconds else FOREVER


def _matching(taint: Object, tolerations: Sequence[Object]) -> Iterator[Object]:
    key, text, effect = taint["key"], taint.get("value") or "", taint["effect"]
    return (each for each in tolerations if tolerates((each,), key, text, effect))


def _start(draft: Draft, place: Place, due_ns: int, now_ns: int) -> None:
    draft.timers[place] = Timer(due_ns)
    draft.nudges.append(Nudge(NAME, ("evict", *place), due_ns - now_ns))


def _cancel(draft: Draft, place: Place, timer: Timer | None) -> None:
    """Forget a timer; one that was still running is told of."""
    if timer is None:
        return
    draft.timers[place] = None
    if not timer.fired:
        draft.events.append(_event(place, f"Cancelling deletion of Pod {place[0]}/{place[1]}"))


# -- evictions --------------------------------------------------------------------------------------------------------------------
def _evict(due: Due) -> Plan:
    """Say in the pod why, then delete it. After five refusals it is given up until the node or the pod changes."""
    if due.now_ns < due.timer.due_ns and not due.timer.fired:
        return wait(EARLY(f"pod/{due.place[1]}"), again_ns=due.timer.due_ns - due.now_ns)
    fired = {TIMERS: {due.place: Timer(due.timer.due_ns, fired=True)}}
    namespace, name = due.place
    events = () if due.timer.fired else (_event(due.place, f"Marking for deletion Pod {namespace}/{name}"),)
    if due.pod is None:
        return Plan(events=events, note=fired)
    because = DELETED(f"pod/{name}", node=due.pod["spec"].get("nodeName", ""))
    read = Call("get", "pods", namespace, name, accept=(404,), because=because)
    mark = Call("patch", "pods", namespace, name, "status", _target(due), "apply", (404,), because=because, manager=FIELD_MANAGER)
    gone = delete("pods", due.pod, accept=(404,), because=because)
    note = {TIMERS: {due.place: None}} if due.last else fired
    return Plan((Batch((read,)), Batch((mark,)), Batch((gone,))), events=events, note=note, remember=fired)


def _target(due: Due) -> Object:
    condition = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "DeletionByTaintManager",
        "message": "Taint manager: deleting due to NoExecute taint",
        "lastTransitionTime": rfc3339(due.now_ns),
    }
    namespace, name = due.place
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "status": {"conditions": [condition]}}


def _event(place: Place, words: str) -> EventDraft:
    return EventDraft({"kind": "Pod", "namespace": place[0], "name": place[1]}, "Normal", "TaintManagerEviction", words)


# -- what wakes it ----------------------------------------------------------------------------------------------------------------
def node_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    """A node whose NoExecute taints changed."""
    new = no_execute(change.object) if change.type != "DELETED" else []
    name = change.object["metadata"]["name"]
    if change.type == "DELETED":
        return (("node", name),) if name in scope.table(TAINTS) else ()
    old = no_execute(change.old) if change.old is not None else []
    return () if old == new else (("node", name),)


def pod_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    """A pod that came, went, moved, or tolerates other taints: while any node is tainted, or any timer runs."""
    memory = scope.memory
    if not memory.get(TAINTS) and not memory.get(TIMERS):
        return ()
    pod, old = change.object, change.old
    spec, meta = pod["spec"], pod["metadata"]
    if change.type == "MODIFIED" and old is not None:
        before = old["spec"]
        if before.get("nodeName") == spec.get("nodeName") and before.get("tolerations") == spec.get("tolerations"):
            return ()
    return (("pod", meta["namespace"], meta["name"], spec.get("nodeName", "")),)


CONTROLLER = Controller(
    name=NAME,
    identity=service_account("node-controller", source="taint-controller"),
    watches=(Watch("pods", pod_keys), Watch("nodes", node_keys)),
    observe=observe,
    plan=plan,
    workers=0,
    max_retries=TRIES - 1,
    backoff=(10 * MILLISECOND, 10 * MILLISECOND),
)
