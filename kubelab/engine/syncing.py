"""A sync from key to end: observe, plan, send the batches, take the answers, remember, look again. See ``plan.Plan`` for what is promised.

upstream: the processNextWorkItem / sync / AddRateLimited loop that every controller has.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from sys import intern
from typing import TYPE_CHECKING, Any

from kubelab.apiserver.request import NO_LIST_OPTIONS, Options, Origin, Request
from kubelab.engine import conflicts, cores, trouble
from kubelab.engine.component import Tables
from kubelab.engine.internal_error import broken
from kubelab.engine.plan import NOTHING, Act, Call, EventDraft, Key, Plan
from kubelab.engine.recorder import record, remade
from kubelab.engine.runner import Flight, Pending, Runner

if TYPE_CHECKING:
    from kubelab.engine.engine import Engine

ROUNDS_AT_ONE_INSTANT = 10_000
_AGAIN = "the sync goes on with another call"
OUTBOX_LIMIT = 1000  # upstream: record.NewBroadcaster's queue


class Stuck(RuntimeError):
    """A component keeps asking to look again at once without end: an internal error, with its story."""


def pump(engine: Engine, runner: Runner) -> None:
    """Start syncs while there are keys and free workers; a sync may queue further keys, also in another lane."""
    if not runner.queued or not runner.alive:
        return
    lanes, busy, queues = runner.lanes, runner.busy, runner.queues
    started = True
    while started and runner.queued:
        started = False
        for lane, queue in queues.items():
            if not queue:
                continue
            limit = lanes[lane]
            while queue and (not limit or busy[lane] < limit):
                key = next(iter(queue))
                cause, wake = queue.pop(key)
                busy[lane] += 1
                runner.processing[key] = None
                try:
                    _round(engine, runner, key, wake, cause)
                except Exception as error:
                    raise broken(engine, runner, key, error) from error
                started = len(lanes) > 1
        runner.queued = any(queues.values())


def _round(engine: Engine, runner: Runner, key: Key, wake: int, cause: int) -> None:
    """Observe and plan, again and again while the plan says so, until calls must be awaited or the sync ends."""
    for _ in range(ROUNDS_AT_ONE_INSTANT):
        scope = engine.scope(runner, key)
        seen = runner.component.observe(scope, key)
        plan = NOTHING if seen is None else runner.component.plan(seen)
        if plan.because or plan.batches:
            runner.stories[key] = plan.because
        elif runner.stories:
            runner.stories.pop(key, None)
        if plan is not NOTHING:
            _at_once(engine, runner, plan, wake, cause, key)
            if plan.batches:
                flight = runner.next_serial()
                runner.flights[flight] = Flight(key, plan, 0, len(plan.batches[0].calls), "", wake, cause)
                delay_ns = engine.timing.sync_ns
                if engine.cores is not None:
                    delay_ns = engine.cores.compute(engine.now_ns, delay_ns + plan.work_ns) - engine.now_ns
                _send_batch(engine, runner, flight, delay_ns)
                return
        if not _finish(engine, runner, key, plan, plan.error, wake, cause):
            return
    raise Stuck(f"{runner.name} looks at {key} again and again without time passing; because {'; '.join(map(str, plan.because))}")


def _at_once(engine: Engine, runner: Runner, plan: Plan, wake: int, cause: int, key: Key) -> None:
    if plan.note:
        write(runner.memory, plan.note)
    for nudge in plan.nudge:
        engine.nudge(nudge, cause)
    for draft in plan.events:
        emit(engine, runner, draft, wake, cause, key)


def _finish(engine: Engine, runner: Runner, key: Key, plan: Plan, error: str, wake: int, cause: int) -> bool:
    """End a sync; True if the same worker shall look again at once."""
    if not error:
        if plan.remember:
            write(runner.memory, plan.remember)
        for further in plan.follow_up:
            runner.enqueue(further, cause, wake)
        if plan.again_ns == 0:
            return True
        if runner.failures:
            runner.failures.pop(key, None)
        if plan.again_ns is not None:
            engine.later(runner, key, plan.again_ns, cause)
    else:
        failures = runner.failures.get(key, 0)
        limit = runner.component.max_retries
        if limit is not None and failures >= limit:
            runner.failures.pop(key, None)
        else:
            runner.failures[key] = failures + 1
            base_ns, max_ns = runner.component.backoff
            delay_ns = min(base_ns << min(failures, 60), max_ns)
            bucket_ns = runner.retries.take(engine.now_ns) - engine.now_ns
            engine.later(runner, key, max(delay_ns, bucket_ns), cause)
    runner.busy[runner.component.lane(key)] -= 1
    runner.processing.pop(key, None)
    again = runner.dirty.pop(key, None) if runner.dirty else None
    if again is not None:
        if engine.cores is not None:
            engine.later(runner, key, engine.timing.answer_ns, again[0])
        else:
            runner.enqueue(key, *again)
    return False


def _send_batch(engine: Engine, runner: Runner, flight: int, delay_ns: int = 0) -> None:
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
    """Put a call into the client's queue: it is executed when its token is there and its latency has passed."""
    asked_ns = engine.now_ns + delay_ns
    what = "call"
    if type(work) is Act:
        sent_ns, done_ns = asked_ns, asked_ns + work.duration_ns
        if work.computing and engine.cores is not None:
            done_ns = engine.cores.compute(asked_ns, work.duration_ns)
    else:
        sent_ns = runner.bucket.take(asked_ns)
        if engine.cores is None:
            done_ns = sent_ns + engine.latency_ns(work)  # type: ignore[arg-type]
        else:
            what, done_ns = "arrive", sent_ns
    serial = runner.next_serial()
    runner.pending[serial] = Pending(work, flight, asked_ns, sent_ns, wake, cause, key, work.because)
    engine.wake_at(done_ns, runner.name, (what, runner.epoch, serial))


