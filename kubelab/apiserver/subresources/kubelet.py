"""Subresources that the server passes on to a pod's kubelet: log, exec, attach, portforward.

The way to the kubelets is ``server.kubelet_door``; without one, or where the door finds no kubelet, the connection is refused.

upstream: pkg/registry/core/pod/strategy.go (LogLocation, streamLocation, validateContainer), pkg/registry/core/pod/rest/{log,subresources}.go,
pkg/apis/core/validation/validation.go (ValidatePodLogOptions), 1.28.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from kubelab.apiserver import status
from kubelab.apiserver.request import Response
from kubelab.apiserver.work import Work
from kubelab.kinds import registry
from kubelab.kinds.field import FieldError, forbidden, go_quote, invalid
from kubelab.kinds.kind import Kind
from kubelab.store.log import Object

_LOG_OPTIONS = Kind(kind="PodLogOptions", plural="podlogoptions")
_NUMBERS = ("sinceSeconds", "tailLines", "limitBytes")
_FLAGS = ("follow", "previous", "timestamps", "stdin", "stdout", "stderr", "tty")
_PATHS = {"log": "containerLogs", "exec": "exec", "attach": "attach", "portforward": "portForward"}


class KubeletUnreachable(Exception):
    """Raised by a door that cannot reach a pod's kubelet; ``why`` in Go's words."""

    def __init__(self, node: str = "", why: str = "connect: connection refused") -> None:
        super().__init__(node)
        self.why = why


class KubeletDoor(Protocol):
    """The way to the kubelets. ``options`` are upstream's query options by name, the container always filled in."""

    def logs(self, namespace: str, name: str, options: Object) -> str:
        """A container's log."""

    def exec(self, namespace: str, name: str, options: Object) -> Any:
        """Run ``options["command"]`` in a container; what the caller gets back."""

    def attach(self, namespace: str, name: str, options: Object) -> Any:
        """Attach to a container."""

    def port_forward(self, namespace: str, name: str, options: Object) -> Any:
        """Forward ``options["ports"]`` to a pod."""

    def page(self, node: str, verb: str, path: str, query: Mapping[str, list[str]]) -> tuple[int, Any]:
        """What a kubelet answers on one of its own paths: code, and object or text."""


def log(work: Work) -> Response:
    """GET: text. A pod that is on no node yet has an empty log."""
    if work.request.verb != "get":
        raise status.method_not_allowed()
    options = _options(work)
    if errors := _log_errors(options):
        raise status.invalid(_LOG_OPTIONS, work.request.name, errors)
    pod = work.stored()
    options["container"] = _container(pod, options.get("container", ""))
    if not pod["spec"].get("nodeName"):
        return work.answer("")
    return _passed_on(work, pod, "logs", options)


def exec_(work: Work) -> Response:
    """GET or POST, as both upgrade to a stream upstream; here the answer is what the door returns."""
    return _stream(work, "exec")


def attach(work: Work) -> Response:
    return _stream(work, "attach")


def port_forward(work: Work) -> Response:
    return _stream(work, "port_forward")


def proxy(work: Work) -> Response:
    """Of nodes: what the kubelet itself answers on the path behind ``proxy``. Pods and Services are not proxied.

    upstream: pkg/registry/core/node/{rest/proxy.go, strategy.go ResourceLocation}.
    """
    request = work.request
    if request.resource != "nodes":
        raise status.method_not_allowed()
    name, port = _node_and_port(request.name)
    node = work.server.store.head.get("nodes", "", name)
    if node is None:
        raise status.not_found(work.kind, name)
    split = urlsplit(request.uri)
    path = "/" + unquote(split.path).partition(f"/nodes/{request.name}/proxy")[2].lstrip("/")
    where = _kubelet_at(node)
    door: KubeletDoor | None = getattr(work.server, "kubelet_door", None)
    try:
        if door is None or port not in ("", where.rpartition(":")[2]):
            raise KubeletUnreachable(name)
        code, found = door.page(name, request.verb, path, parse_qs(split.query, keep_blank_values=True))
    except KubeletUnreachable as error:
        address = where if port == "" else f"{where.rpartition(':')[0]}:{port}"
        words = f"error trying to reach service: dial tcp {address}: {error.why}"
        raise status.failure(503, "ServiceUnavailable", words, {}) from None
    return work.answer(found, code)


