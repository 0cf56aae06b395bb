"""The official objectives, and the rows of the report.

upstream: kubernetes/community, sig-scalability/slos/{slos,api_call_latency,pod_startup_latency,watch_latency}.md, as of August 2026. The
objective of lists is 30 s for the scopes namespace and cluster; the 5 s of namespaces are history there. Processing excludes webhooks and
the queues of priority and fairness; custom resources, virtual and aggregated ones have no objective. The indicators are 99th percentiles
over the last five minutes, and the objective reads as the share of good minutes of a day.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

MUTATING, READING = "API call latency, mutating", "API call latency, read-only"
STATELESS, STATEFUL = "Pod startup latency, stateless", "Pod startup latency, stateful"
CHURN, WATCH = "Cluster churn", "Watch latency"
QUEUE, LIMIT = "Queue delay", "Client limit wait"
ORDER = (MUTATING, READING, STATELESS, STATEFUL, CHURN, WATCH, QUEUE, LIMIT)

OFFICIAL, WIP, LAB = "official", "to be defined upstream", "the lab's own"
OBJECTIVES = {"resource": 1.0, "namespace": 30.0, "cluster": 30.0}  # seconds, p99
MUTATING_OBJECTIVE = 1.0
STARTUP_OBJECTIVE = 5.0
CHURN_OBJECTIVE = 20.0  # a second
FEW = 100  # calls: with less, the p99 is the slowest but for a hair

COLUMNS = ["sli", "resource", "scope", "verb", "count", "p50", "p90", "p99", "objective", "met", "good_minutes", "status", "note"]

#: Served by the API server and stored nowhere. upstream: pkg/registry, 1.28.
VIRTUAL = frozenset(
    {
        "tokenreviews",
        "subjectaccessreviews",
        "selfsubjectaccessreviews",
        "selfsubjectrulesreviews",
        "localsubjectaccessreviews",
        "selfsubjectreviews",
        "componentstatuses",
    }
)
#: Groups without a dot are built in, and these. upstream: pkg/controlplane/instance.go and what kube-aggregator serves itself, 1.28.
BUILT_IN = frozenset(
    {
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "authentication.k8s.io",
        "authorization.k8s.io",
        "certificates.k8s.io",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "flowcontrol.apiserver.k8s.io",
        "internal.apiserver.k8s.io",
        "networking.k8s.io",
        "node.k8s.io",
        "rbac.authorization.k8s.io",
        "resource.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
    }
)


def has_objective(group: str, resource: str) -> bool:
    """Whether the objectives are about a resource: it is built in, stored, and not aggregated."""
    return ("." not in group or group in BUILT_IN) and resource not in VIRTUAL


def row(
    sli: str, count: int, quantiles: Sequence[float | None], objective: float | None, status: str, note: str = "", **where: Any
) -> dict[str, Any]:
    """A row of the report; ``quantiles`` are p50, p90, p99."""
    p50, p90, p99 = (None if value is None or pd.isna(value) else float(value) for value in quantiles)
    met = None if objective is None or p99 is None else p99 <= objective
    few = f"p99 of {count} is nearly their maximum" if 0 < count < FEW and sli != CHURN else ""
    return {
        "sli": sli,
        "resource": where.get("resource", ""),
        "scope": where.get("scope", ""),
        "verb": where.get("verb", ""),
        "count": count,
        "p50": p50,
        "p90": p90,
        "p99": p99,
        "objective": objective,
        "met": met,
        "good_minutes": where.get("good_minutes"),
        "status": status,
        "note": "; ".join(part for part in (note, few) if part),
    }


def frame(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Rows as a typed frame, in the order of the indicators."""
    ordered = sorted(rows, key=lambda each: ORDER.index(each["sli"]))
    made = pd.DataFrame(ordered, columns=COLUMNS)
    floats = dict.fromkeys(("p50", "p90", "p99", "objective", "good_minutes"), "float64")
    words = dict.fromkeys(("sli", "resource", "scope", "verb", "status", "note"), "string")
    return made.astype({**floats, **words, "count": "int64", "met": "boolean"})
