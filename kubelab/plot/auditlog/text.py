"""What a log says, as a label: one line, of a length that has room, and nothing in it is taken for markup."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from kubelab.plot import style

LONGEST = 46
LETTER = 0.072  # inches, of a label beside an axis


def label(value: Any, longest: int = LONGEST) -> str:
    """A value as text for matplotlib.

    >>> label("a$x$b"), label("two" + chr(10) + "lines"), label(None)
    ('a\\\\$x\\\\$b', 'two lines', 'unknown')
    """
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return "unknown"
    plain = "".join(character if character.isprintable() else " " for character in str(value)) or "(empty)"
    short = plain if len(plain) <= longest else f"{plain[: longest // 2]}…{plain[-(longest // 2 - 1) :]}"
    return short.replace("$", r"\$")


def who(user: Any) -> str:
    """A user without what every service account and component has in its name.

    >>> who("system:serviceaccount:kube-system:job-controller"), who("system:node:n1"), who("alice")
    ('job-controller', 'node n1', 'alice')
    """
    text = str(user) if isinstance(user, str) else ""
    for prefix, instead in (
        ("system:serviceaccount:kube-system:", ""),
        ("system:serviceaccount:", "sa "),
        ("system:node:", "node "),
        ("system:", ""),
    ):
        if text.startswith(prefix) and len(text) > len(prefix):
            return label(instead + text.removeprefix(prefix))
    return label(user) if text else "nobody"


def title(ax: Axes, words: str, labels: Sequence[str], *, above_key: bool = False) -> None:
    """The finding as title, in lines that fit beside labels as long as these."""
    figure, spec = ax.get_figure(root=True), ax.get_subplotspec()
    width = figure.get_figwidth() / spec.get_gridspec().ncols if figure is not None and spec is not None else 9.0
    inches = width - LETTER * max((len(each) for each in labels), default=0) - 0.4
    lines = textwrap.wrap(words, max(24, int(inches * style.LETTERS_PER_INCH)), break_long_words=False)
    ax.set_title("\n".join(lines), pad=24 if above_key else style.SHEET["axes.titlepad"])
