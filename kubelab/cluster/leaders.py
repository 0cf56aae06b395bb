"""Replicated controllers: of several kube-controller-managers and kube-schedulers a Lease chooses the one that works.

``Cluster(control_planes=3)`` has three replicas of each, ``kube-controller-manager/control-plane-1`` …; each is an elector here. What a binary
runs (its controllers, the scheduler) starts when its elector has become leader, with an empty memory, and ends with the leader's process or
when the leader could not renew in time. The table ``leaders`` of the world's own machine: binary → replica.

upstream: client-go/tools/leaderelection/leaderelection.go, component-base/config/v1alpha1/defaults.go (15 s, 10 s, 2 s),
cmd/kube-controller-manager/app/controllermanager.go, cmd/kube-scheduler/app/options/options.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from kubelab.cluster.active import targets_of
from kubelab.controllers import registry as controllers
from kubelab.engine import reflectors
from kubelab.engine.component import Client, Identity, Later, Scope, Watch
from kubelab.engine.plan import NOTHING, Act, Batch, Call, EventDraft, Key, Plan, Reason, create, reference, update
from kubelab.scheduler import cycles
from kubelab.storage import registry as storage
from kubelab.store.log import Object
from kubelab.world.clock import SECOND, rfc3339_micro
from kubelab.world.timing import Timing

if TYPE_CHECKING:
    from kubelab.engine.engine import Engine

LEASES, NAMESPACE = "leases.coordination.k8s.io", "kube-system"
LEASE_S = 15
RENEW_DEADLINE_NS, RETRY_NS = 10 * SECOND, 2 * SECOND
JITTER = 1.2
LEADERS = "leaders"
ELECT: Key = ("elect",)
MOST = 9
EXTERNAL = ("dynamic-provisioner",)  # a process of its own
MANAGER, SCHEDULER = "kube-controller-manager", "kube-scheduler"
SOURCES = {MANAGER: MANAGER, SCHEDULER: "default-scheduler"}

RENEW = Reason("renew-lease", "{subject}: the leader renews its lease every 2 s")
HELD = Reason("lease-held", "{subject} is held by {holder}")
FREE = Reason("lease-free", "{subject} is free, or has not been renewed for 15 s")
LOST = Reason("lease-lost", "{subject} could not be renewed for 10 s: its leader stops")


def led(binary: str) -> tuple[str, ...]:
    """The components that run in a binary."""
    if binary == SCHEDULER:
        return (cycles.NAME,)
    return tuple(one.name for one in (*controllers.components(), *storage.components()) if one.name not in EXTERNAL)


class Seen(NamedTuple):
    """The lease (None: not there), who asks, whether it leads, since when it tries to renew, and when it last saw the record change."""

    binary: str
    identity: str
    lease: Object | None
    leads: bool
    renewing_ns: int
    observed_ns: int
    now_ns: int
    pause_ns: int


def plan(seen: Seen) -> Plan:
    """upstream: tryAcquireOrRenew, with acquire and renew around it."""
    subject = f"lease/{seen.binary}"
    if seen.leads and seen.now_ns - seen.renewing_ns >= RENEW_DEADLINE_NS:
        because = LOST(subject)
        return Plan((Batch((Act("stop", (), because=because),)),), again_ns=SECOND, because=(because,))
    read = Batch((Call("get", LEASES, NAMESPACE, seen.binary, accept=(404,)),))
    spec = dict(seen.lease["spec"]) if seen.lease is not None else {}
    holder = spec.get("holderIdentity") or ""
    if holder and holder != seen.identity and seen.now_ns < seen.observed_ns + int(spec.get("leaseDurationSeconds") or 0) * SECOND:
        return Plan((read,), again_ns=RETRY_NS if seen.leads else seen.pause_ns, because=(HELD(subject, holder=holder),))
    now = rfc3339_micro(seen.now_ns)
    mine = holder == seen.identity
    spec.update(holderIdentity=seen.identity, leaseDurationSeconds=LEASE_S, renewTime=now)
    if not mine:
        spec.update(acquireTime=now, leaseTransitions=int(spec.get("leaseTransitions") or 0) + 1 if seen.lease is not None else 0)
    because = RENEW(subject) if seen.leads else FREE(subject)
    if seen.lease is None:
        meta = {"name": seen.binary, "namespace": NAMESPACE}
        write = create(LEASES, {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}, because=because)
    else:
        write = update(LEASES, {**seen.lease, "spec": spec}, because=because)
    batches = (read, Batch((write,)), *(() if seen.leads else (Batch((Act("lead", (), because=because),)),)))
    remember = {"lead": {"since": seen.now_ns + RETRY_NS}}
    return Plan(batches, again_ns=RETRY_NS, because=(because,), remember=remember)


@dataclass(frozen=True, slots=True)
class Elector:
    """A replica of a binary, as far as it asks for the lease. Its acts start and stop what the binary runs."""

    name: str
    binary: str
    replica: str
    identity: Identity
    watches: ClassVar[tuple[Watch, ...]] = ()
    lanes: ClassVar[dict[str, int]] = {"": 1}
    max_retries: ClassVar[int | None] = None
    backoff: ClassVar[tuple[int, int]] = (RETRY_NS, RETRY_NS)
    background: ClassVar[frozenset[str]] = frozenset(ELECT)
    machine: ClassVar[str] = ""
    timeouts: ClassVar[dict[str, int]] = {"elect": RENEW_DEADLINE_NS // SECOND // 2}  # upstream: resourcelock.NewFromKubeconfig

    @staticmethod
    def of(name: str) -> Elector:
        binary, _, replica = name.partition("/")
        return Elector(name, binary, replica, Identity(f"system:{binary}", ("system:authenticated",), binary, SOURCES[binary]))

    def client(self, timing: Timing) -> Client:
        return Client(1e9, 10**9)

    def lane(self, key: Key) -> str:
        return ""

    def start(self, scope: Scope) -> Iterable[Key | Later]:
        scope.table("self")["id"] = f"{self.replica}_{scope.streams.uuid(self.name)}"
        return (ELECT,)

    def observe(self, scope: Scope, key: Key) -> Seen:
        lease = scope.view.get(LEASES, NAMESPACE, self.binary)
        table, record = scope.table("observed"), repr(lease["spec"]) if lease is not None else ""
        if table.get("record") != record:
            table.update(record=record, at_ns=scope.now_ns)
        since = scope.table("lead").get("since")
        pause_ns = RETRY_NS + int(JITTER * RETRY_NS * scope.streams.uniform(self.name))
        identity = scope.table("self")["id"]
        return Seen(self.binary, identity, lease, since is not None, since or 0, table["at_ns"], scope.now_ns, pause_ns)

    def plan(self, seen: Seen) -> Plan:
        return plan(seen)

    def act(self, scope: Scope, act: Act) -> Plan:
        return NOTHING

    def act_on_world(self, engine: Engine, act: Act) -> Plan:
        identity = engine.runners[self.name].memory["self"]["id"]
        if act.name == "lead":
            engine.machines[""].setdefault(LEADERS, {})[self.binary] = self.replica
            start_led(engine, self.binary)
            return Plan(events=self._told(engine, f"{identity} became leader"))
        resign(engine, self.name)
        reflectors.anew(engine, engine.runners[self.name])
        events = self._told(engine, f"{identity} stopped leading")
        fresh = f"{self.replica}_{engine.streams.uuid(self.name)}"  # the process ends, and is started again
        return Plan(events=events, note={"lead": {"since": None}, "self": {"id": fresh}})

    def _told(self, engine: Engine, words: str) -> tuple[EventDraft, ...]:
        lease = engine.store.head.get(LEASES, NAMESPACE, self.binary)
        return (EventDraft(reference(lease), "Normal", "LeaderElection", words),) if lease is not None else ()


# -- what a cluster does with them ----------------------------------------------------------------------------------------------
def names(control_planes: int) -> tuple[str, ...]:
    """The replicas of both binaries."""
    return tuple(f"{binary}/control-plane-{number + 1}" for binary in SOURCES for number in range(control_planes))


def is_replica(name: str) -> bool:
    return name.partition("/")[0] in SOURCES and "/" in name


def register(engine: Engine, replicas: Iterable[str]) -> dict[str, None]:
    """Add electors; what waits for a leader now, and does not start."""
    for name in replicas:
        engine.register(Elector.of(name))
    waiting = dict.fromkeys(component for binary in SOURCES for component in led(binary))
    for component in waiting:
        engine.runners[component].alive = False
    return waiting


def leader(engine: Engine, binary: str) -> str | None:
    """The replica that leads, "" if none does now, None if this cluster has no replicas."""
    if not any(is_replica(name) for name in engine.runners):
        return None
    found: str = engine.machines[""].get(LEADERS, {}).get(binary, "")
    return found


def may_start(engine: Engine, component: str) -> bool:
    """Whether a component has a process to run in."""
    return all(leader(engine, binary) != "" for binary in SOURCES if component in led(binary))


def start_led(engine: Engine, binary: str) -> None:
    """A binary's components begin anew, those excepted that a fault keeps down."""
    down = targets_of(engine, "ComponentCrash")
    for component in led(binary):
        engine.crash(component)
        if component not in down:
            engine.restart(component)


def resign(engine: Engine, name: str) -> None:
    """A replica's process has ended; if it led, all that it ran has."""
    binary, _, replica = name.partition("/")
    table: dict[str, Any] = engine.machines[""].get(LEADERS, {})
    if table.get(binary) == replica:
        del table[binary]
        for component in led(binary):
            engine.crash(component)


def check(control_planes: int | None) -> int:
    """The number of replicas; ValueError says which will do."""
    if control_planes is None:
        return 0
    if isinstance(control_planes, bool) or not isinstance(control_planes, int) or not 1 <= control_planes <= MOST:
        raise ValueError(
            f"control_planes={control_planes!r}: give a number from 1 to {MOST}, or None for one of each that leads without a lease"
        )
    return control_planes
