"""ClusterRole: what may be done anywhere, or to things that have no namespace.

upstream: pkg/apis/rbac/validation/validation.go, pkg/registry/rbac/clusterrole/strategy.go, 1.28.
"""

from __future__ import annotations

from kubelab.kinds.columns import DEFAULT_COLUMNS
from kubelab.kinds.field import FieldError, invalid, required
from kubelab.kinds.kind import Context, Kind, Object
from kubelab.kinds.names import name_is_path_segment
from kubelab.kinds.rbac.rules import validate_rules
from kubelab.kinds.selectors import SelectorError, compile_selector, validate_label_selector

_SELECTORS = "aggregationRule.clusterRoleSelectors"


def default(obj: Object, ctx: Context) -> None:
    """Go writes the list of rules even where there are none."""
    obj.setdefault("rules", None)


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    return validate_rules(obj, namespaced=False) + _validate_aggregation(obj.get("aggregationRule"), strict=True)


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    """Label values that the old selectors already had wrong may stay."""
    strict = not _validate_aggregation(old.get("aggregationRule"), strict=True)
    return validate_rules(obj, namespaced=False) + _validate_aggregation(obj.get("aggregationRule"), strict=strict)


def _validate_aggregation(rule: Object | None, *, strict: bool) -> list[FieldError]:
    if rule is None:
        return []
    selectors = rule.get("clusterRoleSelectors") or []
    errors: list[FieldError] = []
    if not selectors:
        errors.append(required(_SELECTORS, "at least one clusterRoleSelector required if aggregationRule is non-nil"))
    for index, selector in enumerate(selectors):
        path = f"{_SELECTORS}[{index}]"
        errors += validate_label_selector(selector, path, allow_invalid_values=not strict)
        try:
            compile_selector(selector)
        except SelectorError:
            errors.append(invalid(path, None, "invalid label selector."))
    return errors


KIND = Kind(
    kind="ClusterRole",
    plural="clusterroles",
    group="rbac.authorization.k8s.io",
    namespaced=False,
    default=default,
    validate=validate,
    validate_update=validate_update,
    validate_name=name_is_path_segment,
    create_on_update=True,
    columns=DEFAULT_COLUMNS,
)
