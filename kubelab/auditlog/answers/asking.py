"""How every answer asks: over the table ``calls``, with a few columns more that follow from it, and with the background set apart.

Spec: audit.md B2. Background (leases and elections, the API server's own calls, probes, events) never is dropped: ``calls`` counts the
rest, ``background`` stands beside it, and what an answer cannot place (calls without a name, without a latency) stands in
``frame.attrs["beside"]``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol

import pandas as pd

from kubelab.auditlog.schema import CALLS
from kubelab.auditlog.who import APART as _APART


class Log(Protocol):
    """What an answer needs of an audit log: SQL over the table ``calls``; ``$name`` in the text takes ``params``."""

    def sql(self, query: str, **params: Any) -> pd.DataFrame: ...


#: As ``who.py`` has it. The view works out ``component`` from the agent for every row; the agent's own end is told ten times faster.
APART = _APART.replace("component = 'leader-election'", "ends_with(coalesce(user_agent, ''), '/leader-election')")

MUTATING = ("create", "update", "patch", "delete", "deletecollection")
READING = ("get", "list", "watch")

#: ``deployments.apps/scale``, ``pods/log``, or the path of a non-resource request.
TARGET = """CASE WHEN resource IS NULL THEN path ELSE resource
  || CASE WHEN coalesce(api_group, '') = '' THEN '' ELSE '.' || api_group END
  || CASE WHEN coalesce(subresource, '') = '' THEN '' ELSE '/' || subresource END END"""

#: Who stands behind a call: people, the control plane, nodes, or programs in the cluster (service accounts outside of kube-system).
ROLE = """CASE
  WHEN username IS NULL OR username = 'system:anonymous' THEN 'anonymous'
  WHEN username LIKE 'system:node:%' OR username IN ('nodeclient', 'kubelet') OR client IN ('kubelet', 'kwok', 'fakekubelet') THEN 'node'
  WHEN username LIKE 'system:serviceaccount:kube-system:%' OR username LIKE 'eks:%' THEN 'control plane'
  WHEN username IN ('aksService', 'hcpService') OR username LIKE '%@container-engine-robot.iam.gserviceaccount.com' THEN 'control plane'
  WHEN username LIKE 'system:serviceaccount:openshift-%' THEN 'control plane'
  WHEN username LIKE 'system:serviceaccount:%' OR username LIKE '%.gserviceaccount.com' THEN 'workload'
  WHEN username IN ('system:admin', 'system:masters') THEN 'person'
  WHEN username LIKE 'system:%' THEN 'control plane'
  ELSE 'person' END"""

#: Columns that follow from others, by name.
DERIVED: dict[str, str] = {
    "apart": APART,
    "target": TARGET,
    "role": ROLE,
    "status_class": "CASE WHEN code IS NULL THEN 'none' ELSE (code // 100)::VARCHAR || 'xx' END",
    # upstream: CleanScope, staging/src/k8s.io/apiserver/pkg/endpoints/metrics/metrics.go, 1.28; a list of one name is about one object
    "scope": """CASE WHEN resource IS NULL THEN NULL WHEN coalesce(name, '') <> '' OR verb = 'create' THEN 'resource'
      WHEN coalesce(namespace, '') <> '' THEN 'namespace' ELSE 'cluster' END""",
    "forwarded_for": "CASE WHEN len(source_ips) > 1 THEN source_ips[1] END",  # what a header said: a proxy in front, or whoever wrote it
    "second": "date_trunc('second', received)",
    "minute": "date_trunc('minute', received)",
    "hour": "date_trunc('hour', received)",
    "mutating": "verb IN ('create', 'update', 'patch', 'delete', 'deletecollection')",
    "dry_run": "contains(query, 'dryRun=All')",
    "done": "code BETWEEN 200 AND 299",
}
ALIASES = {
    "user": "effective",
    "status": "code",
    "agent": "user_agent",
    "ip": "source_ip",
    "group": "api_group",
    "what": "target",
    "who": "effective",
}
_LISTS = {name for name, kind in CALLS.items() if kind.endswith("[]")}

#: The table ``calls`` with the columns of DERIVED; what a query does not use costs nothing.
CALLS_MORE = "(SELECT *, " + ", ".join(f"({text}) AS {name}" for name, text in DERIVED.items()) + " FROM calls)"


def columns(by: str | Sequence[str]) -> list[tuple[str, str]]:
    """The columns to group by as (name as asked, column); raises ValueError for a name that ``calls`` does not have."""
    names = [by] if isinstance(by, str) else list(by)
    if not names:
        raise ValueError("by=[] names nothing to group by: name columns of calls, e.g. by=['user', 'verb', 'resource']")
    found = []
    for name in names:
        column = ALIASES.get(name, name)
        if column not in DERIVED and (column not in CALLS or column in _LISTS):
            known = ", ".join(sorted({*ALIASES, *DERIVED, *CALLS} - _LISTS))
            raise ValueError(f"by={name!r} is no column to group by: what would work is {known}")
        found.append((name, column))
    if len(dict.fromkeys(name for name, _ in found)) < len(found):
        raise ValueError(f"by={names!r} names a column twice")
    return found


def selected(by: str | Sequence[str]) -> str:
    """The columns to group by, as the beginning of a SELECT list."""
    return ", ".join(f'"{column}" AS "{name}"' for name, column in columns(by))


def names_of(by: str | Sequence[str]) -> str:
    """The same as a list for GROUP BY and ORDER BY."""
    return ", ".join(f'"{column}"' for _, column in columns(by))


def time_together(condition: str) -> str:
    """The latencies of the calls that a condition selects together, in seconds.

    Whole microseconds are added: a sum of fractions depends on the order in which the engine's threads come to them, and what is ranked by it too.
    """
    return f"(coalesce(sum(try_cast(latency * 1e6 AS BIGINT)) FILTER (WHERE {condition}), 0)::DOUBLE / 1e6)"


def tidy(frame: pd.DataFrame, beside: dict[str, Any] | None = None) -> pd.DataFrame:
    """An answer as it is handed out: instants in UTC, lists as text, and what stands beside it."""
    for name in frame.columns:
        values = frame[name]
        if pd.api.types.is_datetime64_dtype(values.dtype):
            frame[name] = values.dt.tz_localize("UTC")
        elif isinstance(values.dtype, pd.CategoricalDtype):
            frame[name] = values.astype("str")
    frame.attrs["beside"] = dict(beside or {})
    return frame


def one(log: Log, query: str, **params: Any) -> dict[str, Any]:
    """The only row of a query, as plain Python values; None for what is missing."""
    row = log.sql(query, **params).iloc[0]
    return {str(name): None if pd.isna(value) else getattr(value, "item", lambda value=value: value)() for name, value in row.items()}


def instant(value: str | datetime | pd.Timestamp, name: str) -> datetime:
    """An instant in UTC without its zone, as the table has it; text is RFC 3339, without zone it is UTC; raises ValueError."""
    try:
        at = pd.Timestamp(value)
    except (ValueError, TypeError) as error:
        raise ValueError(f'{name}={value!r} is no instant: what would work is a datetime or text like "2026-01-01T00:00:00Z"') from error
    if at is pd.NaT:
        raise ValueError(f"{name}={value!r} is no instant")
    at = at.tz_convert("UTC").tz_localize(None) if at.tzinfo is not None else at
    return at.to_pydatetime(warn=False)


_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(value: float | str, name: str) -> float:
    """A length in seconds: a number, or words like ``1m30s``; raises ValueError unless it is above 0."""
    if isinstance(value, str):
        parts = _DURATION.findall(value)
        if not parts or "".join(number + unit for number, unit in parts) != value.strip():
            raise ValueError(f'{name}={value!r} is no duration: what would work is a number of seconds or words like "1m30s"')
        length = sum(float(number) * _UNITS[unit] for number, unit in parts)
    else:
        length = float(value)
    if not length > 0:
        raise ValueError(f"{name}={value!r}: a length above 0 is needed")
    return length


def span(log: Log) -> tuple[datetime | None, datetime | None, float]:
    """The first and the last instant of a log and the seconds between; of an empty log (None, None, 0)."""
    row = one(log, "SELECT min(received) AS first, max(greatest(received, started, completed)) AS last FROM calls")
    if row["first"] is None:
        return None, None, 0.0
    first, last = instant(row["first"], "first"), instant(row["last"], "last")
    return first, last, (last - first).total_seconds()


def limited(top: int | None) -> str:
    """``LIMIT`` for ``top`` rows, or nothing."""
    if top is None:
        return ""
    if isinstance(top, bool) or not isinstance(top, int) or top < 1:
        raise ValueError(f"top={top!r}: a number of rows from 1 is needed, or None for all")
    return f" LIMIT {top}"


def texts(values: Iterable[str]) -> str:
    """A list of constants for ``IN (…)``; for constants of this package only, never for a user's values."""
    return "(" + ", ".join("'" + value.replace("'", "''") + "'" for value in values) + ")"
