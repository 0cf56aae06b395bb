"""Nodes that are lost and come back, as a user sees them. Facts: spec of upstream's node lifecycle controller, taint manager and pod GC, 1.28."""

from __future__ import annotations

from typing import Any

import pytest

import kubelab as kl
from tests.builders import deployment, statefulset

LIFECYCLE, MANAGER, GC = "node-lifecycle-controller", "taint-eviction-controller", "pod-garbage-collector-controller"


def ready(obj: dict[str, Any]) -> str:
    return next(each["status"] for each in obj["status"]["conditions"] if each["type"] == "Ready")


def taints(cluster: kl.Cluster, node: str) -> list[str]:
    return [f"{taint['key'].partition('/')[2]}:{taint['effect']}" for taint in cluster[f"node/{node}"]["spec"].get("taints") or ()]


def when(cluster: kl.Cluster, component: str, verb: str, resource: str, name: str, subresource: str = "") -> list[float]:
    """The seconds at which a component's successful calls about an object were answered."""
    start_ns = cluster._world.start_ns
    wanted = (component, verb, resource, name, subresource)
    calls = cluster._engine.store.log.calls
    return [
        (call.time_ns - start_ns) / 1e9
        for call in calls
        if (call.component, call.verb, call.resource, call.name, call.subresource) == wanted
        and call.code < 400
        and call.time_ns >= start_ns
    ]


@pytest.fixture
def cluster() -> kl.Cluster:
    """Four nodes; node-4 shares its zone with node-1. A StatefulSet of one pod that would rather be on node-4."""
    made = kl.Cluster(nodes=4, seed=3)
    term = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["node-4"]}]}
    rather = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "preference": term}]}}
    made.apply(statefulset("db", 1, pod_spec={"affinity": rather}))
    made.run(until="sts/db ready")
    assert made["pod/db-0"]["spec"]["nodeName"] == "node-4"
    return made


def test_the_timeline(cluster: kl.Cluster) -> None:
    """40 s of grace, the next tick marks; NoSchedule at once, NoExecute a tick later; then 300 s."""
    cluster.fault("NodeCrash", nodes=["node-4"])
    last_sign = max(when(cluster, "kubelet/node-4", "update", "leases.coordination.k8s.io", "node-4"))
    cluster.run("8m")
    marked = when(cluster, LIFECYCLE, "update", "nodes", "node-4", "status")
    assert len(marked) == 1 and last_sign + 40 < marked[0] < last_sign + 46
    no_schedule, no_execute = when(cluster, LIFECYCLE, "patch", "nodes", "node-4")
    assert no_schedule - marked[0] < 0.1
    assert 4.9 < no_execute - marked[0] < 5.3
    assert when(cluster, LIFECYCLE, "update", "pods", "db-0", "status")[0] - marked[0] < 0.1
    assert 300 <= when(cluster, MANAGER, "delete", "pods", "db-0")[0] - no_execute < 300.1
    assert taints(cluster, "node-4") == ["unreachable:NoSchedule", "unreachable:NoExecute"]
    assert "deletionTimestamp" in cluster["pod/db-0"]["metadata"]
    reasons = {each["type"]: each.get("reason") for each in cluster["pod/db-0"]["status"]["conditions"]}
    assert reasons["DisruptionTarget"] == "DeletionByTaintManager"


def test_a_short_absence_costs_readiness_only(cluster: kl.Cluster) -> None:
    cluster.fault("NodeCrash", nodes=["node-4"], duration="2m")
    uid = cluster["pod/db-0"]["metadata"]["uid"]
    cluster.run("1m")
    assert (ready(cluster["node/node-4"]), ready(cluster["pod/db-0"])) == ("Unknown", "False")
    cluster.run("2m")
    assert (ready(cluster["node/node-4"]), ready(cluster["pod/db-0"])) == ("True", "True")
    assert taints(cluster, "node-4") == []
    pod = cluster["pod/db-0"]
    assert (pod["metadata"]["uid"], pod["status"]["containerStatuses"][0]["restartCount"]) == (uid, 1)
    messages = [event["message"] for event in cluster.list("events") if event["reason"] == "TaintManagerEviction"]
    assert messages == ["Cancelling deletion of Pod default/db-0"]
    assert not cluster.run("10m")["pod/db-0"]["metadata"].get("deletionTimestamp")


