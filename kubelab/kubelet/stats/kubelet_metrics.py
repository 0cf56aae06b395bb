"""``/metrics``: what a kubelet counts of itself, as far as the lab's has it: pods and containers, volumes of claims, container logs,
what it has asked of its runtime.

upstream: pkg/kubelet/metrics/metrics.go, pkg/kubelet/metrics/collectors/{volume_stats,log_metrics}.go, 1.28.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from kubelab.kubelet.stats import cri, own_metrics, runtime_operations
from kubelab.kubelet.stats.cgroups import Machine, sandboxes
from kubelab.kubelet.stats.prometheus import GAUGE, Metric, Row

_CLAIM = ("namespace", "persistentvolumeclaim")
NODE_NAME = Metric("kubelet_node_name", GAUGE, "ALPHA", "The node's name. The count is always 1.", ("node",))
RUNNING_PODS = Metric("kubelet_running_pods", GAUGE, "ALPHA", "Number of pods that have a running pod sandbox")
RUNNING_CONTAINERS = Metric("kubelet_running_containers", GAUGE, "ALPHA", "Number of containers currently running", ("container_state",))
LOGS = Metric(
    "kubelet_container_log_filesystem_used_bytes",
    GAUGE,
    "ALPHA",
    "Bytes used by the container's logs on the filesystem.",
    ("uid", "namespace", "pod", "container"),
)
VOLUMES = tuple(
    (Metric(f"kubelet_volume_stats_{name}", GAUGE, "ALPHA", text, _CLAIM), field)
    for name, text, field in (
        ("capacity_bytes", "Capacity in bytes of the volume", "capacityBytes"),
        ("available_bytes", "Number of available bytes in the volume", "availableBytes"),
        ("used_bytes", "Number of used bytes in the volume", "usedBytes"),
        ("inodes", "Maximum number of inodes in the volume", "inodes"),
        ("inodes_free", "Number of free inodes in the volume", "inodesFree"),
        ("inodes_used", "Number of used inodes in the volume", "inodesUsed"),
    )
)
STATES = {"CONTAINER_CREATED": "created", "CONTAINER_RUNNING": "running", "CONTAINER_EXITED": "exited", "CONTAINER_UNKNOWN": "unknown"}


def rows(machine: Machine, t_ns: int) -> Iterator[Row]:
    """The page's rows."""
    yield Row(NODE_NAME, 1, (machine.name,))
    yield Row(RUNNING_PODS, len(sandboxes(machine, t_ns)))
    states = Counter(STATES[item.state] for item in machine.tables.get("containers", {}).values())
    yield from (Row(RUNNING_CONTAINERS, count, (state,)) for state, count in states.items())
    yield from runtime_operations.rows(machine, t_ns)
    yield from own_metrics.rows(machine, t_ns)
    seen: dict[tuple[str, str], None] = {}
    for pod in cri.pods(machine, t_ns):
        place = pod["podRef"]
        for container in pod["containers"] or ():
            yield Row(LOGS, container["logs"]["usedBytes"], (place["uid"], place["namespace"], place["name"], container["name"]))
        for volume in pod.get("volume") or ():
            claim = volume.get("pvcRef")
            if claim is None or (claim["namespace"], claim["name"]) in seen:
                continue
            labels = (claim["namespace"], claim["name"])
            seen[labels] = None
            yield from (Row(metric, volume[field], labels) for metric, field in VOLUMES)
