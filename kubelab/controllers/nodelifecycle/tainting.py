"""Taints and labels that follow from a node's conditions: what is missing or too much, and the calls that mend one of them at a time.

Each step reads the node and patches it, as upstream does; the next look sees the answer and takes the next step.

upstream: doNoScheduleTaintingPass, processTaintBaseEviction, markNodeAsReachable and reconcileNodeLabels in
pkg/controller/nodelifecycle/node_lifecycle_controller.go; AddOrUpdateTaintOnNode, RemoveTaintOffNode and PatchNodeTaints in
pkg/controller/controller_utils.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubelab.controllers.nodelifecycle.facts import NOT_READY, UNREACHABLE, has_taint, readiness
from kubelab.engine.plan import NOTHING, Batch, Because, Call, Plan, Reason, patch, wait
from kubelab.store.log import Object
from kubelab.world.clock import rfc3339

_NONE: dict[str, Any] = {}
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
BY_CONDITION: Mapping[str, Mapping[str, str]] = {
    "Ready": {"False": NOT_READY, "Unknown": UNREACHABLE},
    "MemoryPressure": {"True": "node.kubernetes.io/memory-pressure"},
    "DiskPressure": {"True": "node.kubernetes.io/disk-pressure"},
    "NetworkUnavailable": {"True": "node.kubernetes.io/network-unavailable"},
    "PIDPressure": {"True": "node.kubernetes.io/pid-pressure"},
}
OURS = frozenset((UNSCHEDULABLE, *(key for keys in BY_CONDITION.values() for key in keys.values())))
LABELS = (("kubernetes.io/os", "beta.kubernetes.io/os"), ("kubernetes.io/arch", "beta.kubernetes.io/arch"))
OPPOSITE = {UNREACHABLE: NOT_READY, NOT_READY: UNREACHABLE}
BY_READINESS = {"False": NOT_READY, "Unknown": UNREACHABLE}

TAINTED = Reason("NodeTainted", "{subject} gets {taints}: its conditions or its spec say so")
FREED = Reason("NodeFreed", "{subject} loses {taints}: nothing stands for it any more")
LABELLED = Reason("LabelsReconciled", "{subject}: a deprecated label follows the stable one")
EVICTING = Reason("NodeEvicted", "{subject} gets {taints}: it is not ready, and its zone's rate allows it")
REACHABLE = Reason("NodeReachable", "{subject} loses {taints}: it is ready, or its zone's pods shall stay")
HELD = Reason("ZoneHeld", "{subject} is not tainted: its zone's rate is 0")


@dataclass(frozen=True, slots=True)
class Tainting:
    """A node of which NoSchedule taints and labels shall be as its conditions are."""

    node: Object
    now_ns: int


@dataclass(frozen=True, slots=True)
class Evicting:
    """A node whose NoExecute taints shall be as its readiness is. ``clear``: it shall have none; ``held``: its zone's rate is 0."""

    node: Object
    clear: bool
    held: bool
    now_ns: int


def plan_no_schedule(seen: Tainting) -> Plan:
    node = seen.node
    subject, present = f"node/{node['metadata']['name']}", node["spec"].get("taints") or ()
    wanted = no_schedule(node)
    have = [taint["key"] for taint in present if taint["effect"] == "NoSchedule" and taint["key"] in OURS]
    missing = [key for key in wanted if key not in have]
    if missing:
        return _tainted(node, "NoSchedule", missing, seen.now_ns, TAINTED(subject, taints=_shown(missing, "NoSchedule")))
    surplus = [key for key in have if key not in wanted]
    if surplus:
        return _freed(node, "NoSchedule", surplus, FREED(subject, taints=_shown(surplus, "NoSchedule")))
    labels = _labels(node)
    if labels:
        return _patched(node, {"metadata": {"labels": labels}}, LABELLED(subject))
    return NOTHING


def no_schedule(node: Object) -> list[str]:
    """The keys of the NoSchedule taints that a node shall have, in the order of its conditions."""
    keys = []
    for condition in (node.get("status") or _NONE).get("conditions") or ():
        key = BY_CONDITION.get(condition["type"], _NONE).get(condition["status"])
        if key is not None:
            keys.append(key)
    if node["spec"].get("unschedulable"):
        keys.append(UNSCHEDULABLE)
    return keys


def _labels(node: Object) -> Object:
    labels = node["metadata"].get("labels") or _NONE
    return {old: labels[new] for new, old in LABELS if new in labels and labels.get(old) != labels[new]}


def plan_no_execute(seen: Evicting) -> Plan:
    """First the taint that the readiness asks for, then away with the other one."""
    node = seen.node
    subject = f"node/{node['metadata']['name']}"
    key = None if seen.clear else BY_READINESS.get(readiness(node))
    if key is None:
        for surplus in OPPOSITE:
            if has_taint(node, surplus):
                return _freed(node, "NoExecute", [surplus], REACHABLE(subject, taints=_shown([surplus], "NoExecute")))
        return NOTHING
    swapped = has_taint(node, OPPOSITE[key])
    if not has_taint(node, key):
        if seen.held and not swapped:
            return wait(HELD(subject))
        return _tainted(node, "NoExecute", [key], seen.now_ns, EVICTING(subject, taints=_shown([key], "NoExecute")))
    if swapped:
        return _freed(node, "NoExecute", [OPPOSITE[key]], REACHABLE(subject, taints=_shown([OPPOSITE[key]], "NoExecute")))
    return NOTHING


def _tainted(node: Object, effect: str, keys: Sequence[str], now_ns: int, because: Because) -> Plan:
    added = [{"key": key, "effect": effect, "timeAdded": rfc3339(now_ns)} for key in keys]
    return _patched(node, {"spec": {"taints": [*(node["spec"].get("taints") or ()), *added]}}, because)


def _freed(node: Object, effect: str, keys: Sequence[str], because: Because) -> Plan:
    kept = [taint for taint in node["spec"].get("taints") or () if not (taint["effect"] == effect and taint["key"] in keys)]
    return _patched(node, {"spec": {"taints": kept or None}}, because)


def _patched(node: Object, body: Object, because: Because) -> Plan:
    """Read, then patch with the version that was read; then look again."""
    meta = node["metadata"]
    body = {**body, "metadata": {**body.get("metadata", _NONE), "resourceVersion": meta["resourceVersion"]}}
    read = Call("get", "nodes", "", meta["name"], accept=(404,), because=because)
    return Plan((Batch((read,)), Batch((patch("nodes", node, body, accept=(404,), because=because),))), again_ns=0)


def _shown(keys: Sequence[str], effect: str) -> str:
    return ", ".join(f"{key}:{effect}" for key in keys)
