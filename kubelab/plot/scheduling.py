"""Scheduling: nodes against plug-ins as a heat map: which filter excludes a node, and what the scores of the others are made of."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Rectangle

from kubelab.frames.words import many
from kubelab.plot import style

SCORES = LinearSegmentedColormap.from_list("scores", ["#F4F9FD", style.SKY, style.BLUE])
SHOWN = 40  # nodes
Places = dict[tuple[str, str], int]  # (stage, plug-in) -> column


class Picture(NamedTuple):
    """``filters`` and ``scores``: the columns, in the scheduler's order; ``cells``: a row per node and plug-in; ``totals`` by node."""

    pod: str
    nodes: Sequence[str]
    filters: Sequence[str]
    scores: Sequence[str]
    cells: pd.DataFrame
    totals: dict[str, int | None]


def tidy(frame: pd.DataFrame, pod: str) -> Picture:
    """Of ``c.frames.scheduling``. Nodes with the best score come first, then those that do not fit; filters that pass everywhere are left out."""
    filters = frame[frame["stage"] == "filter"]
    refusing = filters.groupby("plugin", observed=True, sort=False)["passed"].min()
    shown = [str(name) for name, passed in refusing.items() if not passed]
    scores = list(dict.fromkeys(frame.loc[frame["stage"] == "score", "plugin"].astype(str)))
    totals = {
        str(node): None if pd.isna(total) else int(total)
        for node, total in frame.drop_duplicates("node")[["node", "total"]].itertuples(index=False)
    }
    order = sorted(totals, key=lambda node: -1 if totals[node] is None else totals[node] or 0, reverse=True)
    wanted = (frame["stage"] == "score") | frame["plugin"].isin(shown)
    return Picture(pod, order, shown, scores, frame[wanted], totals)


def finding(picture: Picture) -> str:
    """What the picture says, in a line."""
    fitting = [node for node in picture.nodes if picture.totals[node] is not None]
    if not picture.nodes:
        return f"There are no nodes for {picture.pod}"
    if not fitting:
        refused = picture.cells[(picture.cells["stage"] == "filter") & ~picture.cells["passed"].fillna(True)]
        worst = refused.groupby("plugin", observed=True)["node"].nunique().sort_values(ascending=False, kind="stable")
        return f"No node fits {picture.pod}: {worst.index[0]} refuses {int(worst.iloc[0])} of {len(picture.nodes)}"
    best = picture.totals[fitting[0]]
    ties = [node for node in fitting if picture.totals[node] == best]
    fits = f"{many(len(fitting), 'node')} of {len(picture.nodes)} {'fits' if len(fitting) == 1 else 'fit'} {picture.pod}"
    if len(ties) > 1:
        return f"{fits}: {len(ties)} are equally good, with score {best}"
    return f"{fits}: {ties[0]} is best, with score {best}"


def draw(picture: Picture, ax: Axes | None = None) -> Axes:
    """Draw a tidy picture: filters at the left (only those that refuse some node), scores with their weights at the right, totals last."""
    nodes = picture.nodes[:SHOWN]
    columns = [*(("filter", name) for name in picture.filters), *(("score", name) for name in picture.scores)]
    columns += [("", "total")] if picture.scores else []
    height = max(2.4, 0.34 * len(nodes) + 1.9)
    with style.axes(ax, max(7.0, 0.95 * len(columns) + 1.6), height) as ax:
        style.title(ax, finding(picture))
        if not columns or not nodes:
            ax.set_axis_off()
            return ax
        places = {name: index for index, name in enumerate(columns)}
        rows = {node: index for index, node in enumerate(nodes)}
        _cells(ax, picture.cells, places, rows)
        _totals(ax, picture, places, rows)
        ax.set_xlim(0, len(columns))
        ax.set_ylim(len(nodes), 0)
        ax.set_xticks(np.arange(len(columns)) + 0.5, [_words(name) for _, name in columns], rotation=35, ha="left", size=8)
        ax.xaxis.tick_top()
        ax.set_yticks(np.arange(len(nodes)) + 0.5, list(nodes))
        ax.tick_params(length=0)
        ax.spines[["left", "bottom", "top"]].set_visible(False)
        for first, names, words in ((0, picture.filters, "filters that refuse"), (len(picture.filters), picture.scores, "score × weight")):
            if names:
                ax.text(first + len(names) / 2, len(nodes) + 0.15, words, ha="center", va="top", size=8.5, color=style.GREY)
        if picture.filters and picture.scores:
            ax.axvline(len(picture.filters), color=style.INK, linewidth=1.2)
        more = f"{len(picture.nodes) - len(nodes)} more nodes" if len(picture.nodes) > len(nodes) else ""
        ax.set_xlabel(more, size=8.5, color=style.GREY)
    return ax


def _cells(ax: Axes, cells: pd.DataFrame, places: Places, rows: dict[str, int]) -> None:
    for cell in cells.itertuples(index=False):
        at, row = places.get((str(cell.stage), str(cell.plugin))), rows.get(str(cell.node))
        if at is None or row is None:
            continue
        if cell.stage == "filter":
            passed = bool(cell.passed)
            _box(ax, at, row, style.PALE if passed else style.BAD, "" if passed else _short(str(cell.reasons)), "white")
        else:
            share = float(cell.score) / 100
            _box(ax, at, row, SCORES(min(max(share, 0.0), 1.0)), f"{cell.score}×{cell.weight}", "white" if share > 0.6 else style.INK)


def _totals(ax: Axes, picture: Picture, places: Places, rows: dict[str, int]) -> None:
    at = places.get(("", "total"))
    if at is None:
        return
    best = max((total for total in picture.totals.values() if total is not None), default=None)
    for node, row in rows.items():
        total = picture.totals[node]
        if total is not None:
            weight = "bold" if total == best else "normal"
            ax.text(at + 0.5, row + 0.5, str(total), ha="center", va="center", size=8.5, weight=weight)


def _box(ax: Axes, at: int, row: int, colour: object, words: str, ink: str) -> None:
    ax.add_patch(Rectangle((at + 0.03, row + 0.05), 0.94, 0.9, facecolor=colour, edgecolor="none"))  # type: ignore[arg-type]
    if words:
        ax.text(at + 0.5, row + 0.5, words, ha="center", va="center", size=7, color=ink, linespacing=0.95)


def _short(reasons: str) -> str:
    """Upstream's words in two short lines."""
    words = reasons.replace("node(s) had ", "").replace("node(s) ", "")
    lines = textwrap.wrap(words, 15, break_long_words=True)
    return "\n".join(lines[:2]) + (" …" if len(lines) > 2 else "")


def _words(plugin: str) -> str:
    """A plug-in's name, short enough to stand over a column."""
    return plugin.removeprefix("NodeResources") if plugin != "NodeResourcesFit" else "Fit"
