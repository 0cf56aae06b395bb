"""Validation of Services.

upstream: pkg/apis/core/validation/validation.go (ValidateService, ValidateServiceUpdate …), 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubelab.kinds.addresses import validate_not_special_ip
from kubelab.kinds.core.service_fields import is_headless, needs_health_check_port, needs_node_port
from kubelab.kinds.field import FieldError, Go, duplicate, forbidden, go_quote, invalid, not_supported, required
from kubelab.kinds.kind import Context, Object
from kubelab.kinds.names import (
    is_dns1123_label,
    is_dns1123_subdomain,
    is_ip,
    is_port_number,
    is_qualified_name,
    parse_ip,
    validate_kube_finalizers,
    validate_labels,
)
from kubelab.kinds.podspec.containers import PROTOCOLS
from kubelab.kinds.podspec.handlers import validate_port_or_name

_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_AFFINITIES = ("ClientIP", "None")
_POLICIES = ("Cluster", "Local")
_KUBELET_PORT = 10250
_ONE_DAY = 86400
_HINTS = "service.kubernetes.io/topology-aware-hints"
_MODE = "service.kubernetes.io/topology-mode"
_SOURCE_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"


def validate_service(obj: Object, ctx: Context) -> list[FieldError]:
    """A whole Service, its addresses and node ports already allocated."""
    spec, annotations = obj.get("spec") or {}, obj["metadata"].get("annotations") or {}
    errors = validate_kube_finalizers(obj["metadata"])
    if _MODE in annotations and annotations.get(_HINTS, annotations[_MODE]) != annotations[_MODE]:
        detail = f"must match annotations[{_HINTS}] when both are specified"
        errors.append(invalid(f"metadata.annotations[{_MODE}]", annotations[_MODE], detail))
    ports, kind = spec.get("ports") or [], spec.get("type") or ""
    if not ports and not is_headless(spec) and kind != "ExternalName":
        errors.append(required("spec.ports"))
    errors += _validate_type(spec, kind, ports)
    names: list[str] = []
    for index, port in enumerate(ports):
        errors += _validate_port(port, f"spec.ports[{index}]", names, several=len(ports) > 1)
    if spec.get("selector"):
        errors += validate_labels(spec["selector"], "spec.selector")
    errors += _validate_affinity(spec) + validate_cluster_ips(spec)
    for index, address in enumerate(spec.get("externalIPs") or ()):
        complaints = is_ip(address)
        errors += (invalid(f"spec.externalIPs[{index}]", address, each) for each in complaints)
        if not complaints:
            errors += validate_not_special_ip(address, f"spec.externalIPs[{index}]")
    if kind not in _TYPES:
        errors.append(not_supported("spec.type", kind, _TYPES) if kind else required("spec.type"))
    return errors + _validate_port_conflicts(ports, kind) + _validate_load_balancer(spec, kind, annotations) + _validate_traffic(spec)


def _validate_type(spec: Object, kind: str, ports: Sequence[Object]) -> list[FieldError]:
    errors: list[FieldError] = []
    if kind == "LoadBalancer":
        for index, port in enumerate(ports):
            if port.get("port") == _KUBELET_PORT:
                detail = f"may not expose port {_KUBELET_PORT} externally since it is used by kubelet"
                errors.append(invalid(f"spec.ports[{index}]", _KUBELET_PORT, detail))
    if kind in ("LoadBalancer", "NodePort") and is_headless(spec):
        errors.append(invalid("spec.clusterIPs[0]", "None", f"may not be set to 'None' for {kind} services"))
    if kind == "ExternalName":
        for field in ("clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            if spec.get(field):
                errors.append(forbidden(f"spec.{field}", "may not be set for ExternalName services"))
        name = (spec.get("externalName") or "").removesuffix(".")
        if not name:
            errors.append(required("spec.externalName"))
        else:
            errors += (invalid("spec.externalName", name, each) for each in is_dns1123_subdomain(name))
    return errors


def _validate_port(port: Object, path: str, names: list[str], *, several: bool) -> list[FieldError]:
    errors = validate_port(port, path, names, PROTOCOLS, several=several)
    if port.get("appProtocol") is not None:
        errors += (invalid(f"{path}.appProtocol", port["appProtocol"], each) for each in is_qualified_name(port["appProtocol"]))
    return errors


def validate_port(port: Object, path: str, names: list[str], protocols: Sequence[str], *, several: bool) -> list[FieldError]:
    """What every release asks of a port; ``names``: those of the ports before, to which its own is added."""
    errors: list[FieldError] = []
    name, protocol, number = port.get("name") or "", port.get("protocol") or "", port.get("port") or 0
    if name:
        errors += (invalid(f"{path}.name", name, each) for each in is_dns1123_label(name))
        if name in names:
            errors.append(duplicate(f"{path}.name", name))
        names.append(name)
    elif several:
        errors.append(required(f"{path}.name"))
    errors += (invalid(f"{path}.port", number, each) for each in is_port_number(number))
    if protocol not in protocols:
        errors.append(not_supported(f"{path}.protocol", protocol, protocols) if protocol else required(f"{path}.protocol"))
    target = port.get("targetPort")
    return errors + validate_port_or_name(0 if target is None else target, f"{path}.targetPort")


def _validate_affinity(spec: Object) -> list[FieldError]:
    affinity, config, path = spec.get("sessionAffinity") or "", spec.get("sessionAffinityConfig"), "spec.sessionAffinityConfig"
    errors: list[FieldError] = []
    if affinity not in _AFFINITIES:
        at = "spec.sessionAffinity"
        errors.append(not_supported(at, affinity, _AFFINITIES) if affinity else required(at))
    if affinity == "None" and config is not None:
        errors.append(forbidden(path, "must not be set when session affinity is None"))
    if affinity != "ClientIP":
        return errors
    detail = "when session affinity type is ClientIP"
    if config is None:
        return [*errors, required(path, detail)]
    if config.get("clientIP") is None:
        return [*errors, required(f"{path}.clientIP", detail)]
    seconds = config["clientIP"].get("timeoutSeconds")
    if seconds is None:
        errors.append(required(f"{path}.clientIP.timeoutSeconds", detail))
    elif not 0 < seconds <= _ONE_DAY:
        errors.append(invalid(f"{path}.clientIP.timeoutSeconds", seconds, f"must be greater than 0 and less than {_ONE_DAY}"))
    return errors


def validate_cluster_ips(spec: Object) -> list[FieldError]:
    if spec.get("type") == "ExternalName":
        return []
    address, addresses, families = spec.get("clusterIP") or "", spec.get("clusterIPs") or [], spec.get("ipFamilies") or []
    path = "spec.clusterIPs"
    errors: list[FieldError] = []
    if address and not addresses:
        errors.append(required(path))
    elif address and addresses[0] != address:
        errors.append(invalid(path, addresses, "first value must match `clusterIP`"))
    elif addresses and not address:
        errors.append(invalid(path, addresses, "must be empty when `clusterIP` is not specified"))
    for index, family in enumerate(families):
        if family not in ("IPv4", "IPv6"):
            errors.append(not_supported(f"spec.ipFamilies[{index}]", family, ("IPv4", "IPv6")))
        if family in families[:index]:
            errors.append(duplicate(f"spec.ipFamilies[{index}]", family))
    policy, policies = spec.get("ipFamilyPolicy"), ("PreferDualStack", "RequireDualStack", "SingleStack")
    if policy is not None and policy not in policies:
        errors.append(not_supported("spec.ipFamilyPolicy", policy, policies))
    bad = False
    for index, each in enumerate(addresses):
        if index == 0 and each == "None":
            if len(addresses) > 1:
                bad = True
                errors.append(invalid(path, addresses, "'None' must be the first and only value"))
            continue
        complaints = is_ip(each)
        bad = bad or bool(complaints)
        errors += (invalid(f"{path}[{index}]", each, complaint) for complaint in complaints)
    if len(addresses) > 2:
        errors.append(invalid(path, addresses, "may only hold up to 2 values"))
    return errors if bad else errors + _validate_families(addresses, families, path)


def _validate_families(addresses: list[str], families: list[str], path: str) -> list[FieldError]:
    versions = [found.version for found in map(parse_ip, addresses) if found is not None]
    errors: list[FieldError] = []
    if len(addresses) > 1 and len(dict.fromkeys(versions)) < 2:
        errors.append(invalid(path, addresses, "may specify no more than one IP for each IP family"))
    if addresses == ["None"]:
        return errors
    for index, (address, family) in enumerate(zip(addresses, families, strict=False)):
        found = parse_ip(address)
        if found is not None and family in ("IPv4", "IPv6") and f"IPv{found.version}" != family:
            detail = f"expected an {family} value as indicated by `ipFamilies[{index}]`"
            errors.append(invalid(f"{path}[{index}]", address, detail))
    return errors


def _validate_port_conflicts(ports: Sequence[Object], kind: str) -> list[FieldError]:
    errors: list[FieldError] = []
    if kind == "ClusterIP":
        for index, port in enumerate(ports):
            if port.get("nodePort"):
                errors.append(forbidden(f"spec.ports[{index}].nodePort", "may not be used when `type` is 'ClusterIP'"))
    node_ports: list[tuple[str, int]] = []
    for index, port in enumerate(ports):
        key = (port.get("protocol") or "", port.get("nodePort") or 0)
        if key[1] and key in node_ports:
            errors.append(duplicate(f"spec.ports[{index}].nodePort", key[1]))
        node_ports.append(key)
    numbers: list[tuple[str, int]] = []
    for index, port in enumerate(ports):
        key = (port.get("protocol") or "", port.get("port") or 0)
        if key in numbers:
            errors.append(duplicate(f"spec.ports[{index}]", _go_port(*key)))
        numbers.append(key)
    return errors


def _go_port(protocol: str, number: int) -> Go:
    target = 'intstr.IntOrString{Type:0, IntVal:0, StrVal:""}'
    return Go(
        f'core.ServicePort{{Name:"", Protocol:{go_quote(protocol)}, AppProtocol:(*string)(nil), Port:{number}, TargetPort:{target}, NodePort:0}}'
    )


def _validate_load_balancer(spec: Object, kind: str, annotations: Object) -> list[FieldError]:
    only = "may only be used when `type` is 'LoadBalancer'"
    errors: list[FieldError] = []
    ranges = spec.get("loadBalancerSourceRanges") or []
    if ranges or _SOURCE_RANGES in annotations:
        path = "spec.LoadBalancerSourceRanges" if ranges else f"metadata.annotations[{_SOURCE_RANGES}]"
        shown = f"[{' '.join(ranges)}]" if ranges else annotations[_SOURCE_RANGES]
        listed = ranges or [part.strip() for part in annotations[_SOURCE_RANGES].split(",") if part.strip()]
        if kind != "LoadBalancer":
            errors.append(forbidden(path, only))
        if not all(is_cidr(each) for each in listed):
            errors.append(invalid(path, shown, "must be a list of IP ranges. For example, 10.240.0.0/24,10.250.0.0/24 "))
    allocates = spec.get("allocateLoadBalancerNodePorts")
    if allocates is not None and kind != "LoadBalancer":
        errors.append(forbidden("spec.allocateLoadBalancerNodePorts", only))
    if allocates is None and kind == "LoadBalancer":
        errors.append(required("allocateLoadBalancerNodePorts"))
    return errors + _validate_class(spec)


def _validate_class(spec: Object) -> list[FieldError]:
    name = spec.get("loadBalancerClass")
    if name is None:
        return []
    if spec.get("type") != "LoadBalancer":
        return [forbidden("spec.loadBalancerClass", "may only be used when `type` is 'LoadBalancer'")]
    return [invalid("spec.loadBalancerClass", name, each) for each in is_qualified_name(name)]


def is_cidr(text: str) -> bool:
    """Whether a text is an address range with its prefix length."""
    address, slash, length = text.partition("/")
    found = parse_ip(address)
    return found is not None and bool(slash) and length.isascii() and length.isdigit() and int(length) <= found.max_prefixlen


def _validate_traffic(spec: Object) -> list[FieldError]:
    external, internal, port = (
        spec.get("externalTrafficPolicy") or "",
        spec.get("internalTrafficPolicy"),
        spec.get("healthCheckNodePort") or 0,
    )
    errors: list[FieldError] = []
    at = "spec.externalTrafficPolicy"
    if not needs_node_port(spec):
        if external:
            errors.append(invalid(at, external, "may only be set when `type` is 'NodePort' or 'LoadBalancer'"))
    elif external not in _POLICIES:
        errors.append(not_supported(at, external, _POLICIES) if external else required(at))
    if needs_health_check_port(spec):
        if not port:
            errors.append(required("spec.healthCheckNodePort"))
        else:
            errors += (invalid("spec.healthCheckNodePort", port, each) for each in is_port_number(port))
    elif port:
        detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        errors.append(invalid("spec.healthCheckNodePort", port, detail))
    if internal is None and spec.get("type") in ("NodePort", "LoadBalancer", "ClusterIP"):
        errors.append(required("spec.internalTrafficPolicy"))
    if internal is not None and internal not in _POLICIES:
        errors.append(not_supported("spec.internalTrafficPolicy", internal, _POLICIES))
    return errors


def validate_service_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    """A changed Service. Upstream looks at the load balancer's class twice, and reports twice."""
    spec, before = obj.get("spec") or {}, old.get("spec") or {}
    errors: list[FieldError] = []
    if spec.get("type") != "ExternalName" and before.get("type") != "ExternalName":
        errors += _validate_cluster_ips_update(spec, before) + _validate_families_update(spec, before)
    if spec.get("type") == before.get("type") == "LoadBalancer" and spec.get("loadBalancerClass") != before.get("loadBalancerClass"):
        errors.append(invalid("spec.loadBalancerClass", spec.get("loadBalancerClass"), "may not change once set"))
    errors += _validate_class(spec)
    if needs_health_check_port(before) and needs_health_check_port(spec):
        if spec.get("healthCheckNodePort") != before.get("healthCheckNodePort"):
            errors.append(forbidden("spec.healthCheckNodePort", "field is immutable"))
    return errors + validate_service(obj, ctx)


