"""Shared cores: what waits, for whom, and for how long; and what waking costs (docs/timing.md)."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from kubelab.engine.cores import ASLEEP_NS, Cores, answered_ns, told
from kubelab.engine.plan import NOTHING, Act, Batch, Call, Plan
from kubelab.world.streams import Streams
from kubelab.world.timing import Timing

TIMING = Timing(cores=2, jitter=0.0, event_ns=100, wake_ns=40, watch_ns=1000, doze_ns=7, answer_ns=500)
BUSY = 10_000


@dataclass
class World:
    """What the functions ask of an engine."""

    now_ns: int = BUSY
    timing: Timing = TIMING
    streams: Streams = field(default_factory=lambda: Streams(1))


def _cores(*free_ns: int, told_ns: int = 0) -> Cores:
    return Cores(list(free_ns), (0, 0), told_ns)


def test_two_cores_do_two_pieces_at_once_and_the_third_waits():
    cores = Cores([0, 0])

    assert [cores.take(10, 5), cores.take(10, 5), cores.take(10, 5)] == [15, 15, 20]


def test_a_core_that_was_idle_begins_when_work_comes():
    cores = Cores([0])

    assert cores.take(100, 5) == 105
    assert cores.take(200, 5) == 205


def test_computing_ends_in_time_and_lets_others_wait():
    cores = Cores([0])
    cores.take(0, 10)

    assert cores.compute(0, 4) == 4
    assert cores.take(0, 1) == 15


def test_what_comes_during_a_flush_goes_with_the_next_one():
    cores = Cores([0])

    assert cores.flush(100, 10) == 110
    assert [cores.flush(103, 10), cores.flush(107, 10)] == [120, 120]
    assert cores.flush(111, 10) == 130
    assert cores.flush(200, 10) == 210


def test_a_fork_has_cores_of_its_own():
    cores = Cores([0])
    fork = cores.fork()
    cores.take(0, 10)

    assert fork.take(0, 1) == 1


@pytest.mark.parametrize(
    ("told_ns", "processes", "expected_ns"),
    [
        (BUSY, 1, 100 + 40 + 1000),  # nothing on its way: the process is woken
        (BUSY, 3, 3 * (100 + 40) + 1000),
        (BUSY + 1, 3, 3 * 100 + 1000),  # taken along with what is being worked on
        (BUSY - ASLEEP_NS, 1, 100 + 40 + 1000),
        (BUSY - ASLEEP_NS - 1, 1, 100 + 40 + 1000 + 7),  # asleep
    ],
)
def test_an_event_that_comes_alone_wakes_who_watches(told_ns, processes, expected_ns):
    assert told(World(), _cores(0, 0, told_ns=told_ns), processes) == BUSY + expected_ns  # type: ignore[arg-type]


def test_events_are_on_their_way_until_they_have_been_worked_on():
    world, cores = World(), _cores(0, 0, told_ns=BUSY)
    told(world, cores, 2)  # type: ignore[arg-type]

    assert cores.told_ns == BUSY + 2 * (100 + 40)
    assert cores.fork().told_ns == cores.told_ns


@pytest.mark.parametrize(
    ("free_ns", "turn_ns", "done_ns"),
    [
        ((BUSY, BUSY + 300), 50, BUSY + 10),  # a core is free
        ((BUSY + 30, BUSY + 300), 50, BUSY + 40),  # soon
        ((BUSY + 200, BUSY + 300), 50, BUSY + 60),  # not for long: it has its turn
        ((BUSY + 200, BUSY + 300), 0, BUSY + 10),
    ],
)
def test_work_of_a_process_below_its_fair_share_waits_for_one_turn_at_most(free_ns, turn_ns, done_ns):
    assert _cores(*free_ns).compute(BUSY, 10, turn_ns) == done_ns


@pytest.mark.parametrize(
    ("plan", "expected_ns"),
    [
        (Plan((Batch((Call("update", "pods"),)),)), 500 + 200),  # its answer waits for a core
        (Plan((Batch((Act("cycle"),)),)), 500),  # nobody answers
        (NOTHING, 500),
    ],
)
def test_the_next_sync_of_a_key_begins_when_the_answer_is_there(plan, expected_ns):
    assert answered_ns(World(), _cores(BUSY + 200, BUSY + 300), plan) == expected_ns  # type: ignore[arg-type]
