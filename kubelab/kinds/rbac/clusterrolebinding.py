"""ClusterRoleBinding: who has a ClusterRole everywhere.

upstream: pkg/apis/rbac/validation/validation.go, pkg/registry/rbac/clusterrolebinding/strategy.go, 1.28.
"""

from __future__ import annotations

from kubelab.kinds.field import FieldError
from kubelab.kinds.kind import Context, Kind, Object
from kubelab.kinds.names import name_is_path_segment
from kubelab.kinds.rbac.bindings import GROUP, binding_columns, default, validate_binding, validate_same_role

_ROLE_KINDS = ("ClusterRole",)


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    return validate_binding(obj, _ROLE_KINDS, namespaced=False)


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    return validate(obj, ctx) + validate_same_role(obj, old)


KIND = Kind(
    kind="ClusterRoleBinding",
    plural="clusterrolebindings",
    group=GROUP,
    namespaced=False,
    default=default,
    validate=validate,
    validate_update=validate_update,
    validate_name=name_is_path_segment,
    create_on_update=True,
    columns=binding_columns("clusterRoleBinding"),
)
