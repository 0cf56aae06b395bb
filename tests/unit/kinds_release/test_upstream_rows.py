"""Validation and defaults of 1.7 give what upstream's own tests of 1.7 saw, row by row.

upstream: pkg/api/validation/*_test.go, pkg/apis/*/validation/*_test.go, pkg/api/v1/defaults_test.go, pkg/apis/*/*/defaults_test.go, 1.7
(recorded: tests/data/upstream-rows).
"""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.kinds import registry, schema
from kubelab.kinds.decode import check
from kubelab.kinds.kind import Context, Kind, Object
from kubelab.kinds.names import name_is_dns_subdomain, validate_metadata, validate_metadata_update
from kubelab.kinds.older import drop_unknown, own_copy
from kubelab.kinds.older_words import reworded
from tests.unit.kinds_groups.test_upstream_rows import Row, by_function, content, texts, unasked

NOW = Context("2017-06-30T00:00:00Z", 1498780800_000_000_000, "1.7")


def decoded(body: Object) -> tuple[Kind, Object]:
    """The object as it is stored: read by the schema of the version, converted, defaulted."""
    group, _, version = body["apiVersion"].rpartition("/")
    kind, shape = registry.by_kind(body["kind"], group, "1.7"), schema.for_kind(group, version, body["kind"], "1.7")
    assert kind is not None and shape is not None
    obj = own_copy(body)
    found = check(obj, shape)
    assert not found.errors, found.errors
    conversion = kind.conversions.get(body["apiVersion"])
    obj = conversion.to_stored(obj) if conversion else obj
    kind.default(obj, NOW)
    return kind, obj


def created(body: Object) -> set[str]:
    kind, obj = decoded(body)
    errors = validate_metadata(obj["metadata"], kind.namespaced, kind.validate_name or name_is_dns_subdomain) + kind.validate(obj, NOW)
    return texts(reworded(kind, errors))


def updated(row: Row) -> set[str]:
    (kind, obj), (_, old) = decoded(row["object"]), decoded(row["old"])
    rule = kind.validate_status if "Status" in row["function"] else kind.validate_update
    return texts(reworded(kind, validate_metadata_update(obj["metadata"], old["metadata"]) + rule(obj, old, NOW)))


@pytest.mark.parametrize("rows", by_function("validation-1.7.jsonl.gz", "function"))
def test_validation_says_what_upstream_said(rows: list[Row]) -> None:
    """Of an update the strategies ask the rules of a create as well: their findings upstream's function leaves to it."""
    for row in rows:
        expected = set(row["errors"])
        said = {text for text in (updated(row) if "old" in row else created(row["object"])) if not unasked(text, expected)}
        if "old" in row and "Status" not in row["function"]:
            said -= created(row["object"]) - expected
        assert said == expected, f"{row['at']} {row['test']}"


@pytest.mark.parametrize("rows", by_function("defaults-1.7.jsonl.gz", "test"))
def test_defaults_are_those_of_then(rows: list[Row]) -> None:
    """As the version shows them: what came later is left out."""
    for row in rows:
        body = row["object"]
        group, _, version = body["apiVersion"].rpartition("/")
        kind, obj = decoded(body)
        conversion, shape = kind.conversions.get(body["apiVersion"]), schema.for_kind(group, version, kind.kind, "1.7")
        assert shape is not None
        shown: dict[str, Any] = conversion.from_stored(obj) if conversion else obj
        drop_unknown(shown, shape)
        assert content(shown) == content(row["defaulted"]), row["test"]
