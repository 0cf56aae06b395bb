"""Objects read through a shape: which fields one names, how two differ, what one becomes when another is laid over it.

upstream: sigs.k8s.io/structured-merge-diff/v4/typed (merge.go, tofieldset.go, remove.go) and fieldpath/set.go
(EnsureNamedFieldsAreMembers), 4.2.3. Spec: apimachinery, section 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kubelab.apiserver.apply.field_set import (
    EMPTY,
    LEAF,
    SELF,
    FieldSet,
    element_text,
    key_element,
    recursive_difference,
    value_element,
)
from kubelab.apiserver.apply.shapes import DEDUCED, MISSING, Shape


class TypedError(Exception):
    """An object that does not conform to its shape; the message is upstream's, with the path."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Fields that the right side lacks, has differently, has more. No field is in two of them."""

    removed: FieldSet
    modified: FieldSet
    added: FieldSet

    @property
    def same(self) -> bool:
        return not (self.removed or self.modified or self.added)

    def without(self, fields: FieldSet) -> Comparison:
        """The comparison without some fields and all below them."""
        if not fields:
            return self
        return Comparison(
            recursive_difference(self.removed, fields),
            recursive_difference(self.modified, fields),
            recursive_difference(self.added, fields),
        )


_Nodes = tuple[FieldSet | None, FieldSet | None, FieldSet | None]
_SAME: _Nodes = (None, None, None)
_MODIFIED: _Nodes = (None, LEAF, None)


def compare(shape: Shape, left: Any, right: Any) -> Comparison:
    """How ``right`` differs from ``left``; parts that are one and the same object are not looked at. Raises TypedError."""
    removed, modified, added = _compared(shape, left, right)
    return Comparison(removed or EMPTY, modified or EMPTY, added or EMPTY)


def _compared(shape: Shape, left: Any, right: Any) -> _Nodes:
    if left is right:
        return _SAME
    left_items, right_items = _items(shape, left), _items(shape, right)
    if left_items is None and right_items is None:
        return _SAME if _equal(left, right) else _MODIFIED
    if left_items is None and left is not None or right_items is None and right is not None:
        return _other_kind(shape, left, right)
    if not left_items and not right_items:
        return _SAME if _equal(left, right) else _MODIFIED
    return _compared_items(shape, left_items or {}, right_items or {})


def _compared_items(shape: Shape, left: dict[str, Any], right: dict[str, Any]) -> _Nodes:
    removed: FieldSet = {}
    modified: FieldSet = {}
    added: FieldSet = {}
    for element, value in right.items():
        below = _below(shape, element)
        if element not in left:
            added[element] = _whole(below, value)
            continue
        mine = left[element]
        if mine is value:
            continue
        gone, changed, new = _compared(below, mine, value)
        if gone is not None:
            removed[element] = gone
        if changed is not None:
            modified[element] = changed
        if new is not None:
            added[element] = new
    for element, value in left.items():
        if element not in right:
            removed[element] = _whole(_below(shape, element), value)
    return removed or None, modified or None, added or None


def _other_kind(shape: Shape, left: Any, right: Any) -> _Nodes:
    """A scalar became a container or the reverse: the field is modified, and what the container holds is added or removed."""
    gone = _children(shape, left) if _items(shape, left) else None
    new = _children(shape, right) if _items(shape, right) else None
    return gone or None, LEAF, new or None


def _whole(shape: Shape, value: Any) -> FieldSet:
    """The node of a value that one side has and the other has not: itself and everything below."""
    children = _children(shape, value)
    return {SELF: LEAF, **children} if children else LEAF


def _children(shape: Shape, value: Any) -> FieldSet:
    items = _items(shape, value)
    return {element: _whole(_below(shape, element), child) for element, child in items.items()} if items else EMPTY


def _items(shape: Shape, value: Any) -> dict[str, Any] | None:
    """The parts of a value under their path elements; None if it is one piece: a scalar, null, or atomic."""
    if isinstance(value, dict):
        return None if shape.atomic or shape.kind in ("scalar", "list") else {f"f:{key}": child for key, child in value.items()}
    if isinstance(value, list) and shape.kind == "list" and not shape.atomic:
        return _list_items(shape, value)
    return None


def _list_items(shape: Shape, value: list[Any]) -> dict[str, Any]:
    items: dict[str, Any] = {}
    for index, child in enumerate(value):
        element = list_element(shape, index, child)
        if element in items:
            raise TypedError(f"duplicate entries for key {element_text(element)}")
        items[element] = child
    return items


def list_element(shape: Shape, index: int, child: Any) -> str:
    """The path element of a list's item. Raises TypedError where the item has none."""
    if not shape.keys:
        problem = _SET_PROBLEMS.get(type(child))
        if problem is not None:
            raise TypedError(f"element {index}: {problem}")
        return value_element(child)
    if not isinstance(child, dict):
        kind = "a null element" if child is None else "non-map elements"
        raise TypedError(f"element {index}: associative list with keys may not have {kind}")
    if len(shape.keys) == 1 and isinstance(child.get(shape.keys[0]), str):
        return key_element(shape.keys, child[shape.keys[0]])
    return key_element(shape.keys, *(_key_value(shape, index, child, name) for name in shape.keys))


