"""One style sheet for all figures: type, lines, and a colour for each meaning. The colours are Okabe and Ito's, told apart by the colour-blind too.

Source: M. Okabe, K. Ito, "Color Universal Design", 2008.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.offsetbox import AnchoredOffsetbox, DrawingArea, HPacker, TextArea
from matplotlib.patches import Rectangle

from kubelab.frames.phases import BACKOFF, CREATING, FAILED, PENDING, READY, RUNNING, SUCCEEDED, TERMINATING

BLACK, ORANGE, SKY, GREEN = "#222222", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY, LIGHT, PALE, INK = "#8A8A8A", "#C9C9C9", "#EDEDED", "#333333"

PHASES = {
    PENDING: LIGHT,
    CREATING: ORANGE,
    RUNNING: SKY,
    READY: GREEN,
    BACKOFF: VERMILLION,
    TERMINATING: GREY,
    SUCCEEDED: BLUE,
    FAILED: BLACK,
}
PHASE_WORDS = {
    PENDING: "pending",
    CREATING: "creating containers",
    RUNNING: "running, not ready",
    READY: "ready",
    BACKOFF: "failing",
    TERMINATING: "terminating",
    SUCCEEDED: "succeeded",
    FAILED: "failed",
}
REVISIONS = (SKY, BLUE, ORANGE, PURPLE, YELLOW, GREEN)  # in the order of first appearance, then again from the start
GOOD, BAD, UNDECIDED = GREEN, VERMILLION, LIGHT
STAGES = {
    "predecessor": LIGHT,
    "controller": PURPLE,
    "client limit": VERMILLION,
    "API": BLACK,
    "scheduler": BLUE,
    "pull": SKY,
    "start": YELLOW,
    "init containers": GREY,
    "probe": GREEN,
}

LETTERS_PER_INCH = 10.8  # of a title

SHEET: dict[str, Any] = {
    "figure.dpi": 110,
    "figure.facecolor": "white",
    "font.size": 9.5,
    "axes.titlesize": 11.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "hatch.linewidth": 0.6,
    "figure.constrained_layout.use": True,
}


def of_revision(order: int) -> str:
    """The colour of the n-th revision (from 0)."""
    return REVISIONS[order % len(REVISIONS)]


@contextmanager
def axes(ax: Axes | None, width: float = 9.0, height: float = 4.0) -> Iterator[Axes]:
    """The caller's axes, or those of a new figure, under the style sheet."""
    # a notebook's backend turns interactive mode on when it is loaded: inside the context that would end with it, and no further figure be shown
    plt.draw_if_interactive()
    with plt.rc_context(SHEET):
        chosen = plt.subplots(figsize=(width, height))[1] if ax is None else ax
        chosen.set_axisbelow(True)
        chosen.spines[["top", "right"]].set_visible(False)
        yield chosen


def key(ax: Axes, words: Sequence[tuple[str, str]]) -> None:
    """Words with their colours, in a row between title and picture: for what has no room for a label beside it. Without a colour: words alone."""
    parts: list[Any] = []
    for word, colour in words:
        if not colour:
            parts.append(TextArea(word, textprops={"size": 8.5, "color": GREY}))
            continue
        patch = DrawingArea(9, 9, 0, 0)
        patch.add_artist(Rectangle((0, 0), 9, 9, facecolor=colour, edgecolor=GREY, linewidth=0.4))
        parts.append(HPacker(children=[patch, TextArea(word, textprops={"size": 8.5, "color": INK})], align="center", pad=0, sep=4))
    row = HPacker(children=parts, align="center", pad=0, sep=12)
    box = AnchoredOffsetbox(
        "lower left", child=row, pad=0, borderpad=0.3, frameon=False, bbox_to_anchor=(0, 1), bbox_transform=ax.transAxes
    )
    ax.add_artist(box)


def title(ax: Axes, words: str, *, above_key: bool = False) -> None:
    """The finding, as the title; on two lines where one is too short."""
    figure = ax.get_figure(root=True)
    inches = (figure.get_figwidth() if figure is not None else 9.0) * ax.get_position().width
    room = max(30, int(inches * LETTERS_PER_INCH))
    lines = textwrap.wrap(words, room, break_long_words=False)
    ax.set_title("\n".join(lines), pad=24 if above_key else SHEET["axes.titlepad"])


def apart(ends: Sequence[tuple[float, str, str]], least: float) -> list[tuple[float, str, str]]:
    """Labels (height, words, colour) at the ends of lines, moved up where they would cover each other."""
    placed: list[tuple[float, str, str]] = []
    for height, words, colour in sorted(ends):
        placed.append((max(height, placed[-1][0] + least) if placed else height, words, colour))
    return placed


def beside(ax: Axes, height: float, words: str, colour: str) -> None:
    """A label right of the picture, at a height of its y axis."""
    place = ("axes fraction", "data")
    ax.annotate(words, (1.005, height), xycoords=place, va="center", fontsize=8.5, color=colour, annotation_clip=False)


def time_axis(ax: Axes, start: float, end: float) -> None:
    """Seconds since the cluster's start, from the first thing shown to the last."""
    ax.set_xlim(start, end if end > start else start + 1)
    ax.set_xlabel("seconds since start")
    ax.grid(axis="x", color=PALE, linewidth=0.8)


def on(colour: str) -> str:
    """A colour for text upon another."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 140 else INK


def duration(seconds: float) -> str:
    """A length as people say it.

    >>> duration(0.0042), duration(12.34), duration(600), duration(7260)
    ('4 ms', '12.3 s', '10 min', '2 h 1 min')
    """
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 100:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, rest = divmod(round(seconds / 60), 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"