def test_a_pod_chooses_how_long_it_stays(cluster: kl.Cluster) -> None:
    key = "node.kubernetes.io/unreachable"
    for name, seconds in (("at-once", 0), ("a-while", 60), ("for-ever", None)):
        toleration = {"key": key, "operator": "Exists", "effect": "NoExecute"} | ({} if seconds is None else {"tolerationSeconds": seconds})
        cluster.apply(deployment(name, 1, pod_spec={"tolerations": [toleration], "nodeSelector": {"kubernetes.io/hostname": "node-4"}}))
    cluster.run("10s").fault("NodeCrash", nodes=["node-4"])
    cluster.run(until=lambda c: "unreachable:NoExecute" in taints(c, "node-4"))

    def leaving(name: str) -> bool:
        return any("deletionTimestamp" in pod["metadata"] for pod in cluster.list("pods", selector=f"app={name}"))

    cluster.run("1s")
    assert [leaving(name) for name in ("at-once", "a-while", "for-ever")] == [True, False, False]
    cluster.run("61s")
    assert [leaving(name) for name in ("at-once", "a-while", "for-ever")] == [True, True, False]
    cluster.run("1h")
    assert not leaving("for-ever")


def test_what_frees_a_statefulset_pod_of_a_lost_node(cluster: kl.Cluster) -> None:
    """Only the object's end: deleted by force, its node deleted, the node back, or the out-of-service taint."""
    cluster.fault("NodeCrash", nodes=["node-4"])
    cluster.run("7m")
    uid = cluster["pod/db-0"]["metadata"]["uid"]
    cluster.run("1h")
    assert cluster["pod/db-0"]["metadata"]["uid"] == uid
    ways = {
        "force": lambda c: c.delete("pod/db-0", grace_period=0),
        "node deleted": lambda c: c.delete("node/node-4"),
        "node back": lambda c: c.delete("fault/nodecrash-1"),
        "out of service": lambda c: c.patch("node/node-4", {"spec": {"taints": [*c["node/node-4"]["spec"]["taints"], OUT_OF_SERVICE]}}),
    }
    for way, do in ways.items():
        other = cluster.fork()
        do(other)
        other.run("3m")
        assert other["pod/db-0"]["metadata"]["uid"] != uid, way
        assert ready(other["pod/db-0"]) == "True", way


OUT_OF_SERVICE = {"key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown", "effect": "NoExecute"}


def test_a_deleted_node_takes_its_pods_along_after_a_quarantine(cluster: kl.Cluster) -> None:
    cluster.fault("NodeCrash", nodes=["node-4"])
    cluster.delete("node/node-4")
    cluster.run("2m")
    deleted = when(cluster, GC, "delete", "pods", "db-0")
    assert len(deleted) == 1
    assert 40 <= deleted[0] - 5 <= 85
    reasons = [event["reason"] for event in cluster.list("events") if event["involvedObject"]["name"] == "node-4"]
    assert "RemovingNode" in reasons


def test_a_zone_loses_its_nodes_one_in_ten_seconds() -> None:
    """Rate 0.1 per second and zone, burst 1; other zones have their own."""
    cluster = kl.Cluster(nodes=12, seed=1)
    cluster.fault("NodeCrash", nodes=["node-1", "node-4", "node-2"])  # two of four of zone-a, one of zone-b
    cluster.run("2m")
    times = {node: when(cluster, LIFECYCLE, "patch", "nodes", node)[1] for node in ("node-1", "node-4", "node-2")}
    assert 9.9 < abs(times["node-1"] - times["node-4"]) < 10.3
    assert abs(times["node-2"] - min(times["node-1"], times["node-4"])) < 0.2


def test_a_zone_in_trouble_keeps_its_pods() -> None:
    """Three of four lost: partial disruption of a small zone, rate 0."""
    cluster = kl.Cluster(nodes=12, seed=1)
    cluster.fault("NodeCrash", nodes=["node-1", "node-4", "node-7"], duration="10m")
    cluster.run("8m")
    assert [taints(cluster, node) for node in ("node-1", "node-4", "node-7")] == [["unreachable:NoSchedule"]] * 3
    cluster.run("5m")
    assert [taints(cluster, node) for node in ("node-1", "node-4", "node-7")] == [[]] * 3


