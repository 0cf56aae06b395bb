"""Whether anything on a node can become scarce: if not, its eviction manager has nothing to do.

The most that containers can ask for follows from their curves; those at rest take a small constant each.
"""

from __future__ import annotations

from typing import Any

from kubelab.cri import disks
from kubelab.cri.usage.demand import IDLE_DISK, IDLE_MEMORY
from kubelab.cri.usage.images import BYTES_PER_FILE, unpacked_bytes
from kubelab.cri.usage.machine import system_memory
from kubelab.cri.usage.reading import CACHE_BYTES, Capacity
from kubelab.engine.component import Scope
from kubelab.engine.plan import Key
from kubelab.kubelet.eviction.collecting import HIGH_PERCENT
from kubelab.kubelet.eviction.config import config_of, pods_memory
from kubelab.kubelet.eviction.thresholds import ALLOCATABLE, IMAGEFS, IMAGEFS_INODES, MEMORY, NODEFS, NODEFS_INODES, PID, Thresholds
from kubelab.kubelet.logs import policy_of

Object = dict[str, Any]
EVICT: Key = ("evict",)  # the key of the eviction manager's sync
RESTING_MEMORY = IDLE_MEMORY + CACHE_BYTES  # more than a container and its share of its pod's sandbox hold
RESTING_INODES = 16
_NONE: dict[str, Any] = {}


def room(scope: Scope, node: Object) -> int:
    """How many containers at rest a node has room for, with the images that it holds, before anything is starved; -1: not even for none."""
    capacity = Capacity.of(node)
    images = sum(unpacked_bytes(record.size_bytes) for record in scope.local.get("images", _NONE).values())
    config = config_of(node)
    if config.error or policy_of(node).error:
        return -1
    memory = capacity.memory_bytes - system_memory(capacity) - _largest(config.thresholds, capacity.memory_bytes, MEMORY, ALLOCATABLE)
    limit = pods_memory(node, config)
    if limit < capacity.memory_bytes:
        memory = min(memory, limit - _largest(config.thresholds, limit, ALLOCATABLE))
    free = max(capacity.fs_bytes * (101 - HIGH_PERCENT) // 100, _largest(config.thresholds, capacity.fs_bytes, NODEFS, IMAGEFS))
    disk = capacity.fs_bytes - free - capacity.system_fs_bytes - images
    free = _largest(config.thresholds, capacity.inodes, NODEFS_INODES, IMAGEFS_INODES)
    inodes = capacity.inodes - capacity.system_inodes - images // BYTES_PER_FILE - free
    processes = capacity.max_pid - capacity.system_processes - _largest(config.thresholds, capacity.max_pid, PID)
    return max(-1, min(memory // RESTING_MEMORY, disk // IDLE_DISK, inodes // RESTING_INODES, processes // 2))


def _largest(thresholds: Thresholds, capacity: int, *signals: str) -> int:
    """The most that must be free of a resource for none of its thresholds to be met."""
    amounts = [
        each.amount.of(capacity) + (each.reclaim.of(capacity) if each.reclaim else 0) for each in thresholds if each.signal in signals
    ]
    return max(amounts, default=0)


def watchful(scope: Scope, node: Object, stamp: Any) -> bool:
    """Whether a sync of the eviction manager could find something. ``stamp`` changes with the node and its images.

    ``bounded`` of the machine's tables: the pods with volumes or logs that may exceed a limit.
    """
    tables = scope.local
    memory = scope.memory.get("eviction")
    if (memory and ("state" in memory or "waiting" in memory)) or tables.get("bounded") or tables.get(disks.TABLE):
        return True
    accounts = tables.get("accounts")
    memory = scope.table("node")
    known = memory.get("room")
    if known is None or known[0] != stamp:
        known = memory["room"] = (stamp, room(scope, node))
    if not accounts:
        return len(tables.get("containers", _NONE)) > known[1]
    return _peaks_come_near(scope, known[1])


def _peaks_come_near(scope: Scope, room_for: int) -> bool:
    """Whether the highest points of all curves together would starve the node, or any container has a limit on its disk."""
    memory = disk = 0
    containers = scope.local.get("containers", _NONE)
    for container_id, stretches in scope.local["accounts"].items():
        container = containers.get(container_id)
        if container is None or not stretches:
            continue
        demand = stretches[-1].demand
        peak = demand.memory.curve.peak
        limit = container.spec.memory_limit_bytes
        memory += min(peak, limit) if limit else peak
        disk += demand.disk.curve.peak
    if disk > len(scope.local["accounts"]) * IDLE_DISK:
        return True
    return memory // RESTING_MEMORY + len(containers) > room_for


def under_pressure(scope: Scope) -> tuple[str, ...]:
    """The pressure conditions that hold."""
    memory = scope.memory.get("eviction")
    if not memory or "state" not in memory:
        return ()
    conditions: tuple[str, ...] = memory["state"].conditions
    return conditions
