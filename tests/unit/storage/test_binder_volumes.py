"""A volume's sync, and matching. Rows: upstream pkg/controller/volume/persistentvolume/{binder,delete,recycle,index}_test.go, 1.28."""

import pytest

from kubelab.storage.binder import CONTROLLER
from kubelab.storage.binder.index import find
from tests.unit.storage.builders import BIND_COMPLETED, BY_CONTROLLER, PROVISIONED_BY, claim, marks, volume
from tests.unit.storage.harness import World

DONE = marks(BIND_COMPLETED)
CSI = {PROVISIONED_BY: "csi.example.com"}


@pytest.mark.parametrize(
    ("row", "of", "claims", "phase", "reference"),
    [
        ("4-1", volume("v", phase="Pending"), [], "Available", None),
        ("4-2", volume("v", of="c", phase="Pending"), [], "Available", ("c", None)),
        ("4-3", volume("v", of="c", uid="u", phase="Bound"), [], "Released", ("c", "u")),
        ("4-4", volume("v", of="c", uid="u", phase="Bound"), [claim("c", volume="v", annotations=DONE)], "Released", ("c", "u")),
        ("4-5", volume("v", of="c", uid="uid-c", phase="Bound", annotations=marks(BY_CONTROLLER)), [claim("c")], "Bound", ("c", "uid-c")),
        ("4-5 by user", volume("v", of="c", uid="uid-c", phase="Bound"), [claim("c")], "Bound", ("c", "uid-c")),
        ("4-6", volume("v", of="c", uid="uid-c"), [claim("c", volume="v", annotations=DONE)], "Bound", ("c", "uid-c")),
        (
            "4-7",
            volume("v", of="c", uid="uid-c", phase="Bound", annotations=marks(BY_CONTROLLER)),
            [claim("c", volume="w", annotations=DONE)],
            "Available",
            None,
        ),
        ("4-8", volume("v", of="c", uid="uid-c", phase="Bound"), [claim("c", volume="w", annotations=DONE)], "Available", ("c", None)),
        ("4-9", volume("v", of="c", uid="uid-c", policy="Delete"), [claim("c", volume="v")], "Bound", ("c", "uid-c")),
        ("4-10", volume("v", of="c", uid="u", policy="Delete"), [], "Failed", ("c", "u")),
        # delete_test.go 8-…: an external provisioner's volume waits for it; one that was made for a claim bound elsewhere is released
        ("external", volume("v", of="c", uid="u", policy="Delete", annotations=CSI, phase="Bound"), [], "Released", ("c", "u")),
        (
            "elsewhere",
            volume("v", of="c", uid="uid-c", policy="Delete", annotations=CSI, phase="Bound"),
            [claim("c", volume="w")],
            "Released",
            ("c", "uid-c"),
        ),
        ("failed stays", volume("v", of="c", uid="u", policy="Delete", phase="Failed"), [], "Failed", ("c", "u")),
    ],
)
def test_volume_sync(row, of, claims, phase, reference):
    world = World(CONTROLLER, of, *claims).sync("persistent volume", "v")
    found = world.get("persistentvolumes", "v")
    ref = found["spec"].get("claimRef")
    assert found["status"]["phase"] == phase
    assert (None if ref is None else (ref["name"], ref.get("uid"))) == reference


def test_a_volume_whose_claim_names_none_wakes_it():
    world = World(CONTROLLER, volume("v", of="c", uid="uid-c"), claim("c")).sync("persistent volume", "v")
    assert world.plans[-1].follow_up == (("default", "c"),)
    assert world.calls == []


def test_another_volume_mode_is_told_on_both_sides():
    world = World(CONTROLLER, volume("v", of="c", uid="uid-c", mode="Block"), claim("c")).sync("persistent volume", "v")
    assert world.events == [
        (
            "Warning VolumeMismatch",
            'Cannot bind PersistentVolume to requested PersistentVolumeClaim "c" due to incompatible volumeMode.',
        ),
        (
            "Warning VolumeMismatch",
            'Cannot bind PersistentVolume "v" to requested PersistentVolumeClaim due to incompatible volumeMode.',
        ),
    ]


@pytest.mark.parametrize(
    ("source", "policy", "message"),
    [
        ({"nfs": {}}, "Delete", 'error getting deleter volume plugin for volume "v": no deletable volume plugin matched'),
        ({"gcePersistentDisk": {}}, "Delete", 'error getting deleter volume plugin for volume "v": no volume plugin matched'),  # 8-3
        (
            {"hostPath": {"path": "/mnt/data"}},
            "Delete",
            "host_path deleter only supports /tmp/.+ but received provided /mnt/data",
        ),
        ({"csi": {}}, "Recycle", "No recycler plugin found for the volume!"),
    ],
)
def test_what_cannot_be_reclaimed_fails_once(source, policy, message):
    world = (
        World(CONTROLLER, volume("v", of="c", uid="u", policy=policy, source=source))
        .sync("persistent volume", "v")
        .sync("persistent volume", "v")
    )
    reason = "VolumeFailedDelete" if policy == "Delete" else "VolumeFailedRecycle"
    assert world.events == [(f"Warning {reason}", message)]
    assert world.get("persistentvolumes", "v")["status"] == {"phase": "Failed", "message": message}


def test_a_host_path_below_tmp_is_deleted():
    of = volume("v", of="c", uid="u", policy="Delete", source={"hostPath": {"path": "/tmp/data"}})
    world = World(CONTROLLER, of).sync("persistent volume", "v")
    assert world.calls[-1] == "delete persistentvolumes v"


