"""The indicators that calls tell: latency by verb and scope, and churn.

upstream: sig-scalability/slos/api_call_latency.md; apiserver/pkg/endpoints/{metrics/metrics.go,request/webhook_duration.go}, 1.28, which
annotates calls of more than 500 ms with the time that webhooks took. Mutating calls are POST, PUT, DELETE, PATCH of single objects (no
deletecollection); reading ones GET without watch.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from kubelab.auditlog.answers.asking import CALLS_MORE, Log
from kubelab.auditlog.sli import objectives
from kubelab.auditlog.sli.objectives import CHURN, CHURN_OBJECTIVE, MUTATING, MUTATING_OBJECTIVE, OBJECTIVES, OFFICIAL, READING

_GO_SECONDS = """(coalesce(try_cast(regexp_extract({0}, '^(\\d+)m[0-9]', 1) AS DOUBLE), 0) * 60
  + coalesce(try_cast(regexp_extract({0}, '(?:^|m)([0-9.]+)s$', 1) AS DOUBLE), 0)
  + coalesce(try_cast(regexp_extract({0}, '([0-9.]+)ms$', 1) AS DOUBLE), 0) / 1000)"""
_WEBHOOKS = " + ".join(
    _GO_SECONDS.format(f"coalesce(json_extract_string(annotations, '$.\"apiserver.latency.k8s.io/{kind}-webhook\"'), '')")
    for kind in ("mutating", "validating")
)
_PROCESSING = f"""CASE WHEN contains(coalesce(annotations, ''), '-webhook":') THEN greatest(latency - ({_WEBHOOKS}), 0) ELSE latency END"""
_PAIRS = f"""
  SELECT coalesce(api_group, '') AS api_group, resource, coalesce(subresource, '') AS subresource, scope, verb, minute, latency AS whole,
    {_PROCESSING} AS spent, mutating
  FROM {CALLS_MORE}
  WHERE resource IS NOT NULL AND NOT long_running AND latency >= 0 AND verb IN ('create', 'update', 'patch', 'delete', 'get', 'list')"""
_QUANTILES = "quantile_cont(spent, [0.5, 0.9, 0.99])"


def latencies(log: Log) -> list[dict[str, Any]]:
    """A row per (resource, verb) of mutating and per (resource, scope) of read-only calls, the slowest first."""
    found = log.sql(f"""
        WITH pairs AS ({_PAIRS}),
        keyed AS (SELECT *, CASE WHEN mutating THEN verb ELSE 'get, list' END AS what, CASE WHEN mutating THEN 'resource' ELSE scope END AS within,
          CASE WHEN mutating THEN {MUTATING_OBJECTIVE} WHEN scope = 'resource' THEN {OBJECTIVES["resource"]}
            ELSE {OBJECTIVES["cluster"]} END AS objective FROM pairs),
        minutes AS (SELECT api_group, resource, subresource, mutating, within, what, minute, count(*) AS calls,
          count(*) FILTER (WHERE spent > objective) AS slow
          FROM keyed GROUP BY ALL),
        recent AS (SELECT *, sum(calls) OVER five AS calls5, sum(slow) OVER five AS slow5 FROM minutes
          WINDOW five AS (PARTITION BY api_group, resource, subresource, mutating, within, what ORDER BY minute
            RANGE BETWEEN INTERVAL 4 MINUTE PRECEDING AND CURRENT ROW)),
        good AS (SELECT api_group, resource, subresource, mutating, within, what, avg((slow5 <= calls5 * 0.01)::INTEGER) AS good FROM recent GROUP BY ALL),
        sums AS (SELECT api_group, resource, subresource, mutating, within, what, count(*) AS calls, {_QUANTILES} AS quantiles,
            count(*) FILTER (WHERE spent < whole) AS hooked FROM keyed GROUP BY ALL)
        SELECT sums.*, good.good FROM sums JOIN good USING (api_group, resource, subresource, mutating, within, what)
        ORDER BY mutating DESC, quantiles[3] DESC, resource, api_group, subresource, within, what""")
    return [_row(each) for each in found.to_dict("records")]


def _row(each: dict[str, Any]) -> dict[str, Any]:
    group, mutating = each["api_group"], bool(each["mutating"])
    name = each["resource"] + (f".{group}" if group else "") + (f"/{each['subresource']}" if each["subresource"] else "")
    objective: float | None = MUTATING_OBJECTIVE if mutating else OBJECTIVES[each["within"]]
    notes = [f"webhooks' time taken off {each['hooked']} calls"] if each["hooked"] else []
    if not objectives.has_objective(group, each["resource"]):
        objective, notes = None, [*notes, "no objective: custom, virtual or aggregated"]
    where = {"resource": name, "scope": each["within"], "verb": each["what"], "good_minutes": None if objective is None else each["good"]}
    sli = MUTATING if mutating else READING
    return objectives.row(sli, int(each["calls"]), list(each["quantiles"]), objective, OFFICIAL, "; ".join(notes), **where)


def churn(log: Log) -> dict[str, Any]:
    """Pod creations, updates, deletions and requests of people, per second: the objectives hold up to 20."""
    found = log.sql(f"""
        WITH counted AS (SELECT date_trunc('second', received) AS second FROM {CALLS_MORE}
          WHERE (resource = 'pods' AND mutating AND NOT dry_run AND done AND coalesce(subresource, '') = '') OR (role = 'person' AND apart = '')),
        bounds AS (SELECT date_trunc('second', min(received)) AS first, date_trunc('second', max(received)) AS last FROM calls),
        rates AS (SELECT second, count(*) AS rate FROM counted WHERE second IS NOT NULL GROUP BY second)
        SELECT rate, count(*) AS seconds, (SELECT (epoch(last) - epoch(first))::BIGINT + 1 FROM bounds) AS whole FROM rates GROUP BY rate
        UNION ALL SELECT 0, 0, (epoch(last) - epoch(first))::BIGINT + 1 FROM bounds WHERE first IS NOT NULL ORDER BY rate""")
    if found.empty:
        return objectives.row(
            CHURN, 0, (None, None, None), CHURN_OBJECTIVE, OFFICIAL, "no call has a time" if _any(log) else "the log is empty"
        )
    rates, counts, whole = found["rate"].to_numpy("int64"), found["seconds"].to_numpy("int64").copy(), int(found["whole"].iloc[0])
    counts[0] = whole - counts.sum()  # the seconds in which nothing changed
    good = counts[rates <= CHURN_OBJECTIVE].sum() / whole
    note = f"per second; at most {rates[-1]} in one; a condition of the objectives, met in {good:.1%} of {whole} seconds"
    quantiles = [_quantile(rates, counts, share) for share in (0.5, 0.9, 0.99)]
    return objectives.row(
        CHURN, int((rates * counts).sum()), quantiles, CHURN_OBJECTIVE, OFFICIAL, note, scope="cluster", good_minutes=None
    )


def _any(log: Log) -> bool:
    return bool(log.sql("SELECT count(*) AS calls FROM calls")["calls"].iloc[0])


def _quantile(values: Any, counts: Any, share: float) -> float:
    """A quantile, interpolated, of values that occur several times: a log of years has more seconds than can be listed."""
    at = share * (counts.sum() - 1)
    ends = counts.cumsum()
    low, high = (int(values[ends.searchsorted(place, side="right")]) for place in (int(at), min(int(at) + 1, int(ends[-1]) - 1)))
    return low + (high - low) * (at - int(at))


def bodies_of_pods(log: Log) -> int:
    """How many status reports of pods the log has with their bodies: what tells when containers started."""
    found: pd.DataFrame = log.sql(
        "SELECT count(*) AS calls FROM calls WHERE resource = 'pods' AND subresource = 'status' AND has_response AND code < 300"
    )
    return int(found["calls"].iloc[0])
