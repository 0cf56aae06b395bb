"""Requests by who, what, where and with what status; clients by count and by time; latencies from stage times.

Spec: audit.md B2, B5. Latency is ResponseComplete - RequestReceived; long-running requests (watch, exec, log, …) are out of the quantiles.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from kubelab.auditlog.answers.asking import CALLS_MORE, Log, limited, names_of, one, selected, span, tidy, time_together

BY = ("user", "verb", "target")


def requests(log: Log, by: str | Sequence[str] = BY, *, top: int | None = None) -> pd.DataFrame:
    """How many requests, grouped ``by`` columns of ``calls`` (also ``user``: the effective one; ``target``, ``role``, ``status``,
    ``minute`` …).

    Columns: those of ``by``, ``calls`` (without background), ``background``, ``share`` (of all calls without background), ``errors`` (codes
    from 400 on), ``unanswered`` (no code on record), ``bytes`` (in the log, background too), ``first``, ``last`` (received). The busiest
    first.
    """
    frame = log.sql(f"""
        SELECT {selected(by)},
          count(*) FILTER (WHERE apart = '') AS calls,
          count(*) FILTER (WHERE apart <> '') AS background,
          count(*) FILTER (WHERE apart = '') / greatest(sum(count(*) FILTER (WHERE apart = '')) OVER (), 1)::DOUBLE AS share,
          count(*) FILTER (WHERE apart = '' AND code >= 400) AS errors,
          count(*) FILTER (WHERE apart = '' AND code IS NULL) AS unanswered,
          coalesce(sum(bytes), 0)::BIGINT AS bytes, min(received) AS first, max(received) AS last
        FROM {CALLS_MORE} GROUP BY {names_of(by)} ORDER BY calls DESC, background DESC, {names_of(by)}{limited(top)}""")
    return tidy(frame, background(log))


def background(log: Log) -> dict[str, int]:
    """Calls that are set apart, by their kind: election, server, probe, events."""
    frame = log.sql(f"SELECT apart, count(*) AS calls FROM {CALLS_MORE} WHERE apart <> '' GROUP BY apart ORDER BY apart")
    return {str(kind): int(calls) for kind, calls in zip(frame["apart"], frame["calls"], strict=True)}


def clients(log: Log, *, top: int | None = None) -> pd.DataFrame:
    """Who costs the API server most: clients by count, by time, and by their errors.

    Columns: ``user``, ``client`` (of the user agent), ``role``, ``calls``, ``background``, ``share`` (of calls), ``seconds`` (of latency,
    background and long-running requests not counted), ``share_of_seconds``, ``per_second`` (calls), ``client_errors`` (4xx but 404, 409,
    429), ``not_found``, ``conflicts`` (409), ``throttled`` (429), ``server_errors`` (5xx), ``bytes``.
    """
    length = max(span(log)[2], 1e-9)
    frame = log.sql(
        f"""
        SELECT effective AS "user", client, min(role) AS role,
          count(*) FILTER (WHERE apart = '') AS calls, count(*) FILTER (WHERE apart <> '') AS background,
          count(*) FILTER (WHERE apart = '') / greatest(sum(count(*) FILTER (WHERE apart = '')) OVER (), 1)::DOUBLE AS share,
          {time_together("apart = '' AND NOT long_running AND latency > 0")} AS seconds,
          count(*) FILTER (WHERE apart = '') / $length AS per_second,
          count(*) FILTER (WHERE apart = '' AND code BETWEEN 400 AND 499 AND code NOT IN (404, 409, 429)) AS client_errors,
          count(*) FILTER (WHERE apart = '' AND code = 404) AS not_found, count(*) FILTER (WHERE apart = '' AND code = 409) AS conflicts,
          count(*) FILTER (WHERE code = 429) AS throttled, count(*) FILTER (WHERE apart = '' AND code >= 500) AS server_errors,
          coalesce(sum(bytes), 0)::BIGINT AS bytes
        FROM {CALLS_MORE} GROUP BY effective, client ORDER BY calls DESC, background DESC, effective, client{limited(top)}""",
        length=length,
    )
    total = frame["seconds"].sum()
    frame.insert(frame.columns.get_loc("seconds") + 1, "share_of_seconds", frame["seconds"] / total if total else 0.0)
    return tidy(frame, background(log))


def latencies(
    log: Log, by: str | Sequence[str] = ("verb", "target"), quantiles: Sequence[float] = (0.5, 0.95, 0.99), *, top: int | None = None
) -> pd.DataFrame:
    """Latencies in seconds, grouped ``by`` columns of ``calls``: those that took most time together first.

    Columns: those of ``by``, ``calls`` (that the quantiles are of), a column per quantile (``p50``, ``p99.9``), ``mean``, ``max``,
    ``total``, and what the quantiles leave out: ``background``, ``long_running``, ``unknown`` (not completed, or the source tells no
    times), ``negative`` (the clock went back).
    """
    wanted = _quantiles(quantiles)
    counted = "apart = '' AND NOT long_running AND latency >= 0"
    frame = log.sql(f"""
        SELECT {selected(by)}, count(*) FILTER (WHERE {counted}) AS calls,
          {", ".join(f'quantile_cont(latency, {q!r}) FILTER (WHERE {counted}) AS "{name}"' for name, q in wanted)},
          {time_together(counted)} / nullif(count(*) FILTER (WHERE {counted}), 0) AS mean, max(latency) FILTER (WHERE {counted}) AS max,
          {time_together(counted)} AS total,
          count(*) FILTER (WHERE apart <> '') AS background, count(*) FILTER (WHERE apart = '' AND long_running) AS long_running,
          count(*) FILTER (WHERE apart = '' AND NOT long_running AND latency IS NULL) AS unknown,
          count(*) FILTER (WHERE apart = '' AND NOT long_running AND latency < 0) AS negative
        FROM {CALLS_MORE} GROUP BY {names_of(by)} ORDER BY total DESC, calls DESC, {names_of(by)}{limited(top)}""")
    left_out = one(
        log, "SELECT count(*) FILTER (WHERE latency < 0) AS negative, count(*) FILTER (WHERE long_running) AS long_running FROM calls"
    )
    return tidy(frame, {**background(log), **left_out})


def _quantiles(quantiles: Sequence[float]) -> list[tuple[str, float]]:
    found = []
    for q in quantiles:
        if not isinstance(q, int | float) or not 0 <= q <= 1:
            raise ValueError(f"quantiles={list(quantiles)!r}: {q!r} is not between 0 and 1")
        found.append((f"p{q * 100:.10g}", float(q)))
    return list(dict.fromkeys(found))
