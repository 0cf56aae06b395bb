"""Merge patch, and ``kubectl apply``'s three-way merge patch for kinds without a schema.

upstream: RFC 7386 appendix A; github.com/evanphx/json-patch v5.6.0+incompatible, merge_test.go;
staging/src/k8s.io/apimachinery/pkg/util/jsonmergepatch/patch_test.go, 1.28 (the table beside this file).
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from kubelab.apiserver.patch import merge_patch, three_way
from kubelab.apiserver.patch.errors import PatchError

APPLIED = [
    # document, patch, result; evanphx/json-patch merge_test.go: rfcTests, TestMergePatchNilArray, TestMergePatchNilDoc
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    ({"e": None}, {"a": 1}, {"a": 1, "e": None}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ({"a": [{"b": "c"}]}, {"a": [None, 1]}, {"a": [None, 1]}),
    ({"a": []}, {"a": ["b", None, None, "a"]}, {"a": ["b", None, None, "a"]}),
    ({"title": None}, {"title": {"foo": "bar"}}, {"title": {"foo": "bar"}}),
    ({"a": "x"}, {"a": {"b": None, "c": 1}}, {"a": {"c": 1}}),
]


@pytest.mark.parametrize(("doc", "patch", "result"), APPLIED)
def test_a_patch_gives_the_librarys_document(doc: Any, patch: Any, result: Any) -> None:
    before = copy.deepcopy((doc, patch))
    assert merge_patch.apply(doc, patch) == result
    assert (doc, patch) == before


MADE = [
    # old, new, patch; evanphx/json-patch merge_test.go: TestCreateMergePatch…
    ({"title": "hello", "nested": {"one": 1, "two": 2}}, {"title": "goodbye", "nested": {"one": 1, "two": 2}}, {"title": "goodbye"}),
    ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, {"a": {"c": None}}),
    ({"a": [1, 2]}, {"a": [1]}, {"a": [1]}),
    ({"a": {"b": 1}}, {"a": []}, {"a": []}),
    ({"a": None}, {"a": None}, {}),
    ({"a": 1}, {"a": True}, {"a": True}),
    ({}, {"a": {"b": None}}, {"a": {"b": None}}),
]


@pytest.mark.parametrize(("old", "new", "patch"), MADE)
def test_the_difference_is_the_librarys_patch(old: Any, new: Any, patch: Any) -> None:
    assert merge_patch.diff(old, new) == patch


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        (None, "Invalid JSON Patch"),
        ([], "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}"),
        (1, "error decoding patch: json: cannot unmarshal number into Go value of type map[string]interface {}"),
    ],
)
def test_what_is_no_object_is_no_patch(patch: Any, message: str) -> None:
    with pytest.raises(PatchError) as refused:
        merge_patch.apply({}, patch)
    assert (refused.value.kind, refused.value.message) == ("decode", message)


THREE_WAY = [json.loads(line) for line in Path(__file__).with_name("merge_three_way.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("row", THREE_WAY, ids=lambda row: row["description"])
def test_apply_makes_upstreams_three_way_patch(row: dict[str, Any]) -> None:
    original, modified, current = (row.get(name) or {} for name in ("original", "modified", "current"))
    patch = three_way.patch(original, modified, current, None)
    assert patch == (row.get("threeWay") or {})
    assert merge_patch.apply(current, patch) == (row.get("result") or {})
