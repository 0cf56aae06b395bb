"""Usage: what containers use, against what they asked for and what they may have; where memory ends in an OOM kill."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes

from kubelab.plot import style

RESOURCES = {
    "cpu": ("cpu", "cpu_request", "cpu_limit", 1.0, "cores"),
    "memory": ("working_set", "memory_request", "memory_limit", 2.0**20, "MiB"),
}
OOM = "OOMKilled"
MOST_LABELS = 8


class Picture(NamedTuple):
    """What is drawn. ``lines``: a row per container instance and instant with ``elapsed``, ``name`` (pod/container), ``id``, ``used``, ``wanted``
    (CPU alone), ``request``, ``limit`` (NaN: none), in ``unit``; ``kills``: the instants at which a container was OOM-killed, and ``at``
    which height that is shown: the memory limit, or the CPU that it used last.
    """

    subject: str
    resource: str
    unit: str
    lines: pd.DataFrame
    kills: pd.DataFrame


def tidy(subject: str, usage: pd.DataFrame, resource: str) -> Picture:
    """A picture from the frame ``usage``. Raises ValueError for another resource than cpu and memory."""
    if resource not in RESOURCES:
        raise ValueError(f"resource={resource!r}: use one of {', '.join(RESOURCES)}")
    used, request, limit, scale, unit = RESOURCES[resource]
    names = _names(usage)
    lines = pd.DataFrame(
        {
            "elapsed": usage["elapsed"],
            "name": names,
            "id": usage["id"].astype(object),
            "used": usage[used].astype("float64") / scale,
            "wanted": usage["cpu_demand"] if resource == "cpu" else float("nan"),
            "request": usage[request].astype("float64") / scale,
            "limit": usage[limit].astype("float64") / scale,
        }
    )
    killed = usage["ended"].eq(OOM).fillna(False).to_numpy(dtype=bool)
    last = usage.assign(name=names)[killed].drop_duplicates("id", keep="last")
    kills = pd.DataFrame(
        {
            "elapsed": last["ended_elapsed"],
            "name": last["name"],
            "id": last["id"].astype(object),
            "at": last[limit if resource == "memory" else used].astype("float64") / scale,
        }
    )
    return Picture(subject, resource, unit, lines.reset_index(drop=True), kills.reset_index(drop=True))


def _names(usage: pd.DataFrame) -> pd.Series:
    """By pod, and by container where a pod has several."""
    pod, container = usage["pod"].astype(object), usage["container"].astype(object)
    several = usage.groupby("pod")["container"].transform("nunique") > 1
    return pod.where(~several, pod + "/" + container)


def finding(picture: Picture) -> str:
    """What the picture says, in a line."""
    lines, subject = picture.lines, picture.subject
    if lines.empty:
        return f"{subject}: no container has run"
    if picture.resource == "memory" and len(picture.kills):
        first = float(picture.kills["elapsed"].min())
        times = f"at {first:.0f} s" if len(picture.kills) == 1 else f"{len(picture.kills)} times from {first:.0f} s on"
        return f"{subject}: memory reached its limit, OOM-killed {times}"
    limited, asked = lines["limit"].notna(), lines["request"].notna()
    peak = float(lines["used"].max())
    word = "memory" if picture.resource == "memory" else "CPU"
    top = f"{_amount(peak, picture.unit)} of {word} at most"
    if limited.any():
        share = float((lines["used"] >= 0.99 * lines["limit"])[limited].mean())
        if share > 0:
            return f"{subject}: at its {word} limit for {share:.0%} of the time"
    if not asked.any():
        return f"{subject}: {top}, and nothing asked for"
    share = float((lines["used"] > lines["request"])[asked].mean())
    return f"{subject}: {top}, " + (f"above what it asked for {share:.0%} of the time" if share else "never more than it asked for")


def _amount(value: float, unit: str) -> str:
    return f"{value:.0f} {unit}" if value >= 10 else f"{value:.2g} {unit}"


def draw(picture: Picture, ax: Axes | None = None) -> Axes:
    """Draw a tidy picture."""
    lines, kills = picture.lines, picture.kills
    with style.axes(ax, 9, 3.8) as ax:
        ends = _lines(ax, picture)
        top = max(_bounds(ax, picture), float(lines["used"].max()) if len(lines) else 0.0)
        ax.plot(kills["elapsed"], kills["at"], marker="X", markersize=9, color=style.BAD, linestyle="none", zorder=5, clip_on=False)
        if len(ends) > 1:
            for height, name, colour in style.apart(ends[:MOST_LABELS], top * 0.06):
                style.beside(ax, height, name, colour)
        ax.set_ylim(0, top * 1.12 if top else 1)
        ax.set_ylabel("cores" if picture.resource == "cpu" else "working set, MiB")
        end = max([*lines["elapsed"].tail(1), *kills["elapsed"]], default=1.0)
        style.time_axis(ax, float(lines["elapsed"].min()) if len(lines) else 0.0, float(end))
        told = [("wanted, not got", style.BAD)] if picture.resource == "cpu" and (lines["wanted"] > lines["used"]).any() else []
        told += [("OOM-killed", style.BAD)] if len(kills) else []
        told += [("between request and limit", style.YELLOW)] if (lines["request"].notna() & lines["limit"].notna()).any() else []
        if told:
            style.key(ax, told)
        style.title(ax, finding(picture), above_key=bool(told))
    return ax


def _lines(ax: Axes, picture: Picture) -> list[tuple[float, str, str]]:
    """Every container's line, and what it wanted beyond; where the lines end, with their names and colours."""
    ends = []
    for order, (name, own) in enumerate(picture.lines.groupby("name", sort=False)):
        colour = style.of_revision(order)
        for _, part in own.groupby("id", sort=False):
            missed = part["wanted"] > part["used"]
            ax.fill_between(part["elapsed"], part["used"], part["wanted"], where=missed, color=style.BAD, alpha=0.18, linewidth=0)
            ax.plot(part["elapsed"], part["used"], color=colour, linewidth=1.8)
        ends.append((float(own["used"].iloc[-1]), str(name), colour))
    return ends


def _bounds(ax: Axes, picture: Picture) -> float:
    """Requests and limits as steps, the room between them as a band; the highest that is drawn."""
    lines, top = picture.lines, 0.0
    bounds = lines[["request", "limit"]].drop_duplicates()
    for bound in bounds.itertuples():
        if bound.request == bound.request and bound.limit == bound.limit:
            ax.axhspan(bound.request, bound.limit, color=style.YELLOW, alpha=0.18, linewidth=0)
        both = bound.request == bound.limit
        for value, word in ((bound.request, "request"), (bound.limit, "request and limit" if both else "limit")):
            if value == value and not (both and word == "request"):
                ax.axhline(value, color=style.INK, linestyle=(0, (1, 2)) if word == "request" else (0, (5, 3)), linewidth=1.1)
                ax.annotate(
                    f"{word} {_amount(value, picture.unit)}",
                    (0.005, value),
                    xycoords=("axes fraction", "data"),
                    xytext=(0, 2),
                    textcoords="offset points",
                    fontsize=8.5,
                )
                top = max(top, value)
    return top
