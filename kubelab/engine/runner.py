"""A runner: the state of one running component: queues, workers' flights, client bucket, own writes, memory. Plain tables, copied by a fork.

upstream: client-go/util/workqueue (a key runs once at a time; adds meanwhile collapse into one more run; AddAfter keeps the earliest time),
client-go/util/flowcontrol (token bucket).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from kubelab.apiserver.request import User
from kubelab.engine.component import Client, Component, Scope, Tables
from kubelab.engine.plan import Act, Because, Call, Key, Plan
from kubelab.store.log import Object, ObjectKey
from kubelab.world.clock import SECOND
from kubelab.world.codec import value

RETRY_QPS, RETRY_BURST = 10, 100  # upstream: workqueue.DefaultControllerRateLimiter's shared bucket
_ONE_CLIENT: dict[str, Any] = {}


@value
class Flight(NamedTuple):
    """A sync under way: its plan, the batch being sent, and how many answers are missing."""

    key: Key
    plan: Plan
    batch: int
    missing: int
    error: str
    wake: int
    cause: int


@value
class Pending(NamedTuple):
    """A call or act sent and not yet answered. ``flight`` is 0 for the recorder's calls."""

    work: Call | Act
    flight: int
    asked_ns: int
    sent_ns: int
    wake: int
    cause: int
    key: Key
    because: Because | None


class Bucket:
    """A token bucket as a virtual clock: ``theoretical_ns`` is when the bucket would be full again (GCRA)."""

    __slots__ = ("burst_ns", "interval_ns", "theoretical_ns")

    def __init__(self, client: Client, theoretical_ns: int = 0) -> None:
        self.interval_ns = round(SECOND / client.qps)
        self.burst_ns = self.interval_ns * (client.burst - 1)
        self.theoretical_ns = theoretical_ns

    def fork(self) -> Bucket:
        new = Bucket.__new__(Bucket)
        new.interval_ns, new.burst_ns, new.theoretical_ns = self.interval_ns, self.burst_ns, self.theoretical_ns
        return new

    def take(self, now_ns: int) -> int:
        """Reserve one token; returns when it may be used."""
        ready = self.theoretical_ns - self.burst_ns
        at = ready if ready > now_ns else now_ns
        full = self.theoretical_ns
        self.theoretical_ns = (full if full > at else at) + self.interval_ns
        return at


