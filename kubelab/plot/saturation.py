"""Saturation: how full each node is over time, as a heat map."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import PercentFormatter

from kubelab.frames.words import many
from kubelab.plot import style

RESOURCES = {
    "cpu": ("cpu_demand_share", "CPU wanted"),
    "memory": ("memory_share", "memory in use"),
    "filesystem": ("filesystem_share", "filesystem in use"),
}
FULL = 1.0
HEAT = LinearSegmentedColormap.from_list("heat", ["white", style.YELLOW, style.ORANGE, style.VERMILLION, "#7A2500"])


def tidy(nodes: pd.DataFrame, resource: str) -> pd.DataFrame:
    """A row per node (in their order), a column per instant: shares. Raises ValueError for an unknown resource."""
    if resource not in RESOURCES:
        raise ValueError(f"resource={resource!r}: use one of {', '.join(RESOURCES)}")
    column = RESOURCES[resource][0]
    wide = nodes.astype({"node": object}).pivot_table(index="node", columns="elapsed", values=column, sort=False)
    return wide.reindex(list(dict.fromkeys(nodes["node"]))).sort_index(axis=1)


def finding(shares: pd.DataFrame, resource: str) -> str:
    """What the picture says, in a line."""
    if shares.empty:
        return "No nodes"
    words = RESOURCES[resource][1]
    full = (shares >= FULL).any(axis=1)
    if full.any():
        names = ", ".join(shares.index[full][:3]) + (" …" if full.sum() > 3 else "")
        return f"{many(int(full.sum()), 'node')} of {len(full)} full: {names} ({words} at {float(shares.max().max()):.0%})"
    busiest = shares.max(axis=1).idxmax()
    return f"No node is full: {words} is at most {float(shares.max().max()):.0%}, on {busiest}"


def draw(shares: pd.DataFrame, resource: str, ax: Axes | None = None) -> Axes:
    """Draw tidy shares."""
    with style.axes(ax, 9, max(1.8, 0.34 * len(shares) + 1.3)) as ax:
        if not shares.empty:
            times = shares.columns.to_numpy(dtype=float)
            step = float(np.diff(times).min()) if len(times) > 1 else 1.0
            edges = np.append(times - step / 2, times[-1] + step / 2)
            mesh = ax.pcolormesh(edges, np.arange(len(shares) + 1), shares.to_numpy(), cmap=HEAT, vmin=0, vmax=FULL, shading="flat")
            bar = ax.figure.colorbar(mesh, ax=ax, format=PercentFormatter(1.0), fraction=0.04, pad=0.02)
            bar.outline.set_visible(False)
            ax.set_yticks(np.arange(len(shares)) + 0.5, list(shares.index))
            ax.invert_yaxis()
            style.time_axis(ax, float(edges[0]), float(edges[-1]))
            ax.grid(visible=False)
        style.title(ax, finding(shares, resource))
    return ax
