"""Plain logs, one event a line: DuckDB reads them itself, as fast as it can, and tells how many lines it could not take.

Only if there are such lines a second pass in Python looks for them, takes wrappings off and reports the rest by line. Should the two disagree
about a file, Python alone reads it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import orjson

from kubelab.auditlog import files
from kubelab.auditlog.events import EVENT, FIRST, FIRST_FIELDS, flat
from kubelab.auditlog.intake import Event, Tally, load, of_file, of_pieces, sized
from kubelab.auditlog.unwrap.shapes import MERGED

_SNIFFED = 50


class _Head(msgspec.Struct):
    """What makes a line an event."""

    kind: Any = None
    apiVersion: Any = None


_HEAD = msgspec.json.Decoder(_Head)


def is_plain(path: Path, packing: str) -> bool:
    """Whether the first lines of a file are events and nothing else that is JSON."""
    events = 0
    if packing == "utf-16":
        return False
    try:
        for piece in files.pieces(files.blocks(path, packing)):
            if not piece.ends or piece.number > _SNIFFED:
                break
            try:
                value = orjson.loads(piece.raw)
            except orjson.JSONDecodeError:
                if piece.raw.lstrip()[:1] in (b"[", b"{") and not events:
                    return False
                continue
            if not isinstance(value, dict) or MERGED & value.keys() or not _of_event(value.get("kind"), value.get("apiVersion")):
                return False
            events += 1
    except EOFError:
        pass
    return events > 0


def read(con: duckdb.DuckDBPyConnection, paths: list[Path], tally: Tally) -> list[Path]:
    """Put plain files into ``held``; returns those that DuckDB could not read."""
    left: list[Path] = []
    by_packing: dict[str, list[Path]] = {}
    for path in paths:
        by_packing.setdefault(files.packing(path), []).append(path)
    for packing, group in by_packing.items():
        if not _insert(con, group, packing):
            left += [path for path in group if len(group) == 1 or not _insert(con, [path], packing)]
    done = [path for path in paths if path not in left]
    counted = con.execute("SELECT file, count(*), count(*) FILTER (NOT plain) FROM held GROUP BY file").fetchall()
    counts = {file: (lines, odd) for file, lines, odd in counted}
    if any(odd for _, odd in counts.values()):
        con.execute("DELETE FROM held WHERE NOT plain")
    for path in done:
        lines, odd = counts.get(str(path), (0, 0))
        if odd and not _look_again(con, path, odd, tally):
            con.execute("DELETE FROM held WHERE file = ?", [str(path)])
            left.append(path)
        else:
            tally.lines += lines - odd
            tally.events += lines - odd
    return left


def first(con: duckdb.DuckDBPyConnection, paths: list[Path], tally: Tally) -> bool:
    """Put the columns FIRST of plain files into ``held``; false unless every line of them is an event."""
    packing = files.packing(paths[0])
    if any(files.packing(path) != packing for path in paths[1:]):
        return False
    lines = _lines(paths, packing, FIRST_FIELDS)
    try:
        con.execute(f"INSERT INTO held BY NAME {flat(lines, FIRST)}")
    except duckdb.Error:
        return False
    ((events, odd),) = con.execute("SELECT count(*), count(*) FILTER (NOT plain) FROM held").fetchall()
    tally.lines, tally.events = events, events
    return not odd


def objects(paths: list[Path], packing: str) -> str:
    """The relation ``(json, filename)`` of the lines of files."""
    return f"read_ndjson_objects([{_names(paths)}], filename=true, ignore_errors=true, compression='{packing}')"


def _lines(paths: list[Path], packing: str, fields: dict[str, Any]) -> str:
    """The relation of the lines of files: where each stands, its length, and fields of the event."""
    transformed = f"json_transform(json, '{json.dumps(fields)}') AS e"
    rows = f"SELECT filename AS file, strlen(json) AS bytes, {transformed} FROM {objects(paths, packing)}"
    return f"SELECT '' AS server, file, NULL::BIGINT AS line, bytes, e.* FROM ({rows})"


def _names(paths: list[Path]) -> str:
    return ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)


def _insert(con: duckdb.DuckDBPyConnection, paths: list[Path], packing: str) -> bool:
    """Have DuckDB read files, all or none; false if it cannot: a cut end, a line too long for it."""
    lines = _lines(paths, packing, EVENT)
    try:
        con.execute(f"INSERT INTO held {flat(lines)}")
    except duckdb.Error:
        return False
    return True


def _look_again(con: duckdb.DuckDBPyConnection, path: Path, odd: int, tally: Tally) -> bool:
    """Find the lines of a file that DuckDB could not take, and read them; false if they are not as many as it said."""
    own = Tally()
    seen = [0]
    found = list(of_pieces(str(path), _odd_pieces(path, seen), own))
    if seen[0] != odd:
        return False
    load(con, found)
    tally.add(own)
    return True


def _odd_pieces(path: Path, seen: list[int]) -> Iterator[files.Piece]:
    for piece in files.pieces(files.blocks(path, files.packing(path))):
        if not piece.ends or not _takes(piece.raw):
            if piece.raw.strip(b" \t\r\n"):
                seen[0] += piece.ends
                yield piece


def _takes(raw: bytes) -> bool:
    """Whether DuckDB takes a line as an event."""
    try:
        head = _HEAD.decode(raw)
        if not raw.isascii():
            raw.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return _of_event(head.kind, head.apiVersion)


def _of_event(kind: Any, version: Any) -> bool:
    return kind == "Event" and isinstance(version, str) and version.startswith("audit.k8s.io/")


def bodies(con: duckdb.DuckDBPyConnection, paths: list[Path], audit_ids: list[str]) -> Iterator[Event]:
    """The events of some calls, bodies and all, out of plain files."""
    wanted = set(audit_ids)
    for path in paths:
        packing = files.packing(path)
        query = f"SELECT json FROM {objects([path], packing)} WHERE json_extract_string(json, '$.auditID') IN (SELECT unnest($1))"
        try:
            cursor = con.cursor().execute(query, [audit_ids])
            while batch := cursor.fetchmany(1000):
                for (line,) in batch:
                    event, size = sized(json.loads(line) if "\\u" in line else orjson.loads(line))
                    yield Event("", str(path), None, size, event)
            odd = cursor.execute("SELECT count(*) FROM held WHERE file = $1 AND line IS NOT NULL", [str(path)]).fetchall()[0][0]
            if odd:  # lines that DuckDB could not take
                found = of_pieces(str(path), _odd_pieces(path, [0]), Tally())
                yield from (each for each in found if each.event.get("auditID") in wanted)
        except duckdb.Error:
            yield from (each for each in of_file(path, Tally()) if each.event.get("auditID") in wanted)
