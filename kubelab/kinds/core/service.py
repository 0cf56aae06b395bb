"""Service.

upstream: pkg/registry/core/service/strategy.go, pkg/apis/core/v1/defaults.go (SetDefaults_Service), 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubelab.kinds.columns import AGE, NAME, labels_text
from kubelab.kinds.core.service_fields import drop_type_dependent
from kubelab.kinds.core.service_validation import validate_service, validate_service_status, validate_service_update
from kubelab.kinds.field import go_quote
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.names import name_is_dns1035_label

_THREE_HOURS = 10800
_HINTS = "service.kubernetes.io/topology-aware-hints"


def default(obj: Object, ctx: Context) -> None:
    spec = dict(obj.get("spec") or {})
    if not spec.get("sessionAffinity"):
        spec["sessionAffinity"] = "None"
    if spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    elif spec["sessionAffinity"] == "ClientIP":
        config = spec.get("sessionAffinityConfig") or {}
        if (config.get("clientIP") or {}).get("timeoutSeconds") is None:
            spec["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": _THREE_HOURS}}
    kind = spec["type"] = spec.get("type") or "ClusterIP"
    if spec.get("ports"):
        spec["ports"] = [_default_port(port) for port in spec["ports"]]
    if kind in ("NodePort", "LoadBalancer") and not spec.get("externalTrafficPolicy"):
        spec["externalTrafficPolicy"] = "Cluster"
    if kind in ("NodePort", "LoadBalancer", "ClusterIP") and spec.get("internalTrafficPolicy") is None:
        spec["internalTrafficPolicy"] = "Cluster"
    if kind == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is None:
        spec["allocateLoadBalancerNodePorts"] = True
    obj["spec"] = spec


def _default_port(port: Object) -> Object:
    if port.get("protocol") and port.get("targetPort") not in (None, 0, ""):
        return port
    return {**port, "protocol": port.get("protocol") or "TCP", "targetPort": port.get("targetPort") or port.get("port") or 0}


def prepare_create(obj: Object, ctx: Context) -> None:
    obj["status"] = {"loadBalancer": {}}


def prepare_update(obj: Object, old: Object, ctx: Context) -> None:
    spec = dict(obj.get("spec") or {})
    drop_type_dependent(spec, old.get("spec") or {})
    obj["spec"] = spec
    obj["status"] = old.get("status") or {"loadBalancer": {}}
    if spec.get("type") != "LoadBalancer":
        obj["status"] = {**obj["status"], "loadBalancer": {}}


def prepare_status(obj: Object, old: Object, ctx: Context) -> None:
    obj["spec"] = old.get("spec") or {}


def warnings(obj: Object, old: Object | None, ctx: Context) -> Sequence[str]:
    spec, found = obj.get("spec") or {}, []
    if _HINTS in (obj["metadata"].get("annotations") or {}):
        found.append(f"annotation {_HINTS} is deprecated, please use service.kubernetes.io/topology-mode instead")
    if spec.get("type") == "ExternalName" and spec.get("externalIPs"):
        found.append(f"spec.externalIPs is ignored when spec.type is {go_quote('ExternalName')}")
    if spec.get("type") != "ExternalName" and spec.get("externalName"):
        found.append(f"spec.externalName is ignored when spec.type is not {go_quote('ExternalName')}")
    return found


def _type(obj: Object, now_ns: int) -> str:
    return (obj.get("spec") or {}).get("type") or ""


def _cluster_ip(obj: Object, now_ns: int) -> str:
    addresses: list[str] = (obj.get("spec") or {}).get("clusterIPs") or ["<none>"]
    return addresses[0]


def _external_ip(obj: Object, now_ns: int) -> str:
    spec = obj.get("spec") or {}
    addresses = spec.get("externalIPs") or []
    match spec.get("type"):
        case "ClusterIP" | "NodePort":
            return ",".join(addresses) or "<none>"
        case "LoadBalancer":
            ingress = ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
            balanced = ",".join(sorted({each.get("ip") or each.get("hostname") or "" for each in ingress} - {""}))
            return ",".join(filter(None, (balanced, *addresses))) or "<pending>"
        case "ExternalName":
            return spec.get("externalName") or ""
    return "<unknown>"


def _ports(obj: Object, now_ns: int) -> str:
    pieces = []
    for port in (obj.get("spec") or {}).get("ports") or ():
        node_port = f":{port['nodePort']}" if port.get("nodePort") else ""
        pieces.append(f"{port.get('port')}{node_port}/{port.get('protocol')}")
    return ",".join(pieces) or "<none>"


def _selector(obj: Object, now_ns: int) -> str:
    return labels_text((obj.get("spec") or {}).get("selector"))


KIND = Kind(
    kind="Service",
    plural="services",
    singular="service",
    short_names=("svc",),
    categories=("all",),
    subresources=("proxy", "status"),
    definition="core.v1.Service",
    default=default,
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    prepare_status=prepare_status,
    validate=validate_service,
    validate_update=validate_service_update,
    validate_status=validate_service_status,
    validate_name=name_is_dns1035_label,
    warnings=warnings,
    columns=(
        NAME,
        Column("Type", _type),
        Column("Cluster-IP", _cluster_ip),
        Column("External-IP", _external_ip),
        Column("Port(s)", _ports),
        AGE,
        Column("Selector", _selector, priority=1),
    ),
    delete_returns_object=True,
    create_on_update=True,
)
