"""Role: what may be done inside one namespace.

upstream: pkg/apis/rbac/validation/validation.go, pkg/registry/rbac/role/strategy.go, 1.28.
"""

from __future__ import annotations

from kubelab.kinds.columns import DEFAULT_COLUMNS
from kubelab.kinds.field import FieldError
from kubelab.kinds.kind import Context, Kind, Object
from kubelab.kinds.names import name_is_path_segment
from kubelab.kinds.rbac.rules import validate_rules


def default(obj: Object, ctx: Context) -> None:
    """Go writes the list of rules even where there are none."""
    obj.setdefault("rules", None)


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    return validate_rules(obj, namespaced=True)


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    return validate(obj, ctx)


KIND = Kind(
    kind="Role",
    plural="roles",
    group="rbac.authorization.k8s.io",
    default=default,
    validate=validate,
    validate_update=validate_update,
    validate_name=name_is_path_segment,
    create_on_update=True,
    columns=DEFAULT_COLUMNS,
)
