"""The PersistentVolumeClaims of a StatefulSet's pods: made before the pod, kept or owned as the retention policy says.

| whenDeleted/whenScaled | in range | condemned |
|---|---|---|
| Retain/Retain | – | – |
| Delete/Retain | set | set |
| Retain/Delete | – | pod |
| Delete/Delete | set | pod |

upstream: pkg/controller/statefulset/{stateful_pod_control,stateful_set_utils}.go, 1.28; KEP-1847.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from kubelab.controllers.common.events import normal, warning
from kubelab.controllers.statefulset.slots import Slot
from kubelab.engine.plan import Call, EventDraft, Reason, create, update
from kubelab.store.log import Object

RESOURCE = "persistentvolumeclaims"

MISSING_CLAIM = Reason("MissingClaim", "{subject} needs claim {claim}")
RETENTION = Reason("RetentionPolicy", "the owners of {subject} do not follow the retention policy")


class Made(NamedTuple):
    """The calls that make a pod's missing claims; ``error`` if one that is there is on its way out."""

    calls: tuple[Call, ...] = ()
    error: str = ""


def claim_names(set_: Object, ordinal: int) -> list[str]:
    name = set_["metadata"]["name"]
    return [f"{template['metadata']['name']}-{name}-{ordinal}" for template in set_["spec"].get("volumeClaimTemplates") or ()]


def new_claim(set_: Object, template: Object, ordinal: int) -> Object:
    """The claim of one ordinal; the selector's labels are added to the template's."""
    of_template = {key: part for key, part in template["metadata"].items() if part is not None}
    labels = {**(of_template.get("labels") or {}), **(set_["spec"]["selector"].get("matchLabels") or {})}
    meta = {
        **of_template,
        "name": f"{template['metadata']['name']}-{set_['metadata']['name']}-{ordinal}",
        "namespace": set_["metadata"]["namespace"],
    }
    if labels:
        meta["labels"] = labels
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": template["spec"]}


def make_claims(set_: Object, slot: Slot, claims: Mapping[str, Object], pod_event: EventDraft | None) -> Made:
    """Create what is missing. ``pod_event``: the failure of the pod that a refused claim means, its ``{error}`` to be filled."""
    calls: list[Call] = []
    errors: list[str] = []
    for template, name in zip(set_["spec"].get("volumeClaimTemplates") or (), claim_names(set_, slot.ordinal), strict=True):
        claim = claims.get(name)
        if claim is None:
            calls.append(_create(set_, slot, new_claim(set_, template, slot.ordinal), pod_event))
        elif claim["metadata"].get("deletionTimestamp") is not None:
            errors.append(f"pvc {name} is being deleted")
    return Made(tuple(calls), errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]" if errors else "")


def is_stale(set_: Object, slot: Slot, claims: Mapping[str, Object]) -> bool:
    """Whether a claim belongs to an older pod of the same name, so that the new one must wait until it is gone."""
    if _policy(set_)[1] == "Retain":
        return False
    uid = slot.pod["metadata"]["uid"] if slot.pod is not None else ""
    return any(
        reference["name"] == slot.name and reference["uid"] != uid
        for name in claim_names(set_, slot.ordinal)
        if name in claims
        for reference in claims[name]["metadata"].get("ownerReferences") or ()
    )


def retention_calls(set_: Object, slot: Slot, claims: Mapping[str, Object], *, condemned: bool) -> tuple[Call, ...]:
    """Updates of the claims whose owners are not those that the policy wants."""
    if not claims:
        return ()
    when_deleted, when_scaled = _policy(set_)
    by_pod = when_scaled == "Delete" and condemned
    by_set = when_deleted == "Delete" and not by_pod
    calls: list[Call] = []
    for name in claim_names(set_, slot.ordinal):
        claim = claims.get(name)
        if claim is None:
            continue
        owners = claim["metadata"].get("ownerReferences") or []
        wanted = _with_owner(owners, set_, wanted=by_set)
        if slot.pod is not None:
            wanted = _with_owner(wanted, slot.pod, wanted=by_pod)
        if wanted != owners:
            body = {**claim, "metadata": {**claim["metadata"], "ownerReferences": list(wanted)}}
            calls.append(update(RESOURCE, body, because=RETENTION(f"persistentvolumeclaim/{name}")))
    return tuple(calls)


def storage_matches(set_: Object, slot: Slot) -> bool:
    """Whether the pod's volumes are the claims of its ordinal."""
    templates = set_["spec"].get("volumeClaimTemplates")
    if not templates or slot.pod is None:
        return True
    mounted = {
        volume["name"]: (volume.get("persistentVolumeClaim") or {}).get("claimName") for volume in slot.pod["spec"].get("volumes") or ()
    }
    names = claim_names(set_, slot.ordinal)
    return all(mounted.get(template["metadata"]["name"]) == name for template, name in zip(templates, names, strict=True))


def with_claims(set_: Object, ordinal: int, volumes: Sequence[Object]) -> list[Object]:
    """``volumes`` with those of the claim templates in front; one of the same name gives way."""
    templates = [template["metadata"]["name"] for template in set_["spec"].get("volumeClaimTemplates") or ()]
    claimed = [
        {"name": template, "persistentVolumeClaim": {"claimName": name}}
        for template, name in zip(templates, claim_names(set_, ordinal), strict=True)
    ]
    return claimed + [volume for volume in volumes if volume["name"] not in templates]


def _policy(set_: Object) -> tuple[str, str]:
    policy = set_["spec"].get("persistentVolumeClaimRetentionPolicy") or {}
    return policy.get("whenDeleted") or "Retain", policy.get("whenScaled") or "Retain"


def _with_owner(references: Sequence[Object], owner: Object, *, wanted: bool) -> Sequence[Object]:
    uid = owner["metadata"]["uid"]
    present = any(reference["uid"] == uid for reference in references)
    if present == wanted:
        return references
    if not wanted:
        return [reference for reference in references if reference["uid"] != uid]
    added = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"], "uid": uid}
    return [*references, added]


def _create(set_: Object, slot: Slot, claim: Object, pod_event: EventDraft | None) -> Call:
    name, of_set = claim["metadata"]["name"], set_["metadata"]["name"]
    created = normal(set_, "SuccessfulCreate", f"create Claim {name} Pod {slot.name} in StatefulSet {of_set} success")
    refused = [warning(set_, "FailedCreate", f"create Claim {name} for Pod {slot.name} in StatefulSet {of_set} failed error: {{error}}")]
    if pod_event is not None:
        text = pod_event.message.replace("{error}", f"failed to create PVC {name}: {{error}}")
        refused.append(EventDraft(pod_event.regarding, pod_event.type, pod_event.reason, text))
    because = MISSING_CLAIM(slot.subject, claim=name)
    return create(RESOURCE, claim, on_success=(created,), on_refusal=tuple(refused), because=because)
