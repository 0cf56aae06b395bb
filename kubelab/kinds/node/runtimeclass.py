"""RuntimeClass: which container runtime a pod runs in.

upstream: pkg/apis/node/validation/validation.go, pkg/registry/node/runtimeclass/strategy.go, pkg/api/node/util.go, 1.28.
"""

from __future__ import annotations

from typing import Any

from kubelab.kinds.columns import AGE, NAME, at
from kubelab.kinds.equality import immutable
from kubelab.kinds.field import FieldError, Go, duplicate, invalid
from kubelab.kinds.go_values import pointer, struct
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.names import is_dns1123_label, name_is_dns_subdomain, validate_labels
from kubelab.kinds.node.deprecated_labels import DEPRECATED_NODE_LABELS
from kubelab.kinds.podspec.resources import validate_resource_requirements
from kubelab.kinds.podspec.scheduling import validate_tolerations

_KEYS = ("key", "operator", "value", "effect")


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    handler = obj.get("handler", "")
    errors = [invalid("handler", handler, each) for each in is_dns1123_label(handler)]
    overhead, scheduling = obj.get("overhead"), obj.get("scheduling")
    if overhead is not None:
        errors += validate_resource_requirements({"limits": overhead.get("podFixed") or {}}, "overhead")
    if scheduling is not None:
        errors += validate_labels(scheduling.get("nodeSelector") or {}, "scheduling.nodeSelector")
        errors += _validate_tolerations(scheduling.get("tolerations") or [], "scheduling.tolerations")
    return errors


def _validate_tolerations(tolerations: list[Object], path: str) -> list[FieldError]:
    # Upstream adds the field's name twice here.
    errors = validate_tolerations(tolerations, f"{path}.tolerations")
    seen: list[tuple[Any, ...]] = []
    for index, toleration in enumerate(tolerations):
        key = tuple(toleration.get(name, "") for name in _KEYS)
        if key in seen:
            errors.append(duplicate(f"{path}[{index}]", _go_toleration(toleration)))
        seen.append(key)
    return errors


def _go_toleration(toleration: Object) -> Go:
    texts = {name.capitalize(): toleration.get(name, "") for name in _KEYS}
    return struct("core.Toleration", **texts, TolerationSeconds=Go(pointer("int64", toleration.get("tolerationSeconds"))))


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    return validate(obj, ctx) + immutable("handler", obj.get("handler", ""), old.get("handler", ""))


def warnings(obj: Object, old: Object | None, ctx: Context) -> list[str]:
    labels = (obj.get("scheduling") or {}).get("nodeSelector") or {}
    return [f"scheduling.nodeSelector: {DEPRECATED_NODE_LABELS[key]}" for key in labels if key in DEPRECATED_NODE_LABELS]


KIND = Kind(
    kind="RuntimeClass",
    plural="runtimeclasses",
    group="node.k8s.io",
    namespaced=False,
    validate=validate,
    validate_update=validate_update,
    validate_name=name_is_dns_subdomain,
    warnings=warnings,
    create_on_update=True,
    update_needs_resource_version=True,
    columns=(NAME, Column("Handler", at("handler", default="")), AGE),
)
