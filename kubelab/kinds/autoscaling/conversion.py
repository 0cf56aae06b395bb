"""autoscaling/v1: the same stored HorizontalPodAutoscaler with CPU alone in its spec; what v1 has no field for travels in annotations.

upstream: pkg/apis/autoscaling/v1/{conversion,defaults}.go, pkg/apis/autoscaling/{annotations,helpers}.go, 1.28. The annotations hold Go's JSON:
v1's own types for metrics and conditions, the internal type (names in capitals, nulls) for the behavior.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from kubelab.kinds import decode, schema
from kubelab.kinds.kind import Conversion, Object

API_VERSION, STORED = "autoscaling/v1", "autoscaling/v2"
METRICS = "autoscaling.alpha.kubernetes.io/metrics"
CURRENT = "autoscaling.alpha.kubernetes.io/current-metrics"
CONDITIONS = "autoscaling.alpha.kubernetes.io/conditions"
BEHAVIOR = "autoscaling.alpha.kubernetes.io/behavior"
ANNOTATIONS = (METRICS, CURRENT, CONDITIONS, BEHAVIOR)
DEFAULT_UTILIZATION = 80
_CPU = "targetCPUUtilizationPercentage"
_CURRENT_CPU = "currentCPUUtilizationPercentage"
_SOURCES = ("object", "pods", "resource", "containerResource", "external")
_RULES = {"stabilizationWindowSeconds": "StabilizationWindowSeconds", "selectPolicy": "SelectPolicy", "policies": "Policies"}
_POLICY = {"type": "Type", "value": "Value", "periodSeconds": "PeriodSeconds"}


# -- from what is stored ------------------------------------------------------------------------------------------------------
def from_stored(obj: Object) -> Object:
    """An autoscaling/v2 object as autoscaling/v1 shows it."""
    spec, status = obj.get("spec") or {}, obj.get("status")
    shown: Object = {
        **obj,
        "apiVersion": API_VERSION,
        "metadata": _with_annotations(obj.get("metadata") or {}, _annotations(spec, status or {})),
    }
    metrics = spec.get("metrics") or ()
    cpu = next((metric["resource"]["target"]["averageUtilization"] for metric in metrics if _is_cpu(metric)), None)
    shown["spec"] = _without({**_parts(spec, "scaleTargetRef", "minReplicas", "maxReplicas"), _CPU: cpu})
    if status is not None:
        shown["status"] = _status_from(status)
    return shown


def _status_from(status: Object) -> Object:
    known = _parts(status, "observedGeneration", "lastScaleTime")
    shown = {**known, "currentReplicas": status.get("currentReplicas", 0), "desiredReplicas": status.get("desiredReplicas", 0)}
    for metric in status.get("currentMetrics") or ():
        resource = metric.get("resource") or {}
        utilization = (resource.get("current") or {}).get("averageUtilization")
        if metric.get("type") == "Resource" and resource.get("name") == "cpu" and utilization is not None:
            shown[_CURRENT_CPU] = utilization
    return shown


def _annotations(spec: Object, status: Object) -> dict[str, str]:
    found: dict[str, str] = {}
    if others := [_metric(metric, "target", _SPEC_FROM) for metric in spec.get("metrics") or () if not _is_cpu(metric)]:
        found[METRICS] = _go_json(others)
    if current := [_metric(metric, "current", _STATUS_FROM) for metric in status.get("currentMetrics") or ()]:
        found[CURRENT] = _go_json(current)
    if (behavior := spec.get("behavior")) is not None:
        found[BEHAVIOR] = _go_json({"ScaleUp": _rules_from(behavior.get("scaleUp")), "ScaleDown": _rules_from(behavior.get("scaleDown"))})
    if conditions := status.get("conditions"):
        names = ("type", "status", "lastTransitionTime", "reason", "message")
        found[CONDITIONS] = _go_json([_parts(one, *names) for one in conditions])
    return found


def _is_cpu(metric: Object) -> bool:
    """Whether v1's spec has a field for it."""
    resource = metric.get("resource") or {}
    return (
        metric.get("type") == "Resource"
        and resource.get("name") == "cpu"
        and (resource.get("target") or {}).get("averageUtilization") is not None
    )


def _metric(metric: Object, values: str, shapes: Mapping[str, Callable[[Object, Object], Object]]) -> Object:
    parts = {name: shapes[name](metric[name], metric[name].get(values) or {}) for name in _SOURCES if metric.get(name) is not None}
    return {"type": metric.get("type", ""), **{name: _without(part) for name, part in parts.items()}}


def _identity(source: Object) -> tuple[str, Object | None]:
    metric = source.get("metric") or {}
    return metric.get("name", ""), metric.get("selector")


def _described(source: Object) -> Object:
    return _parts(source.get("describedObject") or {}, "kind", "name", "apiVersion")


