"""The cluster autoscaler under random loads: pools stay within their bounds, nobody waits whom a pool could help, nothing is lost."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import kubelab as kl
from tests.invariants import complaints

POOLS = {"small": {"cpu": 2, "max": 3, "price": 0.1, "boot": "40s"}, "large": {"cpu": 8, "min": 1, "max": 2, "price": 0.5}}
LOADS = st.lists(st.tuples(st.integers(0, 12), st.sampled_from(["300m", "900m", "1500m", "6"]), st.integers(1, 30)), min_size=1, max_size=4)


def workload(number, replicas, cpu):
    labels = {"app": f"web-{number}"}
    container = {"name": "a", "image": "nginx", "resources": {"requests": {"cpu": cpu}}}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": f"web-{number}"}, "spec": spec}


def sizes(cluster):
    names = [node["metadata"]["name"].rpartition("-")[0] for node in cluster.list("nodes")]
    return {pool: names.count(pool) for pool in POOLS}


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(LOADS, st.sampled_from(["random", "least-waste", "price", "most-pods"]), st.integers(0, 3))
def test_pools_stay_within_bounds_and_help_whom_they_can(loads, expander, seed):
    cluster = kl.Cluster(1, seed=seed).autoscale(POOLS, expander=expander)
    for number, (replicas, cpu, minutes) in enumerate(loads):
        cluster.apply(workload(number, replicas, cpu))
        for _ in range(minutes):
            cluster.run("1m")
            assert all(count <= POOLS[pool]["max"] for pool, count in sizes(cluster).items())
    cluster.run("5m")
    assert complaints(cluster) == []
    assert sizes(cluster)["large"] >= 1
    waiting = [pod for pod in cluster.list("pods") if not pod["spec"].get("nodeName")]
    full = sizes(cluster) == {pool: fields["max"] for pool, fields in POOLS.items()}
    for pod in waiting:
        cpu = pod["spec"]["containers"][0]["resources"]["requests"]["cpu"]
        assert full or (cpu == "6" and sizes(cluster)["large"] == POOLS["large"]["max"]), (cpu, sizes(cluster))
    wanted = sum(replicas for replicas, _, _ in loads)
    assert len(cluster.list("pods")) == wanted
    for number in range(len(loads)):
        cluster.scale(f"deploy/web-{number}", 0)
    cluster.run("40m")
    assert sizes(cluster) == {"small": 0, "large": 1}
