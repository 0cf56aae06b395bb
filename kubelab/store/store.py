"""The store: the newest state, the log behind it, and the window of changes that a watch can still be given.

upstream: staging/src/k8s.io/apiserver/pkg/storage (Interface), etcd compaction every five minutes.
"""

from __future__ import annotations

from bisect import bisect_left

from kubelab.store.log import CallRecord, Commit, Log, Manager, Object, ObjectKey
from kubelab.store.state import State
from kubelab.world.clock import MINUTE

WATCH_WINDOW_NS = 10 * MINUTE


class Store:
    """Commits go in by ``commit``; ``head`` is the state after the newest of them."""

    __slots__ = ("head", "last", "log")

    def __init__(self, log: Log | None = None, head: State | None = None, last: dict[ObjectKey, int] | None = None) -> None:
        self.log = Log() if log is None else log
        self.head = State() if head is None else head
        self.last: dict[ObjectKey, int] = {} if last is None else last

    def fork(self) -> Store:
        return Store(self.log.fork(), self.head.fork(), dict(self.last))

    @property
    def revision(self) -> int:
        return self.log.revision

    def commit(self, time_ns: int, type_: str, key: ObjectKey, obj: Object, manager: Manager, call: int) -> Commit:
        """Append one change and apply it. ``obj`` must carry the resourceVersion that it becomes, ``revision + 1``."""
        revision, previous = self.log.revision + 1, self.last.get(key, 0)
        old = self.head.get(*key) if previous else None
        commit = Commit(revision, time_ns, type_, key, obj, old, previous, call, manager)
        self.log.commits.append(commit)
        self.head.apply(commit)
        if type_ == "DELETED":
            self.last.pop(key, None)
        else:
            self.last[key] = revision
        return commit

    def record(self, call: CallRecord) -> None:
        self.log.calls.append(call)

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
