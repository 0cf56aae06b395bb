from __future__ import annotations

from collections.abc import Iterator

import pytest

from kubelab.auditlog import AuditLog, read
from tests.unit.auditlog_answers.events import DATA


@pytest.fixture(scope="module")
def busy() -> Iterator[AuditLog]:
    """Two and a half seconds of a real control plane 1.20.2: an update, a broken image, alice without rights; 541 calls."""
    with read(DATA / "busy-seconds.jsonl.gz") as found:
        yield found


@pytest.fixture(scope="module")
def stories() -> Iterator[AuditLog]:
    """Workloads of a real control plane 1.20.2 at RequestResponse; 303 calls."""
    with read(DATA / "stories-workloads.jsonl.gz") as found:
        yield found
