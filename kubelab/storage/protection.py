"""Protection of claims and volumes in use: the finalizers that admission put on them go when nothing uses them any more.

A claim is in use while a pod that has a node names it, finished pods too; a volume while its phase is Bound.

upstream: pkg/controller/volume/pvcprotection/pvc_protection_controller.go, …/pvprotection/pv_protection_controller.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kubelab.engine.component import Change, Controller, Later, Scope, Watch, service_account
from kubelab.engine.plan import Batch, Because, Call, Key, Plan, Reason, update, wait
from kubelab.storage.names import CLAIMS, VOLUMES, phase
from kubelab.storage.users import claims_of, note_pod, pods_of
from kubelab.store.log import Object

CLAIM_FINALIZER = "kubernetes.io/pvc-protection"
VOLUME_FINALIZER = "kubernetes.io/pv-protection"
TERMINATING = "terminating claims"

PROTECT = Reason("Protect", "{subject} has no protection yet")
RELEASE = Reason("Unprotect", "{subject} is being deleted, and nothing uses it")
IN_USE = Reason("InUse", "{subject} is being deleted and still used by {user}")


@dataclass(frozen=True, slots=True)
class Seen:
    """``user``: what uses the object, "" for nothing."""

    resource: str
    object: Object
    user: str = ""


def observe_claim(scope: Scope, key: Key) -> Seen | None:
    claim = scope.view.get(CLAIMS, key[0], key[1])
    if claim is None:
        return None
    users = pods_of(scope, key[0], key[1]) if claim["metadata"].get("deletionTimestamp") is not None else ()
    return Seen(CLAIMS, claim, next((f"pod/{pod['metadata']['name']}" for pod in users if pod["spec"].get("nodeName")), ""))


def observe_volume(scope: Scope, key: Key) -> Seen | None:
    volume = scope.view.get(VOLUMES, "", key[0])
    if volume is None:
        return None
    ref = volume["spec"].get("claimRef") or {}
    return Seen(VOLUMES, volume, f"persistentvolumeclaim/{ref.get('name', '')}" if phase(volume) == "Bound" else "")


def plan(seen: Seen) -> Plan:
    meta, finalizer = seen.object["metadata"], CLAIM_FINALIZER if seen.resource == CLAIMS else VOLUME_FINALIZER
    subject = f"{seen.object['kind'].lower()}/{meta['name']}"
    present = meta.get("finalizers") or []
    if meta.get("deletionTimestamp") is None:
        if finalizer in present:
            return Plan()
        return _write(seen, [*present, finalizer], PROTECT(subject))
    if finalizer not in present:
        return Plan()
    if seen.user:
        return wait(IN_USE(subject, user=seen.user))
    return _write(seen, [each for each in present if each != finalizer], RELEASE(subject), asking=seen.resource == CLAIMS)


def _write(seen: Seen, finalizers: list[str], because: Because, *, asking: bool = False) -> Plan:
    """``asking``: the server is asked for the pods of the namespace before, as upstream does not trust its cache here."""
    meta = {key: part for key, part in seen.object["metadata"].items() if key != "finalizers"}
    if finalizers:
        meta["finalizers"] = finalizers
    call = update(seen.resource, {**seen.object, "metadata": meta}, accept=(404,), because=because)
    batches: tuple[Batch, ...] = (Batch((call,)),)
    if asking:
        batches = (Batch((Call("list", "pods", meta["namespace"]),)), *batches)
    return Plan(batches)


def claim_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    meta = change.object["metadata"]
    key = (meta["namespace"], meta["name"])
    deleting = meta.get("deletionTimestamp") is not None
    if change.type == "DELETED" or not deleting:
        scope.table(TERMINATING).pop(key, None)
    else:
        scope.table(TERMINATING)[key] = True
    if change.type == "DELETED" or (not deleting and CLAIM_FINALIZER in (meta.get("finalizers") or ())):
        return ()
    return (key,)


def pod_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    """Only a pod that is gone, finished or not yet on a node may set a claim free."""
    note_pod(change, scope)
    terminating = scope.memory.get(TERMINATING)
    if not terminating:
        return ()
    pod = change.object
    if change.type != "DELETED" and phase(pod) not in ("Succeeded", "Failed") and pod["spec"].get("nodeName"):
        return ()
    namespace = pod["metadata"]["namespace"]
    return [(namespace, claim) for claim in claims_of(pod) if (namespace, claim) in terminating]


def volume_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    meta = change.object["metadata"]
    if change.type == "DELETED" or (meta.get("deletionTimestamp") is None and VOLUME_FINALIZER in (meta.get("finalizers") or ())):
        return ()
    return ((meta["name"],),)


CLAIM_PROTECTION = Controller(
    name="pvc-protection-controller",
    identity=service_account("pvc-protection-controller"),
    watches=(Watch("pods", pod_keys), Watch(CLAIMS, claim_keys)),
    observe=observe_claim,
    plan=plan,
    workers=1,
)

VOLUME_PROTECTION = Controller(
    name="pv-protection-controller",
    identity=service_account("pv-protection-controller"),
    watches=(Watch(VOLUMES, volume_keys),),
    observe=observe_volume,
    plan=plan,
    workers=1,
)
