"""From files, dicts or a cluster into the table ``held``, with what was damaged or skipped."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from duckdb import DuckDBPyConnection

from kubelab.auditlog import files
from kubelab.auditlog.events import EVENT, FIELDS, HELD, flat
from kubelab.auditlog.unwrap import Unwrapper
from kubelab.auditlog.unwrap.reader import Reader

_ROW = {"server": "VARCHAR", "file": "VARCHAR", "line": "BIGINT", "bytes": "BIGINT"}
_EXCERPT = 160
_BATCH = 50_000
_LONGEST = 64 * 1024 * 1024
#: Problems that are kept with their text; all are counted.
KEPT = 10_000


class Problem(NamedTuple):
    """A line that gave no event."""

    file: str
    line: int
    kind: str
    what: str
    excerpt: str


@dataclass(slots=True)
class Tally:
    """What came in."""

    lines: int = 0
    events: int = 0
    skipped: int = 0
    damaged: int = 0
    problems: list[Problem] = field(default_factory=list)

    def problem(self, file: str, line: int, kind: str, what: str, raw: bytes) -> None:
        """Count it, and keep the first of them."""
        if kind == "damaged":
            self.damaged += 1
        else:
            self.skipped += 1
        if len(self.problems) < KEPT:
            self.problems.append(Problem(file, line, kind, what, raw[:_EXCERPT].decode("utf-8", "replace")))

    def add(self, other: Tally) -> None:
        """What came in elsewhere."""
        self.lines += other.lines
        self.events += other.events
        self.skipped += other.skipped
        self.damaged += other.damaged
        self.problems += other.problems[: max(KEPT - len(self.problems), 0)]


class Event(NamedTuple):
    """An event and where it stands."""

    server: str
    file: str
    line: int | None
    bytes: int
    event: dict[str, Any]


def of_file(path: Path, tally: Tally) -> Iterator[Event]:
    """All events of a file, whatever its shape."""
    yield from of_pieces(str(path), files.pieces(files.blocks(path, files.packing(path))), tally)


def of_pieces(name: str, pieces: Iterator[files.Piece], tally: Tally) -> Iterator[Event]:
    """All events of the lines of a file."""
    reader = Reader(pieces)
    try:
        for found, line, size, excerpt in reader.read():
            if found.event is None:
                tally.problem(name, line, found.kind, found.what, excerpt)
            else:
                tally.events += 1
                yield Event(found.server, name, line, size, sized(found.event)[0])
    except EOFError as cut:
        tally.problem(name, reader.last + 1, "damaged", str(cut), b"")
    tally.lines += reader.lines


def of_dicts(events: Iterable[dict[str, Any]], tally: Tally) -> Iterator[Event]:
    """Events that are dicts already; their line is their number."""
    unwrapper = Unwrapper()
    for number, event in enumerate(events, 1):
        tally.lines += 1
        try:
            event, size = sized(event)
        except (ValueError, TypeError, RecursionError) as error:
            tally.problem("", number, "damaged", f"no JSON: {error}", repr(event)[:_EXCERPT].encode(errors="replace"))
            continue
        for found in unwrapper.value(event):
            if found.event is None:
                tally.problem("", number, found.kind, found.what, repr(event)[:_EXCERPT].encode(errors="replace"))
            else:
                tally.events += 1
                yield Event(found.server, "", number, size, found.event)


def sized(event: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """A dict as a line of a log would have it, and the length of that line: half characters and huge numbers are not what they were."""
    try:
        return event, len(orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS))
    except TypeError:
        line = json.dumps(event, default=str, ensure_ascii=False).encode(errors="replace")
        return orjson.loads(line), len(line)


def prepare(con: DuckDBPyConnection, names: Iterable[str] = tuple(HELD)) -> None:
    """An empty table ``held``, of all columns or of some."""
    con.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
    con.execute(f"CREATE OR REPLACE TABLE held ({', '.join(f'{name} {HELD[name]}' for name in names)})")


def load(con: DuckDBPyConnection, found: Iterable[Event]) -> None:
    """Put events into the table, by way of a temporary file of plain lines, a batch at a time."""
    columns = "{" + ", ".join(f"'{column}': '{kind}'" for column, kind in _ROW.items()) + f", {FIELDS}}}"
    handle, name = tempfile.mkstemp(suffix=".jsonl")
    lines = f"SELECT * FROM read_json('{name}', format='newline_delimited', ignore_errors=true, columns={columns}, maximum_object_size={_LONGEST})"
    events = iter(found)
    try:
        with os.fdopen(handle, "wb") as out:
            while True:
                written = sum(out.write(_row(each)) for each in islice(events, _BATCH))
                if not written:
                    return
                out.flush()
                con.execute(f"INSERT INTO held {flat(lines)}")
                out.seek(0)
                out.truncate()
    finally:
        os.unlink(name)


def _row(each: Event) -> bytes:
    event = {key: each.event[key] for key in EVENT if key in each.event}
    for body in ("requestObject", "responseObject"):
        if event.get(body) is not None:
            event[body] = True
    row = {"server": each.server, "file": each.file, "line": each.line, "bytes": each.bytes, **event}
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS)
