"""What the kubelet asks of cgroups: weight, quota, memory limit and OOM bias of a container, and those of its whole pod.

upstream: pkg/kubelet/kuberuntime/kuberuntime_container_linux.go generateLinuxContainerResources, kuberuntime_sandbox_linux.go
calculateSandboxResources, pkg/kubelet/cm/helpers_linux.go ResourceConfigForPod, pkg/kubelet/types/pod_update.go IsNodeCriticalPod, 1.28;
spec: cri-metrics.md section 1.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from kubelab.cri.api import LinuxResources
from kubelab.cri.usage import shares
from kubelab.kinds import quantity
from kubelab.kinds.core.resources import pod_request

Object = dict[str, Any]
NODE_CRITICAL = "system-node-critical"
BEST_EFFORT = LinuxResources(oom_score_adj=shares.BEST_EFFORT_OOM_SCORE_ADJ)
_NONE: dict[str, Any] = {}


def of_container(pod: Object, container: Object, node: Object | None) -> LinuxResources:
    """A container's resources in the runtime's units."""
    resources = container.get("resources") or _NONE
    qos = (pod.get("status") or _NONE).get("qosClass", "BestEffort")
    is_critical = pod["spec"].get("priorityClassName") == NODE_CRITICAL
    if not resources and qos == "BestEffort" and not is_critical:
        return BEST_EFFORT
    requests, limits = resources.get("requests") or _NONE, resources.get("limits") or _NONE
    capacity = ((node or _NONE).get("status") or _NONE).get("capacity") or _NONE
    return _linux(
        requests.get("cpu", ""), limits.get("cpu", ""), requests.get("memory", ""), limits.get("memory", ""), qos,
        capacity.get("memory", "0"), is_critical,
    )  # fmt: skip


@lru_cache(maxsize=4096)
def _linux(cpu: str, cpu_limit: str, memory: str, memory_limit: str, qos: str, capacity: str, is_critical: bool) -> LinuxResources:
    wanted, most = _milli(cpu), _milli(cpu_limit)
    adjust = shares.oom_score_adj(qos, _bytes(memory), _bytes(capacity), critical=is_critical)
    return LinuxResources(
        shares.milli_cpu_to_shares(wanted if cpu else most),  # a request of 0 is one
        shares.milli_cpu_to_quota(most),
        shares.QUOTA_PERIOD_US,
        _bytes(memory_limit),
        adjust,
    )


def _milli(text: str) -> int:
    return quantity.parse(text).milli() if text else 0


def _bytes(text: str) -> int:
    return quantity.value(text) if text else 0


def of_pod(pod: Object) -> tuple[LinuxResources, str, int]:
    """A pod's cgroup: its resources, its place in the tree, the CPU that it requests in thousandths."""
    uid, spec = pod["metadata"]["uid"], pod["spec"]
    qos = (pod.get("status") or _NONE).get("qosClass", "BestEffort")
    if qos == "BestEffort":
        return BEST_EFFORT_POD, f"/kubepods/besteffort/pod{uid}", 0
    parent = f"/kubepods/pod{uid}" if qos == "Guaranteed" else f"/kubepods/{qos.lower()}/pod{uid}"
    request = pod_request(pod)
    cpu_limit, memory_limit = _limit_of(spec, "cpu"), _limit_of(spec, "memory")
    quota = shares.milli_cpu_to_quota(cpu_limit)
    weight = shares.milli_cpu_to_shares(request.milli_cpu)
    return LinuxResources(weight, quota, shares.QUOTA_PERIOD_US, memory_limit), parent, request.milli_cpu


BEST_EFFORT_POD = LinuxResources()


def _limit_of(spec: Object, resource: str) -> int:
    """The pod's limit (CPU in thousandths, memory in bytes): only if every container has one. Init containers run one after the other."""
    read = _milli if resource == "cpu" else _bytes
    total = 0
    for container in spec["containers"]:
        text = ((container.get("resources") or _NONE).get("limits") or _NONE).get(resource)
        if not text:
            return 0
        total += read(text)
    for container in spec.get("initContainers") or ():
        text = ((container.get("resources") or _NONE).get("limits") or _NONE).get(resource)
        if not text:
            return 0
        total = max(total, read(text))
    return total + read((spec.get("overhead") or _NONE).get(resource, ""))
