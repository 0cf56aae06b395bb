"""NodeVolumeLimits, EBSLimits, GCEPDLimits, AzureDiskLimits, CinderLimits: how many volumes can be attached to a node.

A CSI driver says so in the CSINode; the disks that Kubernetes attached itself have a number by their kind, or by the node's
``attachable-volumes-…``. On a node with a CSINode these disks are a CSI driver's too, and count as such.

upstream: pkg/scheduler/framework/plugins/nodevolumelimits/{csi,non_csi,utils}.go, pkg/volume/util/attach_limit.go,
staging/src/k8s.io/csi-translation-lib/plugins, 1.28.
"""

from __future__ import annotations

import re
from functools import partial
from hashlib import sha1
from typing import Any, NamedTuple

from kubelab.scheduler.cluster import Cluster
from kubelab.scheduler.facts import Entry
from kubelab.scheduler.framework import CSI_NODE_ADD, NODE_ADD, POD_DELETE, SKIP, Skip, Status
from kubelab.scheduler.node_info import NodeInfo

Object = dict[str, Any]

CSI_LIMITS = "NodeVolumeLimits"
CINDER = "CinderLimits"
TOO_MANY = "node(s) exceed max volume count"
CSI_NODES = "csinodes.storage.k8s.io"
ATTACHABLE_CSI = "attachable-volumes-csi-"
_NITRO = re.compile(r"^[cmr]5.*|t3|z1d")
_INSTANCE_TYPES = ("beta.kubernetes.io/instance-type", "node.kubernetes.io/instance-type")
_NONE: dict[str, Any] = {}


class Disk(NamedTuple):
    """A kind of volume that Kubernetes once attached itself: the field of a volume, the part of it that names the disk, and how many may be."""

    plugin: str
    field: str
    name: str
    driver: str
    limit_key: str
    most: int


DISKS = {
    "EBSLimits": Disk("kubernetes.io/aws-ebs", "awsElasticBlockStore", "volumeID", "ebs.csi.aws.com", "attachable-volumes-aws-ebs", 39),
    "GCEPDLimits": Disk("kubernetes.io/gce-pd", "gcePersistentDisk", "pdName", "pd.csi.storage.gke.io", "attachable-volumes-gce-pd", 16),
    "AzureDiskLimits": Disk("kubernetes.io/azure-disk", "azureDisk", "diskName", "disk.csi.azure.com", "attachable-volumes-azure-disk", 16),
    CINDER: Disk("kubernetes.io/cinder", "cinder", "volumeID", "cinder.csi.openstack.org", "attachable-volumes-cinder", 256),
}
_BY_PLUGIN = {disk.plugin: disk for disk in DISKS.values()}
_NITRO_MOST = 25


class State(NamedTuple):
    pod: Entry
    cluster: Cluster


# -- CSI drivers ----------------------------------------------------------------------------------------------------------
def pre_filter_csi(pod: Entry, cluster: Cluster) -> State | Status | Skip:
    return State(pod, cluster) if pod.claims or pod.ephemeral_claims or pod.disks else SKIP


def filter_csi(state: State, node: NodeInfo) -> Status | None:
    csi_node = state.cluster.view.get(CSI_NODES, "", node.name)
    wanted = _csi_volumes(state.pod, state.cluster, csi_node)
    limits = _csi_limits(node, csi_node) if wanted else {}
    if not limits:
        return None
    attached: dict[str, str] = {}
    for other in node.pods.values():
        attached.update(_csi_volumes(other, state.cluster, csi_node))
    counts: dict[str, int] = {}
    for driver in attached.values():
        counts[driver] = counts.get(driver, 0) + 1
    fresh: dict[str, int] = {}
    for volume, driver in wanted.items():
        if volume not in attached:
            fresh[driver] = fresh.get(driver, 0) + 1
    over = [
        driver
        for driver, count in fresh.items()
        if limit_key(driver) in limits and counts.get(driver, 0) + count > limits[limit_key(driver)]
    ]
    return Status(CSI_LIMITS, (TOO_MANY,)) if over else None


def _csi_volumes(pod: Entry, cluster: Cluster, csi_node: Object | None) -> dict[str, str]:
    """The pod's volumes that a CSI driver attaches, with the driver."""
    found: dict[str, str] = {}
    for volume in pod.disks:
        for disk in DISKS.values():
            if disk.field in volume and is_migrated(csi_node, disk.plugin):
                name = volume[disk.field].get(disk.name, "")
                found[f"{disk.driver}/{_handle(name)}"] = disk.driver
    for name in (*pod.claims, *pod.ephemeral_claims):
        claim = cluster.view.get("persistentvolumeclaims", pod.namespace, name)
        driver, handle = _driver(claim, cluster, csi_node) if claim is not None else ("", "")
        if driver and handle:
            found[f"{driver}/{handle}"] = driver
    return found


