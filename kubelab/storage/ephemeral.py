"""Generic ephemeral volumes: a pod that asks for one gets a claim of its own, which goes with it.

upstream: pkg/controller/volume/ephemeral/controller.go, component-helpers/storage/ephemeral/ephemeral.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kubelab.engine.component import Change, Controller, Later, Scope, Watch, service_account
from kubelab.engine.plan import Batch, Call, EventDraft, Key, Plan, Reason, create, reference, wait
from kubelab.storage.names import CLAIMS
from kubelab.store.log import Object

MISSING = Reason("EphemeralClaim", "{subject} has no claim for its ephemeral volume {volume}")
PRESENT = Reason("EphemeralClaimsPresent", "{subject} has the claims of its ephemeral volumes")


@dataclass(frozen=True, slots=True)
class Seen:
    """``claims``: by volume, the claim of the name that is expected, or None."""

    pod: Object
    claims: tuple[tuple[Object, Object | None], ...]


def observe(scope: Scope, key: Key) -> Seen | None:
    pod = scope.view.get("pods", key[0], key[1])
    if pod is None or pod["metadata"].get("deletionTimestamp") is not None:
        return None
    volumes = _ephemeral(pod)
    claims = tuple((volume, scope.view.get(CLAIMS, key[0], claim_name(pod, volume))) for volume in volumes)
    return Seen(pod, claims)


def _ephemeral(pod: Object) -> list[Object]:
    return [volume for volume in pod["spec"].get("volumes") or () if "ephemeral" in volume]


def claim_name(pod: Object, volume: Object) -> str:
    return f"{pod['metadata']['name']}-{volume['name']}"


def plan(seen: Seen) -> Plan:
    """The missing claims, one after the other; a claim of that name that belongs to something else stops the pod."""
    subject, calls = f"pod/{seen.pod['metadata']['name']}", []
    for volume, claim in seen.claims:
        if claim is None:
            calls.append(_make(seen.pod, volume, subject))
        elif not _is_for(claim, seen.pod):
            meta, other = seen.pod["metadata"], claim["metadata"]
            place, owner = f"{other['namespace']}/{other['name']}", f"{meta['namespace']}/{meta['name']}"
            error = f"ephemeral volume {volume['name']}: PVC {place} was not created for pod {owner} (pod is not owner)"
            event = EventDraft(reference(seen.pod), "Warning", "FailedBinding", error)
            return Plan(tuple(Batch((call,)) for call in calls), events=(event,), error=error)
    if not calls:
        return wait(PRESENT(subject))
    return Plan(tuple(Batch((call,)) for call in calls))


def _make(pod: Object, volume: Object, subject: str) -> Call:
    template, meta = volume["ephemeral"]["volumeClaimTemplate"], pod["metadata"]
    owner = {
        "apiVersion": "v1",
        "kind": "Pod",
        "name": meta["name"],
        "uid": meta["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    of_claim: Object = {"name": claim_name(pod, volume), "namespace": meta["namespace"], "ownerReferences": [owner]}
    for field in ("annotations", "labels"):
        if (template.get("metadata") or {}).get(field):
            of_claim[field] = template["metadata"][field]
    body = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": of_claim, "spec": template["spec"]}
    refused = EventDraft(
        reference(pod), "Warning", "FailedBinding", f"ephemeral volume {volume['name']}: create PVC {of_claim['name']}: {{error}}"
    )
    return create(CLAIMS, body, on_refusal=(refused,), because=MISSING(subject, volume=volume["name"]))


def _is_for(claim: Object, pod: Object) -> bool:
    uid = pod["metadata"]["uid"]
    return any(each.get("controller") and each["uid"] == uid for each in claim["metadata"].get("ownerReferences") or ())


def pod_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    meta = change.object["metadata"]
    if change.type != "ADDED" or not _ephemeral(change.object):
        return ()
    return ((meta["namespace"], meta["name"]),)


def claim_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    """A deleted claim is made again if its pod is still there."""
    if change.type != "DELETED":
        return ()
    meta = change.object["metadata"]
    return [(meta["namespace"], each["name"]) for each in meta.get("ownerReferences") or () if each["kind"] == "Pod"]


CONTROLLER = Controller(
    name="ephemeral-volume-controller",
    identity=service_account("ephemeral-volume-controller", source="ephemeral_volume"),
    watches=(Watch("pods", pod_keys), Watch(CLAIMS, claim_keys)),
    observe=observe,
    plan=plan,
    workers=5,
)