def test_when_all_nodes_are_lost_nobody_is_evicted(cluster: kl.Cluster) -> None:
    """The controller believes rather that it is cut off itself."""
    names = [f"node-{index}" for index in range(1, 5)]
    cluster.fault("NodeCrash", nodes=names, duration="15m")
    cluster.run("10m")
    assert [taints(cluster, name) for name in names] == [["unreachable:NoSchedule"]] * 4
    assert [pod["metadata"].get("deletionTimestamp") for pod in cluster.list("pods")] == [None]
    cluster.run("7m")
    assert [taints(cluster, name) for name in names] == [[]] * 4
    assert [ready(pod) for pod in cluster.list("pods")] == ["True"]


@pytest.mark.parametrize("component", [LIFECYCLE, MANAGER])
@pytest.mark.parametrize("after", ["20s", "47s", "2m", "5m44s"])
def test_the_controllers_may_crash_at_any_time(cluster: kl.Cluster, component: str, after: str) -> None:
    cluster.fault("NodeCrash", nodes=["node-4"])
    cluster.run(after)
    cluster.fault("ComponentCrash", components=[component], duration="3s")
    cluster.run("15m")
    assert taints(cluster, "node-4") == ["unreachable:NoSchedule", "unreachable:NoExecute"]
    assert "deletionTimestamp" in cluster["pod/db-0"]["metadata"]
    assert ready(cluster["pod/db-0"]) == "False"


def test_a_node_that_nobody_starts_a_kubelet_for(cluster: kl.Cluster) -> None:
    cluster.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "paper"}})
    cluster.run("55s")
    assert taints(cluster, "paper") == []  # no condition says that it is not ready
    cluster.run("20s")
    conditions = cluster["node/paper"]["status"]["conditions"]
    assert [each["reason"] for each in conditions] == ["NodeStatusNeverUpdated"] * 4
    assert taints(cluster, "paper")[:1] == ["unreachable:NoSchedule"]


def test_a_world_is_saved_and_forked_in_the_middle(cluster: kl.Cluster, tmp_path: Any) -> None:
    cluster.fault("NodeCrash", nodes=["node-4"], duration="7m")
    cluster.run("3m")
    fork, again = cluster.fork(), kl.load(cluster.save(tmp_path / "x.klab"))
    for each in (cluster, fork, again):
        each.run("10m")
    assert cluster._engine.store.revision == fork._engine.store.revision == again._engine.store.revision
    assert cluster.list("pods") == fork.list("pods") == again.list("pods")


DAEMON = {
    "apiVersion": "apps/v1",
    "kind": "DaemonSet",
    "metadata": {"name": "agent"},
    "spec": {
        "selector": {"matchLabels": {"app": "agent"}},
        "template": {"metadata": {"labels": {"app": "agent"}}, "spec": {"containers": [{"name": "c", "image": "nginx:1.25"}]}},
    },
}


def test_daemon_pods_stay(cluster: kl.Cluster) -> None:
    """They tolerate both taints for ever; a drain leaves them too, if it is told to."""
    cluster.apply(DAEMON)
    cluster.run("30s")
    before = {pod["metadata"]["uid"] for pod in cluster.list("pods", selector="app=agent")}
    assert len(before) == 4
    with pytest.raises(kl.DrainError) as caught:
        cluster.drain("node-1")
    assert caught.value.errors[0].startswith("cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore): default/agent-")
    assert "Warning: ignoring DaemonSet-managed Pods: default/agent-" in cluster.drain("node-1", ignore_daemonsets=True)
    cluster.fault("NodeCrash", nodes=["node-4"])
    cluster.run("20m")
    pods = cluster.list("pods", selector="app=agent")
    assert {pod["metadata"]["uid"] for pod in pods} == before
    assert not any("deletionTimestamp" in pod["metadata"] for pod in pods)
    assert sorted(ready(pod) for pod in pods) == ["False", "True", "True", "True"]
