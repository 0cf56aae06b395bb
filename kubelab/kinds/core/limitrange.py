"""LimitRange.

upstream: pkg/registry/core/limitrange/strategy.go, pkg/apis/core/validation/validation.go (ValidateLimitRange), 1.28.
"""

from __future__ import annotations

from kubelab.kinds.columns import DEFAULT_COLUMNS
from kubelab.kinds.field import FieldError, Go, duplicate, forbidden, invalid, required
from kubelab.kinds.go_values import quantity as go_quantity
from kubelab.kinds.kind import Context, Kind, Object
from kubelab.kinds.names import is_qualified_name, name_is_dns_subdomain, validate_kube_finalizers
from kubelab.kinds.podspec.defaults import default_resource_list
from kubelab.kinds.podspec.resources import is_overcommit_allowed, validate_container_resource_name, validate_resource_name
from kubelab.kinds.quantity import Quantity, parse

_TYPES = ("Container", "PersistentVolumeClaim", "Pod")
_PARTS = ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")
_COMPARISONS = (
    ("min", "max", "min", "min", "min value {0} is greater than max value {1}"),
    ("min", "defaultRequest", "defaultRequest", "defaultRequest", "min value {0} is greater than default request value {1}"),
    ("defaultRequest", "max", "defaultRequest", "defaultRequest", "default request value {0} is greater than max value {1}"),
    ("defaultRequest", "default", "defaultRequest", "defaultRequest", "default request value {0} is greater than default limit value {1}"),
    ("min", "default", "default", "min", "min value {0} is greater than default value {1}"),
    ("default", "max", "default", "max", "default value {0} is greater than max value {1}"),
)
"""Lower part, upper part, the part that the error names, the part whose amount it shows, its words."""


def default(obj: Object, ctx: Context) -> None:
    spec = obj.get("spec") or {}
    if spec.get("limits"):
        obj["spec"] = {**spec, "limits": [_default_item(item) for item in spec["limits"]]}


def _default_item(item: Object) -> Object:
    """A container's limits and requests follow from its maximum and minimum."""
    new = {**item, **{part: default_resource_list(item[part]) for part in _PARTS if item.get(part)}}
    if item.get("type") != "Container":
        return new
    limits = {**(new.get("max") or {}), **(new.get("default") or {})}
    requests = {**(new.get("min") or {}), **limits, **(new.get("defaultRequest") or {})}
    if limits:
        new["default"] = limits
    if requests:
        new["defaultRequest"] = requests
    return new


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    errors = validate_kube_finalizers(obj["metadata"])
    seen: list[str] = []
    for index, item in enumerate((obj.get("spec") or {}).get("limits") or ()):
        path, kind = f"spec.limits[{index}]", item.get("type") or ""
        complaints = is_qualified_name(kind)
        errors += (invalid(f"{path}.type", kind, each) for each in complaints)
        if not complaints and "/" not in kind and kind not in _TYPES:
            errors.append(invalid(f"{path}.type", kind, "must be a standard limit type or fully qualified"))
        if kind in seen:
            errors.append(duplicate(f"{path}.type", kind))
        seen.append(kind)
        errors += _validate_item(item, kind, path)
    return errors


def _validate_item(item: Object, kind: str, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    amounts: dict[str, dict[str, Quantity]] = {}
    for part in _PARTS:
        if kind == "Pod" and part in ("default", "defaultRequest"):
            if item.get(part):
                errors.append(forbidden(f"{path}.{part}", "may not be specified when `type` is 'Pod'"))
            continue
        if part == "maxLimitRequestRatio" and kind == "PersistentVolumeClaim":
            if not any("storage" in (item.get(bound) or {}) for bound in ("min", "max")):
                detail = "either minimum or maximum storage value is required, but neither was provided"
                errors.append(required(f"{path}.limits", detail))
        check = validate_container_resource_name if kind in ("Pod", "Container") else validate_resource_name
        for name, amount in (item.get(part) or {}).items():
            errors += check(name, f"{path}.{part}[{name}]")
            amounts.setdefault(name, {})[part] = parse(amount)
    for name, found in amounts.items():
        errors += _validate_resource(name, found, path)
    return errors


def _validate_resource(name: str, found: dict[str, Quantity], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for low, high, place, shown, words in _COMPARISONS:
        if low in found and high in found and found[low].nano > found[high].nano:
            errors.append(invalid(f"{path}.{place}[{name}]", _shown(found[shown]), words.format(found[low].text, found[high].text)))
    ratio = found.get("maxLimitRequestRatio")
    if ratio is not None:
        at = f"{path}.maxLimitRequestRatio[{name}]"
        if ratio.nano < parse("1").nano:
            errors.append(invalid(at, _shown(ratio), f"ratio {ratio.text} is less than 1"))
        if "min" in found and "max" in found and found["min"].nano:
            bound = found["max"].milli() / found["min"].milli()
            if ratio.milli() / 1000 > bound:
                errors.append(invalid(at, _shown(ratio), f"ratio {ratio.text} is greater than max/min = {bound:f}"))
    if not is_overcommit_allowed(name) and "default" in found and "defaultRequest" in found:
        limit, request = found["default"], found["defaultRequest"]
        if limit.nano != request.nano:
            detail = f"default value {limit.text} must equal to defaultRequest value {request.text} in {name}"
            errors.append(invalid(f"{path}.defaultRequest[{name}]", _shown(request), detail))
    return errors


def _shown(amount: Quantity) -> Go:
    """Upstream has printed the amount before it shows it as a struct."""
    return go_quantity(amount.text, printed=True)


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    return validate(obj, ctx)


KIND = Kind(
    kind="LimitRange",
    plural="limitranges",
    singular="limitrange",
    short_names=("limits",),
    definition="core.v1.LimitRange",
    default=default,
    validate=validate,
    validate_update=validate_update,
    validate_name=name_is_dns_subdomain,
    columns=DEFAULT_COLUMNS,
    create_on_update=True,
)
