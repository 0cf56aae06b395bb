"""Paths inside volumes, and references from a pod to its own fields.

upstream: pkg/apis/core/validation/validation.go (validateLocalDescendingPath, validateObjectFieldSelector …), pkg/fieldpath, 1.28.
"""

from __future__ import annotations

from kubelab.kinds.field import FieldError, forbidden, invalid, not_supported, required
from kubelab.kinds.gates import enabled
from kubelab.kinds.kind import Context, Object
from kubelab.kinds.names import is_qualified_name
from kubelab.kinds.quantity import parse

FILE_MODE = "must be a number between 0 and 0777 (octal), both inclusive"

ENV_FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
VOLUME_FIELDS = ("metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid")
_DOWNWARD_FIELDS = (*ENV_FIELDS, "metadata.annotations", "metadata.labels", "spec.restartPolicy", "spec.schedulerName", "status.phase")
_RESOURCE_FIELDS = (
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
)
_HUGE_PAGE_FIELDS = ("requests.hugepages-", "limits.hugepages-")
_SIZES = ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")


def validate_descending_path(path_text: str, path: str) -> list[FieldError]:
    errors = [invalid(path, path_text, "must be a relative path")] if path_text.startswith("/") else []
    return errors + validate_no_backsteps(path_text, path)


def validate_no_backsteps(path_text: str, path: str) -> list[FieldError]:
    return [invalid(path, path_text, "must not contain '..'")] if ".." in path_text.split("/") else []


def validate_unreserved_path(path_text: str, path: str) -> list[FieldError]:
    errors = validate_descending_path(path_text, path)
    if path_text.startswith("..") and not path_text.startswith("../"):
        errors.append(invalid(path, path_text, "must not start with '..'"))
    return errors


def validate_file_mode(mode: int | None, path: str) -> list[FieldError]:
    return [invalid(path, mode, FILE_MODE)] if mode is not None and not 0 <= mode <= 0o777 else []


def split_subscript(field_path: str) -> tuple[str, str] | None:
    """``metadata.labels['a']`` as path and subscript; None without a subscript.

    >>> split_subscript("metadata.labels['a']")
    ('metadata.labels', 'a')
    """
    if not field_path.endswith("']"):
        return None
    head, separator, subscript = field_path[:-2].partition("['")
    return (head, subscript) if separator and head else None


def validate_field_ref(reference: Object, supported: tuple[str, ...], path: str, ctx: Context) -> list[FieldError]:
    """A reference to a field of the pod itself (upstream: validateObjectFieldSelector, validateDownwardAPIHostIPs)."""
    errors = _validate_field_path(reference, supported, path)
    if reference.get("fieldPath") == "status.hostIPs" and not enabled(ctx, "PodHostIPs"):
        errors.append(forbidden(path, "may not be set when feature gate 'PodHostIPs' is not enabled"))
    return errors


def _validate_field_path(reference: Object, supported: tuple[str, ...], path: str) -> list[FieldError]:
    version, field_path = reference.get("apiVersion") or "", reference.get("fieldPath") or ""
    if not version:
        return [required(f"{path}.apiVersion")]
    if not field_path:
        return [required(f"{path}.fieldPath")]
    if version != "v1":
        return [invalid(f"{path}.fieldPath", field_path, f"error converting fieldPath: unsupported pod version: {version}")]
    split = split_subscript(field_path)
    if split is not None:
        head, subscript = split
        if head not in ("metadata.annotations", "metadata.labels"):
            detail = f"error converting fieldPath: field label does not support subscript: {field_path}"
            return [invalid(f"{path}.fieldPath", field_path, detail)]
        key = subscript.lower() if head == "metadata.annotations" else subscript
        return [invalid(path, key, each) for each in is_qualified_name(key)]
    if field_path == "spec.host":
        field_path = "spec.nodeName"
    if field_path not in _DOWNWARD_FIELDS:
        return [invalid(f"{path}.fieldPath", field_path, f"error converting fieldPath: field label not supported: {field_path}")]
    return [] if field_path in supported else [not_supported(f"{path}.fieldPath", field_path, supported)]


def validate_resource_field_ref(reference: Object, path: str, *, volume: bool) -> list[FieldError]:
    """A reference to a container's own limits or requests (upstream: validateContainerResourceFieldSelector)."""
    errors: list[FieldError] = []
    resource = reference.get("resource") or ""
    if volume and not reference.get("containerName"):
        errors.append(required(f"{path}.containerName"))
    elif not resource:
        errors.append(required(f"{path}.resource"))
    elif resource not in _RESOURCE_FIELDS and not resource.startswith(_HUGE_PAGE_FIELDS):
        errors.append(not_supported(f"{path}.resource", resource, _RESOURCE_FIELDS))
    return errors + _validate_divisor(resource, str(reference.get("divisor") or "0"), f"{path}.divisor")


def _validate_divisor(resource: str, divisor: str, path: str) -> list[FieldError]:
    if parse(divisor).nano == 0:
        return []
    _, _, what = resource.partition(".")
    if what == "cpu":
        return (
            []
            if divisor in ("1m", "1")
            else [invalid(path, resource, "only divisor's values 1m and 1 are supported with the cpu resource")]
        )
    word = {"memory": "memory", "ephemeral-storage": "local ephemeral storage"}.get(
        what, "hugepages" if what.startswith("hugepages-") else ""
    )
    if not word or divisor in _SIZES:
        return []
    return [invalid(path, resource, f"only divisor's values {', '.join(_SIZES)} are supported with the {word} resource")]
