"""The scheduler as a component: one cycle at a time, bindings beside it, and the two clocks that flush its queues.

Keys: ``("cycle",)`` takes the next pod; ``("bind", namespace, name, uid)`` binds an assumed one; ``("flush",)`` ends back-offs;
``("leftover",)`` gives pods another try that have been unschedulable for five minutes.

upstream: pkg/scheduler/scheduler.go, 1.28; spec/scheduler-kubelet.md sections 1 to 5.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

from kubelab.engine.component import EVENTS, Client, Identity, Later, Scope, Tables, Watch
from kubelab.engine.plan import NOTHING, Act, Key, Nudge, Plan, Reason
from kubelab.scheduler import binding, cycles, first
from kubelab.scheduler.extender import Extender
from kubelab.scheduler.memory import CYCLE, CYCLE_KEY, FLUSH_KEY, flush_after_ns, note_moves
from kubelab.scheduler.queue import BACKOFF, LEFTOVER_NS, LONGEST_UNSCHEDULABLE_NS, UNSCHEDULABLE, Moves, moved, next_tick_ns, requeued
from kubelab.scheduler.setup import DEFAULT_SETUP, Setup, saved_configuration, setup_of
from kubelab.scheduler.watching import WATCHES, watches
from kubelab.world.timing import Timing

BACKED_OFF = Reason("back-off-over", "pods whose back-off has ended become active")
LEFT_OVER = Reason("unschedulable-for-long", "pods that have been unschedulable for five minutes are tried again")


class Flush(NamedTuple):
    """Moves that a clock brings. ``after_ns``: when pods that now back off are to be flushed; ``again_ns``: the clock's next tick."""

    moves: Moves
    reason: Reason
    after_ns: tuple[int, ...] = ()
    again_ns: int | None = None


class Scheduler:
    """See ``Component``. Stateless: its memory is described in ``memory``. ``setup``: what it was started with."""

    name = cycles.NAME
    identity = Identity("system:kube-scheduler", ("system:authenticated",), "kube-scheduler", "default-scheduler")
    watches: tuple[Watch, ...] = WATCHES
    lanes = {"cycle": 1, "queue": 1, "bind": 0}
    max_retries: int | None = None
    backoff = (1, 1)
    background = frozenset({"leftover"})
    machine = ""

    def __init__(self, setup: Setup = DEFAULT_SETUP) -> None:
        self.setup = setup
        if setup is not DEFAULT_SETUP:
            self.watches = watches(setup)

    def start(self, scope: Scope) -> Iterable[Key | Later]:
        scope.table(CYCLE)["born_ns"] = scope.now_ns
        return ()

    def client(self, timing: Timing) -> Client:
        return Client(*(self.setup.client or (timing.scheduler_qps, timing.scheduler_burst)))

    def clients(self, timing: Timing, release: str) -> dict[str, Client]:
        """Events go through a second client with the same limits; in 1.7 there was one for everything.

        upstream: createClients in cmd/kube-scheduler/app/options/options.go, 1.20 and 1.28; createRecorder in
        plugin/cmd/kube-scheduler/app/configurator.go, 1.7.
        """
        return {} if release == "1.7" else {EVENTS: self.client(timing)}

    def lane(self, key: Key) -> str:
        return "cycle" if key == CYCLE_KEY else "bind" if key[0] == "bind" else "queue"

    def act(self, scope: Scope, act: Act) -> Plan:
        return cycles.act(act)

    def observe(self, scope: Scope, key: Key) -> cycles.Cycle | binding.Binding | Flush | None:
        match key[0]:
            case "cycle":
                return cycles.observe(scope, self.setup)
            case "bind":
                return binding.observe(scope, key, self.setup)
            case "flush":
                return _ended_backoffs(scope)
        return _leftovers(scope)

    def plan(self, seen: Any) -> Plan:
        if isinstance(seen, cycles.Cycle):
            return cycles.plan(seen)
        if isinstance(seen, binding.Binding):
            return binding.plan(seen)
        return _flush(seen) if isinstance(seen, Flush) else NOTHING


def _ended_backoffs(scope: Scope) -> Flush | None:
    waiting = scope.table(BACKOFF).values()
    ended = [each for each in waiting if each.backoff_until_ns <= scope.now_ns]
    others = [each.backoff_until_ns for each in waiting if each.backoff_until_ns > scope.now_ns]
    again = flush_after_ns(scope, min(others)) if others else None
    if not ended and again is None:
        return None
    moves = requeued(ended, scope.now_ns)
    tables = {**moves.tables, BACKOFF: dict.fromkeys(each.uid for each in ended)} if ended else {}
    return Flush(moves._replace(tables=tables), BACKED_OFF, again_ns=again)


def _leftovers(scope: Scope) -> Flush | None:
    waiting = scope.table(UNSCHEDULABLE).values()
    moves = moved([each for each in waiting if scope.now_ns - each.timestamp_ns > LONGEST_UNSCHEDULABLE_NS], None, scope.now_ns)
    gone = moves.tables.get(UNSCHEDULABLE, {})
    young = [each.timestamp_ns for each in waiting if not each.gated and each.uid not in gone]
    born_ns = scope.table(CYCLE).get("born_ns", 0)
    tick_ns = next_tick_ns(born_ns, LEFTOVER_NS, min(young) + LONGEST_UNSCHEDULABLE_NS + 1) if young else None
    if not gone and tick_ns is None:
        return None
    after = tuple(flush_after_ns(scope, until) for until in moves.backoff_until_ns)
    return Flush(moves, LEFT_OVER, after, None if tick_ns is None else tick_ns - scope.now_ns)


def _flush(seen: Flush) -> Plan:
    return Plan(
        again_ns=seen.again_ns,
        because=(seen.reason(),),
        note=note_moves(seen.moves),
        follow_up=(CYCLE_KEY,) if seen.moves.active else (),
        nudge=tuple(Nudge(cycles.NAME, FLUSH_KEY, after) for after in seen.after_ns),
    )


def scheduler_of(machine: Tables, servers: Iterable[Extender] = (), release: str = "1.28") -> Scheduler:
    """The scheduler by the configuration that its machine has; the usual one of the release if it has none."""
    configuration = saved_configuration(machine)
    if release == "1.7":
        setup = DEFAULT_SETUP if configuration is None else setup_of(configuration, servers)
        return Scheduler(replace(setup, profiles={first.PROFILE.name: first.PROFILE}))
    return SCHEDULER if configuration is None else Scheduler(setup_of(configuration, servers))


SCHEDULER = Scheduler()
