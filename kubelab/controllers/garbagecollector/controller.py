"""The garbage collector as a component: it watches everything that can be deleted, and has 20 workers to delete and 20 to orphan.

upstream: pkg/controller/garbagecollector/garbagecollector.go, cmd/kube-controller-manager/app/core.go (the client's limits), 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kubelab.controllers.garbagecollector import attempt
from kubelab.controllers.garbagecollector.attempt import ABSENT, MISPLACED, Seen
from kubelab.controllers.garbagecollector.graph import ORPHAN as ORPHAN_FINALIZER
from kubelab.controllers.garbagecollector.graph import (
    Owner,
    changed_keys,
    collected_resources,
    dependents_of,
    has_finalizer,
    is_deleting,
    owner_of,
    waits_for_dependents,
)
from kubelab.engine.component import Client, Identity, Later, Scope, Watch, service_account
from kubelab.engine.plan import NOTHING, Act, Key, Plan
from kubelab.store.log import Object
from kubelab.world.timing import Timing


def observe(scope: Scope, key: Key) -> Seen | None:
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
        """Its metadata client may send twice as much as others."""
        return Client(2 * timing.client_qps, timing.client_burst)

    def start(self, scope: Scope) -> Iterable[Key | Later]:
        return ()

    def act(self, scope: Scope, act: Act) -> Plan:
        return NOTHING

    def observe(self, scope: Scope, key: Key) -> Seen | None:
        return observe(scope, key)

    def plan(self, seen: Seen) -> Plan:
        return attempt.plan(seen)


CONTROLLER = GarbageCollector()
