"""The heap of wakes: what will happen when. One order for the whole world: by time, then by the sequence in which it was asked for."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Any

Key = tuple[Any, ...]
Wake = tuple[int, int, str, Key]  # (time_ns, sequence, component, key)


class Wakes:
    """Pending wakes. ``heap`` is a plain list of tuples, so that a fork is a list copy."""

    __slots__ = ("heap", "sequence")

    def __init__(self, heap: list[Wake] | None = None, sequence: int = 0) -> None:
        self.heap: list[Wake] = [] if heap is None else heap
        self.sequence = sequence

    def fork(self) -> Wakes:
        return Wakes(self.heap[:], self.sequence)

    def add(self, time_ns: int, component: str, key: Key) -> None:
        """Ask for a wake of ``component`` with ``key`` at ``time_ns``."""
        self.sequence += 1
        heappush(self.heap, (time_ns, self.sequence, component, key))

    def next_time_ns(self) -> int | None:
        return self.heap[0][0] if self.heap else None

    def pop(self) -> Wake:
        return heappop(self.heap)
