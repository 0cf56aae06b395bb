"""``read`` and ``scan``: a log, whatever its source, as an :class:`AuditLog`."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb

from kubelab.auditlog import files, intake, plain
from kubelab.auditlog.collapse import collapse
from kubelab.auditlog.events import FIRST
from kubelab.auditlog.log import AuditLog
from kubelab.auditlog.taking import take

#: What DuckDB may use in ``scan``, beside Python and the buffers of its reader.
MEMORY = "300MB"
#: A source that stands for standard input, as ever.
STDIN = "-"
#: From this size on ``scan`` reads the columns that most questions need first, and the others once a question needs them.
LARGE = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Source:
    """Files and event dicts."""

    paths: list[Path]
    dicts: list[dict[str, Any]]
    unread: list[tuple[Path, str]] = field(default_factory=list)


def read(source: Any) -> AuditLog:
    """A log in memory.

    ``source``: a path, a folder or a pattern, ``-`` (standard input) or a pipe, a list of these, a list of event dicts, or a Cluster (its recorded
    events). Raises ``SourceError`` for what cannot be read at all; damaged lines, and files of a folder that may not be read, are in ``.problems``.
    """
    folder = tempfile.mkdtemp(prefix="kubelab-auditlog-")
    try:
        con = duckdb.connect(":memory:", config={"temp_directory": os.path.join(folder, "spill")})
        return _taken(con, _at_rest(source_of(source), folder), folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def scan(source: Any, *, client: Any = None, memory: str = MEMORY) -> AuditLog:
    """A log of any size: its calls are kept in a temporary database on disk, and DuckDB works within ``memory``. Everything else as ``read``.

    ``client``: a ``distributed.Client``, whose workers then read the files; they must see them under the same paths.
    """
    folder = tempfile.mkdtemp(prefix="kubelab-auditlog-")
    try:
        found = _at_rest(source_of(source), folder)
        con = duckdb.connect(os.path.join(folder, "calls.duckdb"))
        con.execute(f"SET memory_limit = '{memory}'; SET temp_directory = '{folder}/spill'")
        return _taken(con, found, folder, client, large=True)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _taken(con: duckdb.DuckDBPyConnection, source: Source, folder: str, client: Any = None, *, large: bool = False) -> AuditLog:
    if large and client is None and not source.dicts and not source.unread and _is_large(source.paths):
        tally = intake.Tally()
        intake.prepare(con, FIRST)
        if plain.first(con, source.paths, tally):
            duplicates = collapse(con)
            return AuditLog(con, tally, duplicates, partial(_again, con, source, source.paths), folder, partial(_loaded, con, source))
    tally, duplicates, by_duckdb = _whole(con, source, client)
    return AuditLog(con, tally, duplicates, partial(_again, con, source, by_duckdb), folder)


def _is_large(paths: list[Path]) -> bool:
    """Whether these are plain files, without packing, of which reading a part first saves time."""
    if sum(path.stat().st_size for path in paths) < LARGE:
        return False
    return all(files.packing(path) == "none" and plain.is_plain(path, "none") for path in paths)


def _loaded(con: duckdb.DuckDBPyConnection, source: Source) -> tuple[intake.Tally, int]:
    tally, duplicates, _ = _whole(con, source)
    return tally, duplicates


def _whole(con: duckdb.DuckDBPyConnection, source: Source, client: Any = None) -> tuple[intake.Tally, int, list[Path]]:
    """All columns of a source in ``calls``: what came in, how many duplicates were in it, and the files that DuckDB could read."""
    intake.prepare(con)
    tally = intake.Tally()
    for path, why in source.unread:
        tally.problem(str(path), 0, "damaged", f"the file cannot be read: {why}", b"")
    if client is None:
        by_duckdb = take(con, source.paths, source.dicts, tally)
    else:
        from kubelab.auditlog.spread import take_spread

        by_duckdb = take_spread(con, source.paths, tally, client)
        take(con, [], source.dicts, tally)
    return tally, collapse(con), by_duckdb


def _again(
    con: duckdb.DuckDBPyConnection, source: Source, by_duckdb: list[Path], audit_ids: list[str], names: list[str]
) -> Iterator[intake.Event]:
    """The events of some calls, by a second pass over the files that they are in."""
    wanted = set(audit_ids)
    yield from plain.bodies(con, [path for path in by_duckdb if str(path) in names], audit_ids)
    asked = [path for path in source.paths if path not in by_duckdb and str(path) in names]
    slowly = chain(*(intake.of_file(path, intake.Tally()) for path in asked), intake.of_dicts(source.dicts, intake.Tally()))
    yield from (each for each in slowly if each.event.get("auditID") in wanted)


def source_of(source: Any) -> Source:
    """A source as files and event dicts."""
    if isinstance(source, str) and source == STDIN:
        return Source([Path(STDIN)], [])
    if isinstance(source, str | os.PathLike):
        paths = files.files_of(source)
        unread = [(path, why) for path in paths if (why := _unreadable(path))]
        return Source([path for path in paths if path not in dict(unread)], [], unread)
    if hasattr(source, "audit_events"):
        return Source([], source.audit_events())
    if isinstance(source, dict):
        return Source([], [source])
    if not isinstance(source, Iterable):
        raise files.SourceError(f"audit log from {type(source).__name__}: a path, a list of paths or of event dicts, or a Cluster would do")
    paths: list[Path] = []
    dicts: list[dict[str, Any]] = []
    unread: list[tuple[Path, str]] = []
    for each in source:
        if not isinstance(each, str | os.PathLike | dict):
            raise files.SourceError(f"audit log from a list with {type(each).__name__}: paths or event dicts would do")
        found = source_of(each)
        paths += [path for path in found.paths if path not in paths]
        dicts += found.dicts
        unread += found.unread
    return Source(paths, dicts, unread)


def _unreadable(path: Path) -> str:
    """Why a file of a folder cannot be read; "" if it can."""
    if not path.exists():
        return "the link leads nowhere"
    return "" if os.access(path, os.R_OK) else "permission denied"


def _at_rest(source: Source, folder: str) -> Source:
    """The source with a copy in the place of each stream."""
    paths = []
    for number, path in enumerate(source.paths):
        if str(path) == STDIN:
            path = files.kept(sys.stdin.buffer, f"stdin-{number}", folder)
        elif files.is_stream(path):
            with path.open("rb") as stream:
                path = files.kept(stream, f"{path.name}-{number}", folder)
        paths.append(path)
    return replace(source, paths=paths)
