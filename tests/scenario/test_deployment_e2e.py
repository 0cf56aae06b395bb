"""Stories of Deployments with the outcomes that upstream's end-to-end and integration tests expect.

upstream: test/e2e/apps/deployment.go, test/integration/deployment/deployment_test.go, 1.28.
"""

from __future__ import annotations

from typing import Any

import kubelab as kl
from kubelab.world.streams import Streams
from tests.builders import deployment, image_patch, template
from tests.scenario.e2e import AGNHOST, HTTPD, NEW_HTTPD, PAUSE, conditions, is_ready, names

Object = dict[str, Any]
REVISION = "deployment.kubernetes.io/revision"
MAX_REPLICAS = "deployment.kubernetes.io/max-replicas"


def up(cluster: kl.Cluster, replicas: int = 1, image: str = HTTPD, **spec: Any) -> kl.Cluster:
    cluster.apply(deployment("d", replicas, image, **spec))
    return cluster.run(until="deployment/d ready")


def replica_set(name: str, replicas: int, **annotations: str) -> Object:
    meta = {"name": name, "labels": {"app": "d"}, "annotations": annotations}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "d"}}, "template": template("d", HTTPD)}
    return {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta, "spec": spec}


def sizes(cluster: kl.Cluster) -> list[int]:
    return sorted(item["spec"]["replicas"] for item in cluster.list("rs"))


def status(cluster: kl.Cluster) -> Object:
    return dict(cluster["deployment/d"]["status"])


def test_a_rolling_update_takes_over_a_replica_set_and_goes_on_from_its_revision(cluster: kl.Cluster) -> None:
    """upstream: RollingUpdateDeployment should delete old pods and create new ones."""
    cluster.apply(replica_set("test-rolling-update-controller", 1, **{REVISION: "3546343826724305832"}))
    cluster.run(until="rs/test-rolling-update-controller ready")
    up(cluster, 1, AGNHOST)
    assert cluster["deployment/d"]["metadata"]["annotations"][REVISION] == "3546343826724305833"
    old = cluster["rs/test-rolling-update-controller"]
    assert (old["spec"]["replicas"], old["metadata"]["ownerReferences"][0]["name"]) == (0, "d")
    assert len(names(cluster, "rs")) == 2


def test_recreate_never_runs_new_pods_beside_old_ones(cluster: kl.Cluster) -> None:
    """upstream: RecreateDeployment should delete old pods and create new ones."""
    up(cluster, 2, strategy={"type": "Recreate"})
    cluster.patch("deployment/d", image_patch(NEW_HTTPD))
    images = {}
    for _ in range(150):
        cluster.run("200ms")
        images = {pod["spec"]["containers"][0]["image"]: True for pod in cluster.list("pods")}
        assert len(images) <= 1
    assert list(images) == [NEW_HTTPD]


def test_old_replica_sets_go_when_the_history_limit_is_zero(cluster: kl.Cluster) -> None:
    """upstream: deployment should delete old replica sets."""
    cluster.apply(replica_set("test-cleanup-controller", 1))
    cluster.run(until="rs/test-cleanup-controller ready")
    up(cluster, 1, AGNHOST, revisionHistoryLimit=0)
    cluster.run("10s")
    assert [name.startswith("d-") for name in names(cluster, "rs")] == [True]


def test_rollover_leaves_a_hanging_update_behind(cluster: kl.Cluster) -> None:
    """upstream: deployment should support rollover."""
    cluster.apply(replica_set("test-rollover-controller", 1))
    cluster.run(until="rs/test-rollover-controller ready")
    bounds = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    cluster.apply(deployment("d", 1, "nginx:1.161", minReadySeconds=10, strategy=bounds))
    cluster.run("5s")
    assert sizes(cluster) == [1, 1]
    cluster.patch("deployment/d", image_patch(AGNHOST))
    cluster.run("5s")
    assert cluster["deployment/d"]["metadata"]["annotations"][REVISION] == "2"
    cluster.run(until="deployment/d ready")
    assert sizes(cluster) == [0, 0, 1]
    assert cluster["rs/test-rollover-controller"]["spec"]["replicas"] == 0


