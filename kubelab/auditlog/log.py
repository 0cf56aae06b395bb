"""An audit log that was read: the table ``calls`` behind SQL, frames, what was damaged, and the answers."""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import duckdb
import pandas as pd

from kubelab.auditlog.events import lacks
from kubelab.auditlog.intake import Event, Tally
from kubelab.auditlog.schema import CALLS, ORDER

#: Columns of ``calls`` with few values: categories in its frame.
_CATEGORIES = tuple(
    """server level stage stages username effective impersonated source_ip user_agent client component verb api_group api_version
    resource subresource namespace status reason decision decision_reason removed_release file""".split()
)
#: DuckDB's types as the house's columns; other types stay as pandas has them.
_DTYPES = {
    "VARCHAR": "string",
    "JSON": "string",
    "BOOLEAN": "boolean",
    "TINYINT": "Int64",
    "SMALLINT": "Int64",
    "INTEGER": "Int64",
    "BIGINT": "Int64",
    "HUGEINT": "Int64",
    "UBIGINT": "UInt64",
}
ANSWERS = "kubelab.auditlog.answers"


class Counts(NamedTuple):
    """How much was read, and what of it gave no call. ``lines`` are those that are not blank."""

    lines: int
    events: int
    calls: int
    duplicates: int
    skipped: int
    damaged: int


class AuditLog:
    """The calls of a log. ``sql`` asks the table ``calls`` (``schema.py``); every answer is a method (``kubelab.auditlog.answers``)."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        tally: Tally,
        duplicates: int,
        again: Callable[[list[str], list[str]], Iterator[Event]],
        folder: str | None = None,
        rest: Callable[[], tuple[Tally, int]] | None = None,
    ) -> None:
        self._con = con
        self._again = again
        self._end = weakref.finalize(self, _removed, con, folder)
        self._rest = rest
        self._begun = False
        self._count(tally, duplicates)

    def _count(self, tally: Tally, duplicates: int) -> None:
        self._problems = tally.problems
        calls = self._con.execute("SELECT count(*) FROM calls").fetchall()[0][0]
        self.counts = Counts(tally.lines, tally.events, calls, duplicates, tally.skipped, tally.damaged)

    def sql(self, query: str, **params: Any) -> pd.DataFrame:
        """The answer of DuckDB to a query over the table ``calls``; ``$name`` in it takes the parameter of that name. Times are UTC."""
        if self._begun:
            self._load()
        try:
            return self._asked(query, params)
        except duckdb.ConversionException as error:
            if self._rest is None or not lacks(error):
                raise
        self._load()
        return self._asked(query, params)

    def _asked(self, query: str, params: dict[str, Any]) -> pd.DataFrame:
        cursor = self._con.cursor().execute(query, params or None)
        return typed(cursor.df(), [(name, str(kind)) for name, kind, *_ in cursor.description])

    def _load(self) -> None:
        """Read the columns that ``scan`` has left for later; an interruption in the middle means to begin again."""
        if self._rest is not None:
            self._begun = True
            self._count(*self._rest())
            self._rest, self._begun = None, False

    def calls(self) -> pd.DataFrame:
        """All calls, in order of receipt; text with few values as categories. The frame is in memory, whatever ``scan`` was allowed."""
        self._load()
        con = self._con
        (limit,) = con.execute("SELECT current_setting('memory_limit')").fetchall()[0]
        columns = []
        for name in CALLS:
            if name in _CATEGORIES:
                con.execute(
                    f"CREATE OR REPLACE TYPE of_{name} AS ENUM (SELECT DISTINCT {name} FROM calls WHERE {name} IS NOT NULL ORDER BY 1)"
                )
                columns.append(f"{name}::of_{name} AS {name}")
            else:
                columns.append(name)
        try:
            con.execute("SET memory_limit = '80%'")
            return self.sql(f"SELECT {', '.join(columns)} FROM calls ORDER BY {ORDER}")
        finally:
            con.execute(f"SET memory_limit = '{limit}'")

    @property
    def problems(self) -> pd.DataFrame:
        """Lines that gave no event: file, line (1-based), kind (damaged or skipped), what is wrong, and the beginning of the line.

        The first 10,000; ``counts`` counts all.
        """
        frame = pd.DataFrame(self._problems, columns=["file", "line", "kind", "what", "excerpt"])
        frame = frame.astype({"file": "string", "line": "Int64", "kind": "category", "what": "string", "excerpt": "string"})
        return frame.sort_values(["file", "line"], kind="stable", ignore_index=True)

    def bodies(self, where: str = "true", **params: Any) -> Iterator[dict[str, Any]]:
        """Request and response objects of the calls that a condition on ``calls`` selects, by a second pass over their files.

        Each is a dict: audit_id, server, received (ISO text), verb, uri, resource, subresource, namespace, name, code, request_object, response_object.
        """
        self._load()
        rows = (
            self._con.cursor()
            .execute(f"SELECT audit_id, file FROM calls WHERE audit_id IS NOT NULL AND ({where})", params or None)
            .fetchall()
        )
        if not rows:
            return
        names = sorted({file or "" for _, file in rows})
        for each in self._again(list(dict.fromkeys(audit_id for audit_id, _ in rows)), names):
            if each.event.get("stage") not in ("RequestReceived", "ResponseStarted"):
                yield _body(each)

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_"):
            answers = import_module(ANSWERS)
            if name in answers.ANSWERS:
                return answers.bound(name, self)
            near = get_close_matches(name, dir(self), 1)
            raise AttributeError(f"an audit log has no {name!r}" + (f": do you mean {near[0]!r}?" if near else ""))
        raise AttributeError(f"an audit log has no {name!r}")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *import_module(ANSWERS).ANSWERS})

    def report(self, path: str | Path = "report.html", *, title: str = "", policy: Any = None) -> Path:
        """Write all answers with their pictures as one self-contained HTML page; ``policy``: with what that one would have recorded of this log."""
        written: Path = import_module("kubelab.report").write(self, path, title=title, policy=policy)
        return written

    def close(self) -> None:
        """Let go of the memory or the temporary files behind it."""
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        found = self.counts
        return f"<AuditLog: {found.calls:,} calls of {found.events:,} events; {found.damaged:,} lines damaged, {found.skipped:,} skipped>"


def typed(frame: pd.DataFrame, kinds: list[tuple[str, str]]) -> pd.DataFrame:
    """Times in UTC, text as ``string``, whole numbers as ``Int64``, whatever the values are."""
    for name, kind in kinds:
        if kind.startswith("TIMESTAMP"):
            column = pd.to_datetime(frame[name]).astype("datetime64[us]" if kind == "TIMESTAMP" else "datetime64[us, UTC]")
            frame[name] = column.dt.tz_localize("UTC") if column.dt.tz is None else column
        elif kind in _DTYPES:
            frame[name] = frame[name].astype(_DTYPES[kind])
    return frame


def _removed(con: duckdb.DuckDBPyConnection, folder: str | None) -> None:
    con.close()
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def _body(each: Event) -> dict[str, Any]:
    event, ref = each.event, each.event.get("objectRef") or {}
    return {
        "audit_id": event.get("auditID"),
        "server": each.server,
        "received": event.get("requestReceivedTimestamp") or event.get("timestamp"),
        "verb": event.get("verb"),
        "uri": event.get("requestURI"),
        "resource": ref.get("resource"),
        "subresource": ref.get("subresource", ""),
        "namespace": ref.get("namespace", ""),
        "name": ref.get("name", ""),
        "code": (event.get("responseStatus") or {}).get("code"),
        "request_object": event.get("requestObject"),
        "response_object": event.get("responseObject"),
    }
