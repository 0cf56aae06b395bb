"""AKS: records of diagnostic settings, and rows of Log Analytics (spec/audit.md B1)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from kubelab.auditlog.unwrap.found import table, words

CATEGORIES = ("kube-audit", "kube-audit-admin")
#: Columns of the tables AKSAudit and AKSAuditAdmin (Azure Monitor's table reference).
COLUMNS = {
    "Level": "level",
    "AuditId": "auditID",
    "Stage": "stage",
    "RequestUri": "requestURI",
    "Verb": "verb",
    "User": "user",
    "ImpersonatedUser": "impersonatedUser",
    "SourceIps": "sourceIPs",
    "UserAgent": "userAgent",
    "ObjectRef": "objectRef",
    "ResponseStatus": "responseStatus",
    "RequestObject": "requestObject",
    "ResponseObject": "responseObject",
    "RequestReceivedTime": "requestReceivedTimestamp",
    "StageReceivedTime": "stageTimestamp",
    "Annotations": "annotations",
}
_TEXT = ("level", "auditID", "stage", "requestURI", "verb", "userAgent", "requestReceivedTimestamp", "stageTimestamp")
TOO_BIG = "skipped-too-big-size-object"


def is_record(value: dict[str, Any]) -> bool:
    """A record of a diagnostic setting: a category and properties."""
    return isinstance(value.get("category"), str) and ("properties" in value or "Properties" in value)


def log_of(record: dict[str, Any]) -> tuple[Any, str]:
    """The text of the event in a record, and the server's pod."""
    properties = record.get("properties", record.get("Properties"))
    if isinstance(properties, str):
        try:
            properties = json.loads(properties)
        except ValueError:
            return properties, ""
    properties = table(properties)
    return properties.get("log"), words(properties.get("pod"))


def is_row(value: dict[str, Any]) -> bool:
    """A row of AKSAudit or AKSAuditAdmin."""
    return "AuditId" in value and ("RequestUri" in value or "Verb" in value)


def event_of(row: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The event of such a row; dynamic columns may be JSON in text."""
    event: dict[str, Any] = {"kind": "Event", "apiVersion": "audit.k8s.io/v1"}
    for column, field in COLUMNS.items():
        value = row.get(column)
        if isinstance(value, str) and field not in _TEXT and value[:1] in ("{", "["):
            try:
                value = json.loads(value)
            except ValueError:
                value = None
        if value not in (None, ""):
            event[field] = value
    return event, words(row.get("PodName"))


def rows_of(tables: list[Any]) -> Iterator[dict[str, Any]]:
    """Rows of an answer of the Log Analytics API: ``tables[].columns`` beside ``tables[].rows``."""
    for each in tables:
        names = [words(table(column).get("name")) for column in table(each).get("columns") or []]
        for row in table(each).get("rows") or []:
            if isinstance(row, list):
                yield dict(zip(names, row, strict=False))
