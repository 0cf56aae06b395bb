"""A node that cannot be reached: what runs on goes on, what is to be told is told later, and what was decided meanwhile is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import kubelab as kl
from kubelab.world.clock import parse_rfc3339
from tests.builders import container, deployment, pod, statefulset
from tests.scenario.e2e import events, is_ready, script, status_of

Make = Callable[..., kl.Cluster]


def on_node(name: str, *containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A pod that is bound already, and that no taint evicts."""
    number = name.rpartition("-")[2]
    served = container(ports=[{"containerPort": 80}])
    return pod(name, *(containers or (served,)), nodeName=f"node-{number}", tolerations=[{"operator": "Exists"}], **spec)


def calls_of(cluster: kl.Cluster, component: str, since: float) -> list[Any]:
    start_ns = cluster._world.start_ns
    return [call for call in cluster._engine.store.log.calls if call.component == component and call.time_ns - start_ns > since * 1e9]


def test_a_container_that_ends_is_started_again_and_told_of_afterwards(make: Make) -> None:
    cluster = make(2, seed=3)
    cluster.apply(on_node("p-1", script("sleep 60; exit 3")))
    cluster.run(until="pod/p-1 ready")
    fault = cluster.fault("NodePartition", nodes=["node-1"])
    cluster.run("4m")
    assert status_of(cluster, "p-1")["restartCount"] == 0
    assert not calls_of(cluster, "kubelet/node-1", 5)
    running = [item for item in cluster._engine.machines["node-1"]["containers"].values() if item.state == "CONTAINER_RUNNING"]
    assert running[0].spec.attempt >= 2
    cluster.delete(fault)
    cluster.run("90s")
    assert status_of(cluster, "p-1")["restartCount"] >= running[0].spec.attempt
    assert status_of(cluster, "p-1")["lastState"]["terminated"]["exitCode"] == 3


def test_a_pod_that_was_deleted_meanwhile_stops_when_its_kubelet_hears_of_it(make: Make) -> None:
    cluster = make(2, seed=3)
    cluster.apply(on_node("p-1"))
    cluster.run(until="pod/p-1 ready")
    fault = cluster.fault("NodePartition", nodes=["node-1"])
    cluster.run("10s")
    cluster.delete("pod/p-1")
    cluster.run("5m")
    assert "deletionTimestamp" in cluster["pod/p-1"]["metadata"]
    assert any(item.state == "CONTAINER_RUNNING" for item in cluster._engine.machines["node-1"]["containers"].values())
    cluster.delete(fault)
    cluster.run(until="pod/p-1 gone", timeout="2m")
    assert not any(item.state == "CONTAINER_RUNNING" for item in cluster._engine.machines["node-1"]["containers"].values())


def test_a_pod_bound_meanwhile_starts_when_the_node_is_back(make: Make) -> None:
    cluster = make(2, seed=3)
    fault = cluster.fault("NodePartition", nodes=["node-1"])
    cluster.run("2s")
    cluster.apply(on_node("p-1"))
    cluster.run("2m")
    assert cluster["pod/p-1"]["status"]["phase"] == "Pending"
    cluster.delete(fault)
    cluster.run(until="pod/p-1 ready", timeout="2m")


@pytest.mark.parametrize(("whence", "reached"), [("all", False), ("nodes", False), ("api-server", True)])
def test_packets_between_nodes(make: Make, whence: str, reached: bool) -> None:
    cluster = make(2, seed=3)
    for number in (1, 2):
        cluster.apply(on_node(f"p-{number}"))
        cluster.run(until=f"pod/p-{number} ready")
    address = cluster["pod/p-1"]["status"]["podIP"]
    ask = ["wget", "-q", "-O", "-", "-T", "1", f"http://{address}:80/"]
    assert cluster.exec("pod/p-2", ask)
    fault = cluster.fault("NodePartition", nodes=["node-1"], from_=whence)
    cluster.run("2s")
    if reached:
        assert cluster.exec("pod/p-2", ask)
    else:
        with pytest.raises(kl.ExecError, match="can't connect"):
            cluster.exec("pod/p-2", ask)
    cluster.delete(fault)
    cluster.run("1m")
    assert cluster.exec("pod/p-2", ask)
    assert cluster["node/node-1"]["status"]["conditions"][-1]["status"] == "True"


def test_nodes_of_one_cut_reach_each_other(make: Make) -> None:
    cluster = make(3, seed=3)
    for number in (1, 2, 3):
        cluster.apply(on_node(f"p-{number}"))
        cluster.run(until=f"pod/p-{number} ready")
    engine = cluster._engine
    cluster.fault("NodePartition", nodes=["node-1", "node-2"], from_="nodes")
    cluster.run("2s")
    assert engine.machines[""]["islands"] == {"node-1": ("nodepartition-1",), "node-2": ("nodepartition-1",)}
    ask = ["wget", "-q", "-O", "-", "-T", "1"]
    assert cluster.exec("pod/p-1", [*ask, f"http://{cluster['pod/p-2']['status']['podIP']}:80/"])
    with pytest.raises(kl.ExecError, match="can't connect"):
        cluster.exec("pod/p-1", [*ask, f"http://{cluster['pod/p-3']['status']['podIP']}:80/"])


