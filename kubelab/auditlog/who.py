"""Which calls are background: set apart in every answer that counts, and counted beside it, never dropped (spec/audit.md B2.4).

A leader renews its lease every 2 seconds and a node every 10, kubelets and load balancers probe, components write events: left among the others
they hide what people and controllers do.
"""

from __future__ import annotations

from kubelab.auditlog.schema import BACKGROUND

#: The rules in the order of ``BACKGROUND``; the first that holds names the background. Before Leases, elections were held on annotations of
#: Endpoints and ConfigMaps (upstream: staging/src/k8s.io/client-go/tools/leaderelection/resourcelock, 1.20).
RULES = {
    "election": "resource = 'leases' AND api_group = 'coordination.k8s.io' OR component = 'leader-election' AND resource IN ('endpoints', 'configmaps')",
    "server": "username = 'system:apiserver'",
    "probe": "client = 'kube-probe' OR resource IS NULL AND regexp_matches(path, '^/(healthz|livez|readyz)(/|$)')",
    "events": "resource = 'events' AND api_group IN ('', 'events.k8s.io')",
}
#: An expression over ``calls``: the name of the background that a call belongs to, '' for all others.
APART = "CASE " + " ".join(f"WHEN {RULES[name]} THEN '{name}'" for name in BACKGROUND) + " ELSE '' END"
