"""Claims, volumes, nodes and endpoints as 1.7 validated them: a claim never grows, a local volume is alpha.

upstream: pkg/api/validation/validation.go, 1.7.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubelab.kinds.core import endpoints, node, persistentvolume, persistentvolumeclaim
from kubelab.kinds.equality import same
from kubelab.kinds.field import FieldError, forbidden, invalid, not_supported, required
from kubelab.kinds.go_values import quantity as go_quantity
from kubelab.kinds.kind import Context, Object
from kubelab.kinds.names import IMMUTABLE
from kubelab.kinds.path_copy import own
from kubelab.kinds.podspec.resources import NOT_INTEGER
from kubelab.kinds.podspec.v1_7 import is_fraction

_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce")
_BETA_CLASS = persistentvolumeclaim.BETA_CLASS
_AFFINITY = "volume.alpha.kubernetes.io/node-affinity"
_OF_NODES = ("podCIDR", "podCIDRs", "taints", "unschedulable")


def validate_claim(obj: Object, ctx: Context) -> list[FieldError]:
    return persistentvolumeclaim.validate(obj, ctx) + _later_modes(obj)


def validate_claim_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    """Once is a volume's name filled in; nothing else of the spec changes."""
    spec, before = obj.get("spec") or {}, dict(old.get("spec") or {})
    errors = validate_claim(obj, ctx)
    if not before.get("volumeName") and spec.get("volumeName"):
        before["volumeName"] = spec["volumeName"]
    if not same(spec, before):
        errors.append(forbidden("spec", "field is immutable after creation"))
    new, was = ((each["metadata"].get("annotations") or {}).get(_BETA_CLASS, "") for each in (obj, old))
    if new != was:
        errors.append(invalid(f"metadata.annotations.{_BETA_CLASS}", new, IMMUTABLE))
    return errors


def _later_modes(obj: Object) -> list[FieldError]:
    modes = (obj.get("spec") or {}).get("accessModes") or ()
    return [not_supported("spec.accessModes", mode, _MODES) for mode in modes if mode == "ReadWriteOncePod"]


def validate_volume(obj: Object, ctx: Context) -> list[FieldError]:
    return _without_affinity(persistentvolume.validate(obj, ctx)) + _of_volume(obj)


def validate_volume_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    return _without_affinity(persistentvolume.validate_update(obj, old, ctx)) + _of_volume(obj)


def _without_affinity(errors: list[FieldError]) -> list[FieldError]:
    return [error for error in errors if error.field != "spec.nodeAffinity"]


def _of_volume(obj: Object) -> list[FieldError]:
    """A local volume says its node in an annotation; both wait for the gate PersistentLocalVolumes."""
    errors, local = _later_modes(obj), (obj.get("spec") or {}).get("local") is not None
    if local:
        errors.append(forbidden("spec.local", "Local volumes are disabled by feature-gate"))
    if (obj["metadata"].get("annotations") or {}).get(_AFFINITY):
        errors.append(forbidden("metadata.annotations", "Storage node affinity is disabled by feature-gate"))
    elif local:
        errors.append(required("metadata.annotations", "Local volume requires node affinity"))
    return errors


def default_node(obj: Object, ctx: Context) -> None:
    node.default(obj, ctx)
    spec = own(obj, "spec")
    if not spec.get("externalID"):
        spec["externalID"] = obj["metadata"].get("name") or ""


def validate_node_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    return node.validate(obj, ctx) + validate_node_change(obj, old, ctx)


def validate_node_change(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    """What is asked of every change, a status' too: a spec changes in its taints, its cordon and a first address range alone."""
    spec, before = obj.get("spec") or {}, old.get("spec") or {}
    errors = [error for error in node.KIND.validate_status(obj, old, ctx) if error.field not in ("spec", "spec.podCIDRs")]
    moved = bool(before.get("podCIDR")) and spec.get("podCIDR") != before["podCIDR"]
    if moved:
        errors.append(forbidden("spec.podCIDR", 'node updates may not change podCIDR except from "" to valid'))
    for part in ("capacity", "allocatable"):
        amounts = ((obj.get("status") or {}).get(part) or {}).items()
        wrong = ((name, amount) for name, amount in amounts if is_fraction(name, amount))
        errors += (invalid(f"status.{part}.{name}", go_quantity(amount), NOT_INTEGER) for name, amount in wrong)
    rest, rest_before = ({key: value for key, value in each.items() if key not in _OF_NODES} for each in (spec, before))
    if moved or not same(rest, rest_before):
        errors.append(forbidden("[]", "node updates may only change labels, taints or capacity"))
    return errors


def validate_endpoints(obj: Object, ctx: Context) -> list[FieldError]:
    return endpoints.validate(obj, ctx) + _without_ports(obj)


def validate_endpoints_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    """An address stays on its node."""
    errors = endpoints.validate_update(obj, old, ctx) + _without_ports(obj)
    nodes = {address.get("ip"): address["nodeName"] for _, address in _addresses(old) if address.get("nodeName")}
    for path, address in _addresses(obj):
        name, address_ip = address.get("nodeName"), address.get("ip")
        if name is not None and nodes.get(address_ip, name) != name:
            errors.append(forbidden(f"{path}.nodeName", f"Cannot change NodeName for {address_ip} to {name}"))
    return errors


def _addresses(obj: Object) -> Iterator[tuple[str, Object]]:
    for index, subset in enumerate(obj.get("subsets") or ()):
        for field in ("addresses", "notReadyAddresses"):
            for place, address in enumerate(subset.get(field) or ()):
                yield f"subsets[{index}].{field}[{place}]", address


def _without_ports(obj: Object) -> list[FieldError]:
    subsets = obj.get("subsets") or ()
    return [required(f"subsets[{index}].ports") for index, subset in enumerate(subsets) if not subset.get("ports")]
