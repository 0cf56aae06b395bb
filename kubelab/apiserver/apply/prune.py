"""Removing what a manager applied before and does not apply any more, unless somebody else owns it.

upstream: prune, addBackOwnedItems, addBackDanglingItems in sigs.k8s.io/structured-merge-diff/v4/merge/update.go, 4.2.3.
Spec: apimachinery, section 6.
"""

from __future__ import annotations

from typing import Any

from kubelab.apiserver.apply.field_set import FieldSet, difference, intersection, union
from kubelab.apiserver.apply.shapes import Shape
from kubelab.apiserver.apply.typed import field_set, remove_items, with_named_fields

Object = dict[str, Any]


def pruned(shape: Shape, merged: Object, last: FieldSet, owned: FieldSet) -> Object:
    """``merged`` without the items of ``last`` that are not in ``owned`` (what everybody owns now, the present apply included).

    A container that loses everything is null in the result, as upstream compares it; ``without_emptied`` then drops it.
    """
    without = remove_items(shape, merged, with_named_fields(shape, last)) or {}
    return pruned_again(shape, merged, with_owned(shape, merged, without, owned), last)


def with_owned(shape: Shape, merged: Object, without: Object, owned: FieldSet) -> Object:
    """``without`` with what somebody owns added back: ``merged`` less what is neither left nor owned."""
    kept = union(_all_fields(shape, without), with_named_fields(shape, owned))
    left: Object = remove_items(shape, merged, difference(_all_fields(shape, merged), kept)) or {}
    return left


def pruned_again(shape: Shape, merged: Object, without: Object, last: FieldSet) -> Object:
    """``merged`` less what is not in ``without``, but only where the last apply owned it: the rest was never this applier's to remove."""
    gone = difference(_all_fields(shape, merged), _all_fields(shape, without))
    left: Object = remove_items(shape, merged, intersection(gone, with_named_fields(shape, last))) or {}
    return left


def _all_fields(shape: Shape, obj: Object) -> FieldSet:
    return with_named_fields(shape, field_set(shape, obj))


def without_emptied(result: Any, merged: Any) -> Any:
    """Drop the nulls that stand where removal emptied a container; decoding a typed object drops them too."""
    if result is merged or not isinstance(result, dict) or not isinstance(merged, dict):
        return result
    return {key: without_emptied(value, merged[key]) for key, value in result.items() if value is not None or merged[key] is None}
