"""What a burst spent its time on, against the time before it.

Spec: audit.md B5. Without ``start`` and ``end`` the burst is looked for: the window of ten seconds with most calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from kubelab.auditlog.answers.asking import CALLS_MORE, Log, instant, limited, names_of, seconds, selected, span, tidy, time_together

WINDOW = 10.0


def burst(
    log: Log,
    start: str | datetime | None = None,
    end: str | datetime | None = None,
    by: str | Sequence[str] = ("user", "verb", "target"),
    *,
    before: float | str | None = None,
    top: int | None = None,
) -> pd.DataFrame:
    """Calls received from ``start`` until ``end``, grouped ``by`` columns, against all that came earlier in the log (or against ``before``,
    a duration, alone).

    Columns: those of ``by``, ``calls``, ``background``, ``per_second``, ``per_second_before``, ``times`` (how much the rate grew; missing:
    none before), ``extra`` (calls beyond the rate before), ``seconds`` (of latency together), ``extra_seconds``, ``share_of_seconds``,
    ``p95``, ``p95_before`` (latency), ``errors`` (codes from 400 on), ``first``. What took most time first. The window, and what it was
    compared with, stand in ``frame.attrs["window"]``.
    """
    first, last, _ = span(log)
    begin, finish = _window(log, start, end)
    if first is None or last is None or begin is None or finish is None:
        begin = finish = earlier = datetime(1970, 1, 1)
    else:
        earlier = max(first, begin - timedelta(seconds=seconds(before, "before"))) if before is not None else min(first, begin)
    length, length_before = max((finish - begin).total_seconds(), 1e-9), (begin - earlier).total_seconds()
    timed = "apart = '' AND NOT long_running AND latency >= 0"
    frame = log.sql(
        f"""
        WITH near AS (SELECT *, received >= $begin AS within FROM {CALLS_MORE} WHERE received >= $earlier AND received < $finish)
        SELECT {selected(by)}, count(*) FILTER (WHERE within AND apart = '') AS calls, count(*) FILTER (WHERE within AND apart <> '') AS background,
          count(*) FILTER (WHERE within AND apart = '') / $length AS per_second,
          CASE WHEN $length_before > 0 THEN count(*) FILTER (WHERE NOT within AND apart = '') / $length_before END AS per_second_before,
          {time_together(f"within AND {timed}")} AS seconds,
          CASE WHEN $length_before > 0 THEN {time_together(f"NOT within AND {timed}")} / $length_before END AS seconds_before,
          quantile_cont(latency, 0.95) FILTER (WHERE within AND {timed}) AS p95,
          quantile_cont(latency, 0.95) FILTER (WHERE NOT within AND {timed}) AS p95_before,
          count(*) FILTER (WHERE within AND apart = '' AND code >= 400) AS errors, min(received) FILTER (WHERE within) AS first
        FROM near GROUP BY {names_of(by)} HAVING count(*) FILTER (WHERE within) > 0
        ORDER BY seconds DESC, calls DESC, background DESC, {names_of(by)}{limited(top)}""",
        begin=begin,
        finish=finish,
        earlier=earlier,
        length=length,
        length_before=length_before,
    )
    total = frame["seconds"].sum()
    rate, rate_before = frame["per_second"], frame["per_second_before"].astype("float64")
    spent_before = frame.pop("seconds_before").astype("float64")
    at = frame.columns.get_loc("per_second_before") + 1
    frame.insert(at, "times", rate / rate_before.where(rate_before > 0))
    frame.insert(at + 1, "extra", (rate - rate_before) * length)
    at = frame.columns.get_loc("seconds") + 1
    frame.insert(at, "extra_seconds", frame["seconds"] - spent_before * length)
    frame.insert(at + 1, "share_of_seconds", frame["seconds"] / total if total else 0.0)
    tidy(frame, _apart(log, begin, finish))
    frame.attrs["window"] = {
        "start": begin,
        "end": finish,
        "seconds": length,
        "seconds_before": length_before,
        "found": start is None and end is None,
    }
    return frame


def _window(log: Log, start: str | datetime | None, end: str | datetime | None) -> tuple[datetime | None, datetime | None]:
    if (start is None) != (end is None):
        raise ValueError("start and end belong together: give both, or none to have the busiest ten seconds looked for")
    if start is not None and end is not None:
        begin, finish = instant(start, "start"), instant(end, "end")
        if begin >= finish:
            raise ValueError(f"start={start!r} is not before end={end!r}")
        return begin, finish
    found = log.sql(
        f"""
        WITH seconds AS (SELECT date_trunc('second', received) AS second, count(*) AS calls FROM {CALLS_MORE} WHERE apart = '' GROUP BY 1),
        sums AS (SELECT second, sum(calls) OVER (ORDER BY second RANGE BETWEEN CURRENT ROW AND INTERVAL {int(WINDOW) - 1} SECOND FOLLOWING) AS calls
          FROM seconds)
        SELECT second FROM sums ORDER BY calls DESC, second LIMIT 1"""
    )
    found = found.dropna()
    if found.empty:
        return None, None
    begin = instant(found["second"].iloc[0], "start")
    return begin, begin + timedelta(seconds=WINDOW)


def _apart(log: Log, begin: datetime, finish: datetime) -> dict[str, Any]:
    found = log.sql(
        f"SELECT apart, count(*) AS calls FROM {CALLS_MORE} WHERE apart <> '' AND received >= $begin AND received < $finish GROUP BY apart ORDER BY apart",
        begin=begin,
        finish=finish,
    )
    return {str(kind): int(calls) for kind, calls in zip(found["apart"], found["calls"], strict=True)}
