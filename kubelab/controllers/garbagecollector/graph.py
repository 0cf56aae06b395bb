"""Owners and dependents as the collector sees them, and which of them a change concerns.

A change that touches no owner reference, no finalizer and no deletion costs next to nothing here.

upstream: pkg/controller/garbagecollector/graph_builder.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

from kubelab.engine.component import Change, Later, Scope
from kubelab.engine.plan import Key
from kubelab.kinds import registry
from kubelab.kinds.kind import Kind
from kubelab.store.log import Object
from kubelab.store.view import View

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
IGNORED = ("events", "events.events.k8s.io")
ABSENT, ABSENT_LIMIT = "absent owners", 500  # upstream: absentOwnerCache
_NEEDED = ("delete", "list", "watch")
_NONE: dict[str, Any] = {}


class Owner(NamedTuple):
    """Where a reference points. ``kind``: None if no kind is called so; ``object``: None if there is no such object of that uid."""

    reference: Object
    kind: Kind | None
    object: Object | None


@cache
def collected_resources() -> tuple[str, ...]:
    """All resources that can be deleted, listed and watched, Events aside."""
    return tuple(
        kind.resource for kind in registry.all_kinds() if kind.resource not in IGNORED and all(verb in kind.verbs for verb in _NEEDED)
    )


@cache
def kind_of(api_version: str, kind: str, release: str = "1.28") -> Kind | None:
    """The kind that a reference names; None also for a version that is not served (any more, or yet)."""
    group, _, version = api_version.rpartition("/")
    found = registry.by_kind(kind, group, release)
    return found if found is not None and version in found.versions else None


def owner_of(view: View, reference: Object, namespace: str) -> Owner:
    """What a reference of an object in ``namespace`` points to; another object of that name does not count."""
    kind = kind_of(reference["apiVersion"], reference["kind"], view.release)
    if kind is None or (kind.namespaced and not namespace):
        return Owner(reference, kind, None)
    found = view.get(kind.resource, namespace if kind.namespaced else "", reference["name"])
    return Owner(reference, kind, found if found is not None and found["metadata"]["uid"] == reference["uid"] else None)


def dependents_of(view: View, uid: str) -> Iterator[tuple[Any, Object]]:
    """The objects that name ``uid`` as an owner, as they are now: what was let go or is gone does not count."""
    for key, _ in view.dependents(uid):
        obj = view.get(*key)
        if obj is not None and any(each["uid"] == uid for each in obj["metadata"].get("ownerReferences") or ()):
            yield key, obj


def is_deleting(obj: Object) -> bool:
    return obj["metadata"].get("deletionTimestamp") is not None


def has_finalizer(obj: Object, finalizer: str) -> bool:
    return finalizer in (obj["metadata"].get("finalizers") or ())


def waits_for_dependents(obj: Object) -> bool:
    """Deleted in the foreground (upstream: deletingDependents)."""
    return is_deleting(obj) and has_finalizer(obj, FOREGROUND)


def blocks(reference: Object) -> bool:
    return bool(reference.get("blockOwnerDeletion"))


# -- which keys a change concerns -------------------------------------------------------------------------------------------
def to_delete(key: Any, obj: Object) -> Key:
    """The key under which the collector looks whether an object must go."""
    return ("delete", *key, obj["metadata"]["uid"])


def changed_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    meta, old = change.object["metadata"], change.old
    if change.type == "DELETED":
        return _after_deletion(change, scope)
    before = old["metadata"] if old is not None else _NONE
    owners, owners_before = meta.get("ownerReferences"), before.get("ownerReferences")
    deleting = meta.get("deletionTimestamp") is not None
    if owners is owners_before and not deleting:
        return ()
    keys: list[Key | Later] = []
    if owners is not owners_before and owners != owners_before:
        keys += _after_new_owners(change, scope.view, owners or [], owners_before or [])
    if deleting:
        keys += _after_transition(change, scope.view, old)
    return keys


def _place(change: Change) -> tuple[str, str, str]:
    meta = change.object["metadata"]
    return change.resource, meta.get("namespace", ""), meta["name"]


def _after_deletion(change: Change, scope: Scope) -> list[Key | Later]:
    """A deleted object's dependents may have to go; an owner that waits for it may be finished.

    That the object is gone need not be asked for any more, at least for what is where it was (upstream: processGraphChanges).
    """
    view, meta = scope.view, change.object["metadata"]
    dependents, namespace = list(view.dependents(meta["uid"])), meta.get("namespace", "")
    if dependents and (not namespace or all(key[1] == namespace for key, _ in dependents)):
        note_absent(scope.table(ABSENT), meta["uid"])
    keys: list[Key | Later] = [to_delete(key, obj) for key, obj in dependents]
    for reference in meta.get("ownerReferences") or ():
        keys += _waiting_owner(view, reference, meta.get("namespace", ""))
    return keys


def note_absent(absent: dict[Any, Any], uid: str) -> None:
    """Know that an owner is gone; the oldest are forgotten."""
    absent[uid] = True
    if len(absent) > ABSENT_LIMIT:
        del absent[next(iter(absent))]


def _waiting_owner(view: View, reference: Object, namespace: str) -> list[Key | Later]:
    owner = owner_of(view, reference, namespace)
    if owner.object is None or owner.kind is None or not waits_for_dependents(owner.object):
        return []
    meta = owner.object["metadata"]
    return [to_delete((owner.kind.resource, meta.get("namespace", ""), meta["name"]), owner.object)]


def _after_new_owners(change: Change, view: View, owners: list[Object], before: list[Object]) -> list[Key | Later]:
    namespace = change.object["metadata"].get("namespace", "")
    known = {reference["uid"]: reference for reference in before}
    present = {reference["uid"]: reference for reference in owners}
    keys: list[Key | Later] = []
    if any(uid not in known and owner_of(view, reference, namespace).object is None for uid, reference in present.items()):
        keys.append(to_delete(_place(change), change.object))
    for uid, reference in known.items():
        if blocks(reference) and (uid not in present or not blocks(present[uid])):
            keys += _waiting_owner(view, reference, namespace)
    return keys


def _after_transition(change: Change, view: View, old: Object | None) -> list[Key | Later]:
    """The deletion of an object has begun to wait: for its dependents to be let go, or to be deleted."""
    obj = change.object
    if has_finalizer(obj, ORPHAN) and not (old is not None and is_deleting(old) and has_finalizer(old, ORPHAN)):
        return [("orphan", *_place(change), obj["metadata"]["uid"])]
    if has_finalizer(obj, FOREGROUND) and not (old is not None and waits_for_dependents(old)):
        dependents = view.dependents(obj["metadata"]["uid"])
        return [*(to_delete(key, each) for key, each in dependents), to_delete(_place(change), obj)]
    return []
