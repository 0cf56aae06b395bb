"""Files and dicts into the table ``held``: plain ones by DuckDB, all others by Python."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

import duckdb

from kubelab.auditlog import files, intake, plain


def take(con: duckdb.DuckDBPyConnection, paths: list[Path], dicts: list[dict[str, Any]], tally: intake.Tally) -> list[Path]:
    """Put a source into ``held``; returns the files that DuckDB could read."""
    candidates = [path for path in paths if plain.is_plain(path, files.packing(path))]
    left = plain.read(con, candidates, tally)
    by_duckdb = [path for path in candidates if path not in left]
    others = [path for path in paths if path not in by_duckdb]
    intake.load(con, chain(*(intake.of_file(path, tally) for path in others), intake.of_dicts(dicts, tally)))
    return by_duckdb
