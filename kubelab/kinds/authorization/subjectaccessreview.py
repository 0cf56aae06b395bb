"""SubjectAccessReview: may this user do that?

upstream: pkg/apis/authorization/validation/validation.go, pkg/registry/authorization/subjectaccessreview/rest.go, 1.28.
"""

from __future__ import annotations

from kubelab.kinds.authorization.reviews import GROUP, prepare_create, validate_attributes, validate_empty_metadata, validate_subject
from kubelab.kinds.field import FieldError
from kubelab.kinds.kind import Context, Kind, Object


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    spec = obj.get("spec") or {}
    return validate_attributes(spec) + validate_subject(spec) + validate_empty_metadata(obj)


KIND = Kind(
    kind="SubjectAccessReview",
    plural="subjectaccessreviews",
    group=GROUP,
    namespaced=False,
    verbs=("create",),
    prepare_create=prepare_create,
    validate=validate,
)
