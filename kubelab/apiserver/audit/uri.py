"""The request URI of a call that did not come as HTTP: what client-go would have sent for it.

upstream: client-go/rest/request.go, apimachinery/pkg/apis/meta/v1 (options as query), cmd/kubelet/app/server.go (the heartbeat client's timeout),
1.28. Queries are sorted by name, as url.Values.Encode has it.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, quote_plus

from kubelab.apiserver.request import NO_LIST_OPTIONS, NO_OPTIONS, ListOptions, Options, Request
from kubelab.kinds import registry
from kubelab.kinds.events import conversion as events
from kubelab.store.log import CallRecord
from kubelab.store.note import AuditNote

_FLAGS = {"exec": ("stderr", "stdout"), "attach": ("stderr", "stdout")}
_STREAMS = ("log", "exec", "attach", "portforward")
HEARTBEAT = "timeout=10s"
ELECTION = "timeout=5s"  # upstream: half the renew deadline, client-go/tools/leaderelection/resourcelock/interface.go
_HEARTBEATS = (("leases.coordination.k8s.io", ""), ("nodes", "status"))
_NODE_CONTROLLER = "system:serviceaccount:kube-system:node-controller"
SCHEDULER = "scheduler"  # the component whose events go to events.k8s.io


def is_new_event(request_uri: str, component: str, release: str = "1.28") -> bool:
    """Whether events are asked for as events.k8s.io has them: that is how the scheduler reports, and what the path may say."""
    return component == SCHEDULER and release != "1.7" if not request_uri else request_uri.startswith(f"/apis/{events.GROUP}/")


def is_named(call: CallRecord) -> bool:
    """Whether the path ends in the object's name."""
    return call.verb not in ("list", "watch", "deletecollection") and (call.verb != "create" or bool(call.subresource))


def place(call: CallRecord, note: AuditNote, release: str = "1.28") -> tuple[str, str, str]:
    """Plural, group and version of a call without a path: those that the client would have used."""
    if call.resource == "events" and is_new_event(call.uri, call.component, release):
        return "events", events.GROUP, events.VERSION
    plural, _, group = call.resource.partition(".")
    if note.door is not None and note.door.version:
        return plural, group, note.door.version
    try:
        return plural, group, registry.by_resource(call.resource, release).versions[0]
    except KeyError:
        return plural, group, "v1"


def request_uri(call: CallRecord, note: AuditNote, release: str = "1.28") -> str:
    """The URI as it came, or as client-go would have sent it."""
    if call.uri:
        return call.uri
    plural, group, version = place(call, note, release)
    path = path_of(group, version, plural, call.namespace, call.name if is_named(call) else "", call.subresource)
    query = note.door.query if note.door is not None else ""
    if not query and call.component:
        query = _of_component(call)
    return f"{path}?{query}" if query else path


def query_of(request: Request) -> str:
    """The query of a call made through Python, "" if it has none."""
    found: list[tuple[str, str]] = []
    if request.list_options is not NO_LIST_OPTIONS:
        found += _of_list(request.list_options)
    if request.verb == "watch":
        found.append(("watch", "true"))
    if request.options is not NO_OPTIONS and request.verb in ("create", "update", "patch"):
        found += _of_write(request.options, request.patch_type)
    if request.subresource in _STREAMS and isinstance(request.body, dict):
        found += _of_stream(request.subresource, request.body)
    return "&".join(f"{quote_plus(name)}={quote_plus(text)}" for name, text in sorted(found, key=lambda pair: pair[0]))


def is_election(call: CallRecord) -> bool:
    """Whether a replica asks for, or renews, the lease of its binary."""
    return call.resource == "leases.coordination.k8s.io" and call.namespace == "kube-system" and call.component.startswith("kube-")


def _of_component(call: CallRecord) -> str:
    """Upstream's kubelet sends its heartbeats through a client with a timeout; the node controller reads nodes from the server's cache.

    upstream: cmd/kubelet/app/server.go, pkg/util/node/controller_utils (PatchNodeTaints reads with ResourceVersion 0); recorded.
    """
    if call.user_agent == "kubelet" and (call.resource, call.subresource) in _HEARTBEATS:
        return HEARTBEAT
    if is_election(call):
        return ELECTION
    return "resourceVersion=0" if (call.verb, call.resource, call.user) == ("get", "nodes", _NODE_CONTROLLER) else ""


def _of_list(options: ListOptions) -> list[tuple[str, str]]:
    found = [
        ("labelSelector", options.label_selector),
        ("fieldSelector", options.field_selector),
        ("limit", str(options.limit) if options.limit else ""),
        ("continue", options.continue_),
        ("resourceVersion", options.resource_version),
        ("resourceVersionMatch", options.resource_version_match),
        ("allowWatchBookmarks", "true" if options.allow_watch_bookmarks else ""),
        ("timeoutSeconds", str(options.timeout_seconds) if options.timeout_seconds else ""),
    ]
    if options.send_initial_events is not None:
        found.append(("sendInitialEvents", str(options.send_initial_events).lower()))
    return [(name, text) for name, text in found if text]


def _of_write(options: Options, patch_type: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if options.dry_run:
        found.append(("dryRun", "All"))
    if options.field_manager:
        found.append(("fieldManager", options.field_manager))
    if options.field_validation == "Strict":
        found.append(("fieldValidation", options.field_validation))
    if patch_type == "apply" and options.force is not None:
        found.append(("force", str(options.force).lower()))
    return found


def _of_stream(subresource: str, body: dict[str, Any]) -> list[tuple[str, str]]:
    """PodLogOptions and PodExecOptions as kubectl sends them."""
    found: list[tuple[str, str]] = [(flag, "true") for flag in _FLAGS.get(subresource, ()) if flag not in body]
    for name, item in body.items():
        items = item if isinstance(item, list | tuple) else [item]
        found += [(name, str(each).lower() if isinstance(each, bool) else str(each)) for each in items]
    return found


def path_of(group: str, version: str, plural: str, namespace: str, name: str, subresource: str) -> str:
    """The path of a resource.

    >>> path_of("apps", "v1", "deployments", "default", "web", "scale")
    '/apis/apps/v1/namespaces/default/deployments/web/scale'
    """
    parts = ["/apis", group, version] if group else ["/api", version]
    if namespace and plural != "namespaces":
        parts += ["namespaces", quote(namespace, safe=_SAFE)]
    parts.append(plural)
    if name:
        parts.append(quote(name, safe=_SAFE))
    if subresource:
        parts.append(subresource)
    return "/".join(parts)


_SAFE = "$&+,/:;=@!'()*~"  # what Go's URL.EscapedPath leaves as it is
