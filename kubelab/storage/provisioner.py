"""The lab's dynamic provisioner: makes a network volume for each claim of its classes, and deletes it when nobody claims it any more.

It answers to its own name and to those of well-known drivers, so that manifests made for other clusters come up here too.

It keeps the contract of an external provisioner: it looks only at claims that the binder has given its name, and at delayed ones only
after the scheduler has selected a node; the volume is called ``pvc-UID`` and names its claim.

upstream: kubernetes-sigs/sig-storage-lib-external-provisioner v9 controller/controller.go; kubernetes-csi/external-provisioner.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kubelab.engine.component import Change, Client, Identity, Later, Scope, Watch
from kubelab.engine.plan import NOTHING, Act, Batch, EventDraft, Key, Plan, Reason, create, delete, reference, step, update
from kubelab.storage.drivers import DYNAMIC, STOOD_IN_FOR
from kubelab.storage.names import (
    BETA_STORAGE_PROVISIONER,
    CLAIMS,
    CLASSES,
    PROVISIONED_BY,
    SELECTED_NODE,
    STORAGE_PROVISIONER,
    VOLUMES,
    annotations_of,
    class_of,
    is_delayed,
    phase,
    with_annotations,
)
from kubelab.store.log import Object
from kubelab.world.clock import SECOND
from kubelab.world.timing import Timing

PROVISIONER = DYNAMIC
DRIVER = "dynamic.lab.kubelab.dev"
DISKS = "disks"

PROVISION = Reason("Provision", "{subject} needs a volume of class {storage_class}")
EXISTS = Reason("AlreadyProvisioned", "{subject} has its volume already")
RECLAIM = Reason("Reclaim", "{subject} is released, and its policy is Delete")
NO_NODE = Reason("NodeGone", "the node selected for {subject} is gone: the scheduler must choose again")
NO_CLASS = Reason("ClassGone", "the class of {subject} is gone")


@dataclass(frozen=True, slots=True)
class ToProvision:
    """``node_is_gone``: the node that the scheduler selected does not exist any more."""

    claim: Object
    class_: Object | None
    exists: bool
    node: str
    node_is_gone: bool
    duration_ns: int
    flex: bool = False  # 1.7 knows no CSI: a driver outside of the tree is a flexVolume


@dataclass(frozen=True, slots=True)
class ToDelete:
    volume: Object
    duration_ns: int


def observe(scope: Scope, key: Key) -> ToProvision | ToDelete | None:
    view = scope.view
    if key[0] == "volume":
        volume = view.get(VOLUMES, "", key[1])
        return ToDelete(volume, scope.timing.provision_ns) if volume is not None and _must_delete(volume) else None
    claim = view.get(CLAIMS, key[1], key[2])
    if claim is None or not _is_mine(claim):
        return None
    class_ = view.get(CLASSES, "", class_of(claim))
    node = annotations_of(claim).get(SELECTED_NODE) or ""
    if is_delayed(class_) and not node:
        return None
    exists = view.get(VOLUMES, "", volume_name(claim)) is not None
    gone = bool(node) and view.get("nodes", "", node) is None
    return ToProvision(claim, class_, exists, node, gone, scope.timing.provision_ns, scope.release == "1.7")


def plan(seen: ToProvision | ToDelete) -> Plan:
    return _delete(seen) if isinstance(seen, ToDelete) else _provision(seen)


def _is_mine(claim: Object) -> bool:
    return _asked(claim) in STOOD_IN_FOR and not claim["spec"].get("volumeName") and claim["metadata"].get("deletionTimestamp") is None


def _asked(claim: Object) -> str:
    """The provisioner that the binder has written on the claim."""
    present = annotations_of(claim)
    return present.get(STORAGE_PROVISIONER) or present.get(BETA_STORAGE_PROVISIONER) or ""


def _provision(seen: ToProvision) -> Plan:
    claim, name = seen.claim, volume_name(seen.claim)
    subject = f"persistentvolumeclaim/{claim['metadata']['name']}"
    if seen.exists:
        return Plan(because=(EXISTS(subject),))
    if seen.class_ is None:
        message = f"error getting claim's StorageClass's fields: storageclass.storage.k8s.io \"{class_of(claim)}\" not found"
        return Plan(events=(_warning(claim, message),), error=message, because=(NO_CLASS(subject),))
    if seen.node_is_gone:
        message = f'failed to provision volume with StorageClass "{class_of(claim)}": node "{seen.node}" not found'
        again = update(CLAIMS, with_annotations(claim, {}, (SELECTED_NODE,)), because=NO_NODE(subject))
        return Plan((Batch((again,)),), events=(_warning(claim, message),))
    meta = claim["metadata"]
    words = f'External provisioner is provisioning volume for claim "{meta["namespace"]}/{meta["name"]}"'
    starting = EventDraft(reference(claim), "Normal", "Provisioning", words)
    done = EventDraft(reference(claim), "Normal", "ProvisioningSucceeded", f"Successfully provisioned volume {name}")
    because = PROVISION(subject, storage_class=class_of(claim))
    make = Act("provision", (name,), seen.duration_ns, because)
    write = create(VOLUMES, new_volume(claim, seen.class_, flex=seen.flex), accept=(409,), on_success=(done,), because=because)
    return Plan((Batch((make,)), Batch((write,))), events=(starting,))


def new_volume(claim: Object, class_: Object, *, flex: bool = False) -> Object:
    """The volume for a claim: reachable from every node, as network storage is."""
    spec, name = claim["spec"], volume_name(claim)
    source: Object = {"driver": DRIVER, "volumeHandle": name}
    if spec.get("volumeMode") != "Block":
        source["fsType"] = "ext4"
    made: Object = {
        "capacity": {"storage": spec["resources"]["requests"]["storage"]},
        "accessModes": spec.get("accessModes") or [],
        "claimRef": reference(claim),
        "persistentVolumeReclaimPolicy": class_.get("reclaimPolicy") or "Delete",
        "storageClassName": class_["metadata"]["name"],
        **({"flexVolume": {"driver": PROVISIONER, "fsType": "ext4"}} if flex else {"csi": source}),
    }
    if class_.get("mountOptions"):
        made["mountOptions"] = class_["mountOptions"]
    if spec.get("volumeMode"):
        made["volumeMode"] = spec["volumeMode"]
    meta = {"name": name, "annotations": {PROVISIONED_BY: _asked(claim)}}
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": meta, "spec": made}


def volume_name(claim: Object) -> str:
    return f"pvc-{claim['metadata']['uid']}"


def _must_delete(volume: Object) -> bool:
    return (
        phase(volume) == "Released"
        and volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete"
        and annotations_of(volume).get(PROVISIONED_BY) in STOOD_IN_FOR
        and volume["metadata"].get("deletionTimestamp") is None
    )


def _delete(seen: ToDelete) -> Plan:
    name = seen.volume["metadata"]["name"]
    because = RECLAIM(f"persistentvolume/{name}")
    return step(Act("erase", (name,), seen.duration_ns, because)).then(step(delete(VOLUMES, seen.volume, accept=(404,), because=because)))


def _warning(claim: Object, message: str) -> EventDraft:
    return EventDraft(reference(claim), "Warning", "ProvisioningFailed", message)


def claim_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    claim = change.object
    if change.type == "DELETED" or not _is_mine(claim):
        return ()
    return (("claim", claim["metadata"]["namespace"], claim["metadata"]["name"]),)


def volume_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    return (("volume", change.object["metadata"]["name"]),) if change.type != "DELETED" and _must_delete(change.object) else ()


@dataclass(frozen=True, slots=True)
class Provisioner:
    """The component. It runs beside the cluster's own controllers, with an administrator's rights, as add-ons of this kind do."""

    name: str = "dynamic-provisioner"
    identity: Identity = Identity(
        "system:serviceaccount:kube-system:dynamic-provisioner", ("system:masters", "system:authenticated"), "csi-provisioner", PROVISIONER
    )
    watches: tuple[Watch, ...] = (Watch(CLAIMS, claim_keys), Watch(VOLUMES, volume_keys))
    max_retries: int | None = None
    backoff: tuple[int, int] = (SECOND, 300 * SECOND)
    background: frozenset[str] = frozenset()
    machine: str = ""

    @property
    def lanes(self) -> dict[str, int]:
        return {"": 100}

    def lane(self, key: Key) -> str:
        return ""

    def client(self, timing: Timing) -> Client:
        return Client(timing.client_qps, timing.client_burst)

    def start(self, scope: Scope) -> Iterable[Key | Later]:
        return ()

    def act(self, scope: Scope, act: Act) -> Plan:
        """A disk that is erased is gone with all that was written to it; a new one is empty."""
        if act.name == "erase":
            scope.machines[""].get(DISKS, {}).pop(f"pv/{act.arguments[0]}", None)
        return NOTHING

    def observe(self, scope: Scope, key: Key) -> ToProvision | ToDelete | None:
        return observe(scope, key)

    def plan(self, seen: ToProvision | ToDelete) -> Plan:
        return plan(seen)


CONTROLLER = Provisioner()
