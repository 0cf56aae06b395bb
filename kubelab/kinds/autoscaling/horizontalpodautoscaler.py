"""HorizontalPodAutoscaler: replicas that follow a load.

upstream: pkg/apis/autoscaling/v2/defaults.go, pkg/apis/autoscaling/validation/validation.go,
pkg/registry/autoscaling/horizontalpodautoscaler/strategy.go, 1.28.
"""

from __future__ import annotations

from kubelab.kinds.autoscaling import conversion
from kubelab.kinds.autoscaling.metrics import metrics_text, validate_metrics, validate_reference
from kubelab.kinds.columns import AGE, NAME, at, dig
from kubelab.kinds.field import FieldError, invalid, not_supported, required
from kubelab.kinds.gates import enabled
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.names import name_is_dns_subdomain, validate_nonnegative
from kubelab.kinds.path_copy import keep, own

_DEFAULT_UTILIZATION = 80
_LONGEST_PERIOD = 1800
_LONGEST_WINDOW = 3600
_SELECT_POLICIES = ("Disabled", "Max", "Min")
_POLICY_TYPES = ("Percent", "Pods")


def default(obj: Object, ctx: Context) -> None:
    spec = own(obj, "spec")
    spec.setdefault("minReplicas", 1)
    spec.setdefault("maxReplicas", 0)
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": _DEFAULT_UTILIZATION}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    if spec.get("behavior") is not None:
        behavior = own(spec, "behavior")
        pods = {"type": "Pods", "value": 4, "periodSeconds": 15}
        percent = {"type": "Percent", "value": 100, "periodSeconds": 15}
        up = {"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": [pods, percent]}
        behavior["scaleUp"] = {**up, **(behavior.get("scaleUp") or {})}
        behavior["scaleDown"] = {"selectPolicy": "Max", "policies": [dict(percent)], **(behavior.get("scaleDown") or {})}


def prepare_create(obj: Object, ctx: Context) -> None:
    obj["status"] = {"currentMetrics": None, "desiredReplicas": 0}
    if not enabled(ctx, "HPAContainerMetrics"):
        _drop_container_metrics(obj)


def prepare_update(obj: Object, old: Object, ctx: Context) -> None:
    keep(obj, old, "status")
    in_use = any(metric.get("containerResource") is not None for metric in old["spec"].get("metrics") or ())
    if not in_use and not enabled(ctx, "HPAContainerMetrics"):
        _drop_container_metrics(obj)


def _drop_container_metrics(obj: Object) -> None:
    spec = own(obj, "spec")
    dropped = "containerResource"
    spec["metrics"] = [{key: value for key, value in each.items() if key != dropped} for each in spec.get("metrics") or ()]


def prepare_status(obj: Object, old: Object, ctx: Context) -> None:
    keep(obj, old, "spec")
    status = own(obj, "status")
    status.setdefault("currentMetrics", None)
    status.setdefault("desiredReplicas", 0)


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    return _validate_spec(obj["spec"], 0 if enabled(ctx, "HPAScaleToZero") else 1, ctx)


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    may_be_zero = enabled(ctx, "HPAScaleToZero") or old["spec"].get("minReplicas") == 0
    return _validate_spec(obj["spec"], 0 if may_be_zero else 1, ctx)


def _validate_spec(spec: Object, lowest: int, ctx: Context) -> list[FieldError]:
    low, high = spec.get("minReplicas"), spec.get("maxReplicas", 0)
    errors: list[FieldError] = []
    if low is not None and low < lowest:
        errors.append(invalid("spec.minReplicas", low, f"must be greater than or equal to {lowest}"))
    if high < 1:
        errors.append(invalid("spec.maxReplicas", high, "must be greater than 0"))
    if low is not None and high < low:
        errors.append(invalid("spec.maxReplicas", high, "must be greater than or equal to `minReplicas`"))
    errors += validate_reference(spec.get("scaleTargetRef") or {}, "spec.scaleTargetRef")
    errors += validate_metrics(spec.get("metrics") or [], low, ctx)
    behavior = spec.get("behavior") or {}
    for name in ("scaleUp", "scaleDown"):
        if behavior.get(name) is not None:
            errors += _validate_rules(behavior[name], f"spec.behavior.{name}")
    return errors


def _validate_rules(rules: Object, path: str) -> list[FieldError]:
    window, select = rules.get("stabilizationWindowSeconds"), rules.get("selectPolicy")
    errors: list[FieldError] = []
    if window is not None and window < 0:
        errors.append(invalid(f"{path}.stabilizationWindowSeconds", window, "must be greater than or equal to zero"))
    if window is not None and window > _LONGEST_WINDOW:
        errors.append(invalid(f"{path}.stabilizationWindowSeconds", window, f"must be less than or equal to {_LONGEST_WINDOW}"))
    if select is not None and select not in _SELECT_POLICIES:
        errors.append(not_supported(f"{path}.selectPolicy", select, _SELECT_POLICIES))
    if not rules.get("policies"):
        errors.append(required(f"{path}.policies", "must specify at least one Policy"))
    for index, policy in enumerate(rules.get("policies") or ()):
        errors += _validate_policy(policy, f"{path}.policies[{index}]")
    return errors


def _validate_policy(policy: Object, path: str) -> list[FieldError]:
    kind, value, period = policy.get("type", ""), policy.get("value", 0), policy.get("periodSeconds", 0)
    errors: list[FieldError] = []
    if kind not in _POLICY_TYPES:
        errors.append(not_supported(f"{path}.type", kind, _POLICY_TYPES))
    if value <= 0:
        errors.append(invalid(f"{path}.value", value, "must be greater than zero"))
    if period <= 0:
        errors.append(invalid(f"{path}.periodSeconds", period, "must be greater than zero"))
    if period > _LONGEST_PERIOD:
        errors.append(invalid(f"{path}.periodSeconds", period, f"must be less than or equal to {_LONGEST_PERIOD}"))
    return errors


def validate_status(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    status = obj.get("status", {})
    errors = validate_nonnegative(status.get("currentReplicas", 0), "status.currentReplicas")
    return errors + validate_nonnegative(status.get("desiredReplicas", 0), "status.desiredReplicas")


def _reference(obj: Object, now_ns: int) -> str:
    reference = dig(obj, ("spec", "scaleTargetRef"), {})
    return f"{reference.get('kind', '')}/{reference.get('name', '')}"


def _targets(obj: Object, now_ns: int) -> str:
    return metrics_text(dig(obj, ("spec", "metrics"), ()), dig(obj, ("status", "currentMetrics"), ()))


def _min_pods(obj: Object, now_ns: int) -> str:
    return str(dig(obj, ("spec", "minReplicas"), "<unset>"))


KIND = Kind(
    kind="HorizontalPodAutoscaler",
    plural="horizontalpodautoscalers",
    group="autoscaling",
    versions=("v2", "v1"),
    conversions={conversion.API_VERSION: conversion.CONVERSION},
    short_names=("hpa",),
    categories=("all",),
    subresources=("status",),
    default=default,
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    prepare_status=prepare_status,
    validate=validate,
    validate_update=validate_update,
    validate_status=validate_status,
    validate_name=name_is_dns_subdomain,
    columns=(
        NAME,
        Column("Reference", _reference),
        Column("Targets", _targets),
        Column("MinPods", _min_pods),
        Column("MaxPods", at("spec", "maxReplicas", default=0)),
        Column("Replicas", at("status", "currentReplicas", default=0)),
        AGE,
    ),
)
