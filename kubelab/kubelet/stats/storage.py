"""The filesystem side of the summary: the node's and the images' filesystem, container logs, volumes, ephemeral storage.

upstream: pkg/kubelet/stats/{host_stats_provider,helper,provider}.go, pkg/kubelet/server/stats/volume_stat_calculator.go,
pkg/volume/metrics_{du,statfs}.go, 1.28. One filesystem holds images, writable layers, logs and volumes of the node. Files take whole blocks.
Volumes are read when asked for (upstream: each minute or two).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubelab.cri.api import Container
from kubelab.cri.usage.reading import NodeReading, node_at
from kubelab.kinds import quantity
from kubelab.kinds.kind import Object
from kubelab.kubelet.logs import of_container, policy_of
from kubelab.kubelet.stats.cgroups import Machine

BLOCK = 4096
MOUNTPOINT = "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs"
BYTES_PER_INODE = 16384
WRITTEN_TO_MEMORY = ("secret", "projected", "downwardAPI")
_NONE: dict[Any, Any] = {}


def blocks(size: int) -> int:
    """Bytes on disk of a file.

    >>> blocks(0), blocks(1), blocks(4097)
    (0, 4096, 8192)
    """
    return -(-size // BLOCK) * BLOCK


class Disk:
    """A node's one filesystem at an instant."""

    def __init__(self, machine: Machine, t_ns: int) -> None:
        capacity = machine.capacity
        self.t_ns = t_ns
        self.reading: NodeReading = node_at(machine.tables, capacity, t_ns)
        self.capacity = capacity.fs_bytes
        self.logs = log_sizes(machine, t_ns)
        beyond = sum(blocks(size) for sizes in self.logs.values() for size in sizes) + _on_volumes(machine)
        self.used = min(self.reading.fs_used + beyond, self.capacity)
        self.available = self.capacity - self.used
        self.inodes = capacity.inodes
        self.inodes_used = min(self.reading.fs_inodes_used, self.inodes)

    def stats(self, time_ns: int, used: int | None = None, inodes_used: int | None = None) -> Object:
        """FsStats of something on it."""
        found: Object = {"time": time_ns, "availableBytes": self.available, "capacityBytes": self.capacity}
        if used is not None:
            found["usedBytes"] = used
        found |= {"inodesFree": self.inodes - self.inodes_used, "inodes": self.inodes}
        if inodes_used is not None:
            found["inodesUsed"] = inodes_used
        return found

    def of_node(self, time_ns: int) -> Object:
        """upstream: RootFsStats; it bears the time of the root cgroup's last look."""
        return self.stats(time_ns, self.used, self.inodes_used)

    def of_images(self) -> Object:
        """upstream: criStatsProvider.ImageFsStats."""
        return self.stats(self.t_ns, self.reading.image_fs_used, self.reading.image_fs_inodes_used)


def logs(machine: Machine, disk: Disk, container: Container) -> Object:
    """All log files of a container's name in its pod: those of earlier attempts too, as long as they are there."""
    table: Mapping[str, Container] = machine.tables.get("containers", _NONE)
    members = machine.tables.get("members", _NONE).get(container.sandbox_id, ())
    same = [table[item] for item in members if item in table and table[item].spec.name == container.spec.name]
    sizes = [size for item in same if 0 < item.started_ns <= disk.t_ns for size in disk.logs.get(item.id, (0,))]
    return disk.stats(disk.t_ns, sum(map(blocks, sizes)), len(sizes))


def log_sizes(machine: Machine, t_ns: int) -> dict[str, tuple[int, ...]]:
    """Bytes of each log file, by container; of those that have written something."""
    table: Mapping[str, Container] = machine.tables.get("containers", _NONE)
    policy = policy_of(machine.node)
    written = (table[item] for item in machine.tables.get("logs", _NONE) if item in table)
    return {item.id: of_container(machine.tables, item, policy, t_ns).sizes for item in written}


def volumes(machine: Machine, disk: Disk, pod: Object | None) -> tuple[list[Object], list[Object]]:
    """VolumeStats of a pod: those that count as its local storage (emptyDir on disk, configMap), and the others.

    upstream: pkg/kubelet/server/stats/volume_stat_calculator.go, volumeutil.IsLocalEphemeralVolume: what lies in memory does not count.
    """
    ephemeral, others = [], []
    for volume in (pod or _NONE).get("spec", _NONE).get("volumes") or ():
        assert pod is not None
        claim = _claim_name(pod, volume)
        if claim:
            found = _of_claim(machine, disk, pod, volume, claim)
            if found is not None:
                others.append(found)
        elif "configMap" in volume or ("emptyDir" in volume and not _in_memory(volume)):
            ephemeral.append(_of_directory(machine, disk, pod, volume))
        elif "emptyDir" in volume or any(kind in volume for kind in WRITTEN_TO_MEMORY):
            others.append(_of_memory(machine, disk, pod, volume))
    return ephemeral, others


