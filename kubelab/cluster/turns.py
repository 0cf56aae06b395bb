"""The lock of a world: one at a time, in order, and a run gives way between two wakes (``world/turns.py`` says who takes it)."""

from __future__ import annotations

import threading
from types import TracebackType


class Turns:
    """A ``Turn`` for several threads.

    Who cannot have it at once waits at a gate, one by one: a run sees the gate closed, lets go, and stands in the queue itself.
    """

    __slots__ = ("_depth", "_gate", "_lock")

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._gate = threading.Lock()
        self._depth = 0  # how often its holder has it

    @property
    def wanted(self) -> bool:
        """Whether somebody else waits for it."""
        return self._gate.locked()

    def __enter__(self) -> Turns:
        if not self._lock.acquire(blocking=False):
            self._queue()
        self._depth += 1
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._depth -= 1
        self._lock.release()

    def give_way(self) -> None:
        """Let those in who wait, and take it again: only where the world is whole."""
        depth, self._depth = self._depth, 0
        if not depth:
            return
        for _ in range(depth):
            self._lock.release()
        try:
            self._queue()
        except BaseException:  # a second Ctrl-C: what was held must be held when it is let go
            self._queue()
            raise
        finally:
            for _ in range(depth - 1):
                self._lock.acquire()
            self._depth = depth

    def _queue(self) -> None:
        with self._gate:
            self._lock.acquire()
