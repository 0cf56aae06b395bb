"""Evictions against budgets, over upstream's own tables.

upstream: pkg/registry/core/pod/storage/eviction_test.go, 1.28.
"""

from __future__ import annotations

import pytest

from kubelab.store.log import Object
from tests.unit.apiserver_authorization import builders as b
from tests.unit.controllers_upstream.rows import Row, rows

FILE = "evictions"
LABELS = {"a": "true"}


def policy_of(name: str) -> str:
    return name.rpartition(" with ")[2].removesuffix(" policy")


def budget(given: Object, policy: str) -> Object:
    spec = {**given.get("spec", {}), **({"unhealthyPodEvictionPolicy": policy} if policy != "nil" else {})}
    counts = dict.fromkeys(("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"), 0)
    status = {"observedGeneration": 1, **counts, **given.get("status", {})}
    meta = {"generation": 1, **given["metadata"]}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta, "spec": spec, "status": status}


def told(response: Object) -> str:
    """As upstream's test prints an error: message, reason, causes."""
    if response.get("status") != "Failure":
        return ""
    causes = [each["message"] for each in (response.get("details") or {}).get("causes") or ()]
    parts = [response["message"], response.get("reason", "") or "", *(each for each in causes if not response["message"].endswith(each))]
    return ": ".join(parts)


def evicted(row: Row, name: str) -> tuple[Object, Object | None]:
    server = b.with_namespaces("default")
    b.create(server, b.pod(row["podName"], meta={"labels": LABELS}, nodeName="foo"))
    ready = [{"type": row["prc"]["Type"], "status": row["prc"]["Status"]}] if row["prc"] and row["prc"].get("Type") else []
    if row["podPhase"]:
        b.merge(
            server, "pods", "default", row["podName"], {"status": {"phase": row["podPhase"], "conditions": ready}}, subresource="status"
        )
    if row["podTerminating"]:
        b.call(server, "delete", "pods", "default", row["podName"])
    for given in row["pdbs"] or ():
        b.put(server, "poddisruptionbudgets.policy", budget(given, policy_of(name)))
    meta = row["eviction"]["ObjectMeta"]
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": meta["name"], "namespace": "default"}}
    body["deleteOptions"] = row["eviction"].get("DeleteOptions") or {}
    called = row["podName"] + ("bad-name" if row["badNameInURL"] else "")
    answer = b.call(server, "create", "pods", "default", called, "eviction", body=body)
    return answer.object, server.store.head.get("pods", "default", row["podName"])


@pytest.mark.parametrize("row, name", [pytest.param(each.values[0], each.id, id=each.id) for each in rows(FILE, "TestEviction")])
def test_eviction(row, name):
    answer, left = evicted(row, name)

    assert told(answer) == (row["expectError"] or "")
    if not row["expectError"]:
        assert (left is None) == bool(row["expectDeleted"])


def undisturbed() -> list[object]:
    """Upstream's stand-in for a store fails in some rows; and a pod that is there is there."""
    failing = ("test designed to error", "conflict", "not found", "retry")
    found = [
        each
        for each in rows(FILE, "TestEvictionIgnorePDB")
        if not any(word in f"{each.values[0]['expectError']} {each.id}" for word in failing)
    ]
    return [pytest.param(each.values[0], each.id, id=each.id) for each in found]


@pytest.mark.parametrize("row, name", undisturbed())
def test_eviction_past_a_budget(row, name):
    answer, left = evicted(row, name)

    assert told(answer) == (row["expectError"] or "")
    if not row["expectError"]:
        assert left is None or left["metadata"].get("deletionTimestamp")
