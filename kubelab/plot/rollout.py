"""Rollout: ready pods per revision over time, stacked, between the bounds that the workload promises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from kubelab.plot import style

LETTER = 0.008  # of the width, per letter of a label
PLACES = 120
MARGIN = 0.05  # of the height: half a label's


class Picture(NamedTuple):
    """What is drawn. ``counts``: a row per instant with ``elapsed``, ``pods``, ``ready``, ``desired``, ``minimum``, ``maximum`` (NaN: no such
    promise); ``ready`` and ``unready``: pods by revision (columns, in the order of appearance) at the same instants; ``images``: revision → images."""

    workload: str
    counts: pd.DataFrame
    ready: pd.DataFrame
    unready: pd.DataFrame
    images: dict[str, str]


def tidy(workload: str, rollouts: pd.DataFrame, bounds: pd.DataFrame, until: float) -> Picture:
    """Both frames of one workload, brought to the same instants; the last one is ``until`` (seconds), where everything still stands."""
    instants = sorted({*rollouts["elapsed"], *bounds["elapsed"], until})
    index = pd.Index(instants, name="elapsed")
    order = list(dict.fromkeys(rollouts["revision"]))
    by_revision = {}
    for column in ("pods", "ready"):
        wide = rollouts.assign(revision=rollouts["revision"].astype(object)).pivot_table(
            index="elapsed", columns="revision", values=column, aggfunc="last", sort=False
        )
        by_revision[column] = wide.reindex(columns=order).astype("float64").reindex(index).ffill().fillna(0.0)
    promised = bounds.drop_duplicates("elapsed", keep="last").set_index("elapsed")[["desired", "minimum", "maximum"]]
    counts = pd.DataFrame(
        {
            "pods": by_revision["pods"].sum(axis=1),
            "ready": by_revision["ready"].sum(axis=1),
            **{name: _held(promised[name], index) for name in promised},
        }
    ).reset_index()
    images = dict(zip(rollouts["revision"].astype(str), rollouts["images"].astype(str), strict=True))
    ready = by_revision["ready"].reset_index(drop=True)
    return Picture(workload, counts, ready, by_revision["pods"].reset_index(drop=True) - ready, images)


def _held(promise: pd.Series, index: pd.Index) -> pd.Series:
    """A promise at each instant: it holds until the next one replaces it, by "none" too."""
    at = promise.index.searchsorted(index, side="right") - 1
    known = promise.astype("float64").to_numpy(dtype="float64", na_value=np.nan)
    return pd.Series(np.where(at < 0, np.nan, known[np.maximum(at, 0)] if len(known) else np.nan), index=index)


def cut(picture: Picture, since: float) -> Picture:
    """Only from ``since`` (seconds) on; what stood then stands at the beginning."""
    counts = picture.counts
    first = max(int((counts["elapsed"] <= since).sum()) - 1, 0)
    kept = counts.iloc[first:].reset_index(drop=True)
    ready, unready = (frame.iloc[first:].reset_index(drop=True) for frame in (picture.ready, picture.unready))
    seen = ((ready > 0) | (unready > 0)).any()
    counts = kept.assign(elapsed=kept["elapsed"].clip(lower=since))
    return picture._replace(counts=counts, ready=ready.loc[:, seen], unready=unready.loc[:, seen])


def below(picture: Picture) -> float:
    """Seconds for which fewer pods were ready than promised, once as many had been ready as were asked for."""
    return _seconds(picture, picture.counts["ready"] < picture.counts["minimum"])


def without(picture: Picture) -> float:
    """Seconds for which none was ready, though some were asked for, once as many had been ready as were asked for."""
    return _seconds(picture, (picture.counts["ready"] == 0) & (picture.counts["desired"] > 0))


def _seconds(picture: Picture, holds: pd.Series) -> float:
    counts = picture.counts
    reached = (counts["ready"] >= counts["desired"]) & (counts["desired"] > 0)
    if not reached.any():
        return 0.0
    first = int(np.argmax(reached))
    lengths = (counts["elapsed"].shift(-1) - counts["elapsed"]).iloc[first:]
    return float(lengths[holds.iloc[first:]].sum())


def finding(picture: Picture) -> str:
    """What the picture says, in a line."""
    counts = picture.counts
    if not len(picture.ready.columns):
        return f"{picture.workload}: no pods yet"
    last = counts.iloc[-1]
    desired = 0 if np.isnan(last["desired"]) else int(last["desired"])
    words = f"{picture.workload}: {int(last['ready'])} of {desired} ready"
    now = picture.ready.iloc[-1]
    standing = [name for name in now.index if now[name] > 0]
    if len(picture.ready.columns) > 1:
        if len(standing) == 1:
            words += f", all on {_label(picture, standing[0])}"
        elif standing:
            words += f", on {len(standing)} revisions"
    never = [_label(picture, name) for name in now.index if not (picture.ready[name] > 0).any() and (picture.unready[name] > 0).any()]
    if never and len(now.index) > 1:
        words += f"; {', '.join(never)} never became ready"
    if np.isnan(last["minimum"]):
        out = without(picture)
        words += f"; none ready for {style.duration(out)}" if out else ""
    else:
        missing = below(picture)
        words += f"; below the promised minimum for {style.duration(missing)}" if missing else "; never below the promised minimum"
    return words


def _label(picture: Picture, revision: str) -> str:
    """A revision by what tells it apart: its images, or its hash if others have the same."""
    same = [each for each in picture.images.values() if each == picture.images[revision]]
    image = picture.images[revision].split(", ")[0].rpartition("/")[2]
    return image if len(same) == 1 else f"{image} ({revision})"


def draw(picture: Picture, ax: Axes | None = None) -> Axes:
    """Draw a tidy picture."""
    counts = picture.counts
    x = counts["elapsed"].to_numpy()
    ceiling = float(np.nanmax([*counts[["pods", "maximum", "desired"]].max(), 1]))
    lines = [counts[name].to_numpy() for name in ("minimum", "maximum")]
    with style.axes(ax, 9, 3.8) as ax:
        base = np.zeros(len(x))
        for order, revision in enumerate(picture.ready):
            top = base + picture.ready[revision].to_numpy()
            colour = style.of_revision(order)
            ax.fill_between(x, base, top, step="post", color=colour, linewidth=0, alpha=0.9)
            _name(ax, x, base, top, _label(picture, revision), style.on(colour), clear_of=lines, margin=MARGIN * ceiling)
            base = top
        for order, revision in enumerate(picture.unready):
            top = base + picture.unready[revision].to_numpy()
            ax.fill_between(x, base, top, step="post", facecolor="white", edgecolor=style.of_revision(order), hatch="/////", linewidth=0)
            never = not (picture.ready[revision] > 0).any()
            _name(ax, x, base, top, f"{_label(picture, revision)}, not ready" if never else "not ready", style.INK, boxed=True)
            base = top
        apart = float((counts["maximum"] - counts["minimum"]).iloc[-1]) > ceiling / 12
        _bound(ax, counts, "maximum", "at most", "center" if apart else "bottom")
        _bound(ax, counts, "minimum", "at least", "center" if apart else "top")
        ax.set_ylim(0, ceiling * 1.12)
        ax.yaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set_ylabel("pods")
        style.time_axis(ax, float(x[0]), float(x[-1]))
        style.title(ax, finding(picture))
    return ax


def _name(
    ax: Axes,
    x: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    words: str,
    colour: str,
    *,
    boxed: bool = False,
    clear_of: Sequence[np.ndarray] = (),
    margin: float = 0,
) -> None:
    """A label in the roomiest place of a stepped band, if there is one; ``clear_of`` lines by a margin (pods), where that can be."""
    found = roomiest(x, low, high, LETTER * len(words))
    if found is None:
        return
    at = int(np.searchsorted(x, found[0], side="right")) - 1
    found = (found[0], _clear(found[1], low[at], high[at], [line[at] for line in clear_of], margin))
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5} if boxed else None
    ax.text(*found, words, ha="center", va="center", color=colour, fontsize=8.5, clip_on=True, bbox=box)


def _clear(height: float, low: float, high: float, lines: Sequence[float], margin: float) -> float:
    """The height nearest to the wanted one that is within the band and away from lines; the wanted one, if there is none."""
    inner = (low + margin, high - margin)
    for step in range(1, 41):
        for moved in (height, height - step * margin / 4, height + step * margin / 4):
            if inner[0] <= moved <= inner[1] and all(np.isnan(line) or abs(line - moved) >= margin for line in lines):
                return moved
    return height


def roomiest(x: np.ndarray, low: np.ndarray, high: np.ndarray, width: float) -> tuple[float, float] | None:
    """The middle of the largest box within a stepped band that is at least so wide (as a share of the whole), looked at in 120 places."""
    if len(x) < 2 or x[-1] <= x[0]:
        return None
    grid = np.linspace(x[0], x[-1], PLACES + 1)[:-1]
    at = np.searchsorted(x, grid, side="right") - 1
    floors, ceilings = low[at], high[at]
    found, largest = None, 0.0
    for start in range(PLACES):
        floor, ceiling = floors[start], ceilings[start]
        for end in range(start + 1, PLACES + 1):
            floor, ceiling = max(floor, floors[end - 1]), min(ceiling, ceilings[end - 1])
            if ceiling <= floor:
                break
            share = (end - start) / PLACES
            size = min(share, 2 * width) * (ceiling - floor)
            if share >= width and size > largest:
                found, largest = (start + end, floor + ceiling), size
    if found is None:
        return None
    return float(x[0] + found[0] / 2 / PLACES * (x[-1] - x[0])), float(found[1] / 2)


def _bound(ax: Axes, counts: pd.DataFrame, name: str, words: str, side: str) -> None:
    if not counts[name].notna().any():
        return
    ax.step(counts["elapsed"], counts[name], where="post", color=style.BLACK, linestyle=(0, (5, 3)), linewidth=1.2)
    last = counts.iloc[-1]
    if np.isnan(last[name]):
        return
    ax.annotate(
        f"{words} {last[name]:.0f}",
        (last["elapsed"], last[name]),
        xytext=(4, 0),
        textcoords="offset points",
        va=side,
        annotation_clip=False,
        fontsize=8.5,
    )
