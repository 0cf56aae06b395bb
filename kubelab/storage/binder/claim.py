"""One claim's sync: find its volume, have one made, or say why it waits.

The annotation ``bind-completed`` alone, not the phase, tells bound claims from unbound ones.

upstream: syncClaim, syncUnboundClaim, syncBoundClaim, provisionClaim in pkg/controller/volume/persistentvolume/pv_controller.go, 1.28.
"""

from __future__ import annotations

from dataclasses import dataclass

from kubelab.engine.plan import EventDraft, Plan, Reason, reference, step, update
from kubelab.storage.binder.bind import and_again, bind, claim_status
from kubelab.storage.binder.index import mismatch
from kubelab.storage.binder.migration import marked
from kubelab.storage.drivers import MIGRATED
from kubelab.storage.names import (
    BETA_STORAGE_PROVISIONER,
    BIND_COMPLETED,
    BOUND_BY_CONTROLLER,
    CLAIMS,
    SELECTED_NODE,
    STORAGE_PROVISIONER,
    annotations_of,
    class_of,
    is_delayed,
    is_for,
    phase,
    with_annotations,
)
from kubelab.store.log import Object

WAITING = "waiting for first consumer to be created before binding"
NO_VOLUME = "no persistent volumes available for this claim and no storage class is set"
EXTERNAL = (
    "Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by the system administrator. "
    "If volume creation is delayed, please verify that the provisioner is running and correctly registered."
)
LOST_REFERENCE = "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!"
LOST_VOLUME = "Bound claim has lost its PersistentVolume. Data on the volume is lost!"
MISBOUND = "Two claims are bound to the same volume, this one is bound incorrectly"
IN_TREE = "kubernetes.io/"

MIGRATION = Reason("CSIMigration", "the CSI driver that serves {subject} is noted")
NO_MATCH = Reason("NoMatchingVolume", "{subject} finds no volume, and no class makes one")
FIRST_CONSUMER = Reason("WaitForFirstConsumer", "{subject} waits for a pod to be scheduled")
PROVISIONING = Reason("Provisioning", "{subject} waits for {provisioner} to make its volume")
NO_SUCH_VOLUME = Reason("VolumeAbsent", "{subject} waits for persistentvolume/{volume}, which does not exist")
UNUSABLE = Reason("VolumeUnusable", "{subject} asks for persistentvolume/{volume}, which cannot serve it")
DEFAULT_CLASS = Reason("DefaultClass", "{subject} gets the default class {storage_class}")
BOUND = Reason("ClaimBound", "{subject} is bound to persistentvolume/{volume}")
LOST = Reason("ClaimLost", "{subject} has lost its volume")
NO_CLASS = Reason("ClassAbsent", "{subject} names a class that cannot make volumes")


@dataclass(frozen=True, slots=True)
class Seen:
    """``volume``: the one the claim names; ``match``: the best one for a claim that names none; ``pods``: unscheduled users."""

    claim: Object
    class_: Object | None
    default: Object | None
    volume: Object | None
    match: Object | None
    pods: tuple[str, ...]


def plan(seen: Seen) -> Plan:
    claim = seen.claim
    migrated = marked(claim, CLAIMS)
    if migrated is not None:
        return and_again(update(CLAIMS, migrated, because=MIGRATION(_subject(claim))))
    if BIND_COMPLETED in annotations_of(claim):
        return _bound(seen)
    if claim["spec"].get("volumeName"):
        return _asks_by_name(seen)
    return _unbound(seen)


def _unbound(seen: Seen) -> Plan:
    claim, subject = seen.claim, _subject(seen.claim)
    if seen.match is not None:
        return bind(seen.match, claim)
    class_name = class_of(claim)
    if not class_name and seen.default is not None:
        name = seen.default["metadata"]["name"]
        classed = {**claim, "spec": {**claim["spec"], "storageClassName": name}}
        return step(update(CLAIMS, classed, because=DEFAULT_CLASS(subject, storage_class=name)))
    if is_delayed(seen.class_) and SELECTED_NODE not in annotations_of(claim):
        event = EventDraft(reference(claim), "Normal", *_waiting_words(seen.pods))
        return _pending(claim, event).then(Plan(because=(FIRST_CONSUMER(subject),)))
    if class_name:
        return _provision(seen, class_name)
    event = EventDraft(reference(claim), "Normal", "FailedBinding", NO_VOLUME)
    return _pending(claim, event).then(Plan(because=(NO_MATCH(subject),)))


