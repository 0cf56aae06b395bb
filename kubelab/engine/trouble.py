"""Trouble between a machine and the rest: its calls reach nobody, its watches stand still, its runtime does not answer.

``Engine.trouble`` holds what is broken now, by the name of the fault. Without any, nothing of this is asked. A component may say
(all optional): ``timeouts`` first word of a key → seconds after which its client gives a call up; ``told_again`` (resource, subresource) of
calls whose loss does not stop a sync, because what they tell is told again; ``reconnected(scope)`` what to look at when the API server can be
reached again; ``waits_for_runtime`` the lanes in which no sync starts while the runtime hangs; ``runtime_acts`` the names of acts that ask the
runtime, with ``asked(scope, act)``, what is told before the runtime answers, ``deadline_s(act)``, after how many seconds one has failed (None:
never), and ``overdue(scope, act)``, what that means; ``reads`` the objects that it does not watch but reads before it reports.

upstream: client-go/transport (dial timeout 30 s), apimachinery/pkg/util/net/http.go (HTTP/2 health check 30 s + 15 s),
client-go/tools/cache/reflector.go (back-off of watches), pkg/kubelet/cri/remote (deadlines), 1.28.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kubelab.apiserver import faults
from kubelab.engine.plan import Act, Call
from kubelab.world.clock import MILLISECOND, SECOND
from kubelab.world.codec import value

if TYPE_CHECKING:
    from kubelab.engine.engine import Engine
    from kubelab.engine.runner import Pending, Runner

DIAL_TIMEOUT_NS = 30 * SECOND
DEAD_AFTER_NS = 45 * SECOND  # a silent connection is asked after 30 s and given up 15 s later
FIRST_RETRANSMISSION_NS = 200 * MILLISECOND
WATCH_BACKOFF_NS, WATCH_BACKOFF_MAX_NS = 800 * MILLISECOND, 30 * SECOND
EVENT_RETRY_NS = 10 * SECOND  # upstream: record.defaultSleepDuration, maxTriesPerEvent
EVENT_TRIES = 12
UNREACHABLE = "dial tcp: the API server does not answer: i/o timeout"
GIVEN_UP = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
OVERDUE = "rpc error: code = DeadlineExceeded desc = context deadline exceeded"
SUSPENDED_AFTER_NS = 30 * SECOND  # upstream: maxWaitForContainerRuntime
CLOSED = -1  # as a lane's limit: no sync starts; as a lag: nothing is heard
RECONNECT, SUSPEND = -1, -2  # in place of a revision


@value
@dataclass(frozen=True, slots=True)
class Cut:
    """These machines and the API server do not reach each other. ``direction`` "in": what a machine sends still arrives, as long as the
    connection is not given up; "out": nothing it sends does; what it would be told is lost in either case.
    """

    machines: tuple[str, ...]
    begun_ns: int
    direction: str = "both"


@value
@dataclass(frozen=True, slots=True)
class Hang:
    """The container runtimes of these machines take calls and do not answer; what runs goes on."""

    machines: tuple[str, ...]
    begun_ns: int


@value
@dataclass(frozen=True, slots=True)
class Lag:
    """The watches of these components (none: of all) run behind."""

    components: tuple[str, ...]
    lag_ns: int


def cut_of(engine: Engine, machine: str) -> Cut | None:
    """What cuts a machine off, the oldest first."""
    if not machine:
        return None
    return next((one for one in engine.trouble.values() if type(one) is Cut and machine in one.machines), None)


def hangs(engine: Engine, machine: str) -> bool:
    return bool(machine) and any(type(one) is Hang and machine in one.machines for one in engine.trouble.values())


def reachable(engine: Engine, machine: str) -> bool:
    """Whether the API server can reach a machine's kubelet."""
    runner = engine.runners.get(f"kubelet/{machine}")
    return runner is not None and runner.alive and not (engine.trouble and cut_of(engine, machine))


