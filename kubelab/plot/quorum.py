"""Quorum: ready members over time against the majority that the ensemble needs."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from kubelab.plot import style


def tidy(quorum: pd.DataFrame, until: float) -> pd.DataFrame:
    """The frame with a last row at ``until`` (seconds), where everything still stands: ``elapsed``, ``ready``, ``members``, ``majority``, ``verdict``."""
    found = quorum[["elapsed", "ready", "members", "majority", "verdict"]].astype({"verdict": object})
    if len(found) and found["elapsed"].iloc[-1] < until:
        found = pd.concat([found, found.iloc[[-1]].assign(elapsed=until)], ignore_index=True)
    return found


def cut(steps: pd.DataFrame, since: float) -> pd.DataFrame:
    """Only from ``since`` (seconds) on; what stood then stands at the beginning."""
    first = max(int((steps["elapsed"] <= since).sum()) - 1, 0)
    kept = steps.iloc[first:].reset_index(drop=True)
    return kept.assign(elapsed=kept["elapsed"].clip(lower=since))


def lost(steps: pd.DataFrame) -> pd.DataFrame:
    """The stretches without quorum after it was formed: ``start`` and ``end`` in seconds."""
    stretches: list[list[float]] = []
    for start, end, verdict in zip(steps["elapsed"], steps["elapsed"][1:], steps["verdict"], strict=False):
        if verdict != "lost":
            continue
        if stretches and stretches[-1][1] == start:
            stretches[-1][1] = end
        else:
            stretches.append([start, end])
    return pd.DataFrame(stretches, columns=["start", "end"], dtype="float64")


def finding(workload: str, steps: pd.DataFrame) -> str:
    """What the picture says, in a line."""
    if not (steps["verdict"] != "forming").any():
        return f"{workload}: no quorum yet"
    without = lost(steps)
    if without.empty:
        return f"{workload}: the quorum held throughout"
    times = "once" if len(without) == 1 else f"{len(without)} times"
    return f"{workload}: the quorum was lost {times}, for {style.duration(float((without['end'] - without['start']).sum()))} in all"


def draw(workload: str, steps: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw tidy steps."""
    with style.axes(ax, 9, 2.8) as ax:
        x = steps["elapsed"].to_numpy(dtype=float)
        ready, majority, members = (steps[name].to_numpy(dtype=float) for name in ("ready", "majority", "members"))
        verdict = steps["verdict"].to_numpy()
        for name, colour in (("forming", style.UNDECIDED), ("quorum", style.GOOD), ("lost", style.BAD)):
            shown = np.where(verdict == name, ready, 0)
            ax.fill_between(x, 0, shown, step="post", color=colour, alpha=0.85, linewidth=0)
        ax.step(x, ready, where="post", color=style.INK, linewidth=1.2)
        ax.step(x, majority, where="post", color=style.BLACK, linestyle=(0, (5, 3)), linewidth=1.2)
        if len(x):
            last = int(members[-1]), int(majority[-1])
            told = [(last[0], "members and majority")] if last[0] == last[1] else [(last[1], "majority"), (last[0], "members")]
            for value, words in told:
                ax.annotate(
                    f"{words} {value}",
                    (x[-1], value),
                    xytext=(4, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=8.5,
                    annotation_clip=False,
                )
        top = float(members.max(initial=1))
        for stretch in lost(steps).itertuples():
            ax.axvspan(stretch.start, stretch.end, color=style.BAD, alpha=0.15, linewidth=0)
            middle = (stretch.start + stretch.end) / 2
            ax.annotate(
                f"no quorum {style.duration(stretch.end - stretch.start)}",
                (middle, top * 1.08),
                ha="center",
                va="bottom",
                fontsize=8.5,
                color=style.BAD,
            )
        ax.set_ylim(0, top * 1.25)
        ax.yaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set_ylabel("ready members")
        style.time_axis(ax, float(x[0]) if len(x) else 0, float(x[-1]) if len(x) else 1)
        style.title(ax, finding(workload, steps))
    return ax
