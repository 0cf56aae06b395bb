"""Ctrl-C, kept waiting until the world is whole: an interrupt in the middle of a wake or a call would leave half of it done.

The second one is not kept waiting: it ends whatever hangs (such as a reader's own ``until`` function), at the price of the world.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def held_back() -> Iterator[list[int]]:
    """What is given is no longer empty once somebody has asked to stop; the interrupt itself is raised at the end of the block."""
    asked: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield asked  # only the main thread is ever interrupted
        return
    before = signal.getsignal(signal.SIGINT)
    if not callable(before):
        yield asked
        return

    def hold(number: int, frame: FrameType | None) -> None:
        if asked:
            before(number, frame)
        asked.append(number)

    signal.signal(signal.SIGINT, hold)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)
        if asked:
            before(signal.SIGINT, None)
