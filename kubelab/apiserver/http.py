"""The raw door: an HTTP method, path, headers and body to a ``Request``, and its answer to a code and an object. No socket is involved.

upstream: apiserver/pkg/endpoints/request/requestinfo.go, endpoints/handlers/negotiation, endpoints/installer.go, 1.28.
"""

from __future__ import annotations

import json
import marshal
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from kubelab.apiserver import decoding, reading, status
from kubelab.apiserver.copying import private
from kubelab.apiserver.request import PATCH_TYPES, ListOptions, Options, Request, User
from kubelab.kinds import decode, registry, schema
from kubelab.kinds.field import FieldError, Go, forbidden, go_quote, invalid, not_supported, required, too_long
from kubelab.kinds.kind import Kind

BODY_TYPES = ("application/json", "application/yaml", "application/vnd.kubernetes.protobuf")
MAX_BODY_BYTES = 3 * 1024 * 1024
VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True, slots=True)
class Path:
    """A resource path, taken apart; ``group`` etc. are "" for a non-resource path."""

    group: str = ""
    version: str = ""
    namespace: str = ""
    plural: str = ""
    name: str = ""
    subresource: str = ""
    query: Mapping[str, list[str]] = field(default_factory=dict)
    path: str = ""

    @property
    def is_resource(self) -> bool:
        return bool(self.plural)

    @property
    def resource(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural


def parse_path(url: str) -> Path:
    """Upstream's request info from a path and its query.

    >>> parse_path("/apis/apps/v1/namespaces/default/deployments/web/scale").subresource
    'scale'
    """
    split = urlsplit(url)
    query = parse_qs(split.query, keep_blank_values=True)
    parts = [unquote(part) for part in split.path.strip("/").split("/") if part]
    bare = Path(path=split.path, query=query)
    if not parts or parts[0] not in ("api", "apis") or len(parts) < (3 if parts[0] == "api" else 4):
        return bare
    group = "" if parts[0] == "api" else parts[1]
    version = parts[1] if parts[0] == "api" else parts[2]
    rest = parts[2:] if parts[0] == "api" else parts[3:]
    if rest and rest[0] == "watch":
        rest, query = rest[1:], {**query, "watch": ["true"]}
    namespace = ""
    if rest and rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in ("status", "finalize"):
        namespace, rest = rest[1], rest[2:]
    elif rest and rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
    if not rest:
        return bare
    plural, name = rest[0], rest[1] if len(rest) > 1 else ""
    subresource = "proxy" if rest[2:3] == ["proxy"] else "/".join(rest[2:])
    if plural == "namespaces":
        namespace = name
    return Path(group, version, namespace, plural, name, subresource, query, split.path)


def request_of(
    method: str, url: str, body: Any, content_type: str, user: User, headers: Mapping[str, str], release: str = "1.28"
) -> Request:
    """A ``Request`` from its HTTP form; raises ``ApiFailure`` where upstream refuses before its handlers."""
    path = parse_path(url)
    agent = headers.get("User-Agent", "kubelab")
    if not path.is_resource:
        return Request(method.lower(), "", user=user, user_agent=agent, uri=url)
    query = path.query
    verb = _verb(method, path, query)
    kind = registry.by_gvr(path.group, path.version, path.plural, release)
    namespaced_root = kind is not None and not kind.namespaced
    if kind is not None:
        _check_place(path, kind, verb)
    patch_type = ""
    repeats: tuple[str, ...] = ()
    if verb == "patch":
        patch_type = _patch_type(content_type, release)
        _check_size(body)
    elif verb in ("create", "update"):
        body, repeats = _readable(body, content_type, kind)
    options = _write_options(verb, query, patch_type) if verb in ("create", "update", "patch") else Options()
    if verb in ("delete", "deletecollection"):
        body = _delete_options(body, content_type, query)
    return Request(
        verb,
        path.resource,
        "" if namespaced_root else path.namespace,
        path.name,
        path.subresource,
        path.version,
        body,
        patch_type,
        options,
        _list_options(query),
        user,
        agent,
        uri=url,
        repeats=repeats,
    )


def refused(method: str, url: str, user: User, headers: Mapping[str, str], refusal: status.ApiFailure) -> Request:
    """A request that the door does not let through: it still is authorized, and recorded."""
    path = parse_path(url)
    try:
        verb = _verb(method, path, path.query)
    except status.ApiFailure:
        verb = _verb_of_no_route(method, path)
    agent = headers.get("User-Agent", "kubelab")
    place = (path.resource if path.is_resource else "", path.namespace, path.name, path.subresource, path.version)
    return Request(verb, *place, user=user, user_agent=agent, uri=url, refused=refusal)


def _verb_of_no_route(method: str, path: Path) -> str:
    """What a request is authorized and recorded as that no route takes: HEAD is a reading, other methods have no verb.

    upstream: apiserver/pkg/endpoints/request/requestinfo.go NewRequestInfo.
    """
    if not path.is_resource:
        return method.lower()
    if method.upper() == "HEAD":
        return "get" if path.name else "list"
    return VERBS.get(method.upper(), "")


def _check_place(path: Path, kind: Kind, verb: str) -> None:
    """Which routes there are: across all namespaces only lists and watches, and no namespace before what has none.

    upstream: apiserver/pkg/endpoints/installer.go registerResourceHandlers.
    """
    placed = bool(path.namespace) and path.plural != "namespaces"
    if placed and not kind.namespaced:
        raise status.no_such_resource()
    if kind.namespaced and not placed and verb not in ("list", "watch") and kind.verbs != ("create",):
        raise status.no_such_resource() if path.name else status.method_not_allowed()


def _verb(method: str, path: Path, query: Mapping[str, list[str]]) -> str:
    verb = VERBS.get(method.upper())
    if verb is None:
        raise status.method_not_allowed()
    if verb == "get" and not path.name:
        verb = "list"
    if verb in ("get", "list") and _truth(query, "watch"):
        verb = "watch"
    if verb == "delete" and not path.name:
        verb = "deletecollection"
    if verb in ("update", "patch") and not path.name:
        raise status.method_not_allowed()
    if verb == "create" and path.name and not path.subresource:
        raise status.method_not_allowed()
    return verb


def _truth(query: Mapping[str, list[str]], name: str) -> bool:
    return name in query and query[name][0].lower() not in ("0", "false")


def _patch_type(content_type: str, release: str) -> str:
    media = content_type.partition(";")[0].strip()
    found = PATCH_TYPES.get(media)
    if found is None or (release == "1.7" and found == "apply"):
        raise status.failure(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})
    return found


