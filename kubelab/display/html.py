"""Small pieces of HTML for widgets."""

from __future__ import annotations

from html import escape

from kubelab.display.blocks import BAD


def error_line(error: Exception) -> str:
    """What was refused, in a line.

    >>> error_line(ValueError("replicas < 0"))
    '<span style="color:#B34700">replicas &lt; 0</span>'
    """
    return f'<span style="color:{BAD}">{escape(str(error))}</span>'
