"""Rollouts in the middle of trouble: what breaks, what waits, and that it ends well (DESIGN section 4, Fault)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import kubelab as kl
from tests.builders import deployment, image_patch, statefulset
from tests.scenario.e2e import is_ready, names

Make = Callable[..., kl.Cluster]


def test_a_controller_that_is_down_in_mid_rollout_goes_on_where_it_was(cluster: kl.Cluster) -> None:
    cluster.apply(deployment("web", 6))
    cluster.run(until="deployment/web ready")
    cluster.patch("deployment/web", image_patch("nginx:1.24"))
    cluster.run("1s")
    fault = cluster.fault("ComponentCrash", components=["deployment-controller"])
    cluster.run("30s")
    sizes = sorted(item["spec"]["replicas"] for item in cluster.list("rs"))
    cluster.run("5m")
    assert sorted(item["spec"]["replicas"] for item in cluster.list("rs")) == sizes != [0, 6]
    cluster.delete(fault)
    cluster.run(until="deployment/web ready")
    assert sorted(item["spec"]["replicas"] for item in cluster.list("rs")) == [0, 6]


@pytest.mark.parametrize("component", ["replicaset-controller", "scheduler", "endpointslice-controller", "kubelet/node-1"])
def test_any_component_may_be_down_for_a_minute(cluster: kl.Cluster, component: str) -> None:
    cluster.apply(deployment("web", 6))
    cluster.apply(statefulset("db", 3))
    cluster.run("1s")
    cluster.fault("ComponentCrash", components=[component], duration="1m")
    cluster.run("10s")
    cluster.patch("deployment/web", image_patch("nginx:1.24"))
    for name in ("deployment/web", "statefulset/db"):
        cluster.run(until=f"{name} ready")
    assert cluster.get("fault", cluster.list("faults")[0]["metadata"]["name"])["status"]["phase"] in ("Active", "Ended")


def test_a_node_that_comes_back_starts_its_containers_again_on_the_same_pods(make: Make) -> None:
    cluster = make(2, seed=1)
    cluster.apply(statefulset("db", 4))
    cluster.run(until="statefulset/db ready")
    before = {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in cluster.list("pods")}
    cluster.fault("NodeCrash", nodes=["node-1"], duration="20s")
    cluster.run("2m")
    cluster.run(until="statefulset/db ready")
    assert {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in cluster.list("pods")} == before
    restarts = {pod["spec"]["nodeName"]: pod["status"]["containerStatuses"][0]["restartCount"] for pod in cluster.list("pods")}
    assert restarts == {"node-1": 1, "node-2": 0}


def test_errors_of_the_api_slow_a_rollout_and_lose_nothing(cluster: kl.Cluster) -> None:
    cluster.apply(statefulset("db", 3))
    cluster.run(until="statefulset/db ready")
    cluster.fault("ApiError", resources=["pods"], duration="30s")
    cluster.run("1s")
    with pytest.raises(kl.ApiError) as refused:
        cluster.get("pod/db-0")
    assert refused.value.code == 500
    cluster.patch("statefulset/db", image_patch("nginx:1.24"))
    cluster.run("20s")
    assert cluster["statefulset/db"]["status"].get("updatedReplicas", 0) == 0
    cluster.run(until="statefulset/db ready")
    assert [pod["spec"]["containers"][0]["image"] for pod in cluster.list("pods")] == ["nginx:1.24"] * 3


def test_a_late_view_makes_a_set_neither_skip_nor_double_an_ordinal(cluster: kl.Cluster) -> None:
    cluster.fault("WatchLag", components=["statefulset-controller"], duration="2m")
    cluster.run("1s")
    cluster.apply(statefulset("db", 5, podManagementPolicy="Parallel"))
    cluster.run("10s")
    cluster.scale("statefulset/db", 2)
    cluster.run("3s")
    cluster.scale("statefulset/db", 4)
    cluster.run("5m")
    assert names(cluster) == ["db-0", "db-1", "db-2", "db-3"]
    assert all(is_ready(pod) for pod in cluster.list("pods"))
    created = [
        call for call in cluster._engine.store.log.calls if call.verb == "create" and call.resource == "pods" and not call.subresource
    ]
    assert all(call.code in (201, 409) for call in created)


def test_a_world_in_trouble_forks_and_saves(cluster: kl.Cluster, tmp_path: object) -> None:
    cluster.apply(statefulset("db", 3))
    cluster.run("2s")
    cluster.fault("NodeCrash", nodes=["node-2"], duration="40s")
    cluster.fault("WatchLag", components=["scheduler"], duration="20s")
    cluster.run("5s")
    other = cluster.fork()
    loaded = kl.load(cluster.save(f"{tmp_path}/x.klab"))
    for world in (cluster, other, loaded):
        world.run("5m")
    texts = [str(world._engine.store.log.commits) for world in (cluster, other, loaded)]
    assert texts[0] == texts[1] == texts[2]
    assert cluster.rollout("statefulset/db").done
