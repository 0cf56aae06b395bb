"""Audit logs of real clusters and of the lab: read, scanned out of core, and asked (spec/audit.md B).

Upstream's counterpart is whatever reads ``--audit-log-path``; here every answer is SQL over one table, ``calls`` (``schema.py``).
"""

from __future__ import annotations

try:
    import duckdb  # noqa: F401
    import msgspec  # noqa: F401
    import orjson  # noqa: F401
    import zstandard  # noqa: F401
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(f"kl.auditlog needs {missing.name}: pip install 'kubelab[analysis]'", name=missing.name) from missing

from kubelab.auditlog.files import SourceError as SourceError
from kubelab.auditlog.log import AuditLog as AuditLog
from kubelab.auditlog.read import read as read
from kubelab.auditlog.read import scan as scan
from kubelab.auditlog.slis import slis as slis

__all__ = ["AuditLog", "SourceError", "read", "scan", "slis"]
