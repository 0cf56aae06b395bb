"""TaintToleration: taints that the pod does not tolerate exclude a node, or make it less welcome.

upstream: pkg/scheduler/framework/plugins/tainttoleration/taint_toleration.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from kubelab.kinds.core.node_selectors import tolerates, untolerated
from kubelab.scheduler.facts import Entry
from kubelab.scheduler.framework import MAX_NODE_SCORE, NODE_ADD, NODE_UPDATE, Status
from kubelab.scheduler.node_info import NodeInfo

NAME = "TaintToleration"
WEIGHT = 3
WAKES_ON = (NODE_ADD, *NODE_UPDATE)


def filter(pod: Entry, node: NodeInfo) -> Status | None:
    if not node.taints:
        return None
    taint = untolerated(node.taints, pod.facts.spec.get("tolerations") or (), ("NoSchedule", "NoExecute"))
    return None if taint is None else _tainted(taint["key"], taint.get("value") or "")


@lru_cache(maxsize=1024)
def _tainted(key: str, text: str) -> Status:
    return Status(NAME, (f"node(s) had untolerated taint {{{key}: {text}}}",), unresolvable=True)


def score(pod: Entry, node: NodeInfo) -> int:
    """How many PreferNoSchedule taints the pod does not tolerate."""
    if not node.taints:
        return 0
    tolerations = [
        each for each in pod.facts.spec.get("tolerations") or () if (each.get("effect") or "PreferNoSchedule") == "PreferNoSchedule"
    ]
    return sum(_is_unwelcome(taint, tolerations) for taint in node.taints)


def _is_unwelcome(taint: dict[str, Any], tolerations: list[dict[str, Any]]) -> bool:
    effect = taint["effect"]
    return effect == "PreferNoSchedule" and not tolerates(tolerations, taint["key"], taint.get("value") or "", effect)


def normalize(raw: Sequence[int]) -> list[int]:
    """Reversed: the node with the most of them gets 0."""
    highest = max(raw)
    if highest == 0:
        return [MAX_NODE_SCORE] * len(raw)
    return [MAX_NODE_SCORE - MAX_NODE_SCORE * each // highest for each in raw]
