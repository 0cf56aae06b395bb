"""Strategic merge patch: a merge patch that knows, from the schema, which lists merge by a key.

upstream: staging/src/k8s.io/apimachinery/pkg/util/strategicpatch/patch.go (mergeMap and below), 1.28. Spec: apimachinery, section 5.

Directives: ``$patch: delete|replace|merge``, ``$retainKeys``, ``$deleteFromPrimitiveList/⟨list⟩``, ``$setElementOrder/⟨list⟩``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kubelab.apiserver.apply.shapes import Shape, Source, shape_of
from kubelab.apiserver.patch import strategic_diff
from kubelab.apiserver.patch.element_order import (
    DELETE,
    DIRECTIVE,
    arranged,
    element_type,
    identity,
    split_by_presence,
    split_deletions,
)
from kubelab.apiserver.patch.errors import (
    BAD_PRIMITIVE_LIST,
    BAD_RETAIN_KEYS,
    BAD_SET_ELEMENT_ORDER,
    UNSUPPORTED_FORMAT,
    PatchError,
    bad_argument,
    bad_patch_type,
    go_type,
    go_value,
    no_merge_key,
)
from kubelab.apiserver.patch.json_patch import same
from kubelab.apiserver.patch.lookup import list_meta, map_meta
from kubelab.apiserver.patch.merge_patch import without_nulls

Object = dict[str, Any]

REPLACE = "replace"
MERGE = "merge"
RETAIN_KEYS = "$retainKeys"
DELETE_FROM_PRIMITIVE_LIST = "$deleteFromPrimitiveList"
SET_ELEMENT_ORDER = "$setElementOrder"
_SCALARS = frozenset((str, bool, int, float))


@dataclass(frozen=True, slots=True)
class Options:
    """How two maps merge: a patch into an object (both true), or a patch into another patch (both false).

    ``parallel_lists``: the parallel lists (``$…/list``) are carried out; else they are kept in the result.
    ``drop_nulls``: a null that removes nothing vanishes; else it stays in the result.
    """

    parallel_lists: bool
    drop_nulls: bool


INTO_OBJECT = Options(parallel_lists=True, drop_nulls=True)
INTO_PATCH = Options(parallel_lists=False, drop_nulls=False)


def apply(doc: Object, patch: Any, struct: Source | None) -> Object:
    """``doc`` with the strategic merge patch applied. Neither argument is changed; untouched parts are shared.

    Raises PatchError: ``decode`` for a patch of the wrong format, ``apply`` for lists of lists, ``internal`` for all that upstream
    answers without a reason; without a schema the format is not supported.
    """
    if struct is None:
        raise PatchError("decode", UNSUPPORTED_FORMAT)
    if patch is None:
        patch = {}
    if not isinstance(patch, dict):
        kind = {bool: "bool", int: "number", float: "number", str: "string", list: "array"}[type(patch)]
        raise PatchError("decode", f"json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}")
    return merge_map(doc, patch, shape_of(struct), INTO_OBJECT)


def diff(original: Object, modified: Object, struct: Source) -> Object:
    """The strategic merge patch that makes ``modified`` of ``original``."""
    return strategic_diff.diff_maps(original, modified, shape_of(struct), strategic_diff.TWO_WAY)


def merge_map(original: Object, patch: Object, shape: Shape, options: Options) -> Object:
    """``original`` with ``patch`` merged in, as new values."""
    if not _has_directives(patch):
        merged = dict(original)
        for key, value in patch.items():
            _merge_member(merged, key, value, shape, options, is_deletion_list=False)
        return merged
    if DIRECTIVE in patch:
        return _by_directive(patch)
    merged, patch = dict(original), dict(patch)
    _retain_keys(merged, patch, options)
    _merge_ordered_lists(merged, patch, shape, options)
    for key, value in patch.items():
        is_deletion_list = key.startswith(DELETE_FROM_PRIMITIVE_LIST)
        if is_deletion_list and not options.parallel_lists:
            merged[key] = value
            continue
        name = _list_name(key, DELETE_FROM_PRIMITIVE_LIST) if is_deletion_list else key
        _merge_member(merged, name, value, shape, options, is_deletion_list=is_deletion_list)
    return merged


def _has_directives(patch: Object) -> bool:
    for key in patch:
        if key[:1] == "$":
            return True
    return False


def _merge_member(merged: Object, key: str, value: Any, shape: Shape, options: Options, *, is_deletion_list: bool) -> None:
    """Merge one member of a patch, in place on the private map ``merged``."""
    if type(value) in _SCALARS and not is_deletion_list:
        merged[key] = value
        return
    if value is None:
        merged.pop(key, None)
        if options.drop_nulls:
            return
    if key not in merged or go_type(merged[key]) != go_type(value):
        if not is_deletion_list:
            _take(merged, key, without_nulls(value) if options.drop_nulls else value)
        return
    if isinstance(value, dict):
        meta = map_meta(shape, key)
        merged[key] = value if meta.strategy == REPLACE else merge_map(merged[key], value, meta.shape, options)
    elif isinstance(value, list):
        meta = list_meta(shape, key)
        if meta.strategy == MERGE or is_deletion_list:
            merged[key] = _merge_list(
                merged[key], value, meta.shape, meta.merge_key, options, is_deletion_list=is_deletion_list, owner=shape
            )
        else:
            merged[key] = value
    else:
        _take(merged, key, value)


def _take(merged: Object, key: str, value: Any) -> None:
    kept, value = without_directives(value)
    if kept:
        merged[key] = value
    else:
        merged.pop(key, None)


def without_directives(value: Any) -> tuple[bool, Any]:
    """Whether the value is to be kept at all, and the value without the maps that are only directives."""
    if isinstance(value, dict):
        if DIRECTIVE in value:
            return False, None
        members = ((key, without_directives(member)) for key, member in value.items())
        return True, {key: member for key, (kept, member) in members if kept}
    if isinstance(value, list):
        return True, [item for kept, item in map(without_directives, value) if kept]
    return True, value


def _by_directive(patch: Object) -> Object:
    directive = patch[DIRECTIVE]
    if directive == REPLACE:
        return {key: value for key, value in patch.items() if key != DIRECTIVE}
    if directive == DELETE:
        return {}
    raise bad_patch_type(directive, patch)


def _retain_keys(merged: Object, patch: Object, options: Options) -> None:
    """Carry out ``$retainKeys``, in place on the two private maps: whatever it does not name goes."""
    if RETAIN_KEYS not in patch:
        return
    retained = patch.pop(RETAIN_KEYS)
    if not options.parallel_lists:
        if RETAIN_KEYS in merged and not same(merged[RETAIN_KEYS], retained):
            shown = f"{go_value(merged[RETAIN_KEYS])} and {go_value(retained)}"
            raise PatchError("internal", f"{shown} are not deep equal: this may happen when calculating the 3-way diff patch")
        merged.setdefault(RETAIN_KEYS, retained)
        return
    if not isinstance(retained, list):
        raise PatchError("decode", BAD_RETAIN_KEYS)
    for key, value in patch.items():
        parallel = key.startswith((DELETE_FROM_PRIMITIVE_LIST, SET_ELEMENT_ORDER))
        if value is not None and not parallel and key not in retained:
            raise PatchError("decode", BAD_RETAIN_KEYS)
    for key in [key for key in merged if key not in retained]:
        del merged[key]


def _merge_ordered_lists(merged: Object, patch: Object, shape: Shape, options: Options) -> None:
    """Merge every list that has a ``$setElementOrder``, in place on the two private maps; what is done leaves the patch."""
    for key in [key for key in patch if key.startswith(SET_ELEMENT_ORDER)]:
        order = patch.pop(key)
        if not options.parallel_lists:
            if key in merged and not same(merged[key], order):
                raise PatchError("decode", BAD_SET_ELEMENT_ORDER)
            merged.setdefault(key, order)
        if not isinstance(order, list):
            raise bad_argument([], order)
        _merge_ordered_list(merged, patch, _list_name(key, SET_ELEMENT_ORDER), order, shape, options)


def _merge_ordered_list(merged: Object, patch: Object, name: str, order: list[Any], shape: Shape, options: Options) -> None:
    complete = _merge_completely_ordered(merged.get(name), patch.get(name), order, shape, name, options)
    if complete is not None:
        merged[name] = complete
        del patch[name]
        return
    in_original, in_patch = name in merged, name in patch
    original_items, patch_items = merged.get(name), patch.get(name)
    for present, items in ((in_original, original_items), (in_patch, patch_items)):
        if present and not isinstance(items, list):
            raise bad_argument([], items)
    original_items, patch_items = original_items or [], patch_items or []
    meta = list_meta(shape, name)
    _check_order(patch_items, order, meta.merge_key)
    if not in_original and not in_patch:
        return
    if not in_patch:
        items = original_items
    elif not in_original:
        items = without_directives(patch_items)[1]
    elif meta.strategy == MERGE:
        items = _merge_list(original_items, patch_items, meta.shape, meta.merge_key, options, is_deletion_list=False, owner=shape)
    else:
        items = patch_items
    ordered, server_only = split_by_presence(items, order, meta.merge_key)
    maps = element_type(original_items, patch_items) == "map[string]interface {}"
    server_order = _order_after_deletions(original_items, patch_items, meta.merge_key) if maps else original_items
    merged[name] = arranged(ordered, server_only, order, server_order, meta.merge_key, maps=maps)
    patch.pop(name, None)


def _merge_completely_ordered(original: Any, patch: Any, order: list[Any], shape: Shape, name: str, options: Options) -> list[Any] | None:
    """The merged list in the one case that components send: plain items with text keys, all of them in the order; else None."""
    if type(original) is not list or type(patch) is not list or not original or not patch:
        return None
    meta = list_meta(shape, name)
    key = meta.merge_key
    if not key or meta.strategy != MERGE:
        return None
    merged = _by_text_key(original, key)
    changes, ranks = _by_text_key(patch, key), _by_text_key(order, key)
    if merged is None or changes is None or ranks is None:
        return None
    places = {text: place for place, text in enumerate(ranks)}
    last = -1
    for text, item in changes.items():
        place = places.get(text, -1)
        if place <= last or DIRECTIVE in item:
            return None
        last = place
        merged[text] = merge_map(merged[text], item, meta.shape, options) if text in merged else item
    if not merged.keys() <= places.keys():
        return None
    return [merged[text] for text in places if text in merged]


def _by_text_key(items: list[Any], key: str) -> dict[str, Any] | None:
    """Items by the text under their merge key; None if some item has none, or two have the same."""
    found: dict[str, Any] = {}
    for item in items:
        text = item.get(key) if type(item) is dict else None
        if type(text) is not str or text in found:
            return None
        found[text] = item
    return found


def _order_after_deletions(original: list[Any], patch: list[Any], key: str) -> list[Any]:
    """The server's order once the patch's deletions are done: new items take the places that became free at the end.

    Upstream deletes and appends in the very array whose order it asks afterwards, which decides where items of the server alone go.
    """
    deleted = {identity(item, key, maps=True) for item in patch if item.get(DIRECTIVE) == DELETE}
    kept = [item for item in original if identity(item, key, maps=True) not in deleted]
    if len(kept) == len(original):
        return original
    known = {identity(item, key, maps=True) for item in kept}
    new = [item for item in patch if DIRECTIVE not in item and identity(item, key, maps=True) not in known]
    return [*kept, *new][: len(original)]


def _list_name(key: str, prefix: str) -> str:
    """The list that a parallel list is about: what follows the slash."""
    head, slash, name = key.partition("/")
    if not slash or head != prefix:
        raise PatchError("decode", BAD_PRIMITIVE_LIST if prefix == DELETE_FROM_PRIMITIVE_LIST else BAD_SET_ELEMENT_ORDER)
    return name


def _check_order(patch_items: list[Any], order: list[Any], key: str) -> None:
    """The patch's items must stand in the order's order, and all of them in it."""
    if not order or not patch_items:
        return
    items = split_deletions(patch_items)[0] if key else patch_items
    at, place = 0, 0
    while at < len(items) and place < len(order):
        if isinstance(items[at], dict) and DIRECTIVE in items[at]:
            at += 1
            continue
        if merge_keys_equal(items[at], order[place], key):
            at += 1
        place += 1
    if at < len(items) and place >= len(order):
        shown = f"The order in patch list:\n{go_value(patch_items)}\n doesn't match {SET_ELEMENT_ORDER} list:\n{go_value(order)}\n"
        raise PatchError("internal", shown)


def merge_keys_equal(left: Any, right: Any, key: str) -> bool:
    if not key:
        return same(left, right)
    for item in (left, right):
        if not isinstance(item, dict):
            raise bad_argument({}, item)
        if key not in item:
            raise no_merge_key(item, key)
    return same(left[key], right[key])


def _merge_list(
    original: list[Any], patch: list[Any], shape: Shape, key: str, options: Options, *, is_deletion_list: bool, owner: Shape
) -> list[Any]:
    if not original and not patch:
        return original
    maps = element_type(original, patch) == "map[string]interface {}"
    if not maps:
        if options.parallel_lists and is_deletion_list:
            gone = {identity(item, "", maps=False) for item in patch}
            return [item for item in original if identity(item, "", maps=False) not in gone]
        merged = without_duplicates([*original, *patch])
    else:
        if not key:
            raise PatchError("internal", f"cannot merge lists without merge key for {owner.go_kind}")
        original, patch = _without_special_items(original, patch, key)
        merged = _merge_items(original, patch, shape, key, options)
    ordered, server_only = split_by_presence(merged, patch, key)
    return arranged(ordered, server_only, patch, original, key, maps=maps)


def without_duplicates(items: list[Any]) -> list[Any]:
    """Scalars once each; as upstream, a later duplicate is replaced by the last item, so the order may change."""
    items = list(items)
    last, left = len(items) - 1, 0
    while left < last:
        right = left + 1
        while right <= last:
            if same(items[left], items[right]):
                items[right] = items[last]
                items.pop()
                last -= 1
            else:
                right += 1
        left += 1
    return items


def _without_special_items(original: list[Any], patch: list[Any], key: str) -> tuple[list[Any], list[Any]]:
    """Carry out the items that are directives: deletions from ``original``, or a replacement of the whole list."""
    plain: list[Any] = []
    replace = False
    for item in patch:
        if DIRECTIVE not in item:
            plain.append(item)
            continue
        directive = item[DIRECTIVE]
        if directive == DELETE:
            if key not in item:
                raise no_merge_key(item, key)
            original = [other for other in original if not (key in other and same(other[key], item[key]))]
        elif directive == REPLACE:
            replace = True
        elif directive == MERGE:
            raise PatchError("internal", "merging lists cannot yet be specified in the patch")
        else:
            raise bad_patch_type(directive, item)
    return (plain, []) if replace else (original, plain)


def _merge_items(original: list[Any], patch: list[Any], shape: Shape, key: str, options: Options) -> list[Any]:
    merged = list(original)
    for item in patch:
        if key not in item:
            raise no_merge_key(item, key)
        place = next((index for index, other in enumerate(merged) if key in other and same(other[key], item[key])), None)
        if place is None:
            merged.append(item)
        else:
            merged[place] = merge_map(merged[place], item, shape, options)
    return merged
