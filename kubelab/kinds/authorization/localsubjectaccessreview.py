"""LocalSubjectAccessReview: may this user do that in this namespace?

upstream: pkg/apis/authorization/validation/validation.go, pkg/registry/authorization/localsubjectaccessreview/rest.go, 1.28.
"""

from __future__ import annotations

from kubelab.kinds.authorization.reviews import (
    GROUP,
    go_attributes,
    prepare_create,
    validate_attributes,
    validate_empty_metadata,
    validate_subject,
)
from kubelab.kinds.field import FieldError, invalid
from kubelab.kinds.kind import Context, Kind, Object


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    spec = obj.get("spec") or {}
    errors = validate_attributes(spec) + validate_subject(spec)
    errors += validate_empty_metadata(obj, "namespace", detail="must be empty except for namespace")
    resource, other = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if resource is not None and resource.get("namespace", "") != (obj.get("metadata") or {}).get("namespace", ""):
        errors.append(invalid("spec.resourceAttributes.namespace", resource.get("namespace", ""), "must match metadata.namespace"))
    if other is not None:
        errors.append(invalid("spec.nonResourceAttributes", go_attributes(other), "disallowed on this kind of request"))
    return errors


KIND = Kind(
    kind="LocalSubjectAccessReview",
    plural="localsubjectaccessreviews",
    group=GROUP,
    namespaced=True,
    verbs=("create",),
    prepare_create=prepare_create,
    validate=validate,
)
