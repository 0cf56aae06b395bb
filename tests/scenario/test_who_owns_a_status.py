"""Several controllers apply to a pod's status: what one of them said stays when another speaks.

upstream: test/integration/podgc/podgc_test.go TestTerminatingOnOutOfServiceNode, pkg/controller/{podgc,disruption,nodelifecycle/scheduler},
their field managers, 1.28.
"""

from __future__ import annotations

from typing import Any

import kubelab as kl

Object = dict[str, Any]
OUT_OF_SERVICE = {"key": "node.kubernetes.io/out-of-service", "effect": "NoExecute"}


def lost_node(name: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        "status": {"conditions": [{"type": "Ready", "status": "False"}]},
    }


def pod_on(node: str, name: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "finalizers": ["test.k8s.io/finalizer"]},
        "spec": {"nodeName": node, "containers": [{"name": "foo", "image": "bar"}]},
    }


def managers(obj: Object) -> set[str]:
    return {entry["manager"] for entry in obj["metadata"]["managedFields"] if entry.get("subresource") == "status"}


def test_a_pod_that_was_marked_as_failed_stays_so_when_its_node_is_tainted_again() -> None:
    cluster = kl.Cluster(1)
    cluster.create(lost_node("lost"))
    cluster.create(pod_on("lost", "p"))
    cluster.delete("pod/p", grace_period=300)
    cluster.patch("node/lost", {"spec": {"taints": [OUT_OF_SERVICE]}})
    for _ in range(12):
        cluster.run("10s")
        status = cluster["pod/p"]["status"]
        assert status["phase"] in ("Pending", "Failed")
    assert status["phase"] == "Failed"
    assert [(each["type"], each["reason"]) for each in status["conditions"]] == [("DisruptionTarget", "DeletionByTaintManager")]
    _, raw = cluster.request("GET", "/api/v1/namespaces/default/pods/p")
    assert managers(raw) == {"PodGC", "TaintManager"}


def test_a_disruption_that_did_not_come_is_taken_back_under_its_own_name() -> None:
    cluster = kl.Cluster(1)
    cluster.create(lost_node("lost"))
    cluster.create(pod_on("lost", "p"))
    target = {"type": "DisruptionTarget", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    cluster.request(
        "PATCH",
        "/api/v1/namespaces/default/pods/p/status",
        {"status": {"phase": "Running", "conditions": [target]}},
        content_type="application/strategic-merge-patch+json",
    )
    cluster.run("2m30s")
    status = cluster["pod/p"]["status"]
    assert [(each["type"], each["status"]) for each in status["conditions"] if each["type"] == "DisruptionTarget"] == [
        ("DisruptionTarget", "False")
    ]
    _, raw = cluster.request("GET", "/api/v1/namespaces/default/pods/p")
    assert "DisruptionController" in managers(raw)


def test_an_eviction_of_a_version_that_is_not_there_is_refused() -> None:
    """TestEvictionVersions."""
    cluster = kl.Cluster(1)
    cluster.create(pod_on("node-1", "p"))
    path = "/api/v1/namespaces/default/pods/p/eviction"
    body: Object = {"apiVersion": "policy/v2", "kind": "Eviction", "metadata": {"name": "p"}}
    code, answer = cluster.request("POST", path, body)
    assert code == 400
    assert 'no kind "Eviction" is registered for version "policy/v2"' in answer["message"]
    for version in ("policy/v1", "policy/v1beta1"):
        code, answer = cluster.request("POST", path, {**body, "apiVersion": version, "deleteOptions": {"dryRun": ["All"]}})
        assert (code, answer["kind"]) == (201, "Status")
    assert "deletionTimestamp" not in cluster["pod/p"]["metadata"]
