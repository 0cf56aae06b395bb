"""Usage: how much of the resources the containers of selected pods use, as curves over time (DESIGN section 4)."""

from __future__ import annotations

from typing import Any

from kubelab.kinds.columns import AGE, NAME, at, selector_cell
from kubelab.kinds.equality import spec_changed
from kubelab.kinds.field import FieldError, Go, forbidden, invalid, required
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.lab.durations import shown, validate_duration
from kubelab.kinds.lab.schema import GROUP
from kubelab.kinds.names import is_dns1123_label, name_is_dns_subdomain
from kubelab.kinds.quantity import QuantityError, parse
from kubelab.kinds.selectors import validate_label_selector

RESOURCES = ("cpu", "memory", "disk", "network")
CURVES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "constant": ((), ()),
    "ramp": (("from", "to"), ("over",)),
    "sine": (("mean", "amplitude"), ("period",)),
    "spikes": (("base", "peak"), ("every", "length")),
    "trace": ((), ()),
}
"""The kinds of curve: their amounts, their durations."""
LARGEST = 2**63 - 1


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    spec = obj.get("spec") or {}
    errors: list[FieldError] = []
    if spec.get("selector") is None:
        errors.append(required("spec.selector"))
    errors += validate_label_selector(spec.get("selector"), "spec.selector")
    container = spec.get("container", "")
    errors += (invalid("spec.container", container, each) for each in (is_dns1123_label(container) if container else ()))
    curves = [name for name in RESOURCES if spec.get(name) is not None]
    if not curves:
        errors.append(required("spec", f"at least one of {', '.join(RESOURCES)}"))
    for name in curves:
        errors += _validate_curve(spec[name], f"spec.{name}")
    return errors


def _validate_curve(curve: Object, path: str) -> list[FieldError]:
    present = [name for name in CURVES if curve.get(name) is not None]
    if len(present) != 1:
        detail = f"exactly one of {', '.join(CURVES)}"
        return [forbidden(path, f"give {detail}")] if present else [required(path, detail)]
    name = present[0]
    at, value = f"{path}.{name}", curve[name]
    if name == "constant":
        return _validate_amount(value, at)
    if name == "trace":
        return _validate_trace(value, at)
    amounts, durations = CURVES[name]
    errors = [error for field in amounts for error in _validate_amount(value.get(field), f"{at}.{field}")]
    return errors + [error for field in durations for error in validate_duration(value.get(field), f"{at}.{field}")]


def _validate_amount(amount: str | None, path: str) -> list[FieldError]:
    if amount is None:
        return [required(path)]
    return [invalid(path, amount, "must be greater than or equal to 0")] if parse(amount).nano < 0 else []


def _validate_trace(points: list[Any], path: str) -> list[FieldError]:
    errors: list[FieldError] = [] if points else [required(path, "at least one point [seconds, value]")]
    last = -1.0
    for index, point in enumerate(points):
        if not isinstance(point, list) or len(point) != 2 or not _is_number(point[0]) or not _is_amount(point[1]):
            detail = "must be [seconds, value]: a number and an amount, both from 0 to 2⁶³-1"
            errors.append(invalid(f"{path}[{index}]", shown(point), detail))
        elif point[0] <= last:
            errors.append(invalid(f"{path}[{index}]", Go(repr(point)), "must come later than the point before it"))
        else:
            last = point[0]
    return errors


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= LARGEST


def _is_amount(value: Any) -> bool:
    """A number, or a quantity's text."""
    if not isinstance(value, str):
        return _is_number(value)
    try:
        return parse(value).nano >= 0
    except QuantityError:
        return False


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    return validate(obj, ctx)


KIND = Kind(
    kind="Usage",
    plural="usages",
    group=GROUP,
    validate=validate,
    validate_update=validate_update,
    validate_name=name_is_dns_subdomain,
    spec_changed=spec_changed,
    columns=(
        NAME,
        Column("Selector", selector_cell("spec", "selector"), description="Which pods"),
        Column("Container", at("spec", "container", default="<all>"), description="Which container of them"),
        AGE,
    ),
)
