"""The cluster autoscaler's stories: pods that find no place bring nodes, nodes that are not needed go.

upstream: cluster-autoscaler/core/static_autoscaler_test.go, FAQ, 1.28.
"""

from __future__ import annotations

import pytest

import kubelab as kl
from tests.invariants import complaints


@pytest.fixture
def cluster():
    made = kl.Cluster(1, seed=3)
    made.autoscale({"small": {"cpu": 2, "memory": "8Gi", "max": 4, "price": 0.1}}, expander="least-waste")
    yield made
    assert complaints(made) == []


def deployment(replicas, cpu="1", name="web", **spec):
    labels = {"app": name}
    container = {"name": "a", "image": "nginx", "resources": {"requests": {"cpu": cpu, "memory": "256Mi"}}}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container], **spec}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def nodes(cluster):
    return [node["metadata"]["name"] for node in cluster.list("nodes")]


def told(cluster, reason):
    events = [event for event in cluster.list("events", namespace=None) if event["reason"] == reason]
    return sorted({event["message"] for event in events if event["source"].get("component") == "cluster-autoscaler"})


def test_pods_that_find_no_place_bring_nodes(cluster):
    cluster.apply(deployment(8))
    cluster.settle()
    assert nodes(cluster) == ["node-1", "small-1", "small-2"]
    assert told(cluster, "TriggeredScaleUp") == ["pod triggered scale-up: [{small 0->2 (max: 4)}]"]
    assert told(cluster, "ScaledUpGroup") == [
        "Scale-up: group small size set to 2 instead of 0 (max: 4)",
        "Scale-up: setting group small size to 2 instead of 0 (max: 4)",
    ]
    assert all(pod["status"]["phase"] == "Running" for pod in cluster.list("pods"))
    assert 70 <= cluster.elapsed <= 80  # a scan within ten seconds, a minute to boot, and the pods' own start


def test_a_pool_grows_to_its_limit_and_then_says_so(cluster):
    cluster.apply(deployment(20))
    cluster.run("3m")
    assert nodes(cluster) == ["node-1", "small-1", "small-2", "small-3", "small-4"]
    assert told(cluster, "NotTriggerScaleUp") == ["pod didn't trigger scale-up: 1 max node group size reached"]


def test_a_pod_that_no_pool_could_take(cluster):
    cluster.apply(deployment(1, cpu="30"))
    cluster.run("30s")
    assert told(cluster, "NotTriggerScaleUp") == ["pod didn't trigger scale-up: 1 Insufficient cpu"]
    pod = cluster.list("pods")[0]
    assert "cluster-autoscaler: pod didn't trigger scale-up: 1 Insufficient cpu" in str(cluster.why_not(pod))
    assert nodes(cluster) == ["node-1"]


def test_nodes_on_their_way_are_counted(cluster):
    cluster.apply(deployment(6))
    cluster.run("15s")
    cluster.scale("deploy/web", 7)
    cluster.settle()
    assert nodes(cluster) == ["node-1", "small-1", "small-2"]


def test_empty_nodes_go_after_ten_minutes(cluster):
    cluster.apply(deployment(8))
    cluster.settle()
    cluster.scale("deploy/web", 0)
    start = cluster.elapsed
    cluster.run("9m")
    assert nodes(cluster) == ["node-1", "small-1", "small-2"]
    cluster.run(until=lambda c: nodes(c) == ["node-1"], timeout="3m")
    assert 600 <= cluster.elapsed - start <= 640
    assert told(cluster, "ScaleDownEmpty") == ['Scale-down: removing empty node "small-1"', 'Scale-down: removing empty node "small-2"']
    cluster.run("2m")
    assert told(cluster, "ScaleDown") == ["marked the node as toBeDeleted/unschedulable", "nodes removed by cluster autoscaler"]
    assert cluster.list("pods", namespace=None) == []


def test_nodes_that_are_not_needed_are_made_less_welcome(cluster):
    cluster.autoscale({"other": {"cpu": 2, "min": 1}}, expander="least-waste", scale_down_delay_after_add="1m")
    cluster.apply(deployment(5))
    cluster.settle()
    cluster.scale("deploy/web", 0)
    cluster.run("3m")
    taints = {node["metadata"]["name"]: [each["key"] for each in node["spec"].get("taints") or ()] for node in cluster.list("nodes")}
    assert taints["node-1"] == [] and ["DeletionCandidateOfClusterAutoscaler"] in taints.values()
    cluster.scale("deploy/web", 20)
    cluster.run("2m")
    assert all("taints" not in node["spec"] for node in cluster.list("nodes"))


def test_a_node_with_pods_is_drained_if_they_fit_elsewhere(cluster):
    cluster.apply(deployment(8, cpu="900m"))
    cluster.settle()
    away = [pod for pod in cluster.list("pods") if pod["spec"]["nodeName"] == "node-1"]
    cluster.scale("deploy/web", 2)
    cluster.run("30s")
    cluster.delete_all(cluster.list("pods"))
    cluster.settle()
    assert away
    cluster.run("30m")
    assert nodes(cluster) == ["node-1"]
    assert len([pod for pod in cluster.list("pods") if pod["status"]["phase"] == "Running"]) == 2


