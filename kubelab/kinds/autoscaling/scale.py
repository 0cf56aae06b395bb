"""Scale: the body of a workload's scale subresource; it is never stored and has no resource of its own (no verbs).

upstream: staging/src/k8s.io/api/autoscaling/v1/types.go, pkg/apis/autoscaling/validation/validation.go (ValidateScale), 1.28.
"""

from __future__ import annotations

from kubelab.kinds.columns import AGE, at, name
from kubelab.kinds.field import FieldError
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.names import name_is_dns_subdomain
from kubelab.kinds.scale import validate_scale


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    return validate_scale(obj)


KIND = Kind(
    kind="Scale",
    plural="scales",
    group="autoscaling",
    verbs=(),
    validate=validate,
    validate_name=name_is_dns_subdomain,
    columns=(
        Column("Name", name),
        Column("Desired", at("spec", "replicas", default=0), "integer"),
        Column("Available", at("status", "replicas", default=0), "integer"),
        AGE,
    ),
)
