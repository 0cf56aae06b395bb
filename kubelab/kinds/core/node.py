"""Node.

upstream: pkg/registry/core/node/strategy.go, pkg/apis/core/validation/validation.go (ValidateNode, ValidateNodeUpdate), 1.28.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from kubelab.kinds.columns import AGE, NAME, at
from kubelab.kinds.core.service_validation import is_cidr
from kubelab.kinds.field import FieldError, Go, duplicate, forbidden, go_quote, invalid, required
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.names import is_label_value, name_is_dns_subdomain, parse_ip, validate_kube_finalizers, validate_label_name
from kubelab.kinds.podspec.defaults import default_resource_list
from kubelab.kinds.podspec.resources import validate_amount
from kubelab.kinds.podspec.scheduling import validate_taint_effect

_ROLE_PREFIX = "node-role.kubernetes.io/"
_ROLE_LABEL = "kubernetes.io/role"
_AVOID_PODS = "scheduler.alpha.kubernetes.io/preferAvoidPods"
_POD_CIDR = 'node updates may not change podCIDR except from "" to valid'


def default(obj: Object, ctx: Context) -> None:
    """Allocatable is the capacity if nothing says otherwise; podCIDR and podCIDRs go together."""
    status = obj.get("status") or {}
    new = {part: default_resource_list(status[part]) for part in ("capacity", "allocatable") if status.get(part)}
    if "capacity" in new and "allocatable" not in new:
        new["allocatable"] = new["capacity"]
    if any(value is not status.get(part) for part, value in new.items()):
        obj["status"] = {**status, **new}
    spec = obj.get("spec") or {}
    cidr, cidrs = spec.get("podCIDR"), spec.get("podCIDRs")
    if cidr and (not cidrs or cidrs[0] != cidr):
        obj["spec"] = {**spec, "podCIDRs": [cidr]}  # podCIDR counts (upstream: Convert_v1_NodeSpec_To_core_NodeSpec)
    elif cidrs and not cidr:
        obj["spec"] = {**spec, "podCIDR": cidrs[0]}


def _drop_config(obj: Object) -> None:
    """The dynamic kubelet configuration is gone."""
    spec = obj.get("spec") or {}
    if "configSource" in spec:
        obj["spec"] = {key: value for key, value in spec.items() if key != "configSource"}


def prepare_create(obj: Object, ctx: Context) -> None:
    _drop_config(obj)


def prepare_update(obj: Object, old: Object, ctx: Context) -> None:
    obj["status"] = old.get("status") or {}
    _drop_config(obj)


def prepare_status(obj: Object, old: Object, ctx: Context) -> None:
    obj["spec"] = old.get("spec") or {}


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    spec = obj.get("spec") or {}
    errors = validate_kube_finalizers(obj["metadata"]) + _validate_avoided_pods(obj["metadata"])
    if spec.get("taints"):
        errors += validate_taints(spec["taints"], "metadata.taints")
    errors += _validate_resources(obj.get("status") or {})
    cidrs = spec.get("podCIDRs") or []
    for index, cidr in enumerate(cidrs):
        if not is_cidr(cidr):
            errors.append(invalid(f"spec.podCIDRs[{index}]", cidrs, "must be valid CIDR"))
    if len(cidrs) > 1:
        families = [found.version for found in (parse_ip(cidr.partition("/")[0]) for cidr in cidrs) if found is not None]
        if len(cidrs) > 2 or sorted(families) != [4, 6]:
            errors.append(invalid("spec.podCIDRs", cidrs, "may specify no more than one CIDR for each IP family"))
        errors += (duplicate(f"spec.podCIDRs[{index}]", cidr) for index, cidr in enumerate(cidrs) if cidr in cidrs[:index])
    return errors


def _validate_avoided_pods(meta: Object) -> list[FieldError]:
    """An old annotation that names controllers whose pods should stay away."""
    text = (meta.get("annotations") or {}).get(_AVOID_PODS)
    if not text:
        return []
    try:
        avoided = json.loads(text)
    except ValueError as error:
        return [invalid("metadata.annotations.AvoidPods", _AVOID_PODS, str(error))]
    errors: list[FieldError] = []
    for index, entry in enumerate(avoided.get("preferAvoidPods") or ()):
        path = f"metadata.annotations.{_AVOID_PODS}[{index}].PodSignature"
        controller = (entry.get("podSignature") or {}).get("podController")
        if controller is None:
            errors.append(required(path))
        elif not controller.get("controller"):
            errors.append(invalid(f"{path}.PodController.Controller", False, "must point to a controller"))
    return errors


def validate_taints(taints: Sequence[Object], path: str) -> list[FieldError]:
    """upstream: validateNodeTaints."""
    errors: list[FieldError] = []
    seen: list[tuple[str, str]] = []
    for index, taint in enumerate(taints):
        at_path, key, effect = f"{path}[{index}]", taint.get("key") or "", taint.get("effect") or ""
        errors += validate_label_name(key, f"{at_path}.key")
        complaints = is_label_value(taint.get("value") or "")
        if complaints:
            errors.append(invalid(f"{at_path}.value", taint["value"], ";".join(complaints)))
        errors += validate_taint_effect(effect, f"{at_path}.effect") if effect else [required(f"{at_path}.effect")]
        if (effect, key) in seen:
            shown = ", ".join(f"{name.capitalize()}:{go_quote(taint.get(name) or '')}" for name in ("key", "value", "effect"))
            found = duplicate(at_path, Go(f"core.Taint{{{shown}, TimeAdded:<nil>}}"))
            errors.append(replace(found, detail="taints must be unique by key and effect pair"))
        seen.append((effect, key))
    return errors


def _validate_resources(status: Object) -> list[FieldError]:
    return [
        error
        for part in ("capacity", "allocatable")
        for name, amount in (status.get(part) or {}).items()
        for error in validate_amount(name, amount, f"status.{part}.{name}")
    ]


def _validate_change(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    spec, before = obj.get("spec") or {}, old.get("spec") or {}
    status = obj.get("status") or {}
    errors = validate_kube_finalizers(obj["metadata"]) + _validate_avoided_pods(obj["metadata"])
    if status is not old.get("status"):
        errors += _validate_resources(status)
    addresses = status.get("addresses") or []
    for index, address in enumerate(addresses):
        if address in addresses[:index]:
            shown = f"core.NodeAddress{{Type:{go_quote(address.get('type', ''))}, Address:{go_quote(address.get('address', ''))}}}"
            errors.append(duplicate(f"status.addresses[{index}]", Go(shown)))
    if before.get("podCIDRs") and before["podCIDRs"] != (spec.get("podCIDRs") or []):
        errors.append(forbidden("spec.podCIDRs", _POD_CIDR))
    if before.get("providerID") and before["providerID"] != spec.get("providerID"):
        errors.append(forbidden("spec.providerID", 'node updates may not change providerID except from "" to valid'))
    if spec.get("taints"):
        errors += validate_taints(spec["taints"], "metadata.taints")
    if (spec.get("externalID") or "") != (before.get("externalID") or ""):
        errors.append(forbidden("spec.externalID", "may not be updated"))
    return errors


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    return validate(obj, ctx) + _validate_change(obj, old, ctx)


def warnings(obj: Object, old: Object | None, ctx: Context) -> Sequence[str]:
    spec, found = obj.get("spec") or {}, []
    if spec.get("configSource") is not None:
        found.append("spec.configSource: the feature is removed")
    if spec.get("externalID"):
        found.append("spec.externalID: this field is deprecated, and is unused by Kubernetes")
    return found


def selectable(obj: Object) -> dict[str, str]:
    return {"spec.unschedulable": "true" if (obj.get("spec") or {}).get("unschedulable") else "false"}


def _status(obj: Object, now_ns: int) -> str:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    ready = next((each.get("status") for each in reversed(conditions) if each.get("type") == "Ready"), None)
    words = ["Unknown" if ready is None else "Ready" if ready == "True" else "NotReady"]
    if (obj.get("spec") or {}).get("unschedulable"):
        words.append("SchedulingDisabled")
    return ",".join(words)


def _roles(obj: Object, now_ns: int) -> str:
    labels = obj["metadata"].get("labels") or {}
    roles = [key.removeprefix(_ROLE_PREFIX) for key in labels if key.startswith(_ROLE_PREFIX)]
    return ",".join(sorted(dict.fromkeys(filter(None, (*roles, labels.get(_ROLE_LABEL)))))) or "<none>"


def _address(kind: str) -> Column:
    def cell(obj: Object, now_ns: int) -> str:
        addresses = (obj.get("status") or {}).get("addresses") or ()
        return next((each.get("address") or "" for each in addresses if each.get("type") == kind), "<none>")

    return Column("Internal-IP" if kind == "InternalIP" else "External-IP", cell, priority=1)


KIND = Kind(
    kind="Node",
    plural="nodes",
    singular="node",
    short_names=("no",),
    namespaced=False,
    subresources=("proxy", "status"),
    definition="core.v1.Node",
    default=default,
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    prepare_status=prepare_status,
    validate=validate,
    validate_update=validate_update,
    validate_status=_validate_change,
    validate_name=name_is_dns_subdomain,
    warnings=warnings,
    selectable=selectable,
    selectable_names=("spec.unschedulable",),
    columns=(
        NAME,
        Column("Status", _status, description="The status of the node"),
        Column("Roles", _roles, description="The roles of the node"),
        AGE,
        Column("Version", at("status", "nodeInfo", "kubeletVersion", default="")),
        _address("InternalIP"),
        _address("ExternalIP"),
        Column("OS-Image", at("status", "nodeInfo", "osImage", default="<unknown>"), priority=1),
        Column("Kernel-Version", at("status", "nodeInfo", "kernelVersion", default="<unknown>"), priority=1),
        Column("Container-Runtime", at("status", "nodeInfo", "containerRuntimeVersion", default="<unknown>"), priority=1),
    ),
)
