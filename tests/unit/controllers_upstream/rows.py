"""Rows of upstream's own tables (tests/data/upstream-rows), and bits of objects that its tests leave out."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from kubelab.store.log import Object


class Row(dict[str, Any]):
    """A case; what it leaves out is None, as Go leaves zeros out."""

    def __missing__(self, key: str) -> None:
        return None


DATA = Path(__file__).parents[2] / "data" / "upstream-rows"
LONG_AGO = "1970-01-01T00:00:01Z"


@cache
def _lines(name: str) -> tuple[bytes, ...]:
    return tuple(gzip.decompress((DATA / f"{name}.jsonl.gz").read_bytes()).splitlines())


def rows(name: str, test: str, left_out: dict[str, str] | None = None) -> list[Any]:
    """The cases of one of upstream's tests; ``left_out``: case → why kubelab has no such situation. It must name cases that are there."""
    found = [row for row in map(json.loads, _lines(name)) if row["test"] == test]
    unknown = set(left_out or ()) - {row["name"] for row in found}
    assert found, f"no rows of {test} in {name}"
    assert not unknown, f"{test} has no case {sorted(unknown)}"
    return [pytest.param(Row(row["row"]), id=row["name"]) for row in found if row["name"] not in (left_out or ())]


def dated(value: Any) -> Any:
    """The same with Go's first second as one that the clock knows."""
    if isinstance(value, dict):
        return {key: dated(item) for key, item in value.items()}
    if isinstance(value, list):
        return [dated(item) for item in value]
    return LONG_AGO if isinstance(value, str) and value.startswith("0001-01-01T") else value


def owner(kind: str, api: str, name: str, uid: str) -> list[Object]:
    return [{"apiVersion": api, "kind": kind, "name": name, "uid": uid, "controller": True, "blockOwnerDeletion": True}]


def placed(obj: Object, name: str, **meta: Any) -> Object:
    """A pod as the API server would have it: with a name, a namespace, a uid, a spec and a status."""
    given = obj.get("metadata") or {}
    merged = {"name": name, "namespace": "default", "uid": f"uid-{name}", "creationTimestamp": LONG_AGO, **given, **meta}
    return {"apiVersion": "v1", "kind": "Pod", "spec": {}, "status": {}, **obj, "metadata": merged}
