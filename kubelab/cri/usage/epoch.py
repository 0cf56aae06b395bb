"""An epoch: a time in which the same containers compete for a CPU that cannot serve them all.

spec: cri-metrics.md section 6, point 2. Demands are shared down the tree of weights; ``share`` says how at one instant, ``course`` over time.
"""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

from kubelab.cri.usage.demand import Run
from kubelab.cri.usage.shares import share_out
from kubelab.world.codec import value

SYSTEM = "system"
TIERS = ("guaranteed", "burstable", "besteffort")


@value
class Leaf(NamedTuple):
    """A container: its curve, its quota in nanocores, its weight in its pod."""

    id: str
    run: Run
    cap: int
    weight: int


@value
class PodShare(NamedTuple):
    """A pod's cgroup; a cap of 0: no quota."""

    tier: str
    weight: int
    cap: int
    leaves: tuple[Leaf, ...]


@value
class Epoch(NamedTuple):
    """``capacity`` nanocores for ``system`` (a leaf) and the pods, which are in the order of their tiers. ``weights``: of kubepods,
    kubepods/burstable and kubepods/besteffort.
    """

    from_ns: int
    capacity: int
    cores: int
    system: Leaf
    weights: tuple[int, int, int]
    pods: tuple[PodShare, ...]

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        return (self.system, *(leaf for pod in self.pods for leaf in pod.leaves))


class Shared(NamedTuple):
    """What each leaf gets, in the order of ``Epoch.leaves``, and the pattern: who is held below what it wants, at each level."""

    grants: list[int]
    pattern: tuple[bool, ...]


ALL_SERVED: tuple[bool, ...] = ()


def share(epoch: Epoch, wants: list[int], span: int) -> Shared:
    """Share the CPU of ``span`` ns (1: of an instant) among wants in nanocores × ns."""
    if sum(wants) <= epoch.capacity * span and not any(pod.cap for pod in epoch.pods):
        return Shared(wants, ALL_SERVED)
    pattern: list[bool] = []
    pods, at = [], 1
    for pod in epoch.pods:
        mine = wants[at : at + len(pod.leaves)]
        at += len(pod.leaves)
        asked, most = sum(mine), pod.cap * span
        pattern.append(0 < most < asked)
        pods.append((pod, mine, min(asked, most) if most else asked))
    units: list[tuple[int, list[int]]] = []  # weight under kubepods, the pods of it
    for tier, members in groupby(range(len(pods)), key=lambda index: pods[index][0].tier):
        if tier == TIERS[0]:
            units += [(pods[index][0].weight, [index]) for index in members]
        else:
            units.append((epoch.weights[TIERS.index(tier)], list(members)))
    unit_wants = [sum(pods[index][2] for index in members) for _, members in units]
    top = share_out(epoch.capacity * span, [wants[0], sum(unit_wants)], [epoch.system.weight, epoch.weights[0]])
    of_units = share_out(top[1], unit_wants, [weight for weight, _ in units])
    pattern += [top[0] < wants[0], top[1] < sum(unit_wants)]
    grants = [top[0]]
    for (_, inside_unit), given, asked in zip(units, of_units, unit_wants, strict=True):
        pattern.append(given < asked)
        parts = share_out(given, [pods[index][2] for index in inside_unit], [pods[index][0].weight for index in inside_unit])
        for index, part in zip(inside_unit, parts, strict=True):
            pod, mine, wanted = pods[index]
            got = share_out(part, mine, [leaf.weight for leaf in pod.leaves])
            pattern.append(part < wanted)
            pattern += [granted < want for granted, want in zip(got, mine, strict=True)]
            grants += got
    return Shared(grants, tuple(pattern))
