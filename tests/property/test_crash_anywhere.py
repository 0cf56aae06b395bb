"""Every component may be killed at any instant, and goes on from the log alone (DESIGN section 1, principle 2).

A world in the middle of its work is forked at many instants; in each fork one component is killed there and started again at once. Whatever it
had forgotten, the end is the same: every workload is complete, with as many pods as it asks for, and nothing that was written is lost.
"""

from __future__ import annotations

from typing import Any

import pytest

import kubelab as kl
from tests.builders import claim_template, deployment, image_patch, job, statefulset
from tests.invariants import complaints

EVERY = 5  # wakes between two forks
SHORT, LONG = 5, 1
OWNED = {"deployment/web": 4, "statefulset/db": 3}


def at_work(control_planes: int | None = None) -> kl.Cluster:
    """A world in which everything moves: a rollout under way, a set with claims, a job, a pod that crashes, one that is deleted."""
    cluster = kl.Cluster(3, seed=9, control_planes=control_planes)
    claimed = statefulset("db", 3)
    claimed["spec"]["volumeClaimTemplates"] = [claim_template()]
    claimed["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    cluster.apply([deployment("web", 4), claimed, job("sums", 3, parallelism=2, script="sleep 3")])
    cluster.run("2s")
    cluster.patch("deployment/web", image_patch("nginx:1.24"))
    cluster.delete("pod/db-0")
    return cluster


def instants(cluster: kl.Cluster, seconds: float) -> list[kl.Cluster]:
    """Forks of the world, one each few wakes."""
    engine, found = cluster._engine, []
    until_ns, count = engine.now_ns + int(seconds * 1e9), 0
    while engine.wakes.heap and engine.wakes.heap[0][0] <= until_ns:
        engine.run_one()
        count += 1
        if count % EVERY == 0:
            found.append(cluster.fork())
    return found


def ends_well(cluster: kl.Cluster, story: str) -> None:
    cluster.run("6m")
    for name, replicas in OWNED.items():
        assert cluster.rollout(name).done, f"{story}: {name} is not done: {cluster.why_not(name)}"
        app = name.partition("/")[2]
        pods = [pod for pod in cluster.list("pods", selector=f"app={app}") if pod["status"]["phase"] == "Running"]
        assert len(pods) == replicas, f"{story}: {name} has {len(pods)} pods"
    done = cluster["job/sums"]["status"]
    assert done.get("succeeded") == 3, f"{story}: {done}"
    assert complaints(cluster) == [], story


def killed(cluster: kl.Cluster, number: int) -> str:
    """Kill one component in its turn; which it was."""
    names = [name for name in cluster._engine.runners if name != "fault-controller"]
    name = names[number % len(names)]
    cluster._engine.crash(name)
    cluster._engine.restart(name)
    return name


@pytest.fixture(scope="module")
def worlds() -> list[kl.Cluster]:
    return instants(at_work(), 25)


def _try(worlds: list[kl.Cluster], step: int, offset: int = 0) -> None:
    for number, world in enumerate(worlds[::step]):
        now = world.elapsed
        ends_well(world, f"{killed(world, number * 7 + offset)} killed at {now:.6f} s")


def test_one_component_killed_at_many_instants(worlds: list[kl.Cluster]) -> None:
    assert len(worlds) > 40
    _try([world.fork() for world in worlds], SHORT)


@pytest.mark.long
def test_one_component_killed_at_very_many_instants(worlds: list[kl.Cluster]) -> None:
    for turn in range(4):
        _try([world.fork() for world in worlds], LONG, 5 * turn + 1)


def test_all_components_killed_at_one_instant(worlds: list[kl.Cluster]) -> None:
    for world in (worlds[3], worlds[len(worlds) // 2], worlds[-1]):
        copy = world.fork()
        for name in list(copy._engine.runners):
            copy._engine.crash(name)
        for name in list(copy._engine.runners):
            copy._engine.restart(name)
        ends_well(copy, f"all killed at {world.elapsed:.6f} s")


def test_a_leader_killed_at_many_instants() -> None:
    for number, world in enumerate(instants(at_work(3), 12)[::9]):
        leases = world.list("leases", namespace="kube-system")
        lease: Any = leases[number % 2]
        leader = f"{lease['metadata']['name']}/{lease['spec']['holderIdentity'].split('_')[0]}"
        world.fault("ComponentCrash", components=[leader], duration="1m")
        ends_well(world, f"{leader} killed at {world.elapsed:.6f} s")
