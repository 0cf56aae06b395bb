"""EndpointSlice: a part of the addresses behind a service.

upstream: pkg/apis/discovery/v1/defaults.go, pkg/apis/discovery/validation/validation.go, pkg/registry/discovery/endpointslice/strategy.go,
apimachinery/pkg/util/validation/validation.go, pkg/apis/core/validation/validation.go (ValidateNonSpecialIP), 1.28.
"""

from __future__ import annotations

from functools import lru_cache

from kubelab.kinds.addresses import validate_not_special_ip
from kubelab.kinds.columns import AGE, NAME, at, shortened
from kubelab.kinds.equality import immutable, same
from kubelab.kinds.field import FieldError, duplicate, invalid, not_supported, required, too_many
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.names import (
    is_dns1123_label,
    is_dns1123_subdomain,
    is_label_value,
    name_is_dns_subdomain,
    parse_ip,
    validate_label_name,
    validate_labels,
)

_ADDRESS_TYPES = ("FQDN", "IPv4", "IPv6")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_MAX_TOPOLOGY_LABELS = 16
_MAX_ADDRESSES = 100
_MAX_PORTS = 20000
_MAX_ENDPOINTS = 1000
_MAX_ZONE_HINTS = 8


def default(obj: Object, ctx: Context) -> None:
    """Go writes both lists even where there are none."""
    obj.setdefault("endpoints", None)
    if ports := obj.get("ports"):
        obj["ports"] = [port if "name" in port and "protocol" in port else {"name": "", "protocol": "TCP", **port} for port in ports]
    else:
        obj.setdefault("ports", None)


def generation_changed(obj: Object, old: Object) -> bool:
    """Anything but metadata, and labels."""
    if not same(obj["metadata"].get("labels") or {}, old["metadata"].get("labels") or {}):
        return True
    return any(not same(obj.get(key), old.get(key)) for key in ("addressType", "endpoints", "ports"))


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    kind = obj.get("addressType", "")
    errors: list[FieldError] = []
    if not kind:
        errors.append(required("addressType"))
    elif kind not in _ADDRESS_TYPES:
        errors.append(not_supported("addressType", kind, _ADDRESS_TYPES))
    errors += _validate_endpoints(obj.get("endpoints") or [], kind)
    return errors + _validate_ports(obj.get("ports") or [])


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    return validate(obj, ctx) + immutable("addressType", obj.get("addressType", ""), old.get("addressType", ""))


def _validate_endpoints(endpoints: list[Object], kind: str) -> list[FieldError]:
    if len(endpoints) > _MAX_ENDPOINTS:
        return [too_many("endpoints", len(endpoints), _MAX_ENDPOINTS)]
    errors: list[FieldError] = []
    for index, endpoint in enumerate(endpoints):
        if not _is_plain(endpoint, kind):
            errors += _validate_endpoint(endpoint, kind, f"endpoints[{index}]")
    return errors


def _is_plain(endpoint: Object, kind: str) -> bool:
    """Whether an endpoint is one of the usual make without fault: a slice's endpoints are looked at again at each change of one of them."""
    if endpoint.get("deprecatedTopology") or endpoint.get("hints") is not None:
        return False
    return _is_valid(tuple(endpoint.get("addresses") or ()), kind, endpoint.get("nodeName"), endpoint.get("hostname"))


@lru_cache(maxsize=32768)
def _is_valid(addresses: tuple[str, ...], kind: str, node: str | None, host: str | None) -> bool:
    return not _validate_endpoint({"addresses": [*addresses], "nodeName": node, "hostname": host}, kind, "")


def _validate_endpoint(endpoint: Object, kind: str, path: str) -> list[FieldError]:
    addresses = endpoint.get("addresses") or []
    errors: list[FieldError] = []
    if not addresses:
        errors.append(required(f"{path}.addresses", "must contain at least 1 address"))
    elif len(addresses) > _MAX_ADDRESSES:
        errors.append(too_many(f"{path}.addresses", len(addresses), _MAX_ADDRESSES))
    for index, address in enumerate(addresses):
        errors += _validate_address(address, kind, f"{path}.addresses[{index}]")
    node, topology, host = endpoint.get("nodeName"), endpoint.get("deprecatedTopology") or {}, endpoint.get("hostname")
    if node is not None:
        errors += (invalid(f"{path}.nodeName", node, each) for each in is_dns1123_subdomain(node))
    if len(topology) > _MAX_TOPOLOGY_LABELS:
        errors.append(too_many(f"{path}.deprecatedTopology", len(topology), _MAX_TOPOLOGY_LABELS))
    errors += validate_labels(topology, f"{path}.deprecatedTopology")
    if host is not None:
        errors += (invalid(f"{path}.hostname", host, each) for each in is_dns1123_label(host))
    if (hints := endpoint.get("hints")) is not None:
        errors += _validate_hints(hints.get("forZones") or [], f"{path}.hints.forZones")
    return errors


