"""Server-side tables: ``Accept: application/json;as=Table;v=v1;g=meta.k8s.io``.

upstream: apiserver/pkg/endpoints/handlers/response.go asTable, pkg/printers/internalversion/printers.go, 1.28.
"""

from __future__ import annotations

from kubelab.kinds.kind import Kind, Object


def table(kind: Kind, answer: Object, now_ns: int, include: str = "") -> Object:
    """An object or a list as a Table. ``include``: the query's includeObject: Metadata (default), None, Object."""
    listed = answer.get("kind") == f"{kind.kind}List"
    objects = answer["items"] if listed else [answer]
    meta = answer["metadata"]
    meta = dict(meta) if listed else {"resourceVersion": meta["resourceVersion"]} if "resourceVersion" in meta else {}
    definitions = [
        {"name": each.name, "type": each.type, "format": each.format, "description": each.description, "priority": each.priority}
        for each in kind.columns
    ]
    rows = [_row(obj, kind, now_ns, include) for obj in objects]
    return {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": meta, "columnDefinitions": definitions, "rows": rows}


def _row(obj: Object, kind: Kind, now_ns: int, include: str) -> Object:
    row = {"cells": [each.cell(obj, now_ns) for each in kind.columns]}
    if conditions := kind.row_conditions(obj):
        row["conditions"] = conditions
    return {**row, **_included(obj, kind, include)}


def _included(obj: Object, kind: Kind, include: str) -> Object:
    if include == "None":
        return {"object": None}
    if include == "Object":
        return {"object": {"kind": kind.kind, "apiVersion": kind.api_version, **obj}}
    return {"object": {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}}
