"""An API server with nothing around it, and one line for each call on it."""

from __future__ import annotations

from typing import Any

from kubelab.apiserver.request import ADMIN, Options, Request, Response, User
from kubelab.apiserver.server import ApiServer
from kubelab.kinds import registry
from kubelab.kinds.rbac import bootstrap
from kubelab.store.store import Store
from kubelab.world.clock import parse_rfc3339
from kubelab.world.streams import Streams

Object = dict[str, Any]
NOW_NS = parse_rfc3339("2026-01-01T00:00:00Z")
RBAC = "rbac.authorization.k8s.io"
GROUPS = ("system:authenticated",)


def empty() -> ApiServer:
    return ApiServer(Store(), Streams(1), release="1.28", gates={})


def with_roles() -> ApiServer:
    """With the roles and bindings that a server makes for itself."""
    server = with_namespaces("default", "kube-system", "kube-public", "kube-node-lease")
    for obj in bootstrap.objects():
        create(server, obj)
    return server


def with_namespaces(*names: str, labels: dict[str, str] | None = None) -> ApiServer:
    """With namespaces that have a default service account each."""
    server = empty()
    for name in names:
        add_namespace(server, name, labels)
    return server


def add_namespace(server: ApiServer, name: str, labels: dict[str, str] | None = None) -> None:
    create(server, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels or {}}})
    create(server, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": name}})


def create(server: ApiServer, obj: Object, user: User = ADMIN) -> Object:
    """Create, and fail the test where the server refuses."""
    answer = send(server, "create", obj, user)
    assert answer.ok, answer.object
    return dict(answer.object)


def send(server: ApiServer, verb: str, obj: Object, user: User = ADMIN, subresource: str = "", *, dry_run: bool = False) -> Response:
    """A create or an update of a whole object."""
    meta = obj["metadata"]
    kind = registry.by_kind(obj["kind"], obj["apiVersion"].rpartition("/")[0])
    assert kind is not None
    name = meta.get("name", "") if verb == "update" else ""
    options = Options(dry_run=dry_run)
    return call(server, verb, kind.resource, meta.get("namespace", ""), name, subresource, body=obj, user=user, options=options)


def call(server: ApiServer, verb: str, resource: str, namespace: str = "", name: str = "", subresource: str = "", **more: Any) -> Response:
    return server.handle(Request(verb, resource, namespace, name, subresource, **more), NOW_NS)


def merge(
    server: ApiServer, resource: str, namespace: str, name: str, patch: Object, user: User = ADMIN, subresource: str = ""
) -> Response:
    return call(server, "patch", resource, namespace, name, subresource, body=patch, patch_type="merge", user=user)


def put(server: ApiServer, resource: str, obj: Object) -> None:
    """Into the store, past the line: for objects that only a test needs whole."""
    from kubelab.store.log import Manager

    meta = {"uid": f"uid-{obj['metadata']['name']}", "creationTimestamp": "2026-01-01T00:00:00Z", **obj["metadata"]}
    stored = {**obj, "metadata": {**meta, "resourceVersion": str(server.store.revision + 1)}}
    key = (resource, meta.get("namespace", ""), meta["name"])
    server.store.commit(NOW_NS, "ADDED", key, stored, Manager("test", "Update", "v1"), 0)


def node_user(name: str) -> User:
    return User(f"system:node:{name}", ("system:nodes", *GROUPS))


def rule(verbs: str, groups: str = "", resources: str = "", names: str = "", urls: str = "") -> Object:
    """A rule from comma-separated words."""
    made: Object = {"verbs": verbs.split(",")}
    if resources:
        made |= {"apiGroups": groups.split(","), "resources": resources.split(",")}
    if names:
        made["resourceNames"] = names.split(",")
    if urls:
        made["nonResourceURLs"] = urls.split(",")
    return made


def role(name: str, *rules: Object, namespace: str = "") -> Object:
    meta = {"name": name, "namespace": namespace} if namespace else {"name": name}
    return {"apiVersion": f"{RBAC}/v1", "kind": "Role" if namespace else "ClusterRole", "metadata": meta, "rules": list(rules)}


def binding(name: str, role_name: str, *subjects: str, namespace: str = "", kind: str = "ClusterRole") -> Object:
    """Subjects as ``User:alice``, ``Group:dev``, ``ServiceAccount:ns/name``."""
    meta = {"name": name, "namespace": namespace} if namespace else {"name": name}
    reference = {"apiGroup": RBAC, "kind": kind, "name": role_name}
    shown = f"{'Role' if namespace else 'ClusterRole'}Binding"
    whom = [_subject(text) for text in subjects]
    return {"apiVersion": f"{RBAC}/v1", "kind": shown, "metadata": meta, "roleRef": reference, "subjects": whom}


def _subject(text: str) -> Object:
    kind, _, name = text.partition(":")
    if kind == "ServiceAccount":
        namespace, _, name = name.rpartition("/")
        return {"kind": kind, "name": name, "namespace": namespace} if namespace else {"kind": kind, "name": name}
    return {"kind": kind, "name": name, "apiGroup": RBAC}


def pod(name: str, namespace: str = "default", *, meta: Object | None = None, container: Object | None = None, **spec: Any) -> Object:
    contained = {"name": "c", "image": "nginx:1", **(container or {})}
    spec = {"containers": [contained], **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace, **(meta or {})}, "spec": spec}
