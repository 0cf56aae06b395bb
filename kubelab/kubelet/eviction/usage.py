"""What the eviction manager measures: the signals of the node, and what each pod uses of what is starved.

upstream: makeSignalObservations and the usage functions of pkg/kubelet/eviction/helpers.go, 1.28; spec/cri-metrics.md section 4. Images, logs and
writable layers share the node's one filesystem, so ``imagefs`` and ``nodefs`` observe the same. Readings are those of the instant: upstream
refreshes the node's for eviction, and takes the pods' from cAdvisor's last look.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from kubelab.cri.usage.reading import Capacity, NodeReading, SandboxReading, node_at
from kubelab.engine.component import Tables
from kubelab.kubelet.eviction.thresholds import (
    ALLOCATABLE,
    IMAGEFS,
    IMAGEFS_INODES,
    MEMORY,
    NODEFS,
    NODEFS_INODES,
    PID,
    Observation,
)
from kubelab.kubelet.logs import DEFAULT, Policy, of_container
from kubelab.kubelet.stats.storage import blocks

Object = dict[str, Any]
_NONE: dict[str, Any] = {}


class ContainerUse(NamedTuple):
    """One container: bytes of memory, of its writable layer, of its logs; inodes of both."""

    name: str
    memory: int
    rootfs: int
    logs: int = 0
    rootfs_inodes: int = 0
    logs_inodes: int = 0


class VolumeUse(NamedTuple):
    """An emptyDir, on the node's disk or in its memory."""

    name: str
    used: int
    inodes: int = 0
    on_disk: bool = True


class PodUse(NamedTuple):
    """One pod: its cgroup's memory and processes, its containers, its local volumes (those that lie on the node's own disk)."""

    memory: int
    processes: int = 0
    containers: tuple[ContainerUse, ...] = ()
    volumes: tuple[VolumeUse, ...] = ()

    @property
    def disk(self) -> int:
        """All bytes on the node's filesystem."""
        return sum(each.rootfs + each.logs for each in self.containers) + sum(each.used for each in self.volumes if each.on_disk)

    @property
    def inodes(self) -> int:
        inodes = sum(each.rootfs_inodes + each.logs_inodes for each in self.containers)
        return inodes + sum(each.inodes for each in self.volumes if each.on_disk)


class Measured(NamedTuple):
    """Signals by name, pods by uid."""

    signals: dict[str, Observation]
    pods: dict[str, PodUse]


def measure(
    tables: Tables,
    capacity: Capacity,
    pods: Iterable[Object],
    disks: Mapping[str, Mapping[str, str]],
    now_ns: int,
    policy: Policy = DEFAULT,
    pods_memory: int = 0,
) -> Measured:
    """Everything at once. ``disks``: the contents of volumes by name; ``policy``: that of logs; ``pods_memory``: the limit of all pods'
    memory (0: all there is).
    """
    reading = node_at(tables, capacity, now_ns)
    by_uid = {tables["sandboxes"][sandbox_id].config.uid: each for sandbox_id, each in reading.sandboxes.items()}
    volumes = {pod["metadata"]["uid"]: _volumes(pod, disks) for pod in pods}
    on_volumes = sum(each.used for found in volumes.values() for each in found if each.on_disk)
    used = {uid: _pod(tables, each, volumes.get(uid, ()), policy, now_ns) for uid, each in by_uid.items()}
    logs = sum(container.logs for each in used.values() for container in each.containers)
    return Measured(signals_of(reading, capacity, on_volumes + logs, pods_memory), used)


def signals_of(reading: NodeReading, capacity: Capacity, more_bytes: int = 0, pods_memory: int = 0) -> dict[str, Observation]:
    """``more_bytes``: what lies on the filesystem beyond images and writable layers."""
    now_ns, pods = reading.time_ns, reading.slices["pods"]
    limit = pods_memory or capacity.memory_bytes
    allocatable = max(0, limit - pods.working_set)
    disk = Observation(max(0, capacity.fs_bytes - reading.fs_used - more_bytes), capacity.fs_bytes, now_ns)
    inodes = Observation(max(0, capacity.inodes - reading.fs_inodes_used), capacity.inodes, now_ns)
    return {
        MEMORY: Observation(reading.available, reading.available + reading.working_set, now_ns),
        ALLOCATABLE: Observation(allocatable, allocatable + pods.working_set, now_ns),
        NODEFS: disk,
        NODEFS_INODES: inodes,
        IMAGEFS: disk,
        IMAGEFS_INODES: inodes,
        PID: Observation(capacity.max_pid - reading.processes, capacity.max_pid, now_ns),
    }


def _pod(tables: Tables, reading: SandboxReading, volumes: tuple[VolumeUse, ...], policy: Policy, now_ns: int) -> PodUse:
    containers, logs = [], tables.get("logs", _NONE)
    for container_id, each in reading.containers.items():
        name = tables["containers"][container_id].spec.name
        sizes = of_container(tables, tables["containers"][container_id], policy, now_ns).sizes if container_id in logs else ()
        containers.append(ContainerUse(name, each.working_set, each.fs_bytes, sum(map(blocks, sizes)), each.fs_inodes, len(sizes)))
    return PodUse(reading.working_set, reading.processes, tuple(containers), volumes)


def _volumes(pod: Object, disks: Mapping[str, Mapping[str, str]]) -> tuple[VolumeUse, ...]:
    """The pod's emptyDir volumes."""
    out = []
    for volume in pod["spec"].get("volumes") or ():
        source = volume.get("emptyDir")
        if source is None:
            continue
        files = disks.get(f"pod/{pod['metadata']['uid']}/{volume['name']}", _NONE)
        out.append(
            VolumeUse(volume["name"], sum(len(text.encode()) for text in files.values()), len(files) + 1, source.get("medium") != "Memory")
        )
    return tuple(out)
