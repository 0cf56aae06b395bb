"""Leases: who leads, how steadily it renews, when leadership changed; and the nodes' own leases.

Spec: audit.md B2.4 (retry 2 s for each component, node lease 10 s). upstream: client-go/tools/leaderelection, pkg/kubelet/nodelease, 1.28:
locks are leases, before 1.24 also endpoints and configmaps. At Metadata the identity in the lock is not on record: the writer is told by
user, agent and address.
"""

from __future__ import annotations

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
          SELECT kind, resource, namespace, name, identity, received,
            epoch(received) - epoch(lag(received) OVER steps) AS gap, identity <> lag(identity) OVER steps AS changed
          FROM locks WHERE renewal AND verb <> 'delete' WINDOW steps AS (PARTITION BY resource, namespace, name ORDER BY received, audit_id)
        ), kept AS (
          SELECT kind, resource, namespace, name, arg_max(identity, received) AS holder, count(DISTINCT identity) AS holders,
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
    return tidy(frame, {"lists and watches of leases": int(unnamed["calls"].iloc[0])})
