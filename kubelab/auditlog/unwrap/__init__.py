"""Events out of the shapes in which logs arrive (spec/audit.md B1): by shape, nested, never by file name."""

from __future__ import annotations

from kubelab.auditlog.unwrap.found import Found as Found
from kubelab.auditlog.unwrap.found import is_event as is_event
from kubelab.auditlog.unwrap.shapes import Unwrapper as Unwrapper
