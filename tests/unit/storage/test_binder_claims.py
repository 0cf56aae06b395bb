"""A claim's sync. Rows: upstream pkg/controller/volume/persistentvolume/binder_test.go, sets 1, 2, 3, 13, 1.28."""

import pytest

from kubelab.storage.binder import CONTROLLER
from tests.unit.storage.builders import BIND_COMPLETED, BY_CONTROLLER, claim, marks, pod, storage_class, volume
from tests.unit.storage.harness import World

BOTH = marks(BY_CONTROLLER, BIND_COMPLETED)
SELECTED = {"volume.kubernetes.io/selected-node": "node1"}
FOO = {"matchLabels": {"foo": "true"}}


def outcome(world: World) -> tuple[str, str, tuple[str, ...]]:
    """The claim's phase and volume, and which volumes are Bound."""
    found = world.get("persistentvolumeclaims", "c")
    assert found is not None
    bound = tuple(name for (_, name), each in world.state.all("persistentvolumes").items() if each["status"].get("phase") == "Bound")
    return found["status"]["phase"], found["spec"].get("volumeName", ""), bound


@pytest.mark.parametrize(
    ("row", "volumes", "of", "expected", "events"),
    [
        ("1-1", [volume("v")], claim("c"), ("Bound", "v", ("v",)), []),
        ("1-2", [volume("v")], claim("c", "10Gi"), ("Pending", "", ()), ["Normal FailedBinding"]),
        ("1-3", [volume("v")], claim("c", "10Gi", phase="Bound"), ("Pending", "", ()), ["Normal FailedBinding"]),
        ("1-4", [volume("v1", "10Gi"), volume("v2", "1Gi")], claim("c"), ("Bound", "v2", ("v2",)), []),
        ("1-5", [volume("v1", "10Gi", "c"), volume("v2", "1Gi")], claim("c"), ("Bound", "v1", ("v1",)), []),
        ("1-6", [volume("v1", "10Gi", "c", uid="uid-c"), volume("v2", "1Gi")], claim("c"), ("Bound", "v1", ("v1",)), []),
        ("1-7", [volume("v", "10Gi", "c", uid="other")], claim("c"), ("Pending", "", ()), ["Normal FailedBinding"]),
        ("1-8", [volume("v", of="c", uid="uid-c", annotations=marks(BY_CONTROLLER))], claim("c"), ("Bound", "v", ("v",)), []),
        ("1-9", [volume("v", of="c", uid="uid-c", phase="Bound")], claim("c"), ("Bound", "v", ("v",)), []),
        ("1-10", [volume("v", of="c", uid="uid-c", phase="Bound")], claim("c", volume="v", annotations=BOTH), ("Bound", "v", ("v",)), []),
        ("1-11", [volume("v", labels={"foo": "true"})], claim("c", selector=FOO), ("Bound", "v", ("v",)), []),
        ("1-12", [volume("v")], claim("c", selector=FOO), ("Pending", "", ()), ["Normal FailedBinding"]),
        ("1-13", [volume("v", class_="wait")], claim("c", class_="wait"), ("Pending", "", ()), ["Normal WaitForFirstConsumer"]),
        ("1-14", [volume("v", of="c", class_="wait")], claim("c", class_="wait"), ("Bound", "v", ("v",)), []),
        ("1-15", [volume("v1", "10Gi"), volume("v2", "1Gi")], claim("c", volume="v1"), ("Bound", "v1", ("v1",)), []),
        ("1-16", [volume("v")], claim("c", volume="v", modes=["ReadWriteMany"]), ("Pending", "v", ()), ["Warning VolumeMismatch"]),
        (
            "1-17",
            [volume("v1", phase="Pending"), volume("v2", phase="Failed"), volume("v3", phase="Released"), volume("v4", phase="")],
            claim("c"),
            ("Pending", "", ()),
            ["Normal FailedBinding"],
        ),
        (
            "1-18",
            [volume("v", of="c", uid="uid-c", class_="wait")],
            claim("c", class_="wait", annotations=SELECTED),
            ("Bound", "v", ("v",)),
            [],
        ),
        ("2-1", [], claim("c", "10Gi", "v"), ("Pending", "v", ()), []),
        ("2-2", [], claim("c", "10Gi", "v", "Bound"), ("Pending", "v", ()), []),
        ("2-3", [volume("v")], claim("c", volume="v"), ("Bound", "v", ("v",)), []),
        ("2-4", [volume("v", of="c")], claim("c", volume="v"), ("Bound", "v", ("v",)), []),
        ("2-5", [volume("v", of="c", uid="uid-c")], claim("c", volume="v"), ("Bound", "v", ("v",)), []),
        (
            "2-6",
            [volume("v", of="d", uid="d", phase="Bound")],
            claim("c", "1Gi", "v", "Bound"),
            ("Pending", "v", ("v",)),
            ["Warning FailedBinding"],
        ),
        (
            "2-7",
            [volume("v", of="d", uid="d", phase="Bound")],
            claim("c", "1Gi", "v", "Bound", annotations=marks(BY_CONTROLLER)),
            ("Bound", "v", ("v",)),
            ["Warning FailedBinding"],
        ),
        ("2-8", [volume("v")], claim("c", volume="v", selector=FOO), ("Bound", "v", ("v",)), []),
        ("2-9", [volume("v")], claim("c", "2Gi", "v", "Bound"), ("Pending", "v", ()), ["Warning VolumeMismatch"]),
        ("2-10", [volume("v", class_="gold")], claim("c", "1Gi", "v", "Bound"), ("Pending", "v", ()), ["Warning VolumeMismatch"]),
        ("3-1", [], claim("c", "10Gi", phase="Bound", annotations=BOTH), ("Lost", "", ()), ["Warning ClaimLost"]),
        ("3-2", [], claim("c", "10Gi", "v", "Bound", annotations=BOTH), ("Lost", "v", ()), ["Warning ClaimLost"]),
        ("3-3", [volume("v", "10Gi")], claim("c", "10Gi", "v", annotations=BOTH), ("Bound", "v", ("v",)), []),
        (
            "3-4",
            [volume("v", "10Gi", "c", uid="x")],
            claim("c", "10Gi", "v", annotations=BOTH),
            ("Lost", "v", ()),
            ["Warning ClaimMisbound"],
        ),
        (
            "3-5",
            [volume("v", "10Gi", "c", uid="uid-c")],
            claim("c", "10Gi", "v", annotations=marks(BIND_COMPLETED)),
            ("Bound", "v", ("v",)),
            [],
        ),
        (
            "3-6",
            [volume("v", of="d", uid="x")],
            claim("c", volume="v", annotations=marks(BIND_COMPLETED)),
            ("Lost", "v", ()),
            ["Warning ClaimMisbound"],
        ),
        ("3-7", [volume("v")], claim("c", volume="v", selector=FOO, annotations=BOTH), ("Bound", "v", ("v",)), []),
        ("13-1", [volume("v1"), volume("v2", "10Gi", class_="gold")], claim("c", class_="gold"), ("Bound", "v2", ("v2",)), []),
        ("13-2", [volume("v1", class_="gold"), volume("v2", "10Gi")], claim("c"), ("Bound", "v2", ("v2",)), []),
        (
            "13-3",
            [volume("v1", class_="silver"), volume("v2", "10Gi", class_="gold")],
            claim("c", class_="gold"),
            ("Bound", "v2", ("v2",)),
            [],
        ),
        ("13-4", [volume("v")], claim("c", class_=""), ("Bound", "v", ("v",)), []),
    ],
)
def test_claim_sync(row, volumes, of, expected, events):
    world = World(CONTROLLER, storage_class("wait", wait=True), *volumes, of).sync("default", "c")
    assert outcome(world) == expected
    assert [event for event, _ in world.events] == events


