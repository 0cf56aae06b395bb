"""Replaying a workload in virtual time: what becomes of tasks, and of nodes that are silent meanwhile."""

import pytest

import kubelab as kl
from kubelab.cluster.workload import Machine, Replay, Task, Workload

MACHINES = (Machine("plain", 8000, 16384), Machine("gpus", 16000, 32768, 2, "T4"))


def task(name, created, deleted, scheduled=None, **more):
    fields = {"cpu_milli": 1000, "memory_mib": 512, "gpus": 0, "gpu_milli": 0, "models": (), "qos": "LS", "phase": "Running", **more}
    return Task(name, created=created, deleted=deleted, scheduled=scheduled, **fields)


def phases(cluster):
    return {pod["metadata"]["name"]: pod["status"]["phase"] for pod in cluster.list("pods")}


def test_each_task_ends_as_it_ended():
    tasks = (
        task("done", 0, 600, 100),
        task("broken", 50, 300, 60, phase="Failed"),
        task("given-up", 100, 400, phase="Pending", cpu_milli=64000),
        task("sharing", 200, 100_000, 210, gpus=1, gpu_milli=460, models=("T4", "P100")),
        task("shared", 200, 90_000, 210, gpus=1, gpu_milli=540),
    )
    c = Workload(MACHINES, tasks).cluster()
    assert c.replay(Workload(MACHINES, tasks)) == Replay(5, 0, 3, 1, 0, 0, 1)
    assert c.elapsed == 100_000
    assert phases(c) == {"done": "Succeeded", "broken": "Failed", "sharing": "Succeeded", "shared": "Succeeded"}
    assert c["pod/sharing"]["spec"]["nodeName"] == "gpus"
    pods = c.frames.pods().set_index("name")
    assert pods["elapsed"].round().to_dict() == {"done": 0, "broken": 50, "given-up": 100, "sharing": 200, "shared": 200}
    assert pods.loc["given-up", "to_deleted"] == pytest.approx(300, abs=1)


def test_nothing_ends_with_stay_and_a_pace_is_a_pace():
    tasks = tuple(task(f"t{number}", number * 1000, number * 1000 + 500, number * 1000, cpu_milli=6000) for number in range(4))
    c = Workload(MACHINES, tasks).cluster()
    assert c.replay(Workload(MACHINES, tasks), stay=True, pace=100) == Replay(4, 0, 0, 0, 3, 1, 0)
    assert c.elapsed == 35
    frame = c.frames.occupancy(every=5)
    last = frame[frame["elapsed"] == 35].set_index("resource")
    assert last.loc["cpu", ["allocatable", "requested", "share", "stranded"]].tolist() == [24.0, 18.0, 0.75, 6.0]
    assert (last.loc["cpu", "running"], last.loc["cpu", "pending"]) == (3, 1)
    assert last.loc["memory", "stranded"] == 24 * 2**30 * 2 - 3 * 512 * 2**20


def leases(cluster):
    return sum(commit.key[0] == "leases.coordination.k8s.io" for commit in cluster._engine.store.log.commits)


def test_nodes_are_silent_for_the_replay_and_well_afterwards():
    tasks = (task("one", 0, 86_400, 0),)
    c = Workload(MACHINES, tasks).cluster()
    before = leases(c)
    c.replay(Workload(MACHINES, tasks))
    assert leases(c) == before
    c.run("10m")
    assert leases(c) == before + 2 * 60
    assert all(node["spec"].get("taints") is None for node in c.list("nodes"))
    assert {each["status"] for node in c.list("nodes") for each in node["status"]["conditions"] if each["type"] == "Ready"} == {"True"}
    c.fault("NodeCrash", nodes=["gpus"])
    c.run("2m")
    assert any(taint["key"] == "node.kubernetes.io/unreachable" for taint in c["node/gpus"]["spec"]["taints"])


def test_with_heartbeats_the_nodes_go_on():
    tasks = (task("one", 0, 600, 0),)
    c = Workload(MACHINES, tasks).cluster()
    before = leases(c)
    c.replay(Workload(MACHINES, tasks), heartbeats=True)
    assert leases(c) == before + 2 * 60


def test_a_cluster_without_heartbeats_stays_ready_and_binds_pods():
    c = kl.Cluster(2, timing=kl.Timing().with_(heartbeats=False))
    c.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [{"name": "a", "image": "nginx"}]}})
    c.run(until="pod/a ready").run("2h")
    assert leases(c) == 0
    assert {each["status"] for node in c.list("nodes") for each in node["status"]["conditions"] if each["type"] == "Ready"} == {"True"}
    assert "cordoned" in c.cordon("node-1")
    assert c.run("10s")["node/node-1"]["spec"]["taints"][0]["key"] == "node.kubernetes.io/unschedulable"


def test_the_same_seed_gives_the_same_log():
    tasks = tuple(task(f"t{number}", number * 7, number * 7 + 60, number * 7 + 1) for number in range(20))
    logs = []
    for _ in range(2):
        c = Workload(MACHINES, tasks).cluster(seed=3)
        c.replay(Workload(MACHINES, tasks))
        logs.append(c.run("1m")._engine.store.log.commits)
    assert logs[0] == logs[1]


def test_a_refused_task_is_counted():
    tasks = (task("one", 0, 60, 0), task("two", 10, 60, 10))
    c = Workload(MACHINES, tasks).cluster()
    c.create({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"}, "spec": {"hard": {"pods": "1"}}})
    c.run("5s")
    assert c.replay(Workload(MACHINES, tasks))[:2] == (1, 1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"workload": 3}, r"workload=3: give what kl\.workload\.read returns"),
        ({"pace": 0}, r"pace=0: give a number greater than 0"),
        ({"pace": float("nan")}, "pace=nan"),
        ({"pace": True}, "pace=True"),
    ],
)
def test_bad_arguments_change_nothing(arguments, words):
    workload = Workload(MACHINES, (task("one", 0, 60, 0),))
    c = workload.cluster()
    with pytest.raises(ValueError, match=words):
        c.replay(**{"workload": workload, **arguments})
    assert (c.elapsed, len(c.list("pods"))) == (0, 0)


@pytest.mark.parametrize(("arguments", "words"), [({"every": 0}, "every=0: give seconds"), ({"since": float("inf")}, "since=inf: give")])
def test_instants_that_cannot_be(arguments, words):
    with pytest.raises(ValueError, match=words):
        kl.Cluster(1).frames.occupancy(**arguments)
