"""VolumeZone: a bound volume that names zones or regions in its labels is reached from nodes of these alone.

upstream: pkg/scheduler/framework/plugins/volumezone/volume_zone.go, 1.28.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kubelab.scheduler.cluster import Cluster
from kubelab.scheduler.facts import Entry
from kubelab.scheduler.framework import (
    CLAIM_ADD,
    CLASS_ADD,
    NODE_ADD,
    NODE_LABEL,
    SKIP,
    VOLUME_ADD,
    VOLUME_UPDATE,
    Skip,
    Status,
)
from kubelab.scheduler.node_info import NodeInfo

NAME = "VolumeZone"
CONFLICT = Status(NAME, ("node(s) had no available volume zone",), unresolvable=True)
WAKES_ON = (CLASS_ADD, NODE_ADD, NODE_LABEL, CLAIM_ADD, VOLUME_ADD, VOLUME_UPDATE)

KEYS = {
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region": "topology.kubernetes.io/region",
}


class State(NamedTuple):
    """(label, the values that will do), of all volumes of the pod."""

    wanted: tuple[tuple[str, tuple[str, ...]], ...]


def pre_filter(pod: Entry, cluster: Cluster) -> State | Status | Skip:
    if not pod.claims:
        return SKIP
    wanted: list[tuple[str, tuple[str, ...]]] = []
    for name in pod.claims:
        volume = _volume(pod.namespace, name, cluster)
        if isinstance(volume, str):
            return Status(NAME, (volume,), unresolvable=True)
        labels = (volume or {"metadata": {}})["metadata"].get("labels") or {}
        wanted.extend((key, tuple(part.strip() for part in labels[key].split("__"))) for key in KEYS if key in labels)
    return State(tuple(wanted)) if wanted else SKIP


def _volume(namespace: str, claim_name: str, cluster: Cluster) -> dict[str, Any] | str | None:
    """The claim's volume; None while it waits for a consumer; a text if it cannot be."""
    claim = cluster.view.get("persistentvolumeclaims", namespace, claim_name)
    if claim is None:
        return f'persistentvolumeclaim "{claim_name}" not found'
    volume_name = claim["spec"].get("volumeName")
    if volume_name:
        return cluster.view.get("persistentvolumes", "", volume_name) or f'persistentvolume "{volume_name}" not found'
    class_name = claim["spec"].get("storageClassName")
    if not class_name:
        return "PersistentVolumeClaim had no pv name and storageClass name"
    storage_class = cluster.view.get("storageclasses.storage.k8s.io", "", class_name)
    if storage_class is None:
        return f'storageclass.storage.k8s.io "{class_name}" not found'
    mode = storage_class.get("volumeBindingMode")
    if mode is None:
        return f'VolumeBindingMode not set for StorageClass "{class_name}"'
    return None if mode == "WaitForFirstConsumer" else "PersistentVolume had no name"


def filter(state: State, node: NodeInfo) -> Status | None:
    labels = node.labels
    if not any(key in labels for key in KEYS):
        return None
    for key, values in state.wanted:
        found = labels.get(key, labels.get(KEYS[key]))
        if found not in values:
            return CONFLICT
    return None