# -- calls and acts -----------------------------------------------------------------------------------------------------------
def timeout_ns(runner: Runner, pending: Pending) -> int:
    """After which time the client gives a call up."""
    seconds: int | None = getattr(runner.component, "timeouts", {}).get(pending.key[0])
    return DIAL_TIMEOUT_NS if seconds is None else seconds * SECOND


def in_the_way(engine: Engine, runner: Runner, serial: int, pending: Pending, late: bool) -> str:
    """What trouble does to a call or act whose time has come: "" nothing; "wait": its answer comes later; "unheard": it is done, but nobody
    hears of it; "held": it is not done. ``late``: a slow server has kept it already.
    """
    machine = runner.component.machine
    if type(pending.work) is Act:
        known = engine.trouble and pending.work.name in getattr(runner.component, "runtime_acts", ())
        return "held" if known and hangs(engine, machine) else ""
    cut = cut_of(engine, machine) if engine.trouble else None
    if cut is not None:
        return "unheard" if cut.direction == "in" and engine.now_ns - cut.begun_ns < DEAD_AFTER_NS else "held"
    return "wait" if not late and engine.server.faults and _slowed(engine, runner, serial, pending) else ""


def _slowed(engine: Engine, runner: Runner, serial: int, pending: Pending) -> bool:
    """Whether a slow API server makes this call's answer later; then it waits for it here, or for giving it up."""
    work = pending.work
    delay_ns = faults.delay(engine.server, work.verb, work.resource, runner.user.name, runner.name) if type(work) is Call else 0
    if not delay_ns:
        return False
    runner.pending[serial] = pending
    done_ns = min(engine.now_ns + delay_ns, pending.sent_ns + faults.REQUEST_TIMEOUT_NS)
    patience = getattr(runner.component, "timeouts", {}).get(pending.key[0])
    if patience is not None and done_ns - pending.sent_ns > patience * SECOND:
        _give_up_at(engine, runner, serial, pending.sent_ns + patience * SECOND)
    else:
        engine.wake_at(done_ns, runner.name, ("late", runner.epoch, serial))
    return True


def hold(engine: Engine, runner: Runner, serial: int, pending: Pending) -> None:
    """Keep a call or act that is not answered, until it is given up, or its runtime answers again."""
    runner.pending[serial] = pending
    if type(pending.work) is Act:
        engine.machines[runner.component.machine].setdefault("held", {})[serial] = True
        seconds: int | None = runner.component.deadline_s(pending.work)  # type: ignore[attr-defined]
        if seconds is not None:
            _give_up_at(engine, runner, serial, engine.now_ns + seconds * SECOND)
    else:
        _give_up_at(engine, runner, serial, pending.sent_ns + timeout_ns(runner, pending))


def _give_up_at(engine: Engine, runner: Runner, serial: int, at_ns: int) -> None:
    """This does not count as something that moves: a cluster comes to rest also while a node is cut off."""
    engine.wakes.add(max(at_ns, engine.now_ns), runner.name, ("lost", runner.epoch, serial))


def is_told_again(runner: Runner, call: Call) -> bool:
    """Whether a sync goes on although this call is lost."""
    return (call.resource, call.subresource) in getattr(runner.component, "told_again", ())


def words(engine: Engine, runner: Runner) -> str:
    """The error of a call that was given up."""
    return UNREACHABLE if cut_of(engine, runner.component.machine) else GIVEN_UP


# -- machines cut off -----------------------------------------------------------------------------------------------------------
def cut_off(engine: Engine, machine: str) -> None:
    """What a machine's components are told stands still."""
    for runner in _components(engine, machine):
        engine.lag(runner.name, CLOSED)


def mend(engine: Engine, machine: str, begun_ns: int) -> None:
    """A machine can be reached again; its components hear of it when their connections are made anew."""
    at_ns = reconnected_ns(begun_ns, engine.now_ns)
    for runner in _components(engine, machine):
        for key in getattr(runner.component, "reads", ()):
            obj = engine.store.head.get(*key)
            if obj is not None:
                runner.own[key] = (int(obj["metadata"]["resourceVersion"]), obj)
        engine.wake_at(at_ns, runner.name, ("lagged", RECONNECT))


