"""Pod.

upstream: pkg/registry/core/pod/strategy.go, pkg/apis/core/helper/qos/qos.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubelab.kinds.apps.template_warnings import pod_template_warnings
from kubelab.kinds.columns import AGE, NAME
from kubelab.kinds.core.pod_summary import READY, RESTARTS, STATUS, WIDE, row_conditions
from kubelab.kinds.core.pod_template import default_pod_spec
from kubelab.kinds.core.pod_validation import validate_pod, validate_pod_status, validate_pod_update
from kubelab.kinds.kind import Context, Kind, Object
from kubelab.kinds.names import is_dns1123_label, name_is_dns_subdomain
from kubelab.kinds.podspec.defaults import default_pod
from kubelab.kinds.podspec.disabled import POD, drop_disabled_pod_fields
from kubelab.kinds.quantity import parse

_QOS_RESOURCES = ("cpu", "memory")


def default(obj: Object, ctx: Context) -> None:
    """Changes ``obj`` itself only; its spec is replaced by a changed copy."""
    spec = dict(obj.get("spec") or {})
    default_pod(spec)
    default_pod_spec(spec)
    status = obj.get("status")
    if status and status.get("podIP") != _first_address(status):
        obj["status"] = _with_address(status)
    obj["spec"] = spec


def _first_address(status: Object) -> str | None:
    several = status.get("podIPs")
    return several[0].get("ip") if several else None


def _with_address(status: Object) -> Object:
    """podIP is the first of podIPs; where a client says otherwise podIP counts (upstream: Convert_v1_PodStatus_To_core_PodStatus)."""
    address = status.get("podIP") or _first_address(status)
    if not address:
        return status
    same = address == _first_address(status)
    return {**status, "podIP": address, "podIPs": status["podIPs"] if same else [{"ip": address}]}


def qos_class(spec: Object) -> str:
    """Guaranteed, Burstable or BestEffort (upstream: GetPodQOS)."""
    requests: dict[str, int] = {}
    limits: dict[str, int] = {}
    guaranteed = True
    for part in ("containers", "initContainers"):
        for container in spec.get(part) or ():
            resources = container.get("resources") or {}
            _add_compute(requests, resources.get("requests"))
            if len(_add_compute(limits, resources.get("limits"))) < len(_QOS_RESOURCES):
                guaranteed = False
    if not requests and not limits:
        return "BestEffort"
    if guaranteed and requests == limits:
        return "Guaranteed"
    return "Burstable"


def _add_compute(total: dict[str, int], amounts: dict[str, str] | None) -> list[str]:
    """Add positive CPU and memory to a total; the names that were positive."""
    found = []
    for name in _QOS_RESOURCES:
        nano = parse(amounts[name]).nano if amounts and name in amounts else 0
        if nano > 0:
            found.append(name)
            total[name] = total.get(name, 0) + nano
    return found


def prepare_create(obj: Object, ctx: Context) -> None:
    drop_disabled_pod_fields(obj, None, ctx, POD)
    spec = obj.get("spec") or {}
    status: Object = {"phase": "Pending", "qosClass": qos_class(spec)}
    if spec.get("schedulingGates"):
        status["conditions"] = [
            {
                "type": "PodScheduled",
                "status": "False",
                "lastProbeTime": None,
                "lastTransitionTime": None,
                "reason": "SchedulingGated",
                "message": "Scheduling is blocked due to non-empty scheduling gates",
            }
        ]
    obj["status"] = status


def prepare_update(obj: Object, old: Object, ctx: Context) -> None:
    drop_disabled_pod_fields(obj, old, ctx, POD)
    obj["status"] = old.get("status") or {}


def prepare_status(obj: Object, old: Object, ctx: Context) -> None:
    """Spec and owners stay the old ones; a deletion timestamp in the body means nothing."""
    obj["spec"] = old.get("spec") or {}
    meta = {**obj["metadata"]}
    for field in ("ownerReferences", "deletionTimestamp"):
        meta.pop(field, None)
        if field in old["metadata"]:
            meta[field] = old["metadata"][field]
    obj["metadata"] = meta
    status = obj.get("status")
    if status and status.get("podIP") != _first_address(status):  # a component's patch, whose result is not decoded
        obj["status"] = _with_address(status)


def warnings(obj: Object, old: Object | None, ctx: Context) -> Sequence[str]:
    if old is not None:
        return ()
    name = obj["metadata"].get("name") or ""
    found = pod_template_warnings(obj, "")
    complaints = is_dns1123_label(name)
    if not complaints:
        return found
    advice = "this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended"
    return [f"metadata.name: {advice}: [{' '.join(complaints)}]", *found]


_SELECTABLE = (
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.podIPs",
    "status.nominatedNodeName",
)


def selectable(obj: Object) -> dict[str, str]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    addresses = status.get("podIPs") or ()
    address = (addresses[0].get("ip") or "") if addresses else ""
    return {
        "spec.nodeName": spec.get("nodeName") or "",
        "spec.restartPolicy": spec.get("restartPolicy") or "",
        "spec.schedulerName": spec.get("schedulerName") or "",
        "spec.serviceAccountName": spec.get("serviceAccountName") or "",
        "spec.hostNetwork": "true" if spec.get("hostNetwork") else "false",
        "status.phase": status.get("phase") or "",
        "status.podIP": address,
        "status.podIPs": address,
        "status.nominatedNodeName": status.get("nominatedNodeName") or "",
    }


KIND = Kind(
    kind="Pod",
    plural="pods",
    singular="pod",
    short_names=("po",),
    categories=("all",),
    subresources=("attach", "binding", "eviction", "exec", "log", "portforward", "proxy", "status"),
    definition="core.v1.Pod",
    default=default,
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    prepare_status=prepare_status,
    validate=validate_pod,
    validate_update=validate_pod_update,
    validate_status=validate_pod_status,
    validate_name=name_is_dns_subdomain,
    warnings=warnings,
    selectable=selectable,
    selectable_names=_SELECTABLE,
    columns=(NAME, READY, STATUS, RESTARTS, AGE, *WIDE),
    row_conditions=row_conditions,
    graceful_delete=True,
    delete_returns_object=True,
)
