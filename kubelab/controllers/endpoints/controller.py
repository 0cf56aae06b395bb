"""The endpoints controller: each service with a selector gets an Endpoints object of the same name, listing its pods' addresses.

upstream: pkg/controller/endpoint/endpoints_controller.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kubelab.controllers.common.service_pods import (
    HEADLESS,
    SERVICES,
    TRIGGER_TIME,
    facts_of,
    forget_triggers,
    has_ip,
    is_served,
    note_service,
    pod_services,
    pods_of,
    trigger_time,
)
from kubelab.controllers.common.starting import StartingController
from kubelab.controllers.endpoints.subsets import MAX_CAPACITY, subsets_of, truncated
from kubelab.engine.component import Change, Later, Scope, Watch, service_account
from kubelab.engine.plan import Call, EventDraft, Key, Plan, Reason, create, step, update
from kubelab.store.log import Object
from kubelab.world.clock import rfc3339

RESOURCE = "endpoints"
OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity"
LEADER = "control-plane.alpha.kubernetes.io/leader"

GONE = Reason("ServiceGone", "{subject} has no service any more")
CHANGED = Reason("EndpointsChanged", "the pods of {subject} are other than its endpoints say")
SAME = Reason("EndpointsCurrent", "the endpoints of {subject} are up to date")
_NONE: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Seen:
    """``service`` is None if it is gone; ``trigger_ns``: what the trigger annotation shall say, 0 for nothing."""

    namespace: str
    name: str
    service: Object | None
    current: Object | None = None
    subsets: tuple[Object, ...] = ()
    trigger_ns: int = 0
    note: Mapping[str, Mapping[Any, Any]] | None = None


def observe(scope: Scope, key: Key) -> Seen | None:
    namespace, name = key
    service = scope.view.get(SERVICES, namespace, name)
    if service is None:
        forget_triggers(scope, namespace, name)
        return Seen(namespace, name, None)
    if not is_served(service):
        return None
    pods = [facts_of(pod) for pod in pods_of(scope, service)]
    trigger = trigger_time(scope, service, pods)
    current = scope.view.get(RESOURCE, namespace, name)
    return Seen(namespace, name, service, current, tuple(subsets_of(service, pods, scope.release)), trigger.time_ns, trigger.note)


def plan(seen: Seen) -> Plan:
    subject = f"service/{seen.name}"
    if seen.service is None:
        return step(Call("delete", RESOURCE, seen.namespace, seen.name, accept=(404,), because=GONE(f"endpoints/{seen.name}")))
    note = seen.note or {}
    if seen.current is not None and _is_current(seen):
        return Plan(note=note, because=(SAME(subject),))
    body = _wanted(seen, seen.service)
    if seen.current is None:
        words = f"Failed to create endpoint for service {seen.namespace}/{seen.name}: {{error}}"
        event = EventDraft(_about(seen), "Warning", "FailedToCreateEndpoint", words)
        call = create(RESOURCE, body, seen.namespace, on_refusal=(event,), ignore_terminating=True, because=CHANGED(subject))
    else:
        words = f"Failed to update endpoint {seen.namespace}/{seen.name}: {{error}}"
        event = EventDraft(_about(seen), "Warning", "FailedToUpdateEndpoint", words)
        call = update(RESOURCE, body, on_refusal=(event,), because=CHANGED(subject), on_conflict="fail")
    return Plan(step(call).batches, note=note)


def _is_current(seen: Seen) -> bool:
    assert seen.current is not None and seen.service is not None
    meta = seen.current["metadata"]
    labels = meta.get("labels") or _NONE
    if HEADLESS in labels:
        labels = {key: text for key, text in labels.items() if key != HEADLESS}
    present = seen.current.get("subsets") or []
    if labels != (seen.service["metadata"].get("labels") or _NONE) or not _same_subsets(present, seen.subsets):
        return False
    count = sum(len(subset.get("addresses") or ()) + len(subset.get("notReadyAddresses") or ()) for subset in present)
    return count <= MAX_CAPACITY and OVER_CAPACITY not in (meta.get("annotations") or _NONE)


def _same_subsets(present: list[Object], wanted: tuple[Object, ...]) -> bool:
    """Whether both say the same, whatever version of its pod an address names (upstream: endpointSubsetsEqualIgnoreResourceVersion)."""
    if len(present) != len(wanted):
        return False
    return present == list(wanted) or [_without_versions(subset) for subset in present] == list(wanted)


def _without_versions(subset: Object) -> Object:
    made = dict(subset)
    for field in ("addresses", "notReadyAddresses"):
        listed = subset.get(field)
        if not listed or "resourceVersion" not in (listed[0].get("targetRef") or _NONE):
            continue
        made[field] = [
            {**each, "targetRef": {key: text for key, text in (each.get("targetRef") or _NONE).items() if key != "resourceVersion"}}
            for each in listed
        ]
    return made


def _wanted(seen: Seen, service: Object) -> Object:
    current: Object = seen.current or {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": seen.name},
    }
    annotations = dict(current["metadata"].get("annotations") or _NONE)
    for key in (TRIGGER_TIME, OVER_CAPACITY):
        annotations.pop(key, None)
    if seen.trigger_ns:
        annotations[TRIGGER_TIME] = rfc3339(seen.trigger_ns)
    subsets: list[Object] = list(seen.subsets)
    fewer = truncated(subsets)
    if fewer is not None:
        subsets = fewer
        annotations[OVER_CAPACITY] = "truncated"
    labels = dict(service["metadata"].get("labels") or _NONE)
    if has_ip(service):
        labels.pop(HEADLESS, None)
    else:
        labels[HEADLESS] = ""
    meta = {key: part for key, part in current["metadata"].items() if key not in ("labels", "annotations")}
    if labels:
        meta["labels"] = labels
    if annotations:
        meta["annotations"] = annotations
    made = {key: part for key, part in current.items() if key != "subsets"}
    made["metadata"] = meta
    if subsets:
        made["subsets"] = subsets
    return made


def _about(seen: Seen) -> Object:
    about: Object = {"kind": "Endpoints", "namespace": seen.namespace, "name": seen.name, "apiVersion": "v1"}
    if seen.current is not None:
        meta = seen.current["metadata"]
        about.update({"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]})
    return about


# -- what wakes it ------------------------------------------------------------------------------------------------------------
def service_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    note_service(change, scope)
    meta = change.object["metadata"]
    return ((meta["namespace"], meta["name"]),)


def endpoints_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    """Only deleted ones: they are made again if their service is there."""
    meta = change.object["metadata"]
    return ((meta["namespace"], meta["name"]),) if change.type == "DELETED" else ()


def leftovers(scope: Scope) -> Iterable[Key | Later]:
    """Endpoints whose service went while nobody looked."""
    found = scope.view.list(RESOURCE)
    return [
        (each["metadata"]["namespace"], each["metadata"]["name"])
        for each in found
        if LEADER not in (each["metadata"].get("annotations") or _NONE)
    ]


CONTROLLER = StartingController(
    name="endpoint-controller",
    identity=service_account("endpoint-controller"),
    watches=(Watch(SERVICES, service_keys), Watch("pods", pod_services), Watch(RESOURCE, endpoints_keys)),
    observe=observe,
    plan=plan,
    workers=5,
    max_retries=15,
    starting=leftovers,
)
