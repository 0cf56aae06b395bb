"""NetworkPolicy: who may talk to the selected pods, and to whom they may.

upstream: pkg/apis/networking/v1/defaults.go, pkg/apis/networking/validation/validation.go,
pkg/registry/networking/networkpolicy/strategy.go, 1.28.
"""

from __future__ import annotations

import ipaddress

from kubelab.kinds.columns import AGE, NAME, selector_cell
from kubelab.kinds.equality import spec_changed
from kubelab.kinds.field import FieldError, Go, forbidden, invalid, not_supported, required
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.names import is_port_name, is_port_number, name_is_dns_subdomain, parse_ip
from kubelab.kinds.path_copy import own
from kubelab.kinds.selectors import validate_label_selector

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_PROTOCOLS = ("TCP", "UDP", "SCTP")
_POLICY_TYPES = ("Ingress", "Egress")
_DIRECTIONS = (("ingress", "from"), ("egress", "to"))


def default(obj: Object, ctx: Context) -> None:
    spec = own(obj, "spec")
    spec.setdefault("podSelector", {})
    for direction, _ in _DIRECTIONS:
        if rules := spec.get(direction):
            spec[direction] = [_defaulted_rule(rule) for rule in rules]
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


def _defaulted_rule(rule: Object) -> Object:
    ports = rule.get("ports")
    return {**rule, "ports": [{"protocol": "TCP", **port} for port in ports]} if ports else rule


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    return _validate_spec(obj["spec"], strict=True)


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    """Upstream validates the object once as a new one and once as an update; wrong label values of old may stay."""
    strict = not validate_label_selector(old["spec"].get("podSelector"), "spec.podSelector")
    return _validate_spec(obj["spec"], strict=strict) * 2


def _validate_spec(spec: Object, *, strict: bool) -> list[FieldError]:
    errors = validate_label_selector(spec.get("podSelector"), "spec.podSelector", allow_invalid_values=not strict)
    for direction, peers in _DIRECTIONS:
        for index, rule in enumerate(spec.get(direction) or ()):
            path = f"spec.{direction}[{index}]"
            for place, port in enumerate(rule.get("ports") or ()):
                errors += _validate_port(port, f"{path}.ports[{place}]")
            for place, peer in enumerate(rule.get(peers) or ()):
                errors += _validate_peer(peer, f"{path}.{peers}[{place}]", strict=strict)
    types = spec.get("policyTypes") or []
    if len(types) > len(_POLICY_TYPES):
        shown = Go("[]networking.PolicyType{" + ", ".join(f'"{name}"' for name in types) + "}")
        return [*errors, invalid("spec.policyTypes", shown, "may not specify more than two policyTypes")]
    for index, name in enumerate(types):
        if name not in _POLICY_TYPES:
            errors.append(not_supported(f"spec.policyTypes[{index}]", name, _POLICY_TYPES))
    return errors


def _validate_port(port: Object, path: str) -> list[FieldError]:
    protocol, number, end = port.get("protocol"), port.get("port"), port.get("endPort")
    errors: list[FieldError] = []
    if protocol is not None and protocol not in _PROTOCOLS:
        errors.append(not_supported(f"{path}.protocol", protocol, _PROTOCOLS))
    if number is None:
        if end is not None:
            errors.append(invalid(f"{path}.endPort", end, "may not be specified when `port` is not specified"))
        return errors
    if isinstance(number, str):
        if end is not None:
            errors.append(invalid(f"{path}.endPort", end, "may not be specified when `port` is non-numeric"))
        return errors + [invalid(f"{path}.port", number, each) for each in is_port_name(number)]
    errors += (invalid(f"{path}.port", number, each) for each in is_port_number(number))
    if end is not None:
        if end < number:
            errors.append(invalid(f"{path}.endPort", number, "must be greater than or equal to `port`"))
        errors += (invalid(f"{path}.endPort", end, each) for each in is_port_number(end))
    return errors


def _validate_peer(peer: Object, path: str, *, strict: bool) -> list[FieldError]:
    selectors = [name for name in ("podSelector", "namespaceSelector") if peer.get(name) is not None]
    block = peer.get("ipBlock")
    errors: list[FieldError] = []
    for name in selectors:
        errors += validate_label_selector(peer[name], f"{path}.{name}", allow_invalid_values=not strict)
    if block is not None:
        errors += _validate_block(block, f"{path}.ipBlock")
        if selectors:
            errors.append(forbidden(path, "may not specify both ipBlock and another peer"))
    elif not selectors:
        errors.append(required(path, "must specify a peer"))
    return errors


def _validate_block(block: Object, path: str) -> list[FieldError]:
    text = block.get("cidr", "")
    if not text:
        return [required(f"{path}.cidr")]
    network = parse_cidr(text)
    if network is None:
        return [invalid(f"{path}.cidr", text, "not a valid CIDR")]
    errors: list[FieldError] = []
    for index, inner in enumerate(block.get("except") or ()):
        excepted = parse_cidr(inner)
        if excepted is None:
            return [*errors, invalid(f"{path}.except[{index}]", inner, "not a valid CIDR")]
        if excepted.network_address not in network or network.prefixlen >= excepted.prefixlen:
            errors.append(invalid(f"{path}.except[{index}]", inner, "must be a strict subset of `cidr`"))
    return errors


def parse_cidr(text: str) -> Network | None:
    """A network from an address inside it and a prefix length, read as loosely as upstream does (leading zeros); else None."""
    address, slash, length = text.partition("/")
    parsed = parse_ip(address)
    if parsed is None or not slash or not (length.isascii() and length.isdigit()) or int(length) > parsed.max_prefixlen:
        return None
    return ipaddress.ip_network(f"{parsed}/{length}", strict=False)


KIND = Kind(
    kind="NetworkPolicy",
    plural="networkpolicies",
    group="networking.k8s.io",
    short_names=("netpol",),
    default=default,
    validate=validate,
    validate_update=validate_update,
    validate_name=name_is_dns_subdomain,
    spec_changed=spec_changed,
    columns=(NAME, Column("Pod-Selector", selector_cell("spec", "podSelector")), AGE),
)
