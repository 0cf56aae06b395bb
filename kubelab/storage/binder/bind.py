"""Binding in four steps: the volume names the claim, the volume is Bound, the claim names the volume, the claim is Bound.

Each step is written only if it changes something, so that a binding that was cut short anywhere is finished by the next sync.

upstream: bind, bindVolumeToClaim, updateVolumePhase, bindClaimToVolume, updateClaimStatus in
pkg/controller/volume/persistentvolume/pv_controller.go, 1.28.
"""

from __future__ import annotations

from typing import Any

from kubelab.engine.plan import NOTHING, Batch, Call, EventDraft, Plan, Reason, reference, update, update_status
from kubelab.kinds import quantity
from kubelab.storage.binder.index import now_claimed
from kubelab.storage.names import (
    BIND_COMPLETED,
    BOUND_BY_CONTROLLER,
    CLAIMS,
    PRE_RESIZE_CAPACITY,
    VOLUMES,
    annotations_of,
    is_for,
    phase,
    with_annotations,
)
from kubelab.store.log import Object

BIND = Reason("Bind", "{subject} is bound to {other}")
PHASE = Reason("Phase", "{subject} becomes {phase}")
UNBIND = Reason("Unbind", "{subject} names a claim that is bound elsewhere")
_NONE: dict[str, Any] = {}


def and_again(call: Call, **remember: Any) -> Plan:
    """One call, then the same sync goes on with what it changed."""
    return Plan((Batch((call,)),), again_ns=0, remember=remember)


def bind(volume: Object, claim: Object) -> Plan:
    """The next step of a binding; NOTHING if all are done."""
    name, subject = volume["metadata"]["name"], f"persistentvolumeclaim/{claim['metadata']['name']}"
    claimed = _claimed(volume, claim)
    if claimed is not None:
        call = update(VOLUMES, claimed, because=BIND(f"persistentvolume/{name}", other=subject))
        return Plan((Batch((call,)),), again_ns=0, remember=now_claimed(volume, claim))
    if phase(volume) != "Bound":
        return and_again(volume_phase(volume, "Bound"))
    added = {} if BIND_COMPLETED in annotations_of(claim) else {BIND_COMPLETED: "yes"}
    if claim["spec"].get("volumeName") != name:
        if BOUND_BY_CONTROLLER not in annotations_of(claim):
            added[BOUND_BY_CONTROLLER] = "yes"
        claim = {**claim, "spec": {**claim["spec"], "volumeName": name}}
        added.setdefault(BIND_COMPLETED, "yes")
    if added:
        return and_again(update(CLAIMS, with_annotations(claim, added), because=BIND(subject, other=f"persistentvolume/{name}")))
    return claim_status(claim, "Bound", volume)


def _claimed(volume: Object, claim: Object) -> Object | None:
    """The volume with its claimRef complete; None if it is (upstream: GetBindVolumeToClaim)."""
    meta, ref = claim["metadata"], volume["spec"].get("claimRef") or _NONE
    if (ref.get("name"), ref.get("namespace"), ref.get("uid")) == (meta["name"], meta["namespace"], meta["uid"]):
        return None
    changed = {**volume, "spec": {**volume["spec"], "claimRef": reference(claim)}}
    if is_for(volume, claim) or BOUND_BY_CONTROLLER in annotations_of(volume):
        return changed
    return with_annotations(changed, {BOUND_BY_CONTROLLER: "yes"})


def volume_phase(volume: Object, wanted: str, message: str = "", event: EventDraft | None = None) -> Call:
    """The write of a volume's phase."""
    status = {key: part for key, part in (volume.get("status") or _NONE).items() if key not in ("phase", "message")}
    status["phase"] = wanted
    if message:
        status["message"] = message
    because = PHASE(f"persistentvolume/{volume['metadata']['name']}", phase=wanted)
    return update_status(VOLUMES, {**volume, "status": status}, on_success=(event,) if event else (), because=because)


def claim_status(claim: Object, wanted: str, volume: Object | None, event: EventDraft | None = None) -> Plan:
    """The write of a claim's phase, capacity and access modes, if they change. Capacity is set only when the phase changes."""
    old = claim.get("status") or _NONE
    status = {key: part for key, part in old.items() if key not in ("phase", "accessModes", "capacity")}
    status["phase"] = wanted
    if volume is not None:
        modes, size = volume["spec"].get("accessModes"), old.get("capacity")
        if modes:
            status["accessModes"] = modes
        if old.get("phase") != wanted:
            size = _size_when_bound(size, volume)
        if size:
            status["capacity"] = size
    if status == old:
        return NOTHING
    because = PHASE(f"persistentvolumeclaim/{claim['metadata']['name']}", phase=wanted)
    call = update_status(CLAIMS, {**claim, "status": status}, on_success=(event,) if event else (), because=because)
    return Plan((Batch((call,)),), again_ns=0)


def _size_when_bound(size: Object | None, volume: Object) -> Object | None:
    """The volume's capacity; while its file system waits to be resized, the one it had before."""
    before = annotations_of(volume).get(PRE_RESIZE_CAPACITY)
    if before is None:
        return size if _same_size(size, volume["spec"].get("capacity")) else volume["spec"].get("capacity")
    return {**(size or _NONE), "storage": before if _is_quantity(before) else (volume["spec"].get("capacity") or _NONE).get("storage")}


def _is_quantity(text: str) -> bool:
    try:
        quantity.parse(text)
    except ValueError:
        return False
    return True


def _same_size(one: Object | None, other: Object | None) -> bool:
    mine, theirs = (one or _NONE).get("storage"), (other or _NONE).get("storage")
    return mine is not None and theirs is not None and quantity.compare(mine, theirs) == 0


def unbind(volume: Object) -> Plan:
    """Take a binding back: wholly if the controller made it; a user's keeps the claim's name and loses only the uid."""
    because = UNBIND(f"persistentvolume/{volume['metadata']['name']}")
    if BOUND_BY_CONTROLLER in annotations_of(volume):
        spec = {key: part for key, part in volume["spec"].items() if key != "claimRef"}
        return and_again(update(VOLUMES, with_annotations({**volume, "spec": spec}, {}, (BOUND_BY_CONTROLLER,)), because=because))
    ref = {key: part for key, part in volume["spec"]["claimRef"].items() if key != "uid"}
    return and_again(update(VOLUMES, {**volume, "spec": {**volume["spec"], "claimRef": ref}}, because=because))
