"""What the raw door of 1.7 does otherwise: options that came later are not read, nothing is printed as a Table, objects carry a selfLink.

upstream: apiserver/pkg/endpoints/handlers/{namer,rest,create,update,patch}.go, apimachinery/pkg/apis/meta/v1/types.go ListOptions, 1.7.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from kubelab.apiserver import status
from kubelab.apiserver.http import parse_path
from kubelab.apiserver.request import Options, Request
from kubelab.kinds import schema
from kubelab.kinds.kind import Kind, Object
from kubelab.kinds.older import without_unknown

JSON_TYPES = ("*/*", "application/*", "application/json", "application/yaml", "application/vnd.kubernetes.protobuf")


def accepted(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers without the forms that a client would rather have but the server does not know: Tables, metadata alone.

    406 where the client takes nothing else.
    """
    accept = headers.get("Accept", "")
    wanted = [part.strip() for part in accept.split(",") if part.strip()]
    plain = [part for part in wanted if ";as=" not in part.replace(" ", "")]
    if len(plain) == len(wanted):
        return dict(headers)
    if not plain:
        raise status.failure(406, "NotAcceptable", f"only the following media types are accepted: {', '.join(JSON_TYPES[2:])}")
    return {**headers, "Accept": ",".join(plain)}


def known(url: str) -> str:
    """A path without the options that nobody reads yet: neither dry run nor field managers, no chunks, no strictness."""
    path, question, query = url.partition("?")
    kept = [(name, text) for name, text in parse_qsl(query, keep_blank_values=True) if name not in _LATER]
    return f"{path}{question}{urlencode(kept)}" if kept else path


_LATER = (
    "allowWatchBookmarks",
    "continue",
    "dryRun",
    "fieldManager",
    "fieldValidation",
    "force",
    "limit",
    "resourceVersionMatch",
    "sendInitialEvents",
)


def request(asked: Request) -> Request:
    """A request of which only that counts which 1.7 reads: nothing is said of fields that it does not know."""
    body: Any = asked.body
    if asked.verb in ("delete", "deletecollection") and isinstance(body, dict):
        body = {name: value for name, value in body.items() if name != "dryRun"}
    return asked._replace(options=Options(field_validation="Ignore"), body=body, repeats=())


def linked(answer: Object, kind: Kind, request: Request, url: str) -> Object:
    """An object or a list with the paths under which it is found."""
    version = request.version or kind.versions[0]
    root = f"/apis/{kind.group}/{version}" if kind.group else f"/api/{version}"
    if "items" not in answer:
        known = without_unknown(answer, schema.of(kind, version)) if answer.get("kind") == kind.kind else answer
        return _with_link(known, root, kind, request.subresource)
    shape = schema.of(kind, version)
    items = [_with_link(without_unknown(item, shape), root, kind, "") for item in answer["items"]]
    return {**answer, "metadata": {"selfLink": parse_path(url).path, **answer["metadata"]}, "items": items}


def _with_link(obj: Object, root: str, kind: Kind, subresource: str) -> Object:
    meta = obj.get("metadata")
    if not meta or not meta.get("name"):
        return obj
    place = f"{root}/namespaces/{meta['namespace']}" if kind.namespaced and meta.get("namespace") else root
    link = f"{place}/{kind.plural}/{meta['name']}" + (f"/{subresource}" if subresource else "")
    return {**obj, "metadata": {**meta, "selfLink": link}}