def _validate_address(address: str, kind: str, path: str) -> list[FieldError]:
    if kind == "FQDN":
        return _validate_domain_name(address, path)
    if kind not in ("IPv4", "IPv6"):
        return []
    parsed = parse_ip(address)
    version = 4 if kind == "IPv4" else 6
    errors = [] if parsed and parsed.version == version else [invalid(path, address, f"must be a valid {kind} address")]
    return errors + validate_not_special_ip(address, path)


def _validate_domain_name(name: str, path: str) -> list[FieldError]:
    """upstream: IsFullyQualifiedDomainName."""
    if not name:
        return [required(path)]
    name = name.removesuffix(".")
    if complaints := is_dns1123_subdomain(name):
        return [invalid(path, name, ",".join(complaints))]
    labels = name.split(".")
    if len(labels) < 2:
        return [invalid(path, name, "should be a domain with at least two segments separated by dots")]
    for label in labels:
        if complaints := is_dns1123_label(label):
            return [invalid(path, label, ",".join(complaints))]
    return []


def _validate_hints(zones: list[Object], path: str) -> list[FieldError]:
    if len(zones) > _MAX_ZONE_HINTS:
        return [too_many(path, len(zones), _MAX_ZONE_HINTS)]
    errors: list[FieldError] = []
    names: list[str] = []
    for index, zone in enumerate(zones):
        name = zone.get("name", "")
        if name in names:
            errors.append(duplicate(f"{path}[{index}].name", name))
        names.append(name)
        errors += (invalid(f"{path}[{index}].name", name, each) for each in is_label_value(name))
    return errors


def _validate_ports(ports: list[Object]) -> list[FieldError]:
    if len(ports) > _MAX_PORTS:
        return [too_many("ports", len(ports), _MAX_PORTS)]
    errors: list[FieldError] = []
    names: list[str] = []
    for index, port in enumerate(ports):
        path, name, protocol = f"ports[{index}]", port.get("name") or "", port.get("protocol")
        if name:
            errors += (invalid(f"{path}.name", name, each) for each in is_dns1123_label(name))
        if name in names:
            errors.append(duplicate(f"{path}.name", name))
        names.append(name)
        if protocol is None:
            errors.append(required(f"{path}.protocol"))
        elif protocol not in _PROTOCOLS:
            errors.append(not_supported(f"{path}.protocol", protocol, _PROTOCOLS))
        if port.get("appProtocol") is not None:
            errors += validate_label_name(port["appProtocol"], f"{path}.appProtocol")
    return errors


def warnings(obj: Object, old: Object | None, ctx: Context) -> list[str]:
    if old is not None or obj.get("addressType") != "FQDN":
        return []
    return ["spec.addressType: FQDN endpoints are deprecated"]


def _port_cell(obj: Object, now_ns: int) -> str:
    return shortened(["*" if port.get("port") is None and port.get("name") is None else _port(port) for port in obj.get("ports") or ()])


def _port(port: Object) -> str:
    number = port.get("port")
    return str(port["name"] if number is None else number)


def _endpoint_cell(obj: Object, now_ns: int) -> str:
    return shortened([address for endpoint in obj.get("endpoints") or () for address in endpoint.get("addresses") or ()])


KIND = Kind(
    kind="EndpointSlice",
    plural="endpointslices",
    group="discovery.k8s.io",
    default=default,
    defaults_replace=True,
    validate=validate,
    validate_update=validate_update,
    validate_name=name_is_dns_subdomain,
    spec_changed=generation_changed,
    warnings=warnings,
    columns=(
        NAME,
        Column("AddressType", at("addressType", default="")),
        Column("Ports", _port_cell),
        Column("Endpoints", _endpoint_cell),
        AGE,
    ),
)