_SET_PROBLEMS = {
    dict: "associative list without keys has an element that's a map type",
    list: "not supported: associative list with lists as elements",
    type(None): "associative list without keys has an element that's an explicit null",
}


def _key_value(shape: Shape, index: int, child: dict[str, Any], name: str) -> Any:
    if name in child:
        value = child[name]
        return value if not isinstance(value, (dict, list)) else str(value)
    items = shape.items or DEDUCED
    default = items.member(name).default
    if default is MISSING:
        omitted = f'associative list with keys has an element that omits key field "{name}" (and doesn\'t have default value)'
        raise TypedError(f"element {index}: {omitted}")
    return default


def _below(shape: Shape, element: str) -> Shape:
    if shape.kind == "list":
        return shape.items or DEDUCED
    return shape.member(element[2:])


def _equal(left: Any, right: Any) -> bool:
    """Equality of values: 1 and 1.0 are equal, 1 and true are not, an empty container is not null."""
    if isinstance(left, bool) is not isinstance(right, bool):
        return False
    if isinstance(left, dict) and isinstance(right, dict):
        return len(left) == len(right) and all(key in right and _equal(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    return bool(left == right)


def field_set(shape: Shape, value: Any) -> FieldSet:
    """Every leaf and list item that a value names: what its applier owns."""
    items = _items(shape, value)
    if not items:
        return EMPTY
    listed = shape.kind == "list"
    fields: FieldSet = {}
    for element, child in items.items():
        below = _below(shape, element)
        children = field_set(below, child)
        named = not listed and shape.kind == "struct" and shape.field(element[2:]) is not None
        if not named or child is None or child == {} or _is_leaf(below, child):
            fields[element] = {SELF: LEAF, **children} if children else LEAF
        elif children:
            fields[element] = children
    return fields


def _is_leaf(shape: Shape, value: Any) -> bool:
    if isinstance(value, dict):
        return shape.atomic or shape.kind in ("scalar", "list")
    if isinstance(value, list):
        return shape.kind != "list" or shape.atomic
    return True


def merge(shape: Shape, left: Any, right: Any) -> Any:
    """``right`` laid over ``left``: nothing is removed, leaves of ``right`` win, lists merge item by item."""
    if left is right:
        return left
    if isinstance(left, dict) and isinstance(right, dict) and not _is_leaf(shape, right):
        if not right:
            return left
        merged = dict(left)
        for key, value in right.items():
            merged[key] = merge(shape.member(key), left[key], value) if key in left else value
        return merged
    if isinstance(right, list) and isinstance(left, list) and not _is_leaf(shape, right):
        return _merged_list(shape, left, right) if right and left else left or right
    if right is None and left and not _is_leaf(shape, left):
        return left
    return right


def _merged_list(shape: Shape, left: list[Any], right: list[Any]) -> list[Any]:
    """Items of both; the order of ``right`` wins among shared items, items of ``left`` alone keep their neighbours."""
    mine, theirs = _list_items(shape, left), _list_items(shape, right)
    left_order, right_order = list(mine), list(theirs)
    shared = [element for element in right_order if element in mine]
    below = shape.items or DEDUCED
    merged: list[Any] = []
    at, to, next_shared = 0, 0, 0
    while at < len(left_order) or to < len(right_order):
        if at < len(left_order):
            element = left_order[at]
            if to < len(right_order) and element == right_order[to]:
                merged.append(merge(below, mine[element], theirs[element]))
                at, to, next_shared = at + 1, to + 1, next_shared + 1
                continue
            if to < len(right_order) and element in theirs and next_shared < len(shared) and element != shared[next_shared]:
                at += 1
                continue
            if element not in theirs:
                merged.append(mine[element])
                at += 1
                continue
        if to < len(right_order):
            element = right_order[to]
            merged.append(merge(below, mine[element], theirs[element]) if element in mine else theirs[element])
            to += 1
            if next_shared < len(shared) and shared[next_shared] == element:
                next_shared += 1
        else:
            at += 1
    return merged


def remove_items(shape: Shape, value: Any, fields: FieldSet) -> Any:
    """``value`` without the members of ``fields``; a container that loses everything becomes null, as upstream."""
    items = _items(shape, value)
    if not items or not fields:
        return value if not fields or _is_leaf(shape, value) else None
    kept: dict[str, Any] = {}
    for element, child in items.items():
        node = fields.get(element)
        if node is None:
            kept[element] = child
        elif node and SELF not in node:
            kept[element] = remove_items(_below(shape, element), child, node)
    if not kept:
        return None
    if shape.kind == "list":
        return list(kept.values())
    return {element[2:]: child for element, child in kept.items()}


def with_named_fields(shape: Shape, fields: FieldSet) -> FieldSet:
    """``fields`` with every named field on the way to a member as a member too (``spec``, but not the keys of a map)."""
    out: FieldSet = {}
    for element, node in fields.items():
        if element == SELF:
            out[SELF] = LEAF
            continue
        if not node:
            out[element] = LEAF
            continue
        named = shape.kind == "struct" and element.startswith("f:") and shape.field(element[2:]) is not None
        inner = with_named_fields(_below(shape, element), node)
        out[element] = {SELF: LEAF, **inner} if named else inner
    return out
