"""VolumeBinding: bound volumes must be reachable from the node; claims that wait for a consumer must find or get a volume there.

upstream: pkg/scheduler/framework/plugins/volumebinding/{volume_binding,binder}.go,
staging/src/k8s.io/component-helpers/storage/volume/pv_helpers.go, 1.28.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kubelab.kinds import quantity
from kubelab.kinds.core.node_selectors import matches_any_term
from kubelab.kinds.selectors import matches_selector
from kubelab.scheduler.cluster import Cluster
from kubelab.scheduler.facts import Entry, owner_of
from kubelab.scheduler.framework import (
    CLAIM_ADD,
    CLAIM_UPDATE,
    CLASS_ADD,
    CLASS_UPDATE,
    CSI_DRIVER_ADD,
    CSI_DRIVER_UPDATE,
    CSI_NODE_ADD,
    CSI_NODE_UPDATE,
    HOSTNAME,
    NODE_ADD,
    NODE_LABEL,
    SKIP,
    VOLUME_ADD,
    VOLUME_UPDATE,
    Skip,
    Status,
)
from kubelab.scheduler.node_info import NodeInfo

Object = dict[str, Any]

NAME = "VolumeBinding"
NODE_CONFLICT = "node(s) had volume node affinity conflict"
NO_VOLUME = "node(s) didn't find available persistent volumes to bind"
NO_SPACE = "node(s) did not have enough free storage"
VOLUME_MISSING = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"
UNBOUND_IMMEDIATE = Status(NAME, ("pod has unbound immediate PersistentVolumeClaims",), unresolvable=True)
WAKES_ON = (
    *(CLASS_ADD, CLASS_UPDATE, CLAIM_ADD, CLAIM_UPDATE, VOLUME_ADD, VOLUME_UPDATE, NODE_ADD, NODE_LABEL),
    *(CSI_NODE_ADD, CSI_NODE_UPDATE, CSI_DRIVER_ADD, CSI_DRIVER_UPDATE),
)

SELECTED_NODE = "volume.kubernetes.io/selected-node"
BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
NO_PROVISIONER = "kubernetes.io/no-provisioner"


class Bindings(NamedTuple):
    """What is to be done for a pod's claims on a node: (claim, volume) pairs to bind, and claims to be provisioned."""

    static: tuple[tuple[str, str], ...] = ()
    provision: tuple[str, ...] = ()


class State(NamedTuple):
    """A pod's claims: bound ones, and those that wait for it; ``volumes``: the unbound volumes of their classes."""

    bound: tuple[Object, ...]
    waiting: tuple[Object, ...]
    volumes: dict[str, list[Object]]
    taken: frozenset[str]
    cluster: Cluster

    @property
    def only_nodes(self) -> tuple[str, ...] | None:
        """The nodes to which local volumes confine the pod."""
        names: list[str] | None = None
        for claim in self.bound:
            volume = self.cluster.view.get("persistentvolumes", "", claim["spec"]["volumeName"])
            if volume is None:
                return None
            here = _host_names(volume)
            if here:
                names = here if names is None else [name for name in names if name in here]
        return None if names is None else tuple(names)


def pre_filter(pod: Entry, cluster: Cluster) -> State | Status | Skip:
    if not pod.claims and not pod.ephemeral_claims:
        return SKIP
    claims: list[Object] = []
    for name in (*pod.claims, *pod.ephemeral_claims):
        claim = cluster.view.get("persistentvolumeclaims", pod.namespace, name)
        reason = _unusable(claim, pod, name, is_ephemeral=name in pod.ephemeral_claims)
        if claim is None or reason:
            return Status(NAME, (reason,), unresolvable=True)
        claims.append(claim)
    bound = tuple(claim for claim in claims if is_bound(claim))
    unbound = [claim for claim in claims if not is_bound(claim)]
    if any(claim["spec"].get("volumeName") or not _waits_for_consumer(claim, cluster) for claim in unbound):
        return UNBOUND_IMMEDIATE
    classes = dict.fromkeys(class_of(claim) for claim in unbound)
    volumes: dict[str, list[Object]] = {name: [] for name in classes}
    if classes:
        for volume in cluster.view.list("persistentvolumes"):
            volumes.get(class_of(volume), []).append(volume)
    taken = frozenset(name for names in cluster.promised.values() for name in names)
    return State(bound, tuple(unbound), volumes, taken, cluster)


def _unusable(claim: Object | None, pod: Entry, name: str, *, is_ephemeral: bool) -> str:
    if claim is None:
        if is_ephemeral:
            return f'waiting for ephemeral volume controller to create the persistentvolumeclaim "{name}"'
        return f'persistentvolumeclaim "{name}" not found'
    if (claim.get("status") or {}).get("phase") == "Lost":
        return f'persistentvolumeclaim "{name}" bound to non-existent persistentvolume "{claim["spec"].get("volumeName", "")}"'
    if claim["metadata"].get("deletionTimestamp"):
        return f'persistentvolumeclaim "{name}" is being deleted'
    if is_ephemeral and owner_of(claim["metadata"]).uid != pod.uid:
        return f"PVC {pod.namespace}/{name} was not created for pod {pod.namespace}/{pod.name} (pod is not owner)"
    return ""


def filter(state: State, node: NodeInfo) -> Status | None:
    found = find(state, node)
    return None if isinstance(found, Bindings) else Status(NAME, found, unresolvable=True)


