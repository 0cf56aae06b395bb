"""The raw door, both ways: an HTTP request to the line, and the line's answer in the form that the client accepts.

upstream: apiserver/pkg/endpoints/handlers/{negotiation,responsewriters}, 1.28.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

from kubelab.apiserver import conversion, discovery, http, older, reading, status
from kubelab.apiserver.audit import doors
from kubelab.apiserver.authorization import impersonation
from kubelab.apiserver.copying import private
from kubelab.apiserver.request import Request, Response, User
from kubelab.apiserver.server import ApiServer
from kubelab.apiserver.table import table
from kubelab.kinds import registry
from kubelab.kinds.events import conversion as events
from kubelab.kinds.field import invalid
from kubelab.kinds.kind import Kind, Object

JSON_TYPES = ("*/*", "application/*", "application/json", "application/yaml", "application/vnd.kubernetes.protobuf")


_HEADERS = {"accept": "Accept", "user-agent": "User-Agent"}


class Answer(NamedTuple):
    """An HTTP answer: code, object (or text), its warnings (RFC 7234 texts), and the ID under which the audit knows it."""

    code: int
    object: Any
    warnings: tuple[str, ...] = ()
    audit_id: str = ""


def ask(
    server: ApiServer,
    handle: Callable[[Request], Response],
    now_ns: int,
    method: str,
    url: str,
    body: Any,
    content_type: str,
    user: User,
    headers: Mapping[str, str],
) -> Answer:
    """One HTTP request by a user (``NOBODY``: whom nobody could authenticate). ``handle`` runs a Request through the world's line."""
    url = reading.text_of(url)
    if headers:
        headers = {_HEADERS.get(name.lower(), name): text for name, text in headers.items()}
    accept = headers.get("Accept", "")
    if body is not None and not isinstance(body, (str, bytes)):
        body = reading.json_copy(body)
    as_event = http.parse_path(url).group == events.GROUP and server.release != "1.7"
    caller = user
    try:
        if not user.name:
            raise status.unauthorized()
        user = impersonation.impersonated(server, user, headers)
        if server.release == "1.7":
            headers = older.accepted(headers)
            accept = headers.get("Accept", "")
        _check_accept(accept, url)
        at, sent = _as_core(url, body) if as_event else (older.known(url) if server.release == "1.7" else url, body)
        request = http.request_of(method, at, sent, content_type, user, headers, server.release)._replace(uri=url)
        if server.release == "1.7":
            request = older.request(request)
    except status.ApiFailure as refusal:
        request = http.refused(method, url, user, headers, refusal)
    audit_id = doors.audit_id(headers, server.streams.seed, len(server.store.log.calls))
    if server.audit is not None:
        request = request._replace(door=doors.door(method.upper(), headers, audit_id, caller if user is not caller else None, body))
    response = handle(request)
    answer = private(server.present(response.object))
    if response.code < 400 and isinstance(answer, dict) and request.resource:
        answer = shown(request, answer, accept, now_ns, url, server.release)
    elif request.verb == "watch" and isinstance(answer, list):
        watched = [_watched(server, event) for event in answer]
        answer = private(
            [_shaped_event(request, event, accept, now_ns, url, server.release, first=number == 0) for number, event in enumerate(watched)]
        )
    return Answer(response.code, answer, tuple(response.warnings), audit_id)


def shown(request: Request, answer: Object, accept: str, now_ns: int, url: str, release: str = "1.28") -> Object:
    """An object that has its managedFields, in the version, the group and the form in which the client wants it."""
    return _shaped(request, answer, accept, now_ns, url, release)


def _watched(server: ApiServer, event: Object) -> Object:
    """A watch event with its object as it leaves by this door."""
    return event if event["type"] == "ERROR" else {**event, "object": server.present(event["object"])}


def _shaped_event(request: Request, event: Object, accept: str, now_ns: int, url: str, release: str, *, first: bool) -> Object:
    """A watch event's object in the form that the client would rather have; only the first Table defines its columns."""
    if event["type"] == "ERROR":
        return event
    obj = _shaped(request, event["object"], accept, now_ns, url, release)
    return {**event, "object": obj if first or obj["kind"] != "Table" else {**obj, "columnDefinitions": None}}


