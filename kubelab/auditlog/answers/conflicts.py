"""Conflicts and retries: who loses races for which objects, whether they try again, and how long it takes until it works.

Spec: audit.md B2.8: a 409 on create is AlreadyExists, elsewhere Conflict; a reason on record wins (a binding is a create, and conflicts).
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from kubelab.auditlog.answers.asking import CALLS_MORE, Log, columns, limited, names_of, one, seconds, selected, tidy
from kubelab.auditlog.answers.requests import background

_KIND = """CASE WHEN reason IN ('Conflict', 'AlreadyExists') THEN reason
  WHEN verb = 'create' AND coalesce(subresource, '') = '' THEN 'AlreadyExists' ELSE 'Conflict' END"""


def conflicts(
    log: Log, by: str | Sequence[str] = ("user", "target"), *, within: float | str = "30s", top: int | None = None
) -> pd.DataFrame:
    """Calls answered by 409, grouped ``by`` columns, and what became of them.

    Columns: those of ``by``, ``kind`` (Conflict, AlreadyExists), ``conflicts`` (without background), ``background``, ``objects`` (different
    named ones), ``retried`` (the same user wrote the same object again ``within`` that time), ``resolved`` (and a write of it was
    accepted), ``median`` and ``longest`` (seconds from the conflict to that acceptance), ``longest_chain`` (conflicts in a row before it).
    Calls refused by flow control stand beside as ``throttled`` (429).
    """
    limit = seconds(within, "within")
    names = ", ".join(f'"{column}"' for _, column in columns(by))
    frame = log.sql(
        f"""
        WITH writes AS (
          SELECT *, ({_KIND}) AS kind, code = 409 AS lost,
            concat_ws('/', effective, resource, coalesce(api_group, ''), coalesce(subresource, ''), coalesce(namespace, ''), name) AS object
          FROM {CALLS_MORE} WHERE mutating AND resource IS NOT NULL AND coalesce(name, '') <> ''
        ), touched AS (
          SELECT * FROM writes SEMI JOIN (SELECT DISTINCT object FROM writes WHERE lost) USING (object)
        ), followed AS (
          SELECT *,
            lead(received) OVER onward AS again,
            min(CASE WHEN done THEN coalesce(completed, received) END) OVER
              (PARTITION BY object ORDER BY received, audit_id, code, completed ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS accepted,
            count(*) FILTER (WHERE done) OVER (PARTITION BY object ORDER BY received, audit_id, code, completed) AS chain
          FROM touched WINDOW onward AS (PARTITION BY object ORDER BY received, audit_id, code, completed)
        ), outcome AS (
          SELECT *, epoch(again) - epoch(coalesce(completed, received)) <= $limit AS is_retried,
            CASE WHEN epoch(accepted) - epoch(coalesce(completed, received)) <= $limit
              THEN greatest(epoch(accepted) - epoch(coalesce(completed, received)), 0) END AS took,
            count(*) OVER (PARTITION BY object, chain) AS in_a_row
          FROM followed WHERE lost
        ), nameless AS (
          SELECT *, ({_KIND}) AS kind FROM {CALLS_MORE} WHERE code = 409 AND (coalesce(name, '') = '' OR NOT mutating OR resource IS NULL)
        ), lost AS (
          SELECT {names}, kind, apart, object, is_retried, took, in_a_row FROM outcome
          UNION ALL SELECT {names}, kind, apart, NULL, false, NULL, 1 FROM nameless
        )
        SELECT {selected(by)}, kind, count(*) FILTER (WHERE apart = '') AS conflicts, count(*) FILTER (WHERE apart <> '') AS background,
          count(DISTINCT object) AS objects, count(*) FILTER (WHERE apart = '' AND is_retried) AS retried,
          count(*) FILTER (WHERE apart = '' AND took IS NOT NULL) AS resolved,
          median(took) FILTER (WHERE apart = '') AS median, max(took) FILTER (WHERE apart = '') AS longest,
          coalesce(max(in_a_row) FILTER (WHERE apart = ''), 0) AS longest_chain
        FROM lost GROUP BY {names_of(by)}, kind ORDER BY conflicts DESC, background DESC, {names_of(by)}, kind{limited(top)}""",
        limit=limit,
    )
    throttled = one(log, "SELECT count(*) FILTER (WHERE code = 429) AS throttled FROM calls")
    return tidy(frame, {**background(log), **throttled})
