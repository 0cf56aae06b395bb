"""The store: the newest state, the log behind it, and the window of changes that a watch can still be given.

upstream: staging/src/k8s.io/apiserver/pkg/storage (Interface), etcd compaction every five minutes.
"""

from __future__ import annotations

from bisect import bisect_left

from kubelab.store.log import Commit, Log, Manager, Object, ObjectKey
from kubelab.store.state import State
from kubelab.world.clock import MINUTE

WATCH_WINDOW_NS = 10 * MINUTE


class Store:
    """Commits go in by ``commit``; ``head`` is the state after the newest of them."""

    __slots__ = ("head", "log")

    def __init__(self, log: Log | None = None, head: State | None = None) -> None:
        self.log = Log() if log is None else log
        self.head = State() if head is None else head

    def fork(self) -> Store:
        return Store(self.log.fork(), self.head.fork())

    @property
    def revision(self) -> int:
        return self.log.revision

    def commit(self, time_ns: int, type_: str, key: ObjectKey, obj: Object, manager: Manager, call: int) -> Commit:
        """Append one change and apply it. ``obj`` must carry the resourceVersion that it becomes, ``revision + 1``."""
        revision, old = self.log.revision + 1, self.head.get(*key)
        previous = 0
        if old is not None:
            before = self.log.at(int(old["metadata"]["resourceVersion"]))
            previous, key = before.revision, before.key  # one value for all commits of an object
        commit = Commit(revision, time_ns, type_, key, obj, old, previous, call, manager)
        self.log.commits.append(commit)
        self.head.apply(commit)
        return commit

    def newest(self, key: ObjectKey) -> Commit | None:
        """The commit that left an object as it is now; None if it is not there."""
        obj = self.head.get(*key)
        return None if obj is None else self.log.at(int(obj["metadata"]["resourceVersion"]))

    def oldest_watchable(self, now_ns: int) -> int:
        """The oldest revision from which a watch may start: what has happened since is still in the window."""
        commits = self.log.commits
        at = bisect_left(commits, now_ns - WATCH_WINDOW_NS, key=lambda commit: commit.time_ns)
        return self.log.first + at - 1

    def at_revision(self, revision: int) -> State:
        """The state as it was at ``revision``, made again from the log."""
        state = State()
        for commit in self.log.commits[: revision + 1 - self.log.first]:
            state.apply(commit)
        return state
