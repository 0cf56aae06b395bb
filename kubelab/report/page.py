"""The page: one HTML file without anything outside of it, for the screen and for paper."""

from __future__ import annotations

import io
from html import escape

from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

STYLE = """
:root { --ink: #222; --soft: #666; --line: #ddd; --mark: #0072B2; }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, "Segoe UI", Arial, sans-serif; color: var(--ink); max-width: 1240px; margin: 0 auto; padding: 2rem 1.5rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .3rem; padding-top: .8rem; border-top: 2px solid var(--ink); }
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
p { margin: .3rem 0 .8rem; max-width: 75ch; }
.soft, .lead, .more, .none { color: var(--soft); }
.facts { display: flex; flex-wrap: wrap; gap: .4rem 2.2rem; margin: 1.2rem 0; padding: 0; }
.facts div { min-width: 7rem; } .facts b { display: block; font-size: 1.35rem; } .facts span { color: var(--soft); font-size: .85rem; }
ol.findings { padding-left: 1.3rem; max-width: 80ch; } ol.findings li { margin: .35rem 0; }
a { color: var(--mark); text-decoration: none; } a:hover { text-decoration: underline; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .8rem; margin: .5rem 0; min-width: 50%; }
th, td { text-align: left; vertical-align: top; padding: .22rem .7rem .22rem 0; border-bottom: 1px solid var(--line); }
td { overflow-wrap: break-word; max-width: 26rem; }
th { color: var(--soft); font-weight: 600; border-bottom: 1px solid var(--ink); white-space: nowrap; overflow-wrap: normal; }
td.t { white-space: nowrap; } td.s { min-width: 9rem; }
td.n, th.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
figure { margin: .8rem 0 1rem; } figure svg { max-width: 100%; height: auto; }
pre { background: #f6f6f6; padding: .8rem; overflow-x: auto; font-size: .8rem; }
@media print {
  @page { size: A4 landscape; margin: 14mm; }
  body { font-size: 10pt; max-width: none; padding: 0; } table { font-size: 7pt; }
  h2 { break-after: avoid; } figure, tr { break-inside: avoid; } .wide { overflow: visible; } a { color: inherit; }
  nav { display: none; }
}
"""


def page(title: str, body: str) -> str:
    """The document around ``body``. No script may run in it, whatever a log holds."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def figure(ax: Axes, description: str) -> str:
    """A picture as SVG, its letters as paths, so that it looks the same everywhere."""
    owner = ax.get_figure(root=True)
    assert isinstance(owner, Figure)
    buffer = io.StringIO()
    FigureCanvasSVG(owner).print_svg(buffer, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    return f'<figure role="img" aria-label="{escape(description)}">{svg[svg.index("<svg") :]}</figure>'
