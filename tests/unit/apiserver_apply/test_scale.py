"""Owners of the replicas across the scale subresource, by upstream's own rows.

upstream: staging/src/k8s.io/apimachinery/pkg/util/managedfields/scalehandler_test.go, 1.28 (the table beside this file).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kubelab.apiserver.apply.scale import REPLICAS, entries_of_parent, entries_of_scale

ROWS = [json.loads(line) for line in Path(__file__).with_name("scale.jsonl").read_text().splitlines()]
MAPPINGS = {"apps/v1": REPLICAS}


@pytest.mark.parametrize("row", [row for row in ROWS if "input" in row], ids=lambda row: row["description"])
def test_the_scale_has_the_owners_of_the_replicas(row: dict[str, Any]) -> None:
    assert entries_of_scale(row["input"], MAPPINGS) == row["expected"]


@pytest.mark.parametrize("row", [row for row in ROWS if "parent" in row], ids=lambda row: row["description"])
def test_a_write_to_the_scale_comes_back_to_the_parent(row: dict[str, Any]) -> None:
    mappings = {version: path and tuple(path) for version, path in row.get("mappings", {"apps/v1": REPLICAS}).items()}
    version = "mygroup/v1" if "mygroup/v1" in mappings else "apps/v1"
    assert entries_of_parent(row["parent"], row["subresource"], version, mappings) == row["expected"]
