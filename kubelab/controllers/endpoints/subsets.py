"""The subsets of an Endpoints object: pods grouped by the ports they offer, sorted as upstream sorts them.

upstream: pkg/api/v1/endpoints/util.go (RepackSubsets), pkg/controller/endpoint/endpoints_controller.go (truncateEndpoints), 1.28.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from math import ceil
from typing import Any

from kubelab.controllers.common.service_pods import PodFacts, families_of, find_port, has_ip, is_v6
from kubelab.store.log import Object

MAX_CAPACITY = 1000
_KEEP = 50_000
_addresses: dict[str, Object] = {}  # by the pod's uid

Port = tuple[str, int, str, str | None]  # name, number, protocol, appProtocol

TOLERATE = "service.alpha.kubernetes.io/tolerate-unready-endpoints"
_TRUE = ("1", "t", "T", "TRUE", "true", "True")


def subsets_of(service: Object, pods: Sequence[PodFacts], release: str = "1.28") -> list[Object]:
    """All subsets of a service's pods that are fit to be in them.

    1.7 lists none of a service without ports, and asks an annotation whether to publish what is not ready.
    """
    meta, spec = service["metadata"], service["spec"]
    older = release == "1.7"
    if older and not spec.get("ports"):
        return []
    publish = (meta.get("annotations") or {}).get(TOLERATE) in _TRUE if older else bool(spec.get("publishNotReadyAddresses"))
    families = families_of(service)
    any_family, v6 = len(families) > 1 and not spec.get("ipFamilies"), families[0] == "IPv6"
    ports = spec.get("ports") or ()
    fixed = _fixed_ports(ports)
    groups: dict[tuple[Port, ...], tuple[list[Any], list[Any]]] = {}
    for pod in pods:
        if pod.finished or not pod.ips or (pod.terminating and not publish):
            continue
        address = pod.ips[0]
        if not any_family and is_v6(address) != v6:
            address = next((ip for ip in pod.ips if is_v6(ip) == v6), "")
        if not address:
            continue
        offered = fixed if fixed is not None else _ports_on(pod, ports)
        if not offered and (ports or has_ip(service)):
            continue
        group = groups.get(offered)
        if group is None:
            group = groups[offered] = ([], [])
        named = pod.hostname and pod.subdomain == meta["name"]
        shown = _address_of(pod, address, pod.hostname if named else "")
        group[0 if publish or pod.ready else 1].append((address, pod.uid, shown))
    return _repacked(groups)


def _address_of(pod: PodFacts, address: str, hostname: str) -> Object:
    """A pod as an address. As long as it says the same it is the same object, which all versions of its Endpoints share."""
    known = _addresses.get(pod.uid)
    target = pod.target
    if known is not None and known["ip"] == address and known["nodeName"] == pod.node and known.get("hostname", "") == hostname:
        if known["targetRef"] is target or known["targetRef"] == target:
            return known
    if len(_addresses) >= _KEEP:
        _addresses.clear()
    made: Object = {"ip": address, "hostname": hostname} if hostname else {"ip": address}
    made.update(nodeName=pod.node, targetRef=target)
    _addresses[pod.uid] = made
    return made


def _fixed_ports(ports: Sequence[Object]) -> tuple[Port, ...] | None:
    """The ports if they are the same on all pods; None if some are found by name."""
    if any(isinstance(port.get("targetPort", 0), str) for port in ports):
        return None
    return tuple(_port(port, int(port.get("targetPort") or port["port"])) for port in ports)


def _ports_on(pod: PodFacts, ports: Sequence[Object]) -> tuple[Port, ...]:
    numbers = ((port, find_port(pod.pod["spec"], port)) for port in ports)
    return tuple(_port(port, number) for port, number in numbers if number)


def _port(port: Object, number: int) -> Port:
    return port.get("name") or "", number, port.get("protocol", "TCP"), port.get("appProtocol")


def _repacked(groups: dict[tuple[Port, ...], tuple[list[Any], list[Any]]]) -> list[Object]:
    """One subset for each set of pods that offers the same ports: a port is offered by whole groups of pods."""
    offering: dict[Port | None, list[tuple[Port, ...]]] = {}
    for offered in groups:
        for port in offered or (None,):
            offering.setdefault(port, []).append(offered)
    by_groups: dict[tuple[tuple[Port, ...], ...], list[Port]] = {}
    for each, members in offering.items():
        ports = by_groups.setdefault(tuple(members), [])
        if each is not None:
            ports.append(each)
    subsets = [_subset([groups[member] for member in members], ports) for members, ports in by_groups.items()]
    return sorted(subsets, key=_subset_hash) if len(subsets) > 1 else subsets


def _subset(groups: Sequence[tuple[list[Any], list[Any]]], ports: list[Port]) -> Object:
    made: Object = {}
    for index, field in enumerate(("addresses", "notReadyAddresses")):
        listed = groups[0][index] if len(groups) == 1 else [entry for group in groups for entry in group[index]]
        if listed:
            listed.sort(key=_by_address)
            made[field] = [shown for _, _, shown in listed]
    if ports:
        made["ports"] = [_port_object(port) for port in (sorted(ports, key=_port_hash) if len(ports) > 1 else ports)]
    return made


def _by_address(entry: tuple[str, str, Object]) -> tuple[str, str]:
    return entry[0], entry[1]


def _port_object(port: Port) -> Object:
    name, number, protocol, app_protocol = port
    made: Object = {"name": name} if name else {}
    made.update({"port": number, "protocol": protocol})
    if app_protocol is not None:
        made["appProtocol"] = app_protocol
    return made


# -- the order: by the MD5 of what Go's spew prints -------------------------------------------------------------------------
def _port_hash(port: Port) -> bytes:
    name, number, protocol, app_protocol = port
    text = "(v1.EndpointPort)" + _printed_port(name, number, protocol, app_protocol)
    return hashlib.md5(text.encode(), usedforsecurity=False).digest()


def _printed_port(name: str, number: int, protocol: str, app_protocol: str | None) -> str:
    return f"{{Name:(string){name} Port:(int32){number} Protocol:(v1.Protocol){protocol} AppProtocol:(*string){_pointer(app_protocol)}}}"


def _pointer(text: str | None) -> str:
    return "<nil>" if text is None else text


def _subset_hash(subset: Object) -> bytes:
    lists = " ".join(
        f"{field}:([]v1.EndpointAddress){_printed_list([_printed_address(each) for each in subset.get(key) or ()])}"
        for field, key in (("Addresses", "addresses"), ("NotReadyAddresses", "notReadyAddresses"))
    )
    ports = [
        _printed_port(each.get("name", ""), each["port"], each["protocol"], each.get("appProtocol")) for each in subset.get("ports") or ()
    ]
    text = f"(v1.EndpointSubset){{{lists} Ports:([]v1.EndpointPort){_printed_list(ports)}}}"
    return hashlib.md5(text.encode(), usedforsecurity=False).digest()


def _printed_list(items: list[str]) -> str:
    return f"[{' '.join(items)}]" if items else "<nil>"


def _printed_address(address: Object) -> str:
    ref = address["targetRef"]
    printed_ref = " ".join(
        f"{field}:({kind}){text}"
        for field, kind, text in (
            ("Kind", "string", ref["kind"]),
            ("Namespace", "string", ref["namespace"]),
            ("Name", "string", ref["name"]),
            ("UID", "types.UID", ref["uid"]),
            ("APIVersion", "string", ""),
            ("ResourceVersion", "string", ""),
            ("FieldPath", "string", ""),
        )
    )
    return (
        f"{{IP:(string){address['ip']} Hostname:(string){address.get('hostname', '')} "
        f"NodeName:(*string){address['nodeName']} TargetRef:(*v1.ObjectReference){{{printed_ref}}}}}"
    )


# -- the limit ----------------------------------------------------------------------------------------------------------------
def truncated(subsets: list[Object]) -> list[Object] | None:
    """At most 1000 addresses, ready ones first, shared out in proportion; None if there are no more than that."""
    ready = sum(len(subset.get("addresses") or ()) for subset in subsets)
    not_ready = sum(len(subset.get("notReadyAddresses") or ()) for subset in subsets)
    if ready + not_ready <= MAX_CAPACITY:
        return None
    field, room, total = (
        ("addresses", MAX_CAPACITY, ready) if ready > MAX_CAPACITY else ("notReadyAddresses", MAX_CAPACITY - ready, not_ready)
    )
    left, out = room, []
    for subset in subsets:
        listed = subset.get(field) or []
        share = min(ceil(len(listed) / total * room), left)
        kept = listed[:share]
        left -= len(kept)
        dropped = ("notReadyAddresses",) if field == "addresses" else ()
        made = {key: part for key, part in subset.items() if key not in (field, *dropped)}
        out.append({field: kept, **made} if kept else made)
    return out
