"""The tree of cgroups of an epoch, as branches: who shares with whom, by what weights.

upstream: pkg/kubelet/cm (kubepods ▸ Guaranteed pods, burstable, besteffort ▸ pods ▸ containers), 1.28; spec: cri-metrics.md sections 1 and 6. A pod
of one container that its own quota cannot hold back stands for that container.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from kubelab.cri.usage.epoch import TIERS, Epoch, PodShare

Picker = Callable[[Sequence[int]], tuple[int, ...]]


class Branch:
    """A cgroup with children: first leaves (by number), then branches (by number). ``cap`` nanocores (0: no quota); ``parent`` is a branch
    in which it is child number ``place``; −1 for the root.
    """

    __slots__ = ("leaves", "branches", "weights", "cap", "parent", "place", "pick")

    def __init__(self, cap: int = 0) -> None:
        self.leaves: list[int] = []
        self.branches: list[int] = []
        self.weights: list[int] = []
        self.cap = cap
        self.parent, self.place = -1, -1
        self.pick: Picker = _nothing


class _Sketch:
    """A branch while the tree is drawn."""

    def __init__(self, weight: int, cap: int = 0) -> None:
        self.weight, self.cap = weight, cap
        self.leaves: list[tuple[int, int]] = []
        self.branches: list[_Sketch] = []


def tree_of(epoch: Epoch) -> list[Branch]:
    """Its branches, parents before their children; the first is the machine, shared by its system (leaf 0) and the pods."""
    root, kubepods = _Sketch(0), _Sketch(epoch.weights[0])
    root.leaves.append((0, epoch.system.weight))
    tiers = {name: _Sketch(epoch.weights[number]) for number, name in enumerate(TIERS) if number}
    at = 1
    for pod in epoch.pods:
        above = tiers.get(pod.tier, kubepods)
        if len(pod.leaves) == 1 and _is_loose(pod):
            above.leaves.append((at, pod.weight))
        elif pod.leaves:
            inside = _Sketch(pod.weight, pod.cap)
            inside.leaves = [(at + number, leaf.weight) for number, leaf in enumerate(pod.leaves)]
            above.branches.append(inside)
        at += len(pod.leaves)
    kubepods.branches += [tier for tier in tiers.values() if tier.leaves or tier.branches]
    if kubepods.leaves or kubepods.branches:
        root.branches.append(_short(kubepods))
    return _drawn(root)


def _short(sketch: _Sketch) -> _Sketch:
    """Without a branch that has nothing to share out: its only child stands in its place."""
    while len(sketch.branches) == 1 and not sketch.leaves and not sketch.cap:
        inside = sketch.branches[0]
        inside.weight, sketch = sketch.weight, inside
    return sketch


def _is_loose(pod: PodShare) -> bool:
    leaf = pod.leaves[0]
    most = min(leaf.run.curve.peak, leaf.cap) if leaf.cap else leaf.run.curve.peak
    return not pod.cap or most <= pod.cap


def _drawn(root: _Sketch) -> list[Branch]:
    out: list[Branch] = []
    waiting: list[tuple[_Sketch, int, int]] = [(root, -1, -1)]
    while waiting:
        sketch, parent, place = waiting.pop(0)
        number, branch = len(out), Branch(sketch.cap)
        branch.parent, branch.place = parent, place
        branch.leaves = [leaf for leaf, _ in sketch.leaves]
        branch.weights = [max(1, weight) for _, weight in sketch.leaves] + [max(1, inside.weight) for inside in sketch.branches]
        branch.pick = _picker(branch.leaves)
        out.append(branch)
        if parent >= 0:
            out[parent].branches.append(number)
        waiting += [(inside, number, len(branch.leaves) + index) for index, inside in enumerate(sketch.branches)]
    return out


def _nothing(amounts: Sequence[int]) -> tuple[int, ...]:
    return ()


def _picker(leaves: list[int]) -> Picker:
    if not leaves:
        return _nothing
    if len(leaves) == 1:
        only = leaves[0]
        return lambda amounts: (amounts[only],)
    found: Any = itemgetter(*leaves)
    return found