def test_binding_is_four_writes_in_order():
    world = World(CONTROLLER, volume("v", "5Gi"), claim("c")).sync("default", "c")
    assert world.calls == [
        "update persistentvolumes v",
        "update persistentvolumes v/status",
        "update persistentvolumeclaims c",
        "update persistentvolumeclaims c/status",
    ]
    bound, of = world.get("persistentvolumeclaims", "c"), world.get("persistentvolumes", "v")
    assert bound["status"] == {"phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "5Gi"}}
    assert bound["metadata"]["annotations"] == BOTH
    assert of["metadata"]["annotations"] == marks(BY_CONTROLLER)
    assert {key: of["spec"]["claimRef"][key] for key in ("kind", "apiVersion", "namespace", "name", "uid")} == {
        "kind": "PersistentVolumeClaim",
        "apiVersion": "v1",
        "namespace": "default",
        "name": "c",
        "uid": "uid-c",
    }


@pytest.mark.parametrize(
    ("missing", "calls"),
    [
        (0, 4),
        (1, 3),
        (2, 2),
        (3, 1),
        (4, 0),
    ],
)
def test_binding_goes_on_where_it_was_cut_short(missing, calls):
    """Rows 1-8 to 1-10: a new binder, which remembers nothing, finishes what the old one began."""
    whole = World(CONTROLLER, volume("v"), claim("c"))
    done = 0
    while done < missing:
        plan = CONTROLLER.plan(CONTROLLER.observe(whole.scope(), ("default", "c")))
        for call in plan.calls:
            whole._do(call)
            done += 1
        whole._write(plan.remember)
    objects = [*whole.state.all("persistentvolumes").values(), *whole.state.all("persistentvolumeclaims").values()]
    restarted = World(CONTROLLER, *objects).sync("default", "c")
    assert len(restarted.calls) == calls
    assert outcome(restarted) == ("Bound", "v", ("v",))


@pytest.mark.parametrize(
    ("objects", "of", "message"),
    [
        # checkVolumeSatisfyClaim, in its order
        (volume("v", deletionTimestamp="2026-01-01T00:00:00Z"), claim("c", "9Gi", "v"), 'the volume is marked for deletion "v"'),
        (volume("v", class_="x"), claim("c", "9Gi", "v"), "requested PV is too small"),
        (volume("v", class_="x", mode="Block"), claim("c", volume="v"), "storageClassName does not match"),
        (volume("v", mode="Block", modes=[]), claim("c", volume="v"), "incompatible volumeMode"),
        (volume("v", modes=["ReadOnlyMany"]), claim("c", volume="v"), "incompatible accessMode"),
    ],
)
def test_a_named_volume_that_does_not_fit(objects, of, message):
    world = World(CONTROLLER, objects, of).sync("default", "c")
    assert world.events == [("Warning VolumeMismatch", f'Cannot bind to requested volume "v": {message}')]


@pytest.mark.parametrize(
    ("pods", "event"),
    [
        ([], ("Normal WaitForFirstConsumer", "waiting for first consumer to be created before binding")),
        ([pod("p", "c")], ("Normal WaitForPodScheduled", "waiting for pod p to be scheduled")),
        ([pod("p", "c"), pod("q", "c")], ("Normal WaitForPodScheduled", "waiting for pods p,q to be scheduled")),
        ([pod("p", "c", node="n")], ("Normal WaitForFirstConsumer", "waiting for first consumer to be created before binding")),
        ([pod("p", "c", phase="Failed")], ("Normal WaitForFirstConsumer", "waiting for first consumer to be created before binding")),
    ],
)
def test_delayed_binding_says_what_it_waits_for(pods, event):
    """Set 14 of binder_test.go and emitEventForUnboundDelayBindingClaim."""
    world = World(CONTROLLER, storage_class("wait", wait=True), *pods, claim("c", class_="wait")).sync("default", "c")
    assert world.events == [event]
    assert world.because == ["WaitForFirstConsumer"]


def test_provisioning_names_the_provisioner_then_waits():
    """provision_test.go, external provisioner: both annotations in one update; an event at every sync."""
    world = World(CONTROLLER, storage_class("fast"), claim("c", class_="fast")).sync("default", "c")
    assert world.calls == ["update persistentvolumeclaims c"]
    found = world.get("persistentvolumeclaims", "c")
    assert found["metadata"]["annotations"] == {
        "volume.kubernetes.io/storage-provisioner": "lab.kubelab.dev/dynamic",
        "volume.beta.kubernetes.io/storage-provisioner": "lab.kubelab.dev/dynamic",
    }
    assert [event for event, _ in world.events] == ["Normal ExternalProvisioning"]
    assert world.events[0][1].startswith(
        "Waiting for a volume to be created either by the external provisioner 'lab.kubelab.dev/dynamic' or"
    )
    world.sync("default", "c")
    assert len(world.events) == 2


def test_an_in_tree_provisioner_that_moved_out_is_asked_by_its_new_name():
    """provision_test.go, CSI migration rows."""
    world = World(CONTROLLER, storage_class("k", "kubernetes.io/gce-pd"), claim("c", class_="k")).sync("default", "c")
    marks_ = world.get("persistentvolumeclaims", "c")["metadata"]["annotations"]
    assert marks_["volume.kubernetes.io/storage-provisioner"] == "pd.csi.storage.gke.io"
    assert "'pd.csi.storage.gke.io'" in world.events[0][1]


@pytest.mark.parametrize(
    ("class_", "message"),
    [
        (None, 'storageclass.storage.k8s.io "k" not found'),
        (storage_class("k", "kubernetes.io/no-provisioner"), "no volume plugin matched name: kubernetes.io/no-provisioner"),
    ],
)
def test_no_provisioner(class_, message):
    world = World(CONTROLLER, *([class_] if class_ else []), claim("c", class_="k")).sync("default", "c")
    assert world.events == [("Warning ProvisioningFailed", message)]


def test_default_class_is_given_later_the_newest_then_by_name():
    mark = {"storageclass.kubernetes.io/is-default-class": "true"}
    old = storage_class("a", annotations=mark, creationTimestamp="2025-01-01T00:00:00Z")
    new, twin = (storage_class(name, annotations=mark, creationTimestamp="2025-06-01T00:00:00Z") for name in ("y", "x"))
    world = World(CONTROLLER, old, new, twin, claim("c")).sync("default", "c")
    assert world.get("persistentvolumeclaims", "c")["spec"]["storageClassName"] == "x"
    assert world.events == []


def test_a_lost_claim_whose_volume_comes_back_is_bound_again():
    lost = claim("c", volume="v", phase="Lost", annotations=BOTH)
    world = World(CONTROLLER, lost, volume("v")).sync("default", "c")
    assert outcome(world) == ("Bound", "v", ("v",))


def test_only_what_is_unsettled_is_looked_at_by_the_resync():
    world = World(CONTROLLER, volume("v"), claim("c"), claim("d", "9Gi"))
    for name in ("c", "d"):
        world.sync("default", name)
    world.sync("default", "c").sync("resync of all")
    assert world.plans[-1].follow_up == (("default", "d"),)
    assert world.plans[-1].again_ns == 15_000_000_000
