"""Ingress: HTTP routes to services.

upstream: pkg/apis/networking/validation/validation.go, pkg/registry/networking/ingress/strategy.go,
pkg/printers/internalversion/printers.go, 1.28.
"""

from __future__ import annotations

from kubelab.kinds.columns import AGE, NAME, at, dig
from kubelab.kinds.equality import spec_changed
from kubelab.kinds.field import FieldError, Go, invalid, not_supported, required
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.names import (
    is_dns1035_label,
    is_dns1123_subdomain,
    is_path_segment_name,
    is_port_name,
    is_port_number,
    is_wildcard_dns1123_subdomain,
    name_is_dns_subdomain,
    parse_ip,
)
from kubelab.kinds.path_copy import keep, own

CLASS_ANNOTATION = "kubernetes.io/ingress.class"
_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
_INVALID_SEQUENCES = ("//", "/./", "/../", "%2f", "%2F")
_INVALID_SUFFIXES = ("/..", "/.")
_NOT_AN_IP = "must be a DNS name, not an IP address"


def prepare_create(obj: Object, ctx: Context) -> None:
    obj["status"] = {"loadBalancer": {}}


def prepare_update(obj: Object, old: Object, ctx: Context) -> None:
    keep(obj, old, "status")


def prepare_status(obj: Object, old: Object, ctx: Context) -> None:
    keep(obj, old, "spec")
    own(obj, "status").setdefault("loadBalancer", {})


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    spec = obj.get("spec") or {}
    errors = _validate_spec(spec, secret_names=True, wildcard_rules=True)
    annotation, name = (obj["metadata"].get("annotations") or {}).get(CLASS_ANNOTATION), spec.get("ingressClassName")
    if annotation is not None and name is not None and annotation != name:
        path = f"annotations.{CLASS_ANNOTATION}"
        errors.append(invalid(path, annotation, "must match `ingressClassName` when both are specified"))
    return errors


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    """What the old object already had wrong in secret names and wildcard rules may stay."""
    old_spec = old.get("spec") or {}
    secrets = (tls.get("secretName", "") for tls in old_spec.get("tls") or ())
    wildcards = (rule for rule in old_spec.get("rules") or () if "*" in rule.get("host", ""))
    return _validate_spec(
        obj.get("spec") or {},
        secret_names=not any(secret and is_dns1123_subdomain(secret) for secret in secrets),
        wildcard_rules=not any(_validate_paths(rule, "") for rule in wildcards),
    )


def _validate_spec(spec: Object, *, secret_names: bool, wildcard_rules: bool) -> list[FieldError]:
    rules, backend = spec.get("rules") or [], spec.get("defaultBackend")
    errors: list[FieldError] = []
    if not rules and backend is None:
        shown = Go("[]networking.IngressRule{}" if spec.get("rules") == [] else "[]networking.IngressRule(nil)")
        errors.append(invalid("spec", shown, "either `defaultBackend` or `rules` must be specified"))
    if backend is not None:
        errors += _validate_backend(backend, "spec.defaultBackend")
    for index, rule in enumerate(rules):
        errors += _validate_rule(rule, f"spec.rules[{index}]", wildcard_rules=wildcard_rules)
    for index, tls in enumerate(spec.get("tls") or ()):
        errors += _validate_tls(tls, f"spec.tls[{index}]", secret_names=secret_names)
    name = spec.get("ingressClassName")
    if name is not None:
        errors += (invalid("spec.ingressClassName", name, each) for each in is_dns1123_subdomain(name))
    return errors


def _validate_rule(rule: Object, path: str, *, wildcard_rules: bool) -> list[FieldError]:
    host = rule.get("host", "")
    errors: list[FieldError] = []
    if host:
        if parse_ip(host):
            errors.append(invalid(f"{path}.host", host, _NOT_AN_IP))
        errors += (invalid(f"{path}.host", host, each) for each in _host_complaints(host))
    if "*" in host and not wildcard_rules:
        return errors
    return errors + _validate_paths(rule, path)


def _host_complaints(host: str) -> tuple[str, ...]:
    return is_wildcard_dns1123_subdomain(host) if "*" in host else is_dns1123_subdomain(host)


def _validate_paths(rule: Object, path: str) -> list[FieldError]:
    http = rule.get("http")
    if http is None:
        return []
    if not http.get("paths"):
        return [required(f"{path}.http.paths")]
    errors: list[FieldError] = []
    for index, route in enumerate(http["paths"]):
        errors += _validate_path(route, f"{path}.http.paths[{index}]")
    return errors


def _validate_path(route: Object, path: str) -> list[FieldError]:
    kind, url = route.get("pathType"), route.get("path", "")
    if kind is None:
        return [required(f"{path}.pathType", "pathType must be specified")]
    errors: list[FieldError] = []
    if kind not in _PATH_TYPES:
        errors.append(not_supported(f"{path}.pathType", kind, _PATH_TYPES))
    elif not url.startswith("/") and (url or kind != "ImplementationSpecific"):
        errors.append(invalid(f"{path}.path", url, "must be an absolute path"))
    if kind in ("Exact", "Prefix"):
        errors += (invalid(f"{path}.path", url, f"must not contain '{part}'") for part in _INVALID_SEQUENCES if part in url)
        errors += (invalid(f"{path}.path", url, f"cannot end with '{end}'") for end in _INVALID_SUFFIXES if url.endswith(end))
    return errors + _validate_backend(route.get("backend") or {}, f"{path}.backend")