def _shaped(request: Request, answer: Object, accept: str, now_ns: int, url: str, release: str) -> Object:
    """The answer in the version and group that was asked for; as a Table, or its metadata alone, if the client would rather have that."""
    if "metadata" not in answer or answer.get("kind") == "Status":
        return answer
    if discovery.is_table(accept):
        kind = registry.by_resource(request.resource, release)
        if answer.get("kind") not in (kind.kind, f"{kind.kind}List"):
            return answer
        return _tabled(request, kind, answer, now_ns, url)
    answer = _versioned(request, answer, url, release)
    wanted = accept.partition(",")[0]
    if "as=PartialObjectMetadata" not in wanted or "g=meta.k8s.io" not in wanted:
        return answer
    if "items" not in answer:
        return {**_PARTIAL, "metadata": answer["metadata"]}
    items = [{"metadata": item["metadata"]} for item in answer["items"]]
    return {**_PARTIAL, "kind": "PartialObjectMetadataList", "metadata": answer["metadata"], "items": items}


def _tabled(request: Request, kind: Kind, answer: Object, now_ns: int, url: str) -> Object:
    """Cells are of what is stored, whatever version was asked for; the objects beside them are of that version."""
    include = http.parse_path(url).query.get("includeObject", [""])[0]
    found = table(kind, answer, now_ns, include)
    api_version = _asked_version(request, kind, url)
    if api_version != kind.api_version and include == "Object":
        found["rows"] = [{**row, "object": conversion.shown(kind, row["object"], api_version)} for row in found["rows"]]
    return found


_PARTIAL = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
INCLUDES = ("", "None", "Metadata", "Object")


def _check_accept(accept: str, url: str) -> None:
    if not accept:
        return
    wanted = [part.partition(";")[0].strip() for part in accept.split(",")]
    if not any(media in JSON_TYPES for media in wanted):
        raise status.not_acceptable()
    if discovery.is_table(accept):
        include = http.parse_path(url).query.get("includeObject", [""])[0]
        if include not in INCLUDES:
            error = invalid("includeObject", include, "must be 'Metadata', 'Object', 'None', or empty")
            raise status.bad_request(f"Unable to convert to Table as requested: {error.text()}")


def _asked_version(request: Request, kind: Kind, url: str) -> str:
    """The apiVersion in which the client wants a kind: that of its path, which is another group for an Event of events.k8s.io."""
    path = http.parse_path(url)
    if path.group != kind.group and f"{path.group}/{path.version}" in kind.conversions:
        return f"{path.group}/{path.version}"
    version = request.version or kind.versions[0]
    return f"{kind.group}/{version}" if kind.group else version


def _versioned(request: Request, answer: Object, url: str, release: str) -> Object:
    """An object or a list of the request's kind in the version that was asked for; any other answer as it is."""
    try:
        kind = registry.by_resource(request.resource, release)
    except KeyError:
        return answer
    answer = _in_version(request, kind, answer, url)
    return older.linked(answer, kind, request, url) if release == "1.7" else answer


def _in_version(request: Request, kind: Kind, answer: Object, url: str) -> Object:
    api_version = _asked_version(request, kind, url)
    if answer.get("apiVersion") != kind.api_version and "items" not in answer:
        return answer
    if answer.get("kind") == kind.kind and api_version != kind.api_version:
        return conversion.shown(kind, answer, api_version)
    if answer.get("kind") != f"{kind.kind}List" or api_version == kind.api_version:
        return answer
    if api_version not in kind.conversions:
        return {**answer, "apiVersion": api_version}
    items = [conversion.shown(kind, {"apiVersion": kind.api_version, "kind": kind.kind, **item}, api_version) for item in answer["items"]]
    bare = [{name: part for name, part in item.items() if name not in ("kind", "apiVersion")} for item in items]
    return {**answer, "apiVersion": api_version, "items": bare}


# -- events.k8s.io: the same stored objects under other names -------------------------------------------------------------
def _as_core(url: str, body: Any) -> tuple[str, Any]:
    """The same request of core events: path, field selector and body under their names."""
    path, _, query = url.partition("?")
    path = path.replace(f"/apis/{events.GROUP}/{events.VERSION}", "/api/v1", 1)
    if "fieldSelector" in query:
        pairs = parse_qsl(query, keep_blank_values=True)
        query = urlencode([(name, _core_selector(value) if name == "fieldSelector" else value) for name, value in pairs])
    if isinstance(body, (str, bytes)):
        try:
            body = reading.plain(reading.json_value(reading.text_of(body)))
        except ValueError:
            return (f"{path}?{query}" if query else path), body
    if isinstance(body, dict) and "apiVersion" in body:
        body = events.to_core(body)
    return (f"{path}?{query}" if query else path), body


def _core_selector(text: str) -> str:
    """upstream: pkg/apis/events/v1/conversion.go AddFieldLabelConversionsForEvent."""
    return text.replace("regarding.", "involvedObject.").replace("reportingController", "reportingComponent")
