"""Components: what the engine runs. Each watches, observes, and plans; its memory is plain tables.

upstream: a controller with its informers, work queue, workers and client (pkg/controller/*, client-go/util/workqueue).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from kubelab.engine.plan import NOTHING, Act, Key, Plan
from kubelab.store.log import Object
from kubelab.store.view import View
from kubelab.world.streams import Streams
from kubelab.world.timing import Timing

Tables = dict[str, dict[Any, Any]]
EVENTS = "events"  # the client that a component's recorder sends through, where it has its own


class Change(NamedTuple):
    """A change of an object as a watch delivers it. ``old`` is None for ADDED; for DELETED ``object`` is the last state."""

    type: str  # ADDED, MODIFIED, DELETED
    resource: str
    object: Object
    old: Object | None
    revision: int


@dataclass(frozen=True, slots=True)
class Watch:
    """What to be told of. ``keys(change, scope)`` maps a change to the keys to look at; it may note facts in ``scope.memory``.

    A key may be ``(after_ns, key)`` wrapped in ``Later`` to be queued later.
    """

    resource: str
    keys: Callable[[Change, Scope], Iterable[Key | Later]]


@dataclass(frozen=True, slots=True)
class Later:
    """A key to be queued after a delay."""

    after_ns: int
    key: Key


@dataclass(frozen=True, slots=True)
class Identity:
    """Under which name a component calls. ``agent`` is its user agent, and so its field manager; ``source`` its Event source component."""

    user: str
    groups: tuple[str, ...]
    agent: str
    source: str
    host: str = ""


@dataclass(frozen=True, slots=True)
class Client:
    """The limits of one client: requests per second and burst (token bucket); a rate below 0 is none (upstream: rest.Config.QPS)."""

    qps: float
    burst: int = 0


UNLIMITED = Client(-1)


@dataclass(slots=True)
class Scope:
    """What a component may use to observe: its view, its memory (tables; values immutable), time, chance, timing, and who it is.

    ``local``: the tables of the machine it runs on (disks, containers): they outlive the component; ``machines``: those of all machines by
    name, for the simulated network alone. ``release`` is "1.28" or "1.7"; ``gates`` the feature gates that differ from their default.
    """

    view: View
    memory: Tables
    now_ns: int
    streams: Streams
    timing: Timing
    name: str
    release: str
    gates: dict[str, bool]
    local: Tables
    machines: dict[str, Tables]
    attempt: int = 0  # failures of this key so far

    def table(self, name: str) -> dict[Any, Any]:
        """A table of the memory, made when first asked for."""
        found = self.memory.get(name)
        if found is None:
            found = self.memory[name] = {}
        return found


class Component(Protocol):
    """One component. Stateless: everything that lasts is in its memory, everything that is true is in the log.

    ``lanes``: lane → number of workers (0: no limit); ``lane(key)`` says in which lane a key runs. ``max_retries``: failures after which
    a key is dropped (None: never). ``backoff``: (base_ns, max_ns) of the per-key back-off. ``background``: first elements of keys whose
    waiting does not count as something still moving (heartbeats, probes, resyncs). ``machine``: whose ``local`` tables it uses ("" none).

    ``client``: the limits of what it calls with. A component may have more than one (optional): ``clients(timing, release)`` gives those
    that are beside it by name, and ``through`` says by the first word of a key which of them the calls of its syncs go through; events go
    through the one named ``EVENTS``, if there is one. Each has a bucket of its own.
    """

    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> Identity: ...

    @property
    def watches(self) -> tuple[Watch, ...]: ...

    @property
    def lanes(self) -> dict[str, int]: ...

    @property
    def max_retries(self) -> int | None: ...

    @property
    def backoff(self) -> tuple[int, int]: ...

    @property
    def background(self) -> frozenset[str]: ...

    @property
    def machine(self) -> str: ...

    def start(self, scope: Scope) -> Iterable[Key | Later]:
        """Keys to look at when the component starts (or starts again), besides those that its watches give for all present objects."""

    def act(self, scope: Scope, act: Act) -> Plan:
        """Do an ``Act`` that has taken its time."""

    def client(self, timing: Timing) -> Client: ...

    def lane(self, key: Key) -> str: ...

    def observe(self, scope: Scope, key: Key) -> Any:
        """What the plan needs to know, or None if there is nothing to decide."""

    def plan(self, seen: Any) -> Plan:
        """Pure: from what was observed to what shall be done."""


def service_account(name: str, *, source: str = "") -> Identity:
    """The identity of a controller of the controller manager.

    upstream: cmd/kube-controller-manager/app/controllermanager.go, client builder per controller.
    """
    return Identity(
        user=f"system:serviceaccount:kube-system:{name}",
        groups=("system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"),
        agent="kube-controller-manager",
        source=source or name,
    )


@dataclass(frozen=True, slots=True)
class Controller:
    """A ``Component`` of the usual make: one lane, one queue, the controller manager's client.

    ``observe`` and ``plan`` are module-level functions.
    """

    name: str
    identity: Identity
    watches: tuple[Watch, ...]
    observe: Callable[[Scope, Key], Any]
    plan: Callable[[Any], Plan]
    workers: int = 5
    max_retries: int | None = None
    backoff: tuple[int, int] = (5_000_000, 1_000_000_000_000)
    qps: float | None = None
    burst: int | None = None
    background: frozenset[str] = frozenset()
    machine: str = ""
    first: tuple[Key | Later, ...] = ()
    silent: bool = False  # tells no events: takes no number among those who name them

    def start(self, scope: Scope) -> Iterable[Key | Later]:
        return self.first

    def act(self, scope: Scope, act: Act) -> Plan:
        return NOTHING

    @property
    def lanes(self) -> dict[str, int]:
        return {"": self.workers}

    def lane(self, key: Key) -> str:
        return ""

    def client(self, timing: Timing) -> Client:
        return Client(self.qps or timing.client_qps, self.burst or timing.client_burst)
