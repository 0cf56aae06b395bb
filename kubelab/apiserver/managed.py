"""managedFields, computed when somebody looks: a fold of the log's history of an object, remembered per revision.

Stored objects do not carry managedFields: each commit says who wrote (``Manager``), and the entries follow from that and the objects
before and after. Components never read them, so most writes never pay for them.

upstream: apimachinery/pkg/util/managedfields, apiserver/pkg/endpoints/handlers/fieldmanager, 1.28.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from kubelab.apiserver import conversion
from kubelab.apiserver.apply import managed
from kubelab.apiserver.copying import private
from kubelab.kinds import registry, schema
from kubelab.kinds.kind import Context, Kind
from kubelab.store.log import Commit, Manager, Object, ObjectKey
from kubelab.world.clock import rfc3339

if TYPE_CHECKING:
    from kubelab.apiserver.work import Work
    from kubelab.store.store import Store

KEEP = 20_000
NOBODY = Manager("", "Update", "")  # bindings and deletions pass by the field manager, as upstream's GuaranteedUpdate does


def manager_of(work: Work) -> Manager:
    """Who writes by this request: the field manager asked for, or the user agent up to its first slash."""
    request = work.request
    name = request.options.field_manager or request.user_agent.partition("/")[0][:128]
    return _updater(name, work.kind.group, request.version or work.kind.versions[0], request.subresource)


@lru_cache(maxsize=4096)
def _updater(name: str, group: str, version: str, subresource: str) -> Manager:
    """One value for all writes of the same kind by the same manager: every commit holds one."""
    return Manager(name, "Update", f"{group}/{version}" if group else version, subresource)


def of_question(work: Work, kind: Kind, asked: Object) -> list[Object]:
    """The entries of an object that is created and answered, but never stored: a review, a TokenRequest."""
    manager, version = manager_of(work), asked["apiVersion"]
    shape = schema.of(kind, version.rpartition("/")[2])
    blank = private({**asked, "status": {}})
    return managed.fields_of_update([], None, blank, manager.name, version, work.context.now, manager.subresource, shape)


class ManagedFields:
    """Entries by revision of the commit after which they hold. ``kept``: whether there are any at all, which a release before 1.18 had not."""

    __slots__ = ("kept", "known", "store")

    def __init__(self, store: Store, known: dict[int, list[Object]] | None = None, *, kept: bool = True) -> None:
        self.store = store
        self.kept = kept
        self.known: dict[int, list[Object]] = {} if known is None else known

    def fork(self, store: Store) -> ManagedFields:
        return ManagedFields(store, dict(self.known), kept=self.kept)

    def of(self, key: ObjectKey) -> list[Object]:
        """The entries of a stored object now."""
        newest = self.store.newest(key)
        return [] if newest is None else self.at(newest)

    def at(self, commit: Commit) -> list[Object]:
        """The entries of an object as a commit left it."""
        if not self.kept:
            return []
        pending: list[Commit] = []
        entries: list[Object] = []
        at: Commit | None = commit
        while at is not None:
            found = self.known.get(at.revision)
            if found is not None:
                entries = found
                break
            pending.append(at)
            at = self.store.log.at(at.previous) if at.previous else None
        for each in reversed(pending):
            entries = self._after(entries, each)
        if len(self.known) > KEEP:
            self.known.clear()
        self.known[commit.revision] = entries
        return entries

    def foreseen(self, work: Work, manager: Manager) -> list[Object]:
        """The entries that a dry run would leave."""
        old = work.old
        place = (work.context.now_ns, "MODIFIED", work.key, work.object, old)
        return self._after([] if old is None else self.of(work.key), Commit(0, *place, 0, 0, manager))

    @staticmethod
    def _after(entries: list[Object], commit: Commit) -> list[Object]:
        manager = commit.manager
        if manager.entries is not None:
            return manager.entries
        if not manager.name:
            return entries
        kind = registry.by_resource(commit.key[0])
        group, _, version = manager.api_version.rpartition("/")
        shape = schema.for_kind(group, version, kind.kind)
        new = commit.object
        if manager.seen is not None:
            new = private(manager.seen)
            kind.default(new, Context(rfc3339(commit.time_ns), commit.time_ns))
        old = commit.old
        if manager.api_version in kind.conversions and group == kind.group:
            new = conversion.shown(kind, new, manager.api_version)
            old = None if old is None else conversion.shown(kind, old, manager.api_version)
        return managed.fields_of_update(
            entries,
            old,
            new,
            manager.name,
            manager.api_version,
            rfc3339(commit.time_ns),
            manager.subresource,
            shape,
            convert=conversion.between(kind) if group == kind.group else None,
        )


_NOT_OWNED = ("metadata", "status", "apiVersion", "kind")


def writer(work: Work) -> Manager:
    """Who makes this change, and what was sent for it where what is stored says something else."""
    manager = work.manager
    assert manager is not None
    seen = _sent(work) if manager.entries is None else None
    return manager if seen is None else manager._replace(seen=seen)


def _sent(work: Work) -> Object | None:
    seen, obj = work.sent, work.object
    if seen is None:
        return None
    for name, part in seen.items():
        if part is not obj.get(name) and name not in _NOT_OWNED and part != obj.get(name):
            return seen
    for name, part in obj.items():
        if part is not None and name not in seen and name not in _NOT_OWNED:
            return seen
    meta, stored = seen["metadata"], obj["metadata"]
    for name in ("labels", "annotations", "finalizers"):
        if meta.get(name) is not stored.get(name) and meta.get(name) != stored.get(name):
            return seen
    return None
