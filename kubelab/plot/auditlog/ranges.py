"""Ranges on a log scale: latencies from the median to the tail, indicators against their objectives, leases against their rhythm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from kubelab.frames.words import many
from kubelab.plot import style
from kubelab.plot.auditlog.text import label, title, who

SHOWN = 18
CLOSE = 50  # the farthest value by the nearest: less needs more than a tick per decade
LEAST = 1e-4  # seconds: what is shorter stands at the edge


class Picture(NamedTuple):
    """``rows``: ``label``, ``low``, ``middle``, ``high`` (seconds), ``limit`` (NaN: none), ``colour``, ``said``; ``key``: words and colours."""

    rows: pd.DataFrame
    key: tuple[tuple[str, str], ...]
    unit: str
    finding: str


def draw(picture: Picture, ax: Axes | None = None) -> Axes:
    """Draw a picture."""
    rows = picture.rows
    with style.axes(ax, 9, 1.6 + 0.3 * max(len(rows), 1)) as ax:
        places = np.arange(len(rows))
        low, middle, high = (np.maximum(rows[name].to_numpy("float64"), LEAST) for name in ("low", "middle", "high"))
        ax.hlines(places, low, high, color=list(rows["colour"]), linewidth=3.2, alpha=0.45)
        ax.scatter(low, places, marker="|", s=60, color=list(rows["colour"]))
        ax.scatter(middle, places, s=18, color=list(rows["colour"]), zorder=3)
        ax.scatter(high, places, s=40, color=list(rows["colour"]), zorder=3)
        limit = rows["limit"].to_numpy("float64")
        ax.scatter(limit, places, marker="|", s=160, color=style.BLACK, linewidth=2)
        for at in range(len(rows)):
            edge = np.nanmax([low[at], high[at], limit[at]])
            ax.annotate(rows["said"].iloc[at], (edge, at), xytext=(8, 0), textcoords="offset points", va="center", fontsize=8)
        if len(rows):
            farthest = float(np.nanmax(np.concatenate([high, limit])))
            ax.set_xscale("log")
            ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if farthest < CLOSE * float(low.min()) else (1,)))
            ax.xaxis.set_major_formatter(FuncFormatter(_words(picture.unit)))
            ax.xaxis.set_minor_formatter(NullFormatter())
            ax.set_xlim(float(low.min()) / 1.4, farthest * 12)
        ax.set_yticks(places, list(rows["label"]))
        ax.set_ylim(len(rows) - 0.4 if len(rows) else 1, -0.6)
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.grid(axis="x", color=style.PALE, linewidth=0.8)
        ax.set_xlabel(picture.unit)
        style.key(ax, picture.key)
        title(ax, picture.finding, list(rows["label"]), above_key=True)
    return ax


def _words(unit: str) -> Callable[[float, int], str]:
    def words(value: float, _: int) -> str:
        return f"{value:g}" if unit.startswith("calls") else style.duration(value)

    return words


def _rows(records: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    return pd.DataFrame(records, columns=["label", "low", "middle", "high", "limit", "colour", "said"])


def latencies(frame: pd.DataFrame, by: Sequence[str]) -> Picture:
    """Of ``log.latencies(by, (0.5, 0.95, 0.99))``: what took most time together."""
    shown = frame[frame["calls"] > 0].head(SHOWN)
    rows = [
        (
            label(" ".join(who(row[name]) if name == "user" else str(row[name]) for name in by), 60),
            row["p50"],
            row["p95"],
            row["p99"],
            np.nan,
            style.BLUE,
            f"{row['calls']:,} calls, {style.duration(row['total'])} together",
        )
        for row in shown.to_dict("records")
    ]
    if not rows:
        return Picture(_rows(rows), (), "seconds", "No latency is on record")
    worst = max(rows, key=lambda row: row[3])
    finding = f"{rows[0][0]} took most time, {style.duration(shown['total'].iloc[0])} together; {worst[0]} is the slowest: p99 {style.duration(worst[3])}"
    beside = frame.attrs.get("beside", {})
    apart = sum(beside.get(kind, 0) for kind in ("election", "server", "probe", "events"))
    words = f"without {apart:,} calls of background and {beside.get('long_running', 0):,} long-running ones"
    return Picture(_rows(rows), (("median | p95 · p99 at the end", style.BLUE), (words, "")), "seconds", finding)


def slis(frame: pd.DataFrame) -> Picture:
    """Of ``log.slis()`` or ``c.slis()``: indicators with an objective, the closest to it first, then the others."""
    timed = frame[(frame["count"] > 0) & (frame["sli"] != "Cluster churn")].copy()
    timed["near"] = timed["p99"] / timed["objective"].where(timed["objective"] > 0)
    timed = timed.sort_values("near", ascending=False, kind="stable").head(SHOWN)
    rows = []
    for row in timed.to_dict("records"):
        met = row["met"]
        colour = style.GREY if pd.isna(met) else style.GOOD if met else style.BAD
        words = f"{row['resource'] or row['sli']} {row['verb']} {row['scope']}" if row["resource"] else f"{row['sli']} {row['scope']}"
        said = f"p99 {style.duration(row['p99'])}" + (f" of {row['objective']:g} s" if pd.notna(row["objective"]) else "")
        rows.append((label(words.strip(), 60), row["p50"], row["p90"], row["p99"], row["objective"], colour, said))
    judged = frame["met"].dropna()
    missed = int((~judged.astype(bool)).sum())
    if not len(judged):
        finding = "No objective could be judged"
    elif missed:
        finding = f"{missed} of {many(len(judged), 'objective')} missed, {_worst(frame)} by most"
    else:
        finding = f"All of {many(len(judged), 'objective')} met; the closest: {label(rows[0][0], 70)}" if rows else "All objectives met"
    key = (
        ("met", style.GOOD),
        ("missed", style.BAD),
        ("no objective", style.GREY),
        ("p50 | p90 · p99 at the end; the objective is the black line", ""),
    )
    return Picture(_rows(rows), key, "seconds", finding)


def _worst(frame: pd.DataFrame) -> str:
    """The indicator that is furthest beyond its objective."""
    missed = frame[frame["met"].fillna(True).eq(False)]
    row = missed.loc[(missed["p99"] / missed["objective"]).idxmax()]
    return label(f"{row['resource']} {row['verb']}".strip() or str(row["sli"]).lower(), 70)


def elections(frame: pd.DataFrame) -> Picture:
    """Of ``log.elections()``: how steadily each lock is renewed; those with the longest silence first."""
    shown = frame[frame["longest_gap"].notna()].sort_values(["kind", "longest_gap"], ascending=[True, False], kind="stable").head(SHOWN)
    rows = []
    for row in shown.to_dict("records"):
        colour = style.BAD if row["late"] or row["changes"] else style.BLUE if row["kind"] == "leader" else style.SKY
        said = f"{row['renewals']:,} renewals" + (f", {row['changes']} changes of holder" if row["changes"] else "")
        rows.append(
            (label(f"{row['namespace']}/{row['name']}"), row["interval"], row["interval"], row["longest_gap"], np.nan, colour, said)
        )
    changes, late = int(frame["changes"].sum()), int(frame["late"].sum())
    nodes = int((frame["kind"] == "node").sum())
    finding = f"{many(len(frame) - nodes, 'lock')} and {many(nodes, 'node lease')}: "
    finding += "no change of holder" if not changes else f"{many(changes, 'change')} of holder"
    finding += ", none fell silent for 40 s" if not late else f", {many(late, 'silence')} of more than 40 s"
    key = (("leaders", style.BLUE), ("nodes", style.SKY), ("changed hands or fell silent", style.BAD))
    return Picture(_rows(rows), key, "seconds between renewals: the median, and the longest", finding)


def burst(frame: pd.DataFrame) -> Picture:
    """Of ``log.burst()``: calls per second before and within, what took most time first."""
    shown = frame[frame["calls"] > 0].head(SHOWN)
    window = frame.attrs.get("window", {})
    rows = []
    names = list(frame.columns[: list(frame.columns).index("calls")])
    for row in shown.to_dict("records"):
        words = " ".join(who(row[name]) if name == "user" else str(row[name]) for name in names)
        before = row["per_second_before"]
        low = before if pd.notna(before) and before > 0 else row["per_second"]
        colour = style.PURPLE if low is row["per_second"] else style.BLUE if row["per_second"] >= low else style.GREY
        said = f"{row['share_of_seconds']:.0%} of the time, " + ("not before" if pd.isna(before) or not before else f"× {row['times']:.1f}")
        rows.append((label(words, 60), low, low, row["per_second"], np.nan, colour, said))
    if not rows:
        return Picture(_rows(rows), (), "calls per second", "No calls in this window")
    length = style.duration(window.get("seconds", 0))
    finding = f"In {length}, {frame['calls'].sum():,} calls: {rows[0][0]} took {shown['share_of_seconds'].iloc[0]:.0%} of the time"
    key = (("more than before", style.BLUE), ("not there before", style.PURPLE), ("less", style.GREY))
    return Picture(_rows(rows), key, "calls per second: before, and in the burst (large dot)", finding)
