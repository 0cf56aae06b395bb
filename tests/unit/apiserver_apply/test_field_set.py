"""Sets of field paths: their algebra against plain sets of paths, FieldsV1 there and back, the order and the names of path elements.

upstream: sigs.k8s.io/structured-merge-diff/v4/fieldpath/{set,element,serialize-pe,serialize}_test.go, 4.2.3.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubelab.apiserver.apply.field_set import (
    FieldsError,
    FieldSet,
    decode,
    difference,
    encode,
    from_paths,
    has,
    intersection,
    key_element,
    path_text,
    paths,
    recursive_difference,
    union,
    value_element,
)

ELEMENTS = st.sampled_from(["f:a", "f:b", "f:c", 'k:{"name":"x"}', 'v:"s"', "i:1"])
PATHS = st.lists(st.lists(ELEMENTS, min_size=1, max_size=4).map(tuple), max_size=12)


def members(fields: FieldSet) -> set[tuple[str, ...]]:
    return set(paths(fields))


@given(PATHS, PATHS)
@settings(max_examples=150, deadline=None)
def test_the_algebra_is_that_of_sets_of_paths(left_paths: Any, right_paths: Any) -> None:
    left, right = from_paths(left_paths), from_paths(right_paths)
    mine, theirs = set(left_paths), set(right_paths)
    assert members(left) == mine
    assert members(union(left, right)) == mine | theirs
    assert members(intersection(left, right)) == mine & theirs
    assert members(difference(left, right)) == mine - theirs
    below = {path for path in mine if any(path[: len(other)] == other for other in theirs)}
    assert members(recursive_difference(left, right)) == mine - below
    assert all(has(left, path) is (path in mine) for path in mine | theirs)


@given(PATHS)
@settings(max_examples=80, deadline=None)
def test_fields_come_back_from_their_text(some_paths: Any) -> None:
    fields = from_paths(some_paths)
    assert members(decode(json.loads(json.dumps(encode(fields))))) == set(some_paths)


ORDERED = [
    # upstream: fieldpath/element.go (Compare): names, then keys, then values, then indices
    "f:a",
    "f:b",
    'k:{"name":"a"}',
    'k:{"name":"b"}',
    'k:{"port":9}',
    'k:{"port":80}',
    "v:2",
    "v:10",
    'v:"a"',
    "v:true",
    "i:2",
    "i:10",
]


def test_elements_stand_in_upstreams_order() -> None:
    assert list(encode({element: {} for element in reversed(ORDERED)})) == ORDERED
    assert [path[0] for path in paths({element: {} for element in reversed(ORDERED)})] == ORDERED


def test_members_of_a_level_come_before_what_is_below() -> None:
    fields = from_paths([("f:a", "f:z"), ("f:b",), ("f:a",)])
    assert list(paths(fields)) == [("f:a",), ("f:b",), ("f:a", "f:z")]
    assert encode(fields) == {"f:a": {".": {}, "f:z": {}}, "f:b": {}}


NAMES = [
    (("f:spec", "f:replicas"), ".spec.replicas"),
    (("f:containers", 'k:{"name":"c"}', "f:image"), '.containers[name="c"].image'),
    (("f:ports", 'k:{"port":80,"protocol":"TCP"}'), '.ports[port=80,protocol="TCP"]'),
    (("f:finalizers", 'v:"x/y"'), '.finalizers[="x/y"]'),
    (("f:list", "i:3"), ".list[3]"),
]


@pytest.mark.parametrize(("path", "text"), NAMES)
def test_a_path_reads_as_upstream_writes_it(path: tuple[str, ...], text: str) -> None:
    assert path_text(path) == text


def test_keys_and_values_are_written_as_go_writes_json() -> None:
    assert key_element(("port", "name"), 80, "a<b&c>") == 'k:{"name":"a\\u003cb\\u0026c\\u003e","port":80}'
    assert key_element(("ratio",), 2.0) == 'k:{"ratio":2}'
    assert value_element(True) == "v:true"
    assert value_element(1) == "v:1"
    assert value_element("ü") == 'v:"ü"'


def test_what_a_client_writes_otherwise_is_made_canonical() -> None:
    assert decode({'k:{"b": 1, "a": "x"}': {"f:c": {}}, "v: 1": {}, "x:future": {"f:a": {}}}) == {
        'k:{"a":"x","b":1}': {"f:c": {}},
        "v:1": {},
    }


@pytest.mark.parametrize("fields", [{"f": {}}, {"fa": {}}, {"k:x": {}}, {"v:": {}}, {"i:x": {}}, {"f:a": 1}, []])
def test_what_is_no_set_of_fields_is_refused(fields: Any) -> None:
    with pytest.raises(FieldsError):
        decode(fields)
