"""Removing what a manager applied before and does not apply any more, unless somebody else owns it.

upstream: prune, addBackOwnedItems, addBackDanglingItems in sigs.k8s.io/structured-merge-diff/v4/merge/update.go, 4.2.3.
Spec: apimachinery, section 6.
"""

from __future__ import annotations

from typing import Any

from kubelab.apiserver.apply.entries import Entry, Managed
from kubelab.apiserver.apply.field_set import EMPTY, FieldSet, difference, intersection, union
from kubelab.apiserver.apply.shapes import Shape
from kubelab.apiserver.apply.typed import field_set, remove_items, with_named_fields

Object = dict[str, Any]


def pruned(shape: Shape, merged: Object, managed: Managed, last: Entry | None) -> Object:
    """``merged`` without the items of ``last`` that no entry of ``managed`` (the present apply's included) owns.

    A container that loses everything is null in the result, as upstream compares it; ``without_emptied`` then drops it.
    """
    if last is None or not last.fields:
        return merged
    before = with_named_fields(shape, last.fields)
    without = remove_items(shape, merged, before) or {}
    everything = field_set(shape, merged)
    owned: FieldSet = EMPTY
    for entry in managed.values():
        owned = union(owned, entry.fields)
    without = _with_owned(shape, merged, without, everything, owned)
    gone = difference(with_named_fields(shape, everything), with_named_fields(shape, field_set(shape, without)))
    result: Object = remove_items(shape, merged, intersection(gone, before)) or {}
    return result


def _with_owned(shape: Shape, merged: Object, without: Object, everything: FieldSet, owned: FieldSet) -> Object:
    """Add back what somebody owns: remove from ``merged`` only what is neither left nor owned."""
    kept = union(with_named_fields(shape, field_set(shape, without)), with_named_fields(shape, owned))
    left: Object = remove_items(shape, merged, difference(with_named_fields(shape, everything), kept)) or {}
    return left


def without_emptied(result: Any, merged: Any) -> Any:
    """Drop the nulls that stand where removal emptied a container; decoding a typed object drops them too."""
    if result is merged or not isinstance(result, dict) or not isinstance(merged, dict):
        return result
    return {key: without_emptied(value, merged[key]) for key, value in result.items() if value is not None or merged[key] is None}