def _object_target(source: Object, target: Object) -> Object:
    name, selector = _identity(source)
    described = {"target": _described(source), "metricName": name, "targetValue": target.get("value", "0")}
    return {**described, "selector": selector, "averageValue": target.get("averageValue")}


def _pods_target(source: Object, target: Object) -> Object:
    name, selector = _identity(source)
    return {"metricName": name, "targetAverageValue": target.get("averageValue", "0"), "selector": selector}


def _resource_target(source: Object, target: Object) -> Object:
    wanted = {"targetAverageUtilization": target.get("averageUtilization"), "targetAverageValue": target.get("averageValue")}
    return {"name": source.get("name", ""), **wanted, "container": source.get("container")}


def _external_target(source: Object, target: Object) -> Object:
    name, selector = _identity(source)
    wanted = {"targetValue": target.get("value"), "targetAverageValue": target.get("averageValue")}
    return {"metricName": name, "metricSelector": selector, **wanted}


def _object_current(source: Object, current: Object) -> Object:
    name, selector = _identity(source)
    described = {"target": _described(source), "metricName": name, "currentValue": current.get("value", "0")}
    return {**described, "selector": selector, "averageValue": current.get("averageValue")}


def _pods_current(source: Object, current: Object) -> Object:
    name, selector = _identity(source)
    return {"metricName": name, "currentAverageValue": current.get("averageValue", "0"), "selector": selector}


def _resource_current(source: Object, current: Object) -> Object:
    found = {"currentAverageUtilization": current.get("averageUtilization"), "currentAverageValue": current.get("averageValue", "0")}
    return {"name": source.get("name", ""), **found, "container": source.get("container")}


def _external_current(source: Object, current: Object) -> Object:
    name, selector = _identity(source)
    found = {"currentValue": current.get("value", "0"), "currentAverageValue": current.get("averageValue")}
    return {"metricName": name, "metricSelector": selector, **found}


_SPEC_FROM = {
    "object": _object_target,
    "pods": _pods_target,
    "resource": _resource_target,
    "containerResource": _resource_target,
    "external": _external_target,
}
_STATUS_FROM = {
    "object": _object_current,
    "pods": _pods_current,
    "resource": _resource_current,
    "containerResource": _resource_current,
    "external": _external_current,
}


def _rules_from(rules: Object | None) -> Object | None:
    if rules is None:
        return None
    policies = rules.get("policies")
    shown = None if policies is None else [{go: policy.get(name) for name, go in _POLICY.items()} for policy in policies]
    return {**{go: rules.get(name) for name, go in _RULES.items()}, "Policies": shown}


# -- to what is stored --------------------------------------------------------------------------------------------------------
def to_stored(obj: Object) -> Object:
    """An autoscaling/v1 object as the autoscaling/v2 object that is stored."""
    meta, spec, status = obj.get("metadata") or {}, obj.get("spec") or {}, obj.get("status")
    annotations = meta.get("annotations") or {}
    cpu = spec.get(_CPU)
    metrics = [] if cpu is None else [_cpu_metric(cpu)]
    if (others := _read(annotations.get(METRICS), "spec", "metrics", _metrics_to)) is not None:
        metrics = others + metrics
    stored: Object = {**obj, "apiVersion": STORED, "metadata": _with_annotations(meta, {})}
    stored["spec"] = {
        **_parts(spec, "scaleTargetRef", "minReplicas", "maxReplicas"),
        "metrics": metrics or [_cpu_metric(DEFAULT_UTILIZATION)],
    }
    if behavior := _read(annotations.get(BEHAVIOR), "spec", "behavior", _behavior_to):
        stored["spec"]["behavior"] = behavior
    if status is not None or any(name in annotations for name in (CURRENT, CONDITIONS)):
        stored["status"] = _status_to(status or {}, annotations)
    return stored


