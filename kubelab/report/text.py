"""Values of a log as text that can do no harm: in HTML, on a terminal, in a picture.

A log holds what clients sent: names with markup, control sequences, newlines, letters that turn the direction of writing, very long values.
They are shown as what they are and never take effect.
"""

from __future__ import annotations

import unicodedata
from html import escape

LONGEST = 160
_KEPT = {"\t": " "}


def plain(value: object, longest: int = LONGEST) -> str:
    """One line, without control and direction characters (shown as ``\\xNN`` or ``\\uNNNN``), cut to ``longest`` characters.

    >>> plain("a\\x1b[31mred\\nnext")
    'a\\\\x1b[31mred\\\\nnext'
    >>> plain("x" * 10, longest=5)
    'xxxx…'
    """
    text = str(value)
    cut = text if len(text) <= longest else f"{text[: longest - 1]}…"
    if cut.isprintable():
        return cut
    return "".join(_KEPT.get(char) or (char if _harmless(char) else _escaped(char)) for char in cut)


def _harmless(char: str) -> bool:
    return char == " " or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def html(value: object, longest: int = LONGEST) -> str:
    """The same for an HTML page; what was cut off can be read in full where the reader points at it.

    >>> html("<script>alert(1)</script>")
    '&lt;script&gt;alert(1)&lt;/script&gt;'
    """
    text = plain(value, longest)
    shown = escape(text)
    return shown if len(str(value)) <= longest else f'<span title="{escape(plain(value, 2000))}">{shown}</span>'
