"""Minimal RBAC from observed use: ``log.rbac()``. spec/audit.md B3."""

from __future__ import annotations

from kubelab.auditlog.rbac.minimal import MinimalRBAC as MinimalRBAC
from kubelab.auditlog.rbac.minimal import rbac as rbac
