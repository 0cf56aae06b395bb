"""What the runtime's tables hold, as messages of the CRI: plain dicts in the proto's JSON names, with every scalar, list and map of their message.

upstream: staging/src/k8s.io/cri-api/pkg/apis/runtime/v1/api.proto, 1.28; containerd internal/cri/server/{container_status,sandbox_status}.go. What a
message has and the lab knows nothing of is zero or empty; a message within it is left out, since absent means unknown.
"""

from __future__ import annotations

import json
from typing import Any

from kubelab.cri import stats
from kubelab.cri.api import READY, Container, ContainerSpec, ImageRecord, LinuxResources, Mount, Sandbox, SandboxConfig

Object = dict[str, Any]
_NONE: dict[str, Any] = {}


def image(record: ImageRecord) -> Object:
    """Image."""
    return {
        "id": record.id,
        "repoTags": list(record.tags),
        "repoDigests": list(record.digests),
        "size": record.size_bytes,
        "username": "",
        "pinned": False,
    }


def sandbox(row: Sandbox, pod: Object | None) -> Object:
    """PodSandbox; ``pod`` is the pod that it was made for, None for one made by hand or whose pod is gone."""
    config = row.config
    annotations = pod["metadata"].get("annotations") or _NONE if pod is not None else config.annotations
    return {
        "id": row.id,
        "metadata": {"name": config.name, "uid": config.uid, "namespace": config.namespace, "attempt": config.attempt},
        "state": row.state,
        "createdAt": row.created_ns,
        "labels": stats.sandbox_labels_of(config),
        "annotations": dict(annotations),
        "runtimeHandler": "",
    }


def sandbox_status(row: Sandbox, pod: Object | None) -> Object:
    """PodSandboxStatus: a pod on its node's network has no address of its own, and a sandbox that was stopped has given it back."""
    spec = pod["spec"] if pod is not None else _NONE
    own = row.state == READY and not spec.get("hostNetwork")
    found = {**sandbox(row, pod), "network": {"ip": row.config.ip if own else "", "additionalIps": []}}
    return {**found, "linux": {"namespaces": {"options": _namespaces(spec)}}} if spec else found


def _namespaces(spec: Object) -> Object:
    """upstream: pkg/kubelet/kuberuntime/util/util.go NamespacesForPod, 1.28."""
    pid = "POD" if spec.get("shareProcessNamespace") else "CONTAINER"
    return {
        "network": "NODE" if spec.get("hostNetwork") else "POD",
        "pid": "NODE" if spec.get("hostPID") else pid,
        "ipc": "NODE" if spec.get("hostIPC") else "POD",
        "targetId": "",
    }


def container(row: Container, pod: Object | None) -> Object:
    """Container; ``pod`` is the pod that it belongs to, None for one made by hand or whose pod is gone."""
    return {**_common(row, pod), "podSandboxId": row.sandbox_id}


def container_status(row: Container, config: SandboxConfig, pod: Object | None) -> Object:
    """ContainerStatus, in a sandbox of a configuration."""
    spec = row.spec
    return {
        **_common(row, pod),
        "startedAt": row.started_ns,
        "finishedAt": row.finished_ns,
        "exitCode": row.exit_code,
        "reason": row.reason,
        "message": row.message,
        "logPath": _log_path(config, spec),
        "mounts": [_mount(each, spec.by_hand) for each in spec.mounts if each.volume],
        "resources": {"linux": _linux(spec.linux)},
    }


def _common(row: Container, pod: Object | None) -> Object:
    spec = row.spec
    return {
        "id": row.id,
        "metadata": {"name": spec.name, "attempt": spec.attempt},
        "image": {"image": spec.image, "annotations": {}, "userSpecifiedImage": ""},
        "imageRef": row.image_ref,
        "state": row.state,
        "createdAt": row.created_ns,
        "labels": stats.labels_of(spec),
        "annotations": {**stats.annotations_of(spec), **(_annotations(pod, spec.name) if pod is not None else {})},
    }


def _mount(mount: Mount, by_hand: bool) -> Object:
    return {
        "containerPath": mount.container_path,
        "hostPath": mount.volume.removeprefix("host") if by_hand else mount.volume,
        "readonly": mount.readonly,
        "selinuxRelabel": False,
        "propagation": "PROPAGATION_PRIVATE",
        "uidMappings": [],
        "gidMappings": [],
    }


def _linux(resources: LinuxResources) -> Object:
    return {
        "cpuPeriod": resources.cpu_period,
        "cpuQuota": resources.cpu_quota,
        "cpuShares": resources.cpu_shares,
        "memoryLimitInBytes": resources.memory_limit,
        "oomScoreAdj": resources.oom_score_adj,
        "cpusetCpus": "",
        "cpusetMems": "",
        "hugepageLimits": [],
        "unified": {},
        "memorySwapLimitInBytes": 0,
    }


def _annotations(pod: Object, name: str) -> dict[str, str]:
    """What the kubelet writes beside the restart count. upstream: pkg/kubelet/kuberuntime/labels.go newContainerAnnotations."""
    spec = pod["spec"]
    parts = (*spec["containers"], *(spec.get("initContainers") or ()), *(spec.get("ephemeralContainers") or ()))
    found = next((each for each in parts if each["name"] == name), None)
    if found is None:
        return {}
    notes = {
        "io.kubernetes.container.terminationMessagePath": found.get("terminationMessagePath", ""),
        "io.kubernetes.container.terminationMessagePolicy": found.get("terminationMessagePolicy", ""),
    }
    if pod["metadata"].get("deletionGracePeriodSeconds") is not None:
        notes["io.kubernetes.pod.deletionGracePeriod"] = str(pod["metadata"]["deletionGracePeriodSeconds"])
    if spec.get("terminationGracePeriodSeconds") is not None:
        notes["io.kubernetes.pod.terminationGracePeriod"] = str(spec["terminationGracePeriodSeconds"])
    if (hook := (found.get("lifecycle") or _NONE).get("preStop")) is not None:
        notes["io.kubernetes.container.preStopHandler"] = json.dumps(hook, separators=(",", ":"))
    if ports := found.get("ports"):
        notes["io.kubernetes.container.ports"] = json.dumps(ports, separators=(",", ":"))
    return notes


def _log_path(config: SandboxConfig, spec: ContainerSpec) -> str:
    """Where a container's log lies. upstream: pkg/kubelet/kuberuntime/helpers.go BuildContainerLogsDirectory, buildContainerLogsPath."""
    folder = config.log_directory or f"/var/log/pods/{config.namespace}_{config.name}_{config.uid}"
    return f"{folder}/{spec.log_path or f'{spec.name}/{spec.attempt}.log'}"
