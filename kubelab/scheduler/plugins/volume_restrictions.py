"""VolumeRestrictions: disks that cannot be mounted twice on a node, and claims that only one pod may use.

upstream: pkg/scheduler/framework/plugins/volumerestrictions/volume_restrictions.go, 1.28.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kubelab.scheduler.cluster import Cluster
from kubelab.scheduler.facts import Entry
from kubelab.scheduler.framework import CLAIM_ADD, CLAIM_UPDATE, NODE_ADD, POD_DELETE, SKIP, Skip, Status
from kubelab.scheduler.node_info import NodeInfo

NAME = "VolumeRestrictions"
DISK_CONFLICT = Status(NAME, ("node(s) had no available disk",))
CLAIM_IN_USE = Status(NAME, ("node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode",))
CLAIM_MISSING = 'persistentvolumeclaim "{name}" not found'
WAKES_ON = (POD_DELETE, NODE_ADD, CLAIM_ADD, CLAIM_UPDATE)

Object = dict[str, Any]


class State(NamedTuple):
    pod: Entry
    claim_in_use: bool


def pre_filter(pod: Entry, cluster: Cluster) -> State | Status | Skip:
    if not pod.claims and not pod.disks:
        return SKIP
    in_use = False
    for name in pod.claims:
        claim = cluster.view.get("persistentvolumeclaims", pod.namespace, name)
        if claim is None:
            return Status(NAME, (CLAIM_MISSING.format(name=name),), unresolvable=True)
        if "ReadWriteOncePod" in (claim["spec"].get("accessModes") or ()):
            in_use = in_use or any((pod.namespace, name) in node.claims for node in cluster.order)
    return State(pod, in_use) if in_use or pod.disks else SKIP


def filter(state: State, node: NodeInfo) -> Status | None:
    for disk in state.pod.disks:
        for other in node.pods.values():
            if any(_conflicts(disk, present) for present in other.disks):
                return DISK_CONFLICT
    return CLAIM_IN_USE if state.claim_in_use else None


def _conflicts(one: Object, other: Object) -> bool:
    if "awsElasticBlockStore" in one and "awsElasticBlockStore" in other:
        return one["awsElasticBlockStore"]["volumeID"] == other["awsElasticBlockStore"]["volumeID"]
    for kind, same in (("gcePersistentDisk", _same_disk), ("iscsi", _same_target), ("rbd", _same_image)):
        if kind in one and kind in other:
            return same(one[kind], other[kind]) and not (one[kind].get("readOnly") and other[kind].get("readOnly"))
    return False


def _same_disk(one: Object, other: Object) -> bool:
    return one["pdName"] == other["pdName"]


def _same_target(one: Object, other: Object) -> bool:
    return one["iqn"] == other["iqn"]


def _same_image(one: Object, other: Object) -> bool:
    monitors = [each for each in one["monitors"] if each in other["monitors"]]
    return bool(monitors) and (one.get("pool") or "rbd", one["image"]) == (other.get("pool") or "rbd", other["image"])
