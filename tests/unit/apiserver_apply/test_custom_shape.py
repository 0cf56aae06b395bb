"""What the structural schema of a custom resource says about merging and owning its fields.

upstream: k8s.io/kube-openapi/pkg/schemaconv/openapi.go and smd.go; x-kubernetes-list-type and the like in
staging/src/k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1/types_jsonschema.go, 1.28.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.apiserver.apply.custom_shape import custom_shape
from kubelab.apiserver.apply.field_set import encode
from kubelab.apiserver.apply.typed import TypedError, field_set
from kubelab.apiserver.apply.validate import check

PORT = {"type": "object", "properties": {"port": {"type": "integer"}, "protocol": {"type": "string", "default": "TCP"}}}
SPEC = {
    "type": "object",
    "properties": {
        "plain": {"type": "array", "items": {"type": "string"}},
        "tags": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
        "ports": {
            "type": "array",
            "items": PORT,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["port", "protocol"],
        },
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "whole": {"type": "object", "additionalProperties": {"type": "string"}, "x-kubernetes-map-type": "atomic"},
        "free": {"type": "object"},
        "open": {"type": "object", "properties": {"a": {"type": "integer"}}, "x-kubernetes-preserve-unknown-fields": True},
        "share": {"x-kubernetes-int-or-string": True},
        "any": {"x-kubernetes-preserve-unknown-fields": True},
    },
}
SHAPE = custom_shape({"type": "object", "properties": {"spec": SPEC}})

ROWS: list[tuple[Any, Any]] = [
    # spec, fields owned by applying it
    ({"plain": ["a"]}, {"f:plain": {}}),
    ({"tags": ["b", "a"]}, {"f:tags": {'v:"a"': {}, 'v:"b"': {}}}),
    ({"ports": [{"port": 1}]}, {"f:ports": {'k:{"port":1,"protocol":"TCP"}': {".": {}, "f:port": {}}}}),
    ({"labels": {"a": "b"}}, {"f:labels": {"f:a": {}}}),
    ({"labels": {}}, {"f:labels": {}}),
    ({"whole": {"a": "b"}}, {"f:whole": {}}),
    ({"free": {"a": {"b": 1}}}, {"f:free": {"f:a": {".": {}, "f:b": {}}}}),
    ({"open": {"a": 1, "b": {"c": [1]}}}, {"f:open": {"f:a": {}, "f:b": {".": {}, "f:c": {}}}}),
    ({"share": "5%"}, {"f:share": {}}),
    ({"any": {"a": 1}}, {"f:any": {"f:a": {}}}),
]


@pytest.mark.parametrize(("spec", "fields"), ROWS)
def test_an_applier_owns_what_the_definition_tells_apart(spec: Any, fields: Any) -> None:
    obj = {"apiVersion": "g/v1", "kind": "K", "spec": spec}
    check(SHAPE, obj)
    assert encode(field_set(SHAPE, obj))["f:spec"] == fields


def test_fields_that_the_definition_lacks_are_refused() -> None:
    check(SHAPE, {"metadata": {"labels": {"a": "b"}}, "spec": {"open": {"b": 1}}})
    with pytest.raises(TypedError, match=r"\.spec\.lost: field not declared in schema"):
        check(SHAPE, {"spec": {"lost": 1}})


def test_without_a_schema_lists_are_whole_and_maps_are_not() -> None:
    assert encode(field_set(custom_shape(None), {"spec": {"list": [1], "map": {"a": 1}}})) == {
        "f:spec": {".": {}, "f:list": {}, "f:map": {".": {}, "f:a": {}}}
    }
