"""Audit events beside those of a real control plane: the same call leaves the same event.

The recorded ones are of kube-apiserver 1.20.2 (tests/data/audit/README.md).
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

import kubelab as kl
from tests.builders import deployment, statefulset

RECORDED = Path(__file__).parent.parent / "data" / "audit" / "real-1.20-each-kind.jsonl.gz"


def real() -> dict[tuple[Any, ...], dict[str, Any]]:
    """One recorded event of a real 1.20 API server per verb, resource, component and code."""
    with gzip.open(RECORDED, "rt") as lines:
        return {kind_of(event): event for event in map(json.loads, lines)}


def kind_of(event: dict[str, Any]) -> tuple[Any, ...]:
    reference = event.get("objectRef") or {}
    component = (
        event["userAgent"].rpartition("/")[2] if "system:serviceaccount" in event["userAgent"] else event["userAgent"].partition("/")[0]
    )
    return (event["verb"], reference.get("resource"), reference.get("subresource"), component, event["responseStatus"]["code"])


@pytest.fixture(scope="module")
def ours() -> dict[tuple[Any, ...], dict[str, Any]]:
    cluster = kl.Cluster(
        3, audit_policy={"apiVersion": "audit.k8s.io/v1", "omitStages": ["RequestReceived"], "rules": [{"level": "RequestResponse"}]}
    )
    cluster.apply([statefulset("web", 3), deployment("shop", 4)])
    cluster.run(until="sts/web ready")
    cluster.patch("sts/web", {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "nginx:1.24"}]}}}})
    cluster.patch("deployment/shop", {"spec": {"template": {"metadata": {"labels": {"v": "2"}}}}})
    cluster.run("2m")
    cluster.scale("sts/web", 1)
    cluster.run("1m")
    cluster.delete("sts/web")
    cluster.run("1m")
    return {kind_of(event): event for event in cluster.audit_events()}


SAME = [
    ("create", "pods", None, "system:serviceaccount:kube-system:replicaset-controller", 201),
    ("create", "pods", None, "system:serviceaccount:kube-system:statefulset-controller", 201),
    ("create", "pods", "binding", "kube-scheduler", 201),
    ("create", "events", None, "kube-scheduler", 201),
    ("create", "events", None, "system:serviceaccount:kube-system:statefulset-controller", 201),
    ("create", "controllerrevisions", None, "system:serviceaccount:kube-system:statefulset-controller", 201),
    ("create", "replicasets", None, "system:serviceaccount:kube-system:deployment-controller", 201),
    ("update", "statefulsets", "status", "system:serviceaccount:kube-system:statefulset-controller", 200),
    ("update", "deployments", "status", "system:serviceaccount:kube-system:deployment-controller", 200),
    ("update", "replicasets", None, "system:serviceaccount:kube-system:deployment-controller", 200),
    ("update", "replicasets", "status", "system:serviceaccount:kube-system:replicaset-controller", 200),
    ("delete", "pods", None, "system:serviceaccount:kube-system:statefulset-controller", 200),
    ("delete", "controllerrevisions", None, "system:serviceaccount:kube-system:generic-garbage-collector", 200),
]


@pytest.mark.parametrize("kind", SAME, ids=lambda kind: " ".join(str(part).rpartition(":")[2] for part in kind if part))
def test_the_same_call_leaves_the_same_event_as_a_real_control_plane(
    kind: tuple[Any, ...], ours: dict[tuple[Any, ...], dict[str, Any]]
) -> None:
    event, model = ours[kind], real()[kind]
    bodies = ("requestObject", "responseObject")
    assert [name for name in event if name in model or name not in bodies] == list(model)  # the recording policy left some without bodies
    assert list(event["objectRef"]) == list(model["objectRef"])
    for name in ("resource", "apiGroup", "apiVersion", "subresource"):
        assert event["objectRef"].get(name) == model["objectRef"].get(name)
    said = {name: text for name, text in event["annotations"].items() if not name.startswith("pod-security")}  # on since 1.23
    assert said == model["annotations"]
    assert event["user"]["username"] == model["user"]["username"]
    assert event["user"]["groups"] == model["user"]["groups"]
    for name in ("metadata", "status", "reason", "code"):  # 1.28 has message and details too
        assert event["responseStatus"].get(name) == model["responseStatus"].get(name)
    assert event["userAgent"] == model["userAgent"].replace("v1.20.2", "v1.28.0").replace("kubernetes/none", "kubernetes/855e7c4")
    assert event["sourceIPs"] == model["sourceIPs"]
    if "requestObject" in model:
        assert {"kind", "apiVersion"} <= event["requestObject"].keys()
        assert event["requestObject"].keys() == model["requestObject"].keys()
        assert event["requestObject"]["kind"] == model["requestObject"]["kind"]
        assert event["requestObject"]["apiVersion"] == model["requestObject"]["apiVersion"]
        ignored = {"labels", "annotations", "finalizers"}
        assert set(event["requestObject"].get("metadata", {})) - ignored == set(model["requestObject"].get("metadata", {})) - ignored
    if "responseObject" in model:
        assert event["responseObject"]["kind"] == model["responseObject"]["kind"]
        assert "managedFields" in event["responseObject"]["metadata"] or "managedFields" not in model["responseObject"]["metadata"]
