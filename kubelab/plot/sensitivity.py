"""Sensitivity: which cause moves which workload, as a heat map of ``kubelab.frames.prediction.sensitivity``."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from kubelab.plot import style

MOVES = LinearSegmentedColormap.from_list("moves", ["white", style.ORANGE, style.VERMILLION])
DARK_FROM = 0.6  # of the scale: from here on the letters are white


def finding(frame: pd.DataFrame) -> str:
    """What the picture says: the strongest cause of each group of workloads."""
    if frame.empty:
        return "Nothing was tried"
    times = frame.idxmax(axis=1).value_counts()
    first, *others = (f"{cause} ({number})" for cause, number in times.items())
    return f"Moved most by {first.replace(')', f' of {len(frame)})')}" + "".join(f", {each}" for each in others)


def draw(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the frame: a line for each workload, a column for each cause; how much longer it takes if the cause is twice as slow."""
    rows, columns = frame.shape
    with style.axes(ax, 10.0, 1.5 + 0.34 * max(rows, 1)) as ax:
        top = max(float(frame.to_numpy().max()), 0.01) if frame.size else 1.0
        if frame.size:
            ax.imshow(frame.to_numpy().clip(min=0), cmap=MOVES, vmin=0, vmax=top, aspect="auto")
        for line in range(rows):
            for column in range(columns):
                share = float(frame.iat[line, column])
                colour = "white" if share > DARK_FROM * top else style.INK
                ax.text(
                    column,
                    line,
                    f"{round(100 * share):+d} %" if abs(share) >= 0.005 else "0",
                    ha="center",
                    va="center",
                    color=colour,
                    size=8.5,
                )
        ax.set_xticks(range(columns), [str(name).replace(" ", "\n") for name in frame.columns], size=8.5)
        ax.set_yticks(range(rows), list(frame.index))
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        style.title(ax, finding(frame))
    return ax
