"""Recycling. Rows: upstream pkg/controller/volume/persistentvolume/recycle_test.go, test/integration/volume/persistent_volumes_test.go, 1.28."""

import pytest

import kubelab as kl
from kubelab.storage.binder import CONTROLLER
from tests.unit.storage.builders import BY_CONTROLLER, claim, marks, pod, volume
from tests.unit.storage.harness import World

HOST = {"hostPath": {"path": "/tmp/x"}}
KEY = ("persistent volume", "v")


def released(**more):
    return volume("v", of="c", uid="u", phase="Released", policy="Recycle", source=HOST, **more)


def recycler(phase, message=""):
    made = pod("recycler-for-v", phase=phase)
    return {**made, "status": {**made["status"], **({"message": message} if message else {})}}


def test_a_released_volume_gets_a_pod_that_empties_it():
    world = World(CONTROLLER, released()).sync(*KEY)
    body = world.bodies[0]
    assert world.calls == ["create pods recycler-for-v"]
    assert (body["metadata"]["namespace"], body["spec"]["activeDeadlineSeconds"]) == ("default", 60)
    assert body["spec"]["volumes"] == [{"name": "vol", **HOST}]
    assert (
        World(CONTROLLER, {**released(), "spec": {**released()["spec"], "capacity": {"storage": "5Gi"}}})
        .sync(*KEY)
        .bodies[0]["spec"]["activeDeadlineSeconds"]
        == 150
    )


@pytest.mark.parametrize(
    ("row", "annotations", "reference"),
    [
        ("6-1 successful recycle", marks(BY_CONTROLLER), None),
        ("6-2 with prebound volume", {}, {"kind": "PersistentVolumeClaim", "namespace": "default", "name": "c"}),
    ],
)
def test_an_emptied_volume_is_free_again(row, annotations, reference):
    world = World(CONTROLLER, released(annotations=annotations), recycler("Succeeded")).sync(*KEY)
    made = world.get("persistentvolumes", "v")
    assert (made["status"]["phase"], made["spec"].get("claimRef")) == ("Available", reference)
    assert not made["metadata"].get("annotations")
    assert world.events == [("Normal VolumeRecycled", "Volume recycled")]
    assert world.get("pods", "recycler-for-v") is None


@pytest.mark.parametrize(
    ("message", "words"),
    [("", "Recycle failed: pod failed, pod.Status.Message unknown."), ("Mock recycle error", "Recycle failed: Mock recycle error")],
)
def test_what_cannot_be_emptied_fails(message, words):
    """6-5 recycle returns error; recyclerclient_test.go."""
    world = World(CONTROLLER, released(), recycler("Failed", message)).sync(*KEY)
    assert world.get("persistentvolumes", "v")["status"] == {"phase": "Failed", "message": words}
    assert world.events == [("Warning VolumeFailedRecycle", words)]


@pytest.mark.parametrize(
    ("row", "user", "claims", "calls"),
    [
        ("6-11 used by a running pod", pod("p", "c", phase="Running"), [], []),
        ("6-11 used by a pending pod", pod("p", "c", phase="Pending"), [], []),
        ("6-12 used by a completed pod", pod("p", "c", phase="Succeeded"), [], ["create pods recycler-for-v"]),
        ("6-13 used by a pod of another claim of that name", pod("p", "c", phase="Running"), [claim("c")], ["create pods recycler-for-v"]),
    ],
)
def test_a_volume_in_use_is_not_emptied(row, user, claims, calls):
    world = World(CONTROLLER, user, *claims, released()).sync(*KEY)
    assert world.calls == calls
    assert world.events == ([] if calls else [("Normal VolumeFailedRecycle", "Volume is used by pods: default/p")])


def test_what_a_pod_wrote_is_gone_after_recycling():
    """TestPersistentVolumeRecycler."""
    c = kl.Cluster(1)
    spec = {"capacity": {"storage": "5Gi"}, "accessModes": ["ReadWriteOnce"], "persistentVolumeReclaimPolicy": "Recycle", **HOST}
    c.create({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "v"}, "spec": spec})
    wanted = {"accessModes": ["ReadWriteOnce"], "storageClassName": "", "resources": {"requests": {"storage": "5Gi"}}}
    asked = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "c", "namespace": "default"}, "spec": wanted}
    c.create(asked)
    c.create(_shell("w", "mkdir -p /d/x && echo hi > /d/x/f && echo a > /d/.h"))
    c.run(until="pod/w .status.phase=Succeeded", timeout="2m")
    c.delete("pod/w")
    c.delete("pvc/c")
    c.run(until=lambda c: c.get("pv", "v")["status"]["phase"] == "Available", timeout="5m")
    assert "claimRef" not in c.get("pv", "v")["spec"]
    c.create(asked)
    c.create(_shell("r", 'test -z "$(find /d -mindepth 1)"'))
    c.run(until="pod/r .status.phase=Succeeded", timeout="2m")


def _shell(name, line):
    container = {"name": "c", "image": "busybox", "command": ["sh", "-c", line], "volumeMounts": [{"name": "v", "mountPath": "/d"}]}
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"restartPolicy": "Never", "containers": [container], "volumes": volumes},
    }


def test_a_path_of_the_node_is_the_same_through_a_claim_and_without():
    """docs: tasks/configure-pod-container/configure-persistent-volume-storage, whose reader writes the file on the node."""
    c = kl.Cluster(1)
    spec = {"capacity": {"storage": "5Gi"}, "accessModes": ["ReadWriteOnce"], **HOST}
    c.create({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "v"}, "spec": spec})
    wanted = {"accessModes": ["ReadWriteOnce"], "storageClassName": "", "resources": {"requests": {"storage": "5Gi"}}}
    c.create({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "c", "namespace": "default"}, "spec": wanted})
    direct = _shell("w", "echo hi > /d/f")
    direct["spec"]["volumes"] = [{"name": "v", **HOST}]
    c.create(direct)
    c.run(until="pod/w .status.phase=Succeeded", timeout="2m")
    c.create(_shell("r", "test -f /d/f"))
    c.run(until="pod/r .status.phase=Succeeded", timeout="2m")
