"""The buffer in virtual time.

upstream: staging/src/k8s.io/apiserver/plugin/pkg/audit/buffered/buffered_test.go, 1.28; each test says which one it carries over.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kubelab.cluster.auditing.batching import BLOCKED, SHUT_DOWN, Buffer
from kubelab.cluster.auditing.options import Batch
from kubelab.world.clock import MILLISECOND, SECOND

WAIT = 30 * SECOND
CONFIG = Batch(buffer_size=100, max_batch_size=10, max_wait_ns=WAIT, throttle_enable=False)


def offer(buffer: Buffer, number: int, at_ns: int = 0) -> list[str]:
    return [why for index in range(number) if (why := buffer.offer({"n": index}, at_ns))]


def sizes(batches: Any) -> list[tuple[float, int]]:
    return [(batch.at_ns / SECOND, len(batch.events)) for batch in batches]


def test_a_batch_goes_when_it_is_full_and_a_partial_one_when_its_time_is_over():
    """upstream: TestBatchedBackendCollectEvents"""
    buffer = Buffer(CONFIG, 0)
    offer(buffer, 11, 1 * SECOND)
    assert sizes(buffer.due(1 * SECOND)) == [(1, 10)]
    offer(buffer, 1, 2 * SECOND)
    assert sizes(buffer.due(30 * SECOND)) == []
    assert sizes(buffer.due(31 * SECOND)) == [(31, 2)]
    offer(buffer, 3, 40 * SECOND)
    assert sizes(buffer.stop(41 * SECOND)) == [(41, 3)]


def test_without_batching_each_event_goes_alone_and_at_once():
    """upstream: TestUnbatchedBackendCollectEvents"""
    buffer = Buffer(Batch(buffer_size=100, max_batch_size=1, throttle_enable=False), 0)
    offer(buffer, 3, 5 * SECOND)
    assert sizes(buffer.due(5 * SECOND)) == [(5, 1)] * 3
    assert len(buffer) == 0
    assert buffer.stop(6 * SECOND) == []


def test_after_the_end_nothing_is_taken():
    """upstream: TestBufferedBackendProcessEventsAfterStop"""
    buffer = Buffer(CONFIG, 0)
    assert buffer.stop(0) == []
    assert offer(buffer, 1) == [SHUT_DOWN]
    assert len(buffer) == 0


def test_a_full_buffer_drops_what_comes():
    """upstream: TestBufferedBackendProcessEventsBufferFull; here the throttle keeps the consumer from emptying it"""
    buffer = Buffer(Batch(buffer_size=3, max_batch_size=2, max_wait_ns=WAIT, throttle_qps=1, throttle_burst=1), 0)
    assert offer(buffer, 9) == [BLOCKED, BLOCKED]  # 2 gone, 2 wait for the throttle, 3 in the buffer
    assert sizes(buffer.due(60 * SECOND)) == [(0, 2), (1, 2), (2, 2), (32, 1)]


def test_the_end_sends_everything_and_the_throttle_still_holds():
    """upstream: TestBufferedBackendShutdownWaitsForDelegatedCalls"""
    buffer = Buffer(Batch(buffer_size=100, max_batch_size=10, max_wait_ns=WAIT, throttle_qps=2, throttle_burst=1), 0)
    assert offer(buffer, 35) == []
    assert sizes(buffer.stop(0)) == [(0, 10), (0.5, 10), (1, 10), (1.5, 5)]


def test_five_full_batches_are_five_calls():
    """upstream: TestDelegateProcessEvents"""
    buffer = Buffer(CONFIG, 0)
    for second in range(5):
        offer(buffer, 10, second * SECOND)
    assert sizes(buffer.due(4 * SECOND)) == [(second, 10) for second in range(5)]


def test_the_timer_runs_on_while_there_is_nothing_to_send():
    buffer = Buffer(CONFIG, 0)
    assert buffer.due(100 * SECOND) == []
    offer(buffer, 1, 100 * SECOND)
    assert sizes(buffer.due(119 * SECOND)) == []
    assert sizes(buffer.due(120 * SECOND)) == [(120, 1)]


def test_a_full_batch_starts_the_timer_anew():
    buffer = Buffer(CONFIG, 0)
    offer(buffer, 10, 20 * SECOND)
    offer(buffer, 1, 25 * SECOND)
    assert sizes(buffer.due(49 * SECOND)) == [(20, 10)]
    assert sizes(buffer.due(50 * SECOND)) == [(50, 1)]


def test_the_burst_goes_at_once_and_then_ten_batches_a_second():
    buffer = Buffer(Batch(max_batch_size=2), 0)
    offer(buffer, 40)
    at = [batch.at_ns for batch in buffer.due(10 * SECOND)]
    assert at == [0] * 15 + [100 * MILLISECOND * step for step in range(1, 6)]


@given(
    st.lists(st.tuples(st.integers(0, 5 * SECOND), st.integers(1, 30)), max_size=40),
    st.integers(1, 12),
    st.integers(1, 40),
    st.booleans(),
)
def test_no_event_is_lost_without_a_word_and_none_comes_early(steps: list[tuple[int, int]], full: int, room: int, throttled: bool):
    config = Batch(room, full, 3 * SECOND, throttled, 2, 3)
    buffer = Buffer(config, 0)
    now_ns, offered, dropped, out = 0, 0, 0, []
    for pause_ns, number in steps:
        now_ns += pause_ns
        for _ in range(number):
            dropped += bool(buffer.offer({"at": now_ns}, now_ns))
            offered += 1
        out += buffer.due(now_ns)
    out += buffer.stop(now_ns)
    events = [event for batch in out for event in batch.events]
    assert len(events) + dropped == offered
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)
    assert all(0 < len(batch.events) <= full for batch in out)
    assert all(event["at"] <= batch.at_ns for batch in out for event in batch.events)
    assert [batch.at_ns for batch in out] == sorted(batch.at_ns for batch in out)
    if throttled:
        assert all(later.at_ns - first.at_ns >= SECOND // 2 - 1 for first, later in zip(out, out[4:], strict=False))
    else:
        assert dropped == 0
