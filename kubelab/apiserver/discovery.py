"""Paths that are no resources: which groups, versions and resources there are; version and health.

upstream: apiserver/pkg/endpoints/discovery/{root,group,version,storageversionhash}.go, pkg/controlplane/instance.go, 1.28.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from kubelab.apiserver import metrics, status
from kubelab.apiserver.metrics_api import COMPUTED
from kubelab.apiserver.request import Request, Response
from kubelab.kinds import registry
from kubelab.kinds.kind import Kind, Object

if TYPE_CHECKING:
    from kubelab.apiserver.server import ApiServer

VERSION = {
    "major": "1",
    "minor": "28",
    "gitVersion": "v1.28.0",
    "gitCommit": "855e7c48de7388eb330da0f8d9d2394ee818fb8d",
    "gitTreeState": "clean",
    "buildDate": "2023-08-15T10:15:54Z",
    "goVersion": "go1.20.7",
    "compiler": "gc",
    "platform": "linux/amd64",
}
HEALTH = ("/healthz", "/livez", "/readyz")
UNSERVED = {("policy", "v1beta1")}  # taken apart where a body still says it, but not announced: 1.28 does not serve it
SERVER_ADDRESS = [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1:6443"}]


def serve(server: ApiServer, request: Request) -> Response:
    """A path that is no resource; 404 where nothing is."""
    path = urlsplit(request.uri).path.rstrip("/") or "/"
    if path == "/version":
        return Response(200, dict(VERSION))
    if path == "/metrics":
        return Response(200, metrics.text(server))
    if path in HEALTH or path.startswith(tuple(f"{name}/" for name in HEALTH)):
        return Response(200, "ok")
    if path == "/":
        return Response(200, {"paths": ["/api", "/api/v1", "/apis", *_group_paths(), *HEALTH, "/metrics", "/version"]})
    if path == "/api":
        return Response(200, {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": SERVER_ADDRESS})
    if path == "/apis":
        return Response(200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(name) for name in _groups()]})
    parts = path.strip("/").split("/")
    if parts[0] == "apis" and len(parts) == 2 and parts[1] in _groups():
        return Response(200, {"kind": "APIGroup", "apiVersion": "v1", **_group(parts[1])})
    if parts == ["api", "v1"]:
        return Response(200, _resources("", "v1"))
    if parts[0] == "apis" and len(parts) == 3 and parts[2] in _groups().get(parts[1], ()):
        return Response(200, _resources(parts[1], parts[2]))
    raise status.no_such_resource()


@cache
def _groups() -> dict[str, tuple[str, ...]]:
    """Group → its announced versions, preferred first."""
    found: dict[str, tuple[str, ...]] = {}
    for kind in registry.all_kinds():
        if kind.group and kind.verbs:
            known = found.get(kind.group, ())
            more = tuple(version for version in kind.versions if version not in known and (kind.group, version) not in UNSERVED)
            found[kind.group] = known + more
    return {**found, "events.k8s.io": ("v1",)}


def _group_paths() -> list[str]:
    return [path for name, versions in _groups().items() for path in (f"/apis/{name}", *(f"/apis/{name}/{each}" for each in versions))]


def _group(name: str) -> Object:
    versions = [{"groupVersion": f"{name}/{version}", "version": version} for version in _groups()[name]]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def _resources(group: str, version: str) -> Object:
    rows: list[Object] = []
    for kind in registry.all_kinds():
        if group == "events.k8s.io" and kind.resource == "events":
            rows += [row for row in _rows(kind) if "/" not in row["name"]]
        elif kind.group == group and version in kind.versions and kind.verbs:
            rows += _rows(kind)
    rows.sort(key=lambda row: row["name"])
    return {"kind": "APIResourceList", "groupVersion": f"{group}/{version}" if group else version, "resources": rows, **_api_version(group)}


def _api_version(group: str) -> Object:
    """The core list carries no apiVersion (recorded)."""
    return {"apiVersion": "v1"} if group else {}


def _rows(kind: Kind) -> list[Object]:
    singular = "" if kind.resource in COMPUTED else kind.singular or kind.kind.lower()
    row: Object = {
        "name": kind.plural,
        "singularName": singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": list(kind.verbs),
    }
    if kind.short_names:
        row["shortNames"] = list(kind.short_names)
    if kind.categories:
        row["categories"] = list(kind.categories)
    if "get" in kind.verbs and kind.resource not in COMPUTED:
        row["storageVersionHash"] = storage_version_hash(kind)
    return [row, *(_subresource(kind, name) for name in kind.subresources)]


_OF_OTHER_KINDS: dict[str, tuple[str, str, str, list[str]]] = {
    "scale": ("autoscaling", "v1", "Scale", ["get", "patch", "update"]),
    "eviction": ("policy", "v1", "Eviction", ["create"]),
    "binding": ("", "", "Binding", ["create"]),
    "token": ("authentication.k8s.io", "v1", "TokenRequest", ["create"]),
    "attach": ("", "", "PodAttachOptions", ["create", "get"]),
    "exec": ("", "", "PodExecOptions", ["create", "get"]),
    "portforward": ("", "", "PodPortForwardOptions", ["create", "get"]),
    "proxy": ("", "", "PodProxyOptions", ["create", "delete", "get", "patch", "update"]),
    "log": ("", "", "Pod", ["get"]),
    "finalize": ("", "", "Namespace", ["update"]),
}


def _subresource(kind: Kind, name: str) -> Object:
    group, version, other, verbs = _OF_OTHER_KINDS.get(name, ("", "", kind.kind, ["get", "patch", "update"]))
    if name == "proxy":
        other = f"{kind.kind}ProxyOptions"
    row: Object = {"name": f"{kind.plural}/{name}", "singularName": "", "namespaced": kind.namespaced, "kind": other, "verbs": verbs}
    return {**row, "group": group, "version": version} if group else row


def storage_version_hash(kind: Kind) -> str:
    """upstream: StorageVersionHash.

    >>> from kubelab.kinds import registry
    >>> storage_version_hash(registry.by_resource("daemonsets.apps"))
    'dd7pWHUlMKQ='
    """
    text = f"{kind.group}/{kind.versions[0]}/{kind.kind}"
    return base64.b64encode(hashlib.sha256(text.encode()).digest()[:8]).decode()


def is_table(accept: str) -> bool:
    """Whether the client would rather have a Table."""
    first: Any = accept.partition(",")[0]
    return "as=Table" in first and "g=meta.k8s.io" in first
