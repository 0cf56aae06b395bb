"""Sensitive access: commands and tunnels into containers, secrets read, tokens issued, and calls under somebody else's name.

Spec: audit.md B5, B2.7. upstream: exec and attach are creates or gets of a pod's subresource (pkg/registry/core/pod/rest/subresources.go,
1.28).
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from kubelab.auditlog.answers.asking import CALLS_MORE, Log, columns, limited, selected, tidy
from kubelab.auditlog.answers.requests import background

#: What counts as sensitive, and the calls that are: also what another policy must not lose.
KINDS: dict[str, str] = {
    "exec": "resource = 'pods' AND subresource IN ('exec', 'attach', 'ephemeralcontainers') AND verb NOT IN ('list', 'watch')",
    "tunnel": "(resource = 'pods' AND subresource = 'portforward') OR (subresource = 'proxy' AND resource IN ('pods', 'services', 'nodes'))",
    "secret read": "resource = 'secrets' AND api_group = '' AND verb IN ('get', 'list', 'watch')",
    "token issued": "resource = 'serviceaccounts' AND subresource = 'token' AND verb = 'create'",
    "impersonation": "impersonated IS NOT NULL",
}
SENSITIVE = " OR ".join(f"({condition})" for condition in KINDS.values())


def sensitive(
    log: Log, by: str | Sequence[str] = ("user", "verb", "target", "namespace", "name"), *, top: int | None = None
) -> pd.DataFrame:
    """Sensitive calls by their ``kind`` and ``by`` columns: those of people first, then of workloads, nodes, the control plane.

    Columns: ``kind`` (exec, tunnel, secret read, token issued, impersonation), ``role`` (of the real user), those of ``by``, ``really``
    (who impersonated), ``calls``, ``background`` (the API server's own), ``refused`` (codes from 400 on), ``source_ips`` (joined by ","),
    ``first``, ``last``. A list or a watch of secrets reads all of them. A call that is several things (an exec under impersonation) has a
    row in each kind.
    """
    keys = ", ".join(f'"{column}"' for _, column in columns(by))
    parts = " UNION ALL ".join(f"SELECT '{kind}' AS kind, * FROM more WHERE {condition}" for kind, condition in KINDS.items())
    frame = log.sql(f"""
        WITH more AS (SELECT * FROM {CALLS_MORE} WHERE {SENSITIVE}), found AS ({parts})
        SELECT kind, role, {selected(by)}, CASE WHEN impersonated IS NOT NULL THEN username END AS really,
          count(*) FILTER (WHERE apart = '') AS calls, count(*) FILTER (WHERE apart <> '') AS background, count(*) FILTER (WHERE code >= 400) AS refused,
          string_agg(DISTINCT source_ip, ',' ORDER BY source_ip) AS source_ips, min(received) AS first, max(received) AS last
        FROM found GROUP BY kind, role, {keys}, really
        ORDER BY list_position(['anonymous', 'person', 'workload', 'node', 'control plane'], role), kind, calls DESC, background DESC, {keys}{limited(top)}""")
    return tidy(frame, background(log))