class Runner:
    """One component at work.

    ``queues``: lane → key → (cause revision, wake); ``queued``: whether some queue may hold a key. ``processing``: keys being worked on.
    ``dirty``: keys to run once more. ``waiting``: key → time of its pending look-again. ``failures``: key → failed syncs.
    ``own``: object key → (revision, object).
    ``bucket``: that of its client; ``buckets``: those of its further clients by name (None: no limit), ``through``: see ``Component``.
    ``outbox``: the recorder's unsent events. ``memory``: the component's own tables. ``epoch`` grows at each crash, so that old wakes die.
    ``scope``: what the component is given, made by the engine from the rest when first asked for. ``steady``: the component's own, if it has
    one: after how long to look again at a background key of which nothing has changed, None if a sync is needed.
    """

    __slots__ = (
        "alive",
        "bucket",
        "buckets",
        "busy",
        "component",
        "dirty",
        "epoch",
        "failures",
        "flights",
        "index",
        "lag_ns",
        "lanes",
        "last_event_ns",
        "memory",
        "name",
        "outbox",
        "own",
        "pending",
        "processing",
        "queued",
        "queues",
        "recorder",
        "retries",
        "scope",
        "sending",
        "serial",
        "steady",
        "stories",
        "through",
        "user",
        "waiting",
    )

    def __init__(self, component: Component, client: Client, index: int, clients: Mapping[str, Client] = _ONE_CLIENT) -> None:
        self.component = component
        self.lanes = component.lanes
        self.user = User(component.identity.user, component.identity.groups)
        self.steady: Callable[[Scope, Key], int | None] | None = getattr(component, "steady", None)
        self.name = component.name
        self.index = index
        self.bucket = Bucket(client)
        self.buckets = {name: Bucket(each) if each.qps > 0 else None for name, each in clients.items()}
        self.through: Mapping[str, str] = getattr(component, "through", _ONE_CLIENT)
        self.retries = Bucket(Client(RETRY_QPS, RETRY_BURST))
        self.alive = True
        self.epoch = 0
        self.serial = 0
        self.lag_ns = 0
        self.last_event_ns = 0
        self.sending = False
        self.clear()

    def clear(self) -> None:
        """Forget everything, as a process that has just started."""
        self.queues: dict[str, dict[Key, tuple[int, int]]] = {lane: {} for lane in self.lanes}
        self.busy: dict[str, int] = dict.fromkeys(self.lanes, 0)
        self.processing: dict[Key, None] = {}
        self.dirty: dict[Key, tuple[int, int]] = {}
        self.waiting: dict[Key, int] = {}
        self.failures: dict[Key, int] = {}
        self.flights: dict[int, Flight] = {}
        self.pending: dict[int, Pending] = {}
        self.own: dict[ObjectKey, tuple[int, Object | None]] = {}
        self.memory: Tables = {}
        self.recorder: Tables = {}
        self.outbox: dict[int, Pending] = {}
        self.stories: dict[Key, tuple[Any, ...]] = {}
        self.sending = False
        self.queued = False
        self.scope: Scope | None = None
        for bucket in (self.bucket, self.retries, *self.buckets.values()):
            if bucket is not None:
                bucket.theoretical_ns = 0

    def fork(self) -> Runner:
        """A copy with tables of its own. Most are empty at any instant, and there are as many kubelets as nodes."""
        new = Runner.__new__(Runner)
        new.scope = None
        new.component, new.lanes, new.user, new.name, new.index = self.component, self.lanes, self.user, self.name, self.index
        new.steady = self.steady
        new.alive, new.epoch, new.serial, new.lag_ns = self.alive, self.epoch, self.serial, self.lag_ns
        new.last_event_ns, new.sending, new.queued = self.last_event_ns, self.sending, self.queued
        new.bucket, new.retries, new.through = self.bucket.fork(), self.retries.fork(), self.through
        new.buckets = {name: bucket.fork() if bucket is not None else None for name, bucket in self.buckets.items()} if self.buckets else {}
        new.busy = self.busy.copy()
        new.waiting = self.waiting.copy()
        new.stories = self.stories.copy()
        new.processing = self.processing.copy() if self.processing else {}
        new.dirty = self.dirty.copy() if self.dirty else {}
        new.failures = self.failures.copy() if self.failures else {}
        new.flights = self.flights.copy() if self.flights else {}
        new.pending = self.pending.copy() if self.pending else {}
        new.own = self.own.copy() if self.own else {}
        new.outbox = self.outbox.copy() if self.outbox else {}
        new.queues = {lane: queue.copy() if queue else {} for lane, queue in self.queues.items()}
        new.memory = {name: table.copy() for name, table in self.memory.items()}
        new.recorder = {name: table.copy() for name, table in self.recorder.items()}
        return new

    def dump(self) -> dict[str, Any]:
        """Everything that must be kept, as values of the codec."""
        tables = ("queues", "busy", "processing", "dirty", "waiting", "failures", "flights", "pending", "own", "memory", "recorder")
        scalars = ("alive", "epoch", "serial", "lag_ns", "last_event_ns", "sending", "outbox", "stories")
        out = {name: getattr(self, name) for name in tables + scalars}
        further = {name: bucket.theoretical_ns for name, bucket in self.buckets.items() if bucket is not None}
        out["tokens"] = (self.bucket.theoretical_ns, self.retries.theoretical_ns, *((further,) if further else ()))
        return out

    def restore(self, dumped: dict[str, Any]) -> None:
        self.bucket.theoretical_ns, self.retries.theoretical_ns, *further = dumped.pop("tokens")
        for name, theoretical_ns in further[0].items() if further else ():
            bucket = self.buckets.get(name)
            if bucket is not None:
                bucket.theoretical_ns = theoretical_ns
        for name, item in dumped.items():
            setattr(self, name, item)
        self.queued = any(self.queues.values())
        self.scope = None

    def enqueue(self, key: Key, cause: int, wake: int) -> None:
        """Add a key to its queue; a key that is there, or being worked on, is not added twice."""
        if key in self.processing:
            self.dirty.setdefault(key, (cause, wake))
            return
        self.queues[self.component.lane(key)].setdefault(key, (cause, wake))
        self.queued = True

    def next_serial(self) -> int:
        self.serial += 1
        return self.serial
