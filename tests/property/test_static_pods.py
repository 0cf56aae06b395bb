"""Static pods, shutdowns and crashes in random order: in the end each manifest runs once and has its mirror, and nothing else is left."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

import kubelab as kl
from tests.builders import container, deployment

Make = Callable[..., kl.Cluster]
MIRROR = "kubernetes.io/config.mirror"
STEPS = 25
PROBE = {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 3}


def manifest(name: str, image: str) -> dict[str, Any]:
    web = container(image, ports=[{"containerPort": 80}], readinessProbe=PROBE)
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [web]}}


def fault(chance: random.Random, node: str) -> tuple[str, dict[str, Any]]:
    grace = chance.choice([0, 5, 30])
    return chance.choice(
        [
            ("NodeCrash", {"nodes": [node]}),
            ("NodePartition", {"nodes": [node]}),
            ("NodeShutdown", {"nodes": [node], "grace": grace, "critical": 0}),
            ("ComponentCrash", {"components": [f"kubelet/{node}"]}),
        ]
    )


def story(cluster: kl.Cluster, seed: int) -> set[tuple[str, str]]:
    """Random deeds; the (node, name) of the manifests that lie in the folders at the end."""
    chance, placed = random.Random(seed), dict[tuple[str, str], None]()
    cluster.apply(deployment("web", 5))
    for _ in range(STEPS):
        node, name, deed = f"node-{chance.randint(1, 3)}", chance.choice(["a", "b"]), chance.random()
        pods = cluster.list("pods")
        if deed < 0.35:
            cluster.static_pod(node, manifest(name, chance.choice(["nginx:1.25", "nginx:1.24"])))
            placed[node, name] = None
        elif deed < 0.5 and (node, name) in placed:
            cluster.remove_static_pod(node, name)
            del placed[node, name]
        elif deed < 0.65 and pods:
            cluster.delete(chance.choice(pods), grace_period=chance.choice([None, 0, 5]))
        else:
            kind, fields = fault(chance, node)
            cluster.fault(kind, **fields, duration=chance.randint(1, 60))
        cluster.run(chance.random() * 20)
    cluster.run("25m")
    return set(placed)


@pytest.mark.parametrize("seed", range(100, 108))
def test_each_manifest_runs_once_and_has_its_mirror(make: Make, seed: int) -> None:
    cluster = make(3, seed=seed)
    placed = story(cluster, seed)
    mirrors = {pod["metadata"]["name"]: pod for pod in cluster.list("pods") if MIRROR in pod["metadata"].get("annotations", {})}
    assert set(mirrors) == {f"{name}-{node}" for node, name in placed}
    for node, name in placed:
        mirror = mirrors[f"{name}-{node}"]
        uid = cluster._engine.machines[node]["static"]["default", f"{name}-{node}"]["metadata"]["uid"]
        assert mirror["metadata"]["annotations"][MIRROR] == uid
        assert all(status["ready"] for status in mirror["status"]["containerStatuses"])
    own = {pod["metadata"].get("annotations", {}).get(MIRROR, pod["metadata"]["uid"]) for pod in cluster.list("pods")}
    for node in ("node-1", "node-2", "node-3"):
        assert set(cluster._engine.machines[node].get("records", {})) <= own
    assert cluster["deploy/web"]["status"]["readyReplicas"] == 5


def test_the_same_deeds_give_the_same_log() -> None:
    logs = []
    for _ in range(2):
        cluster = kl.Cluster(3, seed=7)
        story(cluster, 7)
        logs.append([(call.time_ns, call.user, call.verb, call.resource, call.name, call.code) for call in cluster._engine.store.log.calls])
    assert logs[0] == logs[1]
