"""Threads that answer requests: as many as are asked for at once, used again, and none of them keeps the process from ending.

The standard library's pool waits for its threads at the end of the process, and a stream of events may never end.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

IDLE_SECONDS = 30


class Threads(Executor):
    """An executor of daemon threads."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._idle = 0
        self._closed = False

    def submit(self, fn: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        done: Future[Any] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("cannot schedule new futures after shutdown")
            if self._idle:
                self._idle -= 1
            else:
                threading.Thread(target=self._run, name=self._name, daemon=True).start()
            self._work.put(lambda: _into(done, fn, given, named))
        return done

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        with self._lock:
            self._closed = True
            for _ in range(self._idle):
                self._work.put(None)
            self._idle = 0

    def _run(self) -> None:
        while True:
            try:
                work = self._work.get(timeout=IDLE_SECONDS)
            except queue.Empty:
                with self._lock:
                    if self._idle:
                        self._idle -= 1
                        return
                continue  # work for this one is on its way
            if work is None:
                return
            work()
            with self._lock:
                if self._closed:
                    return
                self._idle += 1


def _into(done: Future[Any], fn: Callable[..., Any], given: tuple[Any, ...], named: dict[str, Any]) -> None:
    if not done.set_running_or_notify_cancel():
        return
    try:
        result = fn(*given, **named)
    except BaseException as error:
        done.set_exception(error)
    else:
        done.set_result(result)
