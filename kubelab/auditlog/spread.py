"""A log on several machines: its files, and pieces of large plain ones, go to the workers of a Dask client; the calls come back.

Every worker does what ``scan`` does here, and hands back its rows as Parquet; stages and duplicates are collapsed once all are together, so
that the answers are the same. The workers must see the files under the same paths.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from kubelab.auditlog import files, plain
from kubelab.auditlog.intake import Tally, prepare
from kubelab.auditlog.taking import take

#: A plain file larger than this is cut, at the ends of lines.
CUT = 128 * 1024 * 1024


class Unit(NamedTuple):
    """A file, or the lines of a plain one that begin in ``[start, end)``."""

    path: str
    start: int = 0
    end: int | None = None


class Part(NamedTuple):
    """What a worker found in a unit: rows as Parquet, what came in, how many lines end in it, and whether DuckDB could read it."""

    rows: bytes
    tally: Tally
    newlines: int
    by_duckdb: bool


def take_spread(con: duckdb.DuckDBPyConnection, paths: list[Path], tally: Tally, client: Any) -> list[Path]:
    """Put the files into ``held`` with the help of a Dask client's workers; returns those that DuckDB could read."""
    units = [unit for path in paths for unit in units_of(path, CUT)]
    futures = client.map(part_of, units, pure=False)
    by_duckdb: dict[str, bool] = {}
    before: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="kubelab-auditlog-") as folder:
        name = os.path.join(folder, "part.parquet")
        for unit, future in zip(units, futures, strict=True):
            part = future.result()
            Path(name).write_bytes(part.rows)
            con.execute(f"INSERT INTO held BY NAME SELECT * FROM read_parquet('{name}')")
            offset = before.get(unit.path, 0)
            part.tally.problems = [each._replace(line=each.line + offset) for each in part.tally.problems]
            tally.add(part.tally)
            before[unit.path] = offset + part.newlines
            by_duckdb[unit.path] = by_duckdb.get(unit.path, True) and part.by_duckdb
            future.release()
    return [path for path in paths if by_duckdb[str(path)]]


def units_of(path: Path, cut: int) -> list[Unit]:
    """A file as units of work: one, or several of a large plain file without packing."""
    size = path.stat().st_size
    if size <= cut or files.packing(path) != "none" or not plain.is_plain(path, "none"):
        return [Unit(str(path))]
    edges = [0]
    with path.open("rb") as file:
        while edges[-1] + cut < size:
            file.seek(edges[-1] + cut)
            file.readline()
            edges.append(file.tell())
    if edges[-1] < size:
        edges.append(size)
    return [Unit(str(path), start, end) for start, end in zip(edges, edges[1:], strict=False)]


def part_of(unit: Unit) -> Part:
    """What a unit holds; runs on a worker."""
    with tempfile.TemporaryDirectory(prefix="kubelab-auditlog-") as folder, duckdb.connect(":memory:") as con:
        prepare(con)
        tally = Tally()
        path, newlines = Path(unit.path), 0
        if unit.end is not None:
            path, newlines = _copied(unit, Path(folder) / "part.jsonl")
        by_duckdb = take(con, [path], [], tally)
        if unit.end is not None:
            con.execute("UPDATE held SET file = ?", [unit.path])
            tally.problems = [each._replace(file=unit.path) for each in tally.problems]
        name = os.path.join(folder, "rows.parquet")
        con.execute(f"COPY held TO '{name}' (FORMAT parquet, COMPRESSION zstd)")
        return Part(Path(name).read_bytes(), tally, newlines, bool(by_duckdb))


def _copied(unit: Unit, target: Path) -> tuple[Path, int]:
    newlines = 0
    left = (unit.end or 0) - unit.start
    with open(unit.path, "rb") as file, target.open("wb") as out:
        file.seek(unit.start)
        while left > 0 and (block := file.read(min(left, 1 << 22))):
            newlines += block.count(b"\n")
            left -= len(block)
            out.write(block)
    return target, newlines
