"""Noisy clients: lists that read everything, watches that do not hold, the same read again and again, bursts.

Spec: audit.md B2.6: pages of ``limit`` and ``continue`` are one list; a list with neither ``limit`` nor ``resourceVersion=0`` is the
expensive one.
"""

from __future__ import annotations

import pandas as pd

from kubelab.auditlog.answers.asking import CALLS_MORE, Log, limited, seconds, span, tidy, time_together
from kubelab.auditlog.answers.requests import background

_LIMIT = "regexp_matches(query, '(^|&)limit=[1-9]')"
_PAGE = "regexp_matches(query, '(^|&)continue=[^&]')"
_CACHE = "regexp_matches(query, '(^|&)resourceVersion=0(&|$)')"
_ONE = "coalesce(name, '') <> ''"  # fieldSelector=metadata.name=… asks for a single object

WORDS = (
    ("unlimited", "lists without limit"),
    ("short_watches", "watches that end early"),
    ("repeated", "the same read again"),
    ("throttled", "refused by flow control"),
    ("failed", "errors"),
)


def noisy_clients(log: Log, *, short: float | str = "60s", top: int | None = None) -> pd.DataFrame:
    """Clients by how they burden the API server, those with most calls first.

    Columns: ``user``, ``client``, ``role``, ``calls``, ``background``, ``per_second``, ``peak`` (most calls in a second), ``seconds`` (of
    latency), ``lists`` (pages of one list counted once), ``pages`` (further ones), ``unlimited`` (lists of all objects: no limit, not from
    the cache), ``watches``, ``short_watches`` (that ended before ``short`` had passed and not with the log), ``watch_median`` (seconds),
    ``repeated`` (reads of a URI that this client had read within the second before), ``throttled`` (429), ``failed`` (other codes from 400
    on but 404 and 409), ``why`` (the noise in words).
    """
    length = max(span(log)[2], 1e-9)
    frame = log.sql(
        f"""
        WITH asked AS (
          SELECT *, verb = 'list' AND NOT ({_PAGE}) AS is_list, verb = 'list' AND {_PAGE} AS is_page,
            verb = 'list' AND NOT ({_PAGE}) AND NOT ({_LIMIT}) AND NOT ({_CACHE}) AND NOT ({_ONE})
              AND (code IS NULL OR code < 400) AS is_unlimited,
            CASE WHEN verb = 'watch' THEN epoch(completed) - epoch(received) END AS watched
          FROM {CALLS_MORE}
        ), bounds AS (
          SELECT max(coalesce(completed, started, received)) AS ended FROM calls
        ), again AS (
          SELECT effective, client, epoch(received) - epoch(lag(received) OVER (PARTITION BY effective, client, verb, uri ORDER BY received)) <= 1 AS soon
          FROM {CALLS_MORE} WHERE verb IN ('get', 'list') AND apart = ''
        ), repeats AS (
          SELECT effective, client, count(*) AS repeated FROM again WHERE soon GROUP BY effective, client
        ), counted AS (
          SELECT effective, client, min(role) AS role, count(*) FILTER (WHERE apart = '') AS calls,
            count(*) FILTER (WHERE apart <> '') AS background, count(*) FILTER (WHERE apart = '') / $length AS per_second,
            {time_together("apart = '' AND NOT long_running AND latency > 0")} AS seconds,
            count(*) FILTER (WHERE apart = '' AND is_list) AS lists, count(*) FILTER (WHERE apart = '' AND is_page) AS pages,
            count(*) FILTER (WHERE apart = '' AND is_unlimited) AS unlimited, count(*) FILTER (WHERE apart = '' AND verb = 'watch') AS watches,
            count(*) FILTER (WHERE apart = '' AND watched < $short AND completed < ended - INTERVAL 10 SECOND) AS short_watches,
            median(watched) FILTER (WHERE apart = '') AS watch_median,
            count(*) FILTER (WHERE code = 429) AS throttled,
            count(*) FILTER (WHERE apart = '' AND code >= 400 AND code NOT IN (404, 409, 429)) AS failed
          FROM asked, bounds GROUP BY effective, client
        ), peaks AS (
          SELECT effective, client, max(calls) AS peak FROM (
            SELECT effective, client, date_trunc('second', received) AS second, count(*) AS calls FROM {CALLS_MORE} WHERE apart = '' GROUP BY ALL)
          GROUP BY ALL
        )
        SELECT c.effective AS "user", c.client, c.* EXCLUDE (effective, client), coalesce(p.peak, 0) AS peak, coalesce(r.repeated, 0) AS repeated
        FROM counted c LEFT JOIN peaks p ON c.effective IS NOT DISTINCT FROM p.effective AND c.client IS NOT DISTINCT FROM p.client
          LEFT JOIN repeats r ON c.effective IS NOT DISTINCT FROM r.effective AND c.client IS NOT DISTINCT FROM r.client
        ORDER BY calls DESC, background DESC, c.effective, c.client{limited(top)}""",
        length=length,
        short=seconds(short, "short"),
    )
    frame.insert(frame.columns.get_loc("per_second") + 1, "peak", frame.pop("peak"))
    frame.insert(frame.columns.get_loc("watch_median") + 1, "repeated", frame.pop("repeated"))
    counts = zip(*(frame[name].tolist() for name, _ in WORDS), strict=True)
    frame["why"] = [
        "; ".join(f"{int(count):,} {words}" for count, (_, words) in zip(each, WORDS, strict=True) if count > 0) for each in counts
    ]
    return tidy(frame, background(log))
