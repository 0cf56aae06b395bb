"""The type that upstream's strategic-merge tests patch, as a shape; the sorting that some of its rows ask for; and the rows themselves.

upstream: MergeItem and sortMergeListsByName in staging/src/k8s.io/apimachinery/pkg/util/strategicpatch/patch_test.go and patch.go, 1.28.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kubelab.apiserver.apply.shapes import Shape
from kubelab.apiserver.patch.errors import go_value
from kubelab.apiserver.patch.lookup import list_meta, map_meta

Object = dict[str, Any]

TEXT = Shape("scalar", scalar="string")
NUMBER = Shape("scalar", scalar="numeric")
ANYTHING = Shape("any", name="RawExtension", atomic=True, strategies=("replace",))


def _list(items: Shape, *strategies: str, key: str = "") -> Shape:
    return Shape("list", items=items, strategies=strategies, merge_key=key, atomic=not strategies)


def _merge_item() -> Shape:
    fields: dict[str, Shape] = dict.fromkeys(("name", "value", "other"), TEXT)
    item = Shape("struct", name="MergeItem", fields=fields)
    retained_fields: dict[str, Shape] = dict.fromkeys(("name", "value", "other"), TEXT)
    for target in (fields, retained_fields):
        target["simpleMap"] = Shape("map", items=TEXT)
        target["mergingIntList"] = _list(NUMBER, "merge")
        target["mergingList"] = _list(item, "merge", key="name")
        target["nonMergingList"] = _list(item)
    fields["nonMergingIntList"] = _list(NUMBER)
    fields["mergeItemPtr"] = Shape("struct", name="MergeItem", fields=fields, strategies=("merge",), merge_key="name")
    fields["replacingItem"] = ANYTHING
    fields["retainKeysMap"] = Shape("struct", name="RetainKeysMergeItem", fields=retained_fields, strategies=("retainKeys",))
    fields["retainKeysMergingList"] = _list(item, "merge", "retainKeys", key="name")
    return item


MERGE_ITEM = _merge_item()


def rows(name: str, *groups: str) -> list[Object]:
    """The rows of a table beside this module, of some groups or of all."""
    lines = Path(__file__).with_name(f"{name}.jsonl").read_text().splitlines()
    return [row for row in map(json.loads, lines) if not groups or row["group"] in groups]


def sorted_lists(obj: Object, shape: Shape = MERGE_ITEM) -> Object:
    """``obj`` with its merging lists sorted by merge key, at every depth."""
    return {key: _sorted_member(key, value, shape) for key, value in obj.items()}


def _sorted_member(key: str, value: Any, shape: Shape) -> Any:
    if key == "$retainKeys" or key.startswith("$deleteFromPrimitiveList"):
        return sorted(value, key=go_value)
    if key.startswith("$"):
        return value
    if isinstance(value, dict):
        return sorted_lists(value, map_meta(shape, key).shape)
    if isinstance(value, list) and value:
        meta = list_meta(shape, key)
        if meta.strategy == "merge" and isinstance(value[0], dict):
            items = [sorted_lists(item, meta.shape) for item in value]
            return sorted(items, key=lambda item: go_value(item.get(meta.merge_key)))
        if meta.strategy == "merge":
            return sorted({go_value(item): item for item in value}.values(), key=go_value)
    return value