def _node_and_port(text: str) -> tuple[str, str]:
    """``name``, ``name:port`` or ``scheme:name:port``. upstream: apimachinery/pkg/util/net/port_split.go."""
    parts = text.split(":")
    if len(parts) == 1:
        return text, ""
    if len(parts) == 2:
        return parts[0], parts[1]
    if len(parts) == 3 and parts[0] in ("http", "https", ""):
        return parts[1], parts[2]
    raise status.bad_request(f"invalid node request {go_quote(text)}")


def _stream(work: Work, method: str) -> Response:
    if work.request.verb not in ("get", "create"):
        raise status.method_not_allowed()
    options = _options(work)
    pod = work.stored()
    if method != "port_forward":
        options["container"] = _container(pod, options.get("container", ""))
    if not pod["spec"].get("nodeName"):
        raise status.bad_request(f"pod {work.request.name} does not have a host assigned")
    if method == "exec" and not options.get("command"):
        raise status.bad_request("you must specify at least one command for the container")
    return _passed_on(work, pod, method, options)


def _options(work: Work) -> Object:
    """Query options by name, from the URL, or from Python callers as the body."""
    body = work.request.body
    if isinstance(body, dict) and "kind" not in body:
        return dict(body)
    options: Object = {}
    for name, values in parse_qs(urlsplit(work.request.uri).query).items():
        if name in _NUMBERS:
            options[name] = _number(values[0])
        elif name in _FLAGS:
            options[name] = values[0] not in ("false", "0")
        elif name in ("command", "ports"):
            options[name] = values
        else:
            options[name] = values[0]
    return options


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise status.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None


def _log_errors(options: Object) -> list[FieldError]:
    errors: list[FieldError] = []
    tail, limit, since = options.get("tailLines"), options.get("limitBytes"), options.get("sinceSeconds")
    if tail is not None and tail < 0:
        errors.append(invalid("tailLines", tail, "must be greater than or equal to 0"))
    if limit is not None and limit < 1:
        errors.append(invalid("limitBytes", limit, "must be greater than 0"))
    if since is not None and options.get("sinceTime") is not None:
        errors.append(forbidden("", "at most one of `sinceTime` or `sinceSeconds` may be specified"))
    elif since is not None and since < 1:
        errors.append(invalid("sinceSeconds", since, "must be greater than 0"))
    return errors


def _container(pod: Object, wanted: str) -> str:
    """The container meant: the one named, or the only one."""
    name, spec = pod["metadata"]["name"], pod["spec"]
    known = [each["name"] for field in ("initContainers", "containers", "ephemeralContainers") for each in spec.get(field) or ()]
    if wanted:
        if wanted not in known:
            raise status.bad_request(f"container {wanted} is not valid for pod {name}")
        return wanted
    if len(spec["containers"]) == 1:
        return str(spec["containers"][0]["name"])
    raise status.bad_request(f"a container name must be specified for pod {name}, choose one of: [{' '.join(known)}]")


def _passed_on(work: Work, pod: Object, method: str, options: Object) -> Response:
    node = work.server.store.head.get("nodes", "", pod["spec"]["nodeName"])
    if node is None:
        raise status.not_found(registry.by_resource("nodes"), pod["spec"]["nodeName"])
    door: KubeletDoor | None = getattr(work.server, "kubelet_door", None)
    if door is None:
        raise _unreachable(work, node, options, KubeletUnreachable("").why)
    try:
        found = getattr(door, method)(work.request.namespace, work.request.name, options)
    except KubeletUnreachable as error:
        raise _unreachable(work, node, options, error.why) from None
    return work.answer(found)


def _unreachable(work: Work, node: Object, options: Object, why: str) -> status.ApiFailure:
    """Go's words for a connection that nobody answers, which upstream passes on as they are."""
    path = f"{_PATHS[work.request.subresource]}/{work.request.namespace}/{work.request.name}"
    if options.get("container"):
        path = f"{path}/{options['container']}"
    where = _kubelet_at(node)
    return status.plain_error(f'Get "https://{where}/{path}": dial tcp {where}: {why}')


def _kubelet_at(node: Object) -> str:
    """Host and port of a node's kubelet."""
    addresses = (node.get("status") or {}).get("addresses") or ()
    host = next((each["address"] for each in addresses if each["type"] == "InternalIP"), node["metadata"]["name"])
    port = (((node.get("status") or {}).get("daemonEndpoints") or {}).get("kubeletEndpoint") or {}).get("Port", 10250)
    return f"{host}:{port}"
