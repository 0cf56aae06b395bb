"""A frame as SVG text: a square per pod, in the colour of its revision, and the ready pods over time below. Text, so that a browser that
already shows one picture only has to take in the next: no figure is made again."""

from __future__ import annotations

from html import escape

from kubelab.frames.phases import BACKOFF, FAILED, READY, TERMINATING
from kubelab.plot import style
from kubelab.widget.model import Frame, Square

WIDTH, CHART = 440, 110
FEW, SIDE_FEW, SIDE_MANY = 60, 34, 18  # up to FEW pods the squares are large
FONT = 'font-family="system-ui,sans-serif"'


def svg(frame: Frame) -> str:
    """The whole picture."""
    count = max([frame.desired, *(square.slot + 1 for square in frame.squares)], default=0)
    side = SIDE_FEW if count <= FEW else SIDE_MANY
    columns = WIDTH // side
    rows = max(-(-count // columns), 1)
    grid = "".join(_square(square, side, columns) for square in frame.squares)
    words = _words(frame)
    top = 24 + rows * side + 8 + 16 * len(words)
    legend = "".join(_word(line, colour, 24 + rows * side + 16 * (at + 1)) for at, (line, colour) in enumerate(words))
    return (
        f'<svg viewBox="0 0 {WIDTH} {top + CHART + 24}" width="100%" xmlns="http://www.w3.org/2000/svg" {FONT} font-size="12" fill="{style.INK}">'
        f'<text y="14" font-weight="600">{escape(_finding(frame))}</text>'
        f'<g transform="translate(0 24)">{grid}</g>{legend}'
        f'<g transform="translate(0 {top})">{_chart(frame)}</g></svg>'
    )


def _finding(frame: Frame) -> str:
    words = f"{frame.name}: {frame.ready} of {frame.desired} ready at {frame.elapsed:.1f} s"
    if frame.minimum is None or not frame.history:
        return words
    reached = next((at for at, (_, ready, _) in enumerate(frame.history) if ready >= frame.desired), None)
    lowest = min((ready for _, ready, _ in frame.history[reached:]), default=0) if reached is not None else frame.ready
    return f"{words}, lowest {lowest} (promised {frame.minimum})" if reached is not None else words


def _square(square: Square, side: int, columns: int) -> str:
    """Ready: filled; on the way: outlined; terminating: grey; failing: outlined in red with a cross."""
    x, y, size = square.slot % columns * side, square.slot // columns * side, side - 3
    colour = style.of_revision(square.revision)
    failing = square.phase in (BACKOFF, FAILED)
    fill = colour if square.phase == READY else style.LIGHT if square.phase == TERMINATING else "none"
    edge = style.BAD if failing else style.GREY if square.phase == TERMINATING else colour
    title = escape(f"{square.name}: {style.PHASE_WORDS[square.phase]}")
    shape = f'<rect x="{x + 1}" y="{y + 1}" width="{size}" height="{size}" rx="3" fill="{fill}" stroke="{edge}" stroke-width="2"><title>{title}</title></rect>'
    if failing:
        shape += (
            f'<path d="M{x + 5} {y + 5}l{size - 8} {size - 8}m0 {8 - size}l{8 - size} {size - 8}" stroke="{style.BAD}" stroke-width="2"/>'
        )
    tail = square.name.rpartition("-")[2]
    if side == SIDE_FEW and tail.isdigit():
        ink = style.on(colour) if square.phase == READY else style.INK
        shape += f'<text x="{x + side / 2 - 0.5}" y="{y + side / 2 + 4}" text-anchor="middle" fill="{ink}">{tail}</text>'
    return shape


def _words(frame: Frame) -> list[tuple[str, str]]:
    """A line per revision that still has pods."""
    lines = []
    for at, revision in enumerate(frame.revisions):
        own = [square for square in frame.squares if square.revision == at]
        if own:
            ready = sum(square.phase == READY for square in own)
            lines.append((f"{revision}: {ready} ready, {len(own) - ready} not", style.of_revision(at)))
    return lines


def _word(line: str, colour: str, y: int) -> str:
    return f'<rect x="1" y="{y - 10}" width="10" height="10" fill="{colour}"/><text x="16" y="{y}">{escape(line)}</text>'


def _chart(frame: Frame) -> str:
    """Ready pods over time, and the promised bounds, dashed."""
    if not frame.history:
        return ""
    start, end = frame.history[0][0], max(frame.history[-1][0], frame.history[0][0] + 1)
    high = max([frame.maximum or 0, frame.desired, 1, *(pods for _, _, pods in frame.history)])
    right = WIDTH - 80

    def at(elapsed: float, number: float) -> tuple[float, float]:
        return (elapsed - start) / (end - start) * right, CHART - number / high * (CHART - 10)

    path = ""
    for number, (elapsed, ready, _) in enumerate(frame.history):
        x, y = at(elapsed, ready)
        path += f"H{x:.1f}V{y:.1f}" if number else f"M{x:.1f} {y:.1f}"
    base = f"{path}H{right:.1f}V{CHART}H0Z"
    lines = ""
    close = frame.minimum is not None and frame.maximum is not None and (frame.maximum - frame.minimum) / high * CHART < 14
    for bound, words, aside in ((frame.minimum, "at least", 7), (frame.maximum, "at most", -7)):
        if bound is not None:
            _, y = at(start, bound)
            lines += f'<path d="M0 {y:.1f}H{right}" stroke="{style.BLACK}" stroke-dasharray="5 3"/>'
            lines += f'<text x="{right + 4}" y="{y + 4 + (aside if close else 0):.1f}" font-size="11">{words} {bound}</text>'
    axis = f'<path d="M0 {CHART}H{right}" stroke="{style.GREY}"/><text y="{CHART + 16}" font-size="11">{start:.0f} s</text>'
    axis += f'<text x="{right}" y="{CHART + 16}" font-size="11" text-anchor="end">{end:.1f} s</text>'
    area = f'<path d="{base}" fill="{style.GOOD}" fill-opacity="0.35"/>'
    line = f'<path d="{path}H{right:.1f}" fill="none" stroke="{style.GOOD}" stroke-width="2"/>'
    return area + line + lines + axis
