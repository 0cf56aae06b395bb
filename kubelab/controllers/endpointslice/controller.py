"""The endpoint slice controller: each service with a selector gets slices of at most 100 endpoints, by port set and address family.

upstream: pkg/controller/endpointslice/endpointslice_controller.go, staging/src/k8s.io/endpointslice/reconciler.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kubelab.controllers.common.service_pods import (
    SERVICES,
    TRIGGER_TIME,
    facts_of,
    families_of,
    forget_triggers,
    is_served,
    note_service,
    pod_services,
    pods_of,
    trigger_time,
)
from kubelab.controllers.endpointslice import hinting
from kubelab.controllers.endpointslice.slices import MANAGED_BY, MANAGER, SERVICE_NAME, Changes, group_pods, reconcile
from kubelab.engine.component import Change, Controller, Later, Scope, Watch, service_account
from kubelab.engine.plan import Batch, Call, EventDraft, Key, Plan, Reason, create, delete, reference, update
from kubelab.store.log import Object
from kubelab.world.clock import SECOND, rfc3339

RESOURCE = "endpointslices.discovery.k8s.io"
ZONE = "topology.kubernetes.io/zone"
SLICES = "slices"
WRITTEN = "written"

CHANGED = Reason("SlicesChanged", "the pods of {subject} are other than its slices say")
SAME = Reason("SlicesCurrent", "the slices of {subject} are up to date")
_NONE: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Seen:
    """``changes``: by address type; ``stray``: the pods whose node is not there."""

    service: Object
    changes: tuple[Changes, ...]
    stray: tuple[str, ...]
    trigger_ns: int
    note: Mapping[str, Mapping[Any, Any]]
    told: tuple[EventDraft, ...] = ()


def observe(scope: Scope, key: Key) -> Seen | None:
    namespace, name = key
    service = scope.view.get(SERVICES, namespace, name)
    if service is None:
        forget_triggers(scope, namespace, name)
        scope.table(hinting.HINTED).pop(key, None)
        return None
    if not is_served(service):
        return None
    pods = [facts_of(pod) for pod in pods_of(scope, service)]
    trigger = trigger_time(scope, service, pods)
    existing = [each for each in slices_of(scope, service) if each["metadata"].get("deletionTimestamp") is None]
    zones = _zones(scope, dict.fromkeys(pod.node for pod in pods))
    families = tuple(families_of(service))
    unsupported = tuple(each for each in existing if each["addressType"] not in families)
    stray: dict[str, None] = {}
    changes: list[Changes] = []
    hints = hinting.of(scope, service)
    for family in families:
        groups, left_out = group_pods(service, pods, zones, family)
        stray.update(dict.fromkeys(left_out))
        of_family = [each for each in existing if each["addressType"] == family]
        made = reconcile(service, groups, of_family, family, hinted=hints is not None and hints.wanted)
        changes.append(made if hints is None else hints.applied(made, of_family, family))
    if unsupported:
        changes.append(Changes(delete=unsupported))
    if hints is None:
        return Seen(service, tuple(changes), tuple(stray), trigger.time_ns, trigger.note)
    return Seen(service, tuple(changes), tuple(stray), trigger.time_ns, {**trigger.note, **hints.note()}, tuple(hints.told))


def _zones(scope: Scope, nodes: Iterable[str]) -> dict[str, str | None]:
    """The zone of each node that is there ("" without one)."""
    zones: dict[str, str | None] = {}
    known = scope.view.state.all("nodes")  # nodes are never this controller's own writes
    for name in nodes:
        node = known.get(("", name))
        zones[name] = None if node is None else (node["metadata"].get("labels") or _NONE).get(ZONE, "")
    return zones


def slices_of(scope: Scope, service: Object) -> list[Object]:
    """The slices that carry the service's name and this controller's mark."""
    meta, view = service["metadata"], scope.view
    names = scope.table(SLICES).get((meta["namespace"], meta["name"]), ())
    found = {name: view.get(RESOURCE, meta["namespace"], name) for name in names}
    for own in view.owned(RESOURCE, meta["uid"]):
        found[own["metadata"]["name"]] = own
    return [each for each in found.values() if each is not None and _is_for(each, meta["name"])]


def _is_for(slice_: Object, service: str) -> bool:
    labels = slice_["metadata"].get("labels") or _NONE
    return labels.get(SERVICE_NAME) == service and labels.get(MANAGED_BY) == MANAGER


def plan(seen: Seen) -> Plan:
    meta = seen.service["metadata"]
    place, subject = f"{meta['namespace']}/{meta['name']}", f"service/{meta['name']}"
    calls: list[Call] = []
    for changes in seen.changes:
        calls += _calls(seen, changes, place, subject)
    error = ""
    events = seen.told
    if seen.stray:
        node = "Node not found"
        error = ", ".join(f"skipping Pod {pod} for Service {place}: {node}" for pod in seen.stray)
        events = (*events, _failure(seen.service, place, error))
    written = {
        (each["metadata"]["namespace"], each["metadata"]["name"]): each["endpoints"] for changes in seen.changes for each in changes.update
    }
    because = () if calls else (SAME(subject),)
    remember = {WRITTEN: written} if written else {}
    return Plan(tuple(Batch((call,)) for call in calls), because=because, events=events, error=error, note={**seen.note, **remember})


def _calls(seen: Seen, changes: Changes, place: str, subject: str) -> list[Call]:
    because = CHANGED(subject)
    calls: list[Call] = []
    for slice_ in changes.create:
        refused = (_failure(seen.service, place, f"failed to create EndpointSlice for Service {place}: {{error}}"),)
        calls.append(create(RESOURCE, _stamped(slice_, seen.trigger_ns), on_refusal=refused, ignore_terminating=True, because=because))
    for slice_ in changes.update:
        name = slice_["metadata"]["name"]
        refused = (_failure(seen.service, place, f"failed to update {name} EndpointSlice for Service {place}: {{error}}"),)
        calls.append(update(RESOURCE, _stamped(slice_, seen.trigger_ns), on_refusal=refused, because=because))
    for slice_ in changes.delete:
        name = slice_["metadata"]["name"]
        refused = (_failure(seen.service, place, f"failed to delete {name} EndpointSlice for Service {place}: {{error}}"),)
        calls.append(delete(RESOURCE, slice_, on_refusal=refused, because=because))
    return calls


def _failure(service: Object, place: str, error: str) -> EventDraft:
    words = f"Error updating Endpoint Slices for Service {place}: {error}"
    return EventDraft(reference(service), "Warning", "FailedToUpdateEndpointSlices", words)


def _stamped(slice_: Object, trigger_ns: int) -> Object:
    meta = slice_["metadata"]
    annotations = {key: text for key, text in (meta.get("annotations") or _NONE).items() if key != TRIGGER_TIME}
    if trigger_ns:
        annotations[TRIGGER_TIME] = rfc3339(trigger_ns)
    rest = {key: part for key, part in meta.items() if key != "annotations"}
    return {**slice_, "metadata": {**rest, "annotations": annotations} if annotations else rest}


# -- what wakes it ------------------------------------------------------------------------------------------------------------
def service_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    note_service(change, scope)
    meta = change.object["metadata"]
    return ((meta["namespace"], meta["name"]),)


def slice_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    """A slice that this controller has not written so itself is looked at."""
    slice_, meta = change.object, change.object["metadata"]
    labels = meta.get("labels") or _NONE
    before = (change.old["metadata"].get("labels") or _NONE) if change.old is not None else labels
    service = labels.get(SERVICE_NAME)
    table, key = scope.table(SLICES), (meta["namespace"], service)
    if service and labels.get(MANAGED_BY) == MANAGER:
        others = tuple(name for name in table.get(key, ()) if name != meta["name"])
        names = others if change.type == "DELETED" else (*others, meta["name"])
        if names:
            table[key] = names
        else:
            table.pop(key, None)
    if MANAGER not in (labels.get(MANAGED_BY), before.get(MANAGED_BY)):
        return ()
    written = scope.table(WRITTEN).pop((meta["namespace"], meta["name"]), None)
    if change.type == "MODIFIED" and written is not None and written == slice_.get("endpoints") and labels == before:
        return ()
    concerned = dict.fromkeys(name for name in (service, before.get(SERVICE_NAME)) if name)
    return [(meta["namespace"], name) for name in concerned]


CONTROLLER = Controller(
    name="endpointslice-controller",
    identity=service_account("endpointslice-controller", source="endpoint-slice-controller"),
    watches=(
        Watch(SERVICES, service_keys),
        Watch("pods", pod_services),
        Watch(RESOURCE, slice_keys),
        Watch("nodes", hinting.node_keys),
    ),
    observe=observe,
    plan=plan,
    workers=5,
    max_retries=15,
    backoff=(SECOND, 1000 * SECOND),
)
