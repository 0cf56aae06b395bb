"""What the schema says about patching one member: the shape below it, its patch strategy and its merge key.

upstream: staging/src/k8s.io/apimachinery/pkg/util/strategicpatch/meta.go and third_party/forked/golang/json/fields.go, 1.28.
"""

from __future__ import annotations

from typing import NamedTuple

from kubelab.apiserver.apply.shapes import DEDUCED, Shape
from kubelab.apiserver.patch.errors import PatchError


class PatchMeta(NamedTuple):
    """``shape`` is that of the map, or of the list's items; ``strategy`` is ``merge``, ``replace`` or empty."""

    shape: Shape
    strategy: str
    retain_keys: bool
    merge_key: str


def map_meta(shape: Shape, key: str) -> PatchMeta:
    return _meta(_member(shape, key), _member(shape, key))


def list_meta(shape: Shape, key: str) -> PatchMeta:
    """What merging a list under ``key`` needs; upstream takes a pointer to a struct for a list of it."""
    member = _member(shape, key)
    if member.kind == "struct":
        return _meta(member, member)
    if member.kind != "list" or member.items is None:
        raise PatchError("internal", f"expected slice or array type, but got: {shape.go_kind}")
    if member.items.kind == "list":
        raise PatchError("internal", "unexpected slice of slice")
    return _meta(member, member.items)


def _member(shape: Shape, key: str) -> Shape:
    if shape is DEDUCED:
        return DEDUCED
    if shape.kind not in ("struct", "any"):
        raise PatchError("internal", f"merging an object in json but data type is not struct, instead is: {shape.go_kind}")
    member = shape.field(key) or shape.field_ignoring_case(key)
    if member is None:
        raise PatchError("internal", f'unable to find api field in struct {shape.name} for the json field "{key}"')
    return member


def _meta(member: Shape, below: Shape) -> PatchMeta:
    strategies = member.strategies
    plain = tuple(strategy for strategy in strategies if strategy != "retainKeys")
    if len(plain) > 1 or len(strategies) > 2:
        raise PatchError("internal", f"unexpected patch strategy: [{' '.join(strategies)}]")
    return PatchMeta(below, plain[0] if plain else "", "retainKeys" in strategies, member.merge_key)
