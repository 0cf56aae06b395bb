"""Field management: who owns which field after a write, and server-side apply.

upstream: staging/src/k8s.io/apimachinery/pkg/util/managedfields/internal (fieldmanager.go and the managers it stacks), 1.28.
Spec: apimachinery, section 6.

``new`` is the object as decoded and defaulted, before mutating admission and before the strategy prepares it: what those add belongs to
nobody. ``applied`` is the object as it was sent: an empty struct or a default that decoding adds would be owned. Objects carry no
``metadata.managedFields``; entries come and go beside them.
"""

from __future__ import annotations

from typing import Any

from kubelab.apiserver.apply.conflicts import ApplyRejected, Conflicts
from kubelab.apiserver.apply.entries import BEFORE_FIRST_APPLY, applier, capped, read, updater, write
from kubelab.apiserver.apply.field_set import FieldsError, FieldSet
from kubelab.apiserver.apply.last_applied import KUBECTL, refused_beyond_last_applied, with_last_applied
from kubelab.apiserver.apply.ownership import Convert, Write, after_apply, after_update
from kubelab.apiserver.apply.reset_fields import reset_fields
from kubelab.apiserver.apply.shapes import Source, shape_of, zero_object
from kubelab.apiserver.apply.typed import TypedError
from kubelab.apiserver.apply.validate import check
from kubelab.kinds.schema import Struct

Object = dict[str, Any]


def fields_of_update(
    before: list[Object],
    old: Object | None,
    new: Object,
    manager: str,
    api_version: str,
    time: str,
    subresource: str,
    struct: Source | None,
    *,
    reset: FieldSet | None = None,
    convert: Convert | None = None,
) -> list[Object]:
    """The managedFields after a write that is no apply: create (``old`` is None), update, patch.

    ``time`` is RFC 3339 text. ``reset`` overrides the fields that the resource's strategy resets (custom resources). An object whose
    fields nobody tracks stays untracked until the first apply. Entries that do not change are shared with ``before``.
    """
    try:
        managed = read(before)
    except FieldsError:
        managed = {}
    if not managed and old is not None:
        return []
    step = Write(shape_of(struct), api_version, time, _reset(new, api_version, subresource, reset), convert)
    try:
        after = after_update(step, managed, _or_zero(old, struct), new, updater(manager, api_version, subresource))
    except TypedError:
        return []
    entries = write(capped(after))
    return before if old is not None and old == new and _same_but_times(before, entries) else entries


def apply(
    live: Object | None,
    live_entries: list[Object],
    applied: Object,
    manager: str,
    force: bool,
    api_version: str,
    time: str,
    subresource: str,
    struct: Source | None,
    *,
    reset: FieldSet | None = None,
    convert: Convert | None = None,
) -> tuple[Object, list[Object]]:
    """Server-side apply: the merged object (before defaulting) and its managedFields.

    ``applied`` is the object as the client sent it, not defaulted. An apply that changes no value returns ``live`` itself.
    Raises Conflicts; ApplyRejected for a request that is wrong in itself; TypedError where the object does not fit the schema.
    """
    _check_request(live, applied, api_version, struct)
    step = Write(shape_of(struct), api_version, time, _reset(applied, api_version, subresource, reset), convert)
    _check(step, applied, "patch")
    base: Object = {} if live is None else live
    managed = read(live_entries)
    if not managed and live is not None:
        first = updater(BEFORE_FIRST_APPLY, api_version, subresource)
        managed = capped(after_update(step, managed, _or_zero(None, struct), live, first))
    me = applier(manager, api_version, subresource)
    try:
        merged, managed = after_apply(step, managed, base, applied, me, force=force)
    except Conflicts as conflicts:
        refused = refused_beyond_last_applied(step.shape, base, conflicts, api_version) if manager == KUBECTL else conflicts
        if refused is not None:
            raise refused from None
        merged, managed = after_apply(step, managed, base, applied, me, force=True)
    except TypedError:
        _check(step, base, "live")
        raise
    return with_last_applied(merged, applied) if manager == KUBECTL else merged, write(managed)


def _reset(obj: Object, api_version: str, subresource: str, reset: FieldSet | None) -> FieldSet:
    return reset_fields(api_version, obj.get("kind", ""), subresource) if reset is None else reset


def _or_zero(obj: Object | None, struct: Source | None) -> Object:
    """The object, or for none the value that Go starts a new one from."""
    if obj is not None:
        return obj
    return zero_object(struct.name) if isinstance(struct, Struct) else {}


def _same_but_times(before: list[Object], after: list[Object]) -> bool:
    return len(before) == len(after) and all(
        {**mine, "time": None} == {**theirs, "time": None} for mine, theirs in zip(before, after, strict=True)
    )


def _check(step: Write, obj: Object, role: str) -> None:
    try:
        check(step.shape, obj)
    except TypedError as error:
        raise TypedError(f"failed to create typed {role} object ({_named(obj)}): {error}") from error


def _check_request(live: Object | None, applied: Object, api_version: str, struct: Source | None) -> None:
    kind = live.get("kind") if live is not None else struct.go_name if isinstance(struct, Struct) else applied.get("kind")
    if applied.get("apiVersion") != api_version or applied.get("kind") != kind:
        raise ApplyRejected(f"invalid object type: {_gvk(applied)}")
    if "managedFields" in (applied.get("metadata") or {}) and applied["metadata"]["managedFields"] is not None:
        raise ApplyRejected("metadata.managedFields must be nil")


def _gvk(obj: Object) -> str:
    """Group, version and kind as Go prints them; the core group is empty: ``/v1, Kind=Pod``."""
    group, _, version = str(obj.get("apiVersion") or "").rpartition("/")
    return f"{group}/{version}, Kind={obj.get('kind') or ''}"


def _named(obj: Object) -> str:
    meta = obj.get("metadata") or {}
    return f"{meta.get('namespace', '')}/{meta.get('name', '')}; {_gvk(obj)}"
