"""Comma-separated exports: the names of the columns, then a record a row, its quotes doubled (CloudWatch's console, Azure's portal, Elastic's Discover).

A row is one line. Without names (a part of such a file) the record is found all the same, by its doubled quotes.
"""

from __future__ import annotations

import re

#: Columns that hold the record, or are columns of it (Azure's AKSAudit); a line without one of them names no columns of an audit log.
RECORDS = frozenset(("@message", "message", "log", "log_s", "properties_s", "AuditId", "_raw", "_source", "line", "event"))
_NAME = re.compile(r"^[@_A-Za-z][\w.@-]*(?: \[(?:UTC|Local)[^\]]*\])?$")
_CELL = re.compile(r'"((?:[^"]++|"")*+)"(?=,|$)|([^",]*+)(?=,|$)')
_DOUBLED = '{""'
#: In a line that is no row: it was one, and is cut.
CUT_ROW = '{""kind"":'


class Columns:
    """Remembers the names of the columns of one file."""

    __slots__ = ("_names",)

    def __init__(self) -> None:
        self._names: list[str] = []

    def row(self, line: str) -> dict[str, str] | None:
        """The cells of a row by the names of their columns; empty for the names themselves; None for what is no row."""
        if not self._names and _DOUBLED not in line and "," not in line:
            return None
        found = cells(line)
        if found is None:
            return None
        if all(map(_NAME.match, found)) and not RECORDS.isdisjoint(found):
            self._names = [name.partition(" [")[0] for name in found]
            return {}
        if len(found) == len(self._names):
            return dict(zip(self._names, found, strict=True))
        return {str(number): cell for number, cell in enumerate(found)} if _DOUBLED in line else None


def cells(line: str) -> list[str] | None:
    """The cells of a line, None if it is no comma-separated row.

    >>> cells('1,"a ""b"", c",'), cells('"a"b')
    (['1', 'a "b", c', ''], None)
    """
    found, at = [], 0
    while True:
        match = _CELL.match(line, at)
        if match is None:
            return None
        quoted, bare = match.groups()
        found.append(quoted.replace('""', '"') if quoted is not None else bare)
        at = match.end()
        if at == len(line):
            return found
        at += 1
