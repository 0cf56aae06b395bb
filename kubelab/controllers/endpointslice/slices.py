"""Endpoint slices: what they should hold, and the fewest changes that bring them there.

Slices of one port set: endpoints that are no longer wanted go, changed ones are replaced, new ones fill the slices that change anyway, then
one that has room, then new slices.

upstream: staging/src/k8s.io/endpointslice/{reconciler,utils}.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from kubelab.controllers.common.owners import controller_reference
from kubelab.controllers.common.pod_template import generate_name
from kubelab.controllers.common.service_pods import HEADLESS, PodFacts, find_port, has_ip, is_v6
from kubelab.store.log import Object

MAX_ENDPOINTS = 100
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
SERVICE_NAME = "kubernetes.io/service-name"
MANAGER = "endpointslice-controller.k8s.io"
_RESERVED = (SERVICE_NAME, MANAGED_BY, HEADLESS)
_KEEP = 50_000
_NONE: dict[str, Any] = {}

Port = tuple[str, int, str, str | None]  # name, number, protocol, appProtocol
_endpoints: dict[tuple[Any, ...], tuple[Any, Object]] = {}


class Changes(NamedTuple):
    """Slices to create (without a name), update, delete."""

    create: tuple[Object, ...] = ()
    update: tuple[Object, ...] = ()
    delete: tuple[Object, ...] = ()


class Group(NamedTuple):
    """Pods with the same ports: by (address, uid) the wanted endpoints."""

    ports: tuple[Port, ...]
    endpoints: dict[Any, Object]


def group_pods(service: Object, pods: Sequence[PodFacts], zones: Mapping[str, str | None], family: str) -> tuple[list[Group], list[str]]:
    """The wanted endpoints by port set; and the pods that are left out because their node is not there."""
    groups: dict[tuple[Port, ...], Group] = {}
    stray: list[str] = []
    spec, name, namespace = service["spec"], service["metadata"]["name"], service["metadata"]["namespace"]
    ports, publish, v6 = spec.get("ports") or (), bool(spec.get("publishNotReadyAddresses")), family == "IPv6"
    fixed = _ports_on(None, ports) if all(not isinstance(port.get("targetPort", 0), str) for port in ports) else None
    for pod in pods:
        if pod.finished or not pod.ips:
            continue
        offered = fixed if fixed is not None else _ports_on(pod.pod["spec"], ports)
        group = groups.get(offered)
        if group is None:
            group = groups[offered] = Group(offered, {})
        zone = zones.get(pod.node)
        if zone is None and not publish:
            stray.append(pod.name)
            continue
        hostname = pod.hostname if pod.subdomain == name else ""
        key = (namespace, pod.name, pod.uid, pod.ips, pod.ready, pod.terminating, pod.node, zone, publish, v6, hostname)
        known = _endpoints.get(key)
        if known is None:
            known = _remember(key, pod, zone or "", hostname, publish=publish, v6=v6)
        if known[0] is not None:
            group.endpoints[known[0]] = known[1]
    return list(groups.values()), stray


def _ports_on(spec: Object | None, ports: Sequence[Object]) -> tuple[Port, ...]:
    found = []
    for port in ports:
        number = find_port(spec or _NONE, port)
        if number:
            found.append((port.get("name") or "", number, port.get("protocol", "TCP"), port.get("appProtocol")))
    return tuple(found)


def _remember(key: tuple[Any, ...], pod: PodFacts, zone: str, hostname: str, *, publish: bool, v6: bool) -> tuple[Any, Object]:
    """A pod's identity and endpoint; the identity is None where it has no address of the family."""
    if len(_endpoints) >= _KEEP:
        _endpoints.clear()
    addresses = [ip for ip in pod.ips if is_v6(ip) == v6]
    made: Object = {
        "addresses": addresses,
        "conditions": {
            "ready": publish or (pod.ready and not pod.terminating),
            "serving": pod.ready,
            "terminating": pod.terminating,
        },
        "targetRef": pod.target,
    }
    if pod.node:
        made["nodeName"] = pod.node
    if zone:
        made["zone"] = zone
    if hostname:
        made["hostname"] = hostname
    found = _endpoints[key] = (_identity(made) if addresses else None, made)
    return found


