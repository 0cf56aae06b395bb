"""The state of kubelets and runtimes is data: it forks, it is saved, it repeats itself; and programs on several nodes find each other."""

from __future__ import annotations

import json
from typing import Any

from kubelab.kubelet import cri_door
from kubelab.world.codec import decode, encode
from tests.unit.kubelet.world import Node, container, pod, shell

Object = dict[str, Any]
PROBE = {"exec": {"command": ["cat", "/tmp/ok"]}, "periodSeconds": 3}


def busy_node() -> Node:
    node = Node(2)
    node.start(
        pod(name="plain"),
        pod(shell("sleep 3; exit 1"), name="crashing"),
        pod(container(image="nginx:1.161"), name="broken"),
        pod(shell("touch /tmp/ok; sleep 20; rm /tmp/ok; sleep 1000", livenessProbe=PROBE), name="probed", node="n1"),
        pod(initContainers=[shell("sleep 5", "i")], name="slow", node="n1"),
    )
    return node


def story(engine: Any) -> list[tuple[int, str, Object]]:
    return [(commit.time_ns, commit.type, commit.object) for commit in engine.store.log.commits]


def test_the_same_seed_gives_the_same_log() -> None:
    first, second = busy_node(), busy_node()
    first.run("90s")
    second.run("90s")
    assert story(first.engine) == story(second.engine)


def test_what_kubelets_and_runtimes_keep_can_be_saved_and_read_back() -> None:
    node = busy_node()
    node.run("7300ms")
    for name, runner in node.engine.runners.items():
        dumped = runner.dump()
        assert decode(json.loads(json.dumps(encode(dumped)))) == dumped, name
    assert decode(json.loads(json.dumps(encode(node.engine.machines)))) == node.engine.machines


def zookeeper(ordinal: int) -> Object:
    command = ["sh", "-c", "start-zookeeper --servers=3 --data_dir=/var/lib/zookeeper/data --client_port=2181"]
    ports = [{"containerPort": 2181}, {"containerPort": 2888}, {"containerPort": 3888}]
    member = container("zk", "registry.k8s.io/kubernetes-zookeeper:1.0-3.4.10", command=command, ports=ports)
    return pod(member, name=f"zk-{ordinal}", node=f"n{ordinal}", hostname=f"zk-{ordinal}", subdomain="zk-hs")


def mode(node: Node, ordinal: int) -> str:
    scope = node.engine.scope(node.engine.runners[f"kubelet/n{ordinal}"], ())
    found = node.pod(f"zk-{ordinal}")
    assert found is not None
    result, _ = cri_door.exec_in(scope, found, "zk", ["zkServer.sh", "status"])
    return result.output.rpartition("Mode: ")[2].strip() if result.exit_code == 0 else "down"


def test_an_ensemble_over_three_nodes_loses_its_quorum_and_finds_it_again() -> None:
    node = Node(3)
    node.start(*(zookeeper(ordinal) for ordinal in range(3)))
    node.run("60s")
    assert sorted(mode(node, ordinal) for ordinal in range(3)) == ["follower", "follower", "leader"]
    for ordinal in (1, 2):
        node.delete(f"zk-{ordinal}", 1)
    node.run("20s")
    assert mode(node, 0) == "down"
    node.start(zookeeper(1))
    node.run("60s")
    assert sorted((mode(node, 0), mode(node, 1))) == ["follower", "leader"]
