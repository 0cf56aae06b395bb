"""The order of merged lists: what a patch orders comes as it says, what only the server knows keeps its place as well as it can.

upstream: normalizeElementOrder, mergeSortedSlice, normalizeSliceOrder and partition…ByPresentInList in
staging/src/k8s.io/apimachinery/pkg/util/strategicpatch/patch.go, 1.28. Spec: apimachinery, section 5.
"""

from __future__ import annotations

from typing import Any

from kubelab.apiserver.patch.errors import NO_LIST_OF_LISTS, PatchError, bad_argument, go_type, go_value, no_merge_key

DIRECTIVE = "$patch"
DELETE = "delete"

Identity = tuple[type, Any]


def arranged(
    patch: list[Any], server_only: list[Any], patch_order: list[Any], server_order: list[Any], key: str, *, maps: bool
) -> list[Any]:
    """``patch`` by ``patch_order`` and ``server_only`` by ``server_order``, interleaved by ``server_order`` where that knows both."""
    patch = in_order(patch, patch_order, key, maps=maps)
    server_only = in_order(server_only, server_order, key, maps=maps)
    places = _places(server_order, key, maps=maps)
    merged: list[Any] = []
    left, right = 0, 0
    while left < len(server_only) and right < len(patch):
        left_place = places.get(identity(server_only[left], key, maps=maps))
        right_place = places.get(identity(patch[right], key, maps=maps))
        if left_place is not None and right_place is not None and left_place < right_place:
            merged.append(server_only[left])
            left += 1
        else:
            merged.append(patch[right])
            right += 1
    return merged + server_only[left:] + patch[right:]


def in_order(items: list[Any], order: list[Any], key: str, *, maps: bool) -> list[Any]:
    """``items`` as they stand in ``order``; deletions last."""
    deletions: list[Any] = []
    if maps:
        check_merge_keys(key, items, order)
        items, deletions = split_deletions(items)
    places = _places(order, key, maps=maps)
    found = [places.get(identity(item, key, maps=maps)) for item in items]
    if None not in found:
        ranked = sorted(range(len(items)), key=lambda index: found[index] or 0)
        return [items[index] for index in ranked] + deletions
    return _insertion_sorted(items, found) + deletions


def _insertion_sorted(items: list[Any], places: list[int | None]) -> list[Any]:
    """Upstream's sort where the order does not know every item: a stranger counts as less than anything before it."""
    pairs = list(zip(places, items, strict=True))
    for start in range(1, len(pairs)):
        at = start
        while at > 0 and _less(pairs[at][0], pairs[at - 1][0]):
            pairs[at], pairs[at - 1] = pairs[at - 1], pairs[at]
            at -= 1
    return [item for _, item in pairs]


def _less(left: int | None, right: int | None) -> bool:
    return left is None or right is None or left < right


def identity(item: Any, key: str, *, maps: bool) -> Identity:
    """What makes two list items the same: the value under the merge key, or a scalar itself; types are kept apart."""
    value = item.get(key) if maps and isinstance(item, dict) else item
    if isinstance(value, (dict, list)):
        return (type(value), go_value(value))
    return (type(value), value)


def _places(order: list[Any], key: str, *, maps: bool) -> dict[Identity, int]:
    places: dict[Identity, int] = {}
    for index, item in enumerate(order):
        places.setdefault(identity(item, key, maps=maps), index)
    return places


def check_merge_keys(key: str, *lists: list[Any]) -> None:
    for items in lists:
        for item in items:
            if not isinstance(item, dict):
                raise bad_argument({}, item)
            if key not in item:
                raise no_merge_key(item, key)


def split_deletions(items: list[Any]) -> tuple[list[Any], list[Any]]:
    """The items to keep, and those marked ``$patch: delete``."""
    keep: list[Any] = []
    deletions: list[Any] = []
    for item in items:
        if not isinstance(item, dict):
            raise bad_argument({}, item)
        (deletions if item.get(DIRECTIVE) == DELETE else keep).append(item)
    return keep, deletions


def split_by_presence(items: list[Any], order: list[Any], key: str) -> tuple[list[Any], list[Any]]:
    """The items that ``order`` names, and the rest; by merge key, or by value where ``key`` is empty."""
    maps = bool(key)
    if maps:
        check_merge_keys(key, items)
        for index, item in enumerate(order):
            if not isinstance(item, dict):
                raise PatchError("internal", f"value for key {index} is not a map")
    named = {identity(item, key, maps=maps) for item in order if not maps or key in item}
    inside = [item for item in items if identity(item, key, maps=maps) in named]
    outside = [item for item in items if identity(item, key, maps=maps) not in named]
    return inside, outside


def element_type(*lists: list[Any]) -> str:
    """Go's name for the one type of all elements; refuses mixed lists, lists of lists and emptiness."""
    types = [go_type(item) for items in lists for item in items]
    if not types:
        raise PatchError("internal", "no elements in any of the given slices")
    if types[0] == "[]interface {}":
        raise PatchError("apply", NO_LIST_OF_LISTS)
    if any(other != types[0] for other in types):
        shown = " ".join(go_value(items) for items in lists)
        raise PatchError("internal", f"list element types are not identical: [{shown}]")
    return types[0]