def arrive(engine: Engine, runner: Runner, serial: int) -> None:
    """A call has its token: from now on it queues for the cores of the machine."""
    pending = runner.pending.get(serial)
    if pending is not None and engine.cores is not None:
        done_ns = cores.arrived(engine, engine.cores, pending.work)  # type: ignore[arg-type]
        engine.wake_at(done_ns, runner.name, ("call", runner.epoch, serial))


def answer(engine: Engine, runner: Runner, serial: int, *, late: bool = False) -> None:
    """A call's or act's time has come: do it, and go on with its sync. ``late``: a slow server has let it wait already."""
    pending = runner.pending.pop(serial, None)
    if pending is None:
        return
    if (engine.trouble or engine.server.faults) and (what := trouble.in_the_way(engine, runner, serial, pending, late)):
        if what == "unheard":
            engine.handle(_request(engine, runner, pending, pending.work))  # type: ignore[arg-type]
        if what != "wait":
            trouble.hold(engine, runner, serial, pending)
        if type(pending.work) is Act:
            plan = runner.component.asked(engine.scope(runner, pending.key), pending.work)  # type: ignore[attr-defined]
            _at_once(engine, runner, plan, pending.wake, pending.cause, pending.key)
        return
    try:
        _answered(engine, runner, pending)
    except Exception as error:
        raise broken(engine, runner, pending.key, error) from error


def lost(engine: Engine, runner: Runner, serial: int) -> None:
    """A call or act is given up: nobody has answered. An event is sent again for a while; anything else is as if it were refused."""
    pending = runner.pending.pop(serial, None)
    if pending is None:
        return
    work = pending.work
    if not pending.flight:
        if engine.now_ns - pending.sent_ns < trouble.EVENT_TRIES * trouble.EVENT_RETRY_NS:
            runner.pending[serial] = pending
            engine.wake_at(engine.now_ns + trouble.EVENT_RETRY_NS, runner.name, ("call", runner.epoch, serial))
            return
        runner.sending = False
        _send_event(engine, runner)
        return
    if type(work) is Act:
        plan = runner.component.overdue(engine.scope(runner, pending.key), work)  # type: ignore[attr-defined]
        _at_once(engine, runner, plan, pending.wake, pending.cause, pending.key)
        error = plan.error
    else:
        told_again = trouble.is_told_again(runner, work) and not runner.flights[pending.flight].plan.remember  # type: ignore[arg-type]
        error = "" if told_again else trouble.words(engine, runner)
    _flown(engine, runner, pending, error)
    if pending.key[0] in runner.component.background and pending.key not in runner.processing:
        engine.later(runner, pending.key, 0, pending.cause)  # a heartbeat is tried again at once


def _answered(engine: Engine, runner: Runner, pending: Pending) -> None:
    work = pending.work
    error = _act(engine, runner, pending, work) if type(work) is Act else _call(engine, runner, pending, work)  # type: ignore[arg-type]
    if not pending.flight:
        again = remade(runner.recorder, work, error, runner.component.identity) if error else None  # type: ignore[arg-type]
        if again is not None:
            send(engine, runner, again, 0, pending.key, pending.wake, pending.cause)
            return
        runner.sending = False
        _send_event(engine, runner)
        return
    if error is _AGAIN:
        return
    _flown(engine, runner, pending, error)


