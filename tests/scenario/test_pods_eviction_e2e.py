"""Evictions against budgets with the outcomes that upstream's end-to-end tests expect. upstream: test/e2e/apps/disruption.go, 1.28."""

from __future__ import annotations

from typing import Any

import pytest

import kubelab as kl
from tests.builders import deployment, pod
from tests.scenario.e2e import names

Object = dict[str, Any]
ROWS = [
    ("no PDB", {}, 3, 0, True),
    ("too few pods, absolute", {"minAvailable": 2}, 2, 0, False),
    ("enough pods, absolute", {"minAvailable": 2}, 3, 0, True),
    ("enough pods, replicaSet, percentage", {"minAvailable": "90%"}, 0, 10, True),
    ("too few pods, replicaSet, percentage", {"minAvailable": "90%"}, 0, 9, False),
    ("maxUnavailable allow single eviction, percentage", {"maxUnavailable": "10%"}, 0, 10, True),
    ("maxUnavailable deny evictions, integer", {"maxUnavailable": 1}, 1, 5, False),
]


def budget(**bounds: Any) -> Object:
    spec = {"selector": {"matchLabels": {"app": "d"}}, **bounds}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "foo"}, "spec": spec}


def evict(cluster: kl.Cluster, name: str) -> tuple[int, Object]:
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": "default"}}
    return cluster.request("POST", f"/api/v1/namespaces/default/pods/{name}/eviction", body)


@pytest.mark.parametrize(("title", "bounds", "pods", "replicas", "allowed"), ROWS, ids=[row[0] for row in ROWS])
def test_evictions(cluster: kl.Cluster, title: str, bounds: Object, pods: int, replicas: int, allowed: bool) -> None:
    for index in range(pods):
        unready = {"readinessGates": [{"conditionType": "example.com/never"}]} if bounds.get("maxUnavailable") == 1 else {}
        labels = {} if unready else {"app": "d"}
        cluster.create(pod(f"pod-{index}", labels=labels, **unready))
    if replicas:
        broken = {"readinessGates": [{"conditionType": "example.com/never"}]} if title.startswith("maxUnavailable deny") else {}
        cluster.create(deployment("d", replicas, pod_spec=broken))
    if bounds:
        cluster.create(budget(**bounds))
    cluster.run("20s")
    name = names(cluster, selector="app=d")[0]
    if title.startswith("maxUnavailable deny"):
        body = {"status": {"conditions": [{"type": "example.com/never", "status": "True"}]}}
        path = f"/api/v1/namespaces/default/pods/{name}/status"
        assert cluster.request("PATCH", path, body, content_type="application/strategic-merge-patch+json")[0] == 200
        cluster.run("5s")
    code, answer = evict(cluster, name)
    assert code == (201 if allowed else 429)
    assert allowed or answer["message"] == "Cannot evict pod as it would violate the pod's disruption budget."


def test_an_eviction_is_blocked_until_the_budget_allows_it(cluster: kl.Cluster) -> None:
    """upstream: should block an eviction until the PDB is updated to allow it."""
    cluster.create(deployment("d", 3))
    cluster.create(budget(minAvailable=3))
    cluster.run("20s")
    name = names(cluster)[0]
    code, answer = evict(cluster, name)
    cause = {"reason": "DisruptionBudget", "message": "The disruption budget foo needs 3 healthy pods and has 3 currently"}
    assert (code, answer["details"]["causes"]) == (429, [cause])
    cluster.patch("pdb/foo", {"spec": {"minAvailable": 2}})
    cluster.run("2s")
    assert cluster["pdb/foo"]["status"]["observedGeneration"] == 2
    assert evict(cluster, name)[0] == 201
    cluster.delete("pdb/foo")
    assert evict(cluster, names(cluster)[1])[0] == 201