def _waiting_words(pods: tuple[str, ...]) -> tuple[str, str]:
    if not pods:
        return "WaitForFirstConsumer", WAITING
    if len(pods) == 1:
        return "WaitForPodScheduled", f"waiting for pod {pods[0]} to be scheduled"
    return "WaitForPodScheduled", f"waiting for pods {','.join(pods)} to be scheduled"


def _provision(seen: Seen, class_name: str) -> Plan:
    """Ask an external provisioner by annotation; only such ones are there."""
    claim, subject = seen.claim, _subject(seen.claim)
    if seen.class_ is None:
        return _failed(claim, f'storageclass.storage.k8s.io "{class_name}" not found')
    named = seen.class_.get("provisioner") or ""
    provisioner = MIGRATED.get(named, named)
    if provisioner.startswith(IN_TREE):
        return _failed(claim, f"no volume plugin matched name: {provisioner}")
    present = annotations_of(claim)
    if present.get(STORAGE_PROVISIONER) != provisioner:
        marked = with_annotations(claim, {STORAGE_PROVISIONER: provisioner, BETA_STORAGE_PROVISIONER: provisioner})
        refused = (EventDraft(reference(claim), "Warning", "ProvisioningFailed", "Error saving claim: {error}"),)
        return and_again(update(CLAIMS, marked, on_refusal=refused, because=PROVISIONING(subject, provisioner=provisioner)))
    event = EventDraft(reference(claim), "Normal", "ExternalProvisioning", EXTERNAL.format(provisioner=provisioner))
    return Plan(events=(event,), because=(PROVISIONING(subject, provisioner=provisioner),))


def _failed(claim: Object, message: str) -> Plan:
    event = EventDraft(reference(claim), "Warning", "ProvisioningFailed", message)
    return Plan(events=(event,), because=(NO_CLASS(_subject(claim)),))


def _asks_by_name(seen: Seen) -> Plan:
    claim, volume, name = seen.claim, seen.volume, seen.claim["spec"]["volumeName"]
    if volume is None:
        return _pending(claim, None).then(Plan(because=(NO_SUCH_VOLUME(_subject(claim), volume=name),)))
    if volume["spec"].get("claimRef") is None:
        problem = mismatch(volume, claim)
        if not problem:
            return bind(volume, claim)
        event = EventDraft(reference(claim), "Warning", "VolumeMismatch", f'Cannot bind to requested volume "{name}": {problem}')
        return _pending(claim, event).then(Plan(because=(UNUSABLE(_subject(claim), volume=name),)))
    if is_for(volume, claim):
        return bind(volume, claim)
    event = EventDraft(reference(claim), "Warning", "FailedBinding", f'volume "{name}" already bound to a different claim.')
    if BOUND_BY_CONTROLLER in annotations_of(claim):
        place, ref = f"{claim['metadata']['namespace']}/{claim['metadata']['name']}", volume["spec"]["claimRef"]
        other = f"{ref.get('namespace', '')}/{ref.get('name', '')}"
        error = f'invalid binding of claim "{place}" to volume "{name}": volume already claimed by "{other}"'
        return Plan(events=(event,), error=error, because=(UNUSABLE(_subject(claim), volume=name),))
    return _pending(claim, event).then(Plan(because=(UNUSABLE(_subject(claim), volume=name),)))


def _bound(seen: Seen) -> Plan:
    claim, volume = seen.claim, seen.volume
    if not claim["spec"].get("volumeName"):
        return _lost(claim, "ClaimLost", LOST_REFERENCE)
    if volume is None:
        return _lost(claim, "ClaimLost", LOST_VOLUME)
    ref = volume["spec"].get("claimRef")
    if ref is not None and ref.get("uid") != claim["metadata"]["uid"]:
        return _lost(claim, "ClaimMisbound", MISBOUND)
    missing = bind(volume, claim)
    return missing if missing.batches else Plan(because=(BOUND(_subject(claim), volume=volume["metadata"]["name"]),))


def _lost(claim: Object, reason: str, message: str) -> Plan:
    because = Plan(because=(LOST(_subject(claim)),))
    if phase(claim) == "Lost":
        return because
    return claim_status(claim, "Lost", None, EventDraft(reference(claim), "Warning", reason, message)).then(because)


def _pending(claim: Object, event: EventDraft | None) -> Plan:
    """Say why, and see to it that the claim is Pending; what was said is not said again when the write is done."""
    written = claim_status(claim, "Pending", None)
    return Plan(written.batches, events=(event,) if event else ())


def _subject(claim: Object) -> str:
    return f"persistentvolumeclaim/{claim['metadata']['name']}"
