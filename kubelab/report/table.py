"""Frames as HTML tables and as text tables: numbers to the right, times short, everything from the log as text."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from numbers import Integral, Real

import pandas as pd

from kubelab.report.text import html, plain

MORE = "… and {rest:,} more"


def html_table(frame: pd.DataFrame, most: int = 20) -> str:
    """The first ``most`` rows as a table."""
    if frame.empty:
        return '<p class="none">Nothing of this kind in the log.</p>'
    total = len(frame)
    frame = frame.head(most).assign(**{name: frame[name].map(_percent) for name in frame.columns if str(name).startswith("share")})
    numeric = [_is_number(frame[name]) or str(name).startswith("share") for name in frame.columns]
    head = "".join(
        f"<th{' class=n' if right else ''}>{escape(_heading(name))}</th>" for name, right in zip(frame.columns, numeric, strict=True)
    )
    rows = []
    for row in frame.itertuples(index=False):
        cells = (f"<td{_class(value, right=right)}>{html(_in_page(value))}</td>" for value, right in zip(row, numeric, strict=True))
        rows.append(f"<tr>{''.join(cells)}</tr>")
    rest = total - most
    more = f'<p class="more">{MORE.format(rest=rest)}</p>' if rest > 0 else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>{more}"


def _class(value: object, *, right: bool) -> str:
    """Numbers to the right, instants and short words on one line, long texts with room."""
    if right:
        return " class=n"
    return " class=t" if isinstance(value, pd.Timestamp) or len(str(value)) < 16 else " class=s"


def _in_page(value: object) -> str:
    return value.strftime("%Y-%m-%d %H:%M:%S") if isinstance(value, pd.Timestamp) and value is not pd.NaT else _shown(value)


def _percent(share: float) -> str:
    return "–" if pd.isna(share) else f"{share:.1%}"


def text_table(frame: pd.DataFrame, most: int | None = 40, widest: int = 60) -> str:
    """Columns in capitals as kubectl prints them, three spaces between."""
    shown = frame if most is None else frame.head(most)
    numeric = [_is_number(frame[name]) for name in frame.columns]
    columns = [[_heading(name).upper(), *(plain(_shown(value), widest) for value in shown[name])] for name in frame.columns]
    widths = [max(map(len, column)) for column in columns]
    lines = []
    for cells in zip(*columns, strict=True):
        padded = (cell.rjust(width) if right else cell.ljust(width) for cell, width, right in zip(cells, widths, numeric, strict=True))
        lines.append("   ".join(padded).rstrip())
    rest = len(frame) - len(shown)
    return "\n".join([*lines, *([MORE.format(rest=rest)] if rest else [])])


def cells(frame: pd.DataFrame, widest: int = 200) -> list[list[str]]:
    """The cells of all rows as harmless text."""
    return [[plain(_shown(value), widest) for value in row] for row in frame.itertuples(index=False)]


def _heading(name: object) -> str:
    return str(name).replace("_", " ")


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)


def _shown(value: object) -> str:
    """A cell: counts with separators, other numbers to three digits, times to the second (or below, where there is something), nothing as "–"."""
    if isinstance(value, (list, tuple)) or hasattr(value, "tolist") and getattr(value, "ndim", 0):
        return ", ".join(_shown(item) for item in value)  # type: ignore[attr-defined]
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and value != value):
        return "–"
    if isinstance(value, (bool,)) or str(value) in ("True", "False"):
        return "yes" if str(value) == "True" else "no"
    if isinstance(value, pd.Timestamp):
        return value.strftime("%Y-%m-%d %H:%M:%S") if not value.microsecond else value.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    if isinstance(value, pd.Timedelta):
        return f"{value.total_seconds():,.3f} s"
    if isinstance(value, Integral):
        return f"{int(value):,}"
    if isinstance(value, Real):
        return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"
    return str(value)


def names(values: Sequence[object], most: int = 3) -> str:
    """A few names in a sentence.

    >>> names(["a", "b", "c", "d"], most=2)
    'a, b and 2 more'
    """
    shown = [plain(value, 60) for value in values[:most]]
    rest = len(values) - len(shown)
    if rest:
        return f"{', '.join(shown)} and {rest} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)
