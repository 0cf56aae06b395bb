"""The pods of the summary: what the CRI tells, with cAdvisor's numbers over it, or (gate PodAndContainerStatsFromCRI) the CRI's alone.

upstream: pkg/kubelet/stats/{cri_stats_provider,cri_stats_provider_linux}.go, 1.28. Without the gate a container that cAdvisor has looked at
twice bears cAdvisor's CPU and memory, until then those of the CRI; the pod's come from its cgroup, its network from the sandbox. With it
``ListPodSandboxStats`` is asked alone, and the summary of CPU and memory only has no containers (so in 1.28).
"""

from __future__ import annotations

from kubelab.cri.api import Container, Sandbox
from kubelab.cri.stats import container_stats
from kubelab.cri.usage.reading import ContainerReading, SandboxReading, container_at, sandbox_at
from kubelab.kinds.kind import Object
from kubelab.kubelet.stats import cadvisor, storage
from kubelab.kubelet.stats.cgroups import Cgroup, Machine, container_of, containers, pod_of, sandbox_of, sandboxes
from kubelab.kubelet.stats.looks import Info, info_at
from kubelab.kubelet.stats.storage import Disk
from kubelab.world.clock import SECOND


def pods(machine: Machine, t_ns: int) -> list[Object]:
    """PodStats of all pods with a running container (with the gate: of all sandboxes), times in nanoseconds. upstream: ListPodStats."""
    disk = Disk(machine, t_ns)
    make = _strictly if machine.gate else _partially
    made = (make(machine, disk, sandbox) for sandbox in sandboxes(machine, t_ns))
    return [pod for pod in made if pod is not None]


def pods_cpu_and_memory(machine: Machine, t_ns: int) -> list[Object]:
    """The same with CPU and memory alone. upstream: ListPodCPUAndMemoryStats."""
    made = (pod_cpu_and_memory(machine, sandbox, t_ns) for sandbox in sandboxes(machine, t_ns))
    return [pod for pod in made if pod is not None]


def pod_cpu_and_memory(machine: Machine, sandbox: Sandbox, t_ns: int) -> Object | None:
    """One pod's CPU and memory; None: there is nothing to say of it."""
    if machine.gate:
        reading = sandbox_at(machine.tables, sandbox.id, t_ns)
        if reading is None:
            return None
        return {
            **_head(sandbox),
            "containers": None,
            "cpu": _cri_cpu_of_pod(machine, reading, sandbox.id),
            "memory": _cri_memory_of_pod(reading),
        }
    parts = containers_cpu_and_memory(machine, sandbox, t_ns)
    if not parts:
        return None
    return {**_head(sandbox), "containers": parts, **_of_pod(machine, sandbox, t_ns)}


def containers_cpu_and_memory(machine: Machine, sandbox: Sandbox, t_ns: int) -> list[Object]:
    """The containers of one pod with their CPU and memory alone."""
    running = containers(machine, sandbox.id, t_ns)
    if machine.gate or not running:
        return []
    seen = _seen(machine, [container_of(machine, container) for container in running], t_ns)
    parts = []
    for container in running:
        cpu, memory = _of_container(machine, container, seen, t_ns)
        parts.append({**_container_head(container), "cpu": cpu, "memory": memory})
    return parts


# -- with cAdvisor --------------------------------------------------------------------------------------------------------
def _partially(machine: Machine, disk: Disk, sandbox: Sandbox) -> Object | None:
    """upstream: listPodStatsPartiallyFromCRI."""
    t_ns = disk.t_ns
    running = containers(machine, sandbox.id, t_ns)
    if not running:
        return None
    seen = _seen(machine, [*(container_of(machine, container) for container in running), sandbox_of(machine, sandbox)], t_ns)
    parts = []
    for container in running:
        cpu, memory = _of_container(machine, container, seen, t_ns)
        parts.append({**_container_head(container), "cpu": cpu, "memory": memory, **_container_disk(machine, disk, container)})
    whole: Object = {**_head(sandbox), "containers": parts, **_of_pod(machine, sandbox, t_ns)}
    pause = seen.get(sandbox.id)
    traffic = cadvisor.network(pause) if pause is not None else None
    if traffic is not None:
        whole["network"] = traffic
    whole |= _pod_disk(machine, disk, sandbox, parts)
    info = info_at(machine, pod_of(machine, sandbox), t_ns)
    if info is not None:
        whole |= {"process_stats": cadvisor.processes(info), "swap": cadvisor.swap(info)}
    return whole


def _seen(machine: Machine, groups: list[Cgroup], t_ns: int) -> dict[str, Info]:
    """What cAdvisor has of containers and sandboxes, as far as it takes them for alive, by id."""
    return cadvisor.living(info for group in groups if (info := info_at(machine, group, t_ns)) is not None)


def _of_container(machine: Machine, container: Container, seen: dict[str, Info], t_ns: int) -> tuple[Object, Object]:
    info = seen.get(container.id)
    if info is not None:
        return cadvisor.cpu_and_memory(info)
    reading = container_at(machine.tables, container.id, t_ns)
    assert reading is not None
    return _cri_cpu(machine, reading, container.id), _cri_memory(reading)


