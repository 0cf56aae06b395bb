"""Container events: what GetContainerEvents streams, found by comparing the tables of a runtime before and after.

upstream: containerd 1.7 pkg/cri/server/{sandbox_run,container_create,container_start,container_remove,sandbox_remove,events,helpers}.go: a sandbox's own
events bear its id; an event's statuses are those of its sandbox and of all containers in it at that moment. A container that could not be started tells
nothing of it. spec: cri-metrics.md section 1.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import TracebackType
from typing import Any, NamedTuple, Self

from kubelab.cri.api import CREATED, EXITED, NOTREADY, READY, RUNNING, Container, Sandbox

Object = dict[str, Any]
Rows = dict[str, Any]
MADE, STARTED, STOPPED, DELETED = "CONTAINER_CREATED_EVENT", "CONTAINER_STARTED_EVENT", "CONTAINER_STOPPED_EVENT", "CONTAINER_DELETED_EVENT"
KILLED = 137


class Happened(NamedTuple):
    """An event. ``sandbox`` is None for the end of a sandbox; ``containers`` are those of the sandbox, as they were then."""

    time_ns: int
    type: str
    id: str
    sandbox: Sandbox | None
    containers: tuple[Container, ...]


class Tables(NamedTuple):
    """Sandboxes and containers of a runtime, in copies of their tables."""

    sandboxes: Rows
    containers: Rows

    def same(self, tables: dict[str, Rows]) -> bool:
        """Whether nothing has changed: rows are values, so a comparison of tables looks at identities alone."""
        return self.containers == tables.get("containers", {}) and self.sandboxes == tables.get("sandboxes", {})

    @classmethod
    def of(cls, tables: dict[str, Rows]) -> Tables:
        return cls(dict(tables.get("sandboxes", {})), dict(tables.get("containers", {})))


def happened(before: Tables, after: Tables, now_ns: int) -> list[Happened]:
    """What lies between two looks, in the order of time."""
    found: list[Happened] = []
    for id, box in after.sandboxes.items():
        if id not in before.sandboxes:
            ready = replace(box, state=READY, stopped_ns=0)
            found += [Happened(box.created_ns, what, id, ready, ()) for what in (MADE, STARTED)]
    for id in (*after.containers, *(each for each in before.containers if each not in after.containers)):
        was, now = before.containers.get(id), after.containers.get(id)
        if was is not now:
            found += _of_container(was, now, before, after, now_ns)
    for id in (*after.sandboxes, *(each for each in before.sandboxes if each not in after.sandboxes)):
        old, new = before.sandboxes.get(id), after.sandboxes.get(id)
        if old is not new:
            found += _of_sandbox(old, new, after, now_ns)
    return sorted(found, key=_time)


def _of_container(was: Container | None, now: Container | None, before: Tables, after: Tables, now_ns: int) -> list[Happened]:
    row = now or was
    assert row is not None, "a container that changed was there before or is there now"
    box = after.sandboxes.get(row.sandbox_id) or replace(before.sandboxes[row.sandbox_id], state=NOTREADY, stopped_ns=now_ns)
    stages: list[tuple[int, str, Container | None]] = []
    if was is None:
        stages.append((row.created_ns, MADE, replace(row, state=CREATED, started_ns=0, finished_ns=0, exit_code=0, reason="", message="")))
    if row.started_ns and (was is None or not was.started_ns):
        stages.append((row.started_ns, STARTED, replace(row, state=RUNNING, finished_ns=0, exit_code=0, reason="", message="")))
    if row.started_ns and row.state == EXITED and (was is None or was.state != EXITED):
        stages.append((row.finished_ns, STOPPED, row))
    if now is None:
        if row.state == RUNNING:  # its removal has killed it
            stages.append((now_ns, STOPPED, replace(row, state=EXITED, finished_ns=now_ns, exit_code=KILLED, reason="Error")))
        stages.append((now_ns, DELETED, None))
    return [Happened(at_ns, what, row.id, box, _members(row, own, before, after)) for at_ns, what, own in stages]


def _members(row: Container, own: Container | None, before: Tables, after: Tables) -> tuple[Container, ...]:
    """The containers of a row's sandbox, itself as it was then; of those that go at the same instant the ones after it are still there."""
    members = {each.id: each for each in after.containers.values() if each.sandbox_id == row.sandbox_id}
    if row.id not in members:
        gone = [each for each in before.containers.values() if each.sandbox_id == row.sandbox_id and each.id not in members]
        members |= {each.id: each for each in gone[gone.index(row) + 1 :]} if row in gone else {}
    if own is not None:
        members[row.id] = own
    return tuple(members.values())


def _of_sandbox(was: Sandbox | None, now: Sandbox | None, after: Tables, now_ns: int) -> list[Happened]:
    row = now or was
    assert row is not None, "a sandbox that changed was there before or is there now"
    members = tuple(each for each in after.containers.values() if each.sandbox_id == row.id)
    found: list[Happened] = []
    if now is None or now.state == NOTREADY:
        if was is None or was.state == READY:
            stopped = row if row.state == NOTREADY else replace(row, state=NOTREADY, stopped_ns=now_ns)
            found.append(Happened(stopped.stopped_ns, STOPPED, row.id, stopped, members))
    if now is None:
        found.append(Happened(now_ns, DELETED, row.id, None, ()))
    return found


def _time(event: Happened) -> int:
    return event.time_ns


class ContainerEvents:
    """The events of a node's runtime since somebody asked for them, as dicts of ContainerEventResponse; kept until they are read.

    In process nothing waits: ``read()`` and a loop give what has come so far, and later ones what has come since. ``sink``: who takes each at once.
    """

    def __init__(self, sink: Callable[[Object], None] | None = None) -> None:
        self._kept: deque[Object] = deque()
        self._sink = sink or self._kept.append
        self.closed = False

    def tell(self, event: Object) -> None:
        """An event has happened."""
        if not self.closed:
            self._sink(event)

    def read(self, timeout: float = 0) -> list[Object]:
        """What has come since the last look. ``timeout`` is for runtimes elsewhere: here the cluster's time passes in ``run`` alone."""
        return list(self)

    def __iter__(self) -> Iterator[Object]:
        while self._kept:
            yield self._kept.popleft()

    def close(self) -> None:
        """Hear no more."""
        self.closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
