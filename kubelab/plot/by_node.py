"""By node: which revision each node's pod had at what time, and when it had none that was ready: what an update of a DaemonSet looks like."""

from __future__ import annotations

import re
from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from kubelab.frames.phases import BACKOFF, FAILED, READY, TERMINATING
from kubelab.frames.words import many
from kubelab.plot import style

NAMED_UP_TO = 40  # more rows than this have no room for names


class Picture(NamedTuple):
    """What is drawn. ``bars``: ``row``, ``revision`` (from 0, in the order of appearance), ``state`` (ready, failing, terminating or starting),
    ``left`` and ``right`` in seconds. ``nodes``: by row; ``labels``: by revision; ``gaps``: node → seconds without a ready pod, once it had one."""

    workload: str
    bars: pd.DataFrame
    nodes: list[str]
    labels: list[str]
    gaps: dict[str, float]
    until: float


def tidy(workload: str, transitions: pd.DataFrame, pods: pd.DataFrame, until: float, since: float = 0) -> Picture:
    """The pods of one workload that have a node, as bars in their node's row, from ``since`` (seconds) on."""
    frame = transitions[transitions["node"].notna() & (transitions["node"].astype(str) != "")]
    nodes = sorted(dict.fromkeys(frame["node"].astype(str)), key=_by_number)
    revisions = list(dict.fromkeys(frame["revision"].astype(str)))
    images = dict(zip(pods["revision"].astype(str), pods["images"].astype(str), strict=True))
    bars = pd.DataFrame(
        {
            "row": [nodes.index(node) for node in frame["node"].astype(str)],
            "revision": [revisions.index(revision) for revision in frame["revision"].astype(str)],
            "state": [_state(phase) for phase in frame["phase"].astype(str)],
            "left": frame["from_seconds"].to_numpy(dtype=float),
            "right": frame["to_seconds"].to_numpy(dtype=float),
        }
    )
    gaps = {node: _gap(bars[(bars["row"] == row) & (bars["state"] == "ready")], until, since) for row, node in enumerate(nodes)}
    bars = bars[bars["right"] > since].assign(left=bars["left"].clip(lower=since)).reset_index(drop=True)
    return Picture(workload, bars, nodes, _labels(revisions, images), gaps, until)


def _by_number(name: str) -> tuple[str | int, ...]:
    return tuple(int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name))


def _state(phase: str) -> str:
    return {READY: "ready", BACKOFF: "failing", FAILED: "failing", TERMINATING: "terminating"}.get(phase, "starting")


def _labels(revisions: list[str], images: dict[str, str]) -> list[str]:
    short = [images.get(revision, revision).split(", ")[0].rpartition("/")[2] for revision in revisions]
    return [word if short.count(word) == 1 else f"{word} ({revision})" for word, revision in zip(short, revisions, strict=True)]


def _gap(ready: pd.DataFrame, until: float, since: float) -> float:
    """Seconds from ``since``, or the first ready pod, on without a ready one."""
    if ready.empty:
        return 0.0
    reached, missing = max(since, float(ready["left"].min())), 0.0
    for left, right in sorted(zip(ready["left"], ready["right"], strict=True)):
        missing += max(0.0, left - reached)
        reached = max(reached, right)
    return missing + max(0.0, until - reached)


def finding(picture: Picture) -> str:
    """What the picture says, in a line."""
    if picture.bars.empty:
        return f"{picture.workload}: no pod on any node"
    now = picture.bars[(picture.bars["right"] >= picture.until) & (picture.bars["state"] == "ready")]
    counts = now.groupby("revision")["row"].nunique()
    parts = [f"{picture.labels[revision]} on {many(int(number), 'node')}" for revision, number in counts.items()]
    words = f"{picture.workload}: {', '.join(parts) if parts else 'no pod is ready'}"
    bare = len(picture.nodes) - now["row"].nunique()
    if bare and parts:
        words += f", {many(bare, 'node')} without a ready pod"
    worst = max(picture.gaps, key=lambda node: picture.gaps[node])
    if picture.gaps[worst] > 0:
        return f"{words}; the longest gap: {worst}, {style.duration(picture.gaps[worst])}"
    return f"{words}; no node was ever without" if parts else words


def draw(picture: Picture, ax: Axes | None = None) -> Axes:
    """Ready: filled with the revision's colour; terminating: grey; what is not ready yet, or fails: a narrow hatched bar, before the one it replaces."""
    rows = max(len(picture.nodes), 1)
    with style.axes(ax, 9, min(9, 1.4 + 0.3 * rows)) as ax:
        for bar in picture.bars.itertuples(index=False):
            colour = style.of_revision(int(bar.revision))
            look = {
                "ready": {"facecolor": colour},
                "failing": {"facecolor": "white", "edgecolor": style.BAD, "hatch": "/////"},
                "terminating": {"facecolor": style.LIGHT},
                "starting": {"facecolor": "white", "edgecolor": colour, "hatch": "....."},
            }[str(bar.state)]
            above = bar.state in ("failing", "starting")
            half = 0.2 if above else 0.4
            order = 2 if above else 1.5 if bar.state == "ready" else 1
            place = (float(bar.left), float(bar.row) - half)
            ax.add_patch(Rectangle(place, float(bar.right - bar.left), 2 * half, linewidth=0, zorder=order, **look))
        ax.set_ylim(rows - 0.4, -0.6)
        if rows <= NAMED_UP_TO:
            ax.set_yticks(range(len(picture.nodes)), picture.nodes, fontsize=8.5 if rows <= 20 else 7)
            ax.tick_params(axis="y", length=0)
        else:
            ax.set_ylabel("nodes")
        ax.spines["left"].set_visible(False)
        start = float(picture.bars["left"].min()) if len(picture.bars) else 0.0
        style.time_axis(ax, start, picture.until)
        shown = [int(revision) for revision in dict.fromkeys(picture.bars["revision"])]
        states = set(picture.bars["state"])
        words = [(picture.labels[revision], style.of_revision(revision)) for revision in shown]
        words += [("terminating", style.LIGHT)] if "terminating" in states else []
        words += [("dotted: not ready", "")] if "starting" in states else []
        words += [("hatched: failing", "")] if "failing" in states else []
        style.key(ax, words)
        style.title(ax, finding(picture), above_key=True)
    return ax
