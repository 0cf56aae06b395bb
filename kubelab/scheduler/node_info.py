"""A node as the scheduler counts it: what it has, what its pods ask for, in integers.

upstream: pkg/scheduler/framework/types.go NodeInfo, pkg/util/node/node.go GetZoneKey, 1.28.
"""

from __future__ import annotations

from typing import Any

from kubelab.kinds.core.resources import amounts
from kubelab.scheduler.facts import Entry

Object = dict[str, Any]

_NO_LABELS: dict[str, str] = {}


class NodeInfo:
    """Sums over the pods of one node. A part of the derived ``Cluster``: changed by it alone, read by plug-ins."""

    __slots__ = (
        "allocatable",
        "allowed_pods",
        "claims",
        "counted_memory",
        "counted_milli_cpu",
        "ephemeral_storage",
        "has_ephemeral_storage",
        "has_memory",
        "has_milli_cpu",
        "images",
        "index",
        "labels",
        "memory",
        "milli_cpu",
        "name",
        "node",
        "pods",
        "ports",
        "priorities",
        "scalars",
        "taints",
        "unschedulable",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.index = -1
        self.pods: dict[str, Entry] = {}
        self.milli_cpu = self.memory = self.ephemeral_storage = 0
        self.counted_milli_cpu = self.counted_memory = 0
        self.scalars: dict[str, int] = {}
        self.ports: dict[tuple[str, str, int], int] = {}
        self.claims: dict[tuple[str, str], int] = {}
        self.priorities: dict[int, int] = {}
        self.set_node(None)

    def set_node(self, node: Object | None) -> None:
        """Take over the node object; None: the node is not known (yet, or any more)."""
        self.node = node
        body = node or {"metadata": {}, "spec": {}, "status": {}}
        spec, status = body.get("spec") or {}, body.get("status") or {}
        self.labels: dict[str, str] = body["metadata"].get("labels") or _NO_LABELS
        self.unschedulable = bool(spec.get("unschedulable"))
        self.taints: list[Object] = spec.get("taints") or []
        self.allocatable = amounts(status.get("allocatable") or {})
        self.has_milli_cpu = self.allocatable.get("cpu", 0)
        self.has_memory = self.allocatable.get("memory", 0)
        self.has_ephemeral_storage = self.allocatable.get("ephemeral-storage", 0)
        self.allowed_pods = self.allocatable.get("pods", 0)
        self.images: dict[str, int] = {
            name: image.get("sizeBytes") or 0 for image in status.get("images") or () for name in image.get("names") or ()
        }

    def add(self, entry: Entry) -> None:
        self.pods[entry.uid] = entry
        self._count(entry, 1)

    def remove(self, uid: str) -> None:
        self._count(self.pods.pop(uid), -1)

    def copy(self) -> NodeInfo:
        """An independent one with the same node and pods."""
        new = NodeInfo(self.name)
        new.set_node(self.node)
        new.index = self.index
        for entry in self.pods.values():
            new.add(entry)
        return new

    def _count(self, entry: Entry, sign: int) -> None:
        request = entry.facts.request
        self.milli_cpu += sign * request.milli_cpu
        self.memory += sign * request.memory
        self.ephemeral_storage += sign * request.ephemeral_storage
        self.counted_milli_cpu += sign * request.counted_milli_cpu
        self.counted_memory += sign * request.counted_memory
        _tally(self.priorities, entry.facts.priority, sign)
        for name, amount in request.scalars:
            self.scalars[name] = self.scalars.get(name, 0) + sign * amount
        for port in entry.facts.ports:
            _tally(self.ports, port, sign)
        for claim in entry.claims:
            _tally(self.claims, (entry.namespace, claim), sign)


def zone_key(labels: dict[str, str]) -> str:
    """Region and zone as one key; empty if the node names neither."""
    region = labels.get("failure-domain.beta.kubernetes.io/region") or labels.get("topology.kubernetes.io/region") or ""
    zone = labels.get("failure-domain.beta.kubernetes.io/zone") or labels.get("topology.kubernetes.io/zone") or ""
    return f"{region}:\x00:{zone}" if region or zone else ""


def _tally(counts: dict[Any, int], key: Any, sign: int) -> None:
    count = counts.get(key, 0) + sign
    if count > 0:
        counts[key] = count
    else:
        counts.pop(key, None)
