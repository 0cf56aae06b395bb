"""Whether a node has room for a daemon pod: in 1.7 the controller, which binds its pods itself, asks before it makes one.

upstream: nodeShouldRunDaemonPod and Predicates in pkg/controller/daemon/daemoncontroller.go, GeneralPredicates in
plugin/pkg/scheduler/algorithm/predicates/predicates.go, 1.7. A node that a pod does not want is left to ``eligibility``. Ports that are taken
are an unintended reason without a word of its own there: no pod is made or left.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kubelab.kinds.core.resources import amounts, spec_request
from kubelab.store.log import Object
from kubelab.store.view import View

_NONE: dict[str, Any] = {}
_RESOURCES = ("pods", "cpu", "memory")


def shortages(view: View, daemon_set: Object, node_name: str) -> tuple[str, ...]:
    """What a node lacks for another pod of the set, each as the event tells it."""
    node = view.get("nodes", "", node_name)
    if node is None:
        return ()
    uid = daemon_set["metadata"]["uid"]
    others = [pod for pod in view.on_node(node_name) if _counts(pod, uid)]
    spec = daemon_set["spec"]["template"]["spec"]
    wanted, used = _needs((spec,)), _needs(pod["spec"] for pod in others)
    capacity = amounts((node.get("status") or _NONE).get("allocatable") or _NONE)
    found = []
    for name in _RESOURCES:
        if wanted[name] and wanted[name] + used[name] > capacity.get(name, 0):
            figures = f"requested: {wanted[name]}, used: {used[name]}, capacity: {capacity.get(name, 0)}"
            found.append(f"Node didn't have enough resource: {name}, {figures}")
    taken = [port for pod in others for port in _ports(pod["spec"])]
    if any(port in taken for port in _ports(spec)):
        found.append("PodFitsHostPorts")
    return tuple(found)


def _counts(pod: Object, uid: str) -> bool:
    """Not those that have ended, nor the set's own."""
    if (pod.get("status") or _NONE).get("phase") in ("Succeeded", "Failed"):
        return False
    return not any(owner.get("controller") and owner["uid"] == uid for owner in pod["metadata"].get("ownerReferences") or ())


def _needs(specs: Iterable[Object]) -> dict[str, int]:
    total = dict.fromkeys(_RESOURCES, 0)
    for spec in specs:
        request = spec_request(spec)
        for name, amount in (("pods", 1), ("cpu", request.milli_cpu), ("memory", request.memory)):
            total[name] += amount
    return total


def _ports(spec: Object) -> list[tuple[str, int]]:
    """Protocol and number: in 1.7 an address of the host did not set two ports apart."""
    return [
        (port.get("protocol") or "TCP", port["hostPort"])
        for container in spec.get("containers") or ()
        for port in container.get("ports") or ()
        if port.get("hostPort")
    ]