def test_a_pod_without_a_controller_keeps_its_node(cluster):
    container = {"name": "a", "image": "nginx", "resources": {"requests": {"cpu": "100m"}}}
    spec = {"containers": [container], "nodeSelector": {"lab.kubelab.dev/node-pool": "small"}}
    lone = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "lone"}, "spec": spec}
    cluster.create(lone)
    cluster.run("30m")
    assert nodes(cluster) == ["node-1", "small-1"]
    cluster.patch(
        "pod/lone", {"metadata": {"annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "true"}, "labels": {"a": "b"}}}
    )
    cluster.patch("node/small-1", {"metadata": {"annotations": {"cluster-autoscaler.kubernetes.io/scale-down-disabled": "true"}}})
    cluster.run("30m")
    assert nodes(cluster) == ["node-1", "small-1"]


def test_pools_have_a_least_size():
    cluster = kl.Cluster(0, node_pools={"base": {"cpu": 2, "min": 2, "max": 3, "boot": "30s"}})
    cluster.run("29s")
    assert nodes(cluster) == []
    cluster.run("1h")
    assert nodes(cluster) == ["base-1", "base-2"]


def test_forks_and_files_have_the_same_future(cluster, tmp_path):
    cluster.apply(deployment(8))
    cluster.run("40s")
    loaded = kl.load(cluster.save(tmp_path / "x.klab"))
    futures = [cluster.fork(), loaded]
    for each in futures:
        each.scale("deploy/web", 12)
        each.run("20m")
    logs = [[(commit.time_ns, commit.key, commit.object) for commit in each._engine.store.log.commits] for each in futures]
    assert logs[0] == logs[1]
    assert nodes(cluster) == ["node-1"]


def test_the_autoscaler_begins_again_after_a_crash(cluster):
    cluster.apply(deployment(8))
    cluster.run("30s")
    cluster.fault("ComponentCrash", components=["cluster-autoscaler"], duration="20s")
    cluster.settle()
    assert nodes(cluster) == ["node-1", "small-1", "small-2"]


def test_machines_that_do_not_come_are_given_up():
    cluster = kl.Cluster(1, node_pools={"slow": {"cpu": 4, "boot": "2h"}})
    cluster.apply(deployment(6))
    cluster.run("16m")
    assert told(cluster, "ScaleUpTimedOut") == ["Nodes added to group slow failed to register within 15m0s"]
    cluster.run("2m")
    assert told(cluster, "NotTriggerScaleUp") == ["pod didn't trigger scale-up: 1 in backoff after failed scale-up"]


def test_daemons_are_counted_on_new_nodes(cluster):
    container = {"name": "d", "image": "fluentd", "resources": {"requests": {"cpu": "1500m"}}}
    labels = {"app": "d"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    cluster.apply({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "d"}, "spec": spec})
    cluster.settle()
    cluster.apply(deployment(6))
    cluster.run("1m")
    assert told(cluster, "NotTriggerScaleUp") == ["pod didn't trigger scale-up: 1 Insufficient cpu"]


def test_what_machines_cost(cluster):
    cluster.apply(deployment(8))
    cluster.settle()
    cluster.scale("deploy/web", 0)
    cluster.run("2h")
    costs = cluster.frames.costs()
    assert costs["node"].tolist() == ["small-1", "small-2"]
    assert costs["boot"].round().tolist() == [60.0, 60.0]
    assert (costs["cost"] - costs["hours"] * 0.1).abs().max() < 1e-12
    assert costs["gone"].notna().all() and 0.15 < costs["hours"].iloc[0] < 0.25


def test_a_node_that_is_lost_goes_after_twenty_minutes(cluster):
    cluster.apply(deployment(8))
    cluster.settle()
    cluster.fault("NodeCrash", nodes=["small-1"])
    cluster.run("15m")
    assert "small-1" in nodes(cluster)
    cluster.run("25m")
    assert "small-1" not in nodes(cluster)
    assert len([pod for pod in cluster.list("pods") if pod["status"]["phase"] == "Running"]) == 8


def test_nothing_is_done_while_most_nodes_are_lost():
    cluster = kl.Cluster(6, node_pools={"small": {"cpu": 2}})
    cluster.fault("NodeCrash", nodes=[f"node-{number}" for number in range(1, 6)])
    cluster.run("2m")
    cluster.apply(deployment(20))
    cluster.run("2m")
    assert told(cluster, "ClusterUnhealthy") == ["Cluster is unhealthy"]
    assert [name for name in nodes(cluster) if name.startswith("small")] == []


def test_it_is_refused_nothing(cluster):
    cluster.apply(deployment(8, cpu="900m"))
    cluster.settle()
    cluster.scale("deploy/web", 1)
    cluster.run("30m")
    calls = cluster.frames.calls()
    mine = calls[calls["component"] == "cluster-autoscaler"]
    assert set(mine["code"]) <= {200, 201, 404}
    assert mine.loc[~mine["verb"].isin(["list", "watch"]), "resource"].isin(["configmaps", "nodes", "events", "pods"]).all()
