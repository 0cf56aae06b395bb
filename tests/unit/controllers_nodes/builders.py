"""Nodes, leases and pods on them in one line each."""

from __future__ import annotations

from typing import Any

from kubelab.controllers.nodelifecycle import CONTROLLER
from kubelab.engine.plan import Plan
from kubelab.store.log import Object
from kubelab.world.clock import SECOND, rfc3339, rfc3339_micro
from tests.unit.storage.harness import NOW_NS, World

HEALTHY = {"MemoryPressure": "False", "DiskPressure": "False", "PIDPressure": "False", "Ready": "True"}
UNREACHABLE, NOT_READY = "node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready"


def ago(seconds: float) -> str:
    return rfc3339(NOW_NS - int(seconds * SECOND))


def node(
    name: str = "n", conditions: dict[str, str] | None = None, *taints: str, heartbeat: float = 0, created: float = 3600, **more: Any
) -> Object:
    """``taints``: ``key:effect``; ``heartbeat``, ``created``: seconds ago; ``more``: labels, unschedulable, zone."""
    labels = {"kubernetes.io/os": "linux", "beta.kubernetes.io/os": "linux", **more.get("labels", {})}
    if "zone" in more:
        labels |= {"topology.kubernetes.io/region": "r", "topology.kubernetes.io/zone": more["zone"]}
    listed = [
        {"type": kind, "status": status, "lastHeartbeatTime": ago(heartbeat), "lastTransitionTime": ago(created)}
        for kind, status in (HEALTHY if conditions is None else conditions).items()
    ]
    spec: Object = {"taints": [dict(zip(("key", "effect"), each.split(":"), strict=True)) for each in taints]} if taints else {}
    if more.get("unschedulable"):
        spec["unschedulable"] = True
    meta = {"name": name, "uid": f"uid-{name}", "labels": labels, "creationTimestamp": ago(created)}
    return {"apiVersion": "v1", "kind": "Node", "metadata": meta, "spec": spec, "status": {"conditions": listed} if listed else {}}


def ready(status: str) -> dict[str, str]:
    return {**HEALTHY, "Ready": status}


def lease(name: str = "n", renewed: float = 0) -> Object:
    spec = {"renewTime": rfc3339_micro(NOW_NS - int(renewed * SECOND))}
    meta = {"name": name, "namespace": "kube-node-lease"}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}


def pod(name: str = "p", node_name: str = "n", status: str | None = "True", tolerations: list[Object] | None = None) -> Object:
    """``status``: of the Ready condition (None: it has none)."""
    conditions = [{"type": "Initialized", "status": "True"}]
    if status is not None:
        conditions.append({"type": "Ready", "status": status, "lastTransitionTime": ago(60)})
    spec: Object = {
        "containers": [],
        **({"nodeName": node_name} if node_name else {}),
        **({"tolerations": tolerations} if tolerations else {}),
    }
    meta = {"name": name, "namespace": "default", "uid": f"uid-{name}"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec, "status": {"phase": "Running", "conditions": conditions}}


class Nodes(World):
    """The lifecycle controller alone; ``tick`` is one pass of its monitor, ``after`` seconds later."""

    def __init__(self, *objects: Object) -> None:
        super().__init__(CONTROLLER, *objects)

    def tick(self, after: float = 5) -> Plan:
        self.now_ns += int(after * SECOND)
        self.sync("monitor")
        return self.plans[-1]

    def conditions(self, name: str = "n") -> dict[str, str]:
        found = self.get("nodes", name)
        assert found is not None
        return {each["type"]: each["status"] for each in found["status"]["conditions"]}

    def nudged(self) -> list[tuple[Any, ...]]:
        return [nudge.key for nudge in self.plans[-1].nudge]
