"""What the server hands out from pools: cluster IPs and node ports of Services.

upstream: pkg/registry/core/service/storage/{alloc,storage}.go, pkg/registry/core/service/{ipallocator,portallocator}, 1.28.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from kubelab.apiserver import status
from kubelab.kinds.core import service_families, service_fields
from kubelab.kinds.field import FieldError, Go, go_quote, invalid
from kubelab.store.log import Object

if TYPE_CHECKING:
    from kubelab.apiserver.work import Work

SERVICE_RANGE = ipaddress.ip_network("10.96.0.0/12")
NODE_PORTS = (30000, 32767)
KUBERNETES_SERVICE = "10.96.0.1"


class Allocations:
    """Cluster IPs and node ports in use, each with the Service that holds it."""

    __slots__ = ("ips", "ports")

    def __init__(self, ips: dict[str, str] | None = None, ports: dict[int, str] | None = None) -> None:
        self.ips: dict[str, str] = {} if ips is None else ips
        self.ports: dict[int, str] = {} if ports is None else ports

    def fork(self) -> Allocations:
        return Allocations(dict(self.ips), dict(self.ports))

    def rebuild(self, services: list[Object]) -> None:
        """From the stored Services, after loading."""
        self.ips.clear()
        self.ports.clear()
        for service in services:
            self.take(service)

    def take(self, service: Object) -> None:
        owner = service["metadata"]["uid"]
        spec = service["spec"]
        for ip in spec.get("clusterIPs") or ():
            if ip != "None":
                self.ips[ip] = owner
        for port in _node_ports(spec):
            self.ports[port] = owner

    def release(self, service: Object) -> None:
        owner = service["metadata"]["uid"]
        self.ips = {ip: holder for ip, holder in self.ips.items() if holder != owner}
        self.ports = {port: holder for port, holder in self.ports.items() if holder != owner}


def on_create(work: Work) -> None:
    """Before the strategy, as upstream's BeginCreate hook."""
    if work.kind.resource == "services":
        _check_families(work, {})
        service_fields.settle_create(work.object)
        _assign(work, with_ip=True)


def on_update(work: Work) -> None:
    """What was allocated stays with a Service that does not mention it; an address is allocated only to a former ExternalName."""
    if work.kind.resource != "services":
        return
    assert work.old is not None
    service_fields.settle_update(work.object, work.old)
    _check_families(work, work.old["spec"])
    needs_ip = service_fields.needs_cluster_ip(work.object["spec"])
    _assign(work, with_ip=needs_ip and not service_fields.needs_cluster_ip(work.old["spec"]))


def _check_families(work: Work, before: Object) -> None:
    spec = work.object.get("spec") or {}
    if errors := service_families.family_errors(spec, before):
        raise status.invalid(work.kind, work.object["metadata"].get("name", ""), errors)


def after_create(work: Work) -> None:
    if work.kind.resource == "services":
        work.server.allocations.take(work.object)


def after_delete(work: Work, obj: Object) -> None:
    if work.kind.resource == "services":
        work.server.allocations.release(obj)


def after_update(work: Work, old: Object) -> None:
    if work.kind.resource == "services":
        work.server.allocations.release(old)
        work.server.allocations.take(work.object)


def _assign(work: Work, *, with_ip: bool) -> None:
    """Fill clusterIP(s) and nodePorts of a Service, or refuse those asked for."""
    service, spec = work.object, work.object["spec"]
    uid = service["metadata"]["uid"]
    errors = _assign_ip(work, spec, uid) if with_ip else []
    errors += _assign_ports(work, spec, uid)
    if errors:
        raise status.invalid(work.kind, service["metadata"]["name"], errors)


def _assign_ip(work: Work, spec: Object, uid: str) -> list[FieldError]:
    if spec.get("type") == "ExternalName":
        return []
    asked = spec.get("clusterIP") or ""
    if asked == "None":
        spec["clusterIPs"] = ["None"]
        return []
    taken = work.server.allocations.ips
    if asked:
        holder = taken.get(asked)
        try:
            inside = ipaddress.ip_address(asked) in SERVICE_RANGE
        except ValueError:
            return []
        if not inside:
            detail = f"failed to allocate IP {asked}: the provided IP ({asked}) is not in the valid range. "
            detail += f"The range of valid IPs is {SERVICE_RANGE}"
            return [invalid("spec.clusterIPs", Go(f"[]string{{{go_quote(asked)}}}"), detail)]
        if holder is not None and holder != uid:
            detail = f"failed to allocate IP {asked}: provided IP is already allocated"
            return [invalid("spec.clusterIPs", Go(f"[]string{{{go_quote(asked)}}}"), detail)]
        spec["clusterIPs"] = [asked]
        return []
    size = SERVICE_RANGE.num_addresses
    while True:
        ip = str(SERVICE_RANGE[1 + work.server.streams.below("service-ip", size - 2)])
        if ip not in taken and ip != KUBERNETES_SERVICE:
            break
    spec["clusterIP"], spec["clusterIPs"] = ip, [ip]
    return []


def _assign_ports(work: Work, spec: Object, uid: str) -> list[FieldError]:
    kind = spec.get("type")
    wanted = kind == "NodePort" or (kind == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts", True))
    taken = work.server.allocations.ports
    errors: list[FieldError] = []
    mine: dict[int, str] = {}
    low, high = NODE_PORTS
    for index, port in enumerate(spec.get("ports") or ()):
        path, asked = f"spec.ports[{index}].nodePort", port.get("nodePort") or 0
        if asked:
            if not low <= asked <= high:
                errors.append(invalid(path, asked, f"provided port is not in the valid range. The range of valid ports is {low}-{high}"))
            elif taken.get(asked, uid) != uid:
                errors.append(invalid(path, asked, "provided port is already allocated"))
            mine[asked] = port.get("protocol", "TCP")
        elif wanted:
            while True:
                number = low + work.server.streams.below("node-port", high - low + 1)
                if number not in taken and number not in mine:
                    break
            port["nodePort"] = number
            mine[number] = port.get("protocol", "TCP")
    return errors


def _node_ports(spec: Object) -> list[int]:
    ports: list[Any] = [port.get("nodePort") for port in spec.get("ports") or ()]
    if spec.get("healthCheckNodePort"):
        ports.append(spec["healthCheckNodePort"])
    return [port for port in ports if port]
