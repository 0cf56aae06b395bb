"""The revision log: every change of every object, and every call that was made, in order. There is no second truth.

upstream: etcd's revisions (staging/src/k8s.io/apiserver/pkg/storage/etcd3); one revision is one change of one object.
"""

from __future__ import annotations

from typing import Any, NamedTuple

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
    """Commits and calls. Commit with revision r stands at ``commits[r - first]``."""

    __slots__ = ("calls", "commits", "first")

    def __init__(self, commits: list[Commit] | None = None, calls: list[CallRecord] | None = None, first: int = 1) -> None:
        self.commits: list[Commit] = [] if commits is None else commits
        self.calls: list[CallRecord] = [] if calls is None else calls
        self.first = first

    def fork(self) -> Log:
        return Log(self.commits[:], self.calls[:], self.first)

    @property
    def revision(self) -> int:
        """The newest revision."""
        return self.first + len(self.commits) - 1

    def at(self, revision: int) -> Commit:
        return self.commits[revision - self.first]

    def since(self, revision: int) -> list[Commit]:
        """The commits after ``revision``."""
        return self.commits[max(0, revision + 1 - self.first) :]

    def history(self, commit: Commit) -> list[Commit]:
        """All commits of one incarnation of an object up to ``commit``, oldest first."""
        chain = [commit]
        while chain[-1].previous:
            chain.append(self.at(chain[-1].previous))
        return chain[::-1]
