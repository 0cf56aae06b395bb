"""Stories of StatefulSets with the outcomes that upstream's end-to-end tests expect.

upstream: test/e2e/apps/statefulset.go, test/integration/statefulset/statefulset_test.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

import kubelab as kl
from tests.builders import claim_template, container, image_patch, pod
from tests.scenario.e2e import HTTPD, NEW_HTTPD, PAUSE, break_probe, is_ready, names, order, restore_probe, revisions, web_set

Make = Callable[..., kl.Cluster]
RETAIN_ALL = {"whenDeleted": "Retain", "whenScaled": "Retain"}


def up(cluster: kl.Cluster, replicas: int = 3, **spec: object) -> kl.Cluster:
    cluster.apply(web_set("ss", replicas, **spec))
    return cluster.run(until="sts/ss ready")


def status(cluster: kl.Cluster) -> dict[str, object]:
    return dict(cluster["sts/ss"]["status"])


def images(cluster: kl.Cluster) -> list[str]:
    return [item["spec"]["containers"][0]["image"] for item in cluster.list("pods")]


def test_update_and_rollback_go_from_the_highest_ordinal_down_and_wait_for_a_broken_pod(cluster: kl.Cluster) -> None:
    """upstream: should perform rolling updates and roll backs of template modifications."""
    up(cluster)
    first = status(cluster)["currentRevision"]
    assert status(cluster)["updateRevision"] == first
    assert revisions(cluster) == [first] * 3
    break_probe(cluster, "ss-1")
    cluster.patch("sts/ss", image_patch(NEW_HTTPD))
    cluster.run("30s")
    second = status(cluster)["updateRevision"]
    assert second != status(cluster)["currentRevision"] == first
    assert images(cluster) == [HTTPD] * 3
    restore_probe(cluster, "ss-1")
    cluster.run(until="sts/ss ready")
    assert (status(cluster)["currentRevision"], images(cluster)) == (second, [NEW_HTTPD] * 3)
    break_probe(cluster, "ss-1")
    cluster.patch("sts/ss", image_patch(HTTPD))
    cluster.run("5s")
    restore_probe(cluster, "ss-1")
    cluster.run(until="sts/ss ready")
    assert (status(cluster)["currentRevision"], images(cluster)) == (first, [HTTPD] * 3)
    assert order(cluster, "DELETED") == ["ss-2", "ss-1", "ss-0"] * 2


def test_canary_and_phased_update_by_partition(cluster: kl.Cluster) -> None:
    """upstream: should perform canary updates and phased rolling updates of template modifications."""
    up(cluster, updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 3}})
    old = status(cluster)["currentRevision"]
    cluster.patch("sts/ss", image_patch(NEW_HTTPD))
    cluster.run("30s")
    new = status(cluster)["updateRevision"]
    assert new != old and revisions(cluster) == [old] * 3
    cluster.patch("sts/ss", {"spec": {"updateStrategy": {"rollingUpdate": {"partition": 2}}}})
    cluster.run(until="sts/ss ready")
    assert revisions(cluster) == [old, old, new]
    for name in ("ss-0", "ss-2"):  # restored to the revision on their side of the partition
        cluster.delete(f"pod/{name}")
    cluster.run("1m")
    assert revisions(cluster) == [old, old, new] and status(cluster)["readyReplicas"] == 3
    for partition in (1, 0):
        cluster.patch("sts/ss", {"spec": {"updateStrategy": {"rollingUpdate": {"partition": partition}}}})
        cluster.run(until="sts/ss ready")
        assert revisions(cluster) == [old] * partition + [new] * (3 - partition)
    assert status(cluster)["currentRevision"] == new


def test_on_delete_replaces_nothing_by_itself(cluster: kl.Cluster) -> None:
    """upstream: should implement legacy replacement when the update strategy is OnDelete."""
    up(cluster, updateStrategy={"type": "OnDelete"})
    old = status(cluster)["currentRevision"]
    cluster.delete("pod/ss-1")
    cluster.run("1m")
    assert revisions(cluster) == [old] * 3
    cluster.patch("sts/ss", image_patch(NEW_HTTPD))
    cluster.run("1m")
    new = status(cluster)["updateRevision"]
    assert new != old and revisions(cluster) == [old] * 3
    for ordinal in range(3):
        cluster.delete(f"pod/ss-{ordinal}")
    cluster.run("2m")
    assert revisions(cluster) == [new] * 3 and images(cluster) == [NEW_HTTPD] * 3


def test_scaling_goes_in_order_and_halts_at_an_unhealthy_pod(cluster: kl.Cluster) -> None:
    """upstream: Scaling should happen in predictable order and halt if any stateful pod is unhealthy."""
    up(cluster, 1)
    break_probe(cluster, "ss-0")
    cluster.scale("sts/ss", 3)
    cluster.run("20s")
    assert names(cluster) == ["ss-0"]
    restore_probe(cluster, "ss-0")
    cluster.run(until="sts/ss ready")
    assert order(cluster, "ADDED") == ["ss-0", "ss-1", "ss-2"]
    for ordinal in range(3):
        break_probe(cluster, f"ss-{ordinal}")
    cluster.scale("sts/ss", 0)
    cluster.run("20s")
    assert len(names(cluster)) == 3
    for ordinal in range(3):
        restore_probe(cluster, f"ss-{ordinal}")
    cluster.run("2m")
    assert (names(cluster), order(cluster, "DELETED")) == ([], ["ss-2", "ss-1", "ss-0"])


def test_burst_scaling_minds_no_unhealthy_pod(cluster: kl.Cluster) -> None:
    """upstream: Burst scaling should run to completion even with unhealthy pods."""
    up(cluster, 1, podManagementPolicy="Parallel")
    break_probe(cluster, "ss-0")
    cluster.scale("sts/ss", 3)
    cluster.run("20s")
    assert len(names(cluster)) == 3
    restore_probe(cluster, "ss-0")
    cluster.run(until="sts/ss ready")
    for ordinal in range(3):
        break_probe(cluster, f"ss-{ordinal}")
    cluster.scale("sts/ss", 0)
    cluster.run("1m")
    assert (names(cluster), status(cluster)["replicas"]) == ([], 0)


def test_a_pod_that_a_node_rejects_is_made_anew_until_its_port_is_free(make: Make) -> None:
    """upstream: Should recreate evicted statefulset."""
    cluster = make(1, seed=1)
    port = [{"containerPort": 21017, "hostPort": 21017}]
    cluster.apply(pod("test-pod", container(HTTPD, ports=port), nodeName="node-1"))
    cluster.run(until="pod/test-pod ready")
    obj = web_set("ss", 1)
    obj["spec"]["template"]["spec"] = {"nodeName": "node-1", "containers": [container(HTTPD, ports=port)]}
    cluster.apply(obj)
    cluster.run("5s")
    assert len(order(cluster, "DELETED")) > 1
    assert not is_ready(cluster["pod/ss-0"])
    cluster.delete("pod/test-pod")
    cluster.run(until="pod/ss-0 ready")


def test_the_scale_subresource_reads_updates_and_patches(cluster: kl.Cluster) -> None:
    """upstream: should have a working scale subresource."""
    up(cluster, 1)
    path = "/apis/apps/v1/namespaces/default/statefulsets/ss/scale"
    code, scale = cluster.request("GET", path)
    assert (code, scale["spec"]["replicas"], scale["status"]["replicas"]) == (200, 1, 1)
    scale["metadata"]["resourceVersion"] = ""
    scale["spec"]["replicas"] = 2
    assert cluster.request("PUT", path, scale)[0] == 200
    assert cluster["sts/ss"]["spec"]["replicas"] == 2
    assert cluster.request("PATCH", path, {"spec": {"replicas": 4}}, content_type="application/strategic-merge-patch+json")[0] == 200
    assert cluster["sts/ss"]["spec"]["replicas"] == 4


def test_list_patch_and_delete_a_collection(cluster: kl.Cluster) -> None:
    """upstream: should list, patch and delete a collection of StatefulSets."""
    obj = web_set("ss", 1)
    obj["metadata"]["labels"] = {"e2e": "testing"}
    cluster.create(obj)
    cluster.run(until="sts/ss ready")
    code, found = cluster.request("GET", "/apis/apps/v1/statefulsets?labelSelector=e2e%3Dtesting")
    assert (code, len(found["items"])) == (200, 1)
    template = {"spec": {"terminationGracePeriodSeconds": 0, "containers": [{"name": "c", "image": PAUSE, "readinessProbe": None}]}}
    cluster.patch("sts/ss", {"metadata": {"labels": {"ss": "patched"}}, "spec": {"replicas": 2, "template": template}})
    cluster.run(until="sts/ss ready")
    assert cluster["sts/ss"]["metadata"]["labels"] == {"e2e": "testing", "ss": "patched"}
    assert images(cluster) == [PAUSE] * 2
    assert cluster.request("DELETE", "/apis/apps/v1/namespaces/default/statefulsets?labelSelector=e2e%3Dtesting")[0] == 200
    cluster.run("1m")
    assert names(cluster, "sts") == names(cluster) == []


def test_the_status_subresource_takes_conditions(cluster: kl.Cluster) -> None:
    """upstream: should validate Statefulset Status endpoints."""
    up(cluster, 1)
    path = "/apis/apps/v1/namespaces/default/statefulsets/ss/status"
    obj = cluster.request("GET", path)[1]
    obj["status"]["conditions"] = [{"type": "StatusUpdate", "status": "True", "reason": "E2E", "message": "Set from e2e test"}]
    code, found = cluster.request("PUT", path, obj)
    assert (code, found["status"]["conditions"][0]["type"]) == (200, "StatusUpdate")
    body = {"status": {"conditions": [{"type": "StatusPatched", "status": "True"}]}}
    code, found = cluster.request("PATCH", path, body, content_type="application/merge-patch+json")
    assert (code, [item["type"] for item in found["status"]["conditions"]]) == (200, ["StatusPatched"])


def test_orphans_are_adopted_and_strangers_released(cluster: kl.Cluster) -> None:
    """upstream: should adopt matching orphans and release non-matching pods."""
    up(cluster, 1)
    uid = cluster["pod/ss-0"]["metadata"]["uid"]
    cluster.patch("pod/ss-0", {"metadata": {"ownerReferences": None}}, type="merge")
    cluster.run("5s")
    meta = cluster["pod/ss-0"]["metadata"]
    assert (meta["uid"], meta["ownerReferences"][0]["name"]) == (uid, "ss")
    labels = meta["labels"]
    cluster.patch("pod/ss-0", {"metadata": {"labels": None}}, type="merge")
    cluster.run("5s")
    assert not cluster["pod/ss-0"]["metadata"].get("ownerReferences")
    cluster.patch("pod/ss-0", {"metadata": {"labels": labels}}, type="merge")
    cluster.run("5s")
    meta = cluster["pod/ss-0"]["metadata"]
    assert (meta["uid"], meta["ownerReferences"][0]["name"]) == (uid, "ss")


def test_a_failed_predecessor_is_no_deadlock(cluster: kl.Cluster) -> None:
    """upstream: should not deadlock when a pod's predecessor fails."""
    up(cluster, 2)
    break_probe(cluster, "ss-0")
    cluster.delete("pod/ss-1", grace_period=0)
    cluster.run("10s")
    assert names(cluster) == ["ss-0"]
    cluster.delete("pod/ss-0", grace_period=0)
    cluster.run(until="sts/ss ready")