def test_a_kubelet_that_is_cut_off_answers_nobody(make: Make) -> None:
    cluster = make(2, seed=3)
    cluster.apply(on_node("p-1"))
    cluster.run(until="pod/p-1 ready")
    cluster.fault("NodePartition", nodes=["node-1"], duration="20s")
    cluster.run("1s")
    for ask in (lambda: cluster.exec("pod/p-1", ["true"]), lambda: cluster.logs("pod/p-1")):
        with pytest.raises(kl.ApiError, match=r"dial tcp .*:10250: i/o timeout"):
            ask()
    cluster.run("1m")
    cluster.exec("pod/p-1", ["true"])


def test_requests_that_arrive_and_answers_that_do_not(make: Make) -> None:
    """The node hears nothing. Its first renewal is committed, and it does not know: the next ones conflict with it, until the connection is
    given up. So the node counts as lost 40 s after the renewal that did arrive.
    """
    cluster = make(2, seed=3)
    cluster.fault("NodePartition", nodes=["node-1"], direction="in", start="1s")
    cluster.run("2m")
    renewed = [call for call in calls_of(cluster, "kubelet/node-1", 1) if call.resource.startswith("leases")]
    assert [call.code for call in renewed[:2]] == [200, 409]
    assert all(call.code == 409 for call in renewed[2:])
    assert max(call.time_ns for call in renewed) <= cluster._world.start_ns + 46 * 10**9
    unknown = cluster["node/node-1"]["status"]["conditions"][-1]
    assert unknown["status"] == "Unknown"
    assert 40 <= (parse_rfc3339(unknown["lastTransitionTime"]) - renewed[0].time_ns) / 1e9 <= 46


def test_two_cuts_of_a_node_end_with_the_later_one(make: Make) -> None:
    cluster = make(2, seed=3)
    cluster.fault("NodePartition", nodes=["node-1"], duration="1m")
    cluster.fault("NodePartition", nodes=["node-1", "node-2"], duration="3m")
    cluster.run("2m50s")
    assert not calls_of(cluster, "kubelet/node-1", 15)
    cluster.run("2m")
    assert calls_of(cluster, "kubelet/node-1", 180)
    assert [node["status"]["conditions"][-1]["status"] for node in cluster.list("nodes")] == ["True", "True"]


def test_a_node_that_is_cut_off_and_loses_its_power(make: Make) -> None:
    cluster = make(3, seed=3)
    cluster.apply(statefulset("db", 3))
    cluster.run(until="statefulset/db ready")
    cluster.fault("NodePartition", nodes=["node-1"], duration="3m")
    cluster.fault("NodeCrash", nodes=["node-1"], start="20s", duration="1m")
    cluster.run("10m")
    assert cluster.rollout("statefulset/db").done
    assert all(is_ready(item) for item in cluster.list("pods"))


def test_a_short_cut_is_noticed_by_nobody(make: Make) -> None:
    cluster = make(3, seed=3)
    cluster.apply(deployment("web", 6))
    cluster.run(until="deployment/web ready")
    revisions = {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in cluster.list("pods")}
    cluster.fault("NodePartition", nodes=["node-1"], duration="20s")
    cluster.run("3m")
    assert events(cluster, "node-1", "NodeNotReady") == []
    assert {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in cluster.list("pods")} == revisions


def test_a_cluster_comes_to_rest_while_a_node_is_cut_off(make: Make) -> None:
    cluster = make(3, seed=3)
    cluster.apply(deployment("web", 3))
    cluster.run(until="deployment/web ready")
    cluster.fault("NodePartition", nodes=["node-1"])
    cluster.run("1m")
    cluster.settle("30m")
    assert cluster.rollout("deployment/web").done


def test_watches_that_lag_and_a_cut_at_once(make: Make) -> None:
    cluster = make(2, seed=3)
    cluster.fault("WatchLag", components=["kubelet/node-1"], delay="20s", name="lag")
    cluster.fault("NodePartition", nodes=["node-1"], duration="10s")
    cluster.run("1s")
    cluster.apply(on_node("p-1"))
    cluster.run("40s")
    assert cluster._engine.runners["kubelet/node-1"].lag_ns == 20 * 10**9
    cluster.run(until="pod/p-1 ready", timeout="1m")
    cluster.delete("fault/lag")
    cluster.run("1s")
    assert cluster._engine.lagging == {}


def test_a_world_with_a_cut_forks_saves_and_loads(make: Make, tmp_path: Any) -> None:
    cluster = make(3, seed=3)
    cluster.apply(statefulset("db", 3))
    cluster.fault("NodePartition", nodes=["node-2"], start="5s", duration="7m")
    cluster.run("30s")
    worlds = (cluster, cluster.fork(), kl.load(cluster.save(tmp_path / "x.klab")))
    for world in worlds:
        world.run("15m")
    assert len({str(world._engine.store.log.commits) for world in worlds}) == 1
    assert cluster._engine.trouble == {} == cluster._engine.lagging


def test_why_a_pod_of_a_lost_node_does_not_end(make: Make) -> None:
    cluster = make(2, seed=3)
    cluster.apply(on_node("p-1"))
    cluster.run(until="pod/p-1 ready")
    cluster.fault("NodePartition", nodes=["node-1"])
    cluster.delete("pod/p-1")
    cluster.run("1m")
    words = "the pod is terminating, and its node node-1 cannot confirm it: Kubelet stopped posting node status."
    assert words in str(cluster.why_not("pod/p-1"))
