"""The metrics of a HorizontalPodAutoscaler: validation and the cell that shows them.

upstream: pkg/apis/autoscaling/validation/validation.go, pkg/printers/internalversion/printers.go (formatHPAMetrics), 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubelab.kinds.columns import dig
from kubelab.kinds.field import FieldError, Go, forbidden, go_quote, invalid, not_supported, required
from kubelab.kinds.gates import enabled
from kubelab.kinds.kind import Context, Object
from kubelab.kinds.names import is_dns1123_label, is_path_segment_name
from kubelab.kinds.podspec.resources import validate_container_resource_name
from kubelab.kinds.quantity import parse

_FIELD_OF = {
    "Object": "object",
    "External": "external",
    "Pods": "pods",
    "Resource": "resource",
    "ContainerResource": "containerResource",
}
_TYPES = tuple(sorted(_FIELD_OF))
_TARGET_TYPES = ("Utilization", "Value", "AverageValue")
_MISSING = "must populate information for the given metric source"


def validate_metrics(metrics: Sequence[Object], min_replicas: int | None, ctx: Context) -> list[FieldError]:
    errors: list[FieldError] = []
    for index, metric in enumerate(metrics):
        errors += _validate_metric(metric, f"spec.metrics[{index}]", ctx)
    if min_replicas == 0 and not any(metric.get("type") in ("Object", "External") for metric in metrics):
        detail = "must specify at least one Object or External metric to support scaling to zero replicas"
        errors.append(forbidden("spec.metrics", detail))
    return errors


def _validate_metric(metric: Object, path: str, ctx: Context) -> list[FieldError]:
    kind = metric.get("type", "")
    errors = [] if kind else [required(f"{path}.type", "must specify a metric source type")]
    if kind not in _FIELD_OF:
        errors.append(not_supported(f"{path}.type", kind, _TYPES))
    present = [field for field in _FIELD_OF.values() if metric.get(field) is not None]
    if present:
        errors += _validate_source(present[0], metric[present[0]], f"{path}.{present[0]}")
    expected = _FIELD_OF.get(kind)
    if expected is None:
        errors.append(not_supported(f"{path}.type", kind, _TYPES))
    elif metric.get(expected) is None:
        gated = expected == "containerResource" and not enabled(ctx, "HPAContainerMetrics")
        detail = f"{_MISSING} (only allowed when HPAContainerMetrics feature is enabled)" if gated else _MISSING
        errors.append(required(f"{path}.{expected}", detail))
    if len(present) != 1:
        extra = sorted(field for field in present if field != expected)
        errors += (forbidden(f"{path}.{field}", "must populate the given metric source only") for field in extra)
    return errors


def _validate_source(field: str, source: Object, path: str) -> list[FieldError]:
    target = source.get("target") or {}
    value, average, utilization = target.get("value"), target.get("averageValue"), target.get("averageUtilization")
    errors = _validate_subject(field, source, path) + _validate_target(target, f"{path}.target")
    match field:
        case "object":
            if value is None and average is None:
                errors.append(required(f"{path}.target.averageValue", "must set either a target value or averageValue"))
        case "external":
            if value is None and average is None:
                detail = "must set either a target value for metric or a per-pod target"
                errors.append(required(f"{path}.target.averageValue", detail))
            if value is not None and average is not None:
                detail = "may not set both a target value for metric and a per-pod target"
                errors.append(forbidden(f"{path}.target.value", detail))
        case "pods":
            if average is None:
                errors.append(required(f"{path}.target.averageValue", "must specify a positive target averageValue"))
        case _:
            if utilization is None and average is None:
                detail = "must set either a target raw value or a target utilization"
                errors.append(required(f"{path}.target.averageUtilization", detail))
            if utilization is not None and average is not None:
                detail = "may not set both a target raw value and a target utilization"
                errors.append(forbidden(f"{path}.target.averageValue", detail))
    return errors


def _validate_subject(field: str, source: Object, path: str) -> list[FieldError]:
    """What is measured: an object's metric, a metric by name, or a resource of pods or one of their containers."""
    if field in ("object", "external", "pods"):
        errors = validate_reference(source.get("describedObject") or {}, f"{path}.describedObject") if field == "object" else []
        name = (source.get("metric") or {}).get("name", "")
        if not name:
            errors.append(required(f"{path}.metric.name", "must specify a metric name"))
        errors += (invalid(f"{path}.metric.name", name, each) for each in (is_path_segment_name(name) if name else ()))
        return errors
    name = source.get("name", "")
    errors = [] if name else [required(f"{path}.name", "must specify a resource name")]
    if field == "containerResource":
        if name:
            errors += validate_container_resource_name(name, f"{path}.name")
        container = source.get("container", "")
        if not container:
            errors.append(required(f"{path}.container", "must specify a container"))
        errors += (invalid(f"{path}.container", container, each) for each in (is_dns1123_label(container) if container else ()))
    return errors


