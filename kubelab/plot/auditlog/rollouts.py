"""Rollouts reconstructed from an audit log, as a Gantt chart: each pod a bar by phase, on a line in its revision's colour, under what was asked."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.text import Text

from kubelab.auditlog.rollouts.frames import GANTT, STARTING, UP
from kubelab.frames.phases import READY
from kubelab.frames.words import many
from kubelab.plot import style
from kubelab.plot.auditlog.text import long_axis, shown

NAMED_UP_TO = 60  # more rows than this have no room for names
SHAPED_UP_TO = 4000  # more bars are drawn as points: as shapes they would be megabytes of a page
HEAD, DENSE_HEAD = 1.6, 5.0  # rows above the pods of a workload, for its name and what was asked
COLOURS = {**style.PHASES, STARTING: style.YELLOW, UP: "#7FCDB5"}
WORDS = {**style.PHASE_WORDS, STARTING: "starting", UP: "up (readiness not on record)"}
STANDING = (READY, UP)
LETTER = 0.0075  # of the width, per letter of a label


class Picture(NamedTuple):
    """What is drawn. ``bars``: ``row`` (its place from above), ``name``, ``phase``, ``left`` and ``right`` in seconds, ``order`` (of its revision
    within the workload, -1 unknown); ``heads``: ``row``, ``workload``; ``asks``: ``row``, ``until`` (row), ``at`` and ``end`` in seconds (NaN: none),
    ``words``, ``order``, ``good``; ``rows``: how many there are."""

    bars: pd.DataFrame
    heads: pd.DataFrame
    asks: pd.DataFrame
    rows: float
    finding: str


def tidy(phases: pd.DataFrame, steps: pd.DataFrame) -> Picture:
    """Frames of ``log.rollout_phases()`` and ``log.rollout_steps()`` as one picture: workloads one below the other, pods as they came."""
    start = (phases["start"] - pd.to_timedelta(phases["from_seconds"], unit="s")).min() if len(phases) else pd.NaT
    bars, heads, asks = [], [], []
    head = HEAD if phases["uid"].nunique() <= NAMED_UP_TO else DENSE_HEAD
    row = 0.0
    for (namespace, workload), group in phases.groupby(["namespace", "workload"], observed=True, sort=False):
        heads.append((row, f"{workload}" if phases["namespace"].nunique() == 1 else f"{namespace}/{workload}"))
        mine = steps[(steps["workload"] == workload) & (steps["namespace"] == namespace)]
        revisions = list(dict.fromkeys([*mine["revision"].astype(str), *group["revision"].astype(str)]))
        orders = {name: at for at, name in enumerate(name for name in revisions if name)}
        first = row + head
        places = {uid: first + at for at, uid in enumerate(dict.fromkeys(group["uid"]))}
        for each in group.itertuples(index=False):
            bars.append((places[each.uid], each.name, each.phase, each.from_seconds, each.to_seconds, orders.get(str(each.revision), -1)))
        row = first + len(places)
        for step in mine[mine["asked"].notna()].itertuples(index=False):
            at, end = ((value - start).total_seconds() if pd.notna(value) else np.nan for value in (step.asked, step.end))
            asks.append((first - head, row, at, end, _words(step), orders.get(str(step.revision), -1), step.outcome != "unfinished"))
        row += head / 3
    return Picture(
        pd.DataFrame(bars, columns=["row", "name", "phase", "left", "right", "order"]),
        pd.DataFrame(heads, columns=["row", "workload"]),
        pd.DataFrame(asks, columns=["row", "until", "at", "end", "words", "order", "good"]),
        row,
        finding(steps),
    )


def _words(step: object) -> str:
    change, what = str(getattr(step, "change", "")), str(getattr(step, "what", ""))
    change = change.replace("image ", "").replace("replicas ", "")
    if what == "settings" and change.startswith("partition "):
        what, change = "partition", change.partition(",")[0]
    return f"{what} {change.rpartition(' → ')[2]}" if "→" in change and what in ("template", "undo", "scale", "partition") else what


def finding(steps: pd.DataFrame) -> str:
    """What the picture says, in a line."""
    rolled = steps[steps["what"].isin(("create", "template", "restart", "undo", "continue"))]
    if rolled.empty:
        return "No rollout in this log"
    stuck = rolled[rolled["outcome"] == "unfinished"]
    took = rolled.loc[rolled["outcome"] != "unfinished", "seconds"].dropna()
    names = steps["workload"].unique()
    words = f"{shown(names[0], 60)}: " if len(names) == 1 else ""
    words += many(len(rolled), "rollout")
    if len(rolled) == 1 and len(took):
        words += f", done after {style.duration(took.iloc[0])}"
    elif len(took):
        words += f", {style.duration(took.median())} each (median; longest {style.duration(took.max())})"
    if len(stuck):
        reasons = sorted({reason for reason in stuck["why"].dropna() if reason and "not replaced" not in reason})
        words += f"; {len(stuck)} did not finish{f' ({shown(chr(44).join(reasons), 120)})' if reasons else ''}"
    return words


def draw(picture: Picture, ax: Axes | None = None) -> Axes:
    """Draw a tidy picture."""
    bars, named = picture.bars, picture.bars["row"].nunique() <= NAMED_UP_TO
    with style.axes(ax, 10, min(12, 1.4 + (0.21 if named else 0.045) * max(picture.rows, 4))) as ax:
        low, high = (0.36, 0.2) if named else (0.5, 0.5)
        _boxes(ax, bars, bars["row"] - low, bars["row"] + high, _colours(bars, by_revision=not named))
        if named:
            known = bars[bars["order"] >= 0]
            _boxes(ax, known, known["row"] + 0.24, known["row"] + 0.4, [style.of_revision(order) for order in known["order"]])
            names = bars.groupby("row")["name"].first()
            ax.set_yticks(list(names.index), [shown(name, 80) for name in names], fontsize=7.5)
        else:
            ax.set_yticks([])
        ax.tick_params(axis="y", length=0)
        left, right = (float(bars["left"].min()), float(bars["right"].max())) if len(bars) else (0.0, 1.0)
        style.time_axis(ax, left, right)
        _heads(ax, picture, left, right)
        ax.set_ylim(picture.rows, -0.3 if named else -1.5)
        ax.spines["left"].set_visible(False)
        long_axis(ax, "since the log's first deed")
        phases = set(bars["phase"])
        words = [(WORDS[phase], COLOURS[phase]) for phase in GANTT if phase in phases and (named or phase not in STANDING)]
        rest = (
            "lower line: revision"
            if named
            else f"{' or '.join(WORDS[phase] for phase in STANDING if phase in phases)}: colour of its revision"
        )
        style.key(ax, [*words, (rest, "")])
        style.title(ax, picture.finding, above_key=True)
        for each in [*ax.get_children(), *ax.get_yticklabels()]:
            if isinstance(each, Text):
                each.set_parse_math(False)  # names out of a log are text, whatever they look like
    return ax


def _colours(bars: pd.DataFrame, *, by_revision: bool) -> list[str]:
    """By phase; where there is no room for a line of its own, a pod that stands shows its revision."""
    pairs = zip(bars["phase"], bars["order"], strict=True)
    return [style.of_revision(order) if by_revision and order >= 0 and phase in STANDING else COLOURS[phase] for phase, order in pairs]


def _boxes(ax: Axes, bars: pd.DataFrame, low: pd.Series, high: pd.Series, colours: list[str]) -> None:
    left, right = bars["left"], bars["right"]
    corners = np.stack([np.stack([left, low], 1), np.stack([right, low], 1), np.stack([right, high], 1), np.stack([left, high], 1)], 1)
    ax.add_collection(PolyCollection(list(corners), facecolors=colours, linewidths=0, rasterized=len(bars) > SHAPED_UP_TO))


def _heads(ax: Axes, picture: Picture, left: float, right: float) -> None:
    """The names of the workloads, and a line for each ask down to its last pod; its words where there is room."""
    head = HEAD if picture.bars["row"].nunique() <= NAMED_UP_TO else DENSE_HEAD
    for each in picture.heads.itertuples(index=False):
        ax.text(
            -0.01,
            each.row + head * 0.3,
            shown(each.workload, 80),
            transform=ax.get_yaxis_transform(),
            ha="right",
            va="center",
            weight="bold",
            fontsize=8.5,
        )
    width = max(right - left, 1e-9)
    many_bars = len(picture.bars) > SHAPED_UP_TO
    for _, asks in picture.asks.groupby("row"):
        free = [-np.inf, -np.inf]  # where the words of two lines end
        for ask in asks.sort_values("at").itertuples(index=False):
            colour = style.BAD if not ask.good else style.BLACK
            ax.plot(
                [ask.at, ask.at], [ask.row + 0.2, ask.until - 0.6], color=colour, linewidth=0.8, linestyle=(0, (3, 2)), rasterized=many_bars
            )
            line = next((at for at, end in enumerate(free) if end <= ask.at), None)
            if line is None:
                continue
            length = LETTER * (len(ask.words) + 2) * width
            at = min(ask.at, right - length) if ask.at + length > right else ask.at
            free[line] = at + length
            fill = style.of_revision(ask.order) if ask.order >= 0 else "#FFFFFF"
            box = {"facecolor": fill, "edgecolor": "none", "alpha": 0.9, "pad": 1.2}
            ax.text(
                at,
                ask.row + head * (0.07 + 0.46 * line),
                shown(ask.words, 60),
                fontsize=7,
                va="center",
                color=style.on(fill),
                bbox=box,
                clip_on=True,
            )
