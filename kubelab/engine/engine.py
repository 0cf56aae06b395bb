"""The engine: one heap of wakes drives everything. It delivers commits to watches, runs components, and is the world that is forked and saved.

A wake is (time_ns, sequence, component, key). Keys: ``("deliver", revision)`` of the engine itself: the watch delay of the commits up to a
revision has passed; ``("arrive", epoch, serial)``: a component's call goes to the server's shared cores; ``("call", epoch, serial)``: it is
executed; ``("late" | "lost", epoch, serial)``: it is executed late, or given up (``trouble``); ``("later" | "background", epoch, key, cause)``:
a key comes back into its queue; ``("lagged", revision)``: a component whose watches lag hears of a revision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from typing import Any

from kubelab.apiserver.request import Request, Response
from kubelab.apiserver.server import ApiServer
from kubelab.engine import cores, referred, reflectors, syncing, trouble
from kubelab.engine.component import Change, Component, Later, Scope, Tables, Watch
from kubelab.engine.plan import Call, Key, Nudge
from kubelab.engine.runner import Runner
from kubelab.store.log import Commit
from kubelab.store.state import State
from kubelab.store.store import Store
from kubelab.store.view import View
from kubelab.world.streams import Streams
from kubelab.world.timing import Timing
from kubelab.world.tuples import new_tuple
from kubelab.world.turns import ALONE, Turn
from kubelab.world.wakes import Wakes

READS = ("get", "list", "watch")


class Engine:
    """A world in motion. ``trailing`` is what components with the usual watch delay know, ``lagging`` what those know whose watches lag.

    Not part of the world, and of no fork: ``turn``, which the handle's users take, and ``listener``, which is called after every wake.
    """

    turn: Turn = ALONE
    listener: Callable[[], None] | None = None

    def __init__(self, *, seed: int, start_ns: int, timing: Timing, release: str, gates: dict[str, bool]) -> None:
        self.now_ns = start_ns
        self.start_ns = start_ns
        self.timing = timing
        self.release = release
        self.gates = gates
        self.streams = Streams(seed)
        self.wakes = Wakes()
        self.store = Store()
        self.server = ApiServer(self.store, self.streams, release=release, gates=gates)
        self.trailing = State()
        self.lagging: dict[str, State] = {}
        self.trouble: dict[str, trouble.Cut | trouble.Hang | trouble.Lag] = {}
        self.runners: dict[str, Runner] = {}
        self.machines: dict[str, Tables] = {"": {}}
        self.moving = 0
        self.wake = 0
        self.silent = 0  # components that tell no events
        self.cores = cores.Cores([start_ns] * timing.cores) if timing.cores else None
        self.reflectors = reflectors.Reflectors()
        self._routes: dict[str, list[tuple[str, Watch]]] = {}
        self._node_routes: dict[str, list[tuple[str, Watch]]] = {}

    # -- putting together ------------------------------------------------------------------------------------------------
    def add(self, component: Component) -> None:
        """Add a component; it starts at once, knowing what the trailing state holds."""
        self.register(component)
        self.start(self.runners[component.name])

    def register(self, component: Component) -> None:
        """Add a component without starting it."""
        own, further = component.client(self.timing), getattr(component, "clients", None)
        clients = further(self.timing, self.release) if further is not None else {}
        self.runners[component.name] = Runner(component, own, len(self.runners) - self.silent, clients)
        self.silent += getattr(component, "silent", False)
        self._route(component)

    def _route(self, component: Component) -> None:
        for watch in component.watches:
            if component.machine and watch.resource == "pods":
                self._node_routes.setdefault(component.machine, []).append((component.name, watch))
            else:
                self._routes.setdefault(watch.resource, []).append((component.name, watch))

    def start(self, runner: Runner) -> None:
        """Let a component list what it watches, and begin."""
        runner.alive = True
        reflectors.started(self, runner)
        referred.started(self, runner)
        component = runner.component
        scope = self.scope(runner, ())
        for watch in component.watches:
            state = scope.view.state
            if component.machine and watch.resource == "pods":
                table = state.all("pods")
                objects: Iterable[Any] = [table[place] for place in state.by_node.get(component.machine, {})]
            else:
                objects = list(state.all(watch.resource).values())
            for obj in objects:
                change = Change("ADDED", watch.resource, obj, None, int(obj["metadata"]["resourceVersion"]))
                self.queue(runner, watch.keys(change, scope), change.revision)
        self.queue(runner, component.start(scope), 0)
        syncing.pump(self, runner)

    def fork(self) -> Engine:
        """Another future of the same past. What is immutable is shared; all tables are copied."""
        new = Engine.__new__(Engine)
        for name in ("now_ns", "start_ns", "timing", "release", "gates", "moving", "wake", "silent"):
            setattr(new, name, getattr(self, name))
        new.cores = self.cores.fork() if self.cores is not None else None
        new.reflectors = self.reflectors.fork()
        new._routes = {resource: routes[:] for resource, routes in self._routes.items()}
        new._node_routes = {node: routes[:] for node, routes in self._node_routes.items()}
        new.streams = self.streams.fork()
        new.wakes = self.wakes.fork()
        new.store = self.store.fork()
        new.server = self.server.fork(new.store, new.streams)
        new.trailing = self.trailing.fork()
        new.trouble = self.trouble.copy()
        new.lagging = {name: state.fork() for name, state in self.lagging.items()}
        new.runners = {name: runner.fork() for name, runner in self.runners.items()}
        new.machines = {
            name: {table: rows.copy() if rows else {} for table, rows in tables.items()} for name, tables in self.machines.items()
        }
        return new

    # -- what components get ---------------------------------------------------------------------------------------------
    def scope(self, runner: Runner, key: Key) -> Scope:
        """What a component may use now. Each runner has one scope, set to the instant and the key: nobody keeps it beyond them."""
        scope = runner.scope
        if scope is None:
            scope = runner.scope = self._new_scope(runner)
        scope.now_ns = scope.view.now_ns = self.now_ns
        scope.view.state = self.lagging.get(runner.name, self.trailing) if self.lagging else self.trailing
        scope.attempt = runner.failures.get(key, 0) if runner.failures else 0
        return scope

    def _new_scope(self, runner: Runner) -> Scope:
        return Scope(
            View(self.trailing, runner.own, self.now_ns, self.release),
            runner.memory,
            self.now_ns,
            self.streams,
            self.timing,
            runner.name,
            self.release,
            self.gates,
            self.machines[runner.component.machine],
            self.machines,
        )

    def latency_ns(self, call: Call) -> int:
        timing = self.timing
        base = timing.read_ns if call.verb in READS else timing.write_ns
        if not timing.jitter or not base:
            return base
        return base + int(base * timing.jitter * (2 * self.streams.uniform("latency") - 1))

    # -- wakes -----------------------------------------------------------------------------------------------------------
    def wake_at(self, time_ns: int, component: str, key: Key) -> None:
        """Ask for a wake that counts as something still moving."""
        self.moving += 1
        wakes = self.wakes
        wakes.sequence = sequence = wakes.sequence + 1
        heappush(wakes.heap, (time_ns, sequence, component, key))

    def later(self, runner: Runner, key: Key, after_ns: int, cause: int = 0) -> None:
        """Queue a key after a delay because of revision ``cause``; an earlier pending time for the same key wins."""
        due_ns = self.now_ns + after_ns
        known = runner.waiting.get(key)
        if known is not None and known <= due_ns:
            return
        runner.waiting[key] = due_ns
        if key[0] in runner.component.background:
            self.wakes.add(due_ns, runner.name, ("background", runner.epoch, key, cause))
        else:
            self.wake_at(due_ns, runner.name, ("later", runner.epoch, key, cause))

    def nudge(self, nudge: Nudge, cause: int) -> None:
        runner = self.runners.get(nudge.component)
        if runner is not None and runner.alive:
            self.later(runner, nudge.key, nudge.after_ns, cause)

    def queue(self, runner: Runner, keys: Iterable[Key | Later], cause: int = 0) -> None:
        """Queue keys, now or later, because of revision ``cause``."""
        for found in keys:
            if type(found) is Later:
                if found.after_ns > 0:
                    self.later(runner, found.key, found.after_ns, cause)
                    continue
                found = found.key
            runner.enqueue(found, cause, self.wake)  # type: ignore[arg-type]

    # -- running ---------------------------------------------------------------------------------------------------------
    def run_one(self) -> None:
        """Process the next wake: time moves to it, and all that follows at once happens."""
        time_ns, sequence, name, key = heappop(self.wakes.heap)
        if time_ns > self.now_ns:
            self.now_ns = time_ns
        if not sequence:
            reflectors.due(self, time_ns)
            return
        self.wake = sequence
        what = key[0]
        if what != "background":
            self.moving -= 1
        if not name:
            self._deliver(key[1])
            return
        runner = self.runners.get(name)
        if runner is None:
            return
        if what == "lagged":
            self._lagged(runner, key[1])
            return
        if not runner.alive or key[1] != runner.epoch:
            return
        if what == "call":
            syncing.answer(self, runner, key[2])
        elif what == "arrive":
            syncing.arrive(self, runner, key[2])
        elif runner.waiting.get(key[2]) == time_ns:
            del runner.waiting[key[2]]
            if runner.steady is not None and what == "background" and syncing.steady(self, runner, key[2], key[3]):
                return
            runner.enqueue(key[2], key[3], sequence)
        elif what == "late":
            syncing.answer(self, runner, key[2], late=True)
        elif what == "lost":
            self.moving += 1  # it did not count
            syncing.lost(self, runner, key[2])
        syncing.pump(self, runner)

    def handle(self, request: Request) -> Response:
        """One call through the request line, and the wakes that its commits need."""
        head = self.store.head
        before = head.revision
        response = self.server.handle(request, self.now_ns)
        if head.revision != before:
            at_ns = self.now_ns + self.timing.watch_ns if self.cores is None else self._told_ns(self.store.log.since(before))
            self.wake_at(at_ns, "", ("deliver", head.revision))
        return response

    def _told_ns(self, commits: Iterable[Commit]) -> int:
        """When watchers have processed the commits, where that takes the time of shared cores."""
        processes = sum(self._listeners(commit.key[0]) for commit in commits)
        return cores.told(self, self.cores, processes) if self.cores is not None else self.now_ns

    def _listeners(self, resource: str) -> int:
        """How many processes watch a resource: the controllers are one."""
        agents = {self.runners[name].component.identity.agent: True for name, _ in self._routes.get(resource, ())}
        return len(agents) + (1 if resource == "pods" and self._node_routes else 0)

    def _deliver(self, revision: int) -> None:
        """The watch delay of some commits has passed: the trailing state moves on, and components are told."""
        touched: dict[str, None] = {}
        log = self.store.log
        for number in range(self.trailing.revision + 1, revision + 1):
            commit = log.at(number)
            self.trailing.apply(commit)
            self._tell(commit, touched)
        for name in touched:
            syncing.pump(self, self.runners[name])

    def catch_up(self) -> None:
        """Deliver what is committed without letting anybody act on it: for looking ahead in a fork."""
        for name in list(self.lagging):
            self.lag(name, 0)
        touched: dict[str, None] = {}
        for commit in self.store.log.since(self.trailing.revision):
            self.trailing.apply(commit)
            self._tell(commit, touched)

    def _tell(self, commit: Commit, touched: dict[str, None]) -> None:
        resource = commit.key[0]
        change = new_tuple(Change, (commit.type, resource, commit.object, commit.old, commit.revision))
        writer = self.runners.get(self.store.log.caller(commit))
        if writer is not None and not (self.lagging and writer.name in self.lagging):
            mine = writer.own.get(commit.key)
            if mine is not None and mine[0] <= commit.revision:
                del writer.own[commit.key]
        routes = self._routes.get(resource)
        if routes:
            self._tell_all(routes, change, touched)
        if resource == "pods":
            node = commit.object["spec"].get("nodeName")
            if node:
                referred.pod_changed(self, node, commit)
                self._tell_all(self._node_routes.get(node, ()), change, touched)

    def _tell_all(self, routes: Iterable[tuple[str, Watch]], change: Change, touched: dict[str, None]) -> None:
        runners, now_ns = self.runners, self.now_ns
        for name, watch in routes:
            runner = runners[name]
            if not runner.alive:
                continue
            if runner.lag_ns:
                if runner.lag_ns > 0:
                    self.wake_at(now_ns + runner.lag_ns, name, ("lagged", change.revision))
                continue
            scope = runner.scope
            if scope is None or scope.now_ns != now_ns or self.lagging:
                scope = self.scope(runner, ())
            scope.attempt = 0
            keys = watch.keys(change, scope)
            if keys:
                self.queue(runner, keys, change.revision)
                touched[name] = None

    def _lagged(self, runner: Runner, revision: int) -> None:
        """Some commits reach a component whose watches lag. Below 0: its connection is made anew, or it has noticed that its runtime hangs."""
        if revision == trouble.RECONNECT:
            trouble.reconnect(self, runner)
        elif revision == trouble.SUSPEND:
            trouble.suspend(self)
        elif runner.lag_ns >= 0:
            self._deliver_lagged(runner, revision)

    def _deliver_lagged(self, runner: Runner, revision: int) -> None:
        """A component whose watches lag catches up with its own state, up to a revision."""
        state = self.lagging.get(runner.name)
        if state is None or not runner.alive:
            return
        log = self.store.log
        for number in range(state.revision + 1, revision + 1):
            commit = log.at(number)
            state.apply(commit)
            mine = runner.own.get(commit.key)
            if mine is not None and mine[0] <= commit.revision:
                del runner.own[commit.key]
            change = Change(commit.type, commit.key[0], commit.object, commit.old, commit.revision)
            for watch in runner.component.watches:
                if watch.resource == change.resource and self._concerns(runner, change):
                    self.queue(runner, watch.keys(change, self.scope(runner, ())), change.revision)
        syncing.pump(self, runner)

    @staticmethod
    def _concerns(runner: Runner, change: Change) -> bool:
        machine = runner.component.machine
        return not machine or change.resource != "pods" or change.object["spec"].get("nodeName") == machine

    # -- faults of components --------------------------------------------------------------------------------------------
    def crash_machine(self, name: str, *, in_order: bool = False) -> None:
        """The components of a machine end; its tables are the caller's to see to. ``in_order``: their connections are closed first."""
        for runner in self.runners.values():
            if runner.component.machine == name:
                if not in_order:
                    reflectors.vanished(self, runner)
                self.crash(runner.name)

    def restart_machine(self, name: str) -> None:
        for runner in list(self.runners.values()):
            if runner.component.machine == name:
                self.restart(runner.name)

    def crash(self, name: str) -> None:
        """A component's process ends: its memory, queue and unanswered calls are gone; nothing it was acknowledged is."""
        runner = self.runners[name]
        runner.alive = False
        reflectors.ended(self, runner)
        runner.epoch += 1
        runner.clear()

    def restart(self, name: str) -> None:
        runner = self.runners[name]
        if not runner.alive:
            self.start(runner)

    def lag(self, name: str, lag_ns: int) -> None:
        """Let a component's watches lag by ``lag_ns`` behind the usual (0: catch up at once and go on as usual; below 0: hear nothing)."""
        runner = self.runners[name]
        if runner.lag_ns < 0 < lag_ns:
            self._deliver_lagged(runner, self.trailing.revision)
        if lag_ns:
            runner.lag_ns = lag_ns
            if name not in self.lagging:
                self.lagging[name] = self.trailing.fork()
        elif name in self.lagging:
            self._deliver_lagged(runner, self.trailing.revision)
            runner.lag_ns = 0
            runner.scope = None
            del self.lagging[name]

    def go_on(self, runner: Runner) -> None:
        """Let a component begin what it has queued."""
        syncing.pump(self, runner)