def _driver(claim: Object, cluster: Cluster, csi_node: Object | None) -> tuple[str, str]:
    """The driver and its name for the claim's volume; of one that is still to be made: the provisioner, and the claim."""
    volume = _volume_of(claim, cluster)
    if volume is not None:
        source = volume["spec"].get("csi")
        if source is not None:
            return source.get("driver", ""), source.get("volumeHandle", "")
        disk = next((disk for disk in DISKS.values() if volume["spec"].get(disk.field)), None)
        if disk is None or not is_migrated(csi_node, disk.plugin):
            return "", ""
        return disk.driver, _handle(volume["spec"][disk.field].get(disk.name, ""))
    provisioner = _provisioner(claim, cluster)
    meta = claim["metadata"]
    handle = f"claim {meta.get('namespace', '')}/{meta['name']}"
    if provisioner in _BY_PLUGIN:
        return (_BY_PLUGIN[provisioner].driver, handle) if is_migrated(csi_node, provisioner) else ("", "")
    return provisioner, handle


def _volume_of(claim: Object, cluster: Cluster) -> Object | None:
    name = claim["spec"].get("volumeName")
    return cluster.view.get("persistentvolumes", "", name) if name else None


def _provisioner(claim: Object, cluster: Cluster) -> str:
    annotated = (claim["metadata"].get("annotations") or _NONE).get("volume.beta.kubernetes.io/storage-class")
    name = annotated or claim["spec"].get("storageClassName")
    storage_class = cluster.view.get("storageclasses.storage.k8s.io", "", name) if name else None
    return str(storage_class["provisioner"]) if storage_class is not None else ""


def _handle(name: str) -> str:
    """A disk as its CSI driver calls it: ``aws://zone/vol-1`` is ``vol-1``."""
    return name.rpartition("/")[2] if name.startswith("aws://") else name


def _csi_limits(node: NodeInfo, csi_node: Object | None) -> dict[str, int]:
    limits = {key: number for key, number in node.allocatable.items() if key.startswith("attachable-volumes-")}
    for driver in ((csi_node or _NONE).get("spec") or _NONE).get("drivers") or ():
        count = (driver.get("allocatable") or _NONE).get("count")
        if count is not None:
            limits[limit_key(driver["name"])] = count
    return limits


def limit_key(driver: str) -> str:
    """The resource under which a driver's limit stands; of a long name a part and a hash."""
    if len(ATTACHABLE_CSI) + len(driver) < 63:
        return ATTACHABLE_CSI + driver
    return ATTACHABLE_CSI + driver[:23] + sha1(driver.encode(), usedforsecurity=False).hexdigest()[:16]


def is_migrated(csi_node: Object | None, plugin: str) -> bool:
    """Whether the node's disks of a kind are a CSI driver's."""
    return csi_node is not None and plugin in _BY_PLUGIN


# -- disks that Kubernetes attaches itself ------------------------------------------------------------------------------------
def pre_filter_disks(disk: Disk, pod: Entry, cluster: Cluster) -> State | Status | Skip:
    own = any(disk.field in volume for volume in pod.disks)
    return State(pod, cluster) if own or pod.claims or pod.ephemeral_claims else SKIP


def filter_disks(name: str, state: State, node: NodeInfo) -> Status | None:
    disk = DISKS[name]
    wanted = _disks(disk, state.pod, state.cluster)
    if not wanted or is_migrated(state.cluster.view.get(CSI_NODES, "", node.name), disk.plugin):
        return None
    attached: dict[str, None] = {}
    for other in node.pods.values():
        attached.update(_disks(disk, other, state.cluster))
    limit = node.allocatable.get(disk.limit_key)
    most = _most(disk, node) if limit is None else limit
    return Status(name, (TOO_MANY,)) if len({**attached, **wanted}) > most else None


def _disks(disk: Disk, pod: Entry, cluster: Cluster) -> dict[str, None]:
    """The pod's disks of a kind; a claim that is still to be provisioned with one counts as one."""
    found: dict[str, None] = {volume[disk.field].get(disk.name, ""): None for volume in pod.disks if disk.field in volume}
    for name in (*pod.claims, *pod.ephemeral_claims):
        claim = cluster.view.get("persistentvolumeclaims", pod.namespace, name)
        volume = _volume_of(claim, cluster) if claim is not None else None
        if volume is not None:
            if volume["spec"].get(disk.field):
                found[volume["spec"][disk.field].get(disk.name, "")] = None
        elif claim is not None and _provisioner(claim, cluster) == disk.plugin:
            found[f"claim {pod.namespace}/{name}"] = None
    return found


def _most(disk: Disk, node: NodeInfo) -> int:
    if disk.field != "awsElasticBlockStore":
        return disk.most
    kind = next((node.labels[label] for label in _INSTANCE_TYPES if label in node.labels), "")
    return _NITRO_MOST if _NITRO.search(kind) else disk.most


FILTERS = tuple(
    (name, partial(pre_filter_disks, disk), partial(filter_disks, name)) if disk is not None else (name, pre_filter_csi, filter_csi)
    for name, disk in (
        ("EBSLimits", DISKS["EBSLimits"]),
        ("GCEPDLimits", DISKS["GCEPDLimits"]),
        (CSI_LIMITS, None),
        ("AzureDiskLimits", DISKS["AzureDiskLimits"]),
        (CINDER, DISKS[CINDER]),
    )
)
WAKES_ON = {name: (CSI_NODE_ADD if name == CSI_LIMITS else NODE_ADD, POD_DELETE) for name, *_ in FILTERS}