def test_orphaned_replica_sets_are_adopted_by_the_next_deployment(cluster: kl.Cluster) -> None:
    """upstream: test orphaning of RS, adoption (testDeploymentsControllerRef)."""
    up(cluster)
    name = names(cluster, "rs")[0]
    cluster.patch(f"rs/{name}", {"metadata": {"ownerReferences": None}}, type="merge")
    cluster.run("2s")
    assert cluster[f"rs/{name}"]["metadata"]["ownerReferences"][0]["name"] == "d"
    cluster.delete("deployment/d", cascade="orphan")
    cluster.run("5s")
    assert not cluster[f"rs/{name}"]["metadata"].get("ownerReferences")
    other = deployment("d", 1, HTTPD)
    other["metadata"]["name"] = "d2"
    cluster.apply(other)
    cluster.run(until="deployment/d2 ready")
    assert (names(cluster, "rs"), len(names(cluster))) == ([name], 1)
    assert cluster[f"rs/{name}"]["metadata"]["ownerReferences"][0]["name"] == "d2"


def test_scaling_in_the_middle_of_an_update_is_proportional(cluster: kl.Cluster) -> None:
    """upstream: deployment should support proportional scaling."""
    up(cluster, 10, strategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 3, "maxUnavailable": 2}})
    cluster.patch("deployment/d", image_patch("httpd:404"))
    cluster.run("20s")
    assert (sizes(cluster), status(cluster)["availableReplicas"]) == ([5, 8], 8)
    cluster.scale("deployment/d", 30)
    cluster.run("20s")
    assert sizes(cluster) == [13, 20]
    assert [item["metadata"]["annotations"][MAX_REPLICAS] for item in cluster.list("rs")] == ["33", "33"]


def test_the_life_of_a_deployment(cluster: kl.Cluster) -> None:
    """upstream: should run the lifecycle of a Deployment."""
    obj = deployment("d", 1, HTTPD)
    obj["metadata"]["labels"] = {"test-deployment-static": "true"}
    cluster.create(obj)
    cluster.run(until="deployment/d ready")
    spec = {"replicas": 2, "template": {"spec": {"terminationGracePeriodSeconds": 1, "containers": [{"name": "c", "image": PAUSE}]}}}
    cluster.patch("deployment/d", {"metadata": {"labels": {"test-deployment": "patched"}}, "spec": spec})
    cluster.run(until="deployment/d ready")
    assert status(cluster)["readyReplicas"] == 2
    path = "/apis/apps/v1/namespaces/default/deployments"
    body = {"metadata": {"labels": {"test-deployment": "patched-status"}}, "status": {"readyReplicas": 0, "availableReplicas": 0}}
    code, found = cluster.request("PATCH", f"{path}/d/status", body, content_type="application/strategic-merge-patch+json")
    assert (code, found["status"].get("readyReplicas", 0)) == (200, 0)
    assert cluster.request("DELETE", f"{path}?labelSelector=test-deployment-static%3Dtrue")[0] == 200
    cluster.run("1m")
    assert names(cluster, "deployments") == names(cluster, "rs") == names(cluster) == []


def test_a_condition_of_somebody_else_stays(cluster: kl.Cluster) -> None:
    """upstream: should validate Deployment Status endpoints."""
    up(cluster)
    path = "/apis/apps/v1/namespaces/default/deployments/d/status"
    obj = cluster.request("GET", path)[1]
    obj["status"]["conditions"].append({"type": "StatusUpdate", "status": "True", "reason": "E2E", "message": "Set from e2e test"})
    assert cluster.request("PUT", path, obj)[0] == 200
    cluster.scale("deployment/d", 2)
    cluster.run(until="deployment/d ready")
    assert conditions(cluster["deployment/d"])["StatusUpdate"] == ("True", "E2E")


def test_a_paused_deployment_scales_but_does_not_roll(cluster: kl.Cluster) -> None:
    """upstream: test/integration TestPausedDeployment, TestScalePausedDeployment."""
    cluster.apply(deployment("d", 1, HTTPD, paused=True))
    cluster.run("5s")
    assert names(cluster, "rs") == []
    cluster.rollout("deployment/d").resume()
    cluster.run(until="deployment/d ready")
    cluster.rollout("deployment/d").pause()
    cluster.patch("deployment/d", image_patch(NEW_HTTPD))
    cluster.scale("deployment/d", 10)
    cluster.run("20s")
    assert (sizes(cluster), conditions(cluster["deployment/d"])["Progressing"]) == ([10], ("Unknown", "DeploymentPaused"))
    assert status(cluster)["observedGeneration"] == cluster["deployment/d"]["metadata"]["generation"]
    cluster.rollout("deployment/d").resume()
    cluster.run(until="deployment/d ready")
    assert sizes(cluster) == [0, 10]