def _on_volumes(machine: Machine) -> int:
    """Bytes of the pods' directories on the node's filesystem (upstream: emptyDir on disk, configMap)."""
    total = 0
    for uid, pod in machine.pods.items() if machine.disks else ():
        for volume in pod["spec"].get("volumes") or ():
            if "configMap" in volume or ("emptyDir" in volume and not _in_memory(volume)):
                total += _held(machine.disks.get(f"pod/{uid}/{volume['name']}", _NONE))[0]
    return total


def _in_memory(volume: Object) -> bool:
    return (volume.get("emptyDir") or _NONE).get("medium") == "Memory"


def _claim_name(pod: Object, volume: Object) -> str:
    if "persistentVolumeClaim" in volume:
        return str(volume["persistentVolumeClaim"]["claimName"])
    return f"{pod['metadata']['name']}-{volume['name']}" if "ephemeral" in volume else ""


def _held(contents: Mapping[str, str]) -> tuple[int, int]:
    """Bytes and inodes of a directory with files, as ``du`` counts them."""
    return BLOCK + sum(blocks(len(text.encode())) for text in contents.values()), 1 + len(contents)


def _of_directory(machine: Machine, disk: Disk, pod: Object, volume: Object) -> Object:
    contents = machine.disks.get(f"pod/{pod['metadata']['uid']}/{volume['name']}", _NONE)
    used, inodes = _held(contents)
    return {**disk.stats(disk.t_ns, used, inodes), "name": volume["name"]}


def _of_memory(machine: Machine, disk: Disk, pod: Object, volume: Object) -> Object:
    """A directory in a tmpfs of its own: as large as the node's pods may be, the pod, or the volume itself.

    upstream: pkg/volume/emptydir/empty_dir.go calculateEmptyDirMemorySize. Linux gives a tmpfs an inode for every two pages of the machine.
    """
    used, inodes_used = _held(machine.disks.get(f"pod/{pod['metadata']['uid']}/{volume['name']}", _NONE))
    sizes = [quantity.value(machine.node["status"]["allocatable"].get("memory"))]
    limits = [((each.get("resources") or _NONE).get("limits") or _NONE).get("memory") for each in pod["spec"]["containers"]]
    if all(limits):
        sizes.append(sum(quantity.value(each) for each in limits))
    if own := quantity.value((volume.get("emptyDir") or _NONE).get("sizeLimit")):
        sizes.append(own)
    size, inodes = min(sizes), machine.capacity.memory_bytes // BLOCK // 2
    return {
        "time": disk.t_ns,
        "availableBytes": max(0, size - used),
        "capacityBytes": size,
        "usedBytes": used,
        "inodesFree": inodes - inodes_used,
        "inodes": inodes,
        "inodesUsed": inodes_used,
        "name": volume["name"],
    }


def _of_claim(machine: Machine, disk: Disk, pod: Object, volume: Object, claim: str) -> Object | None:
    namespace = pod["metadata"]["namespace"]
    bound = machine.claims.get((namespace, claim))
    if bound is None or not bound["spec"].get("volumeName"):
        return None
    size = quantity.value(((bound.get("status") or _NONE).get("capacity") or _NONE).get("storage"))
    used, inodes_used = _held(machine.disks.get(f"pv/{bound['spec']['volumeName']}", _NONE))
    inodes = max(inodes_used, size // BYTES_PER_INODE)
    return {
        "time": disk.t_ns,
        "availableBytes": max(0, size - used),
        "capacityBytes": size,
        "usedBytes": used,
        "inodesFree": inodes - inodes_used,
        "inodes": inodes,
        "inodesUsed": inodes_used,
        "name": volume["name"],
        "pvcRef": {"name": claim, "namespace": namespace},
    }


def ephemeral_storage(disk: Disk, containers: list[Object], local: list[Object], *, hosts_file: bool) -> Object:
    """upstream: calcEphemeralStorage (writable layers, logs, local volumes, the hosts file) under the CRI provider."""
    parts = [part for container in containers for part in (container.get("rootfs"), container.get("logs")) if part] + local
    used = sum(part.get("usedBytes", 0) for part in parts) + (BLOCK if hosts_file else 0)
    inodes = sum(part.get("inodesUsed", 0) for part in parts) + (1 if hosts_file else 0)
    return disk.stats(max([disk.t_ns, *(part["time"] for part in parts)]), used, inodes)
