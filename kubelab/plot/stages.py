"""Stages: how the share of each stage of a burst grows or shrinks with its size, and where one overtakes another: the crossing points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from kubelab.frames.words import many
from kubelab.plot import breakdown, style

SEEN_FROM = 0.03  # seconds per pod: what is less at every size is left out


class Crossing(NamedTuple):
    """From about ``replicas`` on ``stage`` is the longest, before it was ``before``; both take ``seconds`` there."""

    replicas: float
    before: str
    stage: str
    seconds: float


def tidy(breakdowns: Mapping[int, pd.DataFrame]) -> pd.DataFrame:
    """Bursts of several sizes (replicas → ``frames.breakdown``) as one table: a row per size, a column per stage (mean seconds per pod, in the
    order of the stages), and ``until ready``: seconds until the last pod was ready."""
    rows = {}
    for replicas, frame in sorted(breakdowns.items()):
        bars = breakdown.tidy(frame)
        rows[replicas] = {**breakdown.shares(bars), "until ready": bars["right"].max()}
    found = pd.DataFrame.from_dict(rows, orient="index").rename_axis("replicas")
    return found.reindex(columns=[*(stage for stage in style.STAGES if stage in found), "until ready"]).fillna(0.0)


def crossings(table: pd.DataFrame) -> list[Crossing]:
    """Where another stage becomes the longest, between two sizes in a straight line, as it is drawn."""
    stages = table.drop(columns="until ready")
    found = []
    for (small, low), (large, high) in zip(list(stages.iterrows())[:-1], list(stages.iterrows())[1:], strict=True):
        before, after = str(low.idxmax()), str(high.idxmax())
        if before == after:
            continue
        lead, lost = low[before] - low[after], high[after] - high[before]
        share = lead / (lead + lost)
        replicas = float(np.exp(np.log(small) + share * (np.log(large) - np.log(small))))
        found.append(Crossing(replicas, before, after, float(low[after] + share * (high[after] - low[after]))))
    return found


def finding(table: pd.DataFrame) -> str:
    """What the picture says, in a line."""
    if table.empty:
        return "No bursts yet"
    stages = table.drop(columns="until ready")
    first = f"Most time goes to {_called(str(stages.iloc[0].idxmax()))}"
    met = crossings(table)
    if not met:
        return f"{first}, up to {many(int(table.index[-1]), 'pod')}"
    turns = (f"from about {many(round(crossing.replicas), 'pod')} on to {_called(crossing.stage)}" for crossing in met)
    return ", ".join([first, *turns])


def _called(stage: str) -> str:
    return "the pull" if stage == "pull" else breakdown.WORDS.get(stage, f"the {stage}")


def draw(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw a tidy table: mean seconds per pod over the number of pods."""
    stages = table.drop(columns="until ready")
    stages = stages.loc[:, stages.max() >= SEEN_FROM]
    met = crossings(table)
    with style.axes(ax, 9, 4.2) as ax:
        for stage in stages:
            ax.plot(table.index, stages[stage], color=style.STAGES[stage], marker="o", markersize=4, linewidth=2)
        top = float(stages.to_numpy().max()) * (1.3 if met else 1.1) if stages.size else 1.0
        ends = _apart([(float(stages[stage].iloc[-1]), stage) for stage in stages], top * 0.055)
        for height, (seconds, stage) in ends:
            words = f"{stage} {style.duration(seconds)}"
            ax.annotate(
                words, (1, height), xycoords=("axes fraction", "data"), xytext=(6, 0), textcoords="offset points", va="center", fontsize=8.5
            )
        for crossing in met:
            ax.axvline(crossing.replicas, color=style.GREY, linestyle=(0, (4, 3)), linewidth=1)
            words = f"about {many(round(crossing.replicas), 'pod')}:\n{_called(crossing.stage)}\novertakes {_called(crossing.before)}"
            late = crossing.replicas > np.sqrt(float(table.index[0]) * float(table.index[-1]))
            side, gap = ("right", -5) if late else ("left", 5)
            ax.annotate(words, (crossing.replicas, top), xytext=(gap, -2), textcoords="offset points", ha=side, va="top", fontsize=8)
        ax.set_xscale("log")
        ax.set_xticks(list(table.index), [str(replicas) for replicas in table.index])
        ax.minorticks_off()
        ax.set_xlabel("pods in the burst")
        ax.set_ylabel("mean seconds per pod")
        ax.set_ylim(0, top)
        ax.grid(axis="y", color=style.PALE, linewidth=0.8)
        style.title(ax, finding(table))
    return ax


def _apart(ends: list[tuple[float, str]], gap: float) -> list[tuple[float, tuple[float, str]]]:
    """Heights for labels at the ends of lines: each at its line's end, or as far above the one below it as a label is high."""
    found: list[tuple[float, tuple[float, str]]] = []
    for end in sorted(ends):
        height = end[0] if not found else max(end[0], found[-1][0] + gap)
        found.append((height, end))
    return found
