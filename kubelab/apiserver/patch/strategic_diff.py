"""Making a strategic merge patch: the difference of two documents, with deletions, additions or both.

upstream: diffMaps and below in staging/src/k8s.io/apimachinery/pkg/util/strategicpatch/patch.go, 1.28. Spec: apimachinery, section 5.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from kubelab.apiserver.apply.shapes import Shape
from kubelab.apiserver.patch.element_order import DELETE, DIRECTIVE, check_merge_keys, element_type, in_order
from kubelab.apiserver.patch.errors import PatchError, go_type, go_value
from kubelab.apiserver.patch.json_patch import same
from kubelab.apiserver.patch.lookup import PatchMeta, list_meta, map_meta

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DiffOptions:
    """What goes into the patch: changes and additions, deletions, the order of merged lists, ``$retainKeys`` of the map at hand."""

    changes: bool = True
    deletions: bool = True
    element_order: bool = True
    retain_keys: bool = False


TWO_WAY = DiffOptions()
ADDITIONS = DiffOptions(deletions=False)
DELETIONS = DiffOptions(changes=False)
CHANGES_SINCE = DiffOptions(element_order=False)


def diff_maps(original: Object, modified: Object, shape: Shape, options: DiffOptions) -> Object:
    """The patch from ``original`` to ``modified``; empty if there is nothing to say."""
    patch: Object = {}
    for key, value in modified.items():
        if key not in original:
            if options.changes:
                patch[key] = value
        elif original[key] is value:
            continue
        elif key == DIRECTIVE:
            _diff_directive(original[key], value, patch)
        elif go_type(original[key]) != go_type(value):
            if options.changes:
                patch[key] = value
        elif isinstance(value, dict):
            _diff_member_map(key, original[key], value, patch, shape, options)
        elif isinstance(value, list):
            _diff_member_list(key, original[key], value, patch, shape, options)
        elif options.changes and not same(original[key], value):
            patch[key] = value
    if options.deletions:
        patch.update({key: None for key in original if key not in modified})
    retained = [key for key, value in modified.items() if value is not None] if options.retain_keys else []
    if retained and (patch or any(value is not None and key not in modified for key, value in original.items())):
        patch["$retainKeys"] = sorted(retained)
    return patch


def _diff_directive(original: Any, modified: Any, patch: Object) -> None:
    if not isinstance(original, str) or not isinstance(modified, str):
        raise PatchError("internal", f"invalid value for special key: {DIRECTIVE}")
    if original != modified:
        patch[DIRECTIVE] = modified


def _diff_member_map(key: str, original: Object, modified: Object, patch: Object, shape: Shape, options: DiffOptions) -> None:
    try:
        meta = map_meta(shape, key)
    except PatchError:
        if same(original, modified):
            return
        raise
    if meta.strategy == "replace":
        if options.changes:
            patch[key] = modified
        return
    inner = diff_maps(original, modified, meta.shape, replace(options, retain_keys=meta.retain_keys))
    if inner:
        patch[key] = inner


def _diff_member_list(key: str, original: list[Any], modified: list[Any], patch: Object, shape: Shape, options: DiffOptions) -> None:
    try:
        meta = list_meta(shape, key)
    except PatchError:
        if same(original, modified):
            return
        raise
    if meta.strategy != "merge":
        if options.changes and not same(original, modified):
            patch[key] = modified
        return
    additions, deletions, order = _diff_lists(original, modified, meta, replace(options, retain_keys=meta.retain_keys))
    if additions:
        patch[key] = additions
    if deletions:
        patch[f"$deleteFromPrimitiveList/{key}"] = deletions
    if order:
        patch[f"$setElementOrder/{key}"] = order


def _diff_lists(original: list[Any], modified: list[Any], meta: PatchMeta, options: DiffOptions) -> tuple[list[Any], list[Any], list[Any]]:
    """What to add or change, what to delete from a list of scalars, and the order to ask for."""
    if not original:
        return (modified if options.changes else [], [], [])
    if element_type(original, modified) == "map[string]interface {}":
        return _diff_lists_of_maps(original, modified, meta, options)
    additions, deletions, original = _diff_lists_of_scalars(original, modified, options)
    additions = in_order(additions, modified, meta.merge_key, maps=False)
    changed = (options.deletions and deletions) or (options.changes and not same(original, modified))
    return additions, deletions, modified if options.element_order and changed else []


def _diff_lists_of_maps(
    original: list[Any], modified: list[Any], meta: PatchMeta, options: DiffOptions
) -> tuple[list[Any], list[Any], list[Any]]:
    key = meta.merge_key
    check_merge_keys(key, original, modified)
    changes, deletions = _compared_items(_by_key(original, key), _by_key(modified, key), meta, options)
    changes = in_order(changes, modified, key, maps=True)
    order_same = len(original) == len(modified) and all(same(old[key], new[key]) for old, new in zip(original, modified, strict=True))
    changes = changes + deletions
    wanted = (options.changes and (changes or not order_same)) or (options.deletions and changes)
    order = [{key: item[key]} for item in modified] if options.element_order and wanted else []
    return changes, [], order


def _by_key(items: list[Any], key: str) -> list[Any]:
    """In the order of the keys; of items with one key the last comes first, as upstream's sort has it (SortableSliceOfMaps)."""
    last_first = items[::-1]
    last_first.sort(key=lambda item: str(go_value(item[key])))
    return last_first


def _compared_items(original: list[Any], modified: list[Any], meta: PatchMeta, options: DiffOptions) -> tuple[list[Any], list[Any]]:
    """Walk both lists, sorted by merge key, side by side."""
    key = meta.merge_key
    changes: list[Any] = []
    deletions: list[Any] = []
    left, right = 0, 0
    while left < len(original) or right < len(modified):
        old = go_value(original[left][key]) if left < len(original) else None
        new = go_value(modified[right][key]) if right < len(modified) else None
        if old is not None and old == new:
            inner = diff_maps(original[left], modified[right], meta.shape, options)
            if inner:
                changes.append({**inner, key: modified[right][key]})
            left, right = left + 1, right + 1
        elif old is None or (new is not None and old > new):
            if options.changes:
                changes.append(modified[right])
            right += 1
        else:
            if options.deletions:
                deletions.append({key: original[left][key], DIRECTIVE: DELETE})
            left += 1
    return changes, deletions


def _diff_lists_of_scalars(original: list[Any], modified: list[Any], options: DiffOptions) -> tuple[list[Any], list[Any], list[Any]]:
    """Additions, deletions, and ``original`` sorted, which is what upstream compares with ``modified`` afterwards."""
    original, ordered = sorted(original, key=go_value), sorted(modified, key=go_value)
    additions: list[Any] = []
    deletions: list[Any] = []
    left, right = 0, 0
    while left < len(original) or right < len(ordered):
        old = go_value(original[left]) if left < len(original) else None
        new = go_value(ordered[right]) if right < len(ordered) else None
        if old is not None and old == new:
            left, right = left + 1, right + 1
        elif old is None or (new is not None and old > new):
            if options.changes:
                additions.append(ordered[right])
            right += 1
        else:
            if options.deletions and not any(same(original[left], gone) for gone in deletions):
                deletions.append(original[left])
            left += 1
    return additions, deletions, original
