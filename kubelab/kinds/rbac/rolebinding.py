"""RoleBinding: who has a role inside one namespace.

upstream: pkg/apis/rbac/validation/validation.go, pkg/registry/rbac/rolebinding/strategy.go, 1.28.
"""

from __future__ import annotations

from kubelab.kinds.field import FieldError
from kubelab.kinds.kind import Context, Kind, Object
from kubelab.kinds.names import name_is_path_segment
from kubelab.kinds.rbac.bindings import GROUP, binding_columns, default, validate_binding, validate_same_role

_ROLE_KINDS = ("Role", "ClusterRole")


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    return validate_binding(obj, _ROLE_KINDS, namespaced=True)


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    return validate(obj, ctx) + validate_same_role(obj, old)


KIND = Kind(
    kind="RoleBinding",
    plural="rolebindings",
    group=GROUP,
    default=default,
    validate=validate,
    validate_update=validate_update,
    validate_name=name_is_path_segment,
    create_on_update=True,
    columns=binding_columns("roleBinding"),
)
