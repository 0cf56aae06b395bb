"""A container runtime that does not answer; crashes on top of it; and faults that find nothing to hit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import kubelab as kl
from tests.builders import deployment, pod, statefulset
from tests.scenario.e2e import conditions, events, is_ready, script, status_of

Make = Callable[..., kl.Cluster]


def bound(name: str, *containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return pod(name, *containers, nodeName="node-1", tolerations=[{"operator": "Exists"}], **spec)


def test_what_was_asked_is_done_when_the_runtime_answers_in_time(make: Make) -> None:
    cluster = make(2, seed=8)
    cluster.apply(bound("p"))
    cluster.run("200ms")  # its sandbox is being made
    cluster.fault("RuntimeHang", nodes=["node-1"], duration="25s")
    cluster.run("20s")
    assert cluster["pod/p"]["status"]["phase"] == "Pending"
    cluster.run(until="pod/p ready", timeout="20s")
    assert events(cluster, "p", "FailedCreatePodSandBox") == []
    assert conditions(cluster["node/node-1"])["Ready"][0] == "True"


def test_a_request_has_failed_after_its_deadline_and_is_made_again(make: Make) -> None:
    cluster = make(2, seed=8)
    cluster.fault("RuntimeHang", nodes=["node-1"], duration="5m")
    cluster.run("1s")
    cluster.apply(bound("p"))
    cluster.run("4m5s")
    text = "Failed to create pod sandbox: rpc error: code = DeadlineExceeded desc = context deadline exceeded"
    assert events(cluster, "p", "FailedCreatePodSandBox") == [text]
    cluster.run(until="pod/p ready", timeout="2m")


def test_a_pull_waits_without_a_deadline(make: Make) -> None:
    cluster = make(2, seed=8)
    cluster.apply(bound("p"))
    cluster.run("1s")
    assert events(cluster, "p", "Pulling")
    cluster.fault("RuntimeHang", nodes=["node-1"], duration="10m")
    cluster.run("9m50s")
    assert events(cluster, "p", "Failed") == []
    cluster.run(until="pod/p ready", timeout="1m")
    assert "including waiting" in events(cluster, "p", "Pulled")[0]


def test_containers_go_on_and_what_became_of_them_is_seen_afterwards(make: Make) -> None:
    cluster = make(1, seed=8)
    cluster.apply(bound("p", script("sleep 100; exit 7"), restartPolicy="Never"))
    cluster.run(until="pod/p ready")
    cluster.fault("RuntimeHang", nodes=["node-1"], duration="4m")
    cluster.run("3m50s")
    assert cluster["pod/p"]["status"]["phase"] == "Running"
    cluster.run("20s")
    assert cluster["pod/p"]["status"]["phase"] == "Failed"
    ended = status_of(cluster, "p")["state"]["terminated"]
    assert ended["exitCode"] == 7
    assert ended["finishedAt"] < "2026-01-01T00:02:00Z"


def test_clients_of_the_runtime_get_no_answer(make: Make) -> None:
    cluster = make(1, seed=8)
    cluster.apply(bound("p"))
    cluster.run(until="pod/p ready")
    fault = cluster.fault("RuntimeHang", nodes=["node-1"])
    cluster.run("1s")
    for ask in (lambda: cluster.cri("node-1").list_containers(), lambda: cluster.exec("pod/p", ["true"])):
        with pytest.raises(Exception, match="context deadline exceeded"):
            ask()
    cluster.delete(fault)
    cluster.run("1s")
    assert len(cluster.cri("node-1").list_containers()) == 1


def test_the_heartbeat_goes_on_and_says_why_the_node_is_not_ready(make: Make) -> None:
    cluster = make(2, seed=8)
    cluster.fault("RuntimeHang", nodes=["node-1"], start="1s")
    cluster.run("45s")
    ready = cluster["node/node-1"]["status"]["conditions"][-1]
    assert (ready["status"], ready["reason"], ready["message"]) == ("False", "KubeletNotReady", "container runtime is down")
    cluster.run("5m")
    ready = cluster["node/node-1"]["status"]["conditions"][-1]
    assert ready["message"].startswith("[container runtime is down, PLEG is not healthy: pleg was last seen active 5m")
    assert ready["message"].endswith("s ago; threshold is 3m0s]")
    taints = [(taint["key"], taint["effect"]) for taint in cluster["node/node-1"]["spec"]["taints"]]
    assert taints == [("node.kubernetes.io/not-ready", "NoSchedule"), ("node.kubernetes.io/not-ready", "NoExecute")]


def test_a_kubelet_that_starts_while_its_runtime_hangs_waits(make: Make) -> None:
    cluster = make(2, seed=8)
    cluster.apply(statefulset("db", 2))
    cluster.run(until="statefulset/db ready")
    cluster.fault("RuntimeHang", nodes=["node-1"], duration="3m")
    cluster.fault("ComponentCrash", components=["kubelet/node-1"], start="1m", duration="10s")
    cluster.run("2m")
    cluster.delete(next(item for item in cluster.list("pods") if item["spec"]["nodeName"] == "node-1"))
    cluster.run("8m")
    assert cluster.rollout("statefulset/db").done
    assert cluster._engine.runners["kubelet/node-1"].lanes == {"pod": 0, "pull": 1, "node": 1}


def test_power_lost_while_the_runtime_hangs(make: Make) -> None:
    cluster = make(2, seed=8)
    cluster.apply(deployment("web", 4))
    cluster.run(until="deployment/web ready")
    cluster.fault("RuntimeHang", nodes=["node-1"], duration="2m")
    cluster.fault("NodeCrash", nodes=["node-1"], start="20s", duration="30s")
    cluster.run("10m")
    assert cluster.rollout("deployment/web").done
    assert all(is_ready(item) for item in cluster.list("pods"))


def test_a_component_stays_down_while_another_fault_keeps_it_down(make: Make) -> None:
    cluster = make(2, seed=8)
    alive = cluster._engine.runners
    cluster.fault("NodeCrash", nodes=["node-1"], duration="1m")
    cluster.fault("ComponentCrash", components=["kubelet/node-1"], duration="30s")
    cluster.fault("ComponentCrash", components=["kubelet/node-2", "scheduler"], duration="2m")
    cluster.run("45s")
    assert not alive["kubelet/node-1"].alive
    assert not alive["containerd/node-1"].alive
    cluster.run("30s")
    assert alive["kubelet/node-1"].alive
    assert not alive["kubelet/node-2"].alive
    cluster.run("1m")
    assert alive["kubelet/node-2"].alive
    assert alive["scheduler"].alive


# -- faults that find nothing -----------------------------------------------------------------------------------------------
def manifest(name: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "lab.kubelab.dev/v1", "kind": "Fault", "metadata": {"name": name}, "spec": spec}


NOTHING: list[tuple[dict[str, Any], str]] = [
    ({"type": "NodeCrash", "nodes": ["node-9"]}, "NodeCrash hits nothing: there is nothing called node-9"),
    ({"type": "DiskFull", "selector": {"matchLabels": {"disk": "ssd"}}}, "DiskFull hits nothing: no node matches the selector"),
    ({"type": "ComponentCrash", "components": ["etcd"]}, "ComponentCrash hits nothing: there is nothing called etcd"),
    ({"type": "ApiError", "resources": ["podz"]}, "ApiError hits nothing: there is nothing called podz"),
]


@pytest.mark.parametrize(("spec", "words"), NOTHING, ids=[row[0]["type"] for row in NOTHING])
def test_a_manifest_that_hits_nothing_says_so_and_is_over(make: Make, spec: dict[str, Any], words: str) -> None:
    cluster = make(1, seed=8)
    cluster.apply(manifest("x", **spec, duration="5m"))
    cluster.run("1s")
    assert cluster["fault/x"]["status"]["phase"] == "Ended"
    told = [(item["type"], item["reason"], item["message"]) for item in cluster.list("events") if item["involvedObject"]["name"] == "x"]
    assert told == [("Warning", "HitsNothing", words)]
    assert cluster._engine.server.faults == {} == cluster._engine.trouble
    cluster.settle("1m")


def test_a_manifest_hits_what_is_there_and_says_what_is_not(make: Make) -> None:
    cluster = make(2, seed=8)
    cluster.apply(manifest("x", type="NodeCrash", nodes=["node-1", "node-9"], duration="20s"))
    cluster.run("1s")
    assert cluster["fault/x"]["status"]["phase"] == "Active"
    assert not cluster._engine.runners["kubelet/node-1"].alive
    assert [item["message"] for item in cluster.list("events") if item["reason"] == "UnknownTarget"] == [
        "NodeCrash hits nothing called node-9"
    ]
    cluster.run("1m")
    assert cluster["fault/x"]["status"]["phase"] == "Ended"


def test_a_selector_hits_the_nodes_that_match(make: Make) -> None:
    cluster = make(3, seed=8)
    cluster.fault("RuntimeHang", selector={"matchLabels": {"topology.kubernetes.io/zone": "zone-b"}}, start="5s", duration="10s")
    cluster.run("2s")
    assert cluster.list("faults")[0]["status"]["phase"] == "Pending"
    assert cluster._engine.trouble == {}
    cluster.run("5s")
    assert [one.machines for one in cluster._engine.trouble.values()] == [("node-2",)]
    cluster.run("10s")
    assert cluster._engine.trouble == {}


def test_a_type_that_is_not_built_stays_pending_and_says_so(make: Make) -> None:
    cluster = make(1, seed=8)
    cluster.apply(manifest("x", type="WebhookDown"))
    cluster.run("1s")
    assert cluster["fault/x"]["status"]["phase"] == "Pending"
    assert any(item["reason"] == "NotBuilt" for item in cluster.list("events"))


def test_a_hanging_runtime_forks_saves_and_loads(make: Make, tmp_path: Any) -> None:
    cluster = make(2, seed=8)
    cluster.apply(statefulset("db", 3))
    cluster.fault("RuntimeHang", nodes=["node-1"], start="2s", duration="5m")
    cluster.run("50s")
    worlds = (cluster, cluster.fork(), kl.load(cluster.save(tmp_path / "x.klab")))
    for world in worlds:
        world.run("15m")
    assert len({str(world._engine.store.log.commits) for world in worlds}) == 1
    assert cluster.rollout("statefulset/db").done
