"""Denied requests, and what the reason on record says about why.

Spec: audit.md B2.7 (whose permissions were checked; a 403 that was allowed came from admission or quota), B2.8 (429 is flow control, no
denial), A2 (401).
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from kubelab.auditlog.answers.asking import CALLS_MORE, Log, limited, names_of, one, selected, tidy
from kubelab.auditlog.answers.requests import background

_WHY = """CASE WHEN code = 401 THEN 'authentication'
  WHEN decision = 'forbid' THEN 'authorization'
  WHEN decision = 'allow' THEN 'admission or quota'
  ELSE 'not on record' END"""


def denied(log: Log, by: str | Sequence[str] = ("user", "verb", "target", "namespace"), *, top: int | None = None) -> pd.DataFrame:
    """Calls answered by 401 or 403, grouped ``by`` columns, the most frequent first.

    Columns: those of ``by``, ``why`` (``authentication``: nobody was recognised; ``authorization``; ``admission or quota``: the authorizer
    had allowed it; ``not on record``: no annotation), ``calls``, ``background``, ``names`` (different objects), ``as_someone_else`` (calls
    under impersonation), ``source_ips``, ``clients`` (joined by ","), ``reason`` (the authorizer's, else the message; of the last call),
    ``first``, ``last``. Requests refused by flow control (429) stand beside as ``throttled``.
    """
    frame = log.sql(f"""
        WITH refused AS (
          SELECT *, ({_WHY}) AS why FROM {CALLS_MORE} WHERE code IN (401, 403) OR (decision = 'forbid' AND (code IS NULL OR code >= 400))
        )
        SELECT {selected(by)}, why, count(*) FILTER (WHERE apart = '') AS calls, count(*) FILTER (WHERE apart <> '') AS background,
          count(DISTINCT nullif(name, '')) AS names, count(impersonated) AS as_someone_else,
          string_agg(DISTINCT source_ip, ',' ORDER BY source_ip) AS source_ips, string_agg(DISTINCT client, ',' ORDER BY client) AS clients,
          max(row(received, coalesce(nullif(decision_reason, ''), message, '')))[2] AS reason, min(received) AS first, max(received) AS last
        FROM refused GROUP BY {names_of(by)}, why ORDER BY calls DESC, background DESC, {names_of(by)}, why{limited(top)}""")
    throttled = one(log, "SELECT count(*) FILTER (WHERE code = 429) AS throttled FROM calls")
    return tidy(frame, {**background(log), **throttled})
