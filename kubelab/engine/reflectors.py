"""Reflectors: each informer lists, then watches; the server ends a watch after five to ten minutes, and the reflector asks again where it was.

What components know comes to them by the engine's deliveries; here are the calls with which a real one gets it, as plain data: one heap of what
is due, of which the engine's own heap holds the next. They change nothing else: they draw from a stream of their own, take tokens of their own
(as many as upstream's, which at one in a minute or so hold up nobody), and nothing waits for them.

upstream: client-go/tools/cache/reflector.go, apiserver/pkg/endpoints/handlers/{get,watch}.go (the end of a watch),
apiserver/pkg/storage/cacher (bookmarks), 1.28. docs/adr/0009-informers.md
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

from kubelab.apiserver import faults
from kubelab.apiserver.informers import STREAM, ask, over, request_of
from kubelab.engine import component, informers, trouble
from kubelab.engine.runner import Bucket
from kubelab.store.informer_calls import Reflector
from kubelab.world.clock import MILLISECOND, SECOND
from kubelab.world.wakes import Wake

if TYPE_CHECKING:
    from kubelab.engine.engine import Engine
    from kubelab.engine.runner import Runner

MIN_WATCH_S = 300  # upstream: minWatchTimeout; each watch is given once to twice of it
BOOKMARK_NS = 2 * SECOND  # a watch that is about to end is told the newest revision this long before, at a whole second
SYNC_PERIOD_NS = SECOND  # upstream: WaitForAPIServerSyncPeriod
BACKOFF_NS, BACKOFF_MAX_NS = 800 * MILLISECOND, 30 * SECOND
LISTED, BEGUN, ENDED, FORGOTTEN, ASKS = range(5)
"""What is due: a list is answered; a watch begins; one ends; one ends at the server that its client has left; a client asks again."""

Due = tuple[int, int, int, int, int, int, int, int]  # (due_ns, number, reflector, epoch, what, row or version, received_ns, wait_ns)
WAKE = ("background", "informers")


class Reflectors:
    """``due``: a heap. By the number of a reflector: ``epochs`` (what is due of another is void), ``open`` (the row of its watch, -1 none),
    ``versions`` (what it has seen), ``failures``. ``running``: process → its reflectors, ``buckets``: process and agent → its client's limit,
    ``held``: reflector of a kubelet → how many of its pods refer to the object."""

    __slots__ = ("buckets", "due", "epochs", "failures", "held", "number", "open", "running", "told", "versions", "wake_ns")

    def __init__(self) -> None:
        self.due: list[Due] = []
        self.number = 0
        self.wake_ns = 0
        self.epochs: list[int] = []
        self.open: list[int] = []
        self.versions: list[int] = []
        self.failures: dict[int, int] = {}
        self.running: dict[str, tuple[int, ...]] = {}
        self.buckets: dict[tuple[str, str], Bucket] = {}
        self.held: dict[int, int] = {}
        self.told = (0, 0)  # an instant, and the revision of then

    def fork(self) -> Reflectors:
        new = Reflectors()
        new.due, new.number, new.wake_ns = self.due[:], self.number, self.wake_ns
        new.epochs, new.open, new.versions = self.epochs[:], self.open[:], self.versions[:]
        new.failures, new.running, new.held = self.failures.copy(), self.running.copy(), self.held.copy()
        new.buckets = {key: bucket.fork() for key, bucket in self.buckets.items()}
        return new

    def state(self) -> tuple[Any, ...]:
        """What a saved world keeps."""
        tokens = {key: (bucket.interval_ns, bucket.burst_ns, bucket.theoretical_ns) for key, bucket in self.buckets.items()}
        tables = (self.failures, self.running, self.held, tokens)
        return (self.due, self.number, self.wake_ns, self.epochs, self.open, self.versions, *tables)

    @classmethod
    def restored(cls, state: tuple[Any, ...]) -> Reflectors:
        new = cls()
        due, new.number, new.wake_ns, new.epochs, new.open, new.versions, new.failures, new.running, new.held, tokens = state
        new.due = [tuple(each) for each in due]
        for key, (interval_ns, burst_ns, theoretical_ns) in tokens.items():
            bucket = new.buckets[key] = Bucket(component.Client(1, 1), theoretical_ns)
            bucket.interval_ns, bucket.burst_ns = interval_ns, burst_ns
        return new


# -- processes ------------------------------------------------------------------------------------------------------------
def process_of(runner: Runner) -> str:
    """The process that a component's informers belong to: controllers share the manager's, others have their own; "" none."""
    one = runner.component
    agent = one.identity.agent
    if agent == informers.MANAGER:
        return informers.MANAGER if one.watches else ""
    return runner.name if agent in informers.TABLE else ""


def started(engine: Engine, runner: Runner) -> None:
    """A component begins; the informers of its process do, if it is the first of it."""
    process = process_of(runner)
    if not process or process in engine.reflectors.running:
        return
    one = runner.component
    if one.identity.agent == informers.SCHEDULER and one.watches and any(_is_replica(other) for other in engine.runners.values()):
        return  # replicas of the scheduler are told of everything also before they lead
    found = informers.clients(one.identity.agent, one.identity, one.machine, engine.timing, engine.release)
    _begin(engine, process, found)


def _is_replica(runner: Runner) -> bool:
    return runner.name.startswith(f"{informers.SCHEDULER}/")


def started_server(engine: Engine) -> None:
    """The API server's own informers."""
    _begin(engine, informers.APISERVER, (informers.of_api_server(engine.release),))


