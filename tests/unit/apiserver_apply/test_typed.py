"""Merging, comparing, listing and removing fields of typed values, by structured-merge-diff's own rows.

upstream: sigs.k8s.io/structured-merge-diff/v4/typed/{merge,symdiff,toset,remove}_test.go, 4.2.3 (the tables beside this file).
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from kubelab.apiserver.apply.field_set import encode, from_paths
from kubelab.apiserver.apply.typed import compare, field_set, merge, remove_items
from tests.unit.apiserver_apply import smd_types

SHAPES = smd_types.shapes("typed_types.json")
ROWS = [json.loads(line) for line in Path(__file__).with_name("typed.jsonl").read_text().splitlines()]
Row = dict[str, Any]


def of(file: str) -> list[Row]:
    return [row for row in ROWS if row["file"] == file]


def named(row: Row) -> str:
    return f"{row['type']} {json.dumps(row.get('object', [row.get('left'), row.get('right')]))[:80]}"


def fields(paths: list[list[str]]) -> Any:
    return encode(from_paths(map(tuple, paths)))


@pytest.mark.parametrize("row", of("merge_test.go"), ids=named)
def test_merging_keeps_what_is_there_and_orders_as_upstream(row: Row) -> None:
    before = copy.deepcopy(row)
    assert merge(SHAPES[row["type"]], row["left"], row["right"]) == row["merged"]
    assert row == before


@pytest.mark.parametrize("row", of("symdiff_test.go"), ids=named)
def test_a_comparison_names_what_went_changed_and_came(row: Row) -> None:
    shape = SHAPES[row["type"]]
    there, back = compare(shape, row["left"], row["right"]), compare(shape, row["right"], row["left"])
    assert encode(there.removed) == encode(back.added) == fields(row["removed"])
    assert encode(there.modified) == encode(back.modified) == fields(row["modified"])
    assert encode(there.added) == encode(back.removed) == fields(row["added"])


@pytest.mark.parametrize("row", of("toset_test.go"), ids=named)
def test_an_applied_object_owns_its_leaves_and_items(row: Row) -> None:
    assert encode(field_set(SHAPES[row["type"]], row["object"])) == fields(row["set"])


@pytest.mark.parametrize("row", of("remove_test.go"), ids=named)
def test_removing_fields_leaves_the_rest(row: Row) -> None:
    before = copy.deepcopy(row["object"])
    assert remove_items(SHAPES[row["type"]], row["object"], from_paths(map(tuple, row["set"]))) == row["left"]
    assert row["object"] == before
