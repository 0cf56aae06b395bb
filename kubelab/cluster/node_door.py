"""The way to a node's kubelet and runtime, for logs, exec and the CRI."""

from __future__ import annotations

from typing import Any

from kubelab.cri.api import CriError
from kubelab.engine.component import Scope
from kubelab.engine.engine import Engine
from kubelab.kinds.kind import Object
from kubelab.kubelet import cri_door


def scope_of(engine: Engine, node: str) -> Scope:
    """What the kubelet of a node sees; ValueError lists the nodes."""
    runner = engine.runners.get(f"kubelet/{node}")
    if runner is None:
        known = ", ".join(name for name in engine.machines if name)
        raise ValueError(f"there is no node {node!r}: there are {known}")
    return engine.scope(runner, ())


def runtime(engine: Engine, node: str) -> Any:
    """The node's container runtime, its RPCs as methods."""
    return cri_door.runtime_of(scope_of(engine, node))


def logs(engine: Engine, pod: Object, container: str, **options: Any) -> str:
    """What a container has written; ValueError where there is nothing to read."""
    names = [item["name"] for item in (*pod["spec"]["containers"], *(pod["spec"].get("initContainers") or ()))]
    chosen = container or names[0]
    if chosen not in names:
        raise ValueError(f"container {chosen} is not valid for pod {pod['metadata']['name']}: it has {', '.join(names)}")
    node = pod["spec"].get("nodeName")
    if not node:
        raise ValueError(f"pod {pod['metadata']['name']} does not have a host assigned")
    try:
        return cri_door.container_logs(scope_of(engine, node), pod, chosen, **options)
    except CriError as error:
        raise ValueError(str(error)) from None
