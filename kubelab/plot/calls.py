"""Calls: who asks the API server how often, and who is held back by a client limit: a ridge per component."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from kubelab.frames.words import many
from kubelab.plot import style

SHOWN = 8
BINS = 120
ROUNDING = 1e-6  # seconds: what is below is no waiting but the sums' last digits
NAMED_FROM = 0.1  # seconds of waiting that deserve words


class Picture(NamedTuple):
    """``rows``: a component each (``component``, ``calls``, ``longest`` wait in seconds, ``waited`` in all), the busiest first. ``rates``: calls per
    second, a row per component, a column per bin; ``waiting``: calls that wait in the client's queue (mean over the bin); ``edges``: of the bins."""

    rows: pd.DataFrame
    rates: np.ndarray
    waiting: np.ndarray
    edges: np.ndarray


def tidy(calls: pd.DataFrame, until: float, bins: int = BINS, *, since: float = 0) -> Picture:
    """Calls answered from ``since`` to ``until`` (seconds since the start), by component: kubelets as one, users by name, the quiet ones as "others"."""
    calls = calls[calls["elapsed"] >= since]
    names = _names(calls)
    totals = names.value_counts(sort=False)
    ranked = sorted(totals.index, key=lambda name: (-totals[name], name))
    kept = ranked[:SHOWN] if len(ranked) > SHOWN + 1 else ranked
    names = names.where(names.isin(kept), "others")
    order = [*kept, *(["others"] if len(kept) < len(ranked) else [])]
    edges = np.linspace(since, until if until > since else since + 1, bins + 1)
    width = edges[1] - edges[0]
    rows, rates, waiting = [], [], []
    for name in order:
        own = calls[(names == name).to_numpy()]
        sent = (own["elapsed"] - own["executing"]).to_numpy()
        asked = sent - own["waiting"].to_numpy()
        rates.append(np.histogram(np.maximum(sent, since), edges)[0] / width)
        waited = np.diff(_seconds_waited(asked, sent, edges))
        waiting.append(np.where(waited > ROUNDING, waited, 0) / width)
        rows.append((name, len(own), float(own["waiting"].max()), float(own["waiting"].sum())))
    frame = pd.DataFrame(rows, columns=["component", "calls", "longest", "waited"])
    return Picture(frame, np.array(rates).reshape(-1, bins), np.array(waiting).reshape(-1, bins), edges)


def _names(calls: pd.DataFrame) -> pd.Series:
    component = calls["component"].astype(str)
    name = component.where(component != "", calls["user"].astype(str))
    return name.where(~name.str.startswith("kubelet/"), "kubelets")


def _seconds_waited(asked: np.ndarray, sent: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Seconds that calls have spent waiting up to each edge, all together."""
    asked, sent = np.sort(asked[asked < sent]), np.sort(sent[asked < sent])
    return _ramp(asked, edges) - _ramp(sent, edges)


def _ramp(starts: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The sum of (edge - start) over the starts before each edge; starts are sorted."""
    before = np.searchsorted(starts, edges)
    sums = np.concatenate([[0.0], np.cumsum(starts)])
    return before * edges - sums[before]


def finding(picture: Picture) -> str:
    """What the picture says, in a line."""
    rows = picture.rows
    if rows.empty:
        return "No calls yet"
    total = int(rows["calls"].sum())
    words = f"{many(total, 'call')}, {rows['calls'].iloc[0] / total:.0%} of them by {rows['component'].iloc[0]}"
    worst = rows.loc[rows["longest"].idxmax()]
    if worst["longest"] >= NAMED_FROM:
        return f"{words}; {worst['component']} waited up to {style.duration(worst['longest'])} for its client limit"
    return f"{words}; hardly any waiting for a client limit"


def draw(picture: Picture, ax: Axes | None = None) -> Axes:
    """Draw a tidy picture."""
    rows = len(picture.rows)
    with style.axes(ax, 9, min(10, 1.3 + 0.55 * max(rows, 1))) as ax:
        highest = max(picture.rates.max(initial=0), 1e-9)
        deepest = max(picture.waiting.max(initial=0), 1e-9)
        for at in range(rows):
            base = rows - 1 - at
            ax.axhline(base, color=style.LIGHT, linewidth=0.8)
            # the root keeps a trickle visible beside a burst
            ax.stairs(base + 0.85 * np.sqrt(picture.rates[at] / highest), picture.edges, baseline=base, fill=True, color=style.BLUE)
            _waiting(ax, picture, at, base, deepest)
            row = picture.rows.iloc[at]
            words = f"{row['calls']:,} calls\npeak {picture.rates[at].max():,.0f}/s"
            ax.annotate(
                words,
                (1, base + 0.4),
                xycoords=("axes fraction", "data"),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
                fontsize=7.5,
            )
        ax.set_ylim(-0.1, max(rows, 1) + 0.15)
        ax.set_yticks([rows - 1 - at + 0.3 for at in range(rows)], list(picture.rows["component"]))
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        style.time_axis(ax, float(picture.edges[0]), float(picture.edges[-1]))
        key = [("calls per second (root scale)", style.BLUE)]
        if picture.waiting.max(initial=0) > 0:
            key.append(("calls waiting for the client's limit", style.VERMILLION))
        style.key(ax, key)
        style.title(ax, finding(picture), above_key=True)
    return ax


def _waiting(ax: Axes, picture: Picture, at: int, base: int, deepest: float) -> None:
    """The line of calls that wait, where any do, and the longest wait in words behind it."""
    waiting, edges = picture.waiting[at], picture.edges
    held = np.flatnonzero(waiting > 0)
    if not held.size:
        return
    line = np.where(waiting > 0, base + 0.85 * np.sqrt(waiting / deepest), np.nan)
    ax.stairs(line, edges, baseline=None, color=style.VERMILLION, linewidth=1.5)
    longest = picture.rows["longest"].iloc[at]
    if longest >= NAMED_FROM:
        late = edges[held[-1] + 1] > edges[0] + 0.75 * (edges[-1] - edges[0])
        ax.annotate(
            f"waits up to {style.duration(longest)}",
            (edges[held[0]] if late else edges[held[-1] + 1], base + 0.55),
            xytext=(-4 if late else 4, 0),
            textcoords="offset points",
            color=style.VERMILLION,
            fontsize=8,
            va="center",
            ha="right" if late else "left",
        )
