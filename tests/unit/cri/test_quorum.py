"""Quorum members: a careless restart loses the quorum, a careful one does not, and what was written survives."""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.cri import programs
from kubelab.cri.api import ContainerSpec, Mount
from kubelab.cri.programs.etcd import Etcd
from kubelab.cri.programs.zookeeper import ZooKeeper
from kubelab.world import codec
from tests.unit.cri.builders import MiniCluster

PEERS = ",".join(f"etcd-{number}=http://etcd-{number}.etcd:2380" for number in range(3))


def zookeeper(cluster: MiniCluster, number: int) -> None:
    """A pod of the tutorial's StatefulSet `zk`."""
    cluster.start(
        f"zk-{number}", "registry.k8s.io/kubernetes-zookeeper:1.0-3.4.10", node=f"node-{number + 1}",
        command=("sh", "-c", "start-zookeeper --servers=3 --data_dir=/var/lib/zookeeper/data --client_port=2181"),
        mounts=(Mount("/var/lib/zookeeper", f"datadir-zk-{number}"),), ports=(2181, 2888, 3888),
    )  # fmt: skip


def etcd(cluster: MiniCluster, number: int) -> None:
    cluster.start(
        f"etcd-{number}", "quay.io/coreos/etcd:v3.5.9", node=f"node-{number + 1}",
        command=("etcd", f"--name=etcd-{number}", f"--initial-cluster={PEERS}", "--data-dir=/data"), mounts=(Mount("/data", f"data-{number}"),),
        ports=(2379, 2380),
    )  # fmt: skip


def ensemble(start: Any = zookeeper) -> MiniCluster:
    cluster = MiniCluster(nodes=3)
    for number in range(3):
        start(cluster, number)
    cluster.run(10)
    return cluster


def roles(cluster: MiniCluster) -> dict[str, Any]:
    return {pod: cluster.about(pod).get("role") for pod in cluster.where}


def leader(cluster: MiniCluster) -> str:
    return next(pod for pod, role in roles(cluster).items() if role == "leading")


def test_no_quorum_before_a_majority_is_up() -> None:
    cluster = MiniCluster(nodes=3)
    zookeeper(cluster, 0)
    cluster.run(30)
    assert roles(cluster) == {"zk-0": "looking"}
    # The tutorial's probe asks the server, not the ensemble; else an ordered start would never get past the first pod.
    assert cluster.exec("zk-0", "sh", "-c", "zookeeper-ready 2181")[0] == 0
    assert cluster.exec("zk-0", "sh", "-c", "echo ruok | nc 127.0.0.1 2181") == (0, "imok")
    assert cluster.exec("zk-0", "zkServer.sh", "status")[0] == 1
    zookeeper(cluster, 1)
    cluster.run(2.4)
    assert roles(cluster) == {"zk-0": "looking", "zk-1": "looking"}
    cluster.run(0.1)
    assert roles(cluster) == {"zk-0": "following", "zk-1": "leading"}
    zookeeper(cluster, 2)
    cluster.run(2)
    assert roles(cluster)["zk-2"] == "following"


def test_probe_fails_while_the_server_starts() -> None:
    cluster = MiniCluster(nodes=1)
    zookeeper(cluster, 0)
    assert cluster.exec("zk-0", "sh", "-c", "zookeeper-ready 2181")[0] == 1
    assert not cluster.tcp("zk-0", 2181)
    cluster.run(2)
    assert cluster.tcp("zk-0", 2181)


def test_losing_the_leader_costs_an_election_losing_the_majority_the_service() -> None:
    cluster = ensemble()
    first = leader(cluster)
    cluster.kill(first)
    assert cluster.exec("zk-0" if first != "zk-0" else "zk-1", "zkCli.sh", "get", "/")[0] == 1
    cluster.run(0.5)
    second = leader(cluster)
    assert second != first
    assert cluster.about(second)["epoch"] == 2
    follower = next(pod for pod, role in roles(cluster).items() if role == "following")
    cluster.kill(follower)
    assert roles(cluster) == {first: None, follower: None, second: "looking"}
    cluster.run(60)
    assert roles(cluster)[second] == "looking"
    zookeeper(cluster, int(follower[-1]))
    cluster.run(3)
    assert sorted(str(role) for role in roles(cluster).values()) == ["None", "following", "leading"]


def test_a_follower_s_restart_leaves_the_leader_alone() -> None:
    cluster = ensemble()
    first = leader(cluster)
    follower = next(pod for pod in roles(cluster) if pod != first)
    cluster.kill(follower)
    cluster.run(5)
    zookeeper(cluster, int(follower[-1]))
    cluster.run(5)
    assert (leader(cluster), cluster.about(first)["epoch"], roles(cluster)[follower]) == (first, 1, "following")


