"""Timeline: each pod a bar, its phases in colours: a Gantt chart of everything that lived."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection

from kubelab.frames.phases import BACKOFF, PHASES, READY
from kubelab.frames.words import many
from kubelab.plot import style

NAMED_UP_TO = 60  # more rows than this have no room for names


def tidy(transitions: pd.DataFrame) -> pd.DataFrame:
    """A row per bar: ``row`` (0 is the pod that was created first), ``name``, ``phase``, ``left`` and ``right`` in seconds; also ``lasts``."""
    rows = {uid: at for at, uid in enumerate(dict.fromkeys(transitions["uid"]))}
    return pd.DataFrame(
        {
            "row": [rows[uid] for uid in transitions["uid"]],
            "name": transitions["name"].to_numpy(),
            "phase": transitions["phase"].to_numpy(),
            "left": transitions["from_seconds"].to_numpy(),
            "right": transitions["to_seconds"].to_numpy(),
            "lasts": transitions["lasts"].to_numpy(dtype=bool),
        }
    )


def finding(bars: pd.DataFrame) -> str:
    """What the picture says, in a line."""
    if bars.empty:
        return "No pods yet"
    now = bars[bars["lasts"]]
    ready, living, all_rows = int((now["phase"] == READY).sum()), len(now), bars["row"].nunique()
    failing = int((now["phase"] == BACKOFF).sum())
    born = bars.groupby("row")["left"].min()
    became = bars[bars["phase"] == READY].groupby("row")["left"].min()
    waited = (became - born).dropna()
    words = f"{ready} of {many(living, 'pod')} ready"
    if len(waited) == 1:
        words += f", after {style.duration(waited.iloc[0])}"
    elif len(waited):
        words += f", after {style.duration(waited.median())} (median; longest {style.duration(waited.max())})"
    others = [f"{failing} failing"] if failing else []
    if all_rows > living:
        others.append(f"{all_rows - living} gone")
    return "; ".join([words, ", ".join(others)]) if others else words


def draw(bars: pd.DataFrame, ax: Axes | None = None, *, since: float = 0) -> Axes:
    """Draw tidy bars, from ``since`` (seconds) on; the finding is about all of them."""
    words = finding(bars)
    bars = bars[bars["right"] > since].assign(left=bars["left"].clip(lower=since))
    rows = int(bars["row"].max()) + 1 if len(bars) else 1
    with style.axes(ax, 9, min(10, 1.3 + 0.22 * min(rows, 42))) as ax:
        low, high = bars["row"] - 0.42, bars["row"] + 0.42
        if rows > NAMED_UP_TO:
            low, high = bars["row"] - 0.5, bars["row"] + 0.5
        left, right = bars["left"], bars["right"]
        corners = np.stack([np.stack([left, low], 1), np.stack([right, low], 1), np.stack([right, high], 1), np.stack([left, high], 1)], 1)
        ax.add_collection(PolyCollection(list(corners), facecolors=[style.PHASES[phase] for phase in bars["phase"]], linewidths=0))
        ax.set_ylim(rows - 0.4, -0.6)
        if rows <= NAMED_UP_TO:
            ax.set_yticks(range(rows), list(bars.groupby("row")["name"].first()), fontsize=8 if rows <= 30 else 6.5)
            ax.tick_params(axis="y", length=0)
        else:
            ax.set_ylabel("pods, in the order of creation")
        ax.spines["left"].set_visible(False)
        style.time_axis(ax, float(left.min()) if len(bars) else 0, float(right.max()) if len(bars) else 1)
        shown = set(bars["phase"])
        style.key(ax, [(style.PHASE_WORDS[phase], style.PHASES[phase]) for phase in PHASES if phase in shown])
        style.title(ax, words, above_key=True)
    return ax
