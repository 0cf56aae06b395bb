"""Collecting: how old, and how wrong, what each way of collecting tells is. Frames of ``kubelab.frames.collecting.collect``."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from kubelab.frames.words import many
from kubelab.plot import style

COLOURS = {"CRI": style.GREEN, "summary": style.BLUE, "resource": style.SKY, "metrics-server": style.ORANGE}
DASHES = {"resource": (4, 2)}  # it follows the summary so closely that it would hide it


def _line(way: str) -> dict[str, object]:
    return {"color": COLOURS.get(way, style.GREY), **({"dashes": DASHES[way]} if way in DASHES else {})}


def _ways(frame: pd.DataFrame) -> list[str]:
    present = set(frame["way"])
    return [way for way in COLOURS if way in present]


def ages(frame: pd.DataFrame) -> dict[str, pd.Series]:
    """The ages of what each way told, sorted."""
    return {way: frame.loc[frame["way"] == way, "age"].sort_values(ignore_index=True) for way in _ways(frame)}


def draw_ages(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """The share of answers that are at most so old, by way."""
    found = ages(frame)
    with style.axes(ax, 9, 3.6) as ax:
        ends = []
        for way, own in found.items():
            shares = np.arange(1, len(own) + 1) / len(own)
            ax.step([0.0, *own], [0.0, *shares], where="post", **_line(way))  # type: ignore[arg-type]
            middle = float(own.median())
            ends.append((middle, way))
        oldest = max((float(own.max()) for own in found.values()), default=1.0) or 1.0
        for at, (middle, way) in enumerate(ends):
            place = (0.985, 0.36 - 0.08 * at)
            words = f"{way}: {middle:.0f} s in the middle, up to {found[way].max():.0f} s"
            ax.annotate(words, place, xycoords="axes fraction", ha="right", color=COLOURS.get(way, style.GREY), fontsize=9)
        ax.set_xlim(0, oldest * 1.05)
        ax.set_ylim(0, 1.03)
        ax.set_yticks([0, 0.5, 1], ["0", "50 %", "100 %"])
        ax.set_xlabel("age of what is told, in seconds")
        ax.set_ylabel("answers at most so old")
        ax.grid(color=style.PALE, linewidth=0.8)
        style.title(ax, _oldest(ends, found))
    return ax


def _oldest(ends: list[tuple[float, str]], found: Mapping[str, pd.Series]) -> str:
    if not ends:
        return "Nothing was told"
    middle, way = max(ends)
    fresh = min(ends)[1]
    if way == fresh:
        return f"{way} tells of {middle:.0f} s ago"
    return f"What {way} tells is {middle:.0f} s old in the middle, at most {found[way].max():.0f} s; {fresh}: {min(ends)[0]:.0f} s"


def errors(frame: pd.DataFrame, periods: Mapping[str, float]) -> pd.DataFrame:
    """By way and period: ``error`` (root of the mean square, in cores) and ``ignorance`` (the error of who says the mean at all times)."""
    chosen = frame[frame["pod"].isin(list(periods)) & frame["error"].notna()]
    chosen = chosen.assign(period=chosen["pod"].map(periods).astype("float64"), square=chosen["error"] ** 2)
    grouped = chosen.groupby(["way", "period"], observed=True)
    found = grouped["square"].mean().pow(0.5).rename("error").to_frame()
    found["ignorance"] = grouped["true_cpu"].std(ddof=0)
    return found.reset_index()


def draw_errors(frame: pd.DataFrame, periods: Mapping[str, float], ax: Axes | None = None) -> Axes:
    """The error of the CPU gauge of each way by the period of the load, against that of who knows the mean alone."""
    found = errors(frame, periods)
    with style.axes(ax, 9, 3.8) as ax:
        ends = []
        for way in _ways(found):
            own = found[found["way"] == way]
            ax.plot(own["period"], own["error"], marker="o", markersize=4, **_line(way))  # type: ignore[arg-type]
            ends.append((float(own["error"].iloc[-1]), way, COLOURS[way]))
        nothing = found.groupby("period")["ignorance"].mean()
        ax.plot(nothing.index, nothing, color=style.GREY, linewidth=1, linestyle="--")
        ax.annotate(
            "who says the mean at all times",
            (nothing.index[0], nothing.iloc[0]),
            xytext=(0, -12),
            textcoords="offset points",
            color=style.GREY,
            fontsize=8.5,
        )
        top = float(max(found["error"].max(), nothing.max())) * 1.12 if len(found) else 1.0
        for height, words, colour in style.apart(ends, top * 0.06):
            style.beside(ax, height, words, colour)
        ax.set_xscale("log")
        ax.set_xticks(list(nothing.index), [f"{period:.0f}" for period in nothing.index])
        ax.minorticks_off()
        ax.set_ylim(0, top)
        ax.set_xlabel("period of the load, in seconds")
        ax.set_ylabel("error of the gauge, cores")
        ax.grid(axis="y", color=style.PALE, linewidth=0.8)
        style.title(ax, _worst(found))
    return ax


def _worst(found: pd.DataFrame) -> str:
    worse = found[found["error"] > 1.05 * found["ignorance"]]
    if worse.empty:
        return "Every gauge tells more than the mean would"
    row = worse.loc[(worse["error"] / worse["ignorance"]).idxmax()]
    return (
        f"A load of {row['period']:.0f} s: the gauge of {row['way']} is off by {row['error']:.2f} cores, "
        f"the mean alone by {row['ignorance']:.2f}"
    )


def draw_curve(frame: pd.DataFrame, pod: str, *, since: float = 0, ax: Axes | None = None) -> Axes:
    """The CPU of a pod: the truth as an area, and what each way said at the time."""
    own = frame[(frame["pod"] == pod) & (frame["elapsed"] >= since)]
    if own.empty:
        raise ValueError(f"nothing was collected of pod {pod!r} since {since:g} s: there are {', '.join(sorted(set(frame['pod'])))}")
    with style.axes(ax, 9, 3.4) as ax:
        truth = own.drop_duplicates("elapsed")
        ax.fill_between(truth["elapsed"], truth["true_cpu"].astype("float64"), step="post", color=style.LIGHT, linewidth=0)
        ends = [(float(truth["true_cpu"].iloc[-1]), "truth", style.GREY)]
        for way in _ways(own):
            told = own[own["way"] == way]
            ax.step(told["elapsed"], told["cpu"], where="post", **_line(way))  # type: ignore[arg-type]
            known = told["cpu"].dropna()
            ends.append((float(known.iloc[-1]) if len(known) else 0.0, way, COLOURS[way]))
        top = float(own[["cpu", "true_cpu"]].max().max()) * 1.1 or 1.0
        for height, words, colour in style.apart(ends, top * 0.075):
            style.beside(ax, height, words, colour)
        style.time_axis(ax, float(truth["elapsed"].iloc[0]), float(truth["elapsed"].iloc[-1]))
        ax.set_ylim(0, top)
        ax.set_ylabel("cores")
        highest = own.groupby("way", observed=True)["cpu"].max()
        least = highest.idxmin()
        style.title(ax, f"{pod} uses up to {truth['true_cpu'].max():.2f} cores; {least} never says more than {highest[least]:.2f}")
    return ax


def draw_cost(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """What one look at everything is answered with, by way: of ``kubelab.frames.collecting.cost``."""
    with style.axes(ax, 9, 1.2 + 0.34 * max(len(frame), 1)) as ax:
        places = range(len(frame))
        ax.barh(places, frame["bytes"] / 1e3, color=[COLOURS.get(way.partition(",")[0], style.GREY) for way in frame["way"]], height=0.7)
        for at, row in enumerate(frame.itertuples()):
            tells = [word for word in ("throttling", "network", "filesystem") if getattr(row, word)]
            words = f"{row.bytes / 1e3:,.0f} kB in {many(row.asks, 'answer')}" + (f", with {', '.join(tells)}" if tells else "")
            ax.annotate(words, (row.bytes / 1e3, at), xytext=(5, 0), textcoords="offset points", va="center", fontsize=8.5)
        ax.set_yticks(places, list(frame["way"]))
        ax.invert_yaxis()
        ax.set_xlim(0, float(frame["bytes"].max()) / 1e3 * 1.45)
        ax.set_xlabel("kilobytes for one look at everything")
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        most, least = frame.loc[frame["bytes"].idxmax()], frame.loc[frame["bytes"].idxmin()]
        style.title(ax, f"{most['way']} costs {most['bytes'] / least['bytes']:,.0f} times as much as {least['way']}")
    return ax