def lag_of(engine: Engine, runner: Runner) -> int:
    """How far a component's watches are behind the usual: ``CLOSED`` if they stand still."""
    if cut_of(engine, runner.component.machine):
        return CLOSED
    lags = [one.lag_ns for one in engine.trouble.values() if type(one) is Lag and (not one.components or runner.name in one.components)]
    return max(lags, default=0)


def reconnect(engine: Engine, runner: Runner) -> None:
    """A component's watches go on, unless it is cut off once more."""
    lag_ns = lag_of(engine, runner)
    if lag_ns < 0 or runner.lag_ns >= 0:
        return
    engine.lag(runner.name, lag_ns)
    look = getattr(runner.component, "reconnected", None)
    if look is not None and runner.alive:
        engine.queue(runner, look(engine.scope(runner, ())))


def reconnected_ns(cut_ns: int, mended_ns: int) -> int:
    """When a watch goes on after its connection was interrupted: the next retransmission of TCP while nobody has given the connection up;
    afterwards the next packet of a dial, each of which ends after 30 s and is followed by the reflector's back-off.

    >>> [reconnected_ns(0, seconds * SECOND) / SECOND for seconds in (1, 10, 40, 46, 90)]
    [1.4, 12.6, 45.0, 46.0, 90.8]
    """
    back_ns = FIRST_RETRANSMISSION_NS
    at_ns = cut_ns + back_ns
    while at_ns < mended_ns:
        back_ns *= 2
        at_ns += back_ns
    dial_ns, pause_ns = cut_ns + DEAD_AFTER_NS, WATCH_BACKOFF_NS
    if at_ns <= dial_ns:
        return at_ns
    while True:
        for seconds in (0, 1, 3, 7, 15):  # SYN and its retransmissions
            if dial_ns + seconds * SECOND >= mended_ns:
                return dial_ns + seconds * SECOND
        dial_ns += DIAL_TIMEOUT_NS + pause_ns
        pause_ns = min(2 * pause_ns, WATCH_BACKOFF_MAX_NS)


def _components(engine: Engine, machine: str) -> list[Runner]:
    return [runner for runner in engine.runners.values() if runner.component.machine == machine]


# -- runtimes that hang ---------------------------------------------------------------------------------------------------------
def hang(engine: Engine, machines: tuple[str, ...]) -> None:
    """From now on runtimes do not answer; after a while the components that notice begin nothing more."""
    for machine in machines:
        for runner in _components(engine, machine):
            if getattr(runner.component, "waits_for_runtime", ()):
                engine.wake_at(engine.now_ns + SUSPENDED_AFTER_NS, runner.name, ("lagged", SUSPEND))


def suspend(engine: Engine) -> None:
    """No sync that waits for the runtime starts on a machine whose runtime has hung for long: the component says in which lanes those run.

    upstream: "Skipping pod synchronization", pkg/kubelet/kubelet.go syncLoop.
    """
    for one in engine.trouble.values():
        if type(one) is Hang and engine.now_ns - one.begun_ns >= SUSPENDED_AFTER_NS:
            for runner in (runner for machine in one.machines for runner in _components(engine, machine)):
                closed = getattr(runner.component, "waits_for_runtime", ())
                runner.lanes = {**runner.component.lanes, **dict.fromkeys(closed, CLOSED)}


def answer_again(engine: Engine, machine: str) -> None:
    """The runtime of a machine answers: what was asked is done now, and what has waited begins."""
    held: dict[int, Any] = engine.machines[machine].pop("held", {})
    for runner in _components(engine, machine):
        if not getattr(runner.component, "waits_for_runtime", ()):
            continue
        runner.lanes = runner.component.lanes
        for serial in held:
            if serial in runner.pending:
                engine.wake_at(engine.now_ns, runner.name, ("call", runner.epoch, serial))
        engine.go_on(runner)
