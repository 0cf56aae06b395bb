"""Endpoints.

upstream: pkg/registry/core/endpoint/strategy.go, pkg/apis/core/validation/validation.go (ValidateEndpoints), 1.28.
"""

from __future__ import annotations

from functools import lru_cache

from kubelab.kinds.addresses import validate_not_special_ip
from kubelab.kinds.columns import AGE, NAME
from kubelab.kinds.field import FieldError, invalid, not_supported, required
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.names import (
    is_dns1123_label,
    is_ip,
    is_port_number,
    is_qualified_name,
    name_is_dns_subdomain,
    validate_kube_finalizers,
)
from kubelab.kinds.podspec.containers import PROTOCOLS

_SHOWN = 3


def default(obj: Object, ctx: Context) -> None:
    if any(not port.get("protocol") for subset in obj.get("subsets") or () for port in subset.get("ports") or ()):
        obj["subsets"] = [
            {**subset, "ports": [{**port, "protocol": port.get("protocol") or "TCP"} for port in subset["ports"]]}
            if subset.get("ports")
            else subset
            for subset in obj["subsets"]
        ]


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    errors = validate_kube_finalizers(obj["metadata"])
    for index, subset in enumerate(obj.get("subsets") or ()):
        path = f"subsets[{index}]"
        if not subset.get("addresses") and not subset.get("notReadyAddresses"):
            errors.append(required(path, "must specify `addresses` or `notReadyAddresses`"))
        for part in ("addresses", "notReadyAddresses"):
            for place, address in enumerate(subset.get(part) or ()):
                if not _is_valid(address.get("ip") or "", address.get("hostname"), address.get("nodeName")):
                    errors += _validate_address(address, f"{path}.{part}[{place}]")
        ports = subset.get("ports") or []
        for place, port in enumerate(ports):
            errors += _validate_port(port, f"{path}.ports[{place}]", several=len(ports) > 1)
    return errors


@lru_cache(maxsize=32768)
def _is_valid(text: str, host: str | None, node: str | None) -> bool:
    """Whether an address of these parts has no fault: a service's addresses are looked at again at each change of one of them."""
    return not _validate_address({"ip": text, "hostname": host, "nodeName": node}, "")


def _validate_address(address: Object, path: str) -> list[FieldError]:
    text, host, node = address.get("ip") or "", address.get("hostname"), address.get("nodeName")
    errors = [invalid(f"{path}.ip", text, each) for each in is_ip(text)]
    if host:
        errors += (invalid(f"{path}.hostname", host, each) for each in is_dns1123_label(host))
    if node is not None:
        errors += (invalid(f"{path}.nodeName", node, each) for each in name_is_dns_subdomain(node, False))
    return errors + validate_not_special_ip(text, f"{path}.ip")


def _validate_port(port: Object, path: str, *, several: bool) -> list[FieldError]:
    name, number, protocol = port.get("name") or "", port.get("port") or 0, port.get("protocol") or ""
    errors: list[FieldError] = []
    if name:
        errors += (invalid(f"{path}.name", name, each) for each in is_dns1123_label(name))
    elif several:
        errors.append(required(f"{path}.name"))
    errors += (invalid(f"{path}.port", number, each) for each in is_port_number(number))
    if protocol not in PROTOCOLS:
        errors.append(not_supported(f"{path}.protocol", protocol, PROTOCOLS) if protocol else required(f"{path}.protocol"))
    if port.get("appProtocol") is not None:
        errors += (invalid(f"{path}.appProtocol", port["appProtocol"], each) for each in is_qualified_name(port["appProtocol"]))
    return errors


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    return validate(obj, ctx)


def _endpoints(obj: Object, now_ns: int) -> str:
    shown: list[str] = []
    count = 0
    for subset in obj.get("subsets") or ():
        addresses = [address.get("ip") or "" for address in subset.get("addresses") or ()]
        for port in subset.get("ports") or [None]:
            count += len(addresses)
            for address in addresses[: max(0, _SHOWN - len(shown))]:
                host = f"[{address}]" if ":" in address else address
                shown.append(address if port is None else f"{host}:{port.get('port')}")
    if not obj.get("subsets"):
        return "<none>"
    return ",".join(shown) + (f" + {count - _SHOWN} more..." if count > _SHOWN else "")


KIND = Kind(
    kind="Endpoints",
    plural="endpoints",
    singular="endpoints",
    short_names=("ep",),
    definition="core.v1.Endpoints",
    default=default,
    defaults_replace=True,
    validate=validate,
    validate_update=validate_update,
    validate_name=name_is_dns_subdomain,
    columns=(NAME, Column("Endpoints", _endpoints), AGE),
    create_on_update=True,
)
