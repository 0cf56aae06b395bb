"""Validation, defaults and strategies give what upstream's own tests saw, row by row.

upstream: pkg/apis/*/validation/*_test.go, pkg/apis/*/v1/defaults_test.go, pkg/registry/*/*/strategy_test.go, 1.28
(recorded: tests/data/upstream-rows).
"""

from __future__ import annotations

import gzip
import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from kubelab.kinds.decode import check
from kubelab.kinds.field import FieldError
from kubelab.kinds.kind import Kind, Object
from kubelab.kinds.names import name_is_dns_subdomain, validate_metadata, validate_metadata_update
from kubelab.kinds.schema import for_kind
from tests.unit.kinds_groups.builders import context, kind_of

Row = dict[str, Any]
ROWS = Path(__file__).parents[2] / "data" / "upstream-rows"
_EMPTY = (None, {}, [], "", 0, False)
_NO_VERSION = 'metadata.resourceVersion: Invalid value: ""'


def by_function(name: str, *keys: str) -> list[Any]:
    """The rows of a file in groups, each a case of its own."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for line in gzip.decompress((ROWS / name).read_bytes()).splitlines():
        row = json.loads(line)
        groups[" ".join(row[key] for key in keys)].append(row)
    return [pytest.param(rows, id=group) for group, rows in sorted(groups.items())]


def decoded(body: Object) -> tuple[Kind, Object]:
    kind = kind_of(body)
    shape = for_kind(kind.group, body["apiVersion"].rpartition("/")[2], kind.kind)
    assert shape is not None
    found = check(body, shape)
    assert not found.errors, found.errors
    return kind, body


def texts(errors: list[FieldError]) -> set[str]:
    """First lines, with every address the same."""
    return {re.sub("0x[0-9a-f]{6,}", "0xc000000000", error.text().split("\n")[0]) for error in errors}


def filled(value: Any) -> Any:
    """A value without what Go's JSON may or may not write: zeros and empty parts."""
    if isinstance(value, list):
        return [filled(item) for item in value]
    if not isinstance(value, dict):
        return value
    parts = {key: filled(item) for key, item in value.items()}
    return {key: item for key, item in parts.items() if item not in _EMPTY}


def content(obj: Object) -> Any:
    """An object without its type and its generation, which the request line sets."""
    rest = {key: value for key, value in obj.items() if key not in ("apiVersion", "kind")}
    rest["metadata"] = {key: value for key, value in (obj.get("metadata") or {}).items() if key != "generation"}
    return filled(rest)


def findings(row: Row) -> set[str]:
    """What validation says; where upstream's function leaves generic metadata to its caller, so does the row."""
    ctx = context()._replace(as_group=row.get("asGroup", ""))
    kind, obj = decoded(row["object"])
    kind.default(obj, ctx)
    if "old" not in row:
        return texts(
            validate_metadata(obj["metadata"], kind.namespaced, kind.validate_name or name_is_dns_subdomain) + kind.validate(obj, ctx)
        )
    _, old = decoded(row["old"])
    kind.default(old, ctx)
    rule = kind.validate_status if "Status" in row["function"] else kind.validate_update
    return texts(validate_metadata_update(obj["metadata"], old["metadata"]) + rule(obj, old, ctx))


def unasked(text: str, expected: set[str]) -> bool:
    """Generic metadata errors that a row's function does not look for."""
    if text.startswith(_NO_VERSION):
        return not any(each.startswith(_NO_VERSION) for each in expected)
    if any("metadata.name" in each for each in expected):
        return False
    return text.startswith(("metadata.name: Required", "metadata.namespace")) or (text.startswith("metadata.name") and "immutable" in text)


@pytest.mark.parametrize("rows", by_function("validation.jsonl.gz", "function"))
def test_validation_says_what_upstream_says(rows: list[Row]) -> None:
    for row in rows:
        expected = set(row["errors"])
        said = {text for text in findings(row) if not unasked(text, expected)}
        assert said == expected, f"{row['at']} {row['test']}"


@pytest.mark.parametrize("rows", by_function("defaults.jsonl.gz", "test"))
def test_defaults_are_upstreams(rows: list[Row]) -> None:
    for row in rows:
        kind, obj = decoded(row["object"])
        kind.default(obj, context())
        assert content(obj) == content(row["defaulted"]), row["test"]


@pytest.mark.parametrize("rows", by_function("strategies.jsonl.gz", "function"))
def test_strategies_do_what_upstreams_do(rows: list[Row]) -> None:
    for row in rows:
        ctx, status = context(), "tatus" in row["function"]
        kind, obj = decoded(row["object"])
        old = decoded(row["old"])[1] if "old" in row else None
        if "prepared" in row:
            prepare(kind, obj, old, status=status)
            assert content(obj) == content(row["prepared"]), row["test"]
        elif "warnings" in row:
            said = kind.warnings(obj, old, ctx) if kind.warnings else []
            assert sorted(said) == sorted(row["warnings"]), row["test"]
        else:
            assert strategy_findings(kind, obj, old, status=status) == set(row["errors"]), row["test"]


def prepare(kind: Kind, obj: Object, old: Object | None, *, status: bool) -> None:
    if old is None:
        kind.prepare_create(obj, context())
    elif status:
        assert kind.prepare_status is not None
        kind.prepare_status(obj, old, context())
    else:
        kind.prepare_update(obj, old, context())


def strategy_findings(kind: Kind, obj: Object, old: Object | None, *, status: bool) -> set[str]:
    metadata = obj.get("metadata") or {}
    if old is None:
        errors = validate_metadata(metadata, kind.namespaced, kind.validate_name or name_is_dns_subdomain) + kind.validate(obj, context())
    elif status:
        errors = kind.validate_status(obj, old, context())
    else:
        errors = validate_metadata_update(metadata, old.get("metadata") or {}) + kind.validate_update(obj, old, context())
    return {text for text in texts(errors) if not text.startswith(_NO_VERSION)}
