"""A progress bar for runs that take more than a second of real time: a widget in a notebook, a line in a terminal, nothing elsewhere.

The runner calls ``show`` now and then (each 0.1 s of wall time) and ``close`` at the end; nothing appears before ``AFTER_SECONDS``.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol, TextIO

AFTER_SECONDS = 1.0
CELLS = 30


class Bar(Protocol):
    """Something that shows a share of 0 to 1 (None: no end is known) and words, and goes away."""

    def show(self, share: float | None, words: str) -> None: ...

    def close(self) -> None: ...


class Progress:
    """``Progress(start, end)`` in virtual seconds; ``show(now)`` from time to time; ``close()``. Usable as a context manager.

    ``end`` None: no end is known (a condition is waited for), and only the time is told.
    """

    def __init__(
        self,
        start: float,
        end: float | None,
        *,
        wall: Callable[[], float] = time.monotonic,
        make: Callable[[], Bar | None] | None = None,
    ) -> None:
        self.start, self.end = start, end
        self._wall = wall
        self._make = make or best_bar
        self._begun = wall()
        self._bar: Bar | None = None
        self._silent = False

    def show(self, now: float, note: str = "") -> None:
        """Tell how far the virtual clock is (seconds since the cluster's start)."""
        if self._silent or self._wall() - self._begun < AFTER_SECONDS:
            return
        if self._bar is None:
            self._bar = self._make()
            self._silent = self._bar is None
        if self._bar is not None:
            self._bar.show(
                self._share(now), f"{now:,.1f} s{f' of {self.end:,.1f} s' if self.end is not None else ''}{f', {note}' if note else ''}"
            )

    def _share(self, now: float) -> float | None:
        if self.end is None:
            return None
        length = self.end - self.start
        return 1.0 if length <= 0 else min(max((now - self.start) / length, 0.0), 1.0)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        self._silent = True

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def best_bar() -> Bar | None:
    """The bar that fits where Python runs; None where there is nobody to see it, or where ``KUBELAB_PROGRESS=off`` says so."""
    if os.environ.get("KUBELAB_PROGRESS") == "off":
        return None
    if in_notebook():
        return WidgetBar()
    return TextBar(sys.stderr) if sys.stderr is not None and sys.stderr.isatty() else None


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this; IPython is asked only if it is already there."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None
    return shell is not None and hasattr(shell, "kernel")


class TextBar:
    """A line that is written over."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._width = 0

    def show(self, share: float | None, words: str) -> None:
        line = words if share is None else f"[{'#' * round(share * CELLS):<{CELLS}}] {words}"
        self._stream.write(f"\r{line.ljust(self._width)}")
        self._stream.flush()
        self._width = len(line)

    def close(self) -> None:
        self._stream.write(f"\r{' ' * self._width}\r")
        self._stream.flush()


class WidgetBar:
    """An ipywidgets bar below the cell."""

    def __init__(self) -> None:
        import ipywidgets
        from IPython.display import display

        self._bar: Any = ipywidgets.FloatProgress(min=0, max=1)
        self._words: Any = ipywidgets.Label()
        self._box: Any = ipywidgets.HBox([self._bar, self._words])
        display(self._box)

    def show(self, share: float | None, words: str) -> None:
        self._bar.value = 1 if share is None else share
        self._bar.bar_style = "info" if share is None else ""
        self._words.value = words

    def close(self) -> None:
        self._box.close()
