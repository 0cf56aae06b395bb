"""Leases: who leads, how steadily it renews, when leadership changed; and the nodes' own leases.

Spec: audit.md B2.4 (retry 2 s for each component, node lease 10 s). upstream: client-go/tools/leaderelection, pkg/kubelet/nodelease, 1.28:
locks are leases, before 1.24 also endpoints and configmaps. With bodies the holder is the identity in the lock; at Metadata that is not on
record, and the writer is told by user, agent and address.
"""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from kubelab.auditlog.answers.asking import CALLS_MORE, Log, tidy

NODE_LEASES = "kube-node-lease"
GRACE = 40.0  # seconds after which a silent node is taken for lost: node-monitor-grace-period, 1.28


def elections(log: Log) -> pd.DataFrame:
    """A row per lock: who holds it, and how well.

    Columns: ``kind`` (``leader``; ``node`` for the leases of kube-node-lease), ``resource``, ``namespace``, ``name``, ``holder`` (who
    renewed last), ``holders`` (different ones), ``changes`` (of the holder from one renewal to the next), ``renewals`` (accepted writes),
    ``refused`` (writes answered by 409), ``errors`` (writes answered by other codes from 400 on), ``reads``, ``interval`` (median seconds
    between renewals), ``longest_gap`` (seconds), ``late`` (gaps above 40 s), ``first``, ``last``.
    """
    frame = log.sql(
        f"""
        WITH locks AS (
          SELECT *, CASE WHEN namespace = $nodes THEN 'node' ELSE 'leader' END AS kind,
            concat_ws(' ', effective, nullif(component, ''), source_ip) AS identity, mutating AND done AS renewal
          FROM {CALLS_MORE} WHERE apart = 'election' AND resource IS NOT NULL AND coalesce(name, '') <> ''
        ), renewed AS (
          SELECT kind, resource, namespace, name, identity, received, audit_id,
            epoch(received) - epoch(lag(received) OVER steps) AS gap, identity <> lag(identity) OVER steps AS changed
          FROM locks WHERE renewal AND verb <> 'delete' WINDOW steps AS (PARTITION BY resource, namespace, name ORDER BY received, audit_id, identity)
        ), kept AS (
          SELECT kind, resource, namespace, name, arg_max(identity, row(received, audit_id, identity)) AS holder, count(DISTINCT identity) AS holders,
            count(*) FILTER (WHERE changed) AS changes, count(*) AS renewals, median(gap) AS interval, max(gap) AS longest_gap,
            count(*) FILTER (WHERE gap > $grace) AS late
          FROM renewed GROUP BY ALL
        ), asked AS (
          SELECT kind, resource, namespace, name, count(*) FILTER (WHERE mutating AND code = 409) AS refused,
            count(*) FILTER (WHERE mutating AND code >= 400 AND code <> 409) AS errors, count(*) FILTER (WHERE NOT mutating) AS reads,
            min(received) AS first, max(received) AS last
          FROM locks GROUP BY ALL
        )
        SELECT kind, resource, namespace, name, holder, coalesce(holders, 0) AS holders, coalesce(changes, 0) AS changes,
          coalesce(renewals, 0) AS renewals, refused, errors, reads, interval, longest_gap, coalesce(late, 0) AS late, first, last
        FROM asked LEFT JOIN kept USING (kind, resource, namespace, name) ORDER BY kind, changes DESC, resource, namespace, name""",
        nodes=NODE_LEASES,
        grace=GRACE,
    )
    unnamed = log.sql(
        f"SELECT count(*) AS calls FROM {CALLS_MORE} WHERE apart = 'election' AND (resource IS NULL OR coalesce(name, '') = '')"
    )
    _named(frame, log)
    return tidy(frame, {"lists and watches of leases": int(unnamed["calls"].iloc[0])})


_WRITES = f"""(resource = 'leases' AND api_group = 'coordination.k8s.io' OR component = 'leader-election' AND resource IN ('endpoints', 'configmaps'))
  AND verb IN ('create', 'update', 'patch') AND code BETWEEN 200 AND 299 AND namespace <> '{NODE_LEASES}' AND (has_request OR has_response)"""
LOCK = "control-plane.alpha.kubernetes.io/leader"  # upstream: client-go/tools/leaderelection/resourcelock/interface.go, 1.20


def _named(frame: pd.DataFrame, log: Any) -> None:
    """Put the identities in the locks in the place of who wrote them, for the locks of which all accepted writes have their body."""
    if not int(log.sql(f"SELECT count(*) AS calls FROM calls WHERE {_WRITES}")["calls"].iloc[0]):
        return
    held: dict[tuple[str, str, str], list[tuple[str, str]]] = {}
    for body in log.bodies(_WRITES):
        identity = holder_of(body["response_object"]) or holder_of(body["request_object"])
        if identity:
            held.setdefault((body["resource"], body["namespace"], body["name"]), []).append((str(body["received"]), identity))
    for at, row in zip(frame.index, frame.itertuples(index=False), strict=True):
        holders = [identity for _, identity in sorted(held.get((row.resource, row.namespace, row.name), ()))]
        if holders and len(holders) == row.renewals:
            frame.loc[at, "holder"] = holders[-1]
            frame.loc[at, "holders"] = len(dict.fromkeys(holders))
            frame.loc[at, "changes"] = sum(one != other for one, other in zip(holders, holders[1:], strict=False))


def holder_of(body: Any) -> str:
    """The identity in a lock, "" if a body tells none.

    >>> holder_of({"spec": {"holderIdentity": "master-1_7f"}}), holder_of({"kind": "Status"})
    ('master-1_7f', '')
    """
    try:
        record = body.get("spec") if "spec" in body else json.loads(body["metadata"]["annotations"][LOCK])
        return str(record.get("holderIdentity") or "")
    except (AttributeError, KeyError, TypeError, ValueError):
        return ""