def find(state: State, node: NodeInfo) -> Bindings | tuple[str, ...]:
    """What to bind and provision for the pod on a node, or why it cannot be."""
    reasons: list[str] = []
    for claim in state.bound:
        volume = state.cluster.view.get("persistentvolumes", "", claim["spec"]["volumeName"])
        if volume is None:
            reasons.append(VOLUME_MISSING)
            break
        if not reaches(volume, node.labels, node.name):
            reasons.append(NODE_CONFLICT)
            break
    static: list[tuple[str, str]] = []
    provision: list[str] = []
    to_match: list[Object] = []
    for claim in state.waiting:
        selected = (claim["metadata"].get("annotations") or {}).get(SELECTED_NODE)
        if selected is None:
            to_match.append(claim)
        elif selected == node.name:
            provision.append(claim["metadata"]["name"])
        else:
            return (*reasons, NO_VOLUME)
    taken = dict.fromkeys(sorted(state.taken))
    for claim in sorted(to_match, key=_size):
        volume = _match(claim, state.volumes[class_of(claim)], node, taken)
        if volume is None:
            provision.append(claim["metadata"]["name"])
        else:
            taken[volume["metadata"]["name"]] = None
            static.append((claim["metadata"]["name"], volume["metadata"]["name"]))
    if any(not _can_provision(claim, node, state.cluster) for claim in state.waiting if claim["metadata"]["name"] in provision):
        reasons.append(NO_VOLUME)
    order = (NODE_CONFLICT, NO_VOLUME, NO_SPACE, VOLUME_MISSING)
    return tuple(each for each in order if each in reasons) if reasons else Bindings(tuple(static), tuple(provision))


def _match(claim: Object, volumes: list[Object], node: NodeInfo, taken: dict[str, None]) -> Object | None:
    """The volume bound to the claim beforehand, or the smallest available one that will do."""
    best: Object | None = None
    for volume in volumes:
        spec, reference = volume["spec"], volume["spec"].get("claimRef")
        if volume["metadata"]["name"] in taken or (reference is not None and not is_for(volume, claim)):
            continue
        if _capacity(volume) < _size(claim) or volume["metadata"].get("deletionTimestamp"):
            continue
        if (spec.get("volumeMode") or "Filesystem") != (claim["spec"].get("volumeMode") or "Filesystem"):
            continue
        if reference is not None:
            return volume if reaches(volume, node.labels, node.name) else None
        wanted = claim["spec"].get("selector")
        if (volume.get("status") or {}).get("phase") != "Available" or not reaches(volume, node.labels, node.name):
            continue
        if wanted is not None and not matches_selector(wanted, volume["metadata"].get("labels")):
            continue
        if any(mode not in (spec.get("accessModes") or ()) for mode in claim["spec"].get("accessModes") or ()):
            continue
        if best is None or _capacity(volume) < _capacity(best):
            best = volume
    return best


def _can_provision(claim: Object, node: NodeInfo, cluster: Cluster) -> bool:
    found = cluster.view.get("storageclasses.storage.k8s.io", "", class_of(claim))
    if found is None or found.get("provisioner") in (None, "", NO_PROVISIONER):
        return False
    topologies = found.get("allowedTopologies")
    return not topologies or any(
        all(node.labels.get(each["key"]) in each["values"] for each in term.get("matchLabelExpressions") or ()) for term in topologies
    )


# -- claims and volumes --------------------------------------------------------------------------------------------------
def is_bound(claim: Object) -> bool:
    """Whether a claim is fully bound."""
    return bool(claim["spec"].get("volumeName")) and BIND_COMPLETED in (claim["metadata"].get("annotations") or {})


def is_for(volume: Object, claim: Object) -> bool:
    """Whether a volume's claimRef means the claim (upstream: IsVolumeBoundToClaim)."""
    reference, meta = volume["spec"].get("claimRef"), claim["metadata"]
    if reference is None or (reference.get("name"), reference.get("namespace")) != (meta["name"], meta["namespace"]):
        return False
    return not reference.get("uid") or reference["uid"] == meta["uid"]


def reaches(volume: Object, labels: dict[str, str], node: str) -> bool:
    """Whether a volume's node affinity admits a node."""
    required = (volume["spec"].get("nodeAffinity") or {}).get("required")
    return required is None or matches_any_term(required.get("nodeSelectorTerms") or (), labels, node)


def class_of(claim_or_volume: Object) -> str:
    legacy = (claim_or_volume["metadata"].get("annotations") or {}).get("volume.beta.kubernetes.io/storage-class")
    return legacy if legacy is not None else claim_or_volume["spec"].get("storageClassName") or ""


def _waits_for_consumer(claim: Object, cluster: Cluster) -> bool:
    found = cluster.view.get("storageclasses.storage.k8s.io", "", class_of(claim))
    return found is not None and found.get("volumeBindingMode") == "WaitForFirstConsumer"


def _host_names(volume: Object) -> list[str]:
    """The hosts that a volume's node affinity names (upstream: GetLocalPersistentVolumeNodeNames)."""
    required = (volume["spec"].get("nodeAffinity") or {}).get("required")
    found: dict[str, None] = {}
    for term in (required or {}).get("nodeSelectorTerms") or ():
        names: list[str] | None = None
        for each in term.get("matchExpressions") or ():
            if each["key"] == HOSTNAME and each.get("operator") == "In":
                values = each.get("values") or []
                names = list(values) if names is None else [name for name in names if name in values]
        found.update(dict.fromkeys(names or ()))
    return sorted(found)


def _size(claim: Object) -> int:
    requests = (claim["spec"].get("resources") or {}).get("requests") or {}
    return quantity.value(requests.get("storage"))


def _capacity(volume: Object) -> int:
    return quantity.value((volume["spec"].get("capacity") or {}).get("storage"))