def test_what_was_written_survives_all_pods() -> None:
    # kubernetes.io: Running ZooKeeper, "Sanity Testing the Ensemble" and "Providing Durable Storage"
    cluster = ensemble()
    assert cluster.exec("zk-0", "zkCli.sh", "create", "/hello", "world")[0] == 0
    assert cluster.exec("zk-1", "zkCli.sh", "get", "/hello") == (0, "world\n")
    for number in range(3):
        cluster.kill(f"zk-{number}")
    for number in range(3):
        zookeeper(cluster, number)
    cluster.run(10)
    assert cluster.exec("zk-2", "zkCli.sh", "get", "/hello") == (0, "world\n")
    assert cluster.exec("zk-1", "cat", "/var/lib/zookeeper/data/myid") == (0, "2\n")


def test_a_member_that_was_away_takes_over_what_it_missed() -> None:
    cluster = ensemble()
    cluster.kill("zk-2")
    cluster.run(1)
    assert cluster.exec("zk-0", "zkCli.sh", "create", "/a", "1")[0] == 0
    zookeeper(cluster, 2)
    cluster.run(5)
    assert cluster.exec("zk-2", "zkCli.sh", "get", "/a") == (0, "1\n")
    assert '"/a": "1"' in cluster.volumes["datadir-zk-2"]["data/version-2/log.1"]


def test_a_partitioned_leader_steps_down_and_comes_back_as_a_follower() -> None:
    cluster = ensemble()
    first = leader(cluster)
    cluster.cut.add(cluster.where[first][2])
    cluster.fabric.changed("zookeeper/default/zk", cluster.now)
    cluster.run(1)
    assert roles(cluster)[first] == "looking"
    second = leader(cluster)
    assert cluster.exec(second, "zkCli.sh", "create", "/b", "2")[0] == 0
    cluster.cut.clear()
    cluster.fabric.changed("zookeeper/default/zk", cluster.now)
    assert (leader(cluster), roles(cluster)[first]) == (second, "following")
    assert cluster.exec(first, "zkCli.sh", "get", "/b") == (0, "2\n")


def test_etcd_answers_health_by_quorum() -> None:
    cluster = MiniCluster(nodes=3)
    etcd(cluster, 0)
    cluster.run(20)
    # A new cluster serves no client before a majority has met; the listener is open already.
    assert (cluster.http("etcd-0", 2379, "/health"), cluster.tcp("etcd-0", 2379)) == (None, True)
    etcd(cluster, 1)
    etcd(cluster, 2)
    cluster.run(2)
    assert [cluster.http(f"etcd-{number}", 2379, "/health") for number in range(3)] == [200, 200, 200]
    assert cluster.exec("etcd-0", "sh", "-c", "etcdctl put foo bar && etcdctl get foo") == (0, "OK\nfoo\nbar\n")
    assert cluster.exec("etcd-2", "etcdctl", "endpoint", "health")[1].startswith(
        "127.0.0.1:2379 is healthy: successfully committed proposal"
    )
    cluster.kill("etcd-1")
    cluster.kill("etcd-2")
    cluster.run(5)
    assert cluster.http("etcd-0", 2379, "/health") == 503
    assert cluster.exec("etcd-0", "etcdctl", "endpoint", "health") == (
        1, "127.0.0.1:2379 is unhealthy: failed to commit proposal: context deadline exceeded\nError: unhealthy cluster\n",
    )  # fmt: skip
    etcd(cluster, 1)
    cluster.run(3)
    assert cluster.exec("etcd-1", "etcdctl", "get", "foo") == (0, "foo\nbar\n")


def test_a_member_that_stands_alone_is_its_own_majority() -> None:
    cluster = MiniCluster()
    cluster.start("etcd-7d4b9-xk2lp", "registry.k8s.io/etcd:3.5.1-0", command=("/usr/local/bin/etcd", "--data-dir", "/var/lib/etcd"))
    cluster.start("zoo", "zookeeper:3.8")
    cluster.run(5)
    assert roles(cluster) == {"etcd-7d4b9-xk2lp": "leading", "zoo": "leading"}
    assert "Mode: standalone" in cluster.exec("zoo", "zkServer.sh", "status")[1]


def test_pods_beyond_the_configured_ensemble_do_not_vote() -> None:
    cluster = ensemble()
    cluster.start("zk-3", "registry.k8s.io/kubernetes-zookeeper:1.0-3.4.10", command=("sh", "-c", "start-zookeeper --servers=3"))
    cluster.run(10)
    assert roles(cluster)["zk-3"] == "looking"
    assert cluster.next_wakes() == []