def _begin(engine: Engine, process: str, clients: tuple[informers.Client, ...]) -> None:
    state = engine.reflectors
    numbers: list[int] = []
    for client in clients:
        if client.qps:
            state.buckets[process, client.agent] = Bucket(component.Client(client.qps, client.burst))
        for one in client.informers:
            reflector = Reflector(process, client.user, client.agent, one.resource, one.namespace, one.selector, one.bare)
            numbers.append(begun(engine, reflector, _waits_ns(engine, process, one)))
    state.running[process] = tuple(numbers)
    wait(engine)


def _waits_ns(engine: Engine, process: str, one: informers.Informer) -> int:
    """A kubelet lists its pods when it has seen its node, for which it looks once a second. A world begins with kubelets that have done so.

    upstream: pkg/kubelet/config/apiserver.go NewSourceApiserver, 1.28 (not in 1.7).
    """
    is_source = one.bare and one.resource == "pods" and process.startswith(f"{informers.KUBELET}/")
    late = engine.now_ns > engine.start_ns and engine.release != "1.7" and engine.timing.read_ns
    return SYNC_PERIOD_NS if is_source and late else 0


def begun(engine: Engine, reflector: Reflector, wait_ns: int = 0) -> int:
    """A reflector lists what is there, at once or after a while."""
    state = engine.reflectors
    who = engine.store.log.informers.number_of(reflector)
    if who == len(state.epochs):
        state.epochs.append(0)
        state.open.append(-1)
        state.versions.append(0)
    state.versions[who] = 0
    if wait_ns:
        _put(state, engine.now_ns + wait_ns, who, ASKS, 1)
    else:
        _list(engine, who, reflector)
    return who


def ended(engine: Engine, runner: Runner) -> None:
    """A component's process ends: so do its watches, unless other components of the process live on."""
    process = process_of(runner)
    if not process or process not in engine.reflectors.running:
        return
    if process != runner.name and any(other.alive and process_of(other) == process for other in engine.runners.values()):
        return
    _leave(engine, process, heard=True)


def anew(engine: Engine, runner: Runner) -> None:
    """A component's process ends and is started again."""
    ended(engine, runner)
    started(engine, runner)


def vanished(engine: Engine, runner: Runner) -> None:
    """A component's machine is gone without a word: the server holds its watches until their time is over."""
    process = process_of(runner)
    if process in engine.reflectors.running:
        _leave(engine, process, heard=False)


def _leave(engine: Engine, process: str, *, heard: bool) -> None:
    state = engine.reflectors
    for who in state.running.pop(process):
        stop(engine, who, heard=heard)
        state.held.pop(who, None)


def stop(engine: Engine, who: int, *, heard: bool) -> None:
    """A reflector asks no more; its watch ends, now or (if nobody has told the server) at its time."""
    state, log = engine.reflectors, engine.store.log
    state.epochs[who] += 1
    state.failures.pop(who, None)
    row, state.open[who] = state.open[who], -1
    if row < 0:
        return
    if heard:
        _end(engine, row)
    else:
        due_ns = log.informers.received[row] + log.informers.timeout[row] * SECOND
        _put(state, due_ns, who, FORGOTTEN, row)
        wait(engine)


def mended(engine: Engine, machine: str, begun_ns: int) -> None:
    """A machine that was cut off can be reached again. Its kubelet has given its connection up after a while; with the new one it lists from
    what it has seen, and watches. The server has heard of nothing, and holds the old watches."""
    at_ns = trouble.reconnected_ns(begun_ns, engine.now_ns)
    if at_ns <= begun_ns + trouble.DEAD_AFTER_NS:
        return
    state = engine.reflectors
    for who in state.running.get(f"{informers.KUBELET}/{machine}", ()):
        stop(engine, who, heard=False)
        _put(state, at_ns, who, ASKS, 1)
    wait(engine)


# -- what is due ----------------------------------------------------------------------------------------------------------
def due(engine: Engine, at_ns: int) -> None:
    """Their wake: do what is due."""
    state = engine.reflectors
    if at_ns != state.wake_ns:
        return
    state.wake_ns = 0
    heap = state.due
    while heap and heap[0][0] <= at_ns:
        _, _, who, epoch, what, given, received_ns, wait_ns = heappop(heap)
        if what == FORGOTTEN:
            _end(engine, given)
        elif epoch == state.epochs[who]:
            _go_on(engine, who, what, given, received_ns, wait_ns)
    wait(engine)


