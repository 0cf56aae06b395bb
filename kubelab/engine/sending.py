"""What leaves a component: calls through its clients, acts on its machine, and the events that its recorder sends.

A call waits for a token of its client. Most components have one; where upstream gives events or heartbeats a client of their own, so does the
component (``Component.clients``), and they do not wait for each other.

upstream: client-go/rest/request.go (tryThrottle), client-go/tools/record/event.go, tools/events/event_broadcaster.go, 1.28.
"""

from __future__ import annotations

from functools import lru_cache
from sys import intern
from typing import TYPE_CHECKING, Any

from kubelab.apiserver.request import NO_LIST_OPTIONS, Options, Origin, Request
from kubelab.engine import older_events
from kubelab.engine.component import EVENTS, Identity
from kubelab.engine.plan import Act, Because, Call, EventDraft, Key
from kubelab.engine.recorder import record
from kubelab.engine.runner import Bucket, Pending, Runner
from kubelab.world.tuples import new_tuple

if TYPE_CHECKING:
    from kubelab.engine.engine import Engine

OUTBOX_LIMIT = 1000  # upstream: record.NewBroadcaster's queue
_TYPED = Options(field_validation="Ignore")


def send_batch(engine: Engine, runner: Runner, flight: int, delay_ns: int = 0) -> None:
    state = runner.flights[flight]
    batch = state.plan.batches[state.batch]
    for work in batch.calls:
        if batch.refused and type(work) is Call:
            work = work._replace(body=_with_error(work.body, state.error))
        send(engine, runner, work, flight, state.key, state.wake, state.cause, delay_ns)


def _with_error(body: Any, error: str) -> Any:
    """``{error}`` in the texts of a body, filled in; what does not change is shared."""
    if isinstance(body, str):
        return body.replace("{error}", error)
    if isinstance(body, dict):
        return {name: _with_error(item, error) for name, item in body.items()}
    return [_with_error(item, error) for item in body] if isinstance(body, list) else body


def send(engine: Engine, runner: Runner, work: Call | Act, flight: int, key: Key, wake: int, cause: int, delay_ns: int = 0) -> None:
    """Put a call into its client's queue: it is executed when its token is there and its latency has passed. ``flight`` 0: an event."""
    asked_ns = engine.now_ns + delay_ns
    what = "call"
    if type(work) is Act:
        sent_ns, done_ns = asked_ns, asked_ns + work.duration_ns
        if work.computing and engine.cores is not None:
            done_ns = engine.cores.compute(asked_ns, work.duration_ns, engine.timing.turn_ns)
    else:
        bucket: Bucket | None = runner.bucket
        if runner.buckets:
            bucket = runner.buckets.get(runner.through.get(key[0], "") if flight else EVENTS, bucket)
        sent_ns = asked_ns if bucket is None else bucket.take(asked_ns)
        if engine.cores is None:
            done_ns = sent_ns + engine.latency_ns(work)  # type: ignore[arg-type]
        else:
            what, done_ns = "arrive", sent_ns
    serial = runner.next_serial()
    runner.pending[serial] = new_tuple(Pending, (work, flight, asked_ns, sent_ns, wake, cause, key, work.because))
    engine.wake_at(done_ns, runner.name, (what, runner.epoch, serial))


def request(engine: Engine, runner: Runner, pending: Pending, call: Call) -> Request:
    identity = runner.component.identity
    origin = Origin(
        runner.name,
        _key_text(pending.key),
        pending.wake,
        pending.cause,
        _reason_text(runner, pending),
        pending.sent_ns - pending.asked_ns,
        engine.now_ns - pending.sent_ns,
        True,
    )
    return Request(
        call.verb,
        call.resource,
        call.namespace,
        call.name,
        call.subresource,
        "",
        call.body,
        call.patch_type,
        Options(field_manager=call.manager or identity.agent, force=True) if call.patch_type == "apply" else _TYPED,
        NO_LIST_OPTIONS,
        runner.user,
        identity.agent,
        origin,
    )


@lru_cache(maxsize=16384)
def _key_text(key: Key) -> str:
    """A key as call records show it; the calls of a key share one text."""
    return "/".join(map(str, key))


def _reason_text(runner: Runner, pending: Pending) -> str:
    """Why a call is made. Heartbeats say the same again and again, so their calls share one text."""
    if not pending.because:
        return ""
    return _said_again(pending.because) if pending.key[0] in runner.component.background else str(pending.because)


@lru_cache(maxsize=16384)
def _said_again(because: Because) -> str:
    return intern(str(because))


# -- events ---------------------------------------------------------------------------------------------------------------
def emit(engine: Engine, runner: Runner, draft: EventDraft, wake: int, cause: int, key: Key) -> None:
    """Hand an event to the component's recorder."""
    if engine.release == "1.28":
        _emit(engine, runner, draft, runner.component.identity, wake, cause, key)
        return
    for each, identity in older_events.written(draft, runner.component.identity):
        _emit(engine, runner, each, identity, wake, cause, key, filters=False)


def _emit(
    engine: Engine, runner: Runner, draft: EventDraft, identity: Identity, wake: int, cause: int, key: Key, *, filters: bool = True
) -> None:
    runner.last_event_ns = name_ns = max(engine.now_ns + runner.index, runner.last_event_ns + 1)
    call = record(runner.recorder, draft, identity, engine.now_ns, name_ns, filters=filters)
    if call is None or len(runner.outbox) >= OUTBOX_LIMIT:
        return
    if draft.action and engine.cores is not None:
        send(engine, runner, call, 0, key, wake, cause)  # upstream: events.eventBroadcasterImpl.recordToSink, a goroutine for each
        return
    if runner.sending:
        runner.outbox[runner.next_serial()] = Pending(call, 0, engine.now_ns, 0, wake, cause, key, None)
    else:
        runner.sending = True
        send(engine, runner, call, 0, key, wake, cause)


def send_event(engine: Engine, runner: Runner) -> None:
    """The recorder sends one event at a time."""
    if not runner.outbox:
        return
    first = next(iter(runner.outbox))
    pending = runner.outbox.pop(first)
    runner.sending = True
    send(engine, runner, pending.work, 0, pending.key, pending.wake, pending.cause)
