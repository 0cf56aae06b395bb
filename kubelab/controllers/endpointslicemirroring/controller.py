"""The endpoint slice mirroring controller: who reads only EndpointSlices also finds the addresses that people write into Endpoints.

Only for services without selector; not for Endpoints with the label ``skip-mirror`` or those that served a leader election.

upstream: pkg/controller/endpointslicemirroring/endpointslicemirroring_controller.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kubelab.controllers.common.service_pods import SERVICES
from kubelab.controllers.endpointslicemirroring.mirror import MANAGED_BY, MANAGER, MAX_PER_SUBSET, SERVICE_NAME, Changes, mirrored
from kubelab.engine.component import Change, Controller, Later, Scope, Watch, service_account
from kubelab.engine.plan import Batch, EventDraft, Key, Plan, Reason, create, delete, reference, update
from kubelab.store.log import Object
from kubelab.world.clock import SECOND

ENDPOINTS, RESOURCE = "endpoints", "endpointslices.discovery.k8s.io"
SKIP = "endpointslice.kubernetes.io/skip-mirror"
LEADER = "control-plane.alpha.kubernetes.io/leader"
SLICES = "mirrored slices"

CHANGED = Reason("EndpointsMirrored", "the slices of {subject} are other than its Endpoints say")
SAME = Reason("MirrorCurrent", "the slices of {subject} say what its Endpoints say")
_NONE: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Seen:
    """``endpoints`` is None where nothing is to be mirrored (any more)."""

    namespace: str
    name: str
    endpoints: Object | None
    existing: tuple[Object, ...]


def observe(scope: Scope, key: Key) -> Seen | None:
    namespace, name = key
    view = scope.view
    existing = tuple(each for each in _slices(scope, namespace, name) if each["metadata"].get("deletionTimestamp") is None)
    endpoints, service = view.get(ENDPOINTS, namespace, name), view.get(SERVICES, namespace, name)
    if endpoints is None or service is None or service["spec"].get("selector") or not _should_mirror(endpoints):
        return Seen(namespace, name, None, existing) if existing else None
    return Seen(namespace, name, endpoints, existing)


def _slices(scope: Scope, namespace: str, name: str) -> list[Object]:
    names = dict.fromkeys(scope.table(SLICES).get((namespace, name), ()))
    endpoints = scope.view.get(ENDPOINTS, namespace, name)
    if endpoints is not None:
        names.update((own["metadata"]["name"], None) for own in scope.view.owned(RESOURCE, endpoints["metadata"]["uid"]))
    found = (scope.view.get(RESOURCE, namespace, each) for each in names)
    return [each for each in found if each is not None and _is_mirror(each) and _service_of(each) == name]


def _should_mirror(endpoints: Object) -> bool:
    meta = endpoints["metadata"]
    return (meta.get("labels") or _NONE).get(SKIP) != "true" and LEADER not in (meta.get("annotations") or _NONE)


def _is_mirror(slice_: Object) -> bool:
    return bool((slice_["metadata"].get("labels") or _NONE).get(MANAGED_BY) == MANAGER)


def _service_of(slice_: Object) -> str:
    return str((slice_["metadata"].get("labels") or _NONE).get(SERVICE_NAME, ""))


def plan(seen: Seen) -> Plan:
    subject = f"service/{seen.name}"
    changes = Changes(delete=seen.existing) if seen.endpoints is None else mirrored(seen.endpoints, seen.existing)
    because = CHANGED(subject)
    calls = [create(RESOURCE, each, ignore_terminating=True, because=because) for each in changes.create]
    calls += [update(RESOURCE, each, because=because) for each in changes.update]
    calls += [delete(RESOURCE, each, accept=(404,), because=because) for each in changes.delete]
    events: tuple[EventDraft, ...] = ()
    if changes.invalid and seen.endpoints is not None:
        words = f"Skipped {changes.invalid} invalid IP addresses when mirroring to EndpointSlices"
        events += (EventDraft(reference(seen.endpoints), "Warning", "InvalidIPAddress", words),)
    if changes.skipped > changes.invalid and seen.endpoints is not None:
        words = (
            f"A max of {MAX_PER_SUBSET} addresses can be mirrored to EndpointSlices per Endpoints subset. "
            f"{changes.skipped} addresses were skipped"
        )
        events += (EventDraft(reference(seen.endpoints), "Warning", "TooManyAddressesToMirror", words),)
    return Plan(tuple(Batch((call,)) for call in calls), because=() if calls else (SAME(subject),), events=events)


# -- what wakes it ------------------------------------------------------------------------------------------------------------
def endpoints_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    """Those of a service with selector are not looked at, unless slices are left that mirror them."""
    meta = change.object["metadata"]
    key = (meta["namespace"], meta["name"])
    service = scope.view.get(SERVICES, *key)
    if service is not None and service["spec"].get("selector") and key not in scope.table(SLICES):
        return ()
    return (key,) if _should_mirror(change.object) or (change.old is not None and _should_mirror(change.old)) else ()


def service_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    meta, old = change.object["metadata"], change.old
    without = not change.object["spec"].get("selector")
    if change.type == "MODIFIED" and old is not None:
        return ((meta["namespace"], meta["name"]),) if without == bool(old["spec"].get("selector")) else ()
    return ((meta["namespace"], meta["name"]),) if without else ()


def slice_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    """What happens to a mirroring slice is looked at after a while; own writes find nothing to do then."""
    slice_, old = change.object, change.old
    if not _is_mirror(slice_) and (old is None or not _is_mirror(old)):
        return ()
    meta, table = slice_["metadata"], scope.table(SLICES)
    keys: dict[Key, None] = {}
    for each in (old, slice_):
        name = _service_of(each) if each is not None else ""
        if name:
            keys[(meta["namespace"], name)] = None
    for key in keys:
        others = tuple(name for name in table.get(key, ()) if name != meta["name"])
        stays = change.type != "DELETED" and _is_mirror(slice_) and key[1] == _service_of(slice_)
        names = (*others, meta["name"]) if stays else others
        if names:
            table[key] = names
        else:
            table.pop(key, None)
    return tuple(keys)


CONTROLLER = Controller(
    name="endpointslicemirroring-controller",
    identity=service_account("endpointslicemirroring-controller", source="endpoint-slice-mirroring-controller"),
    watches=(Watch(SERVICES, service_keys), Watch(RESOURCE, slice_keys), Watch(ENDPOINTS, endpoints_keys)),
    observe=observe,
    plan=plan,
    workers=5,
    max_retries=15,
    backoff=(SECOND, 100 * SECOND),
)
