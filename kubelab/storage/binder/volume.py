"""One volume's sync: its phase, and what becomes of it when its claim is gone.

upstream: syncVolume, reclaimVolume, doDeleteVolume in pkg/controller/volume/persistentvolume/pv_controller.go,
pkg/volume/hostpath/host_path.go (newDeleter), 1.28.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kubelab.engine.plan import NOTHING, Batch, Call, EventDraft, Plan, Reason, delete, reference, step, update
from kubelab.storage.binder.bind import and_again, unbind, volume_phase
from kubelab.storage.binder.migration import marked
from kubelab.storage.binder.recycle import SECONDS, recycle
from kubelab.storage.names import CLAIMS, MIGRATED_TO, PROVISIONED_BY, VOLUMES, annotations_of, phase, volume_mode
from kubelab.store.log import Object

IN_TREE = "kubernetes.io/"
KEY = "persistent volume"  # first in the keys of volumes, those of claims begin with a namespace
UNDELETABLE = ("nfs", "local", "csi")  # the controller manager has a plug-in for them, but none that deletes
_DELETABLE_PATH = re.compile(r"/tmp/.+")

MIGRATION = Reason("CSIMigration", "the CSI driver that serves {subject} is noted")
AVAILABLE = Reason("VolumeAvailable", "{subject} is free")
BOUND = Reason("VolumeBound", "{subject} is bound")
RETAINED = Reason("VolumeRetained", "{subject} is kept, with the name of the claim that is gone")
EXTERNAL = Reason("ExternalDelete", "{subject} waits for {provisioner} to delete it")
DELETE = Reason("VolumeReclaimed", "{subject} is no longer claimed, and its policy is Delete")
CLAIM_FIRST = Reason("ClaimFirst", "{subject} waits for its claim's sync")
MISMATCHED = Reason("VolumeModeMismatch", "{subject} names a claim of another volume mode")
FAILED = Reason("ReclaimFailed", "{subject} cannot be reclaimed")


@dataclass(frozen=True, slots=True)
class Seen:
    """``claim``: the one of the name that the volume's claimRef has; ``recycler``, ``users``: the pods that matter to recycling."""

    volume: Object
    claim: Object | None
    recycler: Object | None = None
    users: tuple[str, ...] = ()


def plan(seen: Seen) -> Plan:
    volume, claim, ref = seen.volume, seen.claim, seen.volume["spec"].get("claimRef")
    migrated = marked(volume, VOLUMES)
    if migrated is not None:
        return and_again(update(VOLUMES, migrated, because=MIGRATION(_subject(volume))))
    if ref is None or not ref.get("uid"):
        return _phase(volume, "Available", Plan(because=(AVAILABLE(_subject(volume)),)))
    if claim is None or claim["metadata"]["uid"] != ref["uid"]:
        return _released(seen, asking=True)
    bound_to = claim["spec"].get("volumeName")
    if not bound_to:
        return _claim_first(volume, claim)
    if bound_to == volume["metadata"]["name"]:
        return _phase(volume, "Bound", Plan(because=(BOUND(_subject(volume)),)))
    if PROVISIONED_BY in annotations_of(volume) and volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete":
        return _released(seen, asking=False)
    return unbind(volume)


def _phase(volume: Object, wanted: str, otherwise: Plan) -> Plan:
    return otherwise if phase(volume) == wanted else step(volume_phase(volume, wanted))


def _claim_first(volume: Object, claim: Object) -> Plan:
    meta = claim["metadata"]
    if volume_mode(claim) == volume_mode(volume):
        return Plan(because=(CLAIM_FIRST(_subject(volume)),), follow_up=((meta["namespace"], meta["name"]),))
    of_volume = f'Cannot bind PersistentVolume to requested PersistentVolumeClaim "{meta["name"]}" due to incompatible volumeMode.'
    name = volume["metadata"]["name"]
    of_claim = f'Cannot bind PersistentVolume "{name}" to requested PersistentVolumeClaim due to incompatible volumeMode.'
    events = (
        EventDraft(reference(volume), "Warning", "VolumeMismatch", of_volume),
        EventDraft(reference(claim), "Warning", "VolumeMismatch", of_claim),
    )
    return Plan(events=events, because=(MISMATCHED(_subject(volume)),))


def _released(seen: Seen, *, asking: bool) -> Plan:
    """Released, then reclaimed as the policy says. ``asking``: the claim is asked for live before."""
    volume = seen.volume
    if phase(volume) in ("Released", "Failed"):
        return _reclaim(seen)
    batches: tuple[Batch, ...] = (Batch((volume_phase(volume, "Released"),)),)
    if asking:
        ref = volume["spec"]["claimRef"]
        batches = (Batch((Call("get", CLAIMS, ref.get("namespace", ""), ref.get("name", ""), accept=(404,)),)), *batches)
    return Plan(batches, again_ns=0)


def _reclaim(seen: Seen) -> Plan:
    volume = seen.volume
    policy, driver = volume["spec"].get("persistentVolumeReclaimPolicy"), annotations_of(volume).get(MIGRATED_TO)
    if driver:
        return Plan(because=(EXTERNAL(_subject(volume), provisioner=driver),))
    if policy == "Delete":
        return _delete(volume)
    if policy == "Recycle" and any(source in volume["spec"] for source in SECONDS):
        return recycle(volume, seen.recycler, seen.users)
    if policy == "Recycle":
        return _failed(volume, "VolumeFailedRecycle", "No recycler plugin found for the volume!")
    return Plan(because=(RETAINED(_subject(volume)),))


def _delete(volume: Object) -> Plan:
    name, provisioner = volume["metadata"]["name"], annotations_of(volume).get(PROVISIONED_BY)
    if volume["metadata"].get("deletionTimestamp") is not None:
        return NOTHING
    if provisioner and not provisioner.startswith(IN_TREE):
        return Plan(because=(EXTERNAL(_subject(volume), provisioner=provisioner),))
    host_path = volume["spec"].get("hostPath")
    if host_path is None:
        missing = (
            "no deletable volume plugin matched" if any(source in volume["spec"] for source in UNDELETABLE) else "no volume plugin matched"
        )
        message = f'error getting deleter volume plugin for volume "{name}": {missing}'
        return _failed(volume, "VolumeFailedDelete", message)
    if not _DELETABLE_PATH.match(host_path["path"]):
        return _failed(volume, "VolumeFailedDelete", f"host_path deleter only supports /tmp/.+ but received provided {host_path['path']}")
    return step(delete(VOLUMES, volume, accept=(404,), because=DELETE(_subject(volume))))


def _failed(volume: Object, reason: str, message: str) -> Plan:
    because = Plan(because=(FAILED(_subject(volume)),))
    if phase(volume) == "Failed":
        return because
    event = EventDraft(reference(volume), "Warning", reason, message)
    return step(volume_phase(volume, "Failed", message, event)).then(because)


def _subject(volume: Object) -> str:
    return f"persistentvolume/{volume['metadata']['name']}"
