"""The shape of a custom resource, from the structural schema of its definition.

upstream: k8s.io/kube-openapi/pkg/schemaconv (openapi.go, smd.go) as 1.28 uses it, and
staging/src/k8s.io/apiextensions-apiserver/pkg/controller/openapi/builder/builder.go, 1.28. Spec: apimachinery, section 6; extensibility.
"""

from __future__ import annotations

from typing import Any

from kubelab.apiserver.apply.shapes import DEDUCED, MISSING, Scalar, Shape, shape_of
from kubelab.kinds import schema

Object = dict[str, Any]

PRESERVE = "x-kubernetes-preserve-unknown-fields"
LIST_TYPE = "x-kubernetes-list-type"

_SCALARS: dict[str, Scalar] = {"integer": "numeric", "number": "numeric", "boolean": "boolean", "string": "string"}


def custom_shape(structural: Object | None) -> Shape:
    """The shape of whole objects under a version's ``openAPIV3Schema``; without one everything is deduced from values."""
    if not structural:
        return DEDUCED
    return _shape({**structural, "type": "object"}, whole=True, preserve=False)


def _shape(described: Object, *, whole: bool = False, preserve: bool) -> Shape:
    preserve = preserve or described.get(PRESERVE) is True
    kind = described.get("type", "")
    default = described.get("default", MISSING)
    if kind == "object":
        return _object(described, default, whole=whole, preserve=preserve)
    if kind == "array":
        return _list(described, default, preserve=preserve)
    if kind in _SCALARS:
        plain = kind != "string" or described.get("format", "") in ("", "byte")
        return Shape("scalar", scalar=_SCALARS[kind] if plain else "untyped", default=default)
    if described.get("x-kubernetes-int-or-string"):
        return Shape("scalar", default=default)
    return DEDUCED


def _object(described: Object, default: Any, *, whole: bool, preserve: bool) -> Shape:
    atomic = described.get("x-kubernetes-map-type") == "atomic"
    properties = described.get("properties") or {}
    values = described.get("additionalProperties")
    embedded = whole or bool(described.get("x-kubernetes-embedded-resource"))
    if not properties and not embedded:
        items = _shape(values, preserve=preserve) if isinstance(values, dict) and values else DEDUCED
        return Shape("map", items=items, atomic=atomic, default=default)
    fields = {name: _shape(member, preserve=preserve) for name, member in properties.items()}
    if embedded:
        fields |= _type_and_metadata()
    open_to = DEDUCED if preserve or values is True or not properties else None
    return Shape("struct", fields=fields, atomic=atomic, default=default, open_to=open_to)


def _type_and_metadata() -> dict[str, Shape]:
    """The fields that every object has, whatever its definition says of them."""
    text = Shape("scalar", scalar="string")
    metadata = shape_of(schema.struct("meta.v1.ObjectMeta"))
    return {"apiVersion": text, "kind": text, "metadata": metadata}


def _list(described: Object, default: Any, *, preserve: bool) -> Shape:
    items = _shape(described["items"], preserve=preserve) if isinstance(described.get("items"), dict) else DEDUCED
    kind = described.get(LIST_TYPE, "atomic")
    keys = tuple(described.get("x-kubernetes-list-map-keys", ())) if kind == "map" else ()
    return Shape("list", items=items, keys=keys, is_set=kind == "set", atomic=kind not in ("map", "set"), default=default)
