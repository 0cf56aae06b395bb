"""The revision log: every change of every object, and every call that was made, in order. There is no second truth.

upstream: etcd's revisions (staging/src/k8s.io/apiserver/pkg/storage/etcd3); one revision is one change of one object.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kubelab.store.entries import Entries
from kubelab.store.informer_calls import InformerCalls
from kubelab.store.note import AuditNote
from kubelab.world.codec import value

Object = dict[str, Any]
ObjectKey = tuple[str, str, str]  # (resource, namespace, name)


class Manager(NamedTuple):
    """Who wrote, as managedFields record it. ``entries`` is set where the write decided the whole list (apply, a client's own list);
    ``seen`` is the object as it was sent, where admission or the strategy has changed it since: only what was sent is owned. Without a
    name nobody wrote: the registry changed the object by itself, and all entries stay as they were."""

    name: str
    operation: str  # "Update" or "Apply"
    api_version: str
    subresource: str = ""
    entries: list[Object] | None = None
    seen: Object | None = None


class Commit(NamedTuple):
    """One change: ``type`` ADDED, MODIFIED or DELETED; ``object`` after it (of a deletion: the last state), ``old`` before it."""

    revision: int
    time_ns: int
    type: str
    key: ObjectKey
    object: Object
    old: Object | None
    previous: int  # revision of the same object's commit before this one, 0 if none
    call: int  # index in Log.calls
    manager: Manager


class CallRecord(NamedTuple):
    """One call, as it was asked for and answered; refused ones too.

    Times in nanoseconds: ``time_ns`` when the server answered; ``wait_ns`` in the client's own queue before sending;
    ``latency_ns`` from sending to the answer. ``component`` is the caller's component ("" for users), ``wake`` the sequence of the wake and
    ``cause`` the revision that made it call (0: none). ``audit`` is there for calls that the audit policy records.
    """

    time_ns: int
    user: str
    user_agent: str
    verb: str
    resource: str
    subresource: str
    namespace: str
    name: str
    code: int
    reason: str
    message: str
    wait_ns: int
    latency_ns: int
    component: str
    key: str
    wake: int
    cause: int
    because: str
    revision: int  # of the commit, 0 if nothing was written
    uri: str
    audit: AuditNote | None = None


value(Manager)
value(Commit)
value(CallRecord)


class Log:
    """Commits and calls. Commit with revision r stands at ``commits[r - first]``. ``informers``: the lists and watches of informers."""

    __slots__ = ("calls", "commits", "first", "informers")

    def __init__(self, commits: Entries[Commit] | None = None, calls: Entries[CallRecord] | None = None, first: int = 1) -> None:
        self.commits: Entries[Commit] = Entries() if commits is None else commits
        self.calls: Entries[CallRecord] = Entries() if calls is None else calls
        self.first = first
        self.informers = InformerCalls()

    def fork(self) -> Log:
        new = Log(self.commits.fork(), self.calls.fork(), self.first)
        new.informers = self.informers.fork()
        return new

    @property
    def revision(self) -> int:
        """The newest revision."""
        return self.first + len(self.commits) - 1

    def at(self, revision: int) -> Commit:
        commits, number = self.commits, revision - self.first
        place = number - commits.base
        return commits.tail[place] if place >= 0 else commits[number]

    def key(self, revision: int) -> ObjectKey:
        """Of which object a commit is."""
        key: ObjectKey = self.commits.like(revision - self.first).key
        return key

    def caller(self, commit: Commit) -> str:
        """The component whose call made a commit."""
        caller: str = self.calls.like(commit.call).component
        return caller

    def since(self, revision: int) -> list[Commit]:
        """The commits after ``revision``."""
        return self.commits[max(0, revision + 1 - self.first) :]

    def history(self, commit: Commit) -> list[Commit]:
        """All commits of one incarnation of an object up to ``commit``, oldest first."""
        chain = [commit]
        while chain[-1].previous:
            chain.append(self.at(chain[-1].previous))
        return chain[::-1]
