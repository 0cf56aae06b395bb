"""The raw door, both ways: an HTTP request to the line, and the line's answer in the form that the client accepts.

upstream: apiserver/pkg/endpoints/handlers/{negotiation,responsewriters}, 1.28.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from kubelab.apiserver import discovery, http, status
from kubelab.apiserver.copying import private
from kubelab.apiserver.request import Request, Response, User
from kubelab.apiserver.server import ApiServer
from kubelab.apiserver.table import table
from kubelab.kinds import registry
from kubelab.kinds.events import conversion as events
from kubelab.kinds.kind import Object

JSON_TYPES = ("*/*", "application/*", "application/json", "application/yaml", "application/vnd.kubernetes.protobuf")


class Answer(NamedTuple):
    """An HTTP answer: code, object (or text), and its warnings (RFC 7234 texts)."""

    code: int
    object: Any
    warnings: tuple[str, ...] = ()


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
    """One HTTP request. ``handle`` runs a Request through the world's line."""
    accept = headers.get("Accept", "")
    try:
        _check_accept(accept)
        as_event = http.parse_path(url).group == events.GROUP
        request = http.request_of(
            method, _core_url(url) if as_event else url, _core_body(body) if as_event else body, content_type, user, headers
        )
    except status.ApiFailure as refusal:
        return Answer(refusal.code, refusal.status)
    response = handle(request)
    answer = private(server.present(response.object))
    if response.code < 400 and isinstance(answer, dict) and request.resource:
        answer = _versioned(request, answer)
        if discovery.is_table(accept) and request.verb in ("get", "list") and "metadata" in answer:
            kind = registry.by_resource(request.resource)
            answer = table(kind, answer, now_ns, http.parse_path(url).query.get("includeObject", [""])[0])
        elif as_event:
            answer = _as_event(answer)
    return Answer(response.code, answer, tuple(response.warnings))


def _check_accept(accept: str) -> None:
    if not accept:
        return
    wanted = [part.partition(";")[0].strip() for part in accept.split(",")]
    if not any(media in JSON_TYPES for media in wanted):
        raise status.not_acceptable()


def _versioned(request: Request, answer: Object) -> Object:
    """The answer says the version that was asked for."""
    try:
        kind = registry.by_resource(request.resource)
    except KeyError:
        return answer
    if not request.version or request.version == kind.versions[0] or answer.get("apiVersion") != kind.api_version:
        return answer
    return {**answer, "apiVersion": f"{kind.group}/{request.version}" if kind.group else request.version}


# -- events.k8s.io: the same stored objects under other names -------------------------------------------------------------
def _core_url(url: str) -> str:
    return url.replace(f"/apis/{events.GROUP}/{events.VERSION}", "/api/v1", 1)


def _core_body(body: Any) -> Any:
    return events.to_core(body) if isinstance(body, dict) and "apiVersion" in body else body


def _as_event(answer: Object) -> Object:
    if answer.get("kind") == "Event":
        return events.from_core(answer)
    if answer.get("kind") == "EventList":
        items = [
            {name: part for name, part in events.from_core(item).items() if name not in ("kind", "apiVersion")} for item in answer["items"]
        ]
        return {**answer, "apiVersion": f"{events.GROUP}/{events.VERSION}", "items": items}
    return answer
