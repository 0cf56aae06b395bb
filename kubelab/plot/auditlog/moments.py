"""Moments: who did something to what and when, and the windows that stand out against a baseline."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from kubelab.frames.words import many
from kubelab.plot import style
from kubelab.plot.auditlog.text import label, long_axis, title, who

SHOWN = 16
VERBS = {"create": style.GREEN, "update": style.SKY, "patch": style.BLUE, "delete": style.BAD, "deletecollection": style.PURPLE}


class Picture(NamedTuple):
    """``points``: ``row``, ``at`` (seconds since ``origin``), ``size``, ``colour``, ``said``; ``rows``: the labels, from above."""

    points: pd.DataFrame
    rows: list[str]
    key: tuple[tuple[str, str], ...]
    unit: str
    finding: str


def draw(picture: Picture, ax: Axes | None = None) -> Axes:
    """Draw a picture."""
    points, rows = picture.points, picture.rows
    with style.axes(ax, 9, 1.6 + 0.32 * max(len(rows), 1)) as ax:
        for row in range(len(rows)):
            ax.axhline(row, color=style.PALE, linewidth=0.8, zorder=0)
        ax.scatter(points["at"], points["row"], s=list(points["size"]), c=list(points["colour"]), alpha=0.75, linewidths=0)
        for at, row, said in zip(points["at"], points["row"], points["said"], strict=True):
            if said:
                ax.annotate(said, (at, row), xytext=(7, 5), textcoords="offset points", fontsize=7.5)
        ax.set_yticks(range(len(rows)), rows)
        ax.set_ylim(len(rows) - 0.4 if rows else 1, -0.7)
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        if len(points):
            room = max(float(points["at"].max() - points["at"].min()), 1.0)
            ax.set_xlim(float(points["at"].min()) - 0.02 * room, float(points["at"].max()) + 0.12 * room)
        long_axis(ax, picture.unit)
        if picture.key:
            style.key(ax, picture.key)
        title(ax, picture.finding, rows, above_key=bool(picture.key))
    return ax


def _points(records: list[tuple[Any, ...]]) -> pd.DataFrame:
    return pd.DataFrame(records, columns=["row", "at", "size", "colour", "said"])


def changes(frame: pd.DataFrame) -> Picture:
    """Of ``log.who(…)``: a row per one who acted, a dot per call in its verb's colour."""
    if frame.empty:
        return Picture(_points([]), [], (), "since the first", "Nobody touched it")
    untimed = int(frame["time"].isna().sum())
    frame = frame.dropna(subset="time")
    if frame.empty:
        return Picture(_points([]), [], (), "since the first", f"{many(untimed, 'call')}, of which the log tells no time")
    origin = frame["time"].min()
    names = [who(user) for user in frame["who"]]
    order = list(dict.fromkeys(names))
    shown = order[:SHOWN]
    records = [
        (shown.index(name), (row.time - origin).total_seconds(), 34.0, VERBS.get(row.verb, style.GREY), "")
        for name, row in zip(names, frame.itertuples(index=False), strict=True)
        if name in shown
    ]
    last = frame.iloc[-1]
    finding = f"{many(len(frame), 'call')} by {many(len(order), 'user')}; the last: {label(last['verb'])} by {who(last['who'])}"
    really = last["really"]
    finding += f", who really was {who(really)}" if isinstance(really, str) else ""
    found = [verb for verb in VERBS if (frame["verb"] == verb).any()]
    others = [("other verbs", style.GREY)] if not frame["verb"].isin(list(VERBS)).all() else []
    unit = f"since {origin:%Y-%m-%d %H:%M:%S} UTC" + (f"; {len(order) - len(shown)} users more are not shown" if len(order) > SHOWN else "")
    return Picture(_points(records), shown, (*((verb, VERBS[verb]) for verb in found), *others), unit, finding)


KINDS = {"more": style.BAD, "less": style.BLUE, "never seen before": style.PURPLE}


def anomalies(frame: pd.DataFrame) -> Picture:
    """Of ``log.anomalies()``: a row per group, a dot per window that stands out, the size by how far; the measured rate of false alarms in words."""
    false = frame.attrs["false_alarms"]
    tail = f"false alarms: in {false['rate']:.1%} of {false['windows']} windows held out (at most {false['at_most']:.1%})"
    if frame.empty:
        return Picture(_points([]), [], (), "since the first", f"Nothing stands out; {tail}")
    names = list(frame.columns[: list(frame.columns).index("window")])
    labels = [
        label(" ".join(who(row[name]) if name == "user" else str(row[name]) for name in names), 60) for row in frame.to_dict("records")
    ]
    order = list(dict.fromkeys(labels))
    shown = order[:SHOWN]
    origin = frame["window"].min()
    records: list[tuple[Any, ...]] = []
    for name, row in zip(labels, frame.itertuples(index=False), strict=True):
        if name in shown:
            size = 24 + 22 * np.log10(max(-np.log10(max(float(row.p), 1e-300)), 1.0))
            said = f"{row.calls} instead of {row.expected:.1f}" if name not in [labels[at] for at in range(len(records))] else ""
            records.append((shown.index(name), (row.window - origin).total_seconds(), size, KINDS[row.kind], said))
    finding = f"{many(len(frame), 'window')} stand out in {many(len(order), 'group')}; {tail}"
    key = tuple((kind, colour) for kind, colour in KINDS.items() if (frame["kind"] == kind).any())
    unit = f"since {origin:%Y-%m-%d %H:%M:%S} UTC" + (
        f"; {len(order) - len(shown)} groups more are not shown" if len(order) > SHOWN else ""
    )
    return Picture(_points(records), shown, key, unit, finding)