def _identity(endpoint: Object) -> tuple[Any, ...]:
    """What makes two endpoints the same one (upstream: hashEndpoint)."""
    ref = endpoint.get("targetRef") or _NONE
    return (*endpoint["addresses"], endpoint.get("hostname", ""), ref.get("uid", ""), ref.get("name", ""))


# -- the changes ----------------------------------------------------------------------------------------------------------------
def reconcile(service: Object, groups: Sequence[Group], existing: Sequence[Object], address_type: str, *, hinted: bool = False) -> Changes:
    """The changes of the slices of one address type; ``hinted``: hints on what is there are no reason to change it."""
    to_create: list[Object] = []
    to_update: list[Object] = []
    to_delete: list[Object] = []
    by_ports: dict[tuple[Port, ...], list[Object]] = {}
    for slice_ in existing:
        if _is_owned(slice_, service):
            by_ports.setdefault(_port_key(slice_), []).append(slice_)
        else:
            to_delete.append(slice_)
    wanted: dict[tuple[Port, ...], None] = {}
    for group in groups:
        key = tuple(sorted(group.ports, key=str))
        wanted[key] = None
        made = _fill(service, group, by_ports.get(key, ()), address_type, hinted=hinted)
        to_create += made.create
        to_update += made.update
        to_delete += made.delete
    for key, slices in by_ports.items():
        if key not in wanted:
            to_delete += slices
    if len(existing) == len(to_delete) and not to_create:
        placeholder = _new_slice(service, (), address_type)
        if len(to_delete) == 1 and _is_placeholder(to_delete[0], placeholder):
            to_delete = []
        else:
            to_create.append(placeholder)
    return _reused(service, to_create, to_update, to_delete)


def _fill(service: Object, group: Group, existing: Sequence[Object], address_type: str, *, hinted: bool) -> Changes:
    left = dict(group.endpoints)
    changed: dict[str, Object] = {}
    unchanged: dict[str, Object] = {}
    delete: list[Object] = []
    for slice_ in existing:
        kept, updated = _kept(slice_, left, hinted=hinted)
        labels, relabelled = slice_labels(slice_["metadata"].get("labels") or _NONE, service)
        name, before = slice_["metadata"]["name"], slice_.get("endpoints") or ()
        if (updated or len(before) != len(kept)) and not kept:
            delete.append(slice_)
        elif updated or len(before) != len(kept) or relabelled:
            changed[name] = {**slice_, "metadata": {**slice_["metadata"], "labels": labels}, "endpoints": kept}
        else:
            unchanged[name] = slice_
    for slice_ in sorted(changed.values(), key=lambda each: -len(each["endpoints"])):
        _top_up(slice_["endpoints"], left)
    create: list[Object] = []
    while left:
        target = _with_room(unchanged, len(left)) if len(left) < MAX_ENDPOINTS else None
        if target is None:
            slice_ = _new_slice(service, group.ports, address_type)
            create.append(slice_)
        else:
            name = target["metadata"]["name"]
            del unchanged[name]
            slice_ = changed[name] = {**target, "endpoints": list(target.get("endpoints") or ())}
        _top_up(slice_["endpoints"], left)
    return Changes(tuple(create), tuple(changed.values()), tuple(delete))


def _kept(slice_: Object, left: dict[Any, Object], *, hinted: bool) -> tuple[list[Object], bool]:
    """The endpoints of a slice that stay, taken out of ``left``; and whether one of them changed."""
    kept: list[Object] = []
    updated = False
    for endpoint in slice_.get("endpoints") or ():
        wanted = left.pop(_identity(endpoint), None)
        if wanted is not None:
            kept.append(wanted)
            if not updated and wanted is not endpoint and wanted != endpoint:
                updated = not hinted or wanted != {key: part for key, part in endpoint.items() if key != "hints"}
    return kept, updated


