"""What the slices that mirror an Endpoints object should say, and the fewest changes that bring them there.

One slice for each set of ports and address family; addresses beyond a thousand per subset are left out.

upstream: pkg/controller/endpointslicemirroring/{reconciler,reconciler_helpers,utils}.go; RepackSubsets in pkg/api/v1/endpoints/util.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from typing import Any, NamedTuple

from kubelab.controllers.common.owners import controller_reference
from kubelab.controllers.common.pod_template import generate_name
from kubelab.controllers.common.service_pods import TRIGGER_TIME, is_v6
from kubelab.store.log import Object

MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
SERVICE_NAME = "kubernetes.io/service-name"
MANAGER = "endpointslicemirroring-controller.k8s.io"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
MAX_PER_SUBSET = 1000
_NONE: dict[str, Any] = {}

Port = tuple[str, int, str, str | None]  # name, number, protocol, appProtocol
Place = tuple[str, tuple[Port, ...]]  # address family and ports of a slice


class Changes(NamedTuple):
    """Slices to create (without a name), update, delete; ``skipped``: addresses left out, ``invalid`` of them since they are none."""

    create: tuple[Object, ...] = ()
    update: tuple[Object, ...] = ()
    delete: tuple[Object, ...] = ()
    skipped: int = 0
    invalid: int = 0


def mirrored(endpoints: Object, existing: Sequence[Object]) -> Changes:
    wanted, skipped, invalid = _wanted(endpoints)
    by_place: dict[Place, list[Object]] = {}
    for slice_ in existing:
        by_place.setdefault(_place_of(slice_), []).append(slice_)
    create: list[Object] = []
    update: list[Object] = []
    delete: list[Object] = [slice_ for place, slices in by_place.items() if place not in wanted for slice_ in slices]
    for place, listed in wanted.items():
        present = by_place.get(place, [])
        delete += present[1:]
        made = _slice(endpoints, place, listed)
        if not present:
            create.append(made)
        elif not _is_same(present[0], made):
            update.append(_named(made, present[0]))
    return _recycled(create, update, delete)._replace(skipped=skipped, invalid=invalid)


def _wanted(endpoints: Object) -> tuple[dict[Place, list[Object]], int, int]:
    """Endpoints by place, how many addresses are left out, and how many of these are not addresses at all."""
    found: dict[Place, list[Object]] = {}
    skipped = invalid = 0
    for ports, addresses in _repacked(endpoints.get("subsets") or ()):
        valid = [each for each in addresses if _is_address(each[0]["ip"])]
        invalid += len(addresses) - len(valid)
        skipped += len(addresses) - min(len(valid), MAX_PER_SUBSET)
        for address, ready in valid[:MAX_PER_SUBSET]:
            found.setdefault(("IPv6" if is_v6(address["ip"]) else "IPv4", ports), []).append(_endpoint(address, ready=ready))
    return found, skipped, invalid


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _repacked(subsets: Iterable[Object]) -> list[tuple[tuple[Port, ...], list[tuple[Object, bool]]]]:
    """The subsets, joined where all addresses are the same: a port stands with the addresses that offer it."""
    offered: dict[Port | None, dict[Any, tuple[Object, bool]]] = {}
    for subset in subsets:
        ports_here: list[Port | None] = [_port(each) for each in subset.get("ports") or ()]
        for port in ports_here or [None]:
            by_address = offered.setdefault(port, {})
            for field, ready in (("addresses", True), ("notReadyAddresses", False)):
                for address in subset.get(field) or ():
                    key = (address["ip"], (address.get("targetRef") or _NONE).get("uid", ""))
                    if ready or key not in by_address:
                        by_address[key] = (address, ready)
    groups: dict[Any, tuple[list[Port], list[tuple[Object, bool]]]] = {}
    for each, by_address in offered.items():
        members = tuple(sorted((key, ready) for key, (_, ready) in by_address.items()))
        ports, _ = groups.setdefault(members, ([], sorted(by_address.values(), key=lambda entry: not entry[1])))
        if each is not None:
            ports.append(each)
    return [(tuple(sorted(ports, key=str)), addresses) for ports, addresses in groups.values()]


def _port(port: Object) -> Port:
    return port.get("name") or "", port["port"], port.get("protocol") or "TCP", port.get("appProtocol")


def _endpoint(address: Object, *, ready: bool) -> Object:
    made: Object = {"addresses": [address["ip"]], "conditions": {"ready": ready}}
    made.update({field: address[field] for field in ("hostname", "targetRef", "nodeName") if address.get(field)})
    return made


def _place_of(slice_: Object) -> Place:
    return slice_["addressType"], tuple(sorted((_port(each) for each in slice_.get("ports") or ()), key=str))


def _slice(endpoints: Object, place: Place, listed: list[Object]) -> Object:
    meta = endpoints["metadata"]
    annotations = {key: text for key, text in (meta.get("annotations") or _NONE).items() if key not in (TRIGGER_TIME, LAST_APPLIED)}
    of_slice: Object = {
        "generateName": generate_name(meta["name"]),
        "namespace": meta["namespace"],
        "labels": {**(meta.get("labels") or _NONE), SERVICE_NAME: meta["name"], MANAGED_BY: MANAGER},
        "ownerReferences": [controller_reference(endpoints)],
    }
    if annotations:
        of_slice["annotations"] = annotations
    ports = [
        {"name": name, "port": number, "protocol": protocol, **({} if app is None else {"appProtocol": app})}
        for name, number, protocol, app in place[1]
    ]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": of_slice,
        "addressType": place[0],
        "endpoints": listed,
        "ports": ports,
    }


def _is_same(present: Object, made: Object) -> bool:
    before, after = present["metadata"], made["metadata"]
    return (
        (before.get("labels") or _NONE) == after["labels"]
        and (before.get("annotations") or _NONE) == (after.get("annotations") or _NONE)
        and sorted(present.get("endpoints") or (), key=str) == sorted(made["endpoints"], key=str)
    )


def _named(made: Object, present: Object) -> Object:
    meta = {key: part for key, part in made["metadata"].items() if key != "generateName"}
    return {**made, "metadata": {**meta, "name": present["metadata"]["name"]}}


def _recycled(create: list[Object], update: list[Object], delete: list[Object]) -> Changes:
    """A slice to be deleted becomes one of the same family that is to be created."""
    created: list[Object] = []
    for made in create:
        spare = next((each for each in delete if each["addressType"] == made["addressType"]), None)
        if spare is None:
            created.append(made)
        else:
            delete = [each for each in delete if each is not spare]
            update.append({**made, "metadata": {**made["metadata"], "name": spare["metadata"]["name"]}})
    return Changes(tuple(created), tuple(update), tuple(delete))
