"""The dynamic provisioner, protection and generic ephemeral volumes.

Rows: kubernetes-sigs/sig-storage-lib-external-provisioner v9 controller_test.go; upstream
pkg/controller/volume/{pvcprotection,pvprotection,ephemeral}/*_test.go, 1.28.
"""

import pytest

from kubelab.storage import ephemeral, provisioner
from kubelab.storage.protection import CLAIM_PROTECTION, VOLUME_PROTECTION
from tests.unit.storage.builders import PROVISIONED_BY, claim, node, pod, storage_class, volume
from tests.unit.storage.harness import NOW, World

STORAGE = "volume.kubernetes.io/storage-provisioner"
MINE = {STORAGE: provisioner.PROVISIONER}
OTHERS = {STORAGE: "someone.else"}
ON = {**MINE, "volume.kubernetes.io/selected-node": "n"}


@pytest.mark.parametrize(
    ("why", "objects", "calls"),
    [
        ("provision for a claim of my class", [storage_class("k"), claim("c", class_="k", annotations=MINE)], 2),
        ("for a well-known driver", [storage_class("k"), claim("c", class_="k", annotations={STORAGE: "k8s.io/minikube-hostpath"})], 2),
        ("not for a claim of another provisioner", [storage_class("k"), claim("c", class_="k", annotations=OTHERS)], 0),
        ("not for a bound claim", [storage_class("k"), claim("c", volume="v", class_="k", annotations=MINE)], 0),
        ("delayed: not before a node is selected", [storage_class("k", wait=True), claim("c", class_="k", annotations=MINE)], 0),
        ("delayed: on the selected node", [storage_class("k", wait=True), node("n"), claim("c", class_="k", annotations=ON)], 2),
        ("not twice", [storage_class("k"), volume("pvc-uid-c"), claim("c", class_="k", annotations=MINE)], 0),
        ("not while it is deleted", [storage_class("k"), claim("c", class_="k", annotations=MINE, deletionTimestamp=NOW)], 0),
    ],
)
def test_when_to_provision(why, objects, calls):
    world = World(provisioner.CONTROLLER, *objects).sync("claim", "default", "c")
    assert len(world.calls) == calls


def test_the_volume_keeps_the_contract():
    of = claim("c", "3Gi", class_="k", annotations=MINE, mode="Filesystem")
    world = World(provisioner.CONTROLLER, storage_class("k", policy="Retain", options=["ro"]), of).sync("claim", "default", "c")
    assert world.calls == ["act provision", "create persistentvolumes pvc-uid-c"]
    made = world.get("persistentvolumes", "pvc-uid-c")
    reference = made["spec"].pop("claimRef")
    assert (reference["namespace"], reference["name"], reference["uid"]) == ("default", "c", "uid-c")
    assert made["metadata"]["annotations"] == {PROVISIONED_BY: provisioner.PROVISIONER}
    assert made["spec"] == {
        "capacity": {"storage": "3Gi"},
        "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": "k",
        "mountOptions": ["ro"],
        "volumeMode": "Filesystem",
        "csi": {"driver": "dynamic.lab.kubelab.dev", "volumeHandle": "pvc-uid-c", "fsType": "ext4"},
    }
    assert world.events == [
        ("Normal Provisioning", 'External provisioner is provisioning volume for claim "default/c"'),
        ("Normal ProvisioningSucceeded", "Successfully provisioned volume pvc-uid-c"),
    ]


def test_a_selected_node_that_is_gone_is_given_back():
    world = World(provisioner.CONTROLLER, storage_class("k", wait=True), claim("c", class_="k", annotations=ON)).sync(
        "claim", "default", "c"
    )
    assert world.get("persistentvolumeclaims", "c")["metadata"]["annotations"] == MINE
    assert world.events == [("Warning ProvisioningFailed", 'failed to provision volume with StorageClass "k": node "n" not found')]


