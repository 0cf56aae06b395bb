"""Breakdown: where each second of a burst went, pod by pod: a bar from the command to Ready, cut into stages."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection

from kubelab.frames.words import many
from kubelab.plot import style

NAMED_UP_TO = 40
SEEN_FROM = 0.01  # share of the whole
WORDS = {"predecessor": "waiting for pods before", "client limit": "the client QPS limit", "controller": "the controller queue"}


def tidy(breakdown: pd.DataFrame) -> pd.DataFrame:
    """A row per bar: ``row`` (0 is the pod that was created first), ``name``, ``stage``, ``left`` and ``right`` in seconds since the command."""
    rows = {uid: at for at, uid in enumerate(dict.fromkeys(breakdown["uid"]))}
    left = breakdown["from_command"].to_numpy()
    return pd.DataFrame(
        {
            "row": np.array([rows[uid] for uid in breakdown["uid"]], dtype=int),
            "name": breakdown["name"].astype(str).to_numpy(),
            "stage": breakdown["stage"].astype(str).to_numpy(),
            "left": left,
            "right": left + breakdown["seconds"].to_numpy(),
        }
    )


def shares(bars: pd.DataFrame) -> pd.Series:
    """The mean seconds per pod of each stage, in the order of the stages; only those that took time."""
    lengths = (bars["right"] - bars["left"]).groupby(bars["stage"]).sum()
    found = lengths.reindex([stage for stage in style.STAGES if stage in lengths.index])
    return found / max(bars["row"].nunique(), 1)


def finding(bars: pd.DataFrame) -> str:
    """What the picture says, in a line."""
    if bars.empty:
        return "No pod became ready yet"
    parts = shares(bars)
    worst = str(parts.idxmax())
    share = parts[worst] / parts.sum()
    pods = many(bars["row"].nunique(), "pod")
    return f"{pods} ready within {style.duration(bars['right'].max())}; {share:.0%} of the time is {WORDS.get(worst, worst)}"


def draw(bars: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw tidy bars."""
    rows = int(bars["row"].max()) + 1 if len(bars) else 1
    with style.axes(ax, 9, min(9, 1.5 + 0.24 * min(rows, 30))) as ax:
        half = 0.4 if rows <= NAMED_UP_TO else 0.5
        left, right, low, high = bars["left"], bars["right"], bars["row"] - half, bars["row"] + half
        corners = np.stack([np.stack([left, low], 1), np.stack([right, low], 1), np.stack([right, high], 1), np.stack([left, high], 1)], 1)
        ax.add_collection(PolyCollection(list(corners), facecolors=[style.STAGES[stage] for stage in bars["stage"]], linewidths=0))
        ax.set_xlim(0, float(right.max()) * 1.01 if len(bars) else 1)
        ax.set_ylim(rows - 0.4, -0.6)
        if rows <= NAMED_UP_TO:
            ax.set_yticks(range(rows), list(bars.groupby("row")["name"].first()) if len(bars) else [""], fontsize=8)
            ax.tick_params(axis="y", length=0)
        else:
            ax.set_ylabel("pods, in the order of creation")
        ax.spines["left"].set_visible(False)
        ax.set_xlabel("seconds since the command")
        ax.grid(axis="x", color=style.PALE, linewidth=0.8)
        style.key(ax, _means(bars))
        style.title(ax, finding(bars), above_key=True)
    return ax


def _means(bars: pd.DataFrame) -> list[tuple[str, str]]:
    """The key: each stage with its mean per pod; those too thin to be seen together."""
    parts = shares(bars)
    seen = parts[parts >= parts.sum() * SEEN_FROM]
    words = [(f"{stage} {style.duration(mean)}", style.STAGES[str(stage)]) for stage, mean in seen.items()]
    rest = float(parts.sum() - seen.sum())
    return [("mean per pod:", ""), *words, *([(f"all else {style.duration(rest)}", "")] if len(seen) < len(parts) else [])]
