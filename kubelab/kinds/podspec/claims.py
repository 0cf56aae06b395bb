"""The spec of a PersistentVolumeClaim, as it stands in claims, ephemeral volumes and claim templates.

upstream: pkg/apis/core/validation/validation.go (ValidatePersistentVolumeClaimSpec), 1.28.
"""

from __future__ import annotations

from kubelab.kinds.field import FieldError, Go, forbidden, invalid, not_supported, required
from kubelab.kinds.go_values import POINTER
from kubelab.kinds.kind import Object
from kubelab.kinds.names import is_dns1123_label, name_is_dns_subdomain
from kubelab.kinds.podspec.resources import NOT_POSITIVE, validate_amount
from kubelab.kinds.quantity import parse
from kubelab.kinds.selectors import validate_label_selector

ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
VOLUME_MODES = ("Block", "Filesystem")
_DATA_SOURCE = Go(f'field.Path{{name:"dataSource", index:"", parent:(*field.Path)({POINTER})}}')
"""Upstream passes the path itself as the value."""


def validate_claim_spec(spec: Object, path: str, *, allow_invalid_selector_values: bool = False) -> list[FieldError]:
    """Findings about a claim's spec."""
    errors: list[FieldError] = []
    modes = spec.get("accessModes") or []
    if not modes:
        errors.append(required(f"{path}.accessModes", "at least 1 access mode is required"))
    errors += validate_label_selector(spec.get("selector"), f"{path}.selector", allow_invalid_values=allow_invalid_selector_values)
    errors += validate_access_modes(modes, f"{path}.accessModes")
    at, size = f"{path}.resources[storage]", ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    if size is None:
        errors.append(required(at))
    elif parse(size).nano <= 0:
        errors.append(invalid(at, parse(size).text, NOT_POSITIVE))
    else:
        errors += validate_amount("storage", size, at)
    name = spec.get("storageClassName")
    if name:
        errors += (invalid(f"{path}.storageClassName", name, each) for each in name_is_dns_subdomain(name, False))
    mode = spec.get("volumeMode")
    if mode is not None and mode not in VOLUME_MODES:
        errors.append(not_supported(f"{path}.volumeMode", mode, VOLUME_MODES))
    return errors + _validate_sources(spec, path)


def validate_access_modes(modes: list[str], path: str) -> list[FieldError]:
    errors = [not_supported(path, mode, ACCESS_MODES) for mode in modes if mode not in ACCESS_MODES]
    if "ReadWriteOncePod" in modes and any(mode in ACCESS_MODES and mode != "ReadWriteOncePod" for mode in modes):
        errors.append(forbidden(path, "may not use ReadWriteOncePod with other access modes"))
    return errors


def _validate_sources(spec: Object, path: str) -> list[FieldError]:
    """What the volume is to be filled from."""
    source, reference = spec.get("dataSource"), spec.get("dataSourceRef")
    errors: list[FieldError] = []
    for name, each in (("dataSource", source), ("dataSourceRef", reference)):
        if each is None:
            continue
        at = f"{path}.{name}"
        errors += (required(f"{at}.{part}") for part in ("name", "kind") if not each.get(part))
        if not each.get("apiGroup") and each.get("kind") != "PersistentVolumeClaim":
            detail = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
            errors.append(invalid(at, each.get("kind") or "", detail))
        if name == "dataSourceRef" and each.get("namespace"):
            errors += (invalid(f"{at}.namespace", each["namespace"], word) for word in is_dns1123_label(each["namespace"]))
    if source is None or reference is None:
        return errors
    if reference.get("namespace"):
        errors.append(invalid(path, _DATA_SOURCE, "may not be specified when dataSourceRef.namespace is specified"))
    elif any(source.get(part) != reference.get(part) for part in ("apiGroup", "kind", "name")):
        errors.append(invalid(path, _DATA_SOURCE, "must match dataSourceRef"))
    return errors