def test_a_deadline_that_passes_is_told_and_taken_back_after_the_undo(cluster: kl.Cluster) -> None:
    """upstream: test/integration TestFailedDeployment, TestRollbackDeploymentRSNoRevision."""
    up(cluster, 2, progressDeadlineSeconds=5)
    cluster.patch("deployment/d", image_patch("httpd:404"))
    cluster.run("20s")
    assert conditions(cluster["deployment/d"])["Progressing"] == ("False", "ProgressDeadlineExceeded")
    cluster.rollout("deployment/d").undo()
    cluster.run(until="deployment/d ready")
    cluster.run("2s")
    assert conditions(cluster["deployment/d"])["Progressing"] == ("True", "NewReplicaSetAvailable")
    assert cluster["deployment/d"]["metadata"]["annotations"][REVISION] == "3"


def test_all_may_be_unavailable_at_once(cluster: kl.Cluster) -> None:
    """upstream: test/integration TestDeploymentRollingUpdate, maxUnavailable 100%."""
    up(cluster, 1, strategy={"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "100%", "maxSurge": "30%"}})
    cluster.patch("deployment/d", image_patch("httpd:404"))
    cluster.run("20s")
    assert (sizes(cluster), status(cluster).get("availableReplicas", 0)) == ([0, 1], 0)


def test_a_hash_collision_makes_another_name(cluster: kl.Cluster) -> None:
    """upstream: test/integration TestDeploymentHashCollision."""
    up(cluster)
    name = names(cluster, "rs")[0]
    cluster.delete("deployment/d", cascade="orphan")
    cluster.run("5s")
    cluster.patch(f"rs/{name}", [{"op": "replace", "path": "/metadata/labels/app", "value": "another"}], type="json")
    up(cluster)
    assert status(cluster)["collisionCount"] == 1
    assert len(names(cluster, "rs")) == 2


def test_the_quota_that_stops_it_is_told_and_forgotten(cluster: kl.Cluster) -> None:
    """upstream: test/integration/replicaset TestReplicaSetsStatus conditions; test/e2e/apps/replica_set.go should surface a failure condition."""
    cluster.apply({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "condition-test"}, "spec": {"hard": {"pods": "2"}}})
    cluster.run("2s")
    cluster.apply(deployment("d", 3, HTTPD))
    cluster.run("20s")
    assert conditions(cluster.list("rs")[0])["ReplicaFailure"] == ("True", "FailedCreate")
    assert conditions(cluster["deployment/d"])["ReplicaFailure"] == ("True", "FailedCreate")
    cluster.scale("deployment/d", 2)
    cluster.run("20s")
    assert "ReplicaFailure" not in conditions(cluster.list("rs")[0]) | conditions(cluster["deployment/d"])


def test_twenty_random_changes_end_well(cluster: kl.Cluster) -> None:
    """upstream: iterative rollouts should eventually progress (testIterativeDeployments)."""
    up(cluster, 6)
    draw = Streams(5)
    for index in range(20):
        what = draw.below("what", 5)
        paused = bool(cluster["deployment/d"]["spec"].get("paused"))
        rollout = cluster.rollout("deployment/d")
        if what == 0:
            change = {"spec": {"template": {"spec": {"containers": [{"name": "c", "env": [{"name": "A", "value": str(index)}]}]}}}}
            cluster.patch("deployment/d", change)
        elif what == 1 and not paused and len(rollout.history()) > 1:
            rollout.undo()
        elif what == 2:
            cluster.scale("deployment/d", max(1, cluster["deployment/d"]["spec"]["replicas"] + draw.below("by", 3) - 1))
        elif what == 3:
            rollout.resume() if paused else rollout.pause()
        else:
            for pod in cluster.list("pods"):
                if draw.below("pod", 2):
                    cluster.delete(pod)
        cluster.run(draw.below("pause", 5))
    if cluster["deployment/d"]["spec"].get("paused"):
        cluster.rollout("deployment/d").resume()
    cluster.run(until="deployment/d ready", timeout="5m")
    assert conditions(cluster["deployment/d"])["Progressing"] == ("True", "NewReplicaSetAvailable")
    assert all(is_ready(pod) for pod in cluster.list("pods") if "deletionTimestamp" not in pod["metadata"])
