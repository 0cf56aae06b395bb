"""Image filesystem: what images take on a node over time, against the thresholds of the kubelet's garbage collection.

upstream: pkg/kubelet/apis/config/v1beta1/defaults.go (imageGCHighThresholdPercent 85, imageGCLowThresholdPercent 80), 1.28.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from kubelab.plot import style

HIGH, LOW = 0.85, 0.80


def tidy(images: pd.DataFrame, node: str | None = None) -> pd.DataFrame:
    """``elapsed``, ``node``, ``share``, and ``freed`` (the share given back at this step), of one node or all."""
    found = images if node is None else images[images["node"] == node]
    found = found[["elapsed", "node", "share", "images"]].astype({"node": object}).reset_index(drop=True)
    return found.assign(freed=(-found.groupby("node", sort=False)["share"].diff()).clip(lower=0).fillna(0.0))


def finding(steps: pd.DataFrame) -> str:
    """What the picture says, in a line."""
    if steps.empty:
        return "No node has images yet"
    full = steps.loc[steps["share"].idxmax()]
    collected = steps[steps["freed"] > 0]
    where = f"Images take up to {full['share']:.{0 if full['share'] >= 0.1 else 1}%} of {full['node']}'s filesystem"
    if collected.empty:
        return f"{where}; none was removed" if full["share"] > HIGH / 2 else f"{where}, far from collection at 85 %"
    times = "once" if len(collected) == 1 else f"{len(collected)} times"
    return f"{where}; images were removed {times}, {collected['freed'].sum():.0%} of it freed"


def draw(steps: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw tidy steps."""
    with style.axes(ax, 9, 3.2) as ax:
        nodes = list(dict.fromkeys(steps["node"]))
        most = float(steps["share"].max()) if len(steps) else 0.0
        top = 1.0 if most > HIGH / 2 else 1.3 * most or 0.01
        ends = []
        for order, node in enumerate(nodes):
            own, colour = steps[steps["node"] == node], style.of_revision(order)
            ax.step(own["elapsed"], own["share"], where="post", color=colour, linewidth=1.8)
            freed = own[own["freed"] > 0]
            ax.plot(freed["elapsed"], freed["share"], marker="v", color=style.BAD, linestyle="none", markersize=7)
            ends.append((float(own["share"].iloc[-1]), node, colour))
        for height, node, colour in style.apart(ends, top * 0.07) if len(nodes) > 1 else ():
            style.beside(ax, height, node, colour)
        for level, words in ((HIGH, "collection begins 85 %"), (LOW, "and ends 80 %")) if top == 1.0 else ():
            ax.axhline(level, color=style.INK, linestyle=(0, (5, 3)), linewidth=1.0)
            offset = 2 if level == HIGH else -10
            ax.annotate(
                words, (0.005, level), xycoords=("axes fraction", "data"), xytext=(0, offset), textcoords="offset points", fontsize=8.5
            )
        ax.set_ylim(0, top)
        ax.yaxis.set_major_formatter(PercentFormatter(1.0))
        ax.set_ylabel("of the filesystem")
        start, end = (float(steps["elapsed"].min()), float(steps["elapsed"].max())) if len(steps) else (0.0, 1.0)
        style.time_axis(ax, min(start, 0.0), end)
        told = [("images removed", style.BAD)] if (steps["freed"] > 0).any() else []
        if told:
            style.key(ax, told)
        style.title(ax, finding(steps), above_key=bool(told))
    return ax