def _of_pod(machine: Machine, sandbox: Sandbox, t_ns: int) -> Object:
    """A pod's CPU and memory from its cgroup."""
    info = info_at(machine, pod_of(machine, sandbox), t_ns)
    if info is None:
        return {}
    cpu, memory = cadvisor.cpu_and_memory(info)
    return {"cpu": cpu, "memory": memory}


# -- from the CRI alone ---------------------------------------------------------------------------------------------------
def _strictly(machine: Machine, disk: Disk, sandbox: Sandbox) -> Object | None:
    """upstream: listPodStatsStrictlyFromCRI."""
    t_ns = disk.t_ns
    reading = sandbox_at(machine.tables, sandbox.id, t_ns)
    if reading is None:
        return None
    parts = []
    for container in containers(machine, sandbox.id, t_ns):
        one = reading.containers[container.id]
        usage = {"cpu": _cri_cpu(machine, one, container.id), "memory": _cri_memory(one)}
        parts.append({**_container_head(container), **usage, **_container_disk(machine, disk, container)})
    one_interface = cadvisor.interface(reading.rx_bytes, reading.tx_bytes)
    return {
        **_head(sandbox),
        "containers": parts or None,
        "cpu": _cri_cpu_of_pod(machine, reading, sandbox.id),
        "memory": _cri_memory_of_pod(reading),
        "network": {"time": t_ns, **one_interface},
        **_pod_disk(machine, disk, sandbox, parts),
        "process_stats": {"process_count": reading.processes},
    }


def _cri_cpu(machine: Machine, reading: ContainerReading, container_id: str) -> Object:
    """ContainerStats.cpu at an instant."""
    return _cpu(reading, [container_at(machine.tables, container_id, at_ns) for at_ns in _sampled(reading.started_ns, reading.time_ns)])


def _cri_cpu_of_pod(machine: Machine, reading: SandboxReading, sandbox_id: str) -> Object:
    """PodSandboxStats.linux.cpu at an instant."""
    return _cpu(reading, [sandbox_at(machine.tables, sandbox_id, at_ns) for at_ns in _sampled(reading.started_ns, reading.time_ns)])


def _sampled(started_ns: int, t_ns: int) -> list[int]:
    """The runtime's own sampler reads each second; its last two instants, none before there are two."""
    last_ns = started_ns + (t_ns - started_ns) // SECOND * SECOND
    return [last_ns - SECOND, last_ns] if last_ns > started_ns else []


def _cpu(now: ContainerReading | SandboxReading, samples: list[ContainerReading | None] | list[SandboxReading | None]) -> Object:
    """``usageNanoCores`` is the mean between the samples, absent without two."""
    known = [sample.cpu_ns for sample in samples if sample is not None]
    rate = {"usageNanoCores": known[1] - known[0]} if len(known) == 2 else {}
    return {"time": now.time_ns, **rate, "usageCoreNanoSeconds": now.cpu_ns}


def _cri_memory(reading: ContainerReading) -> Object:
    """Of the CRI's memory the provider takes the working set alone (upstream: makeContainerStats)."""
    return {"time": reading.time_ns, "workingSetBytes": reading.working_set}


def _cri_memory_of_pod(reading: SandboxReading) -> Object:
    """upstream: addCRIPodMemoryStats; a runtime says 0 available where there is no limit."""
    return {
        "time": reading.time_ns,
        "availableBytes": max(0, reading.limit - reading.working_set) if reading.limit else 0,
        "usageBytes": reading.usage,
        "workingSetBytes": reading.working_set,
        "rssBytes": reading.rss,
        "pageFaults": reading.page_faults,
        "majorPageFaults": reading.major_page_faults,
    }


# -- both -----------------------------------------------------------------------------------------------------------------
def _head(sandbox: Sandbox) -> Object:
    """The start of a pod in the summary is the creation of its sandbox."""
    config = sandbox.config
    return {"podRef": {"name": config.name, "namespace": config.namespace, "uid": config.uid}, "startTime": sandbox.created_ns}


def _container_head(container: Container) -> Object:
    """The start of a container in the summary is its creation."""
    return {"name": container.spec.name, "startTime": container.created_ns}


def _container_disk(machine: Machine, disk: Disk, container: Container) -> Object:
    told = container_stats(machine.tables, container.id, disk.t_ns)
    layer, swap = told["writableLayer"], told["swap"]
    return {
        "rootfs": disk.stats(layer["timestamp"], layer["usedBytes"]["value"], layer["inodesUsed"]["value"]),
        "logs": storage.logs(machine, disk, container),
        "swap": {"time": swap["timestamp"], **{name: swap[name]["value"] for name in ("swapAvailableBytes", "swapUsageBytes")}},
    }


def _pod_disk(machine: Machine, disk: Disk, sandbox: Sandbox, parts: list[Object]) -> Object:
    """upstream: makePodStorageStats."""
    pod = machine.pods.get(sandbox.config.uid)
    ephemeral, persistent = storage.volumes(machine, disk, pod)
    on_host = bool(pod is not None and pod["spec"].get("hostNetwork"))
    whole = {"ephemeral-storage": storage.ephemeral_storage(disk, parts, ephemeral, hosts_file=not on_host)}
    return {"volume": ephemeral + persistent, **whole} if ephemeral or persistent else whole
