"""The scheduler of 1.7: predicates and priorities by their names of then, all of a node's reasons counted, no preemption, all nodes looked at.

upstream: plugin/pkg/scheduler/{core/generic_scheduler.go,algorithm/predicates,algorithmprovider/defaults,factory/factory.go}, 1.7.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from kubelab.scheduler.facts import Entry
from kubelab.scheduler.failure import NO_NODES
from kubelab.scheduler.framework import NODE_ADD, NODE_UPDATE, Status
from kubelab.scheduler.node_info import NodeInfo
from kubelab.scheduler.plugins import (
    inter_pod_affinity,
    node_affinity,
    node_name,
    node_ports,
    node_resources_balanced_allocation,
    node_resources_fit,
    pod_topology_spread,
    taint_toleration,
    volume_binding,
    volume_restrictions,
    volume_zone,
)
from kubelab.scheduler.profile import DEFAULT, Own, Profile, Wide

Object = dict[str, Any]

NAME = "NodeCondition"
WAKES_ON = (NODE_ADD, *NODE_UPDATE)
IGNORED = Status(NAME, ("node is left out: it is not ready or cordoned",), unresolvable=True)
UNDER_MEMORY_PRESSURE = Status("CheckNodeMemoryPressure", ("NodeUnderMemoryPressure",))
UNDER_DISK_PRESSURE = Status("CheckNodeDiskPressure", ("NodeUnderDiskPressure",))

PREDICATES = {
    inter_pod_affinity.NAME: "MatchInterPodAffinity",
    node_affinity.NAME: "MatchNodeSelector",
    node_name.NAME: "HostName",
    node_ports.NAME: "PodFitsHostPorts",
    taint_toleration.NAME: "PodToleratesNodeTaints",
    volume_binding.NAME: "NoVolumeNodeConflict",
    volume_restrictions.NAME: "NoDiskConflict",
    volume_zone.NAME: "NoVolumeZoneConflict",
}
"""Plug-in of today → the predicate whose name was the reason."""

_WANTED = {"Ready": "True", "OutOfDisk": "False", "NetworkUnavailable": "False"}


def is_listed(pod: Entry, node: NodeInfo) -> Status | None:
    """Which nodes the scheduler looks at at all (upstream: getNodeConditionPredicate)."""
    found = node.node or {}
    if node.unschedulable:
        return IGNORED
    for condition in (found.get("status") or {}).get("conditions") or ():
        if condition["status"] != _WANTED.get(condition["type"], condition["status"]):
            return IGNORED
    return None


def check_pressure(pod: Entry, node: NodeInfo) -> Status | None:
    """No pod without requests where memory is short, none at all where the disk is full."""
    for condition in ((node.node or {}).get("status") or {}).get("conditions") or ():
        if condition["status"] != "True":
            continue
        if condition["type"] == "MemoryPressure" and _is_best_effort(pod.facts.spec):
            return UNDER_MEMORY_PRESSURE
        if condition["type"] == "DiskPressure":
            return UNDER_DISK_PRESSURE
    return None


def _is_best_effort(spec: Object) -> bool:
    containers = spec.get("containers") or ()
    return not any((container.get("resources") or {}).get(part) for container in containers for part in ("requests", "limits"))


OWN = (
    Own(NAME, is_listed),
    *(Own(each.NAME, each.filter) for each in (node_resources_fit, node_name, node_ports, node_affinity, taint_toleration)),
    Own("CheckNodePressure", check_pressure),
)
WIDE = tuple(
    Wide(each.NAME, each.pre_filter, each.filter) for each in (volume_restrictions, volume_binding, volume_zone, inter_pod_affinity)
)
WEIGHTS = {
    each.NAME: 1
    for each in (
        taint_toleration,
        node_affinity,
        node_resources_fit,
        pod_topology_spread,
        inter_pod_affinity,
        node_resources_balanced_allocation,
    )
}
PROFILE = replace(
    DEFAULT, is_default=False, own=OWN, wide=WIDE, has_gates=False, weights=WEIGHTS, candidates=None, percentage=100, first=True
)
"""SelectorSpreadPriority is pod_topology_spread's even spreading of what a Service or a controller selects."""


def fit_message(profile: Profile, pod: Entry, nodes: Iterable[NodeInfo], rows: Iterable[tuple[Any, Any]], refusal: Status | None) -> str:
    """FitError's words: how many nodes failed each predicate, every failed one of a node counted.

    >>> from kubelab.scheduler.framework import Status
    >>> words({"Insufficient cpu": 3, "PodToleratesNodeTaints": 1})
    'No nodes are available that match all of the following predicates:: Insufficient cpu (3), PodToleratesNodeTaints (1).'
    """
    listed = [node for node in nodes if is_listed(pod, node) is None]
    if not listed:
        return NO_NODES
    if refusal is not None:
        return _of_refusal(pod, refusal, len(listed))
    counts: dict[str, int] = {}
    rows = tuple(rows)
    for node in listed:
        answers = [ask(pod, node) for _, ask in profile.own]
        answers += [ask(state, node) for ask, state in rows]
        for status in answers:
            for reason in () if status is None else _reasons(status):
                counts[reason] = counts.get(reason, 0) + 1
    return words(counts)


def words(counts: dict[str, int]) -> str:
    listed = ", ".join(sorted(f"{reason} ({count})" for reason, count in counts.items()))
    return f"No nodes are available that match all of the following predicates:: {listed}."


def _reasons(status: Status) -> tuple[str, ...]:
    if status.plugin == node_resources_fit.NAME:
        return tuple("Insufficient pods" if reason == node_resources_fit.TOO_MANY_PODS else reason for reason in status.reasons)
    return (PREDICATES[status.plugin],) if status.plugin in PREDICATES else status.reasons


def _of_refusal(pod: Entry, refusal: Status, nodes: int) -> str:
    """What a predicate cannot judge is an error of every node; equal ones are told once, with their number."""
    if refusal.plugin in (volume_binding.NAME, volume_zone.NAME, volume_restrictions.NAME):
        error = ", ".join(refusal.reasons)
        for claim in _claims(pod.facts.spec) if refusal.reasons == volume_binding.UNBOUND_IMMEDIATE.reasons else ():
            error = f'PersistentVolumeClaim is not bound: "{claim}"'
            break
        return error if nodes == 1 else f"{error} (repeated {nodes} times)"
    return words(dict.fromkeys(_reasons(refusal), nodes))


def _claims(spec: Object) -> list[str]:
    return [each["persistentVolumeClaim"]["claimName"] for each in spec.get("volumes") or () if each.get("persistentVolumeClaim")]
