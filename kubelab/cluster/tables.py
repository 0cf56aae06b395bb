"""Lists as kubectl prints them: a kind's own columns, cells as the server prints them.

upstream: pkg/printers/internalversion/printers.go for the cells, cli-runtime/pkg/printers/tableprinter.go for the layout.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kubelab.kinds.kind import Kind, Object


def cells(kind: Kind, objects: Iterable[Object], now_ns: int, *, wide: bool = False, namespaces: bool = False) -> list[list[str]]:
    """A row of headings, then a row per object, as text."""
    columns = [column for column in kind.columns if wide or column.priority == 0]
    rows = [[*(["NAMESPACE"] if namespaces else []), *(column.name.upper() for column in columns)]]
    for obj in objects:
        row = [_text(column.cell(obj, now_ns)) for column in columns]
        rows.append([obj["metadata"].get("namespace", ""), *row] if namespaces else row)
    return rows


def _text(cell: object) -> str:
    if cell is None:
        return "<none>"
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return str(cell)


def text(rows: Sequence[Sequence[str]]) -> str:
    """Rows in columns, three spaces between them.

    >>> print(text([["NAME", "AGE"], ["web-0", "5s"]]))
    NAME    AGE
    web-0   5s
    """
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return "\n".join("   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
