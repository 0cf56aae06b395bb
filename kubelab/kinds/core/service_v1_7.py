"""Service as 1.7 validated it: one address, and a balancer of one protocol.

upstream: pkg/api/validation/validation.go ValidateService, ValidateServiceUpdate, ValidateServiceExternalTrafficFieldsCombination (asked by
pkg/registry/core/service/rest.go of what is valid otherwise), 1.7.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubelab.kinds.addresses import validate_not_special_ip
from kubelab.kinds.core import service
from kubelab.kinds.core.service_validation import is_cidr, validate_port
from kubelab.kinds.field import FieldError, Go, duplicate, go_quote, invalid, not_supported, required
from kubelab.kinds.intstr import go_int_or_string
from kubelab.kinds.kind import Context, Object
from kubelab.kinds.names import is_dns1123_subdomain, is_ip, parse_ip, validate_labels

_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_AFFINITIES = ("ClientIP", "None")
_PROTOCOLS = ("TCP", "UDP")
_POLICIES = ("", "Cluster", "Local")
_KUBELET_PORT = 10250
_BETA = "service.beta.kubernetes.io/"
_SOURCE_RANGES = f"{_BETA}load-balancer-source-ranges"
_TRAFFIC = f"{_BETA}external-traffic"
_HEALTH_PORT = f"{_BETA}healthcheck-nodeport"


def default(obj: Object, ctx: Context) -> None:
    """A policy is not filled in beside the annotation that said the same before."""
    given = (obj.get("spec") or {}).get("externalTrafficPolicy")
    service.default(obj, ctx)
    if not given and _TRAFFIC in (obj["metadata"].get("annotations") or {}):
        obj["spec"].pop("externalTrafficPolicy", None)


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    return _whole(obj) or _combination(obj)


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    spec, before = obj.get("spec") or {}, old.get("spec") or {}
    address, given = before.get("clusterIP") or "", spec.get("clusterIP") or ""
    errors: list[FieldError] = []
    if "ExternalName" not in (spec.get("type"), before.get("type")) and address not in ("", given):
        errors.append(invalid("spec.clusterIP", given, "field is immutable"))
    return errors + _whole(obj) or _combination(obj)


def _whole(obj: Object) -> list[FieldError]:
    spec, annotations = obj.get("spec") or {}, obj["metadata"].get("annotations") or {}
    ports, type_, address = spec.get("ports") or [], spec.get("type") or "", spec.get("clusterIP") or ""
    errors: list[FieldError] = []
    if not ports and address != "None" and type_ != "ExternalName":
        errors.append(required("spec.ports"))
    errors += _validate_type(spec, type_, address, ports)
    names: list[str] = []
    for index, port in enumerate(ports):
        errors += validate_port(port, f"spec.ports[{index}]", names, _PROTOCOLS, several=len(ports) > 1)
    if spec.get("selector"):
        errors += validate_labels(spec["selector"], "spec.selector")
    affinity = spec.get("sessionAffinity") or ""
    if affinity not in _AFFINITIES:
        path = "spec.sessionAffinity"
        errors.append(not_supported(path, affinity, _AFFINITIES) if affinity else required(path))
    if address not in ("", "None") and parse_ip(address) is None:
        errors.append(invalid("spec.clusterIP", address, "must be empty, 'None', or a valid IP address"))
    for index, each in enumerate(spec.get("externalIPs") or ()):
        complaints = is_ip(each)
        errors += (invalid(f"spec.externalIPs[{index}]", each, complaint) for complaint in complaints)
        if not complaints:
            errors += validate_not_special_ip(each, f"spec.externalIPs[{index}]")
    if type_ not in _TYPES:
        errors.append(not_supported("spec.type", type_, _TYPES) if type_ else required("spec.type"))
    return errors + _validate_protocols(ports, type_) + _validate_node_ports(ports, type_) + _validate_traffic(spec, type_, annotations)


def _validate_type(spec: Object, type_: str, address: str, ports: Sequence[Object]) -> list[FieldError]:
    errors: list[FieldError] = []
    if type_ == "LoadBalancer":
        words = f"may not expose port {_KUBELET_PORT} externally since it is used by kubelet"
        exposed = (index for index, port in enumerate(ports) if port.get("port") == _KUBELET_PORT)
        errors += (invalid(f"spec.ports[{index}]", _KUBELET_PORT, words) for index in exposed)
    if type_ in ("LoadBalancer", "NodePort") and address == "None":
        errors.append(invalid("spec.clusterIP", "None", f"may not be set to 'None' for {type_} services"))
    if type_ == "ExternalName":
        if address:
            errors.append(invalid("spec.clusterIP", address, "must be empty for ExternalName services"))
        name = spec.get("externalName") or ""
        if not name:
            errors.append(required("spec.externalName"))
        else:
            errors += (invalid("spec.externalName", name, each) for each in is_dns1123_subdomain(name))
    return errors


def _validate_protocols(ports: Sequence[Object], type_: str) -> list[FieldError]:
    if type_ != "LoadBalancer":
        return []
    words = "cannot create an external load balancer with non-TCP/UDP ports"
    errors: list[FieldError] = []
    for index, port in enumerate(ports):
        if port.get("protocol") not in _PROTOCOLS:
            errors.append(invalid(f"spec.ports[{index}].protocol", port.get("protocol") or "", words))
    if all(any(port.get("protocol") == each for port in ports) for each in _PROTOCOLS):
        shown = Go("[]api.ServicePort{" + ", ".join(map(_go_port, ports)) + "}")
        errors.append(invalid("spec.ports", shown, "cannot create an external load balancer with mix protocols"))
    return errors


def _go_port(port: Object) -> str:
    name, protocol, target = go_quote(port.get("name") or ""), go_quote(port.get("protocol") or ""), port.get("targetPort") or 0
    shown = go_int_or_string(target).text
    head = f"api.ServicePort{{Name:{name}, Protocol:{protocol}, Port:{port.get('port') or 0}"
    return f"{head}, TargetPort:{shown}, NodePort:{port.get('nodePort') or 0}}}"


def _validate_node_ports(ports: Sequence[Object], type_: str) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: list[tuple[str, int]] = []
    for index, port in enumerate(ports):
        number = port.get("nodePort") or 0
        if not number:
            continue
        path, key = f"spec.ports[{index}].nodePort", (port.get("protocol") or "", number)
        if type_ == "ClusterIP":
            errors.append(invalid(path, number, "may not be used when `type` is 'ClusterIP'"))
        if key in seen:
            errors.append(duplicate(path, number))
        seen.append(key)
    return errors


def _validate_traffic(spec: Object, type_: str, annotations: Object) -> list[FieldError]:
    errors: list[FieldError] = []
    ranges = spec.get("loadBalancerSourceRanges") or []
    if ranges or _SOURCE_RANGES in annotations:
        path = "spec.LoadBalancerSourceRanges" if ranges else _annotation(_SOURCE_RANGES)
        shown = f"[{' '.join(ranges)}]" if ranges else annotations[_SOURCE_RANGES]
        given = annotations.get(_SOURCE_RANGES, "").strip()
        listed = ranges or [part.strip() for part in given.split(",") if given]
        if type_ != "LoadBalancer":
            errors.append(invalid(path, "", "may only be used when `type` is 'LoadBalancer'"))
        if not all(is_cidr(each) for each in listed):
            errors.append(invalid(path, shown, "must be a list of IP ranges. For example, 10.240.0.0/24,10.250.0.0/24 "))
    errors += _validate_beta_annotations(annotations)
    policy, port = spec.get("externalTrafficPolicy") or "", spec.get("healthCheckNodePort") or 0
    if policy not in _POLICIES:
        errors.append(invalid("spec.externalTrafficPolicy", policy, "ExternalTrafficPolicy must be empty, Cluster or Local"))
    if port < 0:
        errors.append(invalid("spec.healthCheckNodePort", port, "HealthCheckNodePort must be not less than 0"))
    if policy or port:
        for key, field in ((_TRAFFIC, "ExternalTrafficPolicy"), (_HEALTH_PORT, "HealthCheckNodePort")):
            if key in annotations:
                errors.append(invalid(_annotation(key), key, f"please replace the beta annotation with '{field}' field"))
    return errors


def _annotation(key: str) -> str:
    return f"metadata.annotations[{key}]"


def _validate_beta_annotations(annotations: Object) -> list[FieldError]:
    errors: list[FieldError] = []
    traffic, port = annotations.get(_TRAFFIC), annotations.get(_HEALTH_PORT)
    if traffic not in (None, "OnlyLocal", "Global"):
        errors.append(invalid(_annotation(_TRAFFIC), traffic, "ExternalTraffic must be OnlyLocal or Global"))
    if port is None:
        return errors
    digits = port[1:] if port[:1] in ("+", "-") else port
    if not (digits.isascii() and digits.isdigit()):
        errors.append(invalid(_annotation(_HEALTH_PORT), port, "HealthCheckNodePort must be a valid port number"))
    elif int(port) <= 0:
        errors.append(invalid(_annotation(_HEALTH_PORT), port, "HealthCheckNodePort must be greater than 0"))
    return errors


def _combination(obj: Object) -> list[FieldError]:
    spec, annotations = obj.get("spec") or {}, obj["metadata"].get("annotations") or {}
    type_, policy, port = spec.get("type"), spec.get("externalTrafficPolicy") or "", spec.get("healthCheckNodePort") or 0
    errors: list[FieldError] = []
    if policy and type_ not in ("LoadBalancer", "NodePort"):
        errors.append(
            invalid("spec.externalTrafficPolicy", policy, "ExternalTrafficPolicy can only be set on NodePort and LoadBalancer service")
        )
    local = annotations[_TRAFFIC] == "OnlyLocal" if _TRAFFIC in annotations else policy == "Local"
    if port and not (type_ == "LoadBalancer" and local):
        words = "HealthCheckNodePort can only be set on LoadBalancer service with ExternalTrafficPolicy=Local"
        errors.append(invalid("spec.healthCheckNodePort", port, words))
    return errors
