"""The policy widget's view: a slider per part of the requests, the answers that are left, and the policy as YAML."""

from __future__ import annotations

from html import escape
from typing import Any

import ipywidgets as widgets
import yaml

from kubelab.frames.words import many
from kubelab.plot import style
from kubelab.plot.auditlog.policies import amount
from kubelab.plot.auditlog.verdicts import COLOURS
from kubelab.widget.policy_model import LEVELS, PARTS, PolicyFrame, PolicyModel

WIDTH, ROW, NAMES, BAR = 620, 19, 190, 120
FONT = 'font-family="system-ui,sans-serif"'


def svg(frame: PolicyFrame) -> str:
    """The whole picture: the size of the log, and a bar per answer."""
    share = frame.bytes / frame.bytes_now if frame.bytes_now else 0.0
    parts = [f'<text y="14" font-weight="600">{escape(finding(frame))}</text>']
    size = f"of {amount(frame.bytes_now)}" + (f", plus {frame.unpriced:,} bodies not in this log" if frame.unpriced else "")
    parts.append(f'<g transform="translate(0 24)">{_row("size of the log", size, share, style.BLUE)}</g>')
    for at, (answer, question, kept, verdict) in enumerate(frame.answers):
        words = "nothing to answer in this log" if verdict == "nothing to answer" else question
        parts.append(f'<g transform="translate(0 {50 + at * ROW})">{_row(answer, words, kept, COLOURS[verdict])}</g>')
    height = 56 + len(frame.answers) * ROW
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" width="100%" xmlns="http://www.w3.org/2000/svg" {FONT} font-size="12" fill="{style.INK}">'
        f"{''.join(parts)}</svg>"
    )


def finding(frame: PolicyFrame) -> str:
    """What the picture says, in a line."""
    lost = sum(verdict == "lost" for *_, verdict in frame.answers)
    part = sum(verdict == "in part" for *_, verdict in frame.answers)
    words = f"{amount(frame.bytes)}, {many(frame.events, 'event')}: "
    words += f"{many(lost, 'answer')} lost, {part} in part" if lost or part else "every answer whole"
    return words


def _row(name: str, words: str, share: float, colour: str) -> str:
    return (
        f'<text y="12">{escape(name)}</text><rect x="{NAMES}" width="{BAR}" height="14" fill="{style.PALE}"/>'
        f'<rect x="{NAMES}" width="{max(2.0, min(1.0, share) * BAR):.1f}" height="14" fill="{colour}"/>'
        f'<text x="{NAMES + BAR + 8}" y="12" fill="{style.GREY}">{share:.0%} {escape(words)}</text>'
    )


class PolicyView(widgets.HBox):
    """``model`` is the policy behind, ``sliders`` the levels by part, ``received`` the stage, ``canvas`` the picture, ``text`` the YAML."""

    def __init__(self, model: PolicyModel) -> None:
        self.model = model
        self.sliders = {part.name: self._slider(part.name) for part in PARTS}
        self.received = widgets.Checkbox(value=model.received, description="RequestReceived too", indent=False)
        self.received.observe(self._stage, "value")
        self.canvas = widgets.HTML(layout=widgets.Layout(width="100%"))
        self.text = widgets.HTML()
        self.labels = {part: widgets.Label(level) for part, level in model.levels.items()}
        rows = [widgets.HBox([slider, self.labels[part]]) for part, slider in self.sliders.items()]
        left = widgets.VBox([*rows, self.received, self.text], layout=widgets.Layout(width="370px", flex="0 0 auto"))
        super().__init__([left, widgets.VBox([self.canvas], layout=widgets.Layout(flex="1 1 auto"))])
        self.show()

    def _slider(self, part: str) -> widgets.SelectionSlider:
        """Its level is said beside it: the slider's own readout has no room for the longest."""
        made = widgets.SelectionSlider(
            options=LEVELS,
            value=self.model.levels[part],
            description=part,
            readout=False,
            continuous_update=False,
            layout=widgets.Layout(width="230px"),
            style={"description_width": "95px"},
        )
        made.observe(lambda change: self._turn(part, change), "value")
        return made

    def _turn(self, part: str, change: dict[str, Any]) -> None:
        self.model.turn(part, change["new"])
        self.labels[part].value = change["new"]
        self.show()

    def _stage(self, change: dict[str, Any]) -> None:
        self.model.received = change["new"]
        self.show()

    def show(self) -> None:
        """Bring picture and text up to date."""
        self.canvas.value = svg(self.model.frame())
        text = yaml.safe_dump(self.model.policy(), sort_keys=False, default_flow_style=None, width=60)
        self.text.value = f'<pre style="font-size:10.5px;line-height:1.25;max-height:230px;overflow:auto">{escape(text)}</pre>'


def policy(source: Any) -> PolicyView:
    """Write an audit policy by hand: a level for each part of the requests, and beside it what it would have recorded of a log, and left to answer.

    ``source``: an audit log, or what ``kl.auditlog.read`` takes (a cluster, a file, events).
    """
    return PolicyView(PolicyModel(source))
