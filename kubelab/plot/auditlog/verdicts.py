"""What another policy would record of a log: which answers stay whole, how much of the others is left."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes

from kubelab.frames.words import many
from kubelab.plot import style
from kubelab.plot.auditlog.text import title

COLOURS = {"whole": style.GOOD, "in part": style.ORANGE, "lost": style.BAD, "nothing to answer": style.LIGHT}
LOST = 0.012  # of the width: a mark where no bar is


class Picture(NamedTuple):
    """``rows``: ``answer``, ``share`` (kept), ``verdict``, ``said``."""

    rows: pd.DataFrame
    finding: str


def tidy(answers: pd.DataFrame, totals: pd.DataFrame) -> Picture:
    """The frames of ``log.what_if(policy)``, the whole ones first."""
    order = {verdict: at for at, verdict in enumerate(COLOURS)}
    rows = answers.assign(
        share=(answers["kept"] / answers["needed"].where(answers["needed"] > 0)).astype("float64").fillna(0.0),
        order=answers["verdict"].map(order),
    )
    rows = rows.sort_values(["order", "share"], ascending=[True, False], kind="stable", ignore_index=True)
    rows["said"] = [
        f"{row.question}" + (f": {row.kept:,} of {row.needed:,} calls" if row.verdict == "in part" else "") for row in rows.itertuples()
    ]
    now, then = totals.iloc[0], totals.iloc[1]
    ratio = then["bytes"] / now["bytes"] if now["bytes"] else float("nan")
    lost = int((answers["verdict"] == "lost").sum())
    without = f" and the bodies of {int(then['unpriced']):,} calls, which this log lacks" if then["unpriced"] else ""
    finding = f"{ratio:.0%} of the bytes{without}; {many(lost, 'answer')} of {len(answers)} lost"
    return Picture(rows[["answer", "share", "verdict", "said"]], finding)


def draw(picture: Picture, ax: Axes | None = None) -> Axes:
    """Draw a picture."""
    rows = picture.rows
    with style.axes(ax, 9, 1.4 + 0.28 * max(len(rows), 1)) as ax:
        places = range(len(rows))
        ax.barh(places, [1.0] * len(rows), color=style.PALE, height=0.7)
        lengths = [LOST if verdict == "lost" else share for share, verdict in zip(rows["share"], rows["verdict"], strict=True)]
        ax.barh(places, lengths, color=[COLOURS[verdict] for verdict in rows["verdict"]], height=0.7)
        for at, said in enumerate(rows["said"]):
            ax.annotate(said, (1.0, at), xytext=(6, 0), textcoords="offset points", va="center", fontsize=8)
        ax.set_yticks(places, list(rows["answer"]))
        ax.set_ylim(len(rows) - 0.4 if len(rows) else 1, -0.6)
        ax.set_xlim(0, 2.4)
        ax.set_xticks([0, 0.5, 1.0], ["0", "50 %", "100 %"])
        ax.set_xlabel("of the calls that the answer needs", loc="left")
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        style.key(ax, list(COLOURS.items()))
        title(ax, picture.finding, list(rows["answer"]), above_key=True)
    return ax
