"""A canary: the evidence against the new version over time, between the bounds where its judge decides."""

from __future__ import annotations

from matplotlib.axes import Axes

from kubelab.cluster.canary import PROMOTE, ROLL_BACK, Release
from kubelab.frames.words import many
from kubelab.plot import style


def finding(release: Release) -> str:
    """What the picture says, in a line."""
    last = release.steps[-1]
    cost = f"{many(release.errors, 'error')} in {release.requests} requests"
    if release.promoted:
        return f"Promoted after {many(len(release.stages), 'stage')}: {cost}"
    told = "Rolled back" if release.verdict else "Not decided in time, rolled back"
    return f"{told} at stage {last.stage}: {cost}"


def draw(release: Release, ax: Axes | None = None) -> Axes:
    """A curve per stage; each begins at 0, for each stage is judged by what it has seen itself."""
    low, high = release.judge.bounds
    with style.axes(ax, 9, 3.6) as ax:
        top, bottom = (extreme(step.evidence for step in release.steps) for extreme in (max, min))
        top, bottom = max(top, high) * 1.18, min(bottom, low) * 1.18
        ax.axhspan(high, top, color=style.BAD, alpha=0.12, linewidth=0)
        ax.axhspan(bottom, low, color=style.GOOD, alpha=0.12, linewidth=0)
        for order, stage in enumerate(release.stages):
            steps = [step for step in release.steps if step.stage == stage]
            if not steps:
                continue
            colour = style.of_revision(1) if order % 2 == 0 else style.of_revision(3)
            times, heights = [step.elapsed for step in steps], [step.evidence for step in steps]
            ax.plot([times[0], *times], [0.0, *heights], color=colour, marker="o", markersize=3)
            last = steps[-1]
            ends = {PROMOTE: style.GOOD, ROLL_BACK: style.BAD}.get(last.verdict, style.GREY)
            ax.plot([last.elapsed], [last.evidence], marker="o", markersize=7, color=ends)
            ax.annotate(
                f"{stage}\n{last.errors} of {last.requests}",
                (steps[0].elapsed, 0),
                xytext=(5, 5),
                textcoords="offset points",
                fontsize=8.5,
                color=colour,
                ha="left",
                va="bottom",
            )
        ax.axhline(0, color=style.GREY, linewidth=0.8)
        for height, words, colour in ((high, "roll back", style.BAD), (low, "promote", style.GOOD)):
            ax.axhline(height, color=colour, linestyle=(0, (5, 3)), linewidth=1.2)
            style.beside(ax, height, words, colour)
        ax.set_ylim(bottom, top)
        ax.set_ylabel("evidence that it is bad")
        first, last_at = release.steps[0].elapsed, release.steps[-1].elapsed
        style.time_axis(ax, first - 1, max(last_at, first + 5) + 1)
        style.title(ax, finding(release))
    return ax