@pytest.mark.parametrize(
    ("program", "fields", "size", "directory"),
    [
        (ZooKeeper(), {"command": ("sh", "-c", "start-zookeeper --servers=5 --data_dir=/x/data")}, 5, "/x/data"),
        (ZooKeeper(), {"env": {"ZOO_SERVERS": "server.1=zk-0.zk:2888:3888;2181 server.2=zk-1.zk:2888:3888;2181 server.3=zk-2.zk:2888:3888;2181"}}, 3, "/data"),
        (ZooKeeper(), {"env": {"ZOO_SERVERS": "zk-0.zk:2888:3888::1,zk-1.zk:2888:3888::2,zk-2.zk:2888:3888::3"}}, 3, "/data"),
        (ZooKeeper(), {"env": {"ZOOKEEPER_SERVERS": "zk-0.zk:2888:3888;zk-1.zk:2888:3888;zk-2.zk:2888:3888"}}, 3, "/data"),
        (ZooKeeper(), {"mounts": (Mount("/bitnami/zookeeper", "v"),)}, 1, "/bitnami/zookeeper"),
        (Etcd(), {"args": ("--initial-cluster", PEERS)}, 3, "/default.etcd"),
        (Etcd(), {"env": {"ETCD_INITIAL_CLUSTER": PEERS, "ETCD_DATA_DIR": "/d"}}, 3, "/d"),
        # upstream: test/e2e/testing-manifests/statefulset/etcd/statefulset.yaml, 1.20
        (Etcd(), {"env": {"INITIAL_CLUSTER_SIZE": "3"}, "args": ("exec etcd --initial-cluster ${PEERS} --data-dir /run/e",)}, 3, "/run/e"),
        (Etcd(), {"args": ("for i in $(seq 0 4); do PEERS=x; done; exec etcd --initial-cluster ${PEERS}",), "mounts": (Mount("/v", "v"),)}, 5, "/v"),
        (Etcd(), {}, 1, "/default.etcd"),
    ],
)  # fmt: skip
def test_settings_are_read_from_manifests(program: Any, fields: dict[str, Any], size: int, directory: str) -> None:
    spec = ContainerSpec("main", "x", pod_name="x-0", **fields)
    assert (program.ensemble(spec), program.directory(spec)) == (size, directory)


def kafka(cluster: MiniCluster, number: int) -> None:
    cluster.start(
        f"kafka-{number}", "bitnami/kafka:3.6", node=f"node-{number + 1}", ports=(9092,), mounts=(Mount("/bitnami/kafka", f"kafka-{number}"),),
        env={"KAFKA_CFG_DEFAULT_REPLICATION_FACTOR": "3", "KAFKA_CFG_MIN_INSYNC_REPLICAS": "2"},
    )  # fmt: skip


def test_a_broker_that_comes_back_is_out_of_sync_until_it_has_caught_up() -> None:
    cluster = ensemble(kafka)
    assert cluster.about("kafka-0") == {"role": "in sync", "partitions": 3, "under_replicated": 0, "under_minimum": 0, "offline": 0}
    cluster.kill("kafka-1", grace=30)
    cluster.run(21)
    assert cluster.about("kafka-0")["under_replicated"] == 3
    assert cluster.exec("kafka-0", "kafka-console-producer.sh")[0] == 0
    kafka(cluster, 1)
    cluster.run(5)
    assert (cluster.tcp("kafka-1", 9092), cluster.about("kafka-1")["role"], cluster.about("kafka-0")["under_replicated"]) == (
        True,
        "catching up",
        3,
    )
    cluster.run(11)
    assert (cluster.about("kafka-1")["role"], cluster.about("kafka-0")["under_replicated"]) == ("in sync", 0)


def test_too_few_in_sync_replicas_refuse_writes() -> None:
    cluster = ensemble(kafka)
    cluster.kill("kafka-1")
    cluster.kill("kafka-2")
    assert cluster.about("kafka-0")["under_minimum"] == 3
    code, output = cluster.exec("kafka-0", "sh", "-c", "kafka-console-producer.sh --topic lab")
    assert (code, "NotEnoughReplicasException" in output) == (1, True)
    listed = cluster.exec("kafka-0", "kafka-topics.sh", "--describe", "--under-replicated-partitions")[1]
    assert "\tTopic: lab\tPartition: 1\tLeader: 0\tReplicas: 1,2,0\tIsr: 0\n" in listed


def test_a_broker_without_its_data_copies_everything() -> None:
    cluster = ensemble(kafka)
    cluster.kill("kafka-1", grace=30)
    cluster.run(2)
    del cluster.volumes["kafka-1"]
    kafka(cluster, 1)
    cluster.run(60)
    assert cluster.about("kafka-1")["role"] == "catching up"
    cluster.run(5)
    assert cluster.about("kafka-1")["role"] == "in sync"


def test_members_are_data() -> None:
    for start in (zookeeper, etcd, kafka):
        cluster = ensemble(start)
        for runtime in cluster.runtimes.values():
            assert codec.decode(codec.encode(runtime.tables)) == runtime.tables


def test_settled_members_wake_nobody() -> None:
    for start in (zookeeper, etcd, kafka):
        assert ensemble(start).next_wakes() == []
    assert programs.get("etcd").name == "etcd"
