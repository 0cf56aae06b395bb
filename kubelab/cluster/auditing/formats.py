"""Audit events as bytes: a JSON line, an EventList, a line of the legacy format.

upstream: apiserver/plugin/pkg/audit/log/backend.go, apimachinery/pkg/runtime/serializer/json, 1.28. Spec: audit, A2 and A3.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from kubelab.apiserver.audit import legacy, versions
from kubelab.kinds.kind import Object

V1 = "audit.k8s.io/v1"
_GO_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_ESCAPED = re.compile("[<>&\u2028\u2029]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")).encode


def go_json(obj: object) -> bytes:
    """Compact JSON with the escapes of Go's encoder, which keeps markup harmless; ValueError where there is no JSON form."""
    try:
        text = _encode(obj)
    except RecursionError:
        raise ValueError("json: exceeded max depth") from None
    if _ESCAPED.search(text):
        text = _ESCAPED.sub(lambda match: _GO_ESCAPES[match[0]], text)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub("\ufffd", text).encode()


def versioned(event: Object, version: str) -> Object:
    """A v1 event in the version that is asked for, kind and apiVersion first."""
    if version == V1:
        if next(iter(event), "") == "kind" and event.get("apiVersion") == V1:
            return event
        return {"kind": "Event", "apiVersion": V1, **{name: part for name, part in event.items() if name not in ("kind", "apiVersion")}}
    return versions.converted(event, version)


def json_line(event: Object, version: str) -> bytes:
    """An event as it stands in a file."""
    return go_json(versioned(event, version)) + b"\n"


def event_list(events: Sequence[Object], version: str) -> bytes:
    """The body of a POST: an EventList, whose items carry neither kind nor version."""
    items = []
    for event in events:
        found = versioned(event, version)
        items.append({name: part for name, part in found.items() if name not in ("kind", "apiVersion")})
    return go_json({"kind": "EventList", "apiVersion": version, "metadata": {}, "items": items}) + b"\n"


def legacy_line(event: Object) -> bytes:
    """An event as one line of text."""
    return (legacy.line(event) + "\n").encode(errors="replace")
