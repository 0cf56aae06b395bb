"""Whatever two objects are, the patch made from them makes one of the other, and nothing is changed in place."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kubelab.apiserver.patch import merge_patch, strategic_merge, three_way
from tests.unit.apiserver_patch import merge_item

MERGE_ITEM = merge_item.MERGE_ITEM

WORDS = st.sampled_from(["a", "b", "c", "d"])
NUMBERS = st.lists(st.integers(0, 5), unique=True, min_size=1, max_size=4)


def items(below: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    fields = {
        "value": WORDS,
        "simpleMap": st.dictionaries(WORDS, WORDS, max_size=3),
        "mergingIntList": NUMBERS,
        "nonMergingIntList": st.lists(st.integers(0, 3), max_size=3),
        "mergingList": st.lists(below, unique_by=lambda item: item["name"], min_size=1, max_size=3),
        "nonMergingList": st.lists(below, max_size=2),
        "retainKeysMap": st.fixed_dictionaries({}, optional={"name": WORDS, "value": WORDS, "other": WORDS}),
    }
    return st.fixed_dictionaries({"name": WORDS}, optional=fields)


ITEMS = items(items(st.fixed_dictionaries({"name": WORDS}, optional={"value": WORDS})))
SETTINGS = settings(max_examples=150, deadline=None)


@given(ITEMS, ITEMS)
@SETTINGS
def test_a_strategic_patch_makes_the_modified_object(original: Any, modified: Any) -> None:
    before = copy.deepcopy((original, modified))
    patch = strategic_merge.diff(original, modified, MERGE_ITEM)
    assert strategic_merge.apply(original, patch, MERGE_ITEM) == modified
    assert (original, modified) == before


@given(ITEMS, ITEMS, ITEMS)
@SETTINGS
def test_a_three_way_patch_leaves_what_only_the_server_has(original: Any, modified: Any, current: Any) -> None:
    before = copy.deepcopy((original, modified, current))
    patch = three_way.patch(original, modified, current, MERGE_ITEM)
    result = strategic_merge.apply(current, patch, MERGE_ITEM)
    for name in ("name", "value"):
        wanted = modified.get(name, None if name in original else current.get(name))
        assert result.get(name) == wanted
    assert {**current.get("simpleMap", {}), **modified.get("simpleMap", {})}.items() >= result.get("simpleMap", {}).items()
    assert (original, modified, current) == before


@given(ITEMS, ITEMS)
@SETTINGS
def test_a_merge_patch_makes_the_modified_object(old: Any, new: Any) -> None:
    before = copy.deepcopy((old, new))
    assert merge_patch.apply(old, merge_patch.diff(old, new)) == new
    assert (old, new) == before
