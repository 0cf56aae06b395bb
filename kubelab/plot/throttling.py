"""Throttling: the share of its periods in which a container's CPU quota holds it back, beside how much of its limit it uses."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from kubelab.plot import style


class Picture(NamedTuple):
    """What is drawn. ``steps``: a row per container and step of time with ``elapsed`` (its end), ``name``, ``id``, ``throttled`` (share of
    the step's periods, NaN: none), ``used`` (mean CPU over the step as a share of the limit).
    """

    subject: str
    steps: pd.DataFrame


def tidy(subject: str, usage: pd.DataFrame) -> Picture:
    """A picture from the frame ``usage``: differences of the counters, of containers that have a CPU limit."""
    limited = usage[usage["cpu_limit"].notna()]
    parts = []
    for _, own in limited.groupby("id", sort=False):
        periods = own["periods"].astype("float64").diff()
        length = own["elapsed"].diff()
        parts.append(
            pd.DataFrame(
                {
                    "elapsed": own["elapsed"],
                    "name": own["pod"].astype(object) + "/" + own["container"].astype(object),
                    "id": own["id"].astype(object),
                    "throttled": (own["throttled_periods"].astype("float64").diff() / periods.where(periods > 0)).clip(upper=1.0),
                    "used": own["cpu_seconds"].diff() / length / own["cpu_limit"],
                }
            ).iloc[1:]
        )
    columns = {"elapsed": "float64", "name": object, "id": object, "throttled": "float64", "used": "float64"}
    steps = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})
    return Picture(subject, steps)


def finding(picture: Picture) -> str:
    """What the picture says, in a line."""
    steps, subject = picture.steps, picture.subject
    if steps.empty:
        return f"{subject}: no container has a CPU limit"
    held = float(steps["throttled"].mean())
    if not held > 0:
        return f"{subject}: never throttled"
    used = float(steps["used"].mean())
    words = f"{subject}: throttled in {held:.0%} of its periods"
    return f"{words}, though it uses {used:.0%} of its limit on average" if used < 0.95 else f"{words}, at its limit"


def draw(picture: Picture, ax: Axes | None = None) -> Axes:
    """Draw a tidy picture."""
    steps = picture.steps
    with style.axes(ax, 9, 3.2) as ax:
        for _, own in steps.groupby("id", sort=False):
            x = own["elapsed"].to_numpy()
            ax.fill_between(x, 0, np.nan_to_num(own["throttled"].to_numpy()), step="pre", color=style.BAD, alpha=0.35, linewidth=0)
            ax.step(x, own["throttled"], where="pre", color=style.BAD, linewidth=1.6)
            ax.plot(x, own["used"], color=style.BLUE, linewidth=1.6)
        ax.set_ylim(0, 1.08)
        ax.yaxis.set_major_formatter(PercentFormatter(1.0))
        start, end = (float(steps["elapsed"].min()), float(steps["elapsed"].max())) if len(steps) else (0.0, 1.0)
        style.time_axis(ax, start, end)
        style.key(ax, [("throttled periods", style.BAD), ("CPU used, of the limit", style.BLUE)])
        style.title(ax, finding(picture), above_key=True)
    return ax
