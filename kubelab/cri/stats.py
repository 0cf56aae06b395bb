"""The stats RPCs: container and pod stats, filesystems of images, as dicts with the proto's JSON names.

upstream: staging/src/k8s.io/cri-api/pkg/apis/runtime/v1/api.proto, 1.28; containerd internal/cri/server/{container_stats_list,
sandbox_stats_linux,imagefs_info}.go (2026): only running containers, ``availableBytes`` 0 without a limit, ``usageNanoCores`` from a sampler of
1 s that starts with the container and is computed here when asked, the writable layer as it was at the last sync, each 10 s. 64-bit numbers are
integers; ``{"value": n}`` is CRI's own UInt64Value. spec: cri-metrics.md section 3, docs/cri-stats.md.
"""

from __future__ import annotations

from typing import Any

from kubelab.cri.api import NOTREADY, RUNNING, Container, ContainerSpec, CriError, Sandbox, SandboxConfig
from kubelab.cri.usage.account import Tables
from kubelab.cri.usage.images import inodes_of, unpacked_bytes
from kubelab.cri.usage.reading import DISK_AT_REST, SAMPLE_NS, SandboxReading, brief_at, disk_at, sandbox_at
from kubelab.world.clock import SECOND
from kubelab.world.collector import held_off

Object = dict[str, Any]
SYNC_NS = 10 * SECOND
IMAGE_FS = "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs"
INTERFACE = "eth0"


def labels_of(spec: ContainerSpec) -> dict[str, str]:
    """The labels that the kubelet writes on a container. upstream: pkg/kubelet/kuberuntime/labels.go newContainerLabels.

    Those of a container that was made by hand stand in its configuration; the kubelet's follow from the pod's names.
    """
    if spec.by_hand:
        return dict(spec.labels)
    return {
        "io.kubernetes.container.name": spec.name,
        "io.kubernetes.pod.name": spec.pod_name,
        "io.kubernetes.pod.namespace": spec.namespace,
        "io.kubernetes.pod.uid": spec.pod_uid,
    }


def sandbox_labels_of(config: SandboxConfig) -> dict[str, str]:
    """The labels of a sandbox: the pod's and the kubelet's own. upstream: pkg/kubelet/kuberuntime/labels.go newPodLabels."""
    if config.by_hand:
        return dict(config.labels)
    own = {"io.kubernetes.pod.name": config.name, "io.kubernetes.pod.namespace": config.namespace, "io.kubernetes.pod.uid": config.uid}
    return {**config.labels, **own}


def annotations_of(spec: ContainerSpec) -> dict[str, str]:
    if spec.by_hand:
        return dict(spec.annotations)
    return {"io.kubernetes.container.restartCount": str(spec.attempt)}


# -- containers -----------------------------------------------------------------------------------------------------------------
def container_stats(tables: Tables, container_id: str, now_ns: int) -> Object:
    """ContainerStats; NotFound for an unknown id, Unknown for a container that does not run."""
    container = tables["containers"].get(container_id)
    if container is None:
        raise CriError("NotFound", "failed to find container: not found")
    if container.state != RUNNING:
        raise CriError("Unknown", "unexpected metrics response: []")
    return _container(tables, container, now_ns)


def list_container_stats(
    tables: Tables, now_ns: int, *, id: str = "", pod_sandbox_id: str = "", labels: dict[str, str] | None = None
) -> list[Object]:
    """ListContainerStats: the running containers that the filters, all of them, leave; ids may be prefixes."""
    found = [item for item in tables["containers"].values() if item.state == RUNNING]
    if id or pod_sandbox_id:
        found = [item for item in found if item.id.startswith(id) and item.sandbox_id.startswith(pod_sandbox_id)]
    if labels:
        found = [item for item in found if labels.items() <= labels_of(item.spec).items()]
    with held_off():  # thousands of small dicts would have the collector walk a whole world in vain
        return [_container(tables, item, now_ns) for item in found]


def _container(tables: Tables, container: Container, now_ns: int) -> Object:
    spec, started_ns = container.spec, container.started_ns
    cpu_ns, rate, working_set, usage, page_faults, major_page_faults = brief_at(tables, container, now_ns)
    synced_ns = max(started_ns, now_ns - now_ns % SYNC_NS)
    fs_bytes, fs_inodes = disk_at(tables, container, synced_ns) if container.id in tables["accounts"] else DISK_AT_REST
    cpu: Object = {"timestamp": now_ns, "usageCoreNanoSeconds": {"value": cpu_ns}}
    if rate is not None:
        cpu["usageNanoCores"] = {"value": rate}
    limit = spec.memory_limit_bytes
    return {
        "attributes": {
            "id": container.id,
            "metadata": {"name": spec.name, "attempt": spec.attempt},
            "labels": labels_of(spec),
            "annotations": annotations_of(spec),
        },
        "cpu": cpu,
        "memory": {
            "timestamp": now_ns,
            "workingSetBytes": {"value": working_set},
            "availableBytes": {"value": limit - working_set if limit else 0},
            "usageBytes": {"value": usage},
            "rssBytes": {"value": working_set},
            "pageFaults": {"value": page_faults},
            "majorPageFaults": {"value": major_page_faults},
        },
        "writableLayer": {
            "timestamp": synced_ns,
            "fsId": {"mountpoint": IMAGE_FS},
            "usedBytes": {"value": fs_bytes},
            "inodesUsed": {"value": fs_inodes},
        },
        "swap": {"timestamp": now_ns, "swapAvailableBytes": {"value": 0}, "swapUsageBytes": {"value": 0}},
    }


