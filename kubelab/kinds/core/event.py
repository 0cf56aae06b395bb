"""Event, as the core group stores it and events.k8s.io serves it too.

upstream: pkg/registry/core/event/strategy.go, pkg/apis/core/validation/events.go, 1.28.
"""

from __future__ import annotations

from typing import Any

from kubelab.kinds.columns import NAME, at, since
from kubelab.kinds.equality import immutable, same
from kubelab.kinds.events import conversion
from kubelab.kinds.events.conversion import GROUP
from kubelab.kinds.field import FieldError, Go, invalid, required
from kubelab.kinds.go_values import struct, time
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.names import IMMUTABLE, byte_length, is_dns1123_subdomain, is_qualified_name

_LIMITS = (("action", 128), ("reason", 128))
_MISMATCH = "does not match event.namespace"


def legacy_validate(obj: Object, controller_field: str = "reportingComponent") -> list[FieldError]:
    """What both groups ask of an event. ``controller_field`` is how the request's group names the reporting controller."""
    namespace = obj["metadata"].get("namespace") or ""
    involved = (obj.get("involvedObject") or {}).get("namespace") or ""
    if not obj.get("eventTime"):
        agrees = namespace in ("", "default") if not involved else namespace == involved
        errors = [] if agrees else [invalid("involvedObject.namespace", involved, _MISMATCH)]
    else:
        errors = _validate_new(obj, namespace, involved, controller_field)
    return errors + [invalid("namespace", namespace, each) for each in is_dns1123_subdomain(namespace)]


def _validate_new(obj: Object, namespace: str, involved: str, controller_field: str) -> list[FieldError]:
    errors: list[FieldError] = []
    if not involved and namespace not in ("default", "kube-system"):
        errors.append(invalid("involvedObject.namespace", involved, _MISMATCH))
    controller = obj.get("reportingComponent") or ""
    if not controller:
        errors.append(required(controller_field))
    errors += (invalid(controller_field, controller, each) for each in is_qualified_name(controller))
    instance = obj.get("reportingInstance") or ""
    if not instance:
        errors.append(required("reportingInstance"))
    if byte_length(instance) > 128:
        errors.append(invalid("reportingInstance", "", "can have at most 128 characters"))
    for field, limit in _LIMITS:
        if not obj.get(field):
            errors.append(required(field))
        elif byte_length(obj[field]) > limit:
            errors.append(invalid(field, "", f"can have at most {limit} characters"))
    if byte_length(obj.get("message") or "") > 1024:
        errors.append(invalid("message", "", "can have at most 1024 characters"))
    return errors


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    """The core group asks little; events.k8s.io/v1 asks for a complete event without the deprecated fields."""
    if ctx.as_group != GROUP:
        return legacy_validate(obj)
    errors = legacy_validate(obj, "reportingController")
    errors += _validate_series(obj)
    if not obj.get("eventTime"):
        errors.append(required("eventTime"))
    if obj.get("type") not in ("Normal", "Warning"):
        errors.append(invalid("type", "", f"has invalid value: {obj.get('type') or ''}"))
    source = obj.get("source") or {}
    unset = {field: obj.get(field) for field in ("firstTimestamp", "lastTimestamp", "count")}
    unset["source"] = source.get("component") or source.get("host")
    return errors + [invalid(field, "", "needs to be unset") for field, value in unset.items() if value]


def _validate_series(obj: Object) -> list[FieldError]:
    series = obj.get("series")
    if series is None:
        return []
    errors = [invalid("series.count", "", "should be at least 2")] if (series.get("count") or 0) < 2 else []
    return errors if series.get("lastObservedTime") else [*errors, required("series.lastObservedTime")]


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    """Through events.k8s.io/v1 only the series may change."""
    if ctx.as_group != GROUP:
        return legacy_validate(obj)
    errors = legacy_validate(obj, "reportingController")
    if not same(obj.get("series"), old.get("series")):
        errors += _validate_series(obj)
    for field in _CONSTANT:
        errors += immutable(field, obj.get(field) or _EMPTY.get(field, ""), old.get(field) or _EMPTY.get(field, ""), _shown(obj, field))
    return errors + [
        invalid("reportingController" if field == "reportingComponent" else field, obj.get(field) or "", IMMUTABLE)
        for field in ("reportingComponent", "reportingInstance")
        if (obj.get(field) or "") != (old.get(field) or "")
    ]


