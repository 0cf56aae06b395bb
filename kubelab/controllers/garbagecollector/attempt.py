"""What to do with one object: let it be, take it from owners that are gone, delete it, or finish the deletion that waits for others.

What is decided is decided from the view; the reads that upstream makes before are sent all the same, and each delete carries the uid, so
that a newer object of the same name is safe.

upstream: attemptToDeleteItem, processDeletingDependentsItem, orphanDependents, removeFinalizer in
pkg/controller/garbagecollector/{garbagecollector,operations,patch}.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kubelab.controllers.garbagecollector.graph import (
    ABSENT,
    ABSENT_LIMIT,
    FOREGROUND,
    ORPHAN,
    Owner,
    blocks,
    has_finalizer,
    is_deleting,
    to_delete,
    waits_for_dependents,
)
from kubelab.engine.plan import NOTHING, Batch, Call, EventDraft, Key, Plan, Reason, delete, patch, wait
from kubelab.store.log import Object

MISPLACED = "owners of other namespaces"

COLLECT = Reason("OwnersGone", "{subject} has no living owner")
FOREGROUND_FIRST = Reason("OwnerWaits", "an owner of {subject} waits for it, and it has dependents itself")
LET_GO = Reason("LetGo", "{subject} is let go by {owner}, which is deleted with its dependents orphaned")
FORGET_OWNERS = Reason("DanglingOwners", "{subject} keeps a living owner and forgets those that are gone")
UNBLOCK = Reason("Unblock", "{subject} and a dependent wait for each other")
FINISHED = Reason("DependentsGone", "all that {subject} waited for is gone")
BLOCKED = Reason("DependentsLeft", "{subject} waits for {count} dependents")
OWNED = Reason("Owned", "{subject} has a living owner")
UNMAPPED = Reason("UnknownOwnerKind", "{subject} names an owner of a kind that is not known")
OWNER_IN_NAMESPACE = Reason("OwnerInNamespace", "{subject} is cluster-scoped and names an owner in a namespace")


@dataclass(frozen=True, slots=True)
class Seen:
    """``dependents``: keys and objects. ``absent``: uids of owners known to be gone. ``misplaced``: the real place of owners elsewhere."""

    key: Key
    object: Object
    owners: tuple[Owner, ...]
    dependents: tuple[tuple[Any, Object], ...]
    absent: tuple[str, ...]
    elsewhere: tuple[Object, ...] = ()


def plan(seen: Seen) -> Plan:
    return _orphan(seen) if seen.key[0] == "orphan" else _attempt(seen)


def _attempt(seen: Seen) -> Plan:
    obj, subject = seen.object, _subject(seen.object)
    if waits_for_dependents(obj):
        return _finish_foreground(seen)
    if is_deleting(obj) or not seen.owners:
        return NOTHING
    misplaced = {MISPLACED: {reference["uid"]: True for reference in seen.elsewhere}} if seen.elsewhere else {}
    told = Plan(events=tuple(_invalid(obj, reference) for reference in seen.elsewhere), note=misplaced)
    if any(owner.kind is None for owner in seen.owners):
        if seen.key[0] == "unmapped":
            unknown = next(owner.reference for owner in seen.owners if owner.kind is None)
            error = f"unable to get REST mapping for {unknown['apiVersion']}/{unknown['kind']}."
            return Plan(error=error, because=(UNMAPPED(subject),))
        return told.then(Plan(follow_up=(("unmapped", *seen.key[1:]),), because=(UNMAPPED(subject),)))
    namespace = obj["metadata"].get("namespace", "")
    if not namespace and any(owner.kind is not None and owner.kind.namespaced for owner in seen.owners):
        return told.then(wait(OWNER_IN_NAMESPACE(subject)))
    return told.then(_classified(seen, subject))


def _classified(seen: Seen, subject: str) -> Plan:
    obj = seen.object
    solid = [each for each in seen.owners if each.object is not None and not waits_for_dependents(each.object)]
    waiting = [each for each in seen.owners if each.object is not None and waits_for_dependents(each.object)]
    dangling = [each for each in seen.owners if each.object is None]
    note = _noted(seen.absent, dangling)
    if solid and not dangling and not waiting:
        return Plan(because=(OWNED(subject),), note=note)
    reads = tuple(Batch((call,)) for call in (_read(seen), *_owner_reads(seen)))
    if solid:
        gone = [{"$patch": "delete", "uid": each.reference["uid"]} for each in (*dangling, *waiting)]
        call = patch(seen.key[1], obj, _owners_patch(obj, gone), accept=(404,), because=FORGET_OWNERS(subject))
        return Plan((*reads, Batch((call,))), note=note)
    if waiting and seen.dependents:
        calls: list[Call] = []
        if any(waits_for_dependents(each) for _, each in seen.dependents):
            calls.append(_unblock(seen, subject))
        calls.append(_delete(seen, "Foreground", FOREGROUND_FIRST))
        return Plan((*reads, *(Batch((call,)) for call in calls)), note=note)
    policy = "Orphan" if has_finalizer(obj, ORPHAN) else "Foreground" if has_finalizer(obj, FOREGROUND) else "Background"
    return Plan((*reads, Batch((_delete(seen, policy, COLLECT),))), note=note)


def _noted(absent: Sequence[str], dangling: Sequence[Owner]) -> dict[str, dict[Any, Any]]:
    """The owners found absent now, for the next dependents to know; the oldest are forgotten."""
    found: dict[Any, Any] = {owner.reference["uid"]: True for owner in dangling if owner.reference["uid"] not in absent}
    surplus = len(absent) + len(found) - ABSENT_LIMIT
    if surplus > 0:
        found.update(dict.fromkeys(absent[:surplus]))
    return {ABSENT: found} if found else {}


def _read(seen: Seen) -> Call:
    _, resource, namespace, name, _ = seen.key
    return Call("get", resource, namespace, name, accept=(404,))


def _owner_reads(seen: Seen) -> list[Call]:
    """Each owner that is not known to be absent is asked for."""
    namespace, calls = seen.key[2], []
    for owner in seen.owners:
        if owner.kind is None or owner.reference["uid"] in seen.absent:
            continue
        place = namespace if owner.kind.namespaced else ""
        calls.append(Call("get", owner.kind.resource, place, owner.reference["name"], accept=(404,)))
    return calls


def _delete(seen: Seen, policy: str, why: Reason) -> Call:
    options = {"propagationPolicy": policy}
    because = why(_subject(seen.object))
    return delete(seen.key[1], seen.object, uid_precondition=True, options=options, accept=(404, 409), because=because)


def _unblock(seen: Seen, subject: str) -> Call:
    """No owner is blocked any more: a circle of objects that wait for each other is cut."""
    blocking = [{**owner.reference, "blockOwnerDeletion": False} for owner in seen.owners if blocks(owner.reference)]
    return patch(seen.key[1], seen.object, _owners_patch(seen.object, blocking), accept=(404,), because=UNBLOCK(subject))


def _owners_patch(obj: Object, references: list[Object]) -> Object:
    return {"metadata": {"uid": obj["metadata"]["uid"], "ownerReferences": references}}


def _finish_foreground(seen: Seen) -> Plan:
    uid, subject = seen.object["metadata"]["uid"], _subject(seen.object)
    blocking = [
        (key, each)
        for key, each in seen.dependents
        if any(blocks(reference) and reference["uid"] == uid for reference in each["metadata"].get("ownerReferences") or ())
    ]
    if not blocking:
        return _remove_finalizer(seen, FOREGROUND)
    left = tuple(to_delete(key, each) for key, each in blocking if not is_deleting(each))
    return Plan(follow_up=left, because=(BLOCKED(subject, count=len(blocking)),))


def _remove_finalizer(seen: Seen, finalizer: str) -> Plan:
    meta = seen.object["metadata"]
    if finalizer not in (meta.get("finalizers") or ()):
        return NOTHING
    kept = [each for each in meta["finalizers"] if each != finalizer]
    body = {"metadata": {"resourceVersion": meta["resourceVersion"], "finalizers": kept or None}}
    call = patch(seen.key[1], seen.object, body, "merge", accept=(404,), because=FINISHED(_subject(seen.object)))
    return Plan((Batch((_read(seen),)), Batch((call,))))


def _orphan(seen: Seen) -> Plan:
    """All dependents are let go at once; then the owner's finalizer goes."""
    uid, owner = seen.object["metadata"]["uid"], _subject(seen.object)
    gone = [{"$patch": "delete", "uid": uid}]
    calls = tuple(
        patch(key[0], each, _owners_patch(each, gone), accept=(404,), because=LET_GO(_subject(each), owner=owner))
        for key, each in seen.dependents
    )
    first = Plan((Batch(calls),)) if calls else NOTHING
    return first.then(_remove_finalizer(seen, ORPHAN))


def _invalid(obj: Object, reference: Object) -> EventDraft:
    meta = obj["metadata"]
    namespace = meta.get("namespace", "")
    about = {"kind": obj["kind"], "namespace": namespace, "name": meta["name"], "uid": meta["uid"], "apiVersion": obj["apiVersion"]}
    words = f"[{reference['apiVersion']}/{reference['kind']}, namespace: {namespace}, name: {reference['name']}, uid: {reference['uid']}]"
    message = f'ownerRef {words} does not exist in namespace "{namespace}"'
    shown = {key: text for key, text in about.items() if text}
    return EventDraft(shown, "Warning", "OwnerRefInvalidNamespace", message)


def _subject(obj: Object) -> str:
    return f"{obj['kind'].lower()}/{obj['metadata']['name']}"
