"""What the benchmarks measure: Deployments of 100 pods each, rolled out on nodes that hold ten pods apiece, from create to Ready."""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass
from typing import Any

import kubelab as kl

PODS_PER_DEPLOYMENT = 100
PODS_PER_NODE = 10

#: Under the default client limits a rollout of n pods takes n / 20 s: the larger, the more heartbeats fall upon each pod. With limits raised
#: as for a load test, the rollout itself remains.
LIMITS = {"default": 0, "raised": 1000}


@dataclass(frozen=True, slots=True)
class Rollout:
    """One measured rollout. Seconds of wall time and of this process's CPU; commits, calls and wakes since the cluster stood."""

    pods: int
    nodes: int
    wall_seconds: float
    cpu_seconds: float
    virtual_seconds: float
    commits: int
    calls: int
    wakes: int
    peak_megabytes: float

    @property
    def wall_ms_per_pod(self) -> float:
        return 1000 * self.wall_seconds / self.pods

    @property
    def wall_us_per_commit(self) -> float:
        return 1e6 * self.wall_seconds / self.commits

    @property
    def cpu_ms_per_pod(self) -> float:
        return 1000 * self.cpu_seconds / self.pods


def deployment(number: int, replicas: int = PODS_PER_DEPLOYMENT) -> dict[str, Any]:
    """A Deployment as people write it: one container, requests, a port."""
    labels = {"app": f"web-{number:03}"}
    container = {
        "name": "web",
        "image": "nginx:1.25",
        "ports": [{"containerPort": 80}],
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
    }
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": f"web-{number:03}"}, "spec": spec}


def roll_out(cluster: kl.Cluster, pods: int) -> None:
    """Create the Deployments and let time pass until the last of them is ready."""
    count = pods // PODS_PER_DEPLOYMENT
    for number in range(count):
        cluster.create(deployment(number))
    for number in range(count):
        cluster.run(until=f"deployment/web-{number:03} ready", timeout="2h")


def timing(limits: str) -> kl.Timing:
    """The default timing, with the limits of all clients as they are or raised."""
    figures = kl.Timing.preset("default")
    raised = LIMITS[limits]
    if not raised:
        return figures
    return figures.with_(**{f"{who}_{what}": raised for who in ("client", "scheduler", "kubelet") for what in ("qps", "burst")})


def measure(pods: int, limits: str = "default", nodes: int = 0) -> tuple[kl.Cluster, Rollout]:
    """A new world of ``pods`` pods (on as many nodes as hold ten each, if not said otherwise), and what it cost from the first create to the
    last Ready."""
    nodes = nodes or pods // PODS_PER_NODE
    cluster = kl.Cluster(nodes, timing=timing(limits))
    before = counts(cluster)
    wall, cpu = time.perf_counter(), time.process_time()
    roll_out(cluster, pods)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    commits, calls, wakes = (now - then for now, then in zip(counts(cluster), before, strict=True))
    return cluster, Rollout(pods, nodes, wall, cpu, cluster.elapsed, commits, calls, wakes, peak_megabytes())


def counts(cluster: kl.Cluster) -> tuple[int, int, int]:
    """Commits, calls and processed wakes so far."""
    engine = cluster._engine
    return len(engine.store.log.commits), len(engine.store.log.calls), engine.wakes.sequence - len(engine.wakes.heap)


def peak_megabytes() -> float:
    """The most memory that this process ever had."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 2**10)
