"""Whether two patches contradict each other.

upstream: MergingMapsHaveConflicts in staging/src/k8s.io/apimachinery/pkg/util/strategicpatch/patch.go and HasConflicts in
staging/src/k8s.io/apimachinery/pkg/util/mergepatch/util.go, 1.28.
"""

from __future__ import annotations

from typing import Any

from kubelab.apiserver.apply.shapes import Shape
from kubelab.apiserver.patch.element_order import DIRECTIVE, element_type
from kubelab.apiserver.patch.errors import go_value
from kubelab.apiserver.patch.json_patch import same
from kubelab.apiserver.patch.lookup import list_meta, map_meta

Object = dict[str, Any]


def values_conflict(left: Any, right: Any) -> bool:
    """Of two merge patches: different values for one key."""
    if isinstance(left, dict):
        return not isinstance(right, dict) or any(key in right and values_conflict(value, right[key]) for key, value in left.items())
    if isinstance(left, list):
        return not isinstance(right, list) or len(left) != len(right) or any(map(values_conflict, left, right))
    return not same(left, right)


def maps_conflict(left: Object, right: Object, shape: Shape) -> bool:
    """Of two strategic merge patches: different values for one key, or for one item of a keyed list."""
    return any(
        _members_conflict(key, value, right[key], shape)
        for key, value in left.items()
        if key in right and key not in (DIRECTIVE, "$retainKeys")
    )


def _members_conflict(key: str, left: Any, right: Any, shape: Shape) -> bool:
    if isinstance(left, dict):
        meta = map_meta(shape, key)
        return _maps_with_directives_conflict(left, right, meta.shape, meta.strategy)
    if isinstance(left, list):
        if key.startswith("$"):
            return not same(left, right)
        meta = list_meta(shape, key)
        return not isinstance(right, list) or _lists_conflict(left, right, meta.shape, meta.strategy, meta.merge_key)
    return not same(left, right)


def _maps_with_directives_conflict(left: Object, right: Any, shape: Shape, strategy: str) -> bool:
    if not isinstance(right, dict):
        return True
    if (DIRECTIVE in left) is not (DIRECTIVE in right) or left.get(DIRECTIVE) != right.get(DIRECTIVE):
        return True
    return strategy != "replace" and maps_conflict(left, right, shape)


def _lists_conflict(left: list[Any], right: list[Any], shape: Shape, strategy: str, key: str) -> bool:
    maps = element_type(left, right) == "map[string]interface {}"
    if strategy == "merge":
        if not maps:
            return False
        others = {go_value(item[key]): item for item in right}
        pairs = ((item, others.get(go_value(item[key]))) for item in left)
        return any(other is not None and _maps_with_directives_conflict(item, other, shape, "") for item, other in pairs)
    if len(left) != len(right):
        return True
    if not maps:
        return sorted(left, key=go_value) != sorted(right, key=go_value)
    return any(_maps_with_directives_conflict(item, other, shape, "") for item, other in zip(left, right, strict=True))
