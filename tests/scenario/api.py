"""Asking the raw door: builders and what a table row compares, for the tests named ``test_api_*``."""

from __future__ import annotations

from typing import Any

import kubelab as kl
from kubelab.apiserver import raw
from kubelab.apiserver.request import ADMIN

CORE = "/api/v1/namespaces/default"
APPS = "/apis/apps/v1/namespaces/default"
MERGE, JSON, STRATEGIC, APPLY = (
    "application/merge-patch+json",
    "application/json-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
)
Object = dict[str, Any]


def config_map(name: str, **fields: Any) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, **fields}


def deployment(name: str, **spec: Any) -> Object:
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "c", "image": "nginx"}]}}
    spec = {"selector": {"matchLabels": {"app": name}}, "template": template, **spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def pod(name: str, **spec: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [{"name": "c", "image": "nginx"}], **spec},
    }


def refusal(cluster: kl.Cluster, method: str, path: str, body: Any = None, content_type: str = "", **more: Any) -> tuple[int, str, str]:
    """Code, reason and message of what must be a Status."""
    code, status = cluster.request(method, path, body, content_type=content_type, **more)
    assert status["kind"] == "Status" and status["status"] == "Failure", (code, status)
    assert status["code"] == code
    return code, status.get("reason", ""), status["message"]


def warnings(cluster: kl.Cluster, method: str, path: str, body: Any, content_type: str = "") -> list[str]:
    """The warnings of an accepted request, which travel in headers."""
    engine = cluster._engine
    answer = raw.ask(engine.server, engine.handle, engine.now_ns, method, path, body, content_type, ADMIN, {})
    assert answer.code < 300, answer
    return list(answer.warnings)


def ask(cluster: kl.Cluster, method: str, path: str, body: Any = None, content_type: str = "", agent: str = "alpha/1") -> Object:
    """What must be accepted, by the client ``agent``."""
    code, answer = cluster.request(method, path, body, content_type=content_type, headers={"User-Agent": agent})
    assert code < 300, answer
    return dict(answer)
