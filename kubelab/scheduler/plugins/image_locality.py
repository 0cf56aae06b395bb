"""ImageLocality: prefer nodes that have the pod's images already, the more so the more nodes have them.

upstream: pkg/scheduler/framework/plugins/imagelocality/image_locality.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubelab.scheduler.facts import Entry
from kubelab.scheduler.framework import MAX_NODE_SCORE
from kubelab.scheduler.node_info import NodeInfo

NAME = "ImageLocality"
WEIGHT = 1

_MEBIBYTE = 1024 * 1024
_LEAST = 23 * _MEBIBYTE
_MOST_PER_CONTAINER = 1000 * _MEBIBYTE


def score(pod: Entry, node: NodeInfo, spread: dict[str, int], nodes: int) -> int:
    """``spread``: on how many of the ``nodes`` each image is."""
    held = node.images
    return _score(pod, tuple([held.get(image) for image in pod.facts.images]), spread, nodes) if held else 0


def scores(pod: Entry, nodes: Sequence[NodeInfo], spread: dict[str, int]) -> list[int]:
    """The scores of all nodes at once: those that hold the same of the pod's images share one calculation."""
    images, known, out = pod.facts.images, dict[tuple[int | None, ...], int](), list[int]()
    for node in nodes:
        held = tuple([node.images.get(image) for image in images])
        found = known.get(held)
        if found is None:
            found = known[held] = _score(pod, held, spread, len(nodes))
        out.append(found)
    return out


def _score(pod: Entry, held: tuple[int | None, ...], spread: dict[str, int], nodes: int) -> int:
    """``held``: the sizes of the pod's images as a node has them, None for those that it lacks."""
    facts = pod.facts
    total = sum(int(size * (spread[image] / nodes)) for image, size in zip(facts.images, held, strict=True) if size is not None)
    most = _MOST_PER_CONTAINER * facts.containers
    return MAX_NODE_SCORE * (min(max(total, _LEAST), most) - _LEAST) // (most - _LEAST)
