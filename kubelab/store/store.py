"""The store: the newest state, the log behind it, and the window of changes that a watch can still be given.

upstream: staging/src/k8s.io/apiserver/pkg/storage (Interface), etcd compaction every five minutes.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import islice
from operator import attrgetter

from kubelab.store.heartbeats import PLAIN, Shapes, freeze
from kubelab.store.log import Commit, Log, Manager, Object, ObjectKey
from kubelab.store.state import State
from kubelab.world.clock import MINUTE
from kubelab.world.tuples import new_tuple

WATCH_WINDOW_NS = 10 * MINUTE


class Store:
    """Commits go in by ``commit``; ``head`` is the state after the newest of them."""

    __slots__ = ("head", "log", "shapes")

    def __init__(self, log: Log | None = None, head: State | None = None, shapes: Shapes | None = None) -> None:
        self.log = Log() if log is None else log
        self.head = State() if head is None else head
        self.shapes = Shapes() if shapes is None else shapes

    def fork(self) -> Store:
        return Store(self.log.fork(), self.head.fork(), self.shapes.fork())

    @property
    def revision(self) -> int:
        return self.log.revision

    def commit(self, time_ns: int, type_: str, key: ObjectKey, obj: Object, manager: Manager, call: int) -> Commit:
        """Append one change and apply it. ``obj`` must carry the resourceVersion that it becomes, ``revision + 1``."""
        log, head = self.log, self.head
        commits, table = log.commits, head.objects.get(key[0])
        revision, old = head.revision + 1, None if table is None else table.get(key[1:])
        previous = 0
        if old is not None:
            previous = int(old["metadata"]["resourceVersion"])
            place = previous - log.first - commits.base
            key = commits.tail[place].key if place >= 0 else log.key(previous)  # one value for all commits of an object
        commit = new_tuple(Commit, (revision, time_ns, type_, key, obj, old, previous, call, manager))
        commits.append(commit)
        head.apply(commit)
        if len(commits.tail) >= PLAIN:
            freeze(log, self.shapes)
        return commit

    def newest(self, key: ObjectKey) -> Commit | None:
        """The commit that left an object as it is now; None if it is not there."""
        obj = self.head.get(*key)
        return None if obj is None else self.log.at(int(obj["metadata"]["resourceVersion"]))

    def oldest_watchable(self, now_ns: int) -> int:
        """The oldest revision from which a watch may start: what has happened since is still in the window."""
        return self.revision_at(now_ns - WATCH_WINDOW_NS)

    def revision_at(self, time_ns: int) -> int:
        """The revision of the newest change before an instant."""
        log = self.log
        commits, time_of = log.commits, attrgetter("time_ns")
        if commits.tail and commits.tail[0].time_ns < time_ns:
            return log.first + commits.base + bisect_left(commits.tail, time_ns, key=time_of) - 1
        return log.first + bisect_left(commits, time_ns, 0, commits.base, key=time_of) - 1

    def at_revision(self, revision: int) -> State:
        """The state as it was at ``revision``, made again from the log."""
        state = State()
        for commit in islice(self.log.commits, max(0, revision + 1 - self.log.first)):
            state.apply(commit)
        return state
