"""Plans: what a component wants done, as values. Deciding is pure, acting is calling: only the engine sends a plan's calls.

A ``Plan`` promises:

* its batches are sent in order; the calls *within* a batch are sent concurrently, in the order given (each takes its token from the
  client's bucket in that order), and the next batch starts when all answers are there;
* a refusal (any code ≥ 400 that is not in the call's ``accept``) ends the plan after its batch: later batches are skipped, except those
  marked ``always``; the key is then queued again with back-off, as upstream's rate-limited queues do;
* after the last batch, ``remember`` is written into the component's memory, and the key is looked at again after ``again_ns``
  (0: at once, by the same worker, as part of the same sync);
* events are handed to the component's recorder (aggregation, spam filter), which sends them through the same client, unless the component
  has one of its own for them (``Component.clients``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kubelab.store.log import Object
from kubelab.world.codec import value

Key = tuple[Any, ...]
_NOTHING: Mapping[str, Mapping[Any, Any]] = {}


@value
@dataclass(frozen=True, slots=True)
class Reason:
    """A rule that a plan can follow. ``words`` is a format text over ``subject`` and the facts."""

    rule: str
    words: str

    def __call__(self, subject: str = "", **facts: Any) -> Because:
        items = tuple(facts.items())
        return Because(self.rule, subject, items if len(items) < 2 else tuple(sorted(items)), self.words)


@value
@dataclass(frozen=True, slots=True)
class Because:
    """Why: the rule, what it is about (``pod/web-1``), and the facts that decided. Prints as words; tests and frames compare it."""

    rule: str
    subject: str = ""
    facts: tuple[tuple[str, Any], ...] = ()
    words: str = field(default="{rule}", compare=False)

    def __str__(self) -> str:
        return self.words.format(rule=self.rule, subject=self.subject, **dict(self.facts))


@value
class EventDraft(NamedTuple):
    """An Event to be recorded: about ``regarding`` (kind, namespace, name, uid, apiVersion, resourceVersion[, fieldPath])."""

    regarding: Object
    type: str  # Normal, Warning
    reason: str
    message: str
    action: str = ""  # events.k8s.io reporters only
    reporter: str = ""  # who tells it, if not the component's own source; of those reporters only
    annotations: Object | None = None  # the Event's own


@value
class Call(NamedTuple):
    """One request to the API server. ``verb``: create, update, patch, delete, get, list, deletecollection.

    ``body``: object, patch or DeleteOptions; may share parts with what a view gave. ``patch_type``: merge, strategic, json, apply.
    ``accept``: codes that count as success although they refuse (409 AlreadyExists of a create, 404 of a delete).
    ``on_success``, ``on_refusal``: events for the recorder; in a message ``{error}`` stands for the refusal's message, ``{name}`` for the
    name of the object that the call gave back.
    ``ignore_terminating``: a refusal because the namespace terminates counts as success, without event.
    ``because``: why this call is made. ``manager``: the field manager of an apply, if it is not the component's agent.
    ``on_conflict``, ``tries``: what the sync does about a conflict where a component may not know its own writes, see ``conflicts``.
    """

    verb: str
    resource: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    body: Any = None
    patch_type: str = ""
    accept: tuple[int, ...] = ()
    on_success: tuple[EventDraft, ...] = ()
    on_refusal: tuple[EventDraft, ...] = ()
    ignore_terminating: bool = False
    because: Because | None = None
    manager: str = ""
    on_conflict: str = ""
    tries: int = 0


@value
class Act(NamedTuple):
    """Something done on the component's own machine, not at the API server: a runtime operation, a mount, a provisioner's disk.

    It takes ``duration_ns``; then the engine hands it to ``component.act(scope, act)``, which changes ``scope.local`` and returns a Plan
    whose ``note``, ``events``, ``nudge`` and ``error`` (a failure, as of a refused call) are honoured. ``computing``: the time is a
    processor's, which is queued for where the timing has ``cores``.
    """

    name: str
    arguments: tuple[Any, ...] = ()
    duration_ns: int = 0
    because: Because | None = None
    computing: bool = False


@value
class Batch(NamedTuple):
    """Calls and acts sent concurrently. ``always``: sent even after an earlier batch was refused (a status update at a sync's end);
    ``refused``: sent only then, and ``{error}`` in its bodies' texts stands for the refusal's message (a condition that reports it).
    """

    calls: tuple[Call | Act, ...]
    always: bool = False
    refused: bool = False


@value
class Nudge(NamedTuple):
    """Ask another component (by name) to look at one of its keys, after a while."""

    component: str
    key: Key
    after_ns: int = 0


@value
class Plan(NamedTuple):
    """See the module's text. ``remember``: table name → {key: value, or None to forget}, applied when the plan has ended *well*;
    ``note``: the same, applied at once, before any call is sent (the scheduler's assumption).
    ``because`` explains a plan without calls (what it waits for) and stands for those calls that carry none.
    ``error``: the sync failed without any call being refused (the key backs off); its text is kept for ``explain``.
    ``work_ns``: processor time that deciding took beyond a sync's usual (only where the timing has ``cores``).
    ``follow_up``: further keys of this component to queue once the plan has ended well; ``nudge``: keys of other components, at once.
    """

    batches: tuple[Batch, ...] = ()
    again_ns: int | None = None
    because: tuple[Because, ...] = ()
    events: tuple[EventDraft, ...] = ()
    remember: Mapping[str, Mapping[Any, Any]] = _NOTHING
    note: Mapping[str, Mapping[Any, Any]] = _NOTHING
    error: str = ""
    follow_up: tuple[Key, ...] = ()
    nudge: tuple[Nudge, ...] = ()
    work_ns: int = 0

    @property
    def calls(self) -> tuple[Call | Act, ...]:
        """What is done if nothing is refused, in order."""
        return tuple(call for batch in self.batches if not batch.refused for call in batch.calls)

    def __str__(self) -> str:
        """A line per call in the order of the batches, or what is waited for."""
        lines = [f"{number}. {_words(call)}" for number, batch in enumerate(self.batches, 1) if not batch.refused for call in batch.calls]
        return "\n".join(lines) or "; ".join(map(str, self.because)) or "nothing to do"

    def then(self, other: Plan) -> Plan:
        """Both, one after the other: batches, events, reasons and notes joined; the earlier look-again wins."""
        times = [time for time in (self.again_ns, other.again_ns) if time is not None]
        return self._replace(
            batches=self.batches + other.batches,
            again_ns=min(times) if times else None,
            because=self.because + other.because,
            events=self.events + other.events,
            remember=_joined(self.remember, other.remember),
            note=_joined(self.note, other.note),
            error=self.error or other.error,
            follow_up=self.follow_up + other.follow_up,
            nudge=self.nudge + other.nudge,
        )


NOTHING = Plan()


def _words(call: Call | Act) -> str:
    if isinstance(call, Act):
        text = call.name
    else:
        resource = f"{call.resource}/{call.subresource}" if call.subresource else call.resource
        text = f"{call.verb} {resource} {call.name}".rstrip()
    return f"{text}: {call.because}" if call.because else text


def _joined(first: Mapping[str, Mapping[Any, Any]], second: Mapping[str, Mapping[Any, Any]]) -> Mapping[str, Mapping[Any, Any]]:
    if not first or not second:
        return first or second
    return {table: {**first.get(table, {}), **second.get(table, {})} for table in (*first, *(name for name in second if name not in first))}


def step(*calls: Call | Act, always: bool = False) -> Plan:
    """A plan of one batch (no batch if there are no calls)."""
    return Plan((Batch(calls, always),)) if calls else NOTHING


def in_turn(*calls: Call | Act) -> Plan:
    """A plan that sends its calls one after the other."""
    return Plan(tuple(Batch((call,)) for call in calls))


def wait(*because: Because, again_ns: int | None = None) -> Plan:
    """A plan that does nothing, and says why."""
    return Plan(because=because, again_ns=again_ns)


# -- the usual calls ------------------------------------------------------------------------------------------------------
def create(resource: str, body: Object, namespace: str = "", **more: Any) -> Call:
    """``namespace``: that of the request's path, where the body names none (upstream: GetPodFromTemplate and others leave it out)."""
    meta = body["metadata"]
    return Call("create", resource, meta.get("namespace", namespace), meta.get("name", ""), body=body, **more)


def update(resource: str, body: Object, **more: Any) -> Call:
    """Replace (PUT). With a resourceVersion in the body a race is refused with 409."""
    meta = body["metadata"]
    return Call("update", resource, meta.get("namespace", ""), meta["name"], body=body, **more)


def update_status(resource: str, body: Object, **more: Any) -> Call:
    meta = body["metadata"]
    return Call("update", resource, meta.get("namespace", ""), meta["name"], "status", body=body, **more)


def patch(resource: str, obj: Object, body: Any, patch_type: str = "strategic", **more: Any) -> Call:
    meta = obj["metadata"]
    return Call("patch", resource, meta.get("namespace", ""), meta["name"], body=body, patch_type=patch_type, **more)


def delete(resource: str, obj: Object, *, uid_precondition: bool = False, options: Object | None = None, **more: Any) -> Call:
    meta = obj["metadata"]
    body: Object | None = dict(options or {})
    if uid_precondition and body is not None:
        body["preconditions"] = {"uid": meta["uid"]}
    return Call("delete", resource, meta.get("namespace", ""), meta["name"], body=body or None, **more)


def reference(obj: Object, field_path: str = "") -> Object:
    """The ObjectReference that events carry.

    upstream: client-go/tools/reference/ref.go GetReference.
    """
    meta = obj["metadata"]
    out = {
        "kind": obj["kind"],
        "namespace": meta.get("namespace", ""),
        "name": meta["name"],
        "uid": meta["uid"],
        "apiVersion": obj["apiVersion"],
        "resourceVersion": meta["resourceVersion"],
    }
    if field_path:
        out["fieldPath"] = field_path
    return {key: text for key, text in out.items() if text}
