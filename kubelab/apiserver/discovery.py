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
VERSION_1_7 = {
    **VERSION,
    "minor": "7",
    "gitVersion": "v1.7.0",
    "gitCommit": "d3ada0119e776222f11ec7945e6d860061339aad",
    "buildDate": "2017-06-29T22:55:19Z",
    "goVersion": "go1.8.3",
}
HEALTH = ("/healthz", "/livez", "/readyz")
UNSERVED = {("policy", "v1beta1")}  # taken apart where a body still says it, but not announced: 1.28 does not serve it
SERVER_ADDRESS = [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1:6443"}]


def serve(server: ApiServer, request: Request) -> Response:
    """A path that is no resource; 404 where nothing is."""
    path = urlsplit(request.uri).path.rstrip("/") or "/"
    release = server.release
    groups, health = _groups(release), HEALTH if release == "1.28" else HEALTH[:1]
    if path == "/version":
        return Response(200, dict(VERSION if release == "1.28" else VERSION_1_7))
    if path == "/metrics":
        return Response(200, metrics.text(server))
    if path in health or path.startswith(tuple(f"{name}/" for name in health)):
        return Response(200, "ok")
    if path == "/":
        return Response(200, {"paths": ["/api", "/api/v1", "/apis", *_group_paths(groups), *health, "/metrics", "/version"]})
    if path == "/api":
        return Response(200, {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": SERVER_ADDRESS})
    if path == "/apis":
        return Response(200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(name, release) for name in groups]})
    parts = path.strip("/").split("/")
    if parts[0] == "apis" and len(parts) == 2 and parts[1] in groups:
        return Response(200, {"kind": "APIGroup", "apiVersion": "v1", **_group(parts[1], release)})
    if parts == ["api", "v1"]:
        return Response(200, _resources("", "v1", release))
    if parts[0] == "apis" and len(parts) == 3 and parts[2] in groups.get(parts[1], ()):
        return Response(200, _resources(parts[1], parts[2], release))
    raise status.no_such_resource()


@cache
def _groups(release: str) -> dict[str, tuple[str, ...]]:
    """Group → its announced versions, preferred first."""
    found: dict[str, tuple[str, ...]] = {}
    for kind in registry.all_kinds(release):
        if kind.group and kind.verbs:
            known = found.get(kind.group, ())
            more = tuple(
                version
                for version in kind.versions
                if version not in known and (release != "1.28" or (kind.group, version) not in UNSERVED)
            )
            found[kind.group] = known + more
    if release == "1.28":
        return {**found, "events.k8s.io": ("v1",)}
    from kubelab.kinds.release import GROUP_ORDER_1_7

    return {name: found[name] for name in (*(name for name in GROUP_ORDER_1_7 if name in found), *found)}


def _group_paths(groups: dict[str, tuple[str, ...]]) -> list[str]:
    return [path for name, versions in groups.items() for path in (f"/apis/{name}", *(f"/apis/{name}/{each}" for each in versions))]


def _group(name: str, release: str) -> Object:
    versions = [{"groupVersion": f"{name}/{version}", "version": version} for version in _groups(release)[name]]
    group: Object = {"name": name, "versions": versions, "preferredVersion": versions[0]}
    return group if release == "1.28" else {**group, "serverAddressByClientCIDRs": None}


def _resources(group: str, version: str, release: str) -> Object:
    rows: list[Object] = []
    for kind in registry.all_kinds(release):
        if group == "events.k8s.io" and kind.resource == "events":
            rows += [row for row in _rows(kind) if "/" not in row["name"]]
        elif kind.group == group and version in kind.versions and kind.verbs:
            rows += _rows(kind) if release == "1.28" else _rows_1_7(kind)
    if (group, release) == ("extensions", "1.7"):
        rows += _RC_FOR_ITS_SCALE
    rows.sort(key=lambda row: row["name"])
    return {"kind": "APIResourceList", "groupVersion": f"{group}/{version}" if group else version, "resources": rows, **_api_version(group)}


def _api_version(group: str) -> Object:
    """The core list carries no apiVersion (recorded)."""
    return {"apiVersion": "v1"} if group else {}


def _rows_1_7(kind: Kind) -> list[Object]:
    """Neither singular names nor the group of what a subresource takes; what is only connected to has no verbs."""
    verbs = sorted((*kind.verbs, "proxy")) if kind.resource in _REDIRECTING else list(kind.verbs)
    head: Object = {"name": kind.plural, "singularName": "", "namespaced": kind.namespaced, "kind": kind.kind, "verbs": verbs}
    if kind.short_names:
        head["shortNames"] = list(kind.short_names)
    if kind.categories:
        head["categories"] = list(kind.categories)
    rows = [head]
    for name in kind.subresources:
        other, verbs = _SUBRESOURCES_1_7.get(name, (kind.kind, ["get", "patch", "update"]))
        row: Object = {"name": f"{kind.plural}/{name}", "singularName": "", "namespaced": kind.namespaced, "kind": other or kind.kind}
        rows.append({**row, "verbs": verbs})
    return rows


_REDIRECTING = ("nodes", "pods", "services")
_SUBRESOURCES_1_7: dict[str, tuple[str, list[str]]] = {
    "attach": ("", []),
    "binding": ("Binding", ["create"]),
    "eviction": ("Eviction", ["create"]),
    "exec": ("", []),
    "finalize": ("", ["update"]),
    "log": ("", ["get"]),
    "portforward": ("", []),
    "proxy": ("", []),
    "rollback": ("DeploymentRollback", ["create"]),
    "scale": ("Scale", ["get", "patch", "update"]),
}
_RC_FOR_ITS_SCALE: list[Object] = [
    {"name": "replicationcontrollers", "singularName": "", "namespaced": True, "kind": "ReplicationControllerDummy", "verbs": []},
    {"name": "replicationcontrollers/scale", "singularName": "", "namespaced": True, "kind": "Scale", "verbs": ["get", "patch", "update"]},
]


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