def _readable(body: Any, content_type: str, kind: Kind | None) -> tuple[Any, tuple[str, ...]]:
    """Bodies in JSON stay text; YAML becomes an object, with what is said of its repeated keys."""
    media = content_type.partition(";")[0].strip() or "application/json"
    if media not in ("application/json", "application/yaml"):
        raise status.unsupported_media_type(BODY_TYPES)
    _check_size(body)
    if media == "application/json" or not isinstance(body, (str, bytes)) or kind is None:
        return body, ()
    text = reading.text_of(body)
    try:
        value, repeats = reading.yaml_value(text)
    except reading.YamlError as error:
        raise decoding.unrecognized(kind, str(error), text) from None
    return reading.sorted_keys(value) if isinstance(value, dict) else json.dumps(value), tuple(repeats)


def _check_size(body: Any) -> None:
    """upstream: apiserver/pkg/endpoints/handlers/rest.go limitedReadBody."""
    size = len(body) if isinstance(body, (str, bytes)) else len(marshal.dumps(body))
    if size * 4 < MAX_BODY_BYTES:
        return
    text = body if isinstance(body, (str, bytes)) else json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    if len(text.encode() if isinstance(text, str) else text) > MAX_BODY_BYTES:
        raise status.too_large(f"limit is {MAX_BODY_BYTES}")


