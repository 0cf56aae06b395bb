"""Stories of ReplicaSets with the outcomes that upstream's tests expect.

upstream: test/e2e/apps/replica_set.go, test/integration/replicaset/replicaset_test.go, 1.28.
"""

from __future__ import annotations

from typing import Any

import pytest

import kubelab as kl
from tests.builders import pod, template
from tests.scenario.e2e import HTTPD, PAUSE, is_ready, names

Object = dict[str, Any]
COST = "controller.kubernetes.io/pod-deletion-cost"


def replica_set(replicas: int, name: str = "r", **spec: Any) -> Object:
    whole = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template(name, HTTPD), **spec}
    return {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": name, "labels": {"app": name}}, "spec": whole}


def up(cluster: kl.Cluster, replicas: int, **spec: Any) -> kl.Cluster:
    cluster.apply(replica_set(replicas, **spec))
    return cluster.run(until="rs/r ready")


def test_a_matching_pod_is_adopted_and_released_with_its_label(cluster: kl.Cluster) -> None:
    """upstream: should adopt matching pods on creation and release no longer matching pods."""
    cluster.apply(pod("pod-adoption-release", labels={"app": "r"}))
    cluster.apply(replica_set(1))
    cluster.run("5s")
    assert names(cluster) == ["pod-adoption-release"]
    assert cluster["pod/pod-adoption-release"]["metadata"]["ownerReferences"][0]["name"] == "r"
    cluster.patch("pod/pod-adoption-release", {"metadata": {"labels": {"app": "not-matching"}}})
    cluster.run("5s")
    assert not cluster["pod/pod-adoption-release"]["metadata"].get("ownerReferences")
    assert len(names(cluster)) == 2


def test_replace_and_patch(cluster: kl.Cluster) -> None:
    """upstream: Replace and Patch tests."""
    up(cluster, 1)
    cluster.scale("rs/r", 2)
    cluster.run(until="rs/r ready")
    spec = {"replicas": 3, "template": {"spec": {"containers": [{"name": "c", "image": PAUSE}]}}}
    cluster.patch("rs/r", {"metadata": {"labels": {"test-rs": "patched"}}, "spec": spec})
    cluster.run(until="rs/r ready")
    assert sorted(item["spec"]["containers"][0]["image"] for item in cluster.list("pods")) == [HTTPD, HTTPD, PAUSE]


def test_ready_is_not_yet_available(cluster: kl.Cluster) -> None:
    """upstream: test/integration TestReadyAndAvailableReplicas."""
    cluster.apply(replica_set(3, minReadySeconds=3600))
    cluster.run("20s")
    assert (cluster["rs/r"]["status"]["readyReplicas"], cluster["rs/r"]["status"].get("availableReplicas", 0)) == (3, 0)
    cluster.patch("rs/r", {"spec": {"minReadySeconds": 5}})
    cluster.run("10s")
    assert cluster["rs/r"]["status"]["availableReplicas"] == 3


@pytest.mark.parametrize(("cascade", "left"), [("foreground", 0), ("background", 0), ("orphan", 2)])
def test_how_pods_follow_a_deleted_replica_set(cluster: kl.Cluster, cascade: str, left: int) -> None:
    """upstream: test/e2e/apimachinery/garbage_collector.go; test/integration TestRSScale…, TestDeletingAndFailedPods."""
    up(cluster, 2)
    cluster.delete("rs/r", cascade=cascade)
    if cascade == "foreground":
        assert cluster["rs/r"]["metadata"]["finalizers"] == ["foregroundDeletion"]
    cluster.run("1m")
    assert (names(cluster, "rs"), len(names(cluster))) == ([], left)


def test_deleting_and_failed_pods_do_not_count(cluster: kl.Cluster) -> None:
    """upstream: test/integration TestDeletingAndFailedPods."""
    up(cluster, 2)
    deleting, failing = names(cluster)
    cluster.patch(f"pod/{deleting}", {"metadata": {"finalizers": ["fake/finalizer"]}})
    cluster.delete(f"pod/{deleting}", grace_period=0)
    path = f"/api/v1/namespaces/default/pods/{failing}/status"
    assert cluster.request("PATCH", path, {"status": {"phase": "Failed"}}, content_type="application/merge-patch+json")[0] == 200
    cluster.run("10s")
    kept = [item for item in cluster.list("pods") if item["metadata"]["name"] not in (deleting, failing)]
    assert len(kept) == 2 and all(is_ready(item) for item in kept)
    assert cluster["rs/r"]["status"]["replicas"] == 2


def test_the_pod_that_costs_least_goes_first(cluster: kl.Cluster) -> None:
    """upstream: test/integration TestPodDeletionCost."""
    up(cluster, 2)
    dear, cheap = names(cluster)
    cluster.patch(f"pod/{dear}", {"metadata": {"annotations": {COST: "100"}}})
    cluster.run("2s")
    cluster.scale("rs/r", 1)
    cluster.run("1m")
    assert names(cluster) == [dear]
    with pytest.raises(kl.ApiError, match="must be a 32bit integer"):
        cluster.patch(f"pod/{dear}", {"metadata": {"annotations": {COST: "+10"}}})


def test_spread_pods_are_taken_where_most_are(cluster: kl.Cluster) -> None:
    """upstream: pkg/controller ActivePodsWithRanks: of equal pods the one with most siblings on its node goes first."""
    up(cluster, 4)
    cluster.scale("rs/r", 3)
    cluster.run("1m")
    assert len({item["spec"]["nodeName"] for item in cluster.list("pods")}) == 3