# -- pods -----------------------------------------------------------------------------------------------------------------------
def pod_sandbox_stats(tables: Tables, sandbox_id: str, now_ns: int) -> Object:
    """PodSandboxStats; NotFound for an unknown id, Unknown for a sandbox that is not ready."""
    sandbox = tables["sandboxes"].get(sandbox_id)
    if sandbox is None:
        raise CriError("NotFound", f"an error occurred when trying to find sandbox {sandbox_id}: not found")
    if sandbox.state == NOTREADY:
        head = f"failed to decode pod sandbox metrics {sandbox_id}"
        raise CriError("Unknown", f'{head}: failed to get pod sandbox stats since sandbox container "{sandbox_id}" is not in ready state')
    return _sandbox(tables, sandbox, now_ns)


def list_pod_sandbox_stats(tables: Tables, now_ns: int, *, id: str = "", labels: dict[str, str] | None = None) -> list[Object]:
    """ListPodSandboxStats: the ready sandboxes that the filters leave."""
    return [_sandbox(tables, item, now_ns) for item in ready_sandboxes(tables, id=id, labels=labels)]


def ready_sandboxes(tables: Tables, *, id: str = "", labels: dict[str, str] | None = None) -> list[Sandbox]:
    found = [item for item in tables["sandboxes"].values() if item.state != NOTREADY and item.id.startswith(id)]
    return [item for item in found if labels.items() <= sandbox_labels_of(item.config).items()] if labels else found


def _sandbox(tables: Tables, sandbox: Sandbox, now_ns: int) -> Object:
    config = sandbox.config
    reading = sandbox_at(tables, sandbox.id, now_ns)
    assert reading is not None, "a ready sandbox can be read"
    containers = [_container(tables, tables["containers"][item], now_ns) for item in reading.containers]
    traffic = {
        "name": INTERFACE,
        "rxBytes": {"value": reading.rx_bytes},
        "rxErrors": {"value": 0},
        "txBytes": {"value": reading.tx_bytes},
        "txErrors": {"value": 0},
    }
    return {
        "attributes": {
            "id": sandbox.id,
            "metadata": {"name": config.name, "uid": config.uid, "namespace": config.namespace, "attempt": config.attempt},
            "labels": sandbox_labels_of(config),
            "annotations": dict(config.annotations),
        },
        "linux": {
            "cpu": _pod_cpu(tables, sandbox, reading, now_ns),
            "memory": _pod_memory(reading, now_ns),
            "network": {"timestamp": now_ns, "defaultInterface": traffic, "interfaces": []},
            "process": {"timestamp": now_ns, "processCount": {"value": reading.processes}},
            "containers": containers,
        },
    }


def _pod_cpu(tables: Tables, sandbox: Sandbox, reading: SandboxReading, now_ns: int) -> Object:
    cpu: Object = {"timestamp": now_ns, "usageCoreNanoSeconds": {"value": reading.cpu_ns}}
    last_ns = now_ns - (now_ns - sandbox.created_ns) % SAMPLE_NS
    if last_ns > sandbox.created_ns:
        samples = [sandbox_at(tables, sandbox.id, at) for at in (last_ns - SAMPLE_NS, last_ns)]
        before, after = (0 if sample is None else sample.cpu_ns for sample in samples)
        cpu["usageNanoCores"] = {"value": (after - before) * SECOND // SAMPLE_NS}
    return cpu


def _pod_memory(reading: SandboxReading, now_ns: int) -> Object:
    return {
        "timestamp": now_ns,
        "workingSetBytes": {"value": reading.working_set},
        "availableBytes": {"value": max(0, reading.limit - reading.working_set) if reading.limit else 0},
        "usageBytes": {"value": reading.usage},
        "rssBytes": {"value": reading.rss},
        "pageFaults": {"value": reading.page_faults},
        "majorPageFaults": {"value": reading.major_page_faults},
    }


# -- images ---------------------------------------------------------------------------------------------------------------------
def image_fs_info(tables: Tables, now_ns: int) -> Object:
    """ImageFsInfo: what all images take once they are unpacked."""
    sizes = [record.size_bytes for record in tables["images"].values()]
    usage = {
        "timestamp": now_ns,
        "fsId": {"mountpoint": IMAGE_FS},
        "usedBytes": {"value": sum(map(unpacked_bytes, sizes))},
        "inodesUsed": {"value": sum(map(inodes_of, sizes))},
    }
    return {"imageFilesystems": [usage]}
