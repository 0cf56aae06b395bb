"""Ingress and NetworkPolicy as 1.7 had them.

An Ingress's backend names its service and port in two fields, its path is a regular expression, and findings of every rule's routes name the
first rule, those of their backends no route. A NetworkPolicy knows pods that are let in, one selector a peer, and its spec never changes.

upstream: pkg/apis/extensions/validation/validation.go, pkg/apis/networking/validation/validation.go, 1.7.
"""

from __future__ import annotations

import re

from kubelab.kinds.equality import same
from kubelab.kinds.field import FieldError, Go, forbidden, invalid, not_supported, required
from kubelab.kinds.kind import Context, Object
from kubelab.kinds.names import (
    is_dns1035_label,
    is_dns1123_subdomain,
    is_port_name,
    is_port_number,
    is_wildcard_dns1123_subdomain,
    parse_ip,
)
from kubelab.kinds.selectors import validate_label_selector

_PROTOCOLS = ("TCP", "UDP")
_PEERS = ("podSelector", "namespaceSelector")


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    spec = obj.get("spec") or {}
    rules, backend = spec.get("rules") or [], spec.get("backend")
    errors: list[FieldError] = []
    if backend is not None:
        errors += _validate_backend(backend, "spec.backend")
    elif not rules:
        shown = Go("[]extensions.IngressRule{}" if spec.get("rules") == [] else "[]extensions.IngressRule(nil)")
        errors.append(invalid("spec", shown, "either `backend` or `rules` must be specified"))
    for index, rule in enumerate(rules):
        errors += _validate_rule(rule, index)
    for tls in spec.get("tls") or ():
        for index, host in enumerate(tls.get("hosts") or ()):
            errors += (invalid(f"spec.tls[{index}].hosts", host, each) for each in _complaints(host))
    return errors


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    return validate(obj, ctx)


def _complaints(host: str) -> tuple[str, ...]:
    return tuple(is_wildcard_dns1123_subdomain(host) if "*" in host else is_dns1123_subdomain(host))


def _validate_rule(rule: Object, index: int) -> list[FieldError]:
    host, path = rule.get("host", ""), f"spec.rules[{index}].host"
    errors: list[FieldError] = []
    if host:
        if parse_ip(host):
            errors.append(invalid(path, host, "must be a DNS name, not an IP address"))
        errors += (invalid(path, host, each) for each in _complaints(host))
    if "*" in host or rule.get("http") is None:
        return errors
    return errors + _validate_http(rule["http"], "spec.rules[0].http")


def _validate_http(http: Object, path: str) -> list[FieldError]:
    routes = http.get("paths") or []
    errors: list[FieldError] = [] if routes else [required(f"{path}.paths")]
    for index, route in enumerate(routes):
        url = route.get("path", "")
        if url and not url.startswith("/"):
            errors.append(invalid(f"{path}.paths[{index}].path", url, "must be an absolute path"))
        if url and not _is_regex(url):
            errors.append(invalid(f"{path}.paths[{index}].path", url, "must be a valid regex"))
        errors += _validate_backend(route.get("backend") or {}, f"{path}.backend")
    return errors


def _is_regex(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:
        return False
    return True


def _validate_backend(backend: Object, path: str) -> list[FieldError]:
    name, port = backend.get("serviceName", ""), backend.get("servicePort", 0)
    if not name:
        return [required(f"{path}.serviceName")]
    errors = [invalid(f"{path}.serviceName", name, each) for each in is_dns1035_label(name)]
    if isinstance(port, int):
        return errors + [invalid(f"{path}.servicePort", port, each) for each in is_port_number(port)]
    return errors + [invalid(f"{path}.servicePort", port, each) for each in is_port_name(port)]


# -- NetworkPolicy ----------------------------------------------------------------------------------------------------------
def validate_policy(obj: Object, ctx: Context) -> list[FieldError]:
    spec = obj.get("spec") or {}
    errors = validate_label_selector(spec.get("podSelector"), "spec.podSelector")
    for index, rule in enumerate(spec.get("ingress") or ()):
        path = f"spec.ingress[{index}]"
        for place, port in enumerate(rule.get("ports") or ()):
            errors += _validate_port(port, f"{path}.ports[{place}]")
        for place, peer in enumerate(rule.get("from") or ()):
            errors += _validate_peer(peer, f"{path}.from[{place}]")
    return errors


def validate_policy_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    errors = validate_policy(obj, ctx)
    if not same(obj.get("spec"), old.get("spec")):
        errors.append(forbidden("spec", "updates to networkpolicy spec are forbidden."))
    return errors


def _validate_port(port: Object, path: str) -> list[FieldError]:
    protocol, number = port.get("protocol"), port.get("port")
    errors = [] if protocol in (None, *_PROTOCOLS) else [not_supported(f"{path}.protocol", protocol, _PROTOCOLS)]
    if number is None:
        return errors
    found = is_port_name(number) if isinstance(number, str) else is_port_number(number)
    return errors + [invalid(f"{path}.port", number, each) for each in found]


def _validate_peer(peer: Object, path: str) -> list[FieldError]:
    given = [name for name in _PEERS if peer.get(name) is not None]
    errors: list[FieldError] = []
    for name in given:
        errors += validate_label_selector(peer[name], f"{path}.{name}")
    if not given:
        errors.append(required(path, "must specify a from type"))
    elif len(given) > 1:
        errors.append(forbidden(path, "may not specify more than 1 from type"))
    return errors
