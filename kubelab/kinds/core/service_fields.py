"""The fields of a Service that follow from its type and from what it had before.

The request line calls ``settle_create`` and ``settle_update`` before it allocates addresses and node ports, both before validation.

upstream: pkg/registry/core/service/{storage/storage.go,storage/alloc.go,strategy.go}, 1.28.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubelab.kinds.kind import Object


def needs_cluster_ip(spec: Object) -> bool:
    return spec.get("type") != "ExternalName"


def needs_node_port(spec: Object) -> bool:
    return spec.get("type") in ("NodePort", "LoadBalancer")


def needs_health_check_port(spec: Object) -> bool:
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def is_headless(spec: Object) -> bool:
    return spec.get("clusterIPs") == ["None"]


def settle_create(obj: Object) -> None:
    """Bring ``clusterIP`` and ``clusterIPs`` together and choose the families, in place."""
    spec = dict(obj.get("spec") or {})
    if spec.get("clusterIP") and not spec.get("clusterIPs"):
        spec["clusterIPs"] = [spec["clusterIP"]]
    _init_families(spec, {})
    obj["spec"] = spec


def settle_update(obj: Object, old: Object) -> None:
    """Take over allocated values that the client left out, in place."""
    spec, before = dict(obj.get("spec") or {}), old.get("spec") or {}
    if needs_cluster_ip(before) and needs_cluster_ip(spec):
        for field in ("clusterIP", "clusterIPs"):
            if not spec.get(field) and before.get(field):
                spec[field] = before[field]
    if needs_node_port(before) and needs_node_port(spec):
        _keep_node_ports(spec, before)
    if needs_health_check_port(before) and needs_health_check_port(spec) and not spec.get("healthCheckNodePort"):
        _set(spec, "healthCheckNodePort", before.get("healthCheckNodePort"))
    _settle_cluster_ips(spec, before)
    _init_families(spec, before)
    obj["spec"] = spec


def _set(spec: Object, field: str, value: Any) -> None:
    if value:
        spec[field] = value
    else:
        spec.pop(field, None)


def _keep_node_ports(spec: Object, before: Object) -> None:
    """Ports keep their node port by name, unless another port of the service has taken it."""
    old_ports, ports = before.get("ports") or [], spec.get("ports") or []
    old_numbers = [port["nodePort"] for port in old_ports if port.get("nodePort")]
    used = [port["nodePort"] for port in ports if port.get("nodePort") in old_numbers]
    by_name = {port.get("name") or "": port.get("nodePort") or 0 for port in old_ports}
    kept = []
    for port in ports:
        number = 0 if port.get("nodePort") else by_name.get(port.get("name") or "", 0)
        kept.append({**port, "nodePort": number} if number and number not in used else port)
    if ports:
        spec["ports"] = kept


def _settle_cluster_ips(spec: Object, before: Object) -> None:
    address, old_address = spec.get("clusterIP") or "", before.get("clusterIP") or ""
    if before.get("clusterIPs") and not spec.get("clusterIPs") and address == old_address:
        spec["clusterIPs"] = before["clusterIPs"]
    if address != old_address and (spec.get("clusterIPs") or []) == (before.get("clusterIPs") or []):
        _set(spec, "clusterIPs", [address] if address else None)


def _init_families(spec: Object, before: Object) -> None:
    """Policy and families of a cluster with IPv4 alone."""
    if not needs_cluster_ip(spec):
        return
    selectorless = spec.get("clusterIP") == "None" and not spec.get("selector")
    if spec.get("ipFamilyPolicy") is None:
        spec["ipFamilyPolicy"] = before.get("ipFamilyPolicy") or ("RequireDualStack" if selectorless else "SingleStack")
    if not spec.get("ipFamilies"):
        dual = selectorless and spec["ipFamilyPolicy"] != "SingleStack"
        spec["ipFamilies"] = before.get("ipFamilies") or (["IPv4", "IPv6"] if dual else ["IPv4"])


Spec = Callable[[Object], bool]


def drop_type_dependent(spec: Object, before: Object) -> None:
    """Drop what only the old type of the service needed and the client did not change, in place."""
    if needs_cluster_ip(before) and not needs_cluster_ip(spec):
        if all(spec.get(field) == before.get(field) for field in ("clusterIP", "clusterIPs")):
            spec.pop("clusterIP", None)
            spec.pop("clusterIPs", None)
        for field in ("ipFamilies", "ipFamilyPolicy"):
            if spec.get(field) == before.get(field):
                spec.pop(field, None)
    if needs_node_port(before) and not needs_node_port(spec) and _node_ports(spec) == _node_ports(before):
        spec["ports"] = [{key: value for key, value in port.items() if key != "nodePort"} for port in spec.get("ports") or ()]
    for field, needs in _TYPE_DEPENDENT:
        if needs(before) and not needs(spec) and spec.get(field) == before.get(field):
            spec.pop(field, None)


def _node_ports(spec: Object) -> list[int]:
    return sorted({port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")})


def _is_load_balancer(spec: Object) -> bool:
    return spec.get("type") == "LoadBalancer"


_TYPE_DEPENDENT: tuple[tuple[str, Spec], ...] = (
    ("healthCheckNodePort", needs_health_check_port),
    ("allocateLoadBalancerNodePorts", _is_load_balancer),
    ("loadBalancerClass", _is_load_balancer),
    ("externalTrafficPolicy", needs_node_port),
)
