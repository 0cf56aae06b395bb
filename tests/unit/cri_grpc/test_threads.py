"""The threads that answer requests: reused, never fewer than are asked for at once, and no burden at the end."""

from __future__ import annotations

import threading

import pytest

from kubelab.cri.grpc.threads import Threads


def names(threads: Threads, count: int) -> set[int]:
    """The threads that do so much work at once."""
    gate = threading.Barrier(count, timeout=10)

    def work() -> int:
        gate.wait()
        return threading.get_ident()

    return {future.result(timeout=10) for future in [threads.submit(work) for _ in range(count)]}


def test_as_many_as_are_asked_for_at_once_and_again_the_same():
    threads = Threads("t")
    first = names(threads, 5)
    assert len(first) == 5
    for _ in range(20):  # a thread is idle only once it has said so: then it is used again
        again = names(threads, 3)
    assert len(again) == 3
    assert threading.active_count() < 20


def test_what_fails_is_told_and_the_thread_goes_on():
    threads = Threads("t")
    with pytest.raises(ZeroDivisionError):
        threads.submit(lambda: 1 // 0).result(timeout=10)
    assert threads.submit(pow, 2, 5).result(timeout=10) == 32


def test_after_the_end_no_more_is_taken():
    threads = Threads("closing")
    names(threads, 4)
    threads.shutdown()
    with pytest.raises(RuntimeError, match="after shutdown"):
        threads.submit(print)
    for thread in [each for each in threading.enumerate() if each.name == "closing"]:
        thread.join(timeout=10)
        assert not thread.is_alive()


def test_they_are_daemons():
    flag = Threads("t").submit(lambda: threading.current_thread().daemon)
    assert flag.result(timeout=10) is True
