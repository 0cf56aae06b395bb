"""The audit widget's view: a slider over the time of a log, and ranked bars of what was asked in the window chosen."""

from __future__ import annotations

from html import escape
from typing import Any

import ipywidgets as widgets

from kubelab.frames.words import many
from kubelab.plot import style
from kubelab.plot.auditlog.text import who
from kubelab.widget.audit_model import BY, STEPS, AuditFrame, AuditModel

WIDTH, LINE, ROW, NAMES = 760, 70, 20, 300
FONT = 'font-family="system-ui,sans-serif"'


def svg(frame: AuditFrame) -> str:
    """The whole picture: calls over the time of the log, the window in colour, and what it holds."""
    parts = [f'<text y="14" font-weight="600">{escape(finding(frame))}</text>', f'<g transform="translate(0 24)">{_times(frame)}</g>']
    most = max((calls for _, calls, _ in frame.rows), default=1)
    for at, row in enumerate(frame.rows):
        parts.append(f'<g transform="translate(0 {LINE + 36 + at * ROW})">{_row(*row, most)}</g>')
    height = LINE + 44 + max(len(frame.rows), 1) * ROW
    if frame.hidden:
        parts.append(f'<text y="{height + 8}" fill="{style.GREY}">and {frame.hidden:,} more</text>')
        height += ROW
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" width="100%" xmlns="http://www.w3.org/2000/svg" {FONT} font-size="12" fill="{style.INK}">'
        f"{''.join(parts)}</svg>"
    )


def finding(frame: AuditFrame) -> str:
    """What the picture says, in a line."""
    window = f"{frame.start:%a %d %b %H:%M:%S} to {frame.end:%a %d %b %H:%M:%S} UTC"
    if not frame.rows:
        return f"{window}: no calls"
    first, calls, _ = frame.rows[0]
    return f"{window}: {many(frame.calls, 'call')}, {calls / frame.calls:.0%} of them {named(first)}"


def named(name: str) -> str:
    """A label of a length that has room."""
    return who(name).replace(r"\$", "$")


def _times(frame: AuditFrame) -> str:
    """A bar per step."""
    most, wide = max(max(frame.counts), 1), WIDTH / STEPS
    bars = []
    for at, calls in enumerate(frame.counts):
        height = calls / most * LINE
        colour = style.BLUE if frame.chosen[0] <= at <= frame.chosen[1] else style.LIGHT
        bars.append(f'<rect x="{at * wide:.1f}" y="{LINE - height:.1f}" width="{wide - 0.6:.1f}" height="{height:.1f}" fill="{colour}"/>')
    return "".join(bars) + f'<path d="M0 {LINE}H{WIDTH}" stroke="{style.GREY}"/>'


def _row(name: str, calls: int, errors: int, most: int) -> str:
    room = WIDTH - NAMES - 130
    length, wrong = calls / most * room, errors / most * room
    said = f"{calls:,}" + (f", {many(errors, 'error')}" if errors else "")
    return (
        f'<text y="13">{escape(named(name))}</text><rect x="{NAMES}" width="{length:.1f}" height="15" fill="{style.BLUE}"/>'
        f'<rect x="{NAMES + length - wrong:.1f}" width="{wrong:.1f}" height="15" fill="{style.BAD}"/>'
        f'<text x="{NAMES + length + 6:.1f}" y="13">{said}</text>'
    )


class AuditView(widgets.VBox):
    """``model`` is the log behind, ``window`` the slider over its time, ``by`` the question, ``canvas`` the picture."""

    def __init__(self, model: AuditModel) -> None:
        self.model = model
        options = [(f"{model.instant(step):%a %H:%M}", step) for step in range(STEPS)]
        if model.step.total_seconds() < 60:
            options = [(f"{model.instant(step):%H:%M:%S.%f}"[:-4], step) for step in range(STEPS)]
        full = widgets.Layout(width="100%")
        self.window = widgets.SelectionRangeSlider(
            options=options, index=model.chosen, description="window", continuous_update=False, layout=full
        )
        self.window.observe(self._choose, "index")
        self.by = widgets.Dropdown(options=BY if model.by in BY else (model.by, *BY), value=model.by, description="by")
        self.by.observe(self._ask, "value")
        self.canvas = widgets.HTML(layout=full)
        super().__init__([self.window, self.by, self.canvas])
        self.show()

    def _choose(self, change: dict[str, Any]) -> None:
        self.model.chosen = tuple(change["new"])
        self.show()

    def _ask(self, change: dict[str, Any]) -> None:
        self.model.by = change["new"]
        self.show()

    def show(self) -> None:
        """Bring the picture up to date."""
        self.canvas.value = svg(self.model.frame())


def audit(source: Any, by: str = "user") -> AuditView:
    """Walk through an audit log: choose a window of its time, and see whose, or which, calls it holds.

    ``source``: an audit log, or what ``kl.auditlog.read`` takes; ``by``: a column to count by, as of ``log.requests``.
    """
    return AuditView(AuditModel(source, by))