def _flown(engine: Engine, runner: Runner, pending: Pending, error: str) -> None:
    """An answer, or what stands for one, is there: the batch is done when it was the last."""
    state = runner.flights[pending.flight]
    if error and not state.error:
        state = state._replace(error=error)
    if state.missing > 1:
        runner.flights[pending.flight] = state._replace(missing=state.missing - 1)
    else:
        _next_batch(engine, runner, pending.flight, state)


def _next_batch(engine: Engine, runner: Runner, flight: int, state: Flight) -> None:
    batches = state.plan.batches
    at = state.batch + 1
    while at < len(batches) and not (batches[at].always or batches[at].refused if state.error else not batches[at].refused):
        at += 1
    if at < len(batches):
        runner.flights[flight] = state._replace(batch=at, missing=len(batches[at].calls))
        delay_ns = engine.cores.take(engine.now_ns, 0) - engine.now_ns + engine.timing.reply_ns if engine.cores is not None else 0
        _send_batch(engine, runner, flight, delay_ns)
        return
    del runner.flights[flight]
    if _finish(engine, runner, state.key, state.plan, state.error or state.plan.error, state.wake, state.cause):
        _round(engine, runner, state.key, state.wake, state.cause)


def _act(engine: Engine, runner: Runner, pending: Pending, act: Act) -> str:
    on_world = getattr(runner.component, "act_on_world", None)
    plan = on_world(engine, act) if on_world else runner.component.act(engine.scope(runner, pending.key), act)
    if plan is not NOTHING:
        _at_once(engine, runner, plan, pending.wake, pending.cause, pending.key)
    return plan.error


def _call(engine: Engine, runner: Runner, pending: Pending, call: Call) -> str:
    """Send a call through the request line; returns the error text of a refusal that counts."""
    response = engine.handle(_request(engine, runner, pending, call))
    if engine.cores is not None and call.on_conflict:
        further = conflicts.after(engine, runner, pending, call, response)
        if further.call is not None:
            send(engine, runner, further.call, pending.flight, pending.key, pending.wake, pending.cause, further.after_ns)
            return _AGAIN
        if further.error:
            return further.error
    for commit in response.commits if not (engine.cores is not None and call.subresource == "status") else ():
        runner.own[commit.key] = (commit.revision, None if commit.type == "DELETED" else commit.object)
    if response.code < 400 or response.code in call.accept:
        drafts = call.on_success if response.code < 400 else ()
        error = ""
    else:
        error = response.object.get("message") or "refused"
        if call.ignore_terminating and _terminating(response.object):
            drafts, error = (), ""
        else:
            drafts = call.on_refusal
    for draft in drafts:
        emit(engine, runner, _filled(draft, error, response.object), pending.wake, pending.cause, pending.key)
    return error


def _request(engine: Engine, runner: Runner, pending: Pending, call: Call) -> Request:
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
    text = str(pending.because)
    return intern(text) if pending.key[0] in runner.component.background else text


def _filled(draft: EventDraft, error: str, answered: Any) -> EventDraft:
    """``{error}`` and ``{name}`` in an event's message, as the answer says."""
    message = draft.message
    if "{" not in message:
        return draft
    if error:
        message = message.replace("{error}", error)
    else:
        message = message.replace("{name}", (answered.get("metadata") or {}).get("name", ""))
    return EventDraft(draft.regarding, draft.type, draft.reason, message, draft.action)


_TYPED = Options(field_validation="Ignore")


def _terminating(status: Mapping[str, Any]) -> bool:
    causes = (status.get("details") or {}).get("causes") or ()
    return any(cause.get("reason") == "NamespaceTerminating" for cause in causes)


# -- events ---------------------------------------------------------------------------------------------------------------
def emit(engine: Engine, runner: Runner, draft: EventDraft, wake: int, cause: int, key: Key) -> None:
    """Hand an event to the component's recorder."""
    runner.last_event_ns = name_ns = max(engine.now_ns + runner.index, runner.last_event_ns + 1)
    call = record(runner.recorder, draft, runner.component.identity, engine.now_ns, name_ns)
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


def _send_event(engine: Engine, runner: Runner) -> None:
    """The recorder sends one event at a time."""
    if not runner.outbox:
        return
    first = next(iter(runner.outbox))
    pending = runner.outbox.pop(first)
    runner.sending = True
    send(engine, runner, pending.work, 0, pending.key, pending.wake, pending.cause)


def write(memory: Tables, changes: Mapping[str, Mapping[Any, Any]]) -> None:
    """Write into tables; None forgets a key."""
    for name, entries in changes.items():
        table = memory.get(name)
        if table is None:
            table = memory[name] = {}
        for key, item in entries.items():
            if item is None:
                table.pop(key, None)
            else:
                table[key] = item