def _validate_backend(backend: Object, path: str) -> list[FieldError]:
    resource, service = backend.get("resource"), backend.get("service")
    if resource is not None and service is not None:
        return [invalid(path, "", "cannot set both resource and service backends")]
    if resource is not None:
        return validate_typed_reference(resource, f"{path}.resource")
    if service is None:
        return [invalid(path, "", "resource or service backend is required")]
    return _validate_service(service, path)


def _validate_service(service: Object, path: str) -> list[FieldError]:
    name, port = service.get("name", ""), service.get("port") or {}
    errors = [] if name else [required(f"{path}.service.name")]
    errors += (invalid(f"{path}.service.name", name, each) for each in (is_dns1035_label(name) if name else ()))
    port_name, number = port.get("name", ""), port.get("number", 0)
    if port_name and number:
        errors.append(invalid(path, "", "cannot set both port name & port number"))
    elif port_name:
        errors += (invalid(f"{path}.service.port.name", port_name, each) for each in is_port_name(port_name))
    elif number:
        errors += (invalid(f"{path}.service.port.number", number, each) for each in is_port_number(number))
    else:
        errors.append(required(path, "port name or number is required"))
    return errors


def validate_typed_reference(reference: Object, path: str) -> list[FieldError]:
    """upstream: validateIngressTypedLocalObjectReference."""
    group = reference.get("apiGroup")
    errors: list[FieldError] = []
    if group is not None:
        errors += (invalid(f"{path}.apiGroup", group, each) for each in is_dns1123_subdomain(group))
    for field in ("kind", "name"):
        value = reference.get(field, "")
        if not value:
            errors.append(required(f"{path}.{field}", f"{field} is required"))
        errors += (invalid(f"{path}.{field}", value, each) for each in (is_path_segment_name(value) if value else ()))
    return errors


def _validate_tls(tls: Object, path: str, *, secret_names: bool) -> list[FieldError]:
    errors: list[FieldError] = []
    for index, host in enumerate(tls.get("hosts") or ()):
        errors += (invalid(f"{path}.hosts[{index}]", host, each) for each in _host_complaints(host))
    secret = tls.get("secretName", "")
    if secret_names and secret:
        errors += (invalid(f"{path}.secretName", secret, each) for each in is_dns1123_subdomain(secret))
    return errors


def validate_status(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    errors: list[FieldError] = []
    for index, point in enumerate(dig(obj, ("status", "loadBalancer", "ingress"), ())):
        path, ip, host = f"status.loadBalancer.ingress[{index}]", point.get("ip", ""), point.get("hostname", "")
        if ip and not parse_ip(ip):
            errors.append(invalid(f"{path}.ip", ip, "must be a valid IP address"))
        if host:
            errors += (invalid(f"{path}.hostname", host, each) for each in is_dns1123_subdomain(host))
            if parse_ip(host):
                errors.append(invalid(f"{path}.hostname", host, _NOT_AN_IP))
    return errors


def warnings(obj: Object, old: Object | None, ctx: Context) -> list[str]:
    annotated = CLASS_ANNOTATION in (obj["metadata"].get("annotations") or {})
    if old is not None or not annotated or (obj.get("spec") or {}).get("ingressClassName") is not None:
        return []
    return [f"annotation \"{CLASS_ANNOTATION}\" is deprecated, please use 'spec.ingressClassName' instead"]


def _hosts(obj: Object, now_ns: int) -> str:
    rules = dig(obj, ("spec", "rules"), ())
    shown: list[str] = []
    for rule in rules:
        if len(shown) == 3:
            return f"{','.join(shown)} + {len(rules) - 3} more..."
        if rule.get("host"):
            shown.append(rule["host"])
    return ",".join(shown) or "*"


def _address(obj: Object, now_ns: int) -> str:
    points = dig(obj, ("status", "loadBalancer", "ingress"), ())
    names = [point.get("ip") or point.get("hostname", "") for point in points]
    return ",".join(sorted(dict.fromkeys(filter(None, names))))


def _ports(obj: Object, now_ns: int) -> str:
    return "80, 443" if dig(obj, ("spec", "tls")) else "80"


KIND = Kind(
    kind="Ingress",
    plural="ingresses",
    group="networking.k8s.io",
    short_names=("ing",),
    subresources=("status",),
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    prepare_status=prepare_status,
    validate=validate,
    validate_update=validate_update,
    validate_status=validate_status,
    validate_name=name_is_dns_subdomain,
    spec_changed=spec_changed,
    warnings=warnings,
    columns=(
        NAME,
        Column(
            "Class",
            at("spec", "ingressClassName", default="<none>"),
            description="The name of the IngressClass resource that should be used for additional configuration",
        ),
        Column("Hosts", _hosts, description="Hosts that incoming requests are matched against before the ingress rule"),
        Column("Address", _address, description="Address is a list containing ingress points for the load-balancer"),
        Column("Ports", _ports, description="Ports of TLS configurations that open"),
        AGE,
    ),
)
