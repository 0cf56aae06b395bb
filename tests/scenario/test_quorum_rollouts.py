"""Quorums and in-sync replicas under careful and careless hands, with the manifests of data/manifests (DESIGN section 5)."""

from __future__ import annotations

from pathlib import Path

import pytest

import kubelab as kl
from kubelab.cri import programs
from tests.builders import image_patch
from tests.scenario.e2e import is_ready, names, script

MANIFESTS = Path(__file__).parent.parent.parent / "data" / "manifests"
APPS = {"zookeeper": ("zk", "zookeeper"), "etcd": ("etcd", "etcd"), "kafka": ("kafka", "kafka")}


@pytest.fixture(params=APPS)
def ensemble(request: pytest.FixtureRequest) -> tuple[kl.Cluster, str, str]:
    """(cluster, StatefulSet, container) of a stateful system that is up."""
    cluster = kl.Cluster(nodes=5, seed=3)
    cluster.apply(MANIFESTS / f"{request.param}.yaml")
    name, container = APPS[request.param]
    cluster.run(until=f"sts/{name} ready", timeout="20m")
    return cluster, name, container


def fewest_ready(cluster: kl.Cluster, name: str, seconds: int) -> int:
    """The smallest number of ready members seen while time passes."""
    fewest = 99
    for _ in range(seconds):
        cluster.run("1s")
        fewest = min(fewest, sum(is_ready(pod) for pod in cluster.list("pods", selector=f"app={name}")))
    return fewest


def test_a_careful_update_keeps_two_of_three_a_careless_one_does_not(ensemble: tuple[kl.Cluster, str, str]) -> None:
    careful, name, _ = ensemble
    careless = careful.fork()
    careful.rollout(f"sts/{name}").restart()
    assert fewest_ready(careful, name, 240) == 2
    assert careful.rollout(f"sts/{name}").done
    for pod in names(careless, selector=f"app={name}")[:2]:
        careless.delete(f"pod/{pod}")
    assert fewest_ready(careless, name, 240) <= 1


def test_a_broken_update_stops_at_one_member_and_in_order_its_rollback_needs_a_hand(ensemble: tuple[kl.Cluster, str, str]) -> None:
    """kubernetes.io: StatefulSets, Forced rollback: with OrderedReady the broken pod is waited for, with Parallel it is replaced."""
    cluster, name, container = ensemble
    cluster.patch(f"sts/{name}", image_patch("registry.k8s.io/etcd:0.0.0", container))
    assert fewest_ready(cluster, name, 120) == 2
    ordered = cluster[f"sts/{name}"]["spec"]["podManagementPolicy"] == "OrderedReady"
    cluster.rollout(f"sts/{name}").undo()
    cluster.run("2m")
    assert cluster.rollout(f"sts/{name}").done != ordered
    assert is_ready(cluster[f"pod/{name}-2"]) != ordered
    if ordered:
        cluster.delete(f"pod/{name}-2")
    cluster.run(until=f"sts/{name} ready")


def test_without_a_majority_nothing_is_acknowledged_and_nothing_acknowledged_is_lost() -> None:
    cluster = kl.Cluster(nodes=5, seed=3)
    cluster.apply(MANIFESTS / "etcd.yaml")
    cluster.run(until="sts/etcd ready", timeout="20m")
    assert cluster.exec("pod/etcd-0", ["etcdctl", "put", "colour", "blue"]) == "OK\n"
    assert cluster.exec("pod/etcd-2", ["etcdctl", "get", "colour"]) == "colour\nblue\n"
    down = [cluster[f"pod/etcd-{ordinal}"]["spec"]["nodeName"] for ordinal in (1, 2)]
    cluster.fault("NodeCrash", nodes=down, duration="5m")
    cluster.run("10s")
    with pytest.raises(kl.ApiError):
        cluster.exec("pod/etcd-1", ["etcdctl", "get", "colour"])
    with pytest.raises(RuntimeError):
        cluster.exec("pod/etcd-0", ["etcdctl", "put", "colour", "red"])
    cluster.run("10m")
    cluster.run(until="sts/etcd ready", timeout="20m")
    assert cluster.exec("pod/etcd-1", ["etcdctl", "get", "colour"]) == "colour\nblue\n"
    cluster.scale("sts/etcd", 0)
    cluster.run("2m")
    cluster.scale("sts/etcd", 3)
    cluster.run(until="sts/etcd ready")
    assert cluster.exec("pod/etcd-2", ["etcdctl", "get", "colour"]) == "colour\nblue\n"


def test_a_program_of_ones_own() -> None:
    @kl.programs.register
    class Shop(kl.Program):
        image = "example.com/shop"
        startup_seconds = 5

        def get(self, life: programs.Life, path: str) -> int | tuple[int, str]:
            return 500 if life.version == "2" else (200, f"shop {path}")

        def ends(self, life: programs.Life) -> tuple[float, int] | None:
            return (20, 3) if life.version == "3" else None

        def says(self, life: programs.Life) -> str:
            return f"shop {life.version} of {life.spec.pod_name}"

    try:
        cluster = kl.Cluster(nodes=2, seed=1)
        probe = {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 1}
        shop = {"name": "shop", "image": "example.com/shop:1", "ports": [{"containerPort": 80}], "readinessProbe": probe}
        meta = {"labels": {"app": "shop"}}
        spec = {"replicas": 1, "selector": {"matchLabels": {"app": "shop"}}, "template": {"metadata": meta, "spec": {"containers": [shop]}}}
        cluster.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop"}, "spec": spec})
        cluster.run(until="deployment/shop ready")
        assert 6 < cluster.elapsed < 10
        name = names(cluster)[0]
        assert cluster.logs(f"pod/{name}") == f"shop 1 of {name}\n"
        cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "guest"}, "spec": {"containers": [script("sleep 600")]}})
        cluster.run(until="pod/guest ready")
        address = cluster[f"pod/{name}"]["status"]["podIP"]
        assert cluster.exec("pod/guest", ["wget", "-qO-", f"http://{address}/x"]) == "shop /x"
        cluster.patch("deployment/shop", image_patch("example.com/shop:2", "shop"))
        cluster.run("1m")
        assert not cluster.rollout("deployment/shop").done
        cluster.patch("deployment/shop", image_patch("example.com/shop:3", "shop"))
        cluster.run("1m")
        assert max(pod["status"]["containerStatuses"][0]["restartCount"] for pod in cluster.list("pods", selector="app=shop")) >= 1
    finally:
        kl.programs.unregister("shop")
