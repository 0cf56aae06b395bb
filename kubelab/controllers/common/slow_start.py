"""Slow start: calls go out in batches of 1, 2, 4 …; a refusal ends after its batch.

upstream: slowStartBatch in pkg/controller/replicaset/replica_set.go and …/statefulset/stateful_set_control.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

INITIAL_BATCH_SIZE = 1


def slow_start(items: Sequence[T], *, cap: int | None = None) -> Iterator[Sequence[T]]:
    """The batches, each twice as large as the one before it, at most ``cap``.

    >>> [len(batch) for batch in slow_start(range(10))]
    [1, 2, 4, 3]
    """
    start, size = 0, INITIAL_BATCH_SIZE
    while start < len(items):
        yield items[start : start + size]
        start += size
        size *= 2
        if cap is not None and size > cap:
            size = cap
