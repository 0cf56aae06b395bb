"""Pods and what they use, a line each."""

from __future__ import annotations

from typing import Any

from kubelab.kinds.quantity import parse
from kubelab.kubelet.eviction.usage import ContainerUse, PodUse, VolumeUse

Row = dict[str, Any]


def size(text: str) -> int:
    return parse(text or "0").value()


def pod(name: str, priority: int = 0, *, requests: Row | None = None, limits: Row | None = None, **spec: Any) -> Row:
    resources = {"requests": requests or {}, "limits": limits or {}}
    meta = {"name": name, "namespace": "default", "uid": name, "resourceVersion": "1"}
    containers = [{"name": name, "resources": resources}]
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": meta,
        "spec": {"containers": containers, "priority": priority, **spec},
        "status": {},
    }


def memory(pod: Row, working_set: str) -> PodUse:
    name = pod["metadata"]["name"]
    return PodUse(size(working_set), 1, (ContainerUse(name, size(working_set), 0),))


def disk(pod: Row, root: str = "", logs: str = "", volume: str = "", *, inodes: bool = False) -> PodUse:
    name = pod["metadata"]["name"]
    if inodes:
        return PodUse(0, 1, (ContainerUse(name, 0, 0, 0, size(root), size(logs)),), (VolumeUse("local", 0, size(volume)),))
    return PodUse(0, 1, (ContainerUse(name, 0, size(root), size(logs)),), (VolumeUse("local", size(volume)),))
