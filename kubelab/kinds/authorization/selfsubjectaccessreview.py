"""SelfSubjectAccessReview: may I do that?

upstream: pkg/apis/authorization/validation/validation.go, pkg/registry/authorization/selfsubjectaccessreview/rest.go, 1.28.
"""

from __future__ import annotations

from kubelab.kinds.authorization.reviews import GROUP, prepare_create, validate_attributes, validate_empty_metadata
from kubelab.kinds.field import FieldError
from kubelab.kinds.kind import Context, Kind, Object


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    return validate_attributes(obj.get("spec") or {}) + validate_empty_metadata(obj)


KIND = Kind(
    kind="SelfSubjectAccessReview",
    plural="selfsubjectaccessreviews",
    group=GROUP,
    namespaced=False,
    verbs=("create",),
    prepare_create=prepare_create,
    validate=validate,
)