def test_names_hostnames_and_what_was_written_outlive_the_pods(cluster: kl.Cluster) -> None:
    """upstream: should provide basic identity (CheckHostname, CheckMount)."""
    obj = web_set("ss", 3, volumeClaimTemplates=[claim_template("datadir", "1Mi")])
    obj["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] = [{"name": "datadir", "mountPath": "/data"}]
    cluster.apply(obj)
    cluster.run(until="sts/ss ready")
    for name in names(cluster):
        assert cluster.exec(f"pod/{name}", ["/bin/sh", "-c", "printf '%s' $(hostname)"]) == name
        cluster.exec(f"pod/{name}", ["/bin/sh", "-c", "touch /data/$(date +%s); echo $(hostname) > /data/hostname"])
    cluster.scale("sts/ss", 0)
    cluster.run("2m")
    assert names(cluster) == []
    cluster.scale("sts/ss", 3)
    cluster.run(until="sts/ss ready")
    for name in names(cluster):
        assert cluster.exec(f"pod/{name}", ["cat", "/data/hostname"]) == f"{name}\n"
    assert names(cluster, "pvc") == ["datadir-ss-0", "datadir-ss-1", "datadir-ss-2"]


@pytest.mark.parametrize("later", [False, True])
def test_claims_go_with_their_set_if_it_says_so(cluster: kl.Cluster, later: bool) -> None:
    """upstream: should delete PVCs with a WhenDeleted policy; … after adopting pod (WhenDeleted)."""
    wanted = {"whenDeleted": "Delete", "whenScaled": "Retain"}
    up(cluster, 3, volumeClaimTemplates=[claim_template()], persistentVolumeClaimRetentionPolicy=RETAIN_ALL if later else wanted)
    cluster.patch("sts/ss", {"spec": {"persistentVolumeClaimRetentionPolicy": wanted}})
    cluster.run("5s")
    owners = [claim["metadata"]["ownerReferences"][0]["kind"] for claim in cluster.list("pvc")]
    assert owners == ["StatefulSet"] * 3
    cluster.delete("sts/ss")
    cluster.run("1m")
    assert names(cluster, "pvc") == []


@pytest.mark.parametrize("later", [False, True])
def test_claims_go_with_their_pod_if_the_set_says_so(cluster: kl.Cluster, later: bool) -> None:
    """upstream: should delete PVCs with a OnScaledown policy; … after adopting pod (WhenScaled)."""
    wanted = {"whenDeleted": "Retain", "whenScaled": "Delete"}
    up(cluster, 3, volumeClaimTemplates=[claim_template()], persistentVolumeClaimRetentionPolicy=RETAIN_ALL if later else wanted)
    cluster.patch("sts/ss", {"spec": {"persistentVolumeClaimRetentionPolicy": wanted}})
    cluster.run("5s")
    cluster.scale("sts/ss", 1)
    cluster.run("2m")
    assert names(cluster, "pvc") == ["data-ss-0"]
    cluster.scale("sts/ss", 2)
    cluster.run(until="sts/ss ready")
    assert names(cluster, "pvc") == ["data-ss-0", "data-ss-1"]


def test_min_ready_seconds_hold_the_second_pod_and_decide_what_is_available(cluster: kl.Cluster) -> None:
    """upstream: MinReadySeconds should be honored when enabled; AvailableReplicas should get updated accordingly."""
    cluster.apply(web_set("ss", 2, minReadySeconds=30))
    cluster.run(until="sts/ss .status.readyReplicas=1")
    ready_at = cluster.elapsed
    cluster.run(until="sts/ss .status.availableReplicas=1")
    assert 30 <= cluster.elapsed - ready_at < 32
    cluster.run(until="sts/ss .status.availableReplicas=2")
    cluster.patch("sts/ss", {"spec": {"minReadySeconds": 3600}})
    cluster.run("5s")
    assert status(cluster)["availableReplicas"] == 0
    cluster.patch("sts/ss", {"spec": {"minReadySeconds": 0}})
    cluster.run("5s")
    assert status(cluster)["availableReplicas"] == 2


def test_ordinals_move_with_their_start(cluster: kl.Cluster) -> None:
    """upstream: Setting, Increasing, Decreasing, Removing .spec.ordinals.start."""
    up(cluster, 2, ordinals={"start": 2})
    assert names(cluster) == ["ss-2", "ss-3"]
    for start, wanted in ((4, ["ss-4", "ss-5"]), (3, ["ss-3", "ss-4"]), (None, ["ss-0", "ss-1"])):
        cluster.patch("sts/ss", {"spec": {"ordinals": None if start is None else {"start": start}}})
        cluster.run("2m")
        assert names(cluster) == wanted


def test_specification_fields_that_may_not_change(cluster: kl.Cluster) -> None:
    """upstream: test/integration/statefulset TestSpecReplicasChange, pkg/apis/apps/validation ValidateStatefulSetUpdate."""
    up(cluster, 1)
    with pytest.raises(kl.ApiError, match="updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template'"):
        cluster.patch("sts/ss", {"spec": {"serviceName": "other"}})
    generation = cluster["sts/ss"]["metadata"]["generation"]
    cluster.scale("sts/ss", 3)
    cluster.run(until="sts/ss ready")
    assert cluster["sts/ss"]["metadata"]["generation"] == generation + 1 == status(cluster)["observedGeneration"]
    cluster.patch("sts/ss", {"metadata": {"annotations": {"test": "x"}}})
    assert cluster["sts/ss"]["metadata"]["generation"] == generation + 1
