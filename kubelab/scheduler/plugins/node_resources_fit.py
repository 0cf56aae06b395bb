"""NodeResourcesFit: the pod's requests must fit into what the node's pods leave; the emptier the node, the better (LeastAllocated).

upstream: pkg/scheduler/framework/plugins/noderesources/{fit,least_allocated}.go, 1.28.
"""

from __future__ import annotations

from typing import NamedTuple

from kubelab.kinds.core.resources import Request
from kubelab.scheduler.facts import Entry
from kubelab.scheduler.framework import MAX_NODE_SCORE, NODE_ADD, NODE_UPDATE, POD_DELETE, Status
from kubelab.scheduler.node_info import NodeInfo

NAME = "NodeResourcesFit"
WEIGHT = 1
TOO_MANY_PODS = "Too many pods"
INSUFFICIENT = "Insufficient {resource}"
WAKES_ON = (POD_DELETE, NODE_ADD, *NODE_UPDATE)


class Shortage(NamedTuple):
    """A resource that does not suffice."""

    resource: str
    requested: int
    used: int
    capacity: int

    @property
    def reason(self) -> str:
        return TOO_MANY_PODS if self.resource == "pods" else INSUFFICIENT.format(resource=self.resource)


def filter(pod: Entry, node: NodeInfo) -> Status | None:
    request = pod.facts.request
    if (
        len(node.pods) < node.allowed_pods
        and request.milli_cpu <= node.has_milli_cpu - node.milli_cpu
        and request.memory <= node.has_memory - node.memory
        and not request.ephemeral_storage
        and not request.scalars
    ):
        return None
    missing = shortages(request, node)
    return Status(NAME, tuple(each.reason for each in missing)) if missing else None


def filter_ignoring(names: tuple[str, ...], groups: tuple[str, ...], pod: Entry, node: NodeInfo) -> Status | None:
    """The same without extended resources that the profile ignores, by name or by the group before the slash."""
    missing = [each for each in shortages(pod.facts.request, node) if not _is_ignored(each.resource, names, groups)]
    return Status(NAME, tuple(each.reason for each in missing)) if missing else None


def _is_ignored(resource: str, names: tuple[str, ...], groups: tuple[str, ...]) -> bool:
    group, slash, _ = resource.partition("/")
    return bool(slash) and (resource in names or group in groups)


def shortages(request: Request, node: NodeInfo) -> list[Shortage]:
    """Every resource that is short, in upstream's order."""
    rows = [("pods", 1, len(node.pods), node.allowed_pods)]
    if not request.empty:
        rows.append(("cpu", request.milli_cpu, node.milli_cpu, node.has_milli_cpu))
        rows.append(("memory", request.memory, node.memory, node.has_memory))
        rows.append(("ephemeral-storage", request.ephemeral_storage, node.ephemeral_storage, node.has_ephemeral_storage))
        rows.extend((name, amount, node.scalars.get(name, 0), node.allocatable.get(name, 0)) for name, amount in request.scalars)
    return [Shortage(*row) for row in rows if row[1] > 0 and row[1] > row[3] - row[2]]


def score(pod: Entry, node: NodeInfo) -> int:
    """The mean of the free shares of cpu and memory after the pod, counting a default for containers that ask for nothing."""
    request, total, resources = pod.facts.request, 0, 0
    for asked, used, has in (
        (request.counted_milli_cpu, node.counted_milli_cpu, node.has_milli_cpu),
        (request.counted_memory, node.counted_memory, node.has_memory),
    ):
        if has:
            resources += 1
            if used + asked <= has:
                total += (has - used - asked) * MAX_NODE_SCORE // has
    return total // resources if resources else 0
