"""``/stats/summary``: the node, its system containers and its pods.

upstream: pkg/kubelet/server/stats/{summary,summary_sys_containers}.go, staging/src/k8s.io/kubelet/pkg/apis/stats/v1alpha1/types.go (shapes), 1.28.
An HTTP reader gets what cAdvisor last saw: nothing is read anew for it.
"""

from __future__ import annotations

from kubelab.kinds.kind import Object
from kubelab.kubelet.stats import cadvisor, cri
from kubelab.kubelet.stats.cgroups import SYSTEM_CONTAINERS, Machine, root_of, system_of
from kubelab.kubelet.stats.looks import info_at
from kubelab.kubelet.stats.storage import Disk
from kubelab.world.clock import rfc3339

TIMES = ("time", "startTime")


class Unavailable(Exception):
    """The summary cannot be had, in the kubelet's words."""


def full(machine: Machine, t_ns: int) -> Object:
    """The whole summary, times in nanoseconds. Raises Unavailable before cAdvisor's first look."""
    root = info_at(machine, root_of(machine), t_ns)
    if root is None:
        raise Unavailable('failed to get root cgroup stats: failed to get cgroup stats for "/": unable to find data in memory cache')
    disk = Disk(machine, t_ns)
    cpu, memory = cadvisor.cpu_and_memory(root)
    node = {
        "nodeName": machine.name,
        "systemContainers": [_system(machine, name, t_ns, whole=True) for name in SYSTEM_CONTAINERS],
        "startTime": machine.booted_ns(t_ns),
        "cpu": cpu,
        "memory": memory,
        "network": cadvisor.network(root),
        "fs": disk.of_node(root.last.time_ns),
        "runtime": {"imageFs": disk.of_images()},
        "rlimit": {"time": t_ns, "maxpid": machine.capacity.max_pid, "curproc": disk.reading.processes},
        "swap": cadvisor.swap(root),
    }
    return {"node": node, "pods": cri.pods(machine, t_ns)}


def cpu_and_memory(machine: Machine, t_ns: int) -> Object:
    """The summary with ``?only_cpu_and_memory=true``, times in nanoseconds. Raises Unavailable."""
    root = info_at(machine, root_of(machine), t_ns)
    if root is None:
        raise Unavailable('failed to get root cgroup stats: failed to get cgroup stats for "/": unable to find data in memory cache')
    cpu, memory = cadvisor.cpu_and_memory(root)
    node = {
        "nodeName": machine.name,
        "systemContainers": [_system(machine, name, t_ns, whole=False) for name in SYSTEM_CONTAINERS],
        "startTime": machine.booted_ns(t_ns),
        "cpu": cpu,
        "memory": memory,
    }
    return {"node": node, "pods": cri.pods_cpu_and_memory(machine, t_ns)}


def _system(machine: Machine, name: str, t_ns: int, *, whole: bool) -> Object:
    cgroup = system_of(machine, name)
    found: Object = {"name": name, "startTime": machine.booted_ns(t_ns)}
    info = info_at(machine, cgroup, t_ns)
    if info is None:
        return found
    cpu, memory = cadvisor.cpu_and_memory(info)
    found |= {"cpu": cpu, "memory": memory}
    return {**found, "swap": cadvisor.swap(info)} if whole else found


def published(stats: Object) -> Object:
    """A summary as JSON: its times in RFC 3339, whole seconds."""
    return {name: _published(name, part) for name, part in stats.items()}


def _published(name: str, part: object) -> object:
    if isinstance(part, dict):
        return published(part)
    if isinstance(part, list):
        return [_published("", item) for item in part]
    return rfc3339(part) if name in TIMES and isinstance(part, int) else part
