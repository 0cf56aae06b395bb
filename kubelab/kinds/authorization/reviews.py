"""What the access reviews share: exactly one thing asked about, and empty metadata.

upstream: pkg/apis/authorization/validation/validation.go, 1.28. Reviews are answered and never stored: their verb is create alone.
"""

from __future__ import annotations

from kubelab.kinds.field import FieldError, Go, invalid
from kubelab.kinds.go_values import object_meta, struct
from kubelab.kinds.kind import Context, Object

GROUP = "authorization.k8s.io"
_BOTH = "cannot be specified in combination with resourceAttributes"
_NEITHER = "exactly one of nonResourceAttributes or resourceAttributes must be specified"


def prepare_create(obj: Object, ctx: Context) -> None:
    obj["status"] = {"allowed": False}


def validate_attributes(spec: Object) -> list[FieldError]:
    resource, other = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if resource is not None and other is not None:
        return [invalid("spec.nonResourceAttributes", go_attributes(other), _BOTH)]
    if resource is None and other is None:
        return [invalid("spec.resourceAttributes", None, _NEITHER)]
    return []


def go_attributes(attributes: Object) -> Go:
    return struct("authorization.NonResourceAttributes", Path=attributes.get("path", ""), Verb=attributes.get("verb", ""))


def validate_subject(spec: Object) -> list[FieldError]:
    if spec.get("user") or spec.get("groups"):
        return []
    return [invalid("spec.user", "", "at least one of user or group must be specified")]


def validate_empty_metadata(obj: Object, *allowed: str, detail: str = "must be empty") -> list[FieldError]:
    metadata = obj.get("metadata") or {}
    if not any(value for key, value in metadata.items() if key not in allowed and key != "managedFields"):
        return []
    return [invalid("metadata", object_meta(metadata), detail)]
