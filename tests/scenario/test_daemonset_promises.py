"""What an update of a DaemonSet promises, looked at after every wake: how many nodes may lack an available pod, how many pods a node may have."""

from __future__ import annotations

from typing import Any

import pytest

import kubelab as kl
from kubelab.cluster import until
from kubelab.controllers.common.pod_facts import is_ready
from tests.builders import image_patch, template


def daemonset(rolling: dict[str, Any], **pod_spec: Any) -> dict[str, Any]:
    spec = {
        "selector": {"matchLabels": {"app": "agent"}},
        "template": template("agent", "nginx:1.24", **pod_spec),
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": rolling},
    }
    return {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent"}, "spec": spec}


def counts(cluster: kl.Cluster) -> tuple[int, int]:
    """Nodes with an available pod; the most pods that are not going on any one node."""
    ready: dict[str, None] = {}
    live: dict[str, int] = {}
    for pod in cluster._engine.store.head.all("pods").values():
        required = pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        node = required["nodeSelectorTerms"][0]["matchFields"][0]["values"][0]
        if pod["metadata"].get("deletionTimestamp") is None:
            live[node] = live.get(node, 0) + 1
            if is_ready(pod):
                ready[node] = None
    return len(ready), max(live.values(), default=0)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    ("rolling", "fewest", "most"),
    [
        ({"maxUnavailable": 1, "maxSurge": 0}, 5, 1),
        ({"maxUnavailable": "34%", "maxSurge": 0}, 3, 1),
        ({"maxUnavailable": 0, "maxSurge": 1}, 6, 2),
        ({"maxUnavailable": 0, "maxSurge": "50%"}, 6, 2),
    ],
)
def test_an_update_keeps_its_promise_at_every_instant(rolling: dict[str, Any], fewest: int, most: int, seed: int) -> None:
    cluster = kl.Cluster(6, seed=seed)
    cluster.apply(daemonset(rolling))
    cluster.run(until="ds/agent ready", timeout="2m")
    cluster.patch("ds/agent", image_patch("nginx:1.25"))
    seen = []
    while not until.is_ready(cluster._engine.store.head.get("daemonsets.apps", "default", "agent")):
        assert cluster.elapsed < 900
        cluster.step()
        seen.append(counts(cluster))
    assert min(available for available, _ in seen) == fewest
    assert max(pods for _, pods in seen) == most


@pytest.mark.parametrize("seed", [1, 2])
def test_a_controller_that_crashes_again_and_again_keeps_it_too(seed: int) -> None:
    cluster = kl.Cluster(6, seed=seed)
    cluster.apply(daemonset({"maxUnavailable": 2, "maxSurge": 0}))
    cluster.run(until="ds/agent ready", timeout="2m")
    cluster.patch("ds/agent", image_patch("nginx:1.25"))
    fewest = 6
    for step in range(6000):
        if step % 37 == 0:
            cluster._engine.crash("daemon-set-controller")
            cluster.run("10ms")  # a process that starts lists what is there
            cluster._engine.restart("daemon-set-controller")
        cluster.step()
        available, most = counts(cluster)
        fewest = min(fewest, available)
        assert most == 1
        if until.is_ready(cluster._engine.store.head.get("daemonsets.apps", "default", "agent")):
            break
    assert fewest >= 4
    assert until.is_ready(cluster["ds/agent"])
