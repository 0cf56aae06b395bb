"""Which pods go first when there are too many: rule after rule, the first that tells two pods apart wins.

upstream: ActivePodsWithRanks in pkg/controller/controller_utils.go, GetDeletionCostFromPodAnnotations in pkg/apis/core/helper/helpers.go, 1.28.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cmp_to_key

from kubelab.controllers.common.pod_facts import created_ns, is_ready, phase, ready_since_ns, restarts
from kubelab.store.log import Object

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_PHASES = {"Pending": 0, "Unknown": 1, "Running": 2}
_COST = re.compile(r"-?[0-9]+")


def pods_to_delete(
    pods: Sequence[Object], count: int, *, on_node: Mapping[str, int], now_ns: int, release: str = "1.28"
) -> Sequence[Object]:
    """The ``count`` pods to delete. ``on_node``: how many active related pods each node has. No sorting when all go."""
    if count >= len(pods):
        return pods
    ranked = [_Ranked(pod, on_node.get(pod["spec"].get("nodeName") or "", 0), release) for pod in pods]
    ranked.sort(key=cmp_to_key(lambda one, other: one.compare(other, now_ns)))
    return [entry.pod for entry in ranked[:count]]


def youngest_first(pods: Sequence[Object]) -> list[Object]:
    """Those to delete first, first: without costs and ranks, and by exact times (upstream: ActivePods)."""
    ranked = [_Ranked(pod, 0, "1.7") for pod in pods]
    ranked.sort(key=cmp_to_key(lambda one, other: one.compare(other, 0)))
    return [entry.pod for entry in ranked]


def deletion_cost(pod: Object) -> int:
    """The annotated cost; 0 if absent or invalid (a plus sign, leading zeros, more than 32 bits)."""
    text = (pod["metadata"].get("annotations") or {}).get(DELETION_COST)
    if not text or not _COST.fullmatch(text) or (text[0] == "0" and text != "0"):
        return 0
    cost = int(text)
    return cost if -(2**31) <= cost < 2**31 else 0


class _Ranked:
    """A pod with its facts, read once."""

    __slots__ = ("before", "created_ns", "logarithmic", "pod", "ready_ns", "restarts", "uid")

    def __init__(self, pod: Object, related: int, release: str) -> None:
        modern = release != "1.7"
        ready = is_ready(pod)
        self.pod = pod
        self.before = (
            bool(pod["spec"].get("nodeName")),
            _PHASES.get(phase(pod), 0),
            ready,
            deletion_cost(pod) if modern else 0,
            -related,
        )
        self.ready_ns = ready_since_ns(pod) if ready else None
        self.restarts = restarts(pod)
        self.created_ns = created_ns(pod)
        self.uid = pod["metadata"]["uid"]
        self.logarithmic = modern

    def compare(self, other: _Ranked, now_ns: int) -> int:
        if self.before != other.before:
            return -1 if self.before < other.before else 1
        if self.ready_ns is not None and other.ready_ns is not None and self.ready_ns != other.ready_ns:
            return self._younger(other, self.ready_ns, other.ready_ns, now_ns)
        if self.restarts != other.restarts:
            return -1 if self.restarts > other.restarts else 1
        if self.created_ns != other.created_ns:
            return self._younger(other, self.created_ns, other.created_ns, now_ns)
        return 0

    def _younger(self, other: _Ranked, mine_ns: int, theirs_ns: int, now_ns: int) -> int:
        """An unknown time goes first, then the younger; ages of one power of two count as equal, and the lower uid goes."""
        if not mine_ns or not theirs_ns:
            return -1 if not mine_ns else 1
        if not self.logarithmic:
            return -1 if mine_ns > theirs_ns else 1
        difference = _age_class(mine_ns, now_ns) - _age_class(theirs_ns, now_ns)
        if difference == 0:
            return -1 if self.uid < other.uid else 1
        return difference


def _age_class(since_ns: int, now_ns: int) -> int:
    """floor(log2(age in nanoseconds)), -1 for no age."""
    age_ns = now_ns - since_ns
    return age_ns.bit_length() - 1 if age_ns > 0 else -1