@pytest.mark.parametrize(
    ("why", "of", "calls"),
    [
        (
            "released, Delete, mine",
            volume("v", phase="Released", policy="Delete", annotations={PROVISIONED_BY: provisioner.PROVISIONER}),
            2,
        ),
        ("another's", volume("v", phase="Released", policy="Delete", annotations={PROVISIONED_BY: "x"}), 0),
        ("bound", volume("v", phase="Bound", policy="Delete", annotations={PROVISIONED_BY: provisioner.PROVISIONER}), 0),
        ("Retain", volume("v", phase="Released", annotations={PROVISIONED_BY: provisioner.PROVISIONER}), 0),
    ],
)
def test_when_to_delete(why, of, calls):
    world = World(provisioner.CONTROLLER, of).sync("volume", "v")
    assert world.calls == ["act erase", "delete persistentvolumes v"][:calls]


PROTECTED = {"finalizers": ["kubernetes.io/pvc-protection"]}
GOING = {**PROTECTED, "deletionTimestamp": NOW}


@pytest.mark.parametrize(
    ("why", "objects", "calls"),
    [
        ("PVC without finalizer -> finalizer is added", [claim("c")], ["update persistentvolumeclaims c"]),
        ("PVC with finalizer -> no action", [claim("c", **PROTECTED)], []),
        ("deleted PVC with finalizer -> finalizer is removed", [claim("c", **GOING)], ["list pods ", "update persistentvolumeclaims c"]),
        ("deleted PVC with finalizer + pod with the PVC -> finalizer is not removed", [pod("p", "c", node="n"), claim("c", **GOING)], []),
        ("… + pod without a node -> removed", [pod("p", "c"), claim("c", **GOING)], ["list pods ", "update persistentvolumeclaims c"]),
        ("… + finished pod -> not removed", [pod("p", "c", node="n", phase="Succeeded"), claim("c", **GOING)], []),
        (
            "… + pod with another PVC -> removed",
            [pod("p", "d", node="n"), claim("c", **GOING)],
            ["list pods ", "update persistentvolumeclaims c"],
        ),
    ],
)
def test_claim_protection(why, objects, calls):
    world = World(CLAIM_PROTECTION, *objects).sync("default", "c")
    assert world.calls == calls


def test_the_last_pod_that_goes_sets_its_claim_free():
    world = World(CLAIM_PROTECTION, pod("p", "c", node="n"), claim("c", **GOING)).sync("default", "c")
    assert world.because == ["InUse"]
    world.remove("pods", "default", "p")
    assert world.queued == [("default", "c")]
    world.sync("default", "c")
    assert "finalizers" not in world.get("persistentvolumeclaims", "c")["metadata"]


@pytest.mark.parametrize(
    ("why", "of", "kept"),
    [
        (
            "bound: protected",
            volume("v", of="c", uid="u", phase="Bound", deletionTimestamp=NOW, finalizers=["kubernetes.io/pv-protection"]),
            True,
        ),
        (
            "released: free",
            volume("v", of="c", uid="u", phase="Released", deletionTimestamp=NOW, finalizers=["kubernetes.io/pv-protection"]),
            False,
        ),
        ("not deleted: gets it", volume("v"), True),
    ],
)
def test_volume_protection(why, of, kept):
    world = World(VOLUME_PROTECTION, of).sync("v")
    found = world.get("persistentvolumes", "v")
    assert ("kubernetes.io/pv-protection" in found["metadata"].get("finalizers", [])) is kept


SCRATCH = {
    "name": "scratch",
    "ephemeral": {"volumeClaimTemplate": {"metadata": {"labels": {"a": "b"}}, "spec": {"resources": {"requests": {"storage": "1Gi"}}}}},
}
OWNER = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "uid-p", "controller": True, "blockOwnerDeletion": True}


def test_an_ephemeral_volume_gets_its_claim():
    world = World(ephemeral.CONTROLLER, pod("p", volumes=[SCRATCH])).sync("default", "p")
    made = world.get("persistentvolumeclaims", "p-scratch")
    assert made["metadata"]["ownerReferences"] == [OWNER]
    assert made["metadata"]["labels"] == {"a": "b"}
    world.sync("default", "p")
    assert world.because == ["EphemeralClaimsPresent"]


def test_a_claim_of_that_name_that_is_another_s():
    world = World(ephemeral.CONTROLLER, pod("p", volumes=[SCRATCH]), claim("p-scratch")).sync("default", "p")
    words = "ephemeral volume scratch: PVC default/p-scratch was not created for pod default/p (pod is not owner)"
    assert world.events == [("Warning FailedBinding", words)]
    assert world.plans[-1].error == words
