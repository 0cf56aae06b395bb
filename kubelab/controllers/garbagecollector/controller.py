"""The garbage collector as a component: it watches everything that can be deleted, and has 20 workers to delete and 20 to orphan.

upstream: pkg/controller/garbagecollector/garbagecollector.go, cmd/kube-controller-manager/app/core.go (the client's limits), 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from kubelab.controllers.garbagecollector import attempt
from kubelab.controllers.garbagecollector.attempt import MISPLACED, Seen
from kubelab.controllers.garbagecollector.graph import (
    ABSENT,
    Owner,
    changed_keys,
    collected_resources,
    dependents_of,
    has_finalizer,
    is_deleting,
    owner_of,
    waits_for_dependents,
)
from kubelab.controllers.garbagecollector.graph import ORPHAN as ORPHAN_FINALIZER
from kubelab.engine.component import Client, Identity, Later, Scope, Watch, service_account
from kubelab.engine.plan import NOTHING, Act, Key, Plan, Reason, wait
from kubelab.store.log import Object
from kubelab.world.clock import SECOND
from kubelab.world.timing import Timing

MAPPER, MAPPED_NS = "mapper", 30 * SECOND
DISCOVERY_CALLS = 39  # as recorded: /api, /apis and 37 group versions
DISCOVERING = Reason("Discovering", "which resource a kind is must be discovered anew, as every 30 s")


class Unmapped(NamedTuple):
    """The kinds are being discovered."""

    ready_in_ns: int


def observe(scope: Scope, key: Key) -> Seen | Unmapped | None:
    seen = _observe(scope, key)
    if seen is not None and scope.timing.cores and (ready_in_ns := _mapper_ready_ns(scope) - scope.now_ns) > 0:
        return Unmapped(ready_in_ns)
    return seen


def _mapper_ready_ns(scope: Scope) -> int:
    """When the kinds are known: the mapper forgets them every 30 s, and who asks first makes a discovery, for which all wait.

    upstream: CreateControllerContext in cmd/kube-controller-manager/app/controllermanager.go. Modelled where the timing has ``cores``; the
    calls take their time but are not on record.
    """
    mapper, timing, period = scope.table(MAPPER), scope.timing, scope.now_ns // MAPPED_NS
    if mapper.get("period") != period:
        tokens_ns = round(max(0, DISCOVERY_CALLS - timing.client_burst) / timing.client_qps * SECOND)
        mapper.update(period=period, ready_ns=scope.now_ns + tokens_ns + DISCOVERY_CALLS * timing.read_ns // timing.cores)
    return int(mapper["ready_ns"])


def _observe(scope: Scope, key: Key) -> Seen | None:
    view = scope.view
    obj = view.get(key[1], key[2], key[3])
    if obj is None or obj["metadata"]["uid"] != key[4]:
        return None
    if key[0] == "orphan":
        if not is_deleting(obj) or not has_finalizer(obj, ORPHAN_FINALIZER):
            return None
        return Seen(key, obj, (), tuple(dependents_of(view, key[4])), ())
    if waits_for_dependents(obj):
        return Seen(key, obj, (), tuple(dependents_of(view, key[4])), ())
    if is_deleting(obj):
        return None
    owners = tuple(owner_of(view, reference, key[2]) for reference in obj["metadata"].get("ownerReferences") or ())
    absent = tuple(scope.memory.get(ABSENT) or ())
    elsewhere = tuple(owner.reference for owner in owners if owner.object is None and _lives_elsewhere(scope, owner, key[2], absent))
    dependents = tuple(dependents_of(view, key[4])) if any(owner.object is not None for owner in owners) else ()
    return Seen(key, obj, owners, dependents, absent, elsewhere)


def _lives_elsewhere(scope: Scope, owner: Owner, namespace: str, absent: tuple[str, ...]) -> bool:
    """Whether an absent owner is a living object of another namespace: then the reference was never a good one.

    It is searched for once per owner: what the search said is known for its other dependents.
    """
    if owner.kind is None or not owner.kind.namespaced:
        return False
    uid, name = owner.reference["uid"], owner.reference["name"]
    if uid in absent:
        return uid in scope.table(MISPLACED)
    candidates: Iterable[Object] = scope.view.state.all(owner.kind.resource).values()
    return any(
        each["metadata"]["name"] == name and each["metadata"]["uid"] == uid and each["metadata"].get("namespace", "") != namespace
        for each in candidates
    )


@dataclass(frozen=True, slots=True)
class GarbageCollector:
    """The component. ``unmapped`` keys wait for a kind to become known and do not count as something moving."""

    name: str = "garbage-collector-controller"
    identity: Identity = service_account("generic-garbage-collector", source="garbage-collector-controller")
    max_retries: int | None = None
    backoff: tuple[int, int] = (5_000_000, 1_000_000_000_000)
    background: frozenset[str] = frozenset({"unmapped"})
    machine: str = ""

    @property
    def watches(self) -> tuple[Watch, ...]:
        return tuple(Watch(resource, changed_keys) for resource in collected_resources())

    @property
    def lanes(self) -> dict[str, int]:
        return {"delete": 20, "orphan": 20}

    def lane(self, key: Key) -> str:
        return "orphan" if key[0] == "orphan" else "delete"

    def client(self, timing: Timing) -> Client:
        """Its metadata client may send twice as much as others; that of 1.20 as much."""
        return Client(timing.client_qps if timing.control_plane == "1.20" else 2 * timing.client_qps, timing.client_burst)

    def start(self, scope: Scope) -> Iterable[Key | Later]:
        return ()

    def act(self, scope: Scope, act: Act) -> Plan:
        return NOTHING

    def observe(self, scope: Scope, key: Key) -> Seen | Unmapped | None:
        return observe(scope, key)

    def plan(self, seen: Seen | Unmapped) -> Plan:
        if isinstance(seen, Unmapped):
            return wait(DISCOVERING(), again_ns=seen.ready_in_ns)
        return attempt.plan(seen)


CONTROLLER = GarbageCollector()
