"""The API server's metrics of its audit, in the Prometheus text format.

upstream: apiserver/pkg/audit/metrics.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubelab.apiserver.audit.recording import Audit
from kubelab.apiserver.exposition import Family, Sample

HELP = {
    "apiserver_audit_error_total": (
        "plugin",
        "Counter of audit events that failed to be audited properly. Plugin identifies the plugin affected by the error.",
    ),
    "apiserver_audit_event_total": ("", "Counter of audit events generated and sent to the audit backend."),
    "apiserver_audit_level_total": ("level", "Counter of policy levels for audit events (1 per request)."),
    "apiserver_audit_requests_rejected_total": ("", "Counter of apiserver requests rejected due to an error in audit logging backend."),
}


def totals(audit: Audit | None, errors: dict[str, int], rejected: int) -> dict[str, Any]:
    """Numbers, or numbers by label: what recording counts (nothing without a policy), and what the backends do."""
    return {
        "apiserver_audit_error_total": errors,
        "apiserver_audit_event_total": audit.events if audit else 0,
        "apiserver_audit_level_total": dict(audit.levels) if audit else {},
        "apiserver_audit_requests_rejected_total": rejected,
    }


def families(found: dict[str, Any]) -> Iterator[Family]:
    """The lines of ``totals``. A label's value that never occurred has none."""
    for name, (label, words) in HELP.items():
        yield Family(name, "counter", "ALPHA", words, _samples(label, found[name]))


def _samples(label: str, found: Any) -> tuple[Sample, ...]:
    if not label:
        return (Sample({}, found),)
    return tuple(Sample({label: key}, count) for key, count in found.items() if count)
