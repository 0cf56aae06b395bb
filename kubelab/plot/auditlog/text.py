"""What a log says, as a label: one line, of a length that has room, and nothing in it is taken for markup."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MultipleLocator

from kubelab.plot import style

LONGEST = 46
LETTER = 0.072  # inches, of a label beside an axis


def label(value: Any, longest: int = LONGEST) -> str:
    """A value as text for matplotlib.

    >>> label("a$x$b"), label("two" + chr(10) + "lines"), label(None)
    ('a\\\\$x\\\\$b', 'two lines', 'unknown')
    """
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return "unknown"
    return (shown(value, longest) or "(empty)").replace("$", r"\$")


def shown(value: Any, longest: int = LONGEST) -> str:
    """A value for a text that is drawn with ``parse_math=False``.

    >>> shown("a$x$" + chr(27) + "[31m"), shown("0123456789", 6)
    ('a$x$ [31m', '012…89')
    """
    text = str(value)
    short = text if len(text) <= longest else f"{text[: longest // 2]}…{text[-(longest // 2 - 1) :]}"
    return "".join(character if character.isprintable() else " " for character in short)


def who(user: Any) -> str:
    """A user without what every service account and component has in its name.

    >>> who("system:serviceaccount:kube-system:job-controller"), who("system:node:n1"), who("alice")
    ('job-controller', 'node n1', 'alice')
    """
    text = str(user) if isinstance(user, str) else ""
    for prefix, instead in (
        ("system:serviceaccount:kube-system:", ""),
        ("system:serviceaccount:", "sa "),
        ("system:node:", "node "),
        ("system:", ""),
    ):
        if text.startswith(prefix) and len(text) > len(prefix):
            return label(instead + text.removeprefix(prefix))
    return label(user) if text else "nobody"


def title(ax: Axes, words: str, labels: Sequence[str], *, above_key: bool = False) -> None:
    """The finding as title, in lines that fit beside labels as long as these."""
    figure, spec = ax.get_figure(root=True), ax.get_subplotspec()
    width = figure.get_figwidth() / spec.get_gridspec().ncols if figure is not None and spec is not None else 9.0
    inches = width - LETTER * max((len(each) for each in labels), default=0) - 0.4
    lines = textwrap.wrap(words, max(24, int(inches * style.LETTERS_PER_INCH)), break_long_words=False)
    ax.set_title("\n".join(lines), pad=24 if above_key else style.SHEET["axes.titlepad"])


#: Up to this length (seconds) an axis is in this unit.
UNITS = ((600.0, 1.0, "seconds"), (7200.0, 60.0, "minutes"), (4 * 86400.0, 3600.0, "hours"), (float("inf"), 86400.0, "days"))
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
MOST_TICKS = 10


def long_axis(ax: Axes, since: str) -> None:
    """Label an x axis of seconds in the unit that fits its length: a week is not read in seconds."""
    low, high = ax.get_xlim()
    length = high - low
    size, word = next((size, word) for most, size, word in UNITS if length <= most)
    step = next((each for each in STEPS if length / (each * size) <= MOST_TICKS), length / size / MOST_TICKS)
    ax.xaxis.set_major_locator(MultipleLocator(step * size))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / size:g}"))
    ax.set_xlabel(f"{word} {since}")
