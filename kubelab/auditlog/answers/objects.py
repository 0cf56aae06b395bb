"""Hot objects, and write amplification: what the control plane writes for each write that somebody asked for.

Spec: audit.md B2, B5. Dry runs write nothing and count as no write.
"""

from __future__ import annotations

import pandas as pd

from kubelab.auditlog.answers.asking import CALLS_MORE, Log, limited, one, tidy
from kubelab.auditlog.answers.requests import background

_WRITE = "mutating AND NOT dry_run"


def hot_objects(log: Log, *, top: int | None = 50) -> pd.DataFrame:
    """The objects that most calls are about, background set apart.

    Columns: ``resource`` (with its group), ``namespace``, ``name``, ``calls``, ``background``, ``reads``, ``writes``, ``status_writes`` (of
    the writes: to a subresource status), ``conflicts`` (409), ``clients`` (different users), ``writer`` (who wrote most; of equals the
    first by name), ``peak`` (most writes in a minute), ``first``, ``last``. Calls that carry no name (lists, watches, creates with
    generateName) stand in
    ``frame.attrs["beside"]["nameless"]``.
    """
    named = "resource IS NOT NULL AND coalesce(name, '') <> ''"
    frame = log.sql(f"""
        WITH named AS (
          SELECT *, resource || CASE WHEN coalesce(api_group, '') = '' THEN '' ELSE '.' || api_group END AS kind,
            ({_WRITE}) AS is_write FROM {CALLS_MORE} WHERE {named}
        ), hot AS (
          SELECT kind, namespace, name,
            count(*) FILTER (WHERE apart = '') AS calls, count(*) FILTER (WHERE apart <> '') AS background,
            count(*) FILTER (WHERE NOT mutating) AS reads, count(*) FILTER (WHERE is_write AND done) AS writes,
            count(*) FILTER (WHERE is_write AND done AND subresource = 'status') AS status_writes,
            count(*) FILTER (WHERE code = 409) AS conflicts, count(DISTINCT effective) AS clients,
            mode(effective ORDER BY effective) FILTER (WHERE is_write AND done) AS writer, min(received) AS first, max(received) AS last
          FROM named GROUP BY ALL ORDER BY calls DESC, background DESC, kind, namespace, name{limited(top)}
        ), peaks AS (
          SELECT kind, namespace, name, max(writes) AS peak FROM (
            SELECT kind, namespace, name, minute, count(*) AS writes FROM named SEMI JOIN hot USING (kind, namespace, name)
            WHERE is_write AND done GROUP BY ALL) GROUP BY ALL
        )
        SELECT kind AS resource, namespace, name, calls, background, reads, writes, status_writes, conflicts, clients, writer,
          coalesce(peak, 0) AS peak, first, last
        FROM hot LEFT JOIN peaks USING (kind, namespace, name) ORDER BY calls DESC, background DESC, resource, namespace, name""")
    nameless = one(log, f"SELECT count(*) AS nameless FROM calls WHERE resource IS NOT NULL AND NOT ({named})")
    return tidy(frame, {**background(log), **nameless})


def write_amplification(log: Log) -> pd.DataFrame:
    """Writes per writer, against the writes that people and workloads asked for.

    Columns: ``writer`` (effective user), ``component`` (of the user agent), ``role``, ``writes`` (2xx, without background and dry runs),
    ``status_writes``, ``objects`` (different named ones), ``per_object`` (writes of named objects for each), ``refused`` (writes answered
    by 4xx or 5xx), ``background`` (writes), ``share`` (of all writes), ``amplification`` (writes for each write asked for; missing if none
    was). How many were asked for stands in ``frame.attrs["beside"]["asked"]``.
    """
    frame = log.sql(f"""
        WITH writes AS (
          SELECT *, CASE WHEN coalesce(name, '') = '' THEN NULL
            ELSE concat_ws('/', resource, coalesce(api_group, ''), coalesce(namespace, ''), name) END AS object
          FROM {CALLS_MORE} WHERE {_WRITE} AND resource IS NOT NULL)
        SELECT effective AS writer, coalesce(component, '') AS component, min(role) AS role,
          count(*) FILTER (WHERE done AND apart = '') AS writes,
          count(*) FILTER (WHERE done AND apart = '' AND subresource = 'status') AS status_writes,
          count(DISTINCT object) FILTER (WHERE done AND apart = '') AS objects,
          count(*) FILTER (WHERE done AND apart = '' AND object IS NOT NULL)
            / nullif(count(DISTINCT object) FILTER (WHERE done AND apart = ''), 0)::DOUBLE AS per_object,
          count(*) FILTER (WHERE code >= 400 AND apart = '') AS refused, count(*) FILTER (WHERE apart <> '') AS background
        FROM writes GROUP BY effective, coalesce(component, '') ORDER BY writes DESC, background DESC, writer, component""")
    asked = int(frame.loc[frame["role"].isin(["person", "workload"]), "writes"].sum())
    total = int(frame["writes"].sum())
    frame["share"] = frame["writes"] / total if total else 0.0
    frame["amplification"] = frame["writes"] / asked if asked else float("nan")
    return tidy(frame, {"asked": asked, **background(log)})
