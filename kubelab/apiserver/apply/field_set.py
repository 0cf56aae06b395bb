"""Sets of field paths, in the shape of FieldsV1 itself: nested dicts under ``f:name``, ``k:{…}``, ``v:…``, ``i:…``.

A leaf ``{}`` is a member without children; ``{".": {}, …}`` is a member with children; a dict without ``.`` only leads to members. The root
stands for the whole object, which nobody owns. Sets are immutable by agreement: operations build new dicts and share what is unchanged.
Keys are canonical (``decode`` makes them so); ``encode`` gives upstream's order.

upstream: sigs.k8s.io/structured-merge-diff/v4/fieldpath (set.go, element.go, serialize.go, serialize-pe.go), 4.2.3.
Spec: apimachinery, section 6.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

FieldSet = dict[str, Any]
Path = tuple[str, ...]

SELF = "."
LEAF: FieldSet = {}
EMPTY: FieldSet = {}


class FieldsError(Exception):
    """FieldsV1 that cannot be read."""


def from_paths(paths: Iterable[Path]) -> FieldSet:
    """The set of the given paths, each a tuple of path elements; for tables and tests."""
    fields = EMPTY
    for path in paths:
        fields = union(fields, _single(path))
    return fields


def _single(path: Path) -> FieldSet:
    return {path[0]: _single(path[1:])} if path else LEAF


def union(left: FieldSet, right: FieldSet) -> FieldSet:
    """What is in either."""
    if left is right or not right:
        return left
    if not left:
        return right
    out = dict(left)
    for element, node in right.items():
        mine = out.get(element)
        out[element] = node if mine is None else _union_node(mine, node)
    return out


def _union_node(left: FieldSet, right: FieldSet) -> FieldSet:
    if left is right:
        return left
    if not left or not right:
        node = left or right
        return node if not node or SELF in node else {SELF: LEAF, **node}
    return union(left, right)


def intersection(left: FieldSet, right: FieldSet) -> FieldSet:
    """What is in both."""
    if left is right:
        return left
    out: FieldSet = {}
    for element, node in left.items():
        other = right.get(element)
        if other is None or element == SELF:
            continue
        common = _node(_is_member(node) and _is_member(other), intersection(node, other))
        if common is not None:
            out[element] = common
    return out


def difference(left: FieldSet, right: FieldSet) -> FieldSet:
    """What is in ``left`` and not in ``right``; children of a member of ``right`` stay."""
    if not left or not right:
        return left
    out: FieldSet = {}
    for element, node in left.items():
        other = right.get(element)
        if element == SELF:
            continue
        if other is None:
            out[element] = node
            continue
        rest = _node(_is_member(node) and not _is_member(other), difference(_inner(node), _inner(other)))
        if rest is not None:
            out[element] = rest
    return out


def recursive_difference(left: FieldSet, right: FieldSet) -> FieldSet:
    """As ``difference``, but a member of ``right`` takes its whole subtree with it."""
    if not left or not right:
        return left
    out: FieldSet = {}
    for element, node in left.items():
        other = right.get(element)
        if element == SELF:
            continue
        if other is None:
            out[element] = node
            continue
        if _is_member(other):
            continue
        rest = _node(_is_member(node), recursive_difference(_inner(node), _inner(other)))
        if rest is not None:
            out[element] = rest
    return out


def _is_member(node: FieldSet) -> bool:
    return not node or SELF in node


def _inner(node: FieldSet) -> FieldSet:
    """The children of a node without the mark that it is a member itself."""
    if SELF not in node:
        return node
    return {element: child for element, child in node.items() if element != SELF}


def _node(member: bool, children: FieldSet) -> FieldSet | None:
    if not children:
        return LEAF if member else None
    return {SELF: LEAF, **children} if member else children


def has(fields: FieldSet, path: Path) -> bool:
    node: FieldSet | None = fields
    for element in path:
        if not node:
            return False
        node = node.get(element)
    return node is not None and bool(path) and _is_member(node)


def paths(fields: FieldSet) -> Iterator[Path]:
    """Every member in upstream's order: at each level first the members, then what is below."""
    yield from _paths(fields, ())


