"""The legacy text format of audit lines as events (upstream: staging/src/k8s.io/apiserver/pkg/audit/format.go, 1.28).

1.7 without AdvancedAuditing writes two lines for each call: the first without stage and response, the second with nothing but ID and response.
"""

from __future__ import annotations

import json
import re
from typing import Any

_LINE = re.compile(r'^(\S+) AUDIT: (id="[^"]*".*)$', re.DOTALL)
_FIELD = re.compile(r'([a-z-]+)="((?:[^"\\]|\\.)*)"')
_GROUP = re.compile(r'"((?:[^"\\]|\\.)*)"')
_VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "HEAD": "get"}


class Legacy:
    """Reads such lines; keeps the first lines of calls of which the second has not come yet."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: dict[str, dict[str, Any]] = {}

    def event(self, line: str) -> dict[str, Any] | None:
        """The event of a line; None if the line is none of these."""
        match = _LINE.match(line)
        if match is None:
            return None
        time, fields = match[1], {name: _unquoted(value) for name, value in _FIELD.findall(match[2])}
        if "uri" not in fields:
            first = self._open.pop(fields["id"], {"auditID": fields["id"], "level": "Metadata"})
            return {**first, **_answer(fields), "stage": "ResponseComplete", "stageTimestamp": time, **_KIND}
        event = _event(time, fields)
        if "stage" not in fields:
            self._open[fields["id"]] = event
        return event


_KIND = {"kind": "Event", "apiVersion": "audit.k8s.io/v1"}


def _event(time: str, fields: dict[str, str]) -> dict[str, Any]:
    user = {"username": fields.get("user", "")} if fields.get("user", "<none>") != "<none>" else {}
    groups = _groups(fields.get("groups", "<none>"))
    uri = fields["uri"]
    ref = _reference(uri, fields.get("namespace", "<none>"))
    event: dict[str, Any] = {
        **_KIND,
        "level": "Metadata",
        "auditID": fields["id"],
        "stage": fields.get("stage", "RequestReceived"),
        "requestURI": uri,
        "verb": _verb(fields.get("method", ""), ref),
        "user": {**user, "groups": groups} if groups else user,
        "userAgent": fields.get("user-agent"),
        "requestReceivedTimestamp": time,
        **_answer(fields),
    }
    if fields.get("ip", "<unknown>") != "<unknown>":
        event["sourceIPs"] = [fields["ip"]]
    if fields.get("as", "<self>") != "<self>":
        event["impersonatedUser"] = {"username": fields["as"], "groups": _groups(fields.get("asgroups", "<lookup>"))}
    if ref:
        event["objectRef"] = ref
    return event


def _answer(fields: dict[str, str]) -> dict[str, Any]:
    code = fields.get("response", "<deferred>")
    return {"responseStatus": {"metadata": {}, "code": int(code)}} if code.isdigit() else {}


def _groups(text: str) -> list[str]:
    return [_unquoted(group) for group in _GROUP.findall(text)]


def _unquoted(text: str) -> str:
    """A text as Go quotes it."""
    try:
        return json.loads(f'"{text}"') if "\\" in text else text
    except ValueError:
        return text


def _reference(uri: str, namespace: str) -> dict[str, str]:
    """What the URI says of the object, by upstream's request info."""
    from kubelab.apiserver.http import parse_path

    path = parse_path(uri)
    if not path.is_resource:
        return {}
    found = {
        "resource": path.plural,
        "namespace": namespace if namespace != "<none>" else "",
        "name": path.name,
        "apiGroup": path.group,
        "apiVersion": path.version,
        "subresource": path.subresource,
    }
    return {key: value for key, value in found.items() if value}


def _verb(method: str, ref: dict[str, str]) -> str:
    """The verb; lines without stage have the HTTP method in upper case instead."""
    if method != method.upper() or not ref:
        return method.lower()
    verb = _VERBS.get(method, method.lower())
    if not ref.get("name"):
        return {"get": "list", "delete": "deletecollection"}.get(verb, verb)
    return verb
