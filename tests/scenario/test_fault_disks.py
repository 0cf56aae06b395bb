"""Disks that are full, and disks that are gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import kubelab as kl
from tests.builders import container, deployment, pod
from tests.scenario.e2e import conditions, events, script, status_of, waiting

Make = Callable[..., kl.Cluster]
MOUNTED = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}


def with_volume(source: dict[str, Any], text: str = "sleep 10000", name: str = "p", **spec: Any) -> dict[str, Any]:
    return pod(name, script(text, **MOUNTED), volumes=[{"name": "v", **source}], nodeName="node-1", **spec)


# -- full -----------------------------------------------------------------------------------------------------------------------
def test_an_image_does_not_fit(make: Make) -> None:
    cluster = make(1, seed=2)
    cluster.apply(pod("old"))
    cluster.run(until="pod/old ready")
    cluster.apply(pod("new", container("redis:7")))
    cluster.run("600ms")  # its sandbox is made, the pull has begun
    cluster.fault("DiskFull", nodes=["node-1"], duration="3s")
    cluster.run("4s")
    (text,) = events(cluster, "new", "Failed")[:1]
    assert text.startswith(
        'Failed to pull image "redis:7": rpc error: code = Unknown desc = failed to pull and unpack image "docker.io/library'
    )
    assert text.endswith("/data: no space left on device")
    cluster.run(until="pod/new ready", timeout="2m")


def test_a_pod_cannot_even_get_its_directories(make: Make) -> None:
    cluster = make(1, seed=2)
    cluster.run("5s")  # a while before the eviction manager looks next
    cluster.fault("DiskFull", nodes=["node-1"], duration="2s")
    cluster.run("500ms")
    cluster.apply(pod("p"))
    cluster.run("2s")
    uid = cluster["pod/p"]["metadata"]["uid"]
    text = f"error making pod data directories: mkdir /var/lib/kubelet/pods/{uid}: no space left on device"
    assert events(cluster, "p", "Failed") == [text]
    cluster.run(until="pod/p ready", timeout="1m")


def test_a_container_cannot_be_made_again(make: Make) -> None:
    cluster = make(1, seed=2)
    cluster.apply(pod("p", script("sleep 5; exit 1")))
    cluster.run(until="pod/p ready")
    cluster.fault("DiskFull", nodes=["node-1"], duration="8s")
    cluster.run("7s")
    assert waiting(cluster, "p") == "CreateContainerError"
    assert status_of(cluster, "p")["state"]["waiting"]["message"].endswith(": no space left on device")
    assert "failed to create containerd container: " in events(cluster, "p", "Failed")[0]


WRITES = [
    ("own layer", {}, "/tmp/x", True),
    ("emptyDir", {"emptyDir": {}}, "/v/x", True),
    ("hostPath", {"hostPath": {"path": "/var/data"}}, "/v/x", True),
    ("disk of its own", {"hostPath": {"path": "/mnt/disks/ssd1"}}, "/v/x", False),
]


@pytest.mark.parametrize(("where", "source", "path", "refused"), WRITES, ids=[row[0] for row in WRITES])
def test_where_nothing_can_be_written(make: Make, where: str, source: dict[str, Any], path: str, refused: bool) -> None:
    cluster = make(1, seed=2)
    cluster.apply(with_volume(source) if source else pod("p", script("sleep 10000")))
    cluster.run(until="pod/p ready")
    cluster.exec("pod/p", ["sh", "-c", f"echo before > {path}"])
    cluster.fault("DiskFull", nodes=["node-1"], duration="5s")
    cluster.run("1s")
    line = ["sh", "-c", f"echo after >> {path}; rm -f /tmp/nothing; cat {path}"]
    told = cluster.exec("pod/p", line)
    assert told == (f"sh: can't create {path}: No space left on device\nbefore\n" if refused else "before\nafter\n")
    if refused:
        with pytest.raises(kl.ExecError, match=f"can't create {path}: No space left on device"):
            cluster.exec("pod/p", ["sh", "-c", f"echo after >> {path}"])
    cluster.run("10s")
    assert cluster.exec("pod/p", ["sh", "-c", f"echo later >> {path}; cat {path}"]).endswith("later\n")


def test_pressure_evicts_and_passes(make: Make) -> None:
    cluster = make(2, seed=2)
    cluster.apply(deployment("web", 4))
    cluster.run(until="deployment/web ready")
    cluster.fault("DiskFull", nodes=["node-1"], duration="1m", fill="95%")
    cluster.run("25s")
    assert conditions(cluster["node/node-1"])["DiskPressure"] == ("True", "KubeletHasDiskPressure")
    assert {"key": "node.kubernetes.io/disk-pressure", "effect": "NoSchedule"}.items() <= cluster["node/node-1"]["spec"]["taints"][
        0
    ].items()
    said = [item["message"] for item in cluster.list("events") if item["reason"] == "Evicted"]
    assert any(text.startswith("The node was low on resource: ephemeral-storage. Threshold quantity: ") for text in said)
    cluster.run("10m")
    assert conditions(cluster["node/node-1"])["DiskPressure"] == ("False", "KubeletHasNoDiskPressure")
    assert cluster.rollout("deployment/web").done


def test_a_node_that_is_nearly_full_still_takes_what_is_written(make: Make) -> None:
    cluster = make(1, seed=2)
    cluster.apply(pod("p", script("sleep 10000")))
    cluster.run(until="pod/p ready")
    cluster.fault("DiskFull", nodes=["node-1"], fill=0.5)
    cluster.run("1m")
    cluster.exec("pod/p", ["sh", "-c", "echo x > /tmp/x"])
    assert conditions(cluster["node/node-1"])["DiskPressure"][0] == "False"
    used = cluster.summary("node-1")["node"]["fs"]
    assert used["usedBytes"] == used["capacityBytes"] // 2


# -- lost -----------------------------------------------------------------------------------------------------------------------
LOCAL = {
    "apiVersion": "v1",
    "kind": "PersistentVolume",
    "metadata": {"name": "disk-1"},
    "spec": {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "local",
        "local": {"path": "/mnt/disks/ssd1"},
        "nodeAffinity": {
            "required": {
                "nodeSelectorTerms": [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["node-1"]}]}]
            }
        },
    },
}
CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "data"},
    "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "local", "resources": {"requests": {"storage": "1Gi"}}},
}


def test_a_local_disk_is_lost_with_what_stood_on_it(make: Make) -> None:
    cluster = make(2, seed=2)
    cluster.apply([LOCAL, CLAIM])
    cluster.apply(with_volume({"persistentVolumeClaim": {"claimName": "data"}}))
    cluster.run(until="pod/p ready")
    cluster.exec("pod/p", ["sh", "-c", "echo precious > /v/x"])
    fault = cluster.fault("DiskLost", nodes=["node-1"])
    cluster.run("1s")
    with pytest.raises(kl.ExecError, match="No such file"):
        cluster.exec("pod/p", ["cat", "/v/x"])
    with pytest.raises(kl.ExecError, match="can't create /v/x: Input/output error"):
        cluster.exec("pod/p", ["sh", "-c", "echo new > /v/x"])
    cluster.delete("pod/p")
    cluster.run(until="pod/p gone", timeout="1m")
    cluster.apply(with_volume({"persistentVolumeClaim": {"claimName": "data"}}))
    cluster.run("20s")
    assert cluster["pod/p"]["status"]["phase"] == "Pending"
    text = 'MountVolume.NewMounter initialization failed for volume "disk-1" : path "/mnt/disks/ssd1" does not exist'
    assert text in events(cluster, "p", "FailedMount")
    cluster.delete(fault)
    cluster.run(until="pod/p ready", timeout="3m")
    assert cluster.exec("pod/p", ["ls", "/v"]) == ""


KINDS = [
    ("local", {"hostPath": {"path": "/var/data"}}, True),
    ("local", {"emptyDir": {}}, False),
    ("emptyDir", {"hostPath": {"path": "/var/data"}}, False),
    ("emptyDir", {"emptyDir": {}}, True),
    ("all", {"emptyDir": {}}, True),
]


@pytest.mark.parametrize(("volumes", "source", "lost"), KINDS, ids=[f"{row[0]} {next(iter(row[1]))}" for row in KINDS])
def test_which_volumes_are_lost(make: Make, volumes: str, source: dict[str, Any], lost: bool) -> None:
    cluster = make(1, seed=2)
    cluster.apply(with_volume(source))
    cluster.run(until="pod/p ready")
    cluster.exec("pod/p", ["sh", "-c", "echo precious > /v/x"])
    cluster.fault("DiskLost", nodes=["node-1"], volumes=volumes, duration="5s")
    cluster.run("10s")
    assert cluster.exec("pod/p", ["ls", "/v"]) == ("" if lost else "x\n")
    cluster.exec("pod/p", ["sh", "-c", "echo again > /v/y"])


def test_what_the_kubelet_wrote_and_other_nodes_is_not_lost(make: Make) -> None:
    cluster = make(2, seed=2)
    cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "words"}, "data": {"a": "b"}})
    cluster.apply(with_volume({"configMap": {"name": "words"}}))
    cluster.apply(
        {
            **with_volume({"hostPath": {"path": "/var/data"}}, name="q"),
            "spec": with_volume({"hostPath": {"path": "/var/data"}})["spec"] | {"nodeName": "node-2"},
        }
    )
    for name in ("p", "q"):
        cluster.run(until=f"pod/{name} ready")
    cluster.exec("pod/q", ["sh", "-c", "echo here > /v/x"])
    cluster.fault("DiskLost", nodes=["node-1"], volumes="all")
    cluster.run("1s")
    assert cluster.exec("pod/p", ["cat", "/v/a"]) == "b"
    assert cluster.exec("pod/q", ["cat", "/v/x"]) == "here\n"
