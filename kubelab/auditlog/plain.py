"""Plain logs, one event a line: DuckDB reads them itself, as fast as it can, and tells how many lines it could not take.

Only if there are such lines a second pass in Python looks for them, takes wrappings off and reports the rest by line. Should the two disagree
about a file, Python alone reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import orjson

from kubelab.auditlog import files
from kubelab.auditlog.events import STRUCTURE, flat
from kubelab.auditlog.intake import Event, Tally, load, of_file, of_pieces
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


def objects(paths: list[Path], packing: str) -> str:
    """The relation ``(json, filename)`` of the lines of files."""
    names = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)
    return f"read_ndjson_objects([{names}], filename=true, ignore_errors=true, compression='{packing}')"


def _insert(con: duckdb.DuckDBPyConnection, paths: list[Path], packing: str) -> bool:
    """Have DuckDB read files, all or none; false if it cannot: a cut end, a line too long for it."""
    lines = (
        f"SELECT '' AS server, filename AS file, NULL::BIGINT AS line, strlen(json) AS bytes, "
        f"json_transform(json, '{STRUCTURE}') AS e FROM {objects(paths, packing)}"
    )
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
    for path in paths:
        packing = files.packing(path)
        query = f"SELECT json FROM {objects([path], packing)} WHERE json_extract_string(json, '$.auditID') IN (SELECT unnest($1))"
        try:
            cursor = con.cursor().execute(query, [audit_ids])
            while batch := cursor.fetchmany(1000):
                for (line,) in batch:
                    yield Event("", str(path), None, len(line), orjson.loads(line))
        except duckdb.Error:
            yield from (each for each in of_file(path, Tally()) if each.event.get("auditID") in audit_ids)
