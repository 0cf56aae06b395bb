"""Container events, found between two looks at a runtime's tables.

upstream: containerd 1.7 pkg/cri/server/{sandbox_run,container_start,container_remove,sandbox_remove,events,helpers}.go.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kubelab.cri.api import CREATED, EXITED, NOTREADY, READY, RUNNING, Container, ContainerSpec, Sandbox, SandboxConfig
from kubelab.cri.events import ContainerEvents, Tables, happened

BOX = Sandbox("box", SandboxConfig("p", "n", "u"), READY, 10)
ONE = Container("one", "box", ContainerSpec("one", "nginx"), "sha256:1", "forever", CREATED, 20)
UP = replace(ONE, state=RUNNING, started_ns=30)
DOWN = replace(UP, state=EXITED, finished_ns=40, exit_code=2, reason="Error")
TWO = replace(UP, id="two", spec=ContainerSpec("two", "nginx"))
FAILED = replace(ONE, state=EXITED, finished_ns=30, exit_code=128, reason="StartError")
NOW = 50


def tables(*rows: Any) -> Tables:
    return Tables({row.id: row for row in rows if isinstance(row, Sandbox)}, {row.id: row for row in rows if isinstance(row, Container)})


def told(before: Tables, after: Tables) -> list[tuple[int, str, str, str, dict[str, str]]]:
    """(time, type, id, state of the sandbox, states of the containers) of each event."""
    return [
        (
            event.time_ns,
            event.type.removeprefix("CONTAINER_").removesuffix("_EVENT"),
            event.id,
            event.sandbox.state.removeprefix("SANDBOX_") if event.sandbox is not None else "",
            {each.id: each.state.removeprefix("CONTAINER_") for each in event.containers},
        )
        for event in happened(before, after, NOW)
    ]


STOPPED_BOX = replace(BOX, state=NOTREADY, stopped_ns=45)


@pytest.mark.parametrize(("before", "after", "events"), [
    (tables(BOX, UP), tables(BOX, UP), []),
    (tables(), tables(BOX), [(10, "CREATED", "box", "READY", {}), (10, "STARTED", "box", "READY", {})]),
    (tables(BOX), tables(BOX, ONE), [(20, "CREATED", "one", "READY", {"one": "CREATED"})]),
    (tables(BOX, ONE), tables(BOX, UP), [(30, "STARTED", "one", "READY", {"one": "RUNNING"})]),
    (tables(BOX, UP), tables(BOX, DOWN), [(40, "STOPPED", "one", "READY", {"one": "EXITED"})]),
    (tables(BOX, DOWN), tables(BOX), [(50, "DELETED", "one", "READY", {})]),
    (tables(BOX), tables(BOX, UP), [(20, "CREATED", "one", "READY", {"one": "CREATED"}), (30, "STARTED", "one", "READY", {"one": "RUNNING"})]),
    (tables(BOX), tables(BOX, DOWN), [
        (20, "CREATED", "one", "READY", {"one": "CREATED"}),
        (30, "STARTED", "one", "READY", {"one": "RUNNING"}),
        (40, "STOPPED", "one", "READY", {"one": "EXITED"}),
    ]),
    (tables(BOX, ONE), tables(BOX, FAILED), []),  # a start that failed: no event of containerd's tells of it
    (tables(BOX, ONE), tables(BOX), [(50, "DELETED", "one", "READY", {})]),
    (tables(BOX, UP), tables(BOX), [(50, "STOPPED", "one", "READY", {"one": "EXITED"}), (50, "DELETED", "one", "READY", {})]),
    (tables(BOX, DOWN), tables(STOPPED_BOX, DOWN), [(45, "STOPPED", "box", "NOTREADY", {"one": "EXITED"})]),
    (tables(BOX, UP, TWO), tables(STOPPED_BOX, DOWN, TWO), [
        (40, "STOPPED", "one", "NOTREADY", {"one": "EXITED", "two": "RUNNING"}), (45, "STOPPED", "box", "NOTREADY", {"one": "EXITED", "two": "RUNNING"}),
    ]),
    (tables(STOPPED_BOX), tables(), [(50, "DELETED", "box", "", {})]),
    (tables(BOX), tables(), [(50, "STOPPED", "box", "NOTREADY", {}), (50, "DELETED", "box", "", {})]),
    (tables(STOPPED_BOX, DOWN, replace(TWO, state=EXITED, finished_ns=40)), tables(), [
        (50, "DELETED", "one", "NOTREADY", {"two": "EXITED"}), (50, "DELETED", "two", "NOTREADY", {}), (50, "DELETED", "box", "", {}),
    ]),
])  # fmt: skip
def test_what_lies_between_two_looks(before, after, events):
    assert told(before, after) == events


def test_a_restarted_container_is_another_one():
    again = replace(UP, id="again", spec=replace(UP.spec, attempt=1), created_ns=46, started_ns=47)
    found = told(tables(BOX, UP), tables(BOX, DOWN, again))
    assert [(at, what, id) for at, what, id, _, _ in found] == [(40, "STOPPED", "one"), (46, "CREATED", "again"), (47, "STARTED", "again")]


def test_events_are_kept_until_they_are_read_and_none_comes_after_the_end():
    events = ContainerEvents()
    events.tell({"n": 1})
    events.tell({"n": 2})
    assert next(iter(events)) == {"n": 1}
    assert events.read(timeout=3) == [{"n": 2}]
    assert events.read() == list(events) == []
    with events:
        events.tell({"n": 3})
    events.tell({"n": 4})
    assert (events.closed, events.read()) == (True, [{"n": 3}])
