"""The cgroups of a node at an instant, as cAdvisor finds them: the root, the kubelet's slices, pods, sandboxes and containers.

upstream: pkg/kubelet/cm/{cgroup_manager_linux,pod_container_manager_linux}.go (names under the systemd driver, as kubeadm sets it up),
containerd internal/cri/server (``cri-containerd-ID.scope``), 1.28.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from kubelab.cri.api import Container, LinuxResources, Sandbox
from kubelab.cri.reference import InvalidReference, parse
from kubelab.cri.usage.machine import boot_of
from kubelab.cri.usage.reading import Capacity, runs_at
from kubelab.kinds.core.pod import qos_class
from kubelab.kinds.kind import Object
from kubelab.kubelet.eviction.config import config_of, pods_memory
from kubelab.kubelet.records import Worker
from kubelab.world.timing import Timing

Tables = dict[str, dict[Any, Any]]

ROOT, KUBEPODS = "/", "/kubepods.slice"
SLICES = {"kubelet": "/system.slice/kubelet.service", "runtime": "/system.slice/containerd.service", "misc": "/system.slice"}
SYSTEM_CONTAINERS = ("kubelet", "runtime", "misc", "pods")
PAUSE = "registry.k8s.io/pause:3.9"
_NONE: dict[Any, Any] = {}


class Cgroup(NamedTuple):
    """One cgroup. ``kind``: root, kubelet, runtime, misc, pods, pod, sandbox or container; ``id``: that of the container or sandbox it is
    read by; ``since_ns``: when it came to be; ``created_ns``: when what runs in it was created; ``limits``: memory_limit 0 means none.
    """

    name: str
    kind: str
    id: str
    since_ns: int
    created_ns: int
    limits: LinuxResources
    container: str = ""
    pod: str = ""
    namespace: str = ""
    pod_uid: str = ""
    image: str = ""

    @property
    def memory_limit(self) -> int:
        return self.limits.memory_limit

    @property
    def has_network(self) -> bool:
        return self.kind in ("root", "sandbox")


class Machine(NamedTuple):
    """A node with what its kubelet reads: its object, its machine's tables, its pods by uid, the contents of volumes, the seed of chance.

    ``claims``: PersistentVolumeClaims by (namespace, name); ``gate``: PodAndContainerStatsFromCRI; ``workers``: the kubelet's own memory of
    its pods, by uid; ``memory``: all of it, by table.
    """

    node: Object
    tables: Tables
    pods: Mapping[str, Object]
    claims: Mapping[tuple[str, str], Object]
    disks: Mapping[str, Mapping[str, str]]
    seed: int
    gate: bool = False
    workers: Mapping[str, Worker] = {}
    memory: Mapping[str, Mapping[Any, Any]] = {}
    timing: Timing = Timing()

    @property
    def name(self) -> str:
        return str(self.node["metadata"]["name"])

    @property
    def capacity(self) -> Capacity:
        return Capacity.of(self.node)

    def booted_ns(self, t_ns: int) -> int:
        """When the machine was switched on last, as of an instant: its counters count from there."""
        boot = boot_of(self.tables, t_ns)
        return boot.at_ns if boot is not None else self.capacity.started_ns


def sandboxes(machine: Machine, t_ns: int) -> list[Sandbox]:
    """The sandboxes that run at an instant, oldest first."""
    table: dict[str, Sandbox] = machine.tables.get("sandboxes", _NONE)
    return [item for item in table.values() if 0 < item.created_ns <= t_ns and (not item.stopped_ns or t_ns < item.stopped_ns)]


def containers(machine: Machine, sandbox_id: str, t_ns: int) -> list[Container]:
    """The containers of a sandbox that run at an instant, in the order of their creation."""
    table: dict[str, Container] = machine.tables.get("containers", _NONE)
    members = (table[item] for item in machine.tables.get("members", _NONE).get(sandbox_id, ()) if item in table)
    return [item for item in members if runs_at(item, t_ns)]


def pod_path(machine: Machine, uid: str) -> str:
    """The name of a pod's cgroup.

    >>> pod_path(Machine({}, {}, {}, {}, {}, 0), "0-1")
    '/kubepods.slice/kubepods-pod0_1.slice'
    """
    pod = machine.pods.get(uid)
    qos = (pod.get("status") or _NONE).get("qosClass") or qos_class(pod["spec"]) if pod is not None else "Guaranteed"
    parent = "kubepods" if qos == "Guaranteed" else f"kubepods-{qos.lower()}"
    above = KUBEPODS if qos == "Guaranteed" else f"{KUBEPODS}/{parent}.slice"
    return f"{above}/{parent}-pod{uid.replace('-', '_')}.slice"


def root_of(machine: Machine) -> Cgroup:
    """The root: its memory limit is all there is."""
    capacity = machine.capacity
    limits = LinuxResources(cpu_shares=1024, memory_limit=capacity.memory_bytes)
    return Cgroup(ROOT, "root", "", capacity.started_ns, capacity.started_ns, limits)


def system_of(machine: Machine, name: str) -> Cgroup:
    """One of the system containers of the summary; that of the pods is limited to what is allocatable."""
    started_ns = machine.capacity.started_ns
    limits = LinuxResources(cpu_shares=1024)
    if name == "pods":
        limits = LinuxResources(
            cpu_shares=machine.capacity.cores * 1024,
            memory_limit=pods_memory(machine.node, config_of(machine.node)),
        )
    return Cgroup(SLICES.get(name, KUBEPODS), name, "", started_ns, started_ns, limits)


def pod_of(machine: Machine, sandbox: Sandbox) -> Cgroup:
    config = sandbox.config
    path = pod_path(machine, config.uid)
    return Cgroup(path, "pod", sandbox.id, sandbox.created_ns, sandbox.created_ns, config.linux, pod_uid=config.uid)


def sandbox_of(machine: Machine, sandbox: Sandbox) -> Cgroup:
    """The sandbox's own process; the pod's network is counted here."""
    config, created_ns = sandbox.config, sandbox.created_ns
    path = f"{pod_path(machine, config.uid)}/cri-containerd-{sandbox.id}.scope"
    limits = LinuxResources()
    return Cgroup(path, "sandbox", sandbox.id, created_ns, created_ns, limits, "", config.name, config.namespace, config.uid, PAUSE)


def container_of(machine: Machine, container: Container) -> Cgroup:
    spec = container.spec
    path = f"{pod_path(machine, spec.pod_uid)}/cri-containerd-{container.id}.scope"
    limits = replace(spec.linux, memory_limit=spec.memory_limit_bytes)
    place = (spec.name, spec.pod_name, spec.namespace, spec.pod_uid, _image(spec.image))
    return Cgroup(path, "container", container.id, container.started_ns, container.created_ns, limits, *place)


def _image(text: str) -> str:
    """The image as the runtime names it: with registry and tag."""
    try:
        return str(parse(text))
    except InvalidReference:
        return text
