"""ImageLocality: prefer nodes that have the pod's images already, the more so the more nodes have them.

upstream: pkg/scheduler/framework/plugins/imagelocality/image_locality.go, 1.28.
"""

from __future__ import annotations

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
    facts, images = pod.facts, node.images
    if not images:
        return 0
    total = sum(int(images[image] * (spread[image] / nodes)) for image in facts.images if image in images)
    most = _MOST_PER_CONTAINER * facts.containers
    return MAX_NODE_SCORE * (min(max(total, _LEAST), most) - _LEAST) // (most - _LEAST)