def _write_options(verb: str, query: Mapping[str, list[str]], patch_type: str) -> Options:
    """Create-, Update-, PatchOptions from the query; 422 of that kind.

    upstream: apimachinery/pkg/apis/meta/v1/validation/validation.go.
    """
    errors: list[FieldError] = []
    dry_run, validation = query.get("dryRun", []), _one(query, "fieldValidation")
    manager = _one(query, "fieldManager")
    force = _truth(query, "force") if "force" in query else None
    if verb == "patch":
        if patch_type != "apply" and force is not None:
            errors.append(forbidden("force", "may not be specified for non-apply patch"))
        if patch_type == "apply" and not manager:
            errors.append(required("fieldManager", "is required for apply patch"))
    if len(manager.encode()) > 128:
        errors.append(too_long("fieldManager", 128))
    for index, char in enumerate(manager):
        if not char.isprintable():
            at = len(manager[:index].encode())
            errors.append(invalid("fieldManager", manager, f"invalid character U+{ord(char):04X} (at position {at})"))
    if any(each != "All" for each in dry_run):
        listed = ", ".join(go_quote(item) for item in dry_run)
        errors.append(not_supported("dryRun", Go(f"[]string{{{listed}}}"), ("All",)))
    if validation not in ("", "Ignore", "Warn", "Strict"):
        errors.append(not_supported("fieldValidation", validation, ("", "Ignore", "Strict", "Warn")))
    if errors:
        name = {"create": "CreateOptions", "update": "UpdateOptions", "patch": "PatchOptions"}[verb]
        raise status.invalid(Kind(kind=name, plural=name.lower(), group="meta.k8s.io"), "", errors)
    return Options(bool(dry_run), manager, validation or "Warn", force)


def _one(query: Mapping[str, list[str]], name: str) -> str:
    return query.get(name, [""])[0]


def _list_options(query: Mapping[str, list[str]]) -> ListOptions:
    if not query:
        return ListOptions()
    limit = _integer(query, "limit")
    initial = query.get("sendInitialEvents")
    return ListOptions(
        _one(query, "labelSelector"),
        _one(query, "fieldSelector"),
        limit,
        _one(query, "continue"),
        _one(query, "resourceVersion"),
        _one(query, "resourceVersionMatch"),
        _truth(query, "sendInitialEvents") if initial else None,
        _truth(query, "allowWatchBookmarks"),
        _integer(query, "timeoutSeconds"),
    )


def _integer(query: Mapping[str, list[str]], name: str) -> int:
    """upstream: apimachinery/pkg/runtime/converter.go by strconv.ParseInt."""
    text = _one(query, name)
    if not text:
        return 0
    try:
        return int(text)
    except ValueError:
        raise status.bad_request(f"strconv.ParseInt: parsing {go_quote(text)}: invalid syntax") from None


def _delete_options(body: Any, content_type: str, query: Mapping[str, list[str]]) -> Any:
    """DeleteOptions from the body if there is one, else from the query.

    upstream: apiserver/pkg/endpoints/handlers/delete.go, which does not wrap what its decoder says: 500 without a reason.
    """
    if body is not None and body != "" and body != b"":
        return _decoded_delete_options(_delete_body(body, content_type))
    options: dict[str, Any] = {}
    if "gracePeriodSeconds" in query:
        options["gracePeriodSeconds"] = _integer(query, "gracePeriodSeconds")
    if "propagationPolicy" in query:
        options["propagationPolicy"] = _one(query, "propagationPolicy")
    if "orphanDependents" in query:
        options["orphanDependents"] = _truth(query, "orphanDependents")
    if "dryRun" in query:
        options["dryRun"] = query["dryRun"]
    return options


def _delete_body(body: Any, content_type: str) -> Any:
    media = content_type.partition(";")[0].strip() or "application/json"
    if media not in ("application/json", "application/yaml"):
        raise status.unsupported_media_type(BODY_TYPES)
    _check_size(body)
    if not isinstance(body, (str, bytes)):
        return private(body)
    text = reading.text_of(body)
    try:
        return reading.yaml_value(text)[0] if media == "application/yaml" else reading.plain(reading.json_value(text))
    except reading.YamlError as error:
        raise status.plain_error(str(error)) from None
    except ValueError as error:
        raise status.plain_error(f"{_NO_KIND}: {decoding.go_json_error(error, text)}") from None


_NO_KIND = "couldn't get version/kind; json parse error"
_META_SCHEME = "k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27"


def _decoded_delete_options(options: Any) -> dict[str, Any]:
    if not isinstance(options, dict):
        raise status.plain_error(f"{_NO_KIND}: {decoding.not_an_object(options)}")
    kind, version = options.pop("kind", ""), options.pop("apiVersion", "")
    if kind and kind != "DeleteOptions":
        raise status.plain_error(f'no kind "{kind}" is registered for version "{version}" in scheme "{_META_SCHEME}"')
    shape = schema.for_kind("", "v1", "DeleteOptions")
    assert shape is not None
    if errors := decode.check(options, shape).errors:
        raise status.plain_error(errors[0])
    return options
