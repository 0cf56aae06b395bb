"""Placement: which pods stand on which node, a row per node, a square per pod."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.ticker import MaxNLocator

from kubelab.frames.words import many
from kubelab.plot import style

COLOURS = (style.BLUE, style.ORANGE, style.GREEN, style.PURPLE, style.SKY, style.YELLOW)
OTHERS = "others"
NODES_NAMED = 60
NAME_ROOM = 9
PODS_NAMED = 12  # at most so many pods side by side have room for their names
NARROWEST = 8  # squares, so that few pods do not become wide bars
GONE = ("Deleted", "Succeeded", "Failed")


def tidy(pods: pd.DataFrame, nodes: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Squares and rows. A square: ``row``, ``slot`` (place in its row, from 0), ``name``, ``group`` (workload; those beyond the palette: others),
    ``ready``. A row: ``row``, ``node``, ``zone``, ``usable`` (ready and schedulable), ``pods``; last the row of pods without a node, if there are any."""
    there = pods[~pods["phase"].isin(GONE)]
    present = nodes[nodes["deleted"].isna()]
    names = [str(name) for name in present["name"]]
    zones = [str(zone) for zone in present["zone"]]
    usable = [bool(each) for each in present["ready"] & present["schedulable"]]
    homeless = [name for name in dict.fromkeys(there["node"].astype(str)) if name not in names]
    at = {name: row for row, name in enumerate(names)} | dict.fromkeys(homeless, len(names))
    groups = _groups(there)
    squares = pd.DataFrame(
        {
            "row": np.array([at[str(node)] for node in there["node"]], dtype=int),
            "name": there["name"].astype(str).to_numpy(),
            "group": [groups[str(workload)] for workload in there["workload"]],
            "ready": (there["phase"].astype(str) == "Ready").to_numpy(),
        }
    )
    squares["rank"] = [list(dict.fromkeys(groups.values())).index(group) for group in squares["group"]]
    squares = squares.sort_values(["row", "rank"], kind="stable").drop(columns="rank").reset_index(drop=True)
    squares.insert(1, "slot", squares.groupby("row").cumcount())
    if homeless:
        names, zones, usable = [*names, "no node"], [*zones, ""], [*usable, True]
    rows = pd.DataFrame({"row": range(len(names)), "node": names, "zone": zones, "usable": usable})
    rows["pods"] = squares["row"].value_counts().reindex(rows["row"]).fillna(0).astype(int).to_numpy()
    return squares, rows


def _groups(pods: pd.DataFrame) -> dict[str, str]:
    """Each workload's group: itself for the largest ones, "others" for the rest; in the order of size."""
    sizes = pods["workload"].astype(str).value_counts(sort=False)
    ranked = sorted(sizes.index, key=lambda name: (-sizes[name], name))
    kept = ranked[: len(COLOURS)]
    return {name: (name or "single pods") if name in kept else OTHERS for name in ranked}


def finding(squares: pd.DataFrame, rows: pd.DataFrame) -> str:
    """What the picture says, in a line."""
    placed = rows[rows["node"] != "no node"]
    if placed.empty:
        return "No nodes"
    words = f"{many(int(placed['pods'].sum()), 'pod')} on {many(len(placed), 'node')}"
    low, high = int(placed["pods"].min()), int(placed["pods"].max())
    if len(placed) > 1:
        words += f": {low} each" if low == high else f": {low} to {high} each"
    homeless = int(rows.loc[rows["node"] == "no node", "pods"].sum())
    return words + (f"; {homeless} without a node" if homeless else "")


def draw(squares: pd.DataFrame, rows: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw tidy squares and rows."""
    count = max(len(rows), 1)
    widest = max(int(rows["pods"].max()) if len(rows) else 0, 1)
    named = widest <= PODS_NAMED and count <= 20
    groups = list(dict.fromkeys([*squares["group"]])) if len(squares) else []
    sizes = squares["group"].value_counts()
    groups.sort(key=lambda name: (name == OTHERS, -sizes[name], name))
    colours = {name: style.GREY if name == OTHERS else COLOURS[at] for at, name in enumerate(groups)}
    with style.axes(ax, 9, min(10, 1.2 + (0.42 if named else 0.25) * min(count, 36))) as ax:
        gap = 0.06 if count <= NODES_NAMED else 0.0
        faces = [colours[group] for group in squares["group"]]
        corners = np.array([_square(row, slot, gap) for row, slot in zip(squares["row"], squares["slot"], strict=True)]).reshape(-1, 4, 2)
        ready = squares["ready"].to_numpy(dtype=bool)
        face = np.array([*faces, ""], dtype=object)[:-1]
        ax.add_collection(PolyCollection(corners[ready], facecolors=list(face[ready]), linewidths=0))
        ax.add_collection(PolyCollection(corners[~ready], facecolors="white", edgecolors=list(face[~ready]), hatch="////", linewidths=1))
        if named:
            _names(ax, squares, colours)
        ax.set_xlim(0, max(widest, NARROWEST))
        ax.set_ylim(count - 0.4, -0.6)
        if count <= NODES_NAMED:
            ax.set_yticks(range(count), [_row(row) for row in rows.itertuples()], fontsize=8.5 if count <= 30 else 6.5)
            ax.tick_params(axis="y", length=0)
        else:
            ax.set_ylabel("nodes")
        ax.set_xlabel("pods on the node")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.spines["left"].set_visible(False)
        words = [(f"{group} ({sizes[group]:,})", colours[group]) for group in groups]
        style.key(ax, [*words, ("not ready: hatched", "#FFFFFF")] if not ready.all() else words)
        style.title(ax, finding(squares, rows), above_key=True)
    return ax


def _square(row: int, slot: int, gap: float) -> list[tuple[float, float]]:
    left, right, low, high = slot + gap / 2, slot + 1 - gap / 2, row - 0.5 + gap, row + 0.5 - gap
    return [(left, low), (right, low), (right, high), (left, high)]


def _names(ax: Axes, squares: pd.DataFrame, colours: dict[str, str]) -> None:
    """A pod's name, or if that is long its last part, in its square."""
    for square in squares.itertuples():
        name = str(square.name)
        short = name if len(name) <= NAME_ROOM else name.rpartition("-")[2]
        colour = style.on(colours[str(square.group)]) if square.ready else style.INK
        box = None if square.ready else {"facecolor": "white", "edgecolor": "none", "pad": 1}
        ax.text(
            square.slot + 0.5, square.row, short[:NAME_ROOM], ha="center", va="center", fontsize=7, color=colour, clip_on=True, bbox=box
        )


def _row(row: object) -> str:
    zone = getattr(row, "zone", "")
    words = f"{getattr(row, 'node', '')}  {zone}".rstrip()
    return words if getattr(row, "usable", True) else f"{words}  ✗"
