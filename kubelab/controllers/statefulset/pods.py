"""The pods of a StatefulSet: how a new one looks, and the calls that make, mend and remove one.

upstream: newVersionedStatefulSetPod, initIdentity and updateIdentity in pkg/controller/statefulset/stateful_set_utils.go,
stateful_pod_control.go, 1.28.
"""

from __future__ import annotations

from kubelab.controllers.common.events import normal, warning
from kubelab.controllers.common.history import template_of
from kubelab.controllers.common.pod_template import pod_from_template, with_creator
from kubelab.controllers.statefulset.claims import with_claims
from kubelab.controllers.statefulset.observe import Seen
from kubelab.controllers.statefulset.slots import POD_INDEX_LABEL, POD_NAME_LABEL, REVISION_LABEL, Slot, start_ordinal
from kubelab.engine.plan import Because, Call, EventDraft, create, delete, update
from kubelab.store.log import Object


def revision_of_new_pod(seen: Seen, ordinal: int) -> Object:
    """Which of the two revisions a pod made now gets."""
    strategy = seen.set["spec"].get("updateStrategy") or {}
    rolling = strategy.get("rollingUpdate")
    start = start_ordinal(seen.set)
    if rolling is not None:
        kept = ordinal < start + (rolling.get("partition") or 0)
    else:
        current = (seen.set.get("status") or {}).get("currentReplicas") or 0
        kept = strategy.get("type") == "RollingUpdate" and ordinal < start + current
    return seen.current if kept else seen.update


def new_pod(seen: Seen, slot: Slot) -> Object:
    set_, revision = seen.set, revision_of_new_pod(seen, slot.ordinal)
    pod = pod_from_template(template_of(revision), set_)
    if seen.gates.first_beta:
        pod = with_creator(pod, set_)
    meta = pod["metadata"]
    labels = {**meta["labels"], **identity_labels(seen, slot), REVISION_LABEL: revision["metadata"]["name"]}
    spec = {**pod["spec"], "hostname": slot.name}
    if set_["spec"].get("serviceName"):
        spec["subdomain"] = set_["spec"]["serviceName"]
    if set_["spec"].get("volumeClaimTemplates"):
        spec["volumes"] = with_claims(set_, slot.ordinal, spec.get("volumes") or ())
    return {**pod, "metadata": {**meta, "name": slot.name, "namespace": set_["metadata"]["namespace"], "labels": labels}, "spec": spec}


def identity_labels(seen: Seen, slot: Slot) -> dict[str, str]:
    if seen.gates.first_beta:
        return {}
    if seen.gates.pod_index:
        return {POD_NAME_LABEL: slot.name, POD_INDEX_LABEL: str(slot.ordinal)}
    return {POD_NAME_LABEL: slot.name}


def create_call(seen: Seen, slot: Slot, because: Because) -> Call:
    """Where a pod of the name may still be there, a refusal is expected and makes no event."""
    refused = () if slot.pod is not None or slot.name in seen.taken else (pod_event(seen.set, slot, "create", failed=True),)
    return create("pods", new_pod(seen, slot), on_success=(pod_event(seen.set, slot, "create"),), on_refusal=refused, because=because)


def delete_call(seen: Seen, slot: Slot, because: Because) -> Call:
    done, refused = _events(seen.set, slot, "delete")
    return delete("pods", _pod(slot), because=because, on_success=done, on_refusal=refused)


def mend_call(seen: Seen, slot: Slot, because: Because) -> Call:
    """UPDATE of a pod whose identity or volumes are not as they should be."""
    pod = _pod(slot)
    meta, spec = pod["metadata"], pod["spec"]
    if seen.set["spec"].get("volumeClaimTemplates"):
        spec = {**spec, "volumes": with_claims(seen.set, slot.ordinal, spec.get("volumes") or ())}
    labels = {**(meta.get("labels") or {}), **identity_labels(seen, slot)}
    body = {**pod, "metadata": {**meta, "labels": labels}, "spec": spec}
    done, refused = _events(seen.set, slot, "update")
    return update("pods", body, because=because, on_success=done, on_refusal=refused)


def pod_event(set_: Object, slot: Slot, verb: str, *, failed: bool = False) -> EventDraft:
    of_set = set_["metadata"]["name"]
    if failed:
        return warning(set_, f"Failed{verb.title()}", f"{verb} Pod {slot.name} in StatefulSet {of_set} failed error: {{error}}")
    return normal(set_, f"Successful{verb.title()}", f"{verb} Pod {slot.name} in StatefulSet {of_set} successful")


def _events(set_: Object, slot: Slot, verb: str) -> tuple[tuple[EventDraft, ...], tuple[EventDraft, ...]]:
    return (pod_event(set_, slot, verb),), (pod_event(set_, slot, verb, failed=True),)


def _pod(slot: Slot) -> Object:
    if slot.pod is None:
        raise ValueError(f"{slot.subject} does not exist")
    return slot.pod
