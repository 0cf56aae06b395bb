"""Heartbeats in a shorter form: renewals of leases and reports of nodes that say nothing but that the time has moved on.

A day of 100 nodes has 864,000 of them, each a call and a commit, which differ from those before in a few numbers only. What is old enough to
stand in a block (``entries``) is kept as these numbers beside one *shape* for all heartbeats of an object; read, it is the same commit and the
same call record again. Nothing is lost and nothing is forgotten: the form is compacted, not the history.

upstream: etcd's compaction (every five minutes, staging/src/k8s.io/apiserver/pkg/storage/etcd3/compact.go, 1.28) bounds what heartbeats take
by forgetting old revisions; here frames, explanations and audit read the log from its beginning.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from operator import is_not
from typing import Any, NamedTuple

from kubelab.store.entries import BLOCK, Numbers, shortened
from kubelab.store.log import CallRecord, Commit, Log, Manager, Object, ObjectKey
from kubelab.store.note import AuditNote
from kubelab.world.clock import parse_rfc3339, rfc3339, rfc3339_micro

LEASES, NODES = "leases.coordination.k8s.io", "nodes"
RESOURCES = (LEASES, NODES)
PLAIN = 2 * BLOCK  # so many of the newest entries are at hand as they are, at the most; few enough to be in a processor's cache still


def freeze(log: Log, shapes: Shapes) -> None:
    """Put what is older than the newest thousand or two of entries into blocks."""
    while len(log.commits.tail) >= PLAIN:
        log.commits.freeze(shortened(log.commits.tail[:BLOCK], shapes.of_commit, commit_of, 6))
    while len(log.calls.tail) >= PLAIN:
        log.calls.freeze(shortened(log.calls.tail[:BLOCK], shapes.of_call, call_of, 7))


class Shapes:
    """The shapes met so far, so that all heartbeats of an object share one; ``latest`` is the object of its last heartbeat, and the time that it
    shows. All follows from the log and is never truth."""

    __slots__ = ("calls", "commits", "latest")

    def __init__(self) -> None:
        self.commits: dict[ObjectKey, CommitShape] = {}
        self.latest: dict[ObjectKey, tuple[Object, int]] = {}
        self.calls: dict[tuple[Any, ...], CallRecord] = {}

    def fork(self) -> Shapes:
        new = Shapes()
        new.commits, new.latest, new.calls = dict(self.commits), dict(self.latest), dict(self.calls)
        return new

    def of_commit(self, commit: Commit) -> tuple[CommitShape, Numbers] | None:
        """The shape of a commit and what tells it from others of the shape; None if it is no heartbeat."""
        key, old = commit.key, commit.old
        if key[0] not in RESOURCES or commit.type != "MODIFIED" or old is None:
            return None
        shape, instant_ns, old_ns = self.commits.get(key), None, None
        if shape is not None and (commit.manager is shape.manager or commit.manager == shape.manager):
            latest, latest_ns = self.latest.get(key, (None, None))
            if latest is old:
                instant_ns, old_ns = _renewed(key[0], commit.revision, commit.object, old), latest_ns
            if instant_ns is None:
                instant_ns = _instant_in(shape, commit.revision, commit.object)
        if shape is None or instant_ns is None:
            shape = _shape_of(commit)
            if shape is None:
                return None
            self.commits[key] = shape
            instant_ns, old_ns = _instant_in(shape, commit.revision, commit.object), None
        if old_ns is None:
            old_ns = _instant_in(shape, commit.previous, old)
        if instant_ns is None or old_ns is None:
            return None
        self.latest[key] = (commit.object, instant_ns)
        return shape, (commit.revision, commit.time_ns, instant_ns, commit.previous, old_ns, commit.call)

    def of_call(self, call: CallRecord) -> tuple[CallRecord, Numbers] | None:
        """The shape of a call and what tells it from others of the shape; None if it is no heartbeat's."""
        if call.resource not in RESOURCES or call.code != 200 or call.verb not in ("update", "patch"):
            return None
        seen = _seen(call.audit)
        if seen is None:
            return None
        words = (*call[1:11], *call[13:15], call.because, call.uri, *call[21:])
        shape = self.calls.get(words)
        if shape is None or not _same_note(call.audit, shape.audit):
            shape = self.calls[words] = _without_numbers(call)
        return shape, (call.time_ns, call.wait_ns, call.latency_ns, call.wake, call.cause, call.revision, seen)


# -- commits -------------------------------------------------------------------------------------------------------------------
class CommitShape(NamedTuple):
    """What the heartbeats of one object have in common: ``base`` is the object without resourceVersion and instant."""

    key: ObjectKey
    manager: Manager
    base: Object


def commit_of(shape: CommitShape, numbers: Numbers, before: Commit | None) -> Commit:
    """The commit again; ``before`` is the heartbeat of the same shape before it, if it is at hand."""
    revision, time_ns, instant_ns, previous, old_ns, call = numbers
    obj = with_instant(shape, revision, instant_ns)
    old = before.object if before is not None and before.revision == previous else with_instant(shape, previous, old_ns)
    return Commit(revision, time_ns, "MODIFIED", shape.key, obj, old, previous, call, shape.manager)


def _shape_of(commit: Commit) -> CommitShape | None:
    """The shape of a commit that may be the first of its object's heartbeats."""
    resource, manager = commit.key[0], commit.manager
    if manager.entries is not None or manager.seen is not None or _read(resource, _shown(resource, commit.object)) is None:
        return None
    return CommitShape(commit.key, manager, _showing(resource, commit.object, "", ""))


