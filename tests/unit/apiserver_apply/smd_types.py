"""Shapes from the type tables of structured-merge-diff's tests.

upstream: sigs.k8s.io/structured-merge-diff/v4/{merge,typed}/*_test.go, 4.2.3 (the JSON tables beside this module).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kubelab.apiserver.apply.shapes import ATOMIC, DEDUCED, MISSING, Shape

ROOTS = {"portListParser": "v1", "bookParser": "v1", "atomicMapParser": "v1"}

BUILT_IN = {"__untyped_atomic_": ATOMIC, "__untyped_deduced_": DEDUCED}


def shapes(file: str) -> dict[str, Shape]:
    """The root shape under each parser's name."""
    tables = json.loads(Path(__file__).with_name(file).read_text())
    built = {name: _Types(table["types"]).named(table["root"] or ROOTS[name]) for name, table in tables.items()}
    return {**built, "DeducedParser": DEDUCED}


class _Types:
    """Named types, built once each, so that a recursive type refers to itself."""

    def __init__(self, types: list[dict[str, Any]]) -> None:
        self.types = {row["name"]: row for row in types}
        self.built: dict[str, Shape] = {}

    def named(self, name: str) -> Shape:
        if name in BUILT_IN and name not in self.types:
            return BUILT_IN[name]
        if name not in self.built:
            self.built[name] = shape = Shape("any")
            self._fill(shape, self.types[name])
        return self.built[name]

    def inline(self, atom: dict[str, Any], default: Any = MISSING) -> Shape:
        if "namedType" in atom and default is MISSING:
            return self.named(atom["namedType"])
        shape = Shape("any", default=default)
        self._fill(shape, self.types[atom["namedType"]] if "namedType" in atom else atom)
        return shape

    def _fill(self, shape: Shape, atom: dict[str, Any]) -> None:
        if "scalar" in atom and "map" in atom:
            shape.atomic = atom["map"].get("elementRelationship") == "atomic"
        elif "map" in atom:
            self._fill_map(shape, atom["map"])
        elif "list" in atom:
            listed = atom["list"]
            shape.kind = "list"
            shape.items = self.inline(listed["elementType"])
            shape.keys = tuple(sorted(listed.get("keys", ())))
            shape.is_set = listed["elementRelationship"] == "associative" and not shape.keys
            shape.atomic = listed["elementRelationship"] == "atomic"
        else:
            shape.kind = "scalar"

    def _fill_map(self, shape: Shape, mapped: dict[str, Any]) -> None:
        shape.atomic = mapped.get("elementRelationship") == "atomic"
        if "fields" not in mapped:
            shape.kind = "map"
            shape.items = self.inline(mapped["elementType"])
            return
        shape.kind = "struct"
        if "elementType" in mapped:
            shape.open_to = self.inline(mapped["elementType"]) if "namedType" in mapped["elementType"] else DEDUCED
        shape._fields = {row["name"]: self.inline(row["type"], row.get("default", MISSING)) for row in mapped["fields"]}
