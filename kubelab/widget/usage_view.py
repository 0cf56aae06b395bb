"""The usage widget's view: a player, and one picture as SVG text: a bar per node and resource, a pair of small curves per container."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import ipywidgets as widgets

from kubelab.cluster.errors import ApiError, Unsettled
from kubelab.display.html import error_line
from kubelab.frames.words import many
from kubelab.plot import style
from kubelab.widget.usage_model import SPAN, Curve, Line, NodeBar, UsageFrame, UsageModel

if TYPE_CHECKING:
    from kubelab.cluster.handle import Cluster

REFUSED = (ApiError, Unsettled, ValueError)
BEATS, BEAT_MS = 1_000_000, 500
WIDTH, BAR, ROW, CURVE, NAMES = 760, 150, 22, 250, 220
FULL, NEARLY = 0.95, 0.75
FONT = 'font-family="system-ui,sans-serif"'
HALO = 'paint-order="stroke" stroke="white" stroke-width="3"'
MIB = 2.0**20


def svg(frame: UsageFrame) -> str:
    """The whole picture."""
    top = 24
    parts = [f'<text y="14" font-weight="600">{escape(finding(frame))}</text>']
    for node in frame.nodes:
        parts.append(f'<g transform="translate(0 {top})">{_node(node)}</g>')
        top += ROW
    top += 14
    for line in frame.lines:
        parts.append(f'<g transform="translate(0 {top})">{_container(line, frame.elapsed)}</g>')
        top += 2 * ROW
    if frame.hidden:
        parts.append(f'<text y="{top + 12}" fill="{style.GREY}">and {many(frame.hidden, "container")} that use less</text>')
        top += ROW
    return (
        f'<svg viewBox="0 0 {WIDTH} {top}" width="100%" xmlns="http://www.w3.org/2000/svg" {FONT} font-size="12" fill="{style.INK}">'
        f"{''.join(parts)}</svg>"
    )


def finding(frame: UsageFrame) -> str:
    """What the picture says, in a line."""
    when = f"at {frame.elapsed:.0f} s"
    full = [node.name for node in frame.nodes if max(node.cpu, node.memory, node.filesystem) >= FULL]
    if full:
        return f"{', '.join(full[:3])}{' …' if len(full) > 3 else ''} full {when}"
    held = [line.name for line in frame.lines if line.throttled > 0]
    if held:
        return f"{held[0]} is throttled {when}" if len(held) == 1 else f"{many(len(held), 'container')} are throttled {when}"
    return f"No node is full and nothing is throttled {when}"


def _node(node: NodeBar) -> str:
    bars = "".join(
        f'<g transform="translate({NAMES + at * (BAR + 30)} 0)">{_bar(words, share)}</g>'
        for at, (words, share) in enumerate((("CPU", node.cpu), ("memory", node.memory), ("disk", node.filesystem)))
    )
    return f'<text y="13">{escape(node.name)}</text>{bars}'


def _bar(words: str, share: float) -> str:
    colour = style.BAD if share >= FULL else style.ORANGE if share >= NEARLY else style.SKY
    return (
        f'<rect width="{BAR}" height="16" fill="{style.PALE}"/><rect width="{min(1.0, share) * BAR:.1f}" height="16" fill="{colour}"/>'
        f'<text x="4" y="12" font-size="11" fill="{style.on(colour) if share > 0.5 else style.INK}">{words} {share:.0%}</text>'
    )


def _container(line: Line, now: float) -> str:
    cpu = f"{line.cpu[-1][1]:.2f} cores" + (f", throttled {line.throttled:.0%}" if line.throttled else "")
    memory = f"{line.memory[-1][1] / MIB:.0f} MiB"
    scaled = tuple((at, value / MIB) for at, value in line.memory)
    return (
        f'<text y="18">{escape(line.name)}</text>'
        f'<g transform="translate({NAMES} 0)">{_curve(line.cpu, line.cpu_request, line.cpu_limit, now, style.BLUE, cpu)}</g>'
        f'<g transform="translate({NAMES + CURVE + 20} 0)">'
        f"{_curve(scaled, line.memory_request / MIB, line.memory_limit / MIB, now, style.GREEN, memory)}</g>"
    )


def _curve(points: Curve, request: float, limit: float, now: float, colour: str, words: str) -> str:
    """A small curve over the time shown, with request (dotted) and limit (dashed)."""
    height = 2 * ROW - 8
    top = max([*(value for _, value in points), request, limit]) * 1.05 or 1.0
    placed = " ".join(f"{CURVE - (now - at) / SPAN * CURVE:.1f},{height - value / top * height:.1f}" for at, value in points)
    bounds = "".join(
        f'<path d="M0 {height - value / top * height:.1f}h{CURVE}" stroke="{style.GREY}" stroke-dasharray="{dashes}"/>'
        for value, dashes in ((request, "1 3"), (limit, "5 3"))
        if value
    )
    return (
        f'{bounds}<polyline points="{placed}" fill="none" stroke="{colour}" stroke-width="1.6"/>'
        f'<text x="{CURVE - 2}" y="10" text-anchor="end" font-size="11" fill="{colour}" {HALO}>{escape(words)}</text>'
    )


class UsageView(widgets.VBox):
    """``model`` is the cluster behind, ``canvas`` the picture, ``player`` the beats, ``pace`` the virtual seconds per beat."""

    def __init__(self, model: UsageModel) -> None:
        self.model = model
        self.player = widgets.Play(min=0, max=BEATS, interval=BEAT_MS, show_repeat=False)
        self.player.observe(lambda change: self._beat(), "value")
        self.pace = widgets.BoundedFloatText(value=model.pace, min=0, max=3600, step=1, description="s per beat")
        self.pace.observe(self._turn_pace, "value")
        self.said = widgets.HTML()
        self.canvas = widgets.HTML(layout=widgets.Layout(width="100%"))
        super().__init__([widgets.HBox([self.player, self.pace]), self.said, self.canvas])
        self.show()

    def _turn_pace(self, change: dict[str, float]) -> None:
        self.model.pace = change["new"]

    def _beat(self) -> None:
        """The browser's player counts on: its own buttons say whether it plays."""
        if not self.player.value:
            return
        try:
            self.model.step()
        except REFUSED as refusal:
            self.said.value = error_line(refusal)
        else:
            self.said.value = ""
        self.show()

    def show(self) -> None:
        """Bring the picture up to date."""
        self.canvas.value = svg(self.model.frame())


def usage(cluster: Cluster, reference: str | None = None, *, namespace: str = "default", pace: float = 0) -> UsageView:
    """Follow what the nodes and the containers (of one pod or workload, or those that use most) of a cluster use, while it goes on.

    ``pace``: virtual seconds that each beat lets pass in the cluster; 0: the widget only looks, for a cluster that is moved elsewhere.
    """
    return UsageView(UsageModel(cluster, reference, namespace=namespace, pace=pace))