VOLUMES = (
    volume("gce-1", "1Gi", modes=["ReadWriteOnce", "ReadOnlyMany"], of="x", uid="x"),
    volume("gce-5", "5Gi", modes=["ReadWriteOnce", "ReadOnlyMany"]),
    volume("gce-10", "10Gi", modes=["ReadWriteOnce", "ReadOnlyMany"]),
    volume("nfs-5", "5Gi", modes=["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany"]),
    volume("nfs-1", "1Gi", modes=["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany"], labels={"exists": "true"}),
    volume("silver", "2Gi", modes=["ReadWriteOnce"], class_="silver"),
    volume("block", "3Gi", modes=["ReadWriteOnce"], mode="Block"),
    volume("going", "4Gi", modes=["ReadOnlyMany"], deletionTimestamp="2026-01-01T00:00:00Z"),
)
TWO = ["ReadOnlyMany", "ReadWriteOnce"]


@pytest.mark.parametrize(
    ("of", "match"),
    [
        (claim("c", "8Gi", modes=TWO), "gce-10"),  # successful-match-gce-10
        (claim("c", "5Gi", modes=[*TWO, "ReadWriteMany"]), "nfs-5"),  # successful-match-nfs-5
        (claim("c", "1Gi", modes=TWO), "gce-5"),  # successful-skip-1g-bound-volume: the group of fewest modes, though nfs-1 is smaller
        (claim("c", "999Gi", modes=TWO), None),  # successful-no-match
        (claim("c", "1Gi", modes=TWO, selector={"matchLabels": {"missing": "true"}}), None),  # successful-no-match-due-to-label
        (claim("c", "1Gi", modes=TWO, selector={"matchLabels": {"exists": "true"}}), "nfs-1"),
        (claim("c", "1Gi", class_="silver"), "silver"),  # a class of its own
        (claim("c", "1Gi", class_="gold"), None),
        (claim("c", "1Gi", mode="Block"), "block"),  # volumeMode
        (claim("c", "1Gi", modes=["ReadOnlyMany"]), "gce-5"),  # terminating volumes are passed over
    ],
)
def test_matching(of, match):
    world = World(CONTROLLER, *VOLUMES, of)
    found = find(world.scope(), of, delayed=False)
    assert (found["metadata"]["name"] if found else None) == match


def test_the_first_group_wins_even_over_a_volume_that_names_the_claim():
    named = volume("named", modes=[*TWO, "ReadWriteMany"], of="c")
    world = World(CONTROLLER, named, volume("free", modes=TWO), claim("c", modes=TWO))
    assert find(world.scope(), claim("c", modes=TWO), delayed=False)["metadata"]["name"] == "free"


def test_tables_follow_the_volumes():
    world = World(CONTROLLER, volume("v"), volume("w"))
    world.put(volume("v", of="other"))
    assert find(world.scope(), claim("c"), delayed=False)["metadata"]["name"] == "w"
    world.remove("persistentvolumes", "", "w")
    assert find(world.scope(), claim("c"), delayed=False) is None
    world.put(volume("v", of="c"))
    assert find(world.scope(), claim("c"), delayed=True)["metadata"]["name"] == "v"


GCE, DRIVER, MARK = "kubernetes.io/gce-pd", "pd.csi.storage.gke.io", "pv.kubernetes.io/migrated-to"
STORAGE_PROVISIONER, BETA = "volume.kubernetes.io/storage-provisioner", "volume.beta.kubernetes.io/storage-provisioner"


@pytest.mark.parametrize(
    ("why", "made", "key", "expected"),
    [
        ("migration on", volume("v", annotations={PROVISIONED_BY: GCE}), "v", {PROVISIONED_BY: GCE, MARK: DRIVER}),
        ("migration off", volume("v", annotations={PROVISIONED_BY: "x"}), "v", {PROVISIONED_BY: "x"}),
        ("rollback", volume("v", annotations={PROVISIONED_BY: "x", MARK: DRIVER}), "v", {PROVISIONED_BY: "x"}),
        ("made by hand", volume("v", annotations={"a": "b"}), "v", {"a": "b"}),
        ("claim", claim("c", annotations={STORAGE_PROVISIONER: GCE}), "c", {STORAGE_PROVISIONER: GCE, MARK: DRIVER}),
        ("claim, beta annotation", claim("c", annotations={BETA: GCE}), "c", {BETA: GCE, MARK: DRIVER}),
        ("claim, rollback", claim("c", annotations={BETA: "x", MARK: DRIVER}), "c", {BETA: "x"}),
    ],
)
def test_what_moved_out_of_tree_is_marked_with_its_driver(why, made, key, expected):
    """TestAnnealMigrationAnnotations in pv_controller_test.go."""
    world = World(CONTROLLER, made).sync("default" if made["kind"] == "PersistentVolumeClaim" else "persistent volume", key)
    resource = "persistentvolumeclaims" if made["kind"] == "PersistentVolumeClaim" else "persistentvolumes"
    assert world.get(resource, key)["metadata"]["annotations"] == expected


def test_a_claim_shows_the_size_from_before_a_resize():
    """5-2-3 of TestControllerSync."""
    before = {"volume.alpha.kubernetes.io/pre-resize-capacity": "1Gi"}
    world = World(CONTROLLER, volume("v", "2Gi", annotations=before), claim("c", "2Gi")).sync("default", "c")
    assert world.get("persistentvolumeclaims", "c")["status"]["capacity"] == {"storage": "1Gi"}
