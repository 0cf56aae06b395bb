"""Activity: who called how often and when, as a heat map: rows of one kind (users, verbs, answers …) over time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm

from kubelab.frames.words import many
from kubelab.plot import style
from kubelab.plot.auditlog.text import label, title, who

SHOWN = 15
STEPS = {"second": 1.0, "minute": 60.0, "hour": 3600.0}


class Picture(NamedTuple):
    """``counts``: a row per label, a column per step; ``origin``: the beginning of the first step; ``step``: seconds."""

    counts: pd.DataFrame
    origin: pd.Timestamp
    step: float
    hidden: int
    finding: str


def tidy(requests: pd.DataFrame, by: str, every: str) -> Picture:
    """Of ``log.requests([by, "hour"])``, "minute" or "second": the busiest rows first, background not counted."""
    step = STEPS[every]
    frame = requests[requests["calls"] > 0]
    if frame.empty:
        return Picture(pd.DataFrame(), pd.Timestamp(0, tz="UTC"), step, 0, "Nobody called")
    origin = frame[every].min()
    at = ((frame[every] - origin).dt.total_seconds() / step).round().astype("int64")
    names = [who(value) if by == "user" else label(value) for value in frame[by]]
    table = pd.DataFrame({"name": names, "at": at.to_numpy(), "calls": frame["calls"].to_numpy()})
    counts = table.pivot_table(index="name", columns="at", values="calls", aggfunc="sum", fill_value=0)
    counts = counts.reindex(columns=range(int(at.max()) + 1), fill_value=0)
    counts = counts.loc[counts.sum(axis=1).sort_values(ascending=False, kind="stable").index]
    shown = counts.iloc[:SHOWN]
    name, column = counts.stack().idxmax()
    most = int(counts.loc[name, column])
    begun = origin + pd.Timedelta(seconds=column * step)
    when = begun.strftime("%a %H:%M:%S" if step < 60 else "%a %H:%M")
    usual = float(counts.loc[name].median())
    words = f"{name} made {many(most, 'call')} in the {every} from {when} UTC" + (f", {usual:.0f} in a usual one" if usual >= 1 else "")
    return Picture(shown, origin, step, len(counts) - len(shown), words)


def draw(picture: Picture, ax: Axes | None = None) -> Axes:
    """Draw a picture."""
    counts = picture.counts
    with style.axes(ax, 9, 1.4 + 0.27 * max(len(counts), 1)) as ax:
        if len(counts):
            values = np.ma.masked_equal(counts.to_numpy(dtype="float64"), 0.0)
            ax.pcolormesh(
                np.arange(counts.shape[1] + 1), np.arange(counts.shape[0] + 1), values, cmap="cividis_r", norm=LogNorm(1, values.max())
            )
        said = [f"{total:,} calls, up to {most:,}" for total, most in zip(counts.sum(axis=1), counts.max(axis=1), strict=True)]
        for at, words in enumerate(said):
            ax.annotate(words, (1.005, at + 0.5), xycoords=("axes fraction", "data"), va="center", fontsize=8, annotation_clip=False)
        ax.set_yticks(np.arange(len(counts)) + 0.5, list(counts.index))
        ax.set_ylim(max(len(counts), 1), 0)
        _times(ax, picture)
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        title(ax, picture.finding, [max(counts.index, key=len, default="") + max(said, key=len, default="")])
    return ax


def _times(ax: Axes, picture: Picture) -> None:
    """Ticks at midnights of a log of days, else at round hours or minutes."""
    steps = max(picture.counts.shape[1], 1)
    length = steps * picture.step
    spacing = next(
        (each for each in (5, 10, 30, 60, 300, 900, 3600, 3 * 3600, 6 * 3600, 86400) if length / each <= 9), max(86400, length / 8)
    )
    first = picture.origin.ceil(f"{int(min(spacing, 86400))}s")
    ticks = pd.date_range(first, picture.origin + pd.Timedelta(seconds=length), freq=f"{int(spacing)}s")
    form = "%a %d" if spacing >= 86400 else "%H:%M" if spacing >= 60 else "%H:%M:%S"
    ax.set_xticks([(each - picture.origin).total_seconds() / picture.step for each in ticks], [f"{each:{form}}" for each in ticks])
    ax.set_xlim(0, steps)
    hidden = f"; {many(picture.hidden, 'row')} more not shown" if picture.hidden else ""
    unit = next(name for name, step in STEPS.items() if step == picture.step)
    ax.set_xlabel(f"UTC, a field per {unit}, darker: more calls{hidden}", loc="left")
