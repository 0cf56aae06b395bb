"""Lifecycle hooks by HTTP: what is asked for, where, and the words of a failure.

upstream: pkg/kubelet/lifecycle/handlers_test.go, pkg/probe/http/request_test.go, 1.28.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.kubelet.pod.hooks import port_of, url_of
from tests.unit.kubelet.world import Node, container, pod

Object = dict[str, Any]
IP = "233.252.0.1"
QUUX = {"name": "containerFoo", "ports": [{"name": "quux", "containerPort": 8080}]}
ADDRESSES: list[tuple[Object, str, str, str]] = [
    # handlers_test.go TestRunHTTPHandler: the action, the pod's address, what is asked for, the whole address
    ({"path": "foo", "port": "42", "host": "example.test", "scheme": "http"}, "", "/foo", "http://example.test:42/foo"),
    ({"path": "foo", "port": "42", "scheme": "http"}, IP, "/foo", f"http://{IP}:42/foo"),
    ({"path": "/foo", "port": "42", "scheme": "http"}, IP, "/foo", f"http://{IP}:42/foo"),
    ({"path": "foo", "port": "quux", "scheme": "http"}, IP, "/foo", f"http://{IP}:8080/foo"),
    ({"path": "foo", "port": "4430", "scheme": "https"}, IP, "/foo", f"https://{IP}:4430/foo"),
    ({"path": "foo", "port": "80", "scheme": "baz"}, IP, "/foo", f"baz://{IP}:80/foo"),
    ({"path": "foo?k=v", "port": "80", "scheme": "http"}, IP, "/foo?k=v", f"http://{IP}:80/foo?k=v"),
    ({"path": "foo#frag", "port": "80", "scheme": "http"}, IP, "/foo", f"http://{IP}:80/foo#frag"),
    # http_test.go TestFormatURL
    ({"port": 93}, "localhost", "/", "http://localhost:93"),
    ({"path": "/path", "port": 93, "scheme": "https"}, "localhost", "/path", "https://localhost:93/path"),
    ({"path": "?foo", "port": 93}, "localhost", "/?foo", "http://localhost:93?foo"),
    ({"path": "/path?bar", "port": 93, "scheme": "https"}, "localhost", "/path?bar", "https://localhost:93/path?bar"),
    ({"path": "/path", "port": 93}, "::1", "/path", "http://[::1]:93/path"),
]


@pytest.mark.parametrize(("action", "ip", "path", "url"), ADDRESSES)
def test_what_is_asked_for(action: Object, ip: str, path: str, url: str) -> None:
    port = port_of(action["port"], QUUX)
    assert isinstance(port, int)
    assert url_of(action, action.get("host") or ip, port) == (path, url)


def test_a_hook_that_nobody_answers_tells_where_it_asked() -> None:
    # handlers_test.go TestRunHandlerHttpFailure
    node = Node()
    hook = {"postStart": {"httpGet": {"path": "foo?k=v#frag", "port": 8080, "scheme": "HTTP"}}}
    node.start(pod(container(lifecycle=hook)))
    node.run("5s")
    found = node.pod()
    assert found is not None
    ip = found["status"]["podIP"]
    assert node.state()["state"]["waiting"]["message"] == (
        f'HTTP lifecycle hook (foo?k=v#frag) for Container "c" in Pod "web_default({found["metadata"]["uid"]})" failed - error: '
        f'Get "http://{ip}:8080/foo?k=v#frag": dial tcp {ip}:8080: connect: connection refused'
    )


def test_a_host_that_has_no_address() -> None:
    node = Node()
    node.start(pod(container(lifecycle={"postStart": {"httpGet": {"port": 80, "host": "example.test"}}})))
    node.run("5s")
    assert node.state()["state"]["waiting"]["message"].endswith(
        ' failed - error: Get "http://example.test:80": dial tcp: lookup example.test: no such host'
    )


def test_names_of_ports() -> None:
    # handlers_test.go TestResolvePortInt, TestResolvePortString, TestResolvePortStringUnknown
    assert port_of(80, {"name": "c"}) == 80
    assert port_of("foo", {"name": "c", "ports": [{"name": "foo", "containerPort": 80}]}) == 80
    assert isinstance(port_of("foo", {"name": "c", "ports": [{"name": "bar", "containerPort": 80}]}), str)
