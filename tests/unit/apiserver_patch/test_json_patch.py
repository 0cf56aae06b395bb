"""JSON patch, by the library's own rows.

upstream: github.com/evanphx/json-patch v5.6.0+incompatible, patch_test.go (the table beside this file);
staging/src/k8s.io/apiserver/pkg/endpoints/handlers/patch.go, 1.28.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from kubelab.apiserver.patch import json_patch
from kubelab.apiserver.patch.errors import PatchError

ROWS = [json.loads(line) for line in Path(__file__).with_name("json_patch.jsonl").read_text().splitlines()]


def of(group: str) -> list[Any]:
    return [row for row in ROWS if row["group"] == group]


def operations(row: dict[str, Any]) -> str:
    return json.dumps(row["ops"])[:90]


@pytest.mark.parametrize("row", of("applies"), ids=operations)
def test_a_patch_that_fits_gives_the_librarys_document(row: dict[str, Any]) -> None:
    before = copy.deepcopy((row["doc"], row["ops"]))
    assert json_patch.apply(row["doc"], row["ops"]) == row["result"]
    assert (row["doc"], row["ops"]) == before


@pytest.mark.parametrize("row", of("fails"), ids=operations)
def test_a_patch_that_does_not_fit_is_refused(row: dict[str, Any]) -> None:
    before = copy.deepcopy(row["doc"])
    with pytest.raises(PatchError) as refused:
        json_patch.apply(row["doc"], row["ops"])
    assert refused.value.kind == "apply"
    assert row["doc"] == before


@pytest.mark.parametrize("row", of("test"), ids=operations)
def test_the_operation_test_compares(row: dict[str, Any]) -> None:
    if row["passes"]:
        assert json_patch.apply(row["doc"], row["ops"]) == row["doc"]
        return
    with pytest.raises(PatchError) as refused:
        json_patch.apply(row["doc"], row["ops"])
    assert refused.value.message == f"testing value {row['failed']} failed: test failed"


UNDECODABLE = [
    # ops, message; upstream: handlers/patch.go (applyJSPatch), encoding/json
    ({}, "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp"),
    ("x", "error decoding patch: json: cannot unmarshal string into Go value of type []handlers.jsonPatchOp"),
    ([1], "error decoding patch: json: cannot unmarshal number into Go value of type handlers.jsonPatchOp"),
    ([{"op": 1}], "error decoding patch: json: cannot unmarshal number into Go struct field jsonPatchOp.op of type string"),
    (
        [{"op": "add", "path": []}],
        "error decoding patch: json: cannot unmarshal array into Go struct field jsonPatchOp.path of type string",
    ),
]


@pytest.mark.parametrize(("ops", "message"), UNDECODABLE)
def test_what_is_no_patch_is_said_as_go_says_it(ops: Any, message: str) -> None:
    with pytest.raises(PatchError) as refused:
        json_patch.apply({}, ops)
    assert (refused.value.kind, refused.value.message) == ("decode", message)


MESSAGES = [
    # doc, operation, message; upstream: evanphx/json-patch patch.go
    ({}, {"op": "jump", "path": "/a"}, "Unexpected kind: jump"),
    ({}, {"path": "/a"}, "Unexpected kind: unknown"),
    ({}, {"op": "remove", "path": "/a"}, "error in remove for path: '/a': Unable to remove nonexistent key: a: missing value"),
    ({}, {"op": "add", "path": "/a/b", "value": 1}, 'add operation does not apply: doc is missing path: "/a/b": missing value'),
    ({"a": []}, {"op": "replace", "path": "/a/0"}, "replace operation does not apply: doc is missing key: /a/0: missing value"),
    (
        {"a": []},
        {"op": "add", "path": "/a/x", "value": 1},
        "error in add for path: '/a/x': value was not a proper array index: 'x': strconv.Atoi: parsing \"x\": invalid syntax",
    ),
    (
        {"a": []},
        {"op": "add", "path": "/a/2", "value": 1},
        "error in add for path: '/a/2': Unable to access invalid index: 2: invalid index referenced",
    ),
]


@pytest.mark.parametrize(("doc", "operation", "message"), MESSAGES)
def test_a_failing_operation_is_named(doc: Any, operation: Any, message: str) -> None:
    with pytest.raises(PatchError) as refused:
        json_patch.apply(doc, [operation])
    assert refused.value.message == message


def test_replace_takes_a_missing_key_of_an_object_as_the_library_does() -> None:
    assert json_patch.apply({"a": 1}, [{"op": "replace", "path": "/b", "value": 2}]) == {"a": 1, "b": 2}


def test_ten_thousand_operations_are_the_limit() -> None:
    operation = {"op": "add", "path": "/a", "value": 1}
    assert json_patch.apply({}, [operation] * 10_000) == {"a": 1}
    with pytest.raises(PatchError) as refused:
        json_patch.apply({}, [operation] * 10_001)
    assert refused.value.kind == "too_many"
    assert refused.value.message == "The allowed maximum operations in a JSON patch is 10000, got 10001"


def test_unknown_fields_of_operations_are_named() -> None:
    assert json_patch.unknown_fields([{"op": "add", "path": "/a"}, {"foo": 1}]) == ['json patch unknown field "[1].foo"']


def test_what_a_patch_does_not_touch_is_shared() -> None:
    doc = {"a": {"b": [1, 2]}, "c": {"d": 1}}
    patched = json_patch.apply(doc, [{"op": "add", "path": "/a/b/-", "value": 3}])
    assert patched == {"a": {"b": [1, 2, 3]}, "c": {"d": 1}}
    assert patched["c"] is doc["c"]