def _paths(node: FieldSet, prefix: Path) -> Iterator[Path]:
    elements = sorted((element for element in node if element != SELF), key=order_key)
    for element in elements:
        if _is_member(node[element]):
            yield (*prefix, element)
    for element in elements:
        if node[element]:
            yield from _paths(node[element], (*prefix, element))


def path_text(path: Path) -> str:
    """A path as conflicts name it: ``.spec.containers[name="c"].image``."""
    return "".join(map(element_text, path))


@lru_cache(maxsize=4096)
def element_text(element: str) -> str:
    kind, value = element[:2], element[2:]
    if kind == "f:":
        return f".{value}"
    if kind == "k:":
        return "[" + ",".join(f"{name}={_value_text(key)}" for name, key in json.loads(value).items()) + "]"
    if kind == "v:":
        return f"[={_value_text(json.loads(value))}]"
    return f"[{value}]"


def _value_text(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return go_json(value)
    return json.dumps(value, ensure_ascii=False)


@lru_cache(maxsize=8192)
def order_key(element: str) -> tuple[Any, ...]:
    """Upstream's order of path elements: names, keys, values, indices; ``.`` before all."""
    kind, value = element[:2], element[2:]
    if kind == "f:":
        return (1, value)
    if kind == "k:":
        return (2, tuple((name, _value_order(key)) for name, key in json.loads(value).items()))
    if kind == "v:":
        return (3, _value_order(json.loads(value)))
    if kind == "i:":
        return (4, int(value))
    return (0,)


def _value_order(value: Any) -> tuple[Any, ...]:
    match value:
        case bool():
            return (2, value)
        case int() | float():
            return (0, value)
        case str():
            return (1, value)
        case list() | dict():
            return (3, go_json(value))
        case _:
            return (4,)


def go_json(value: Any) -> str:
    """Compact JSON with sorted keys and Go's escapes for HTML."""
    text = json.dumps(_go_numbers(value), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.translate(_HTML_ESCAPES)


def _go_numbers(value: Any) -> Any:
    """Whole floats as integers, which is how Go writes them."""
    match value:
        case float():
            return int(value) if value.is_integer() and abs(value) < 1e21 else value
        case dict():
            return {key: _go_numbers(member) for key, member in value.items()}
        case list():
            return [_go_numbers(item) for item in value]
        case _:
            return value


_HTML_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


@lru_cache(maxsize=8192, typed=True)
def key_element(names: tuple[str, ...], *values: Any) -> str:
    """The path element of a keyed list's item: ``k:{"containerPort":80,"protocol":"TCP"}``."""
    return "k:" + go_json(dict(zip(names, values, strict=True)))


@lru_cache(maxsize=4096, typed=True)
def value_element(value: Any) -> str:
    """The path element of a set's item: ``v:"kubernetes"``."""
    return "v:" + go_json(value)


def encode(fields: FieldSet) -> FieldSet:
    """The set as FieldsV1, its elements in upstream's order."""
    if not fields:
        return {}
    return {element: encode(fields[element]) for element in sorted(fields, key=order_key)}


def decode(fields: Any) -> FieldSet:
    """A set from FieldsV1 as a client may have sent it. Unknown kinds of elements are dropped. Raises FieldsError."""
    return _decoded(fields) or {}


def _decoded(fields: Any) -> FieldSet | None:
    if not isinstance(fields, dict):
        raise FieldsError(f"expected an object in fieldsV1, got {fields!r}")
    out: FieldSet = {}
    for element, below in fields.items():
        if element == SELF:
            out[SELF] = LEAF
            continue
        canonical = _canonical(element)
        if canonical is None:
            continue
        out[canonical] = _decoded(below) or LEAF
    return LEAF if list(out) == [SELF] else out


@lru_cache(maxsize=8192)
def _canonical(element: str) -> str | None:
    kind, value = element[:2], element[2:]
    if len(element) < 2:
        raise FieldsError("parsing key as path element: key must be 2 characters long:")
    if kind[1] != ":":
        raise FieldsError(f"parsing key as path element: missing colon: {element}")
    try:
        match kind:
            case "f:":
                return element
            case "k:":
                return "k:" + go_json(dict(json.loads(value)))
            case "v:":
                return "v:" + go_json(json.loads(value))
            case "i:":
                return f"i:{int(value)}"
    except (ValueError, TypeError) as error:
        raise FieldsError(f"parsing key as path element: {error}") from error
    return None