def _go_on(engine: Engine, who: int, what: int, given: int, received_ns: int, wait_ns: int) -> None:
    state, log = engine.reflectors, engine.store.log
    reflector = log.informers.reflectors[who]
    if engine.trouble and what != ENDED and _cut(engine, reflector) is not None:
        _put(state, engine.now_ns + SECOND, who, ASKS, given if what == ASKS else int(what == LISTED))  # nothing arrives
        return
    if what == LISTED:
        _listed(engine, who, reflector, given, received_ns, wait_ns)
    elif what == BEGUN:
        _watching(engine, who, reflector, given, received_ns, wait_ns)
    elif what == ASKS:
        if given:
            _list(engine, who, reflector)
        else:
            _watch(engine, who, reflector)
    else:
        state.open[who] = -1
        _end(engine, given)
        state.versions[who] = max(state.versions[who], _bookmark(engine, reflector))
        _watch(engine, who, reflector)


def _list(engine: Engine, who: int, reflector: Reflector) -> None:
    _send(engine, who, reflector, "list", LISTED)


def _watch(engine: Engine, who: int, reflector: Reflector) -> None:
    _send(engine, who, reflector, "watch", BEGUN)


def _send(engine: Engine, who: int, reflector: Reflector, verb: str, what: int) -> None:
    """A call goes into the client's queue; it is answered when its token is there and its latency has passed."""
    state, now_ns, timing = engine.reflectors, engine.now_ns, engine.timing
    bucket = state.buckets.get((reflector.component, reflector.agent))
    sent_ns = bucket.take(now_ns) if bucket is not None else now_ns
    latency_ns = timing.read_ns
    if timing.jitter and latency_ns:
        latency_ns += int(latency_ns * timing.jitter * (2 * engine.streams.uniform(STREAM) - 1))
    if engine.server.faults:
        latency_ns += faults.delay(engine.server, verb, reflector.resource, reflector.user.name, reflector.component, STREAM)
    _put(state, sent_ns + latency_ns, who, what, state.versions[who], sent_ns, sent_ns - now_ns)


def _listed(engine: Engine, who: int, reflector: Reflector, version: int, received_ns: int, wait_ns: int) -> None:
    log, state = engine.store.log, engine.reflectors
    outcome = ask(engine.server, request_of(reflector, "list"))
    log.informers.add(who, outcome, len(log.calls), received_ns, engine.now_ns, wait_ns, version)
    if outcome.code >= 400:
        _again_later(engine, who)
        return
    state.versions[who] = engine.store.head.revision
    _watch(engine, who, reflector)


def _watching(engine: Engine, who: int, reflector: Reflector, version: int, received_ns: int, wait_ns: int) -> None:
    log, state = engine.store.log, engine.reflectors
    outcome = ask(engine.server, request_of(reflector, "watch"))
    timeout_s = MIN_WATCH_S + engine.streams.below(STREAM, MIN_WATCH_S)
    row = log.informers.add(who, outcome, len(log.calls), received_ns, engine.now_ns, wait_ns, version, timeout_s)
    if outcome.code >= 400:
        _again_later(engine, who)
        return
    state.failures.pop(who, None)
    state.open[who] = row
    _put(state, received_ns + timeout_s * SECOND, who, ENDED, row)


def _end(engine: Engine, row: int) -> None:
    """A watch ends, now."""
    log = engine.store.log
    log.informers.end(row, engine.now_ns, len(log.calls))
    over(engine.server, log.informers.outcomes[log.informers.how[row]])


def _again_later(engine: Engine, who: int) -> None:
    """Back-off, then it lists again. Upstream: ListAndWatch within wait.BackoffUntil, jitter 1.0."""
    state = engine.reflectors
    failures = state.failures.get(who, 0)
    state.failures[who] = failures + 1
    pause_ns = min(BACKOFF_NS << min(failures, 8), BACKOFF_MAX_NS)
    _put(state, engine.now_ns + int(pause_ns * (1 + engine.streams.uniform(STREAM))), who, ASKS, 1)


def _cut(engine: Engine, reflector: Reflector) -> trouble.Cut | None:
    kind, _, node = reflector.component.partition("/")
    return trouble.cut_of(engine, node) if kind == informers.KUBELET else None


def _bookmark(engine: Engine, reflector: Reflector) -> int:
    """What a watch that ends now has been told: the revision of the last bookmark, or of the newest change of its kind since."""
    store, state = engine.store, engine.reflectors
    at_ns = (engine.now_ns - BOOKMARK_NS) // SECOND * SECOND
    if state.told[0] != at_ns:
        state.told = (at_ns, store.revision_at(at_ns))
    told = state.told[1]
    return told if reflector.selector else max(told, store.head.touched.get(reflector.resource, 0))


def _put(state: Reflectors, due_ns: int, who: int, what: int, given: int, received_ns: int = 0, wait_ns: int = 0) -> None:
    state.number += 1
    heappush(state.due, (due_ns, state.number, who, state.epochs[who], what, given, received_ns, wait_ns))


def wait(engine: Engine) -> None:
    """Ask for a wake at what is due next. It has the sequence 0, which no other has, so that those are as they were without it."""
    state = engine.reflectors
    if state.due and (not state.wake_ns or state.due[0][0] < state.wake_ns):
        state.wake_ns = state.due[0][0]
        wake: Wake = (state.wake_ns, 0, "", WAKE)
        heappush(engine.wakes.heap, wake)
