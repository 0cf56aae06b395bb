"""Cells of server-side tables: every row of upstream's own tests for the kinds present, as it stands there.

upstream: pkg/printers/internalversion/printers_test.go, 1.28. Instants are relative to 2026-01-10; where a row has fewer cells than there are
columns it is a row without the wide ones.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kubelab.kinds import registry
from kubelab.world.clock import parse_rfc3339

NOW_NS = parse_rfc3339("2026-01-10T00:00:00Z")
ROWS = [json.loads(line) for line in Path(__file__).with_name("printed_rows.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{row['test']}-{number}") for number, row in enumerate(ROWS)])
def test_cells(row: dict[str, Any]) -> None:
    columns = registry.by_resource(row["resource"]).columns
    narrow = [column for column in columns if column.priority == 0]
    shown = columns if len(row["cells"]) > len(narrow) else narrow
    assert [column.cell(row["object"], NOW_NS) for column in shown] == row["cells"]
