"""A sync from key to end: observe, plan, send the batches (``sending``), take the answers, remember, look again. See ``plan.Plan`` for what is
promised.

upstream: the processNextWorkItem / sync / AddRateLimited loop that every controller has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kubelab.engine import conflicts, cores, trouble
from kubelab.engine.component import Tables
from kubelab.engine.internal_error import broken
from kubelab.engine.plan import NOTHING, Act, Call, EventDraft, Key, Plan
from kubelab.engine.recorder import remade
from kubelab.engine.runner import Flight, Pending, Runner
from kubelab.engine.sending import emit, request, send, send_batch, send_event
from kubelab.world.tuples import new_tuple

if TYPE_CHECKING:
    from kubelab.engine.engine import Engine

ROUNDS_AT_ONE_INSTANT = 10_000
_AGAIN = "the sync goes on with another call"


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


def steady(engine: Engine, runner: Runner, key: Key, cause: int) -> bool:
    """A look that finds all as it was, and will only look again, is over at once; what follows is what a whole sync would leave behind."""
    if runner.queued or key in runner.processing or runner.busy[runner.component.lane(key)]:
        return False
    again_ns = runner.steady(engine.scope(runner, key), key)  # type: ignore[misc]
    if again_ns is None:
        return False
    if runner.stories:
        runner.stories.pop(key, None)
    if runner.failures:
        runner.failures.pop(key, None)
    engine.later(runner, key, again_ns, cause)
    return True


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
            if plan.note or plan.nudge or plan.events:
                _at_once(engine, runner, plan, wake, cause, key)
            if plan.batches:
                flight = runner.next_serial()
                runner.flights[flight] = new_tuple(Flight, (key, plan, 0, len(plan.batches[0].calls), "", wake, cause))
                delay_ns = engine.timing.sync_ns
                if engine.cores is not None:
                    delay_ns = engine.cores.compute(engine.now_ns, delay_ns + plan.work_ns) - engine.now_ns
                send_batch(engine, runner, flight, delay_ns)
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
            engine.later(runner, key, cores.answered_ns(engine, engine.cores, plan), again[0])
        else:
            runner.enqueue(key, *again)
    return False


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
            engine.handle(request(engine, runner, pending, pending.work))  # type: ignore[arg-type]
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
        send_event(engine, runner)
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
        send_event(engine, runner)
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
        delay_ns = engine.cores.wait_ns(engine.now_ns) + engine.timing.reply_ns if engine.cores is not None else 0
        send_batch(engine, runner, flight, delay_ns)
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
    response = engine.handle(request(engine, runner, pending, call))
    if engine.cores is not None and call.on_conflict:
        further = conflicts.after(engine, runner, pending, call, response)
        if further.call is not None:
            send(engine, runner, further.call, pending.flight, pending.key, pending.wake, pending.cause, further.after_ns)
            return _AGAIN
        if further.error:
            return further.error
    for commit in response.commits if engine.cores is None or not (call.subresource == "status" or call.on_conflict) else ():
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


def _terminating(status: Mapping[str, Any]) -> bool:
    causes = (status.get("details") or {}).get("causes") or ()
    return any(cause.get("reason") == "NamespaceTerminating" for cause in causes)


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