def _validate_cluster_ips_update(spec: Object, before: Object) -> list[FieldError]:
    new, old, path = spec.get("clusterIPs") or [], before.get("clusterIPs") or [], "spec.clusterIPs"
    if is_headless(spec) and is_headless(before):
        return []
    if len(old) == len(new):
        return [
            invalid(f"{path}[{index}]", new, "may not change once set")
            for index, (was, now) in enumerate(zip(old, new, strict=True))
            if was != now
        ]
    errors: list[FieldError] = []
    if old and not new:
        errors.append(invalid(f"{path}[0]", Go("[]string(nil)"), "primary clusterIP can not be unset"))
    elif old and new[0] != old[0]:
        errors.append(invalid(f"{path}[0]", new, "may not change once set"))
    if len(old) > len(new) == 1 and spec.get("ipFamilyPolicy") != "SingleStack":
        detail = "must be set to 'SingleStack' when releasing the secondary clusterIP"
        errors.append(invalid("spec.ipFamilyPolicy", spec.get("ipFamilyPolicy"), detail))
    return errors


def _go_families(families: list[str]) -> Go:
    return Go("[]core.IPFamily{" + ", ".join(map(go_quote, families)) + "}")


def _validate_families_update(spec: Object, before: Object) -> list[FieldError]:
    new, old, path = spec.get("ipFamilies") or [], before.get("ipFamilies") or [], "spec.ipFamilies[0]"
    if is_headless(spec) or is_headless(before):
        return []
    if len(old) == len(new):
        return [invalid(path, _go_families(new), "may not change once set") for was, now in zip(old, new, strict=True) if was != now]
    errors: list[FieldError] = []
    if len(old) > len(new) and not spec.get("clusterIPs"):
        errors.append(invalid(path, _go_families(new), "primary ipFamily can not be unset"))
    if old and new and new[0] != old[0]:
        errors.append(invalid(path, spec.get("clusterIPs") or [], "may not change once set"))
    if len(old) > len(new) == 1 and spec.get("ipFamilyPolicy") != "SingleStack":
        detail = "must be set to 'SingleStack' when releasing the secondary ipFamily"
        errors.append(invalid("spec.ipFamilyPolicy", spec.get("ipFamilyPolicy"), detail))
    return errors


def validate_service_status(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    errors = validate_kube_finalizers(obj["metadata"])
    ingress = ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    for index, each in enumerate(ingress):
        path, host = f"status.loadBalancer.ingress[{index}]", each.get("hostname") or ""
        if each.get("ip") and parse_ip(each["ip"]) is None:
            errors.append(invalid(f"{path}.ip", each["ip"], "must be a valid IP address"))
        if host:
            errors += (invalid(f"{path}.hostname", host, complaint) for complaint in is_dns1123_subdomain(host))
            if parse_ip(host) is not None:
                errors.append(invalid(f"{path}.hostname", host, "must be a DNS name, not an IP address"))
    return errors