_CONSTANT = (
    *("involvedObject", "reason", "message", "source", "firstTimestamp", "lastTimestamp"),
    *("count", "reason", "type", "eventTime", "action", "related"),
)
"""The order of upstream, which looks at the reason twice."""
_EMPTY: dict[str, Any] = {"involvedObject": {}, "source": {}, "count": 0, "related": None}
_REFERENCE = {
    "Kind": "kind",
    "Namespace": "namespace",
    "Name": "name",
    "UID": "uid",
    "APIVersion": "apiVersion",
    "ResourceVersion": "resourceVersion",
    "FieldPath": "fieldPath",
}


def _shown(obj: Object, field: str) -> Go | None:
    """A field that is a struct upstream, as an error prints it; None for a plain one."""
    value = obj.get(field)
    if field in ("involvedObject", "related"):
        parts = {go: (value or {}).get(name, "") for go, name in _REFERENCE.items()}
        return None if value is None and field == "related" else struct("core.ObjectReference", **parts)
    if field == "source":
        return struct("core.EventSource", Component=(value or {}).get("component", ""), Host=(value or {}).get("host", ""))
    return time(value) if field.endswith(("Time", "Timestamp")) else None


_INVOLVED = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_SELECTABLE = (*(f"involvedObject.{name}" for name in _INVOLVED), "reason", "reportingComponent", "source", "type")


def selectable(obj: Object) -> dict[str, str]:
    involved = obj.get("involvedObject") or {}
    fields = {f"involvedObject.{name}": involved.get(name) or "" for name in _INVOLVED}
    controller = obj.get("reportingComponent") or ""
    return {
        **fields,
        "reason": obj.get("reason") or "",
        "reportingComponent": controller,
        "source": (obj.get("source") or {}).get("component") or controller,
        "type": obj.get("type") or "",
    }


def _first_seen(obj: Object, now_ns: int) -> str:
    return since(obj.get("firstTimestamp") or obj.get("eventTime"), now_ns)


def _last_seen(obj: Object, now_ns: int) -> str:
    series = obj.get("series")
    if series:
        return since(series.get("lastObservedTime"), now_ns)
    return since(obj["lastTimestamp"], now_ns) if obj.get("lastTimestamp") else _first_seen(obj, now_ns)


def _count(obj: Object, now_ns: int) -> int:
    series = obj.get("series")
    return (series.get("count") or 0) if series else obj.get("count") or 1


def _object(obj: Object, now_ns: int) -> str:
    involved = obj.get("involvedObject") or {}
    kind = (involved.get("kind") or "").lower()
    return f"{kind}/{involved['name']}" if involved.get("name") else kind


def _source(obj: Object, now_ns: int) -> str:
    source = obj.get("source") or {}
    component = source.get("component") or obj.get("reportingComponent") or ""
    instance = source.get("host") or obj.get("reportingInstance") or ""
    return f"{component}, {instance}" if instance else component


def _message(obj: Object, now_ns: int) -> str:
    return (obj.get("message") or "").strip()


KIND = Kind(
    conversions={conversion.API_VERSION: conversion.CONVERSION},
    kind="Event",
    plural="events",
    singular="event",
    short_names=("ev",),
    definition="core.v1.Event",
    validate=validate,
    validate_update=validate_update,
    selectable=selectable,
    selectable_names=_SELECTABLE,
    columns=(
        Column("Last Seen", _last_seen),
        Column("Type", at("type", default="")),
        Column("Reason", at("reason", default="")),
        Column("Object", _object),
        Column("Subobject", at("involvedObject", "fieldPath", default=""), priority=1),
        Column("Source", _source, priority=1),
        Column("Message", _message),
        Column("First Seen", _first_seen, priority=1),
        Column("Count", _count, priority=1),
        Column("Name", NAME.cell, format="name", priority=1),
    ),
    create_on_update=True,
)
