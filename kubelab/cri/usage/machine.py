"""A machine as far as usage depends on it: its capacity, and the slices of its own system, which are small constants.

spec: cri-metrics.md sections 4 (systemContainers) and 6. On a machine too small for them the slices shrink to an eighth of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from kubelab.cri.usage import course
from kubelab.cri.usage.account import Counters, Tables, counters_at, stretch_at
from kubelab.cri.usage.curves import CORE, constant
from kubelab.cri.usage.demand import Run
from kubelab.cri.usage.epoch import SYSTEM
from kubelab.kinds.quantity import parse
from kubelab.world.clock import parse_rfc3339
from kubelab.world.codec import value

MIB = 1 << 20
SYSTEM_CPU = {"kubelet": CORE // 50, "runtime": CORE // 100, "misc": CORE // 50}
SYSTEM_MEMORY = {"kubelet": 48 * MIB, "runtime": 40 * MIB, "misc": 80 * MIB}
SYSTEM_FS_BYTES = 2 << 30
SYSTEM_INODES = 60_000
SYSTEM_PROCESSES = 90
BYTES_PER_INODE = 16 << 10  # as mkfs.ext4 makes them
MAX_PID = 32_768
_NONE: dict[Any, Any] = {}


@value
class Capacity(NamedTuple):
    """``cgroup``: 1 or 2, which decides how weights are made of shares."""

    cpu_nano: int
    memory_bytes: int
    fs_bytes: int
    started_ns: int
    cgroup: int = 2

    @classmethod
    def of(cls, node: Mapping[str, Any] | None) -> Capacity:
        """Of a Node object; None: as the lab's nodes are."""
        status = (node or _NONE).get("status") or _NONE
        resources = status.get("capacity") or _NONE
        meta = (node or _NONE).get("metadata") or _NONE
        created = meta.get("creationTimestamp")
        return cls(
            parse(resources.get("cpu", "4")).nano,
            parse(resources.get("memory", "16Gi")).value(),
            parse(resources.get("ephemeral-storage", "100Gi")).value(),
            parse_rfc3339(created) if created else 0,
            1 if (meta.get("annotations") or _NONE).get("lab.kubelab.dev/cgroup-version") == "1" else 2,
        )

    @property
    def cores(self) -> int:
        """Whole processors."""
        return max(1, -(-self.cpu_nano // CORE))

    @property
    def system_fs_bytes(self) -> int:
        return min(SYSTEM_FS_BYTES, self.fs_bytes // 8)

    @property
    def inodes(self) -> int:
        return self.fs_bytes // BYTES_PER_INODE

    @property
    def system_inodes(self) -> int:
        return min(SYSTEM_INODES, self.inodes // 8)

    @property
    def system_processes(self) -> int:
        return SYSTEM_PROCESSES

    @property
    def max_pid(self) -> int:
        return MAX_PID


def system_demand(capacity: Capacity, name: str) -> int:
    """Nanocores that a slice of the system wants."""
    return SYSTEM_CPU[name] * min(capacity.cpu_nano // 8, _TOTAL_CPU) // _TOTAL_CPU


def system_memory(capacity: Capacity, name: str = "") -> int:
    """Bytes of a slice of the system; of all of it without a name."""
    if not name:
        return sum(system_memory(capacity, each) for each in SYSTEM_MEMORY)
    return SYSTEM_MEMORY[name] * min(capacity.memory_bytes // 8, _TOTAL_MEMORY) // _TOTAL_MEMORY


def system_run(capacity: Capacity) -> Run:
    """The demand of the whole system."""
    return Run(constant(sum(system_demand(capacity, name) for name in SYSTEM_CPU)), capacity.started_ns)


@value
class Boot(NamedTuple):
    """When a machine was switched on again, and what its system (−1: all it ever wanted) and its pods had used before: counters begin anew."""

    at_ns: int
    system: int
    pods: Counters


def boot_of(tables: Tables, t_ns: int) -> Boot | None:
    """The boot since which counters count at an instant; None: the first."""
    return max((boot for at_ns, boot in tables.get("boots", _NONE).items() if at_ns <= t_ns), default=None)


def system_counters(tables: Tables, capacity: Capacity, name: str, t_ns: int) -> int:
    """CPU time in ns that a slice has had: its part of what the whole system was served."""
    wanted, boot = system_demand(capacity, name), boot_of(tables, t_ns)
    served = system_served(tables, capacity, t_ns)
    if boot is not None:
        served -= boot.system if boot.system >= 0 else system_run(capacity).curve.peak * max(0, boot.at_ns - capacity.started_ns)
    return max(0, served) * wanted // system_run(capacity).curve.peak // CORE


def system_served(tables: Tables, capacity: Capacity, t_ns: int) -> int:
    """Nanocores × ns that the whole system has had, since the machine was first there."""
    stretches = tables.get("accounts", _NONE).get(SYSTEM)
    if not stretches:
        return system_run(capacity).curve.peak * max(0, t_ns - capacity.started_ns)
    stretch = stretch_at(stretches, t_ns)
    return counters_at(tables, SYSTEM, stretch, max(t_ns, stretch.from_ns)).served


def system_rate(tables: Tables, capacity: Capacity, name: str, t_ns: int) -> int:
    """Nanocores that a slice gets."""
    wanted = system_demand(capacity, name)
    stretches = tables.get("accounts", _NONE).get(SYSTEM)
    stretch = stretch_at(stretches, t_ns) if stretches else None
    if stretch is None or stretch.epoch_ns not in tables["epochs"] or stretch.from_ns > t_ns:
        return wanted
    return course.rate(tables["epochs"][stretch.epoch_ns], SYSTEM, t_ns) * wanted // system_run(capacity).curve.peak


_TOTAL_CPU = sum(SYSTEM_CPU.values())
_TOTAL_MEMORY = sum(SYSTEM_MEMORY.values())
