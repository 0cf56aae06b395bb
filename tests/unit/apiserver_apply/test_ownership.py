"""Who owns what after a series of applies and updates, by structured-merge-diff's own rows.

upstream: sigs.k8s.io/structured-merge-diff/v4/merge/*_test.go, 4.2.3 (the tables beside this file).
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from kubelab.apiserver.apply.conflicts import Conflicts
from kubelab.apiserver.apply.entries import Entry, Managed, applier, updater
from kubelab.apiserver.apply.field_set import EMPTY, encode, from_paths
from kubelab.apiserver.apply.ownership import Write, after_apply, after_update
from kubelab.apiserver.apply.shapes import Shape
from kubelab.apiserver.apply.typed import TypedError, compare
from kubelab.apiserver.apply.validate import check
from tests.unit.apiserver_apply import smd_types

SHAPES = smd_types.shapes("ownership_types.json")
ROWS = [json.loads(line) for line in Path(__file__).with_name("ownership.jsonl").read_text().splitlines()]
Row = dict[str, Any]


def write_of(row: Row, operation: Row) -> Write:
    ignored = row.get("ignored", {}).get(operation["version"])
    reset = from_paths(map(tuple, ignored)) if ignored else EMPTY
    return Write(SHAPES[row["parser"]], operation["version"], "2026-01-01T00:00:00Z", reset, None)


def done(row: Row, operation: Row, live: Any, managed: Managed) -> tuple[Any, Managed]:
    step = write_of(row, operation)
    name, version, obj = operation["manager"], operation["version"], operation["object"]
    check(step.shape, obj)
    if operation["op"] == "Update":
        return obj, after_update(step, managed, live, obj, updater(name, version, ""))
    force = operation["op"] == "ForceApply"
    return after_apply(step, managed, live, obj, applier(name, version, ""), force=force)


def owned(managed: Managed) -> dict[str, Any]:
    return {entry.manager.name: {"version": entry.manager.api_version, "fields": encode(entry.fields)} for entry in managed.values()}


def expected(row: Row) -> dict[str, Any]:
    wanted = row["managed"] or {}
    return {
        name: {"version": entry["version"], "fields": encode(from_paths(map(tuple, entry["paths"])))}
        for name, entry in wanted.items()
        if entry["paths"]
    }


def without_nulls(value: Any) -> Any:
    """Upstream leaves null where a container lost everything; here it goes, as decoding a typed object drops it."""
    if isinstance(value, dict):
        return {key: without_nulls(member) for key, member in value.items() if member is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['file']}-{row['name']}")
def test_a_series_of_writes_leaves_upstreams_object_and_owners(row: Row) -> None:
    live: Any = {}
    managed: Managed = {}
    before = copy.deepcopy(row)
    for operation in row["ops"]:
        if "conflicts" in operation:
            with pytest.raises(Conflicts) as refused:
                done(row, operation, live, managed)
            found = [[conflict.manager.name, list(conflict.path)] for conflict in refused.value.conflicts]
            assert sorted(found) == sorted(operation["conflicts"])
        else:
            live, managed = done(row, operation, live, managed)
    if "object" in row:
        assert compare(SHAPES[row["parser"]], without_nulls(row["object"]) or {}, without_nulls(live)).same
    if row["managed"] is not None:
        assert owned(managed) == expected(row)
    assert row == before


def keyed(*keys: str) -> Shape:
    text = Shape("scalar", scalar="string")
    item = Shape("struct", fields={"name": text, "value": text})
    return Shape("struct", fields={"list": Shape("list", items=item, keys=keys)})


INVALID = [
    # object, message; upstream: typed/validate.go, typed/helpers.go
    ({"list": [{"name": "a"}, {"name": "a"}]}, '.list: duplicate entries for key [name="a"]'),
    (
        {"list": [{"value": "a"}]},
        '.list: element 0: associative list with keys has an element that omits key field "name" (and doesn\'t have default value)',
    ),
    ({"list": [None]}, ".list: element 0: associative list with keys may not have a null element"),
    ({"list": ["a"]}, ".list: element 0: associative list with keys may not have non-map elements"),
    ({"list": "a"}, ".list: expected list, got &{a}"),
    ({"lost": 1}, ".lost: field not declared in schema"),
    (
        {"list": [{"name": "a", "value": 1}, {"name": "b", "value": []}]},
        'errors:\n  .list[name="a"].value: expected string, got &value.valueUnstructured{Value:1}\n'
        '  .list[name="b"].value: expected string, got &value.valueUnstructured{Value:[]interface {}{}}',
    ),
]


@pytest.mark.parametrize(("obj", "message"), INVALID)
def test_an_object_outside_its_schema_is_refused_in_upstreams_words(obj: Any, message: str) -> None:
    with pytest.raises(TypedError) as refused:
        check(keyed("name"), obj)
    assert str(refused.value) == message


TEXT = Shape("scalar", scalar="string")
V1 = Shape("struct", fields={"apiVersion": TEXT, "name": TEXT, "size": TEXT, "other": TEXT})
V2 = Shape("struct", fields={"apiVersion": TEXT, "name": TEXT, "length": TEXT, "other": TEXT})


def renamed(obj: Any, version: str) -> Any:
    """Two versions of a type: what v1 calls ``size`` is v2's ``length``; v3 is gone."""
    if version == "v3":
        return None
    new, old = ("length", "size") if version == "v2" else ("size", "length")
    converted = {new if key == old else key: value for key, value in obj.items()}
    return {**converted, "apiVersion": version}, V2 if version == "v2" else V1


def at(version: str) -> Write:
    return Write(V2 if version == "v2" else V1, version, "T", EMPTY, renamed)


def test_owners_of_another_version_meet_in_their_own_field_names() -> None:
    live, managed = after_apply(at("v1"), {}, {}, {"apiVersion": "v1", "size": "1", "other": "x"}, applier("one", "v1", ""), force=False)
    at_v2 = {"apiVersion": "v2", "length": "1", "other": "x"}
    with pytest.raises(Conflicts) as refused:
        after_apply(at("v2"), managed, at_v2, {"apiVersion": "v2", "length": "2"}, applier("two", "v2", ""), force=False)
    assert [conflict.field for conflict in refused.value.conflicts] == [".size"]
    live, managed = after_apply(at("v2"), managed, at_v2, {"apiVersion": "v2", "length": "1"}, applier("two", "v2", ""), force=False)
    assert live is at_v2
    live, managed = after_apply(at("v2"), managed, at_v2, {"apiVersion": "v2", "name": "n"}, applier("one", "v2", ""), force=False)
    assert live == {"apiVersion": "v2", "length": "1", "name": "n"}
    assert {entry.manager.name: encode(entry.fields) for entry in managed.values()} == {
        "one": {"f:name": {}},
        "two": {"f:length": {}},
    }


def test_managers_of_a_version_that_is_gone_vanish() -> None:
    old = applier("old", "v3", "")
    gone = {old.identifier: Entry(old, from_paths([("f:size",)]), "T")}
    after = after_update(at("v1"), gone, {"apiVersion": "v1"}, {"apiVersion": "v1", "name": "n"}, updater("u", "v1", ""))
    assert [entry.manager.name for entry in after.values()] == ["u"]
