"""Static pods and their mirrors, as a user of the cluster meets them.

upstream: test/e2e_node/mirror_pod_test.go and mirror_pod_grace_period_test.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import kubelab as kl
from tests.builders import pod
from tests.scenario.test_daemonset_stories import daemonset

Make = Callable[..., kl.Cluster]
NAME = "pod/static-node-1"


def manifest(image: str = "nginx:1.25", name: str = "static", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": [{"name": "c", "image": image, "ports": [{"containerPort": 80}]}], **spec},
    }


def started(make: Make, **options: Any) -> kl.Cluster:
    cluster = make(2, seed=3, **options)
    assert cluster.static_pod("node-1", manifest()) == NAME
    return cluster.run(until=f"{NAME} ready")


def container(cluster: kl.Cluster) -> tuple[str, int]:
    status = cluster[NAME]["status"]["containerStatuses"][0]
    return status["containerID"], status["restartCount"]


def test_it_runs_without_a_scheduler_and_has_a_mirror(make: Make) -> None:
    cluster = make(2, seed=3)
    cluster.fault("ComponentCrash", components=["scheduler"])
    cluster.static_pod("node-1", manifest())
    cluster.run(until=f"{NAME} ready")
    mirror = cluster[NAME]
    assert mirror["metadata"]["ownerReferences"][0]["kind"] == "Node"
    assert (
        mirror["metadata"]["annotations"]["kubernetes.io/config.mirror"] == mirror["metadata"]["annotations"]["kubernetes.io/config.hash"]
    )
    writes = cluster.frames.calls().query("resource == 'pods' and verb in ['create', 'patch', 'delete']")
    users = set(writes["user"])
    assert users == {"system:node:node-1"}


# upstream: "should be recreated when mirror pod gracefully deleted", "… forcibly deleted"
@pytest.mark.parametrize("grace", [None, 30, 0])
def test_a_mirror_that_is_deleted_comes_back_and_nothing_restarts(make: Make, grace: int | None) -> None:
    cluster = started(make)
    before, uid = container(cluster), cluster[NAME]["metadata"]["uid"]
    cluster.delete(NAME, grace_period=grace)
    cluster.run("10s")
    assert cluster[NAME]["metadata"]["uid"] != uid
    assert container(cluster) == before
    assert cluster[NAME]["status"]["phase"] == "Running"


# upstream: "should be updated when static pod updated"
def test_a_changed_manifest_stops_the_old_pod_before_the_new_one_starts(make: Make) -> None:
    cluster = started(make)
    uid = cluster[NAME]["metadata"]["uid"]
    cluster.static_pod("node-1", manifest("nginx:1.24"))
    cluster.run("1m")
    mirror = cluster[NAME]
    assert mirror["metadata"]["uid"] != uid
    assert mirror["spec"]["containers"][0]["image"] == "nginx:1.24"
    assert mirror["status"]["containerStatuses"][0]["image"].endswith("nginx:1.24")
    running = [each for each in cluster.cri("node-1").list_containers() if each["state"] == "CONTAINER_RUNNING"]
    assert len(running) == 1


def test_a_manifest_that_is_taken_away_takes_its_mirror_along(make: Make) -> None:
    cluster = started(make)
    cluster.remove_static_pod("node-1", "static")
    cluster.run("10s")
    assert cluster.list("pods") == []
    assert cluster.cri("node-1").list_containers() == []


def test_logs_exec_and_usage_reach_its_containers(make: Make) -> None:
    cluster = started(make)
    assert cluster.exec(NAME, "hostname") == "static-node-1\n"
    assert cluster.logs(NAME) == ""
    named = [each["podRef"]["name"] for each in cluster.run("30s").summary("node-1")["pods"]]
    assert named == ["static-node-1"]


def test_it_goes_on_without_the_api_server_and_is_told_of_afterwards(make: Make) -> None:
    cluster = make(2, seed=3)
    cluster.fault("NodePartition", nodes=["node-1"], duration="2m")
    cluster.static_pod("node-1", manifest())
    cluster.run("1m")
    assert cluster.list("pods") == []
    assert len(cluster.cri("node-1").list_containers()) == 1
    cluster.run("3m")
    assert cluster[NAME]["status"]["phase"] == "Running"


@pytest.mark.parametrize(
    "fault", [{"kind": "NodeCrash", "nodes": ["node-1"]}, {"kind": "ComponentCrash", "components": ["kubelet/node-1"]}]
)
def test_it_is_there_again_after_a_crash(make: Make, fault: dict[str, Any]) -> None:
    cluster = started(make)
    cluster.fault(fault["kind"], **{key: item for key, item in fault.items() if key != "kind"}, duration="1m")
    cluster.run("2m")
    assert cluster[NAME]["status"]["phase"] == "Running"
    assert container(cluster)[1] == (1 if fault["kind"] == "NodeCrash" else 0)


def test_the_world_can_be_saved_and_forked_with_it(make: Make, tmp_path: Any) -> None:
    cluster = started(make)
    cluster.save(tmp_path / "x.klab")
    for other in (kl.load(tmp_path / "x.klab"), cluster.fork()):
        other.remove_static_pod("node-1", "static")
        assert other.run("10s").list("pods") == []
    assert cluster[NAME]["status"]["phase"] == "Running"


def test_drain_leaves_it_alone(make: Make) -> None:
    cluster = started(make)
    cluster.drain("node-1")
    assert cluster[NAME]["status"]["phase"] == "Running"


def test_a_mirror_that_no_kubelet_made_is_taken_away(make: Make) -> None:
    cluster = make(1, seed=3)
    cluster.create(pod("false", nodeName="node-1") | {"metadata": {"name": "false", "annotations": {"kubernetes.io/config.mirror": "x"}}})
    cluster.run("5s")
    assert cluster.list("pods") == []


BAD = [
    ("node-9", manifest(), ValueError, "there is no node 'node-9': there are node-1, node-2"),
    ("node-1", daemonset("ds"), kl.ManifestError, "a static pod is a v1 Pod: this is a apps/v1 DaemonSet"),
    ("node-1", [manifest(), manifest()], kl.ManifestError, "holds one Pod: this one holds 2 objects"),
    ("node-1", {**manifest(), "metadata": {}}, kl.ManifestError, "metadata.name is missing"),
    ("node-1", manifest(restartPolicy="Sometimes"), kl.ApiError, "spec.restartPolicy: Unsupported value"),
    ("node-1", manifest(serviceAccountName="robot"), kl.ApiError, "a mirror pod may not reference service accounts"),
]


@pytest.mark.parametrize(("node", "source", "kind", "words"), BAD, ids=[row[3][:30] for row in BAD])
def test_what_is_no_static_pod_is_refused_and_nothing_changes(
    make: Make, node: str, source: Any, kind: type[Exception], words: str
) -> None:
    cluster = make(2, seed=3)
    revision = cluster._engine.store.revision
    with pytest.raises(kind, match=words):
        cluster.static_pod(node, source)
    with pytest.raises(ValueError, match="node-1 has no static pod 'other' in namespace 'default': there are none"):
        cluster.remove_static_pod("node-1", "other")
    assert cluster._engine.store.revision == revision
    assert cluster.run("10s").list("pods") == []
