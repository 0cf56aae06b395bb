"""HorizontalPodAutoscaler as 1.7 validated it: metrics in the fields of their first form, of which autoscaling/v1 keeps an annotation.

upstream: pkg/apis/autoscaling/validation/validation.go, 1.7 (a status names the field desiredReplicasa).
"""

from __future__ import annotations

from kubelab.kinds.autoscaling.metrics import go_quantity, validate_reference
from kubelab.kinds.field import FieldError, forbidden, invalid, not_supported, required
from kubelab.kinds.kind import Context, Object
from kubelab.kinds.names import validate_nonnegative
from kubelab.kinds.quantity import parse

_TYPES = ("Object", "Pods", "Resource")
_SOURCES = ("object", "pods", "resource")


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    spec = obj["spec"]
    low, high = spec.get("minReplicas"), spec.get("maxReplicas", 0)
    errors: list[FieldError] = []
    if low is not None and low < 1:
        errors.append(invalid("spec.minReplicas", low, "must be greater than 0"))
    if high < 1:
        errors.append(invalid("spec.maxReplicas", high, "must be greater than 0"))
    if low is not None and high < low:
        errors.append(invalid("spec.maxReplicas", high, "must be greater than or equal to `minReplicas`"))
    errors += validate_reference(spec.get("scaleTargetRef") or {}, "spec.scaleTargetRef")
    for index, metric in enumerate(spec.get("metrics") or ()):
        errors += _validate_metric(metric, f"spec.metrics[{index}]")
    return errors


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    return validate(obj, ctx)


def validate_status(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    status = obj.get("status") or {}
    errors = validate_nonnegative(status.get("currentReplicas", 0), "status.currentReplicas")
    return errors + validate_nonnegative(status.get("desiredReplicas", 0), "status.desiredReplicasa")


def _validate_metric(metric: Object, path: str) -> list[FieldError]:
    type_ = metric.get("type", "")
    errors = [] if type_ else [required(f"{path}.type", "must specify a metric source type")]
    if type_ not in _TYPES:
        errors.append(not_supported(f"{path}.type", type_, _TYPES))
    present = [name for name in _SOURCES if metric.get(name) is not None]
    if present:
        errors += _RULES[present[0]](metric[present[0]], f"{path}.{present[0]}")
    expected = type_.lower()
    if expected not in present:
        where = f"{path}.{expected}" if expected else f"{path}[]"
        errors.append(required(where, "must populate information for the given metric source"))
    if len(present) != 1:
        words = "must populate the given metric source only"
        errors += (forbidden(f"{path}.{name}", words) for name in present if name != expected)
    return errors


def _validate_object(source: Object, path: str) -> list[FieldError]:
    errors = validate_reference(source.get("describedObject") or {}, f"{path}.target")
    return errors + _validate_named(source, path) + _validate_target((source.get("target") or {}).get("value"), f"{path}.targetValue")


def _validate_pods(source: Object, path: str) -> list[FieldError]:
    target = (source.get("target") or {}).get("averageValue")
    return _validate_named(source, path) + _validate_target(target, f"{path}.targetAverageValue")


def _validate_named(source: Object, path: str) -> list[FieldError]:
    if (source.get("metric") or {}).get("name"):
        return []
    return [required(f"{path}.metricName", "must specify a metric name")]


def _validate_target(value: str | None, path: str) -> list[FieldError]:
    return [] if value is not None and _is_positive(value) else [required(path, "must specify a positive target value")]


def _is_positive(value: str) -> bool:
    return parse(value).nano > 0


def _validate_resource(source: Object, path: str) -> list[FieldError]:
    target = source.get("target") or {}
    share, value = target.get("averageUtilization"), target.get("averageValue")
    errors = [] if source.get("name") else [required(f"{path}.name", "must specify a resource name")]
    if share is None and value is None:
        errors.append(required(f"{path}.targetAverageUtilization", "must set either a target raw value or a target utilization"))
    if share is not None and share < 1:
        errors.append(invalid(f"{path}.targetAverageUtilization", share, "must be greater than 0"))
    if share is not None and value is not None:
        errors.append(forbidden(f"{path}.targetAverageValue", "may not set both a target raw value and a target utilization"))
    if value is not None and not _is_positive(value):
        errors.append(invalid(f"{path}.targetAverageValue", go_quantity(value), "must be positive"))
    return errors


_RULES = {"object": _validate_object, "pods": _validate_pods, "resource": _validate_resource}
