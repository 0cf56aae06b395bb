"""Tries and waits of a batch.

upstream: apiserver/pkg/util/webhook/webhook_test.go (TestWithExponentialBackoff…), plugin/pkg/audit/webhook/webhook.go retryOnError, 1.28.
"""

from __future__ import annotations

import pytest

from kubelab.cluster.auditing.sending import Outcome, Parcel, Sending
from kubelab.world.clock import SECOND

PARCEL = Parcel(b"{}", 7)
LATE = 1000 * SECOND


def tries(outcomes: list[Outcome], seed: int = 0, initial_ns: int = 10 * SECOND) -> tuple[list[float], list[tuple[int, str]]]:
    """When each try was made, in seconds, and how the parcel ended."""
    sending = Sending(initial_ns, seed)
    sending.launch(PARCEL, 0)
    left, at = list(outcomes), []

    def post(parcel: Parcel, at_ns: int) -> Outcome:
        at.append(at_ns / SECOND)
        return left.pop(0) if left else Outcome("down")

    done = sending.run(LATE, post)
    assert sending.waiting == 0
    return at, [(one.tries, one.outcome.error) for one in done]


@pytest.mark.parametrize("seed", range(8))
def test_five_tries_with_waits_that_grow_by_half_and_stretch_by_a_fifth(seed: int):
    at, done = tries([], seed)
    assert done == [(5, "down")]
    waits = [later - first for first, later in zip(at, at[1:], strict=False)]
    for wait, base in zip(waits, (10, 15, 22.5, 33.75), strict=True):
        assert base <= wait <= base * 1.2
    assert 81.25 <= at[-1] <= 97.5


def test_a_receiver_that_comes_back_in_time_loses_nothing():
    at, done = tries([Outcome("down")] * 4 + [Outcome()])
    assert done == [(5, "")] and len(at) == 5


def test_a_silent_call_takes_its_thirty_seconds_before_the_wait():
    at, _ = tries([Outcome("timeout", 30 * SECOND), Outcome()])
    assert 40 <= at[1] <= 42


def test_the_waits_follow_from_the_seed():
    assert tries([], 5) == tries([], 5)
    assert tries([], 5) != tries([], 6)


def test_batches_overtake_each_other():
    """upstream hands each batch to a goroutine of its own: one that is retried keeps no other waiting."""
    sending = Sending(10 * SECOND, 0)
    first, second = Parcel(b"1", 1), Parcel(b"2", 1)
    sending.launch(first, 0)
    sending.launch(second, 1 * SECOND)
    failing = {b"1"}

    def post(parcel: Parcel, at_ns: int) -> Outcome:
        if parcel.body in failing:
            failing.clear()
            return Outcome("down")
        return Outcome()

    assert [done.parcel.body for done in sending.run(LATE, post)] == [b"2", b"1"]


def test_nothing_is_tried_before_its_time():
    sending = Sending(10 * SECOND, 0)
    sending.launch(PARCEL, 5 * SECOND)
    assert sending.run(5 * SECOND - 1, lambda parcel, at_ns: Outcome()) == []
    assert sending.waiting == 7 and sending.next() == (5 * SECOND, False)


def test_an_interrupt_loses_no_try():
    sending = Sending(10 * SECOND, 0)
    sending.launch(PARCEL, 0)

    def interrupted(parcel: Parcel, at_ns: int) -> Outcome:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sending.run(0, interrupted)
    assert [done.tries for done in sending.run(0, lambda parcel, at_ns: Outcome())] == [1]
