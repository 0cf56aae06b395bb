"""Shared cores: what waits, and for how long."""

from __future__ import annotations

from kubelab.engine.cores import Cores


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