def validate_reference(reference: Object, path: str) -> list[FieldError]:
    """upstream: ValidateCrossVersionObjectReference."""
    errors: list[FieldError] = []
    for field in ("kind", "name"):
        value = reference.get(field, "")
        if not value:
            errors.append(required(f"{path}.{field}"))
        errors += (invalid(f"{path}.{field}", value, each) for each in (is_path_segment_name(value) if value else ()))
    return errors


def _validate_target(target: Object, path: str) -> list[FieldError]:
    kind, utilization = target.get("type", ""), target.get("averageUtilization")
    errors = [] if kind else [required(f"{path}.type", "must specify a metric target type")]
    if kind not in _TARGET_TYPES:
        errors.append(invalid(f"{path}.type", kind, "must be either Utilization, Value, or AverageValue"))
    for field in ("value", "averageValue"):
        amount = target.get(field)
        if amount is not None and parse(amount).nano <= 0:
            errors.append(invalid(f"{path}.{field}", go_quantity(amount), "must be positive"))
    if utilization is not None and utilization < 1:
        errors.append(invalid(f"{path}.averageUtilization", utilization, "must be greater than 0"))
    return errors


def go_quantity(text: str) -> Go:
    """A resource.Quantity as ``%#v`` prints it.

    >>> go_quantity("-1").text[:56]
    'resource.Quantity{i:resource.int64Amount{value:-1, scale'
    """
    quantity = parse(text)
    amount, scale = quantity.nano, -9
    while amount and scale < 0 and amount % 1000 == 0:
        amount, scale = amount // 1000, scale + 3
    return Go(
        f"resource.Quantity{{i:resource.int64Amount{{value:{amount}, scale:{scale if amount else 0}}}, "
        f'd:resource.infDecAmount{{Dec:(*inf.Dec)(nil)}}, s:"", Format:{go_quote(quantity.format)}}}'
    )


def metrics_text(metrics: Sequence[Object], current: Sequence[Object]) -> str:
    """Present and wanted values, at most two of them: ``12%/80%, <unknown>/10 + 1 more...``."""
    if not metrics:
        return "<none>"
    shown = [_metric_text(metric, current[index] if index < len(current) else {}) for index, metric in enumerate(metrics)]
    text = ", ".join(shown[:2])
    return f"{text} + {len(shown) - 2} more..." if len(shown) > 2 else text


def _metric_text(metric: Object, status: Object) -> str:
    field = _FIELD_OF.get(metric.get("type", ""))
    if field is None:
        return "<unknown type>"
    target = dig(metric, (field, "target"), {})
    now = dig(status, (field, "current"), {})
    average = target.get("averageValue")
    if field in ("external", "object"):
        if average is not None:
            return f"{now.get('averageValue', '<unknown>')}/{average} (avg)"
        return f"{now.get('value', '<unknown>')}/{target.get('value')}"
    if average is not None or field == "pods":
        return f"{now.get('averageValue', '<unknown>')}/{average}"
    return f"{_percent(now.get('averageUtilization'), '<unknown>')}/{_percent(target.get('averageUtilization'), '<auto>')}"


def _percent(value: int | None, absent: str) -> str:
    return absent if value is None else f"{value}%"
