"""Rich display: what clusters, objects, lists, plans, answers and errors look like, as HTML in a notebook and as text in a terminal.

``html_of(x)`` and ``text_of(x)`` take anything that the front door gives. Everything in them is escaped; nothing in them changes anything.
"""

from __future__ import annotations

from typing import Any

from kubelab.display.blocks import Block, as_html, as_text
from kubelab.display.describe import blocks_of


def html_of(thing: Any, now_ns: int | None = None) -> str:
    """Anything as HTML. ``now_ns``: the virtual instant, for the ages of objects; without it ages are left out."""
    return as_html(blocks_of(thing, now_ns))


def text_of(thing: Any, now_ns: int | None = None) -> str:
    """Anything as plain text, as kubectl would print it."""
    return as_text(blocks_of(thing, now_ns))


__all__ = ["Block", "blocks_of", "html_of", "text_of"]
