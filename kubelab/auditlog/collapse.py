"""From the events of a log to its calls: one row per (server, audit ID, URI), the last stage speaking (spec/audit.md B2.1).

Every event comes into the table ``held`` as if it were a call of its own, which most are. Only events that share an audit ID and URI are looked
at again: exact duplicates go, and of the others the last stage's row stays, with the times and sizes of all.
"""

from __future__ import annotations

from duckdb import DuckDBPyConnection

from kubelab.auditlog.events import VIEWED, lacking
from kubelab.auditlog.schema import CALLS

#: The weight of a stage: Panic and ResponseComplete end a call; a source without stages (GKE) tells of ended calls.
RANK = {"RequestReceived": 1, "ResponseStarted": 2, "ResponseComplete": 4, "Panic": 5}
_RANK = "CASE stage " + " ".join(f"WHEN '{stage}' THEN {rank}" for stage, rank in RANK.items()) + " ELSE 3 END"
_ENDED = "stage IN ('ResponseComplete', 'Panic')"
_STAGES = ", ".join(f"CASE WHEN bool_or(stage = '{stage}') THEN '{stage}' END" for stage in RANK)
#: Two events that agree in these are the same event.
_SAME = "hash(key, stage, received, started, completed, level, verb, code)"
_NARROW = f"rowid AS row, key, {_SAME} AS same, server, file, stage, received, started, completed, bytes"
#: Of a part of the columns (``scan``) these are not there yet.
_LATER = {"line": "BIGINT", "has_request": "BOOLEAN", "has_response": "BOOLEAN"}

_SEVERAL = "CREATE OR REPLACE TEMP TABLE several AS SELECT key FROM held WHERE key IS NOT NULL GROUP BY key HAVING count(*) > 1"
_STAGED = f"CREATE OR REPLACE TEMP TABLE staged AS SELECT {_NARROW}, %s FROM held WHERE key IN (FROM several)"
#: A retried batch, overlapping exports: of two the one whose server is known stays, else the first in the files (rows come as threads bring them).
_ONCE = "SELECT DISTINCT ON (key, same) * FROM staged ORDER BY key, same, server DESC, file, line, bytes, row"
#: A client may send the same Audit-ID with all its calls: where two of them have ended, the time of receipt tells them apart.
_APART = f"CASE WHEN count(DISTINCT received) FILTER ({_ENDED}) OVER (PARTITION BY key, server) > 1 THEN received END"
#: Of several events of the highest stage their hash decides: a value, not the order of the rows.
_MERGED = f"""CREATE OR REPLACE TEMP TABLE merged AS SELECT arg_max(row, rank) AS row, count(*) AS events, concat_ws(',', {_STAGES}) AS stages,
    min(received) AS received, min(started) AS started, max(completed) AS completed,
    bool_or(has_request) AS has_request, bool_or(has_response) AS has_response, sum(bytes)::BIGINT AS bytes
    FROM (SELECT *, ({_RANK})::HUGEINT * 18446744073709551616 + same AS rank, {_APART} AS apart FROM ({_ONCE})) GROUP BY key, server, apart"""
#: Rows written anew and the old ones dropped: several times as fast as an update of their columns.
_TOLD = {name: f"m.{name}" for name in ("stages", "started", "completed", "has_request", "has_response", "bytes")}
_TOLD["received"] = "coalesce(h.received, m.received)"
_TELL = "INSERT INTO held BY NAME SELECT %s FROM held h JOIN merged m ON h.rowid = m.row"
_DROP = "DELETE FROM held WHERE rowid IN (SELECT row FROM staged)"


def collapse(con: DuckDBPyConnection) -> int:
    """Make ``calls`` from the events in ``held``; returns how many events were exact duplicates."""
    doubles = 0
    held = [name for (name,) in con.execute("SELECT column_name FROM (DESCRIBE held)").fetchall()]
    con.execute(_SEVERAL)
    if con.execute("SELECT count(*) FROM several").fetchall()[0][0]:
        told = ", ".join(f"{_TOLD.get(name, f'h.{name}')} AS {name}" for name in held)
        later = ", ".join(name if name in held else f"NULL::{kind} AS {name}" for name, kind in _LATER.items())
        for statement in (_STAGED % later, _MERGED, _TELL % told, _DROP):
            con.execute(statement)
        doubles = con.execute("SELECT (SELECT count(*) FROM staged) - (SELECT coalesce(sum(events), 0) FROM merged)").fetchall()[0][0]
        con.execute("DROP TABLE staged; DROP TABLE merged")
    con.execute("DROP TABLE several")
    columns = ", ".join(f"{_seen(name, held)} AS {name}" for name in CALLS)
    con.execute(f"CREATE OR REPLACE VIEW calls AS SELECT {columns} FROM held")
    return int(doubles)


def _seen(name: str, held: list[str]) -> str:
    if name in held:
        return name
    return VIEWED[name] if name in VIEWED and (name != "source_ip" or "source_ips" in held) else lacking(name)