def _status_to(status: Object, annotations: dict[str, str]) -> Object:
    stored = _parts(status, "observedGeneration", "lastScaleTime", "currentReplicas")
    stored["desiredReplicas"] = status.get("desiredReplicas", 0)
    current: list[Object] | None = None
    if (cpu := status.get(_CURRENT_CPU)) is not None:
        current = [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": cpu}}}]
    if (metrics := _read(annotations.get(CURRENT), "status", "currentMetrics", _current_to)) is not None:
        current = metrics
    conditions = _read(annotations.get(CONDITIONS), "status", "conditions", list)
    stored["currentMetrics"] = current
    return stored if conditions is None else {**stored, "conditions": conditions}


def _cpu_metric(utilization: int) -> Object:
    target = {"type": "Utilization", "averageUtilization": utilization}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def _metrics_to(found: Any) -> list[Object]:
    return [_metric_to(metric, _SPEC_TO) for metric in found]


def _current_to(found: Any) -> list[Object]:
    return [_metric_to(metric, _STATUS_TO) for metric in found]


def _behavior_to(found: Any) -> Object:
    return _without({"scaleUp": _rules_to(_of(found, "ScaleUp")), "scaleDown": _rules_to(_of(found, "ScaleDown"))})


def _metric_to(metric: Object, shapes: Mapping[str, Callable[[Object], Object]]) -> Object:
    return {"type": metric.get("type", ""), **{name: shapes[name](metric[name]) for name in _SOURCES if metric.get(name) is not None}}


def _metric_name(source: Object, selector: str) -> Object:
    return _without({"name": source.get("metricName", ""), "selector": source.get(selector)})


def _target(type_: str, **values: Any) -> Object:
    return {"type": type_, **_without(values)}


def _object_to(source: Object) -> Object:
    average = source.get("averageValue")
    target = _target("Value" if average is None else "AverageValue", value=source.get("targetValue", "0"), averageValue=average)
    return {"describedObject": source.get("target") or {}, "target": target, "metric": _metric_name(source, "selector")}


def _pods_to(source: Object) -> Object:
    target = _target("AverageValue", averageValue=source.get("targetAverageValue", "0"))
    return {"metric": _metric_name(source, "selector"), "target": target}


def _resource_to(source: Object) -> Object:
    utilization, average = source.get("targetAverageUtilization"), source.get("targetAverageValue")
    kind = "AverageValue" if utilization is None else "Utilization"
    target = _target(kind, averageValue=average, averageUtilization=utilization)
    return {"name": source.get("name", ""), "target": target, **_parts(source, "container")}


def _external_to(source: Object) -> Object:
    value, average = source.get("targetValue"), source.get("targetAverageValue")
    target = _target("AverageValue" if value is None else "Value", value=value, averageValue=average)
    return {"metric": _metric_name(source, "metricSelector"), "target": target}


def _object_current_to(source: Object) -> Object:
    current = _without({"value": source.get("currentValue", "0"), "averageValue": source.get("averageValue")})
    return {"metric": _metric_name(source, "selector"), "current": current, "describedObject": source.get("target") or {}}


def _pods_current_to(source: Object) -> Object:
    return {"metric": _metric_name(source, "selector"), "current": {"averageValue": source.get("currentAverageValue", "0")}}


def _resource_current_to(source: Object) -> Object:
    found = {"averageValue": source.get("currentAverageValue", "0"), "averageUtilization": source.get("currentAverageUtilization")}
    return {"name": source.get("name", ""), "current": _without(found), **_parts(source, "container")}


def _external_current_to(source: Object) -> Object:
    current = _without({"value": source.get("currentValue", "0"), "averageValue": source.get("currentAverageValue")})
    return {"metric": _metric_name(source, "metricSelector"), "current": current}


_SPEC_TO = {
    "object": _object_to,
    "pods": _pods_to,
    "resource": _resource_to,
    "containerResource": _resource_to,
    "external": _external_to,
}
_STATUS_TO = {
    "object": _object_current_to,
    "pods": _pods_current_to,
    "resource": _resource_current_to,
    "containerResource": _resource_current_to,
    "external": _external_current_to,
}


def _rules_to(rules: Any) -> Object | None:
    if not isinstance(rules, dict):
        return None
    found: Object = {name: _of(rules, go) for name, go in _RULES.items()}
    if isinstance(found["policies"], list):
        found["policies"] = [{name: _of(policy, go) for name, go in _POLICY.items()} for policy in found["policies"]]
    return _without(found)


# -- parts and text -----------------------------------------------------------------------------------------------------------
def _of(go: Object, name: str) -> Any:
    """A field as Go's decoder finds it: its name in any case."""
    return go[name] if name in go else next((value for key, value in go.items() if key.lower() == name.lower()), None)


def _parts(source: Object, *names: str) -> Object:
    return {name: source[name] for name in names if source.get(name) is not None}


def _without(source: Object) -> Object:
    """Go's omitempty: what is not set is left out."""
    return {name: value for name, value in source.items() if value is not None}


def _with_annotations(meta: Object, more: dict[str, str]) -> Object:
    kept = {name: text for name, text in (meta.get("annotations") or {}).items() if name not in ANNOTATIONS}
    found = {**kept, **more}
    bare = {name: value for name, value in meta.items() if name != "annotations"}
    return {**bare, "annotations": found} if found else bare


def _go_json(value: Any) -> str:
    """JSON as Go's encoder writes it."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _read(text: Any, part: str, field: str, make: Callable[[Any], Any]) -> Any:
    """What an annotation holds, as a field of v2; None if it holds nothing of the kind, as upstream passes over it."""
    if not isinstance(text, str):
        return None
    try:
        found = make(json.loads(text))
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    shape = schema.for_kind("autoscaling", "v2", "HorizontalPodAutoscaler")
    assert shape is not None, "autoscaling/v2 has a schema"
    return None if decode.check({"metadata": {}, part: {field: found}}, shape).errors else found


CONVERSION = Conversion(to_stored, from_stored)