def _renewed(resource: str, revision: int, obj: Object, old: Object) -> int | None:
    """The instant that a lease shows which shares all else with the object before it; None if that does not tell."""
    if resource != LEASES or [*obj] != [*old]:
        return None
    meta, meta_before, spec, spec_before = obj["metadata"], old["metadata"], obj["spec"], old["spec"]
    if type(spec) is not dict or meta["resourceVersion"] != str(revision) or [*meta] != [*meta_before] or [*spec] != [*spec_before]:
        return None
    text = spec["renewTime"]
    if type(text) is not str:
        return None
    differing = sum(map(is_not, meta.values(), meta_before.values())), sum(map(is_not, spec.values(), spec_before.values()))
    if differing != (1, 1) or text is spec_before["renewTime"] or sum(map(is_not, obj.values(), old.values())) != 2:
        return None
    return _read(resource, text)


def _instant_in(shape: CommitShape, revision: int, obj: Object) -> int | None:
    """The instant with which the shape is the object; None if it is with none."""
    resource = shape.key[0]
    text = _shown(resource, obj)
    instant_ns = _read(resource, text)
    if instant_ns is None:
        return None
    return instant_ns if identical(_showing(resource, shape.base, str(revision), text), obj) else None


def with_instant(shape: CommitShape, revision: int, instant_ns: int) -> Object:
    """The object of a heartbeat."""
    resource = shape.key[0]
    return _showing(resource, shape.base, str(revision), _printed(resource, instant_ns))


def _shown(resource: str, obj: Object) -> str:
    """The time that a heartbeat shows, everywhere the same; "" if this is none."""
    if resource == LEASES:
        text = (obj.get("spec") or {}).get("renewTime")
    else:
        times = [condition.get("lastHeartbeatTime") for condition in (obj.get("status") or {}).get("conditions") or ()]
        text = times[0] if times and times.count(times[0]) == len(times) else None
    return text if type(text) is str else ""


def _showing(resource: str, base: Object, version: str, text: str) -> Object:
    """The base as a heartbeat that shows this time."""
    meta = {**base["metadata"], "resourceVersion": version}
    if resource == LEASES:
        return {**base, "metadata": meta, "spec": {**base["spec"], "renewTime": text}}
    conditions = [{**condition, "lastHeartbeatTime": text} for condition in base["status"]["conditions"]]
    return {**base, "metadata": meta, "status": {**base["status"], "conditions": conditions}}


def _printed(resource: str, instant_ns: int) -> str:
    """A lease shows microseconds, a node seconds."""
    return rfc3339_micro(instant_ns) if resource == LEASES else rfc3339(instant_ns)


def _read(resource: str, text: str) -> int | None:
    """The instant that prints as this text; None if none does."""
    second_ns = _second_ns(text[:19])
    if second_ns is None:
        return None
    if resource != LEASES:
        return second_ns if text[19:] == "Z" else None
    micros = text[20:26]
    if not micros.isdecimal() or text[19:] != f".{int(micros):06d}Z":
        return None
    return second_ns + int(micros) * 1000


@lru_cache(maxsize=4096)
def _second_ns(text: str) -> int | None:
    """The instant of a full second, without its zone; None if this is none."""
    try:
        second_ns = parse_rfc3339(f"{text}Z")
        return second_ns if rfc3339(second_ns) == f"{text}Z" else None
    except (ValueError, OverflowError):
        return None


def identical(one: Any, other: Any) -> bool:
    """Whether two JSON values print alike: equal, of the same types, with their keys in the same order."""
    if one is other:
        return True
    kind = type(one)
    if kind is not type(other):
        return False
    if kind is dict:
        return [*one] == [*other] and _all_identical(one.values(), other.values())
    if kind is list:
        return len(one) == len(other) and _all_identical(one, other)
    return bool(one == other)


def _all_identical(ones: Iterable[Any], others: Iterable[Any]) -> bool:
    for one, other in zip(ones, others, strict=True):
        if one is not other and not identical(one, other):
            return False
    return True


# -- calls ---------------------------------------------------------------------------------------------------------------------
def call_of(shape: CallRecord, numbers: Numbers, before: CallRecord | None) -> CallRecord:
    """The call again."""
    time_ns, wait_ns, latency_ns, wake, cause, revision, seen = numbers
    note = shape.audit
    if note is not None and note.about is not None and seen >= 0:
        note = note._replace(about=(*note.about[:3], str(seen)))
    words = (*shape[1:11], wait_ns, latency_ns, *shape[13:15], wake, cause, shape.because, revision, shape.uri, note, *shape[21:])
    return CallRecord(time_ns, *words)


def _without_numbers(call: CallRecord) -> CallRecord:
    note = call.audit
    if note is not None and note.about is not None:
        note = note._replace(about=(*note.about[:3], ""))
    return call._replace(time_ns=0, wait_ns=0, latency_ns=0, wake=0, cause=0, revision=0, audit=note)


def _seen(note: AuditNote | None) -> int | None:
    """The resourceVersion that a note has seen in the body (-1: none); None if the note keeps more than a heartbeat's."""
    if note is None:
        return -1
    if note.request is not None or note.response is not None or note.annotations:
        return None
    if note.about is None or not note.about[3]:
        return -1
    version = note.about[3]
    return int(version) if len(version) < 19 and version.isdecimal() and str(int(version)) == version else None


def _same_note(note: AuditNote | None, shape: AuditNote | None) -> bool:
    """Whether they are the same but for the resourceVersion."""
    if note is None or shape is None:
        return note is shape
    mine, its = note.about, shape.about
    return note[:4] == shape[:4] and note.door == shape.door and (mine if mine is None else mine[:3]) == (its if its is None else its[:3])
