"""What the kubelet makes of cAdvisor's last look at a cgroup: the parts of the summary, times in nanoseconds.

upstream: pkg/kubelet/stats/helper.go, cadvisor_stats_provider.go (isContainerTerminated, hasMemoryAndCPUInstUsage),
vendor/github.com/google/cadvisor/info/v2/conversion.go (InstCpuStats), 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable

from kubelab.kinds.kind import Object
from kubelab.kubelet.stats.looks import Info

DEFAULT_INTERFACE = "eth0"


def cpu_and_memory(info: Info) -> tuple[Object, Object]:
    """upstream: cadvisorInfoToCPUandMemoryStats. With one look ``usageNanoCores`` is 0, not absent."""
    last = info.last
    cpu = {"time": last.time_ns, "usageNanoCores": info.nano_cores or 0, "usageCoreNanoSeconds": last.cpu_ns}
    limit = info.cgroup.memory_limit
    memory: Object = {"time": last.time_ns}
    if limit:
        memory["availableBytes"] = limit - last.working_set
    memory |= {
        "usageBytes": last.usage,
        "workingSetBytes": last.working_set,
        "rssBytes": last.rss,
        "pageFaults": last.page_faults,
        "majorPageFaults": last.major_page_faults,
    }
    return cpu, memory


def swap(info: Info) -> Object:
    """upstream: cadvisorInfoToSwapStats. There is no swap: where memory is limited, none is available."""
    found: Object = {"time": info.last.time_ns}
    return {**found, "swapAvailableBytes": 0, "swapUsageBytes": 0} if info.cgroup.memory_limit else {**found, "swapUsageBytes": 0}


def interface(rx_bytes: int, tx_bytes: int, name: str = DEFAULT_INTERFACE) -> Object:
    return {"name": name, "rxBytes": rx_bytes, "rxErrors": 0, "txBytes": tx_bytes, "txErrors": 0}


def network(info: Info) -> Object | None:
    """upstream: cadvisorInfoToNetworkStats; None for cgroups that have no network of their own."""
    if not info.cgroup.has_network:
        return None
    one = interface(info.last.rx_bytes, info.last.tx_bytes)
    return {"time": info.last.time_ns, **one, "interfaces": [one]}


def processes(info: Info) -> Object:
    """upstream: cadvisorInfoToProcessStats."""
    return {"process_count": info.last.processes}


def terminated(info: Info) -> bool:
    """Whether a cgroup looks as if its container had ended, which also a container does that was looked at but once.

    upstream: isContainerTerminated.
    """
    if info.cgroup.has_network and info.last.rx_bytes + info.last.tx_bytes > 0:
        return False
    if info.nano_cores is None:
        return True
    return info.nano_cores == 0 and info.last.rss == 0


def in_use(info: Info) -> bool:
    """upstream: hasMemoryAndCPUInstUsage."""
    return bool(info.nano_cores) and info.last.rss != 0


def living(infos: Iterable[Info]) -> dict[str, Info]:
    """By container id: those that have not ended; of several of one name in a pod the newest that is in use.

    upstream: filterTerminatedContainerInfoAndAssembleByPodCgroupKey.
    """
    by_name: dict[tuple[str, str], list[Info]] = {}
    for info in infos:
        by_name.setdefault((info.cgroup.pod_uid, info.cgroup.container), []).append(info)
    found: dict[str, Info] = {}
    for group in by_name.values():
        if len(group) == 1:
            if not terminated(group[0]):
                found[group[0].cgroup.id] = group[0]
            continue
        newest_first = sorted(group, key=lambda info: info.cgroup.created_ns, reverse=True)
        used = next((info for info in newest_first if in_use(info)), None)
        if used is not None:
            found[used.cgroup.id] = used
    return found