def _top_up(endpoints: list[Object], left: dict[Any, Object]) -> None:
    for key in list(left)[: max(0, MAX_ENDPOINTS - len(endpoints))]:
        endpoints.append(left.pop(key))


def _with_room(slices: Mapping[str, Object], count: int) -> Object | None:
    """The slice that ``count`` more endpoints fill best (upstream: getSliceToFill)."""
    best, best_room = None, MAX_ENDPOINTS
    for slice_ in slices.values():
        room = MAX_ENDPOINTS - count - len(slice_.get("endpoints") or ())
        if 0 <= room < best_room:
            best, best_room = slice_, room
            if not room:
                break
    return best


def _reused(service: Object, to_create: list[Object], to_update: list[Object], to_delete: list[Object]) -> Changes:
    """A slice to be deleted becomes one to be created, where both may share its name."""
    kept: list[Object] = []
    for slice_ in to_delete:
        if to_create and _is_owned(slice_, service) and slice_["addressType"] == to_create[-1]["addressType"]:
            made = to_create.pop()
            to_update.append({**made, "metadata": {**made["metadata"], "name": slice_["metadata"]["name"]}})
        else:
            kept.append(slice_)
    create = () if service["metadata"].get("deletionTimestamp") is not None else tuple(to_create)
    return Changes(create, tuple(to_update), tuple(kept))


def slice_labels(present: Object, service: Object) -> tuple[Object, bool]:
    """The service's labels and the reserved ones; and whether the service's differ from what the slice has."""
    of_service = service["metadata"].get("labels") or _NONE
    labels = {key: text for key, text in of_service.items() if key not in _RESERVED}
    changed = labels != {key: text for key, text in present.items() if key not in _RESERVED}
    if not has_ip(service):
        labels[HEADLESS] = ""
    labels[SERVICE_NAME] = service["metadata"]["name"]
    labels[MANAGED_BY] = MANAGER
    return labels, changed


def _new_slice(service: Object, ports: tuple[Port, ...], address_type: str) -> Object:
    meta = service["metadata"]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "generateName": generate_name(meta["name"]),
            "namespace": meta["namespace"],
            "labels": slice_labels(_NONE, service)[0],
            "ownerReferences": [controller_reference(service)],
        },
        "addressType": address_type,
        "endpoints": [],
        "ports": [_port_object(port) for port in ports],
    }


def _port_object(port: Port) -> Object:
    name, number, protocol, app_protocol = port
    made: Object = {"name": name, "port": number, "protocol": protocol}
    if app_protocol is not None:
        made["appProtocol"] = app_protocol
    return made


def _port_key(slice_: Object) -> tuple[Port, ...]:
    ports = (
        (each.get("name") or "", each.get("port") or 0, each.get("protocol") or "TCP", each.get("appProtocol"))
        for each in slice_.get("ports") or ()
    )
    return tuple(sorted(ports, key=str))


def _is_owned(slice_: Object, service: Object) -> bool:
    uid = service["metadata"]["uid"]
    return any(
        each["uid"] == uid and each["kind"] == "Service" and each["apiVersion"] == "v1"
        for each in slice_["metadata"].get("ownerReferences") or ()
    )


def _is_placeholder(slice_: Object, placeholder: Object) -> bool:
    return (
        not slice_.get("endpoints")
        and not slice_.get("ports")
        and slice_["addressType"] == placeholder["addressType"]
        and (slice_["metadata"].get("labels") or _NONE) == placeholder["metadata"]["labels"]
        and slice_["metadata"].get("ownerReferences") == placeholder["metadata"]["ownerReferences"]
    )
