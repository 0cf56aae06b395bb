"""Policies side by side: what each would have recorded of a log, in bytes, and how many answers it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes

from kubelab.frames.words import many
from kubelab.plot import style
from kubelab.plot.auditlog.text import label, title

KEY = (
    ("every answer whole", style.GOOD),
    ("answers in part", style.ORANGE),
    ("answers lost", style.BAD),
    ("line: depends on the bodies", ""),
)


class Picture(NamedTuple):
    """``rows``: ``policy``, ``bytes``, ``low``, ``high`` (where bodies cannot be told apart), ``said`` (behind the bar), ``colour``, in the order
    in which they were given."""

    rows: pd.DataFrame
    finding: str


def tidy(found: Mapping[str, Any]) -> Picture:
    """Of ``{name: log.what_if(policy), …}``."""
    records = []
    for named, each in found.items():
        then, verdicts = each.totals.iloc[1], each.answers["verdict"]
        lost, part = int((verdicts == "lost").sum()), int((verdicts == "in part").sum())
        answers = f"{lost} lost" if lost else f"{many(part, 'answer')} in part" if part else "every answer whole"
        words = f"{amount(then['bytes'])}, {many(int(then['events']), 'event')}; {answers}"
        words += f", {part} in part" if lost and part else ""
        words += f"; plus the bodies of {int(then['unpriced']):,} calls, not in this log" if then["unpriced"] else ""
        sizes = (int(then[name]) for name in ("bytes", "bytes_low", "bytes_high"))
        records.append((label(named), *sizes, words, style.BAD if lost else style.ORANGE if part else style.GOOD))
    rows = pd.DataFrame(records, columns=["policy", "bytes", "low", "high", "said", "colour"])
    return Picture(rows, _finding(rows))


def _finding(rows: pd.DataFrame) -> str:
    if rows.empty:
        return "No policy to compare"
    least, most = rows.loc[rows["bytes"].idxmin()], rows.loc[rows["bytes"].idxmax()]
    if most["bytes"] == 0:
        return "None of these policies records anything"
    if len(rows) == 1:
        return f"{least['policy']}: {amount(least['bytes'])}"
    if least["bytes"] > 0.98 * most["bytes"]:
        return f"All take about as much: {amount(most['bytes'])}"
    return f"{least['policy']} records {least['bytes'] / most['bytes']:.0%} of the bytes of {most['policy']}"


def amount(size: float) -> str:
    """Bytes as people say them.

    >>> amount(812), amount(47_300), amount(2_210_000), amount(3.1e9)
    ('812 B', '47 kB', '2.2 MB', '3.1 GB')
    """
    if size < 1000:
        return f"{size:.0f} B"
    if size < 1e6:
        return f"{size / 1e3:.0f} kB"
    return f"{size / 1e6:.1f} MB" if size < 1e9 else f"{size / 1e9:.1f} GB"


def draw(picture: Picture, ax: Axes | None = None) -> Axes:
    """Draw a picture."""
    rows = picture.rows
    with style.axes(ax, 9, 1.3 + 0.36 * max(len(rows), 1)) as ax:
        places = range(len(rows))
        ax.barh(places, rows["bytes"] / 1e6, color=list(rows["colour"]), height=0.66)
        unsure = rows["high"] > rows["low"]
        ax.hlines(rows.index[unsure], rows["low"][unsure] / 1e6, rows["high"][unsure] / 1e6, color=style.BLACK, linewidth=1)
        widest = max(float(rows["high"].max()) / 1e6, 1e-9) if len(rows) else 1.0
        for at, (size, said) in enumerate(zip(rows["high"], rows["said"], strict=True)):
            ax.annotate(said, (size / 1e6, at), xytext=(5, 0), textcoords="offset points", va="center", fontsize=8.5)
        ax.set_yticks(places, list(rows["policy"]))
        ax.set_ylim(len(rows) - 0.4 if len(rows) else 1, -0.6)
        ax.set_xlim(0, widest * (1.05 + 0.016 * max((len(said) for said in rows["said"]), default=0)))
        ax.set_xlabel("megabytes recorded of the same calls", loc="left")
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        style.key(ax, KEY)
        title(ax, picture.finding, list(rows["policy"]), above_key=True)
    return ax
