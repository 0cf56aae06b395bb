"""How a node's resources become a score: LeastAllocated, MostAllocated, RequestedToCapacityRatio, and the balance, over any resources.

Of the default profile these are the plain cases of ``node_resources_fit.score`` and ``node_resources_balanced_allocation.score``.

upstream: pkg/scheduler/framework/plugins/noderesources/{resource_allocation,least_allocated,most_allocated,requested_to_capacity_ratio,
balanced_allocation}.go, plugins/helper/shape_score.go, 1.28.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from kubelab.kinds.core.resources import is_scalar_resource
from kubelab.scheduler.facts import Entry
from kubelab.scheduler.framework import MAX_NODE_SCORE
from kubelab.scheduler.node_info import NodeInfo

Object = dict[str, Any]
Score = Callable[[Entry, NodeInfo], int]
Shape = Sequence[tuple[int, int]]  # (utilization, score)

_MAX_CUSTOM_SCORE = 10


def strategy(given: Object) -> Score:
    """The score of a ``scoringStrategy``."""
    weights = [(each["name"], each["weight"]) for each in given["resources"]]
    if given["type"] == "RequestedToCapacityRatio":
        points = (given.get("requestedToCapacityRatio") or {}).get("shape") or ()
        scale = MAX_NODE_SCORE // _MAX_CUSTOM_SCORE
        shape = [(each.get("utilization", 0), each.get("score", 0) * scale) for each in points]
        return lambda pod, node: _ratio(amounts(pod, node, weights), shape)
    share = least if given["type"] == "LeastAllocated" else most
    return lambda pod, node: _mean([(share(asked, has), weight) for asked, has, weight in amounts(pod, node, weights)])


def balance(resources: Sequence[Object]) -> Score:
    """The score of NodeResourcesBalancedAllocation over its ``resources``."""
    weights = [(each["name"], 1) for each in resources]
    return lambda pod, node: _balance([min(asked / has, 1.0) for asked, has, _ in amounts(pod, node, weights, is_counted=False)])


def amounts(pod: Entry, node: NodeInfo, weights: Sequence[tuple[str, int]], *, is_counted: bool = True) -> list[tuple[int, int, int]]:
    """(requested with the pod, allocatable, weight) of each resource that the node has and that counts for the pod.

    ``is_counted``: containers that ask for no cpu or memory count with a default.
    """
    found = [(*_amount(pod, node, name, is_counted=is_counted), weight) for name, weight in weights]
    return [each for each in found if each[1]]


def _amount(pod: Entry, node: NodeInfo, name: str, *, is_counted: bool) -> tuple[int, int]:
    request = pod.facts.request
    match name:
        case "cpu":
            cpu = (node.counted_milli_cpu + request.counted_milli_cpu) if is_counted else (node.milli_cpu + request.milli_cpu)
            return cpu, node.has_milli_cpu
        case "memory":
            memory = (node.counted_memory + request.counted_memory) if is_counted else (node.memory + request.memory)
            return memory, node.has_memory
        case "ephemeral-storage":
            return node.ephemeral_storage + request.ephemeral_storage, node.has_ephemeral_storage
    asked = request.amount(name)
    if not is_scalar_resource(name) or not asked:
        return 0, 0
    return node.scalars.get(name, 0) + asked, node.allocatable.get(name, 0)


def least(asked: int, has: int) -> int:
    """The emptier, the better.

    >>> least(1, 4), least(5, 4)
    (75, 0)
    """
    return 0 if asked > has else (has - asked) * MAX_NODE_SCORE // has


def most(asked: int, has: int) -> int:
    """The fuller, the better.

    >>> most(1, 4), most(5, 4)
    (25, 100)
    """
    return min(asked, has) * MAX_NODE_SCORE // has


def _mean(scores: Sequence[tuple[int, int]]) -> int:
    total = sum(weight for _, weight in scores)
    return sum(score * weight for score, weight in scores) // total if total else 0


def _ratio(found: Sequence[tuple[int, int, int]], shape: Shape) -> int:
    """A score by a broken line over utilization; resources that score nothing do not count."""
    scores = [
        (broken_line(shape, MAX_NODE_SCORE if asked > has else asked * MAX_NODE_SCORE // has), weight) for asked, has, weight in found
    ]
    counted = [(score, weight) for score, weight in scores if score > 0]
    total = sum(weight for _, weight in counted)
    return math.floor(sum(score * weight for score, weight in counted) / total + 0.5) if total else 0


def broken_line(shape: Shape, at: int) -> int:
    """The value at a point of a line through given points, level outside of them; whole numbers, cut towards zero.

    >>> [broken_line([(0, 0), (40, 100)], at) for at in (0, 10, 40, 90)]
    [0, 25, 100, 100]
    """
    for index, (utilization, score) in enumerate(shape):
        if at <= utilization:
            if index == 0:
                return score
            from_utilization, from_score = shape[index - 1]
            return from_score + int((score - from_score) * (at - from_utilization) / (utilization - from_utilization))
    return shape[-1][1]


def _balance(shares: Sequence[float]) -> int:
    deviation = 0.0
    if len(shares) == 2:
        deviation = abs((shares[0] - shares[1]) / 2)
    elif len(shares) > 2:
        mean = sum(shares) / len(shares)
        deviation = math.sqrt(sum((share - mean) ** 2 for share in shares) / len(shares))
    return int((1 - deviation) * MAX_NODE_SCORE)
