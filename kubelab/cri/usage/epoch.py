"""An epoch: a time in which the same containers compete for a CPU that cannot serve them all.

spec: cri-metrics.md section 6, point 2. Demands are shared down the tree of weights. Between two breakpoints (edges of curves, changes of who is
served in full) each share is a fixed linear function of the demands, so sharing out the *integrals* of the demands gives the integrals of
the shares: nothing is lost or invented, however exact the breakpoints are.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import groupby
from typing import NamedTuple

from kubelab.cri.usage.curves import Profile, profile
from kubelab.cri.usage.demand import Run
from kubelab.cri.usage.shares import share_out
from kubelab.world.codec import value

SAMPLES = 8
EPOCHS_KEPT = 64
SEGMENTS_KEPT = 8192
SYSTEM = "system"
TIERS = ("guaranteed", "burstable", "besteffort")

Gained = tuple[int, int, int]  # nanocores × ns served, ns over the quota, ns held back


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


# -- its segments, found as they are asked for ---------------------------------------------------------------------------------
class Progress:
    """What has been worked out of an epoch: breakpoints, each leaf's gains at them, and its rate after them where nobody's demand moves.

    Recomputed from the epoch alone at any time.
    """

    __slots__ = ("epoch", "profiles", "moving", "index", "times", "gains", "steady", "forgotten_ns", "is_last_open", "_asked")

    def __init__(self, epoch: Epoch) -> None:
        self.epoch = epoch
        leaves = epoch.leaves
        self.profiles: list[tuple[Profile, int]] = [(profile(leaf.run.curve, leaf.cap, epoch.cores), leaf.run.from_ns) for leaf in leaves]
        self.moving = [found for found in self.profiles if not found[0].curve.is_constant]
        self.index = {leaf.id: number for number, leaf in enumerate(leaves)}
        self.times: list[int] = []
        self.gains: list[list[Gained]] = []
        self.steady: list[list[int] | None] = []
        self.forgotten_ns = epoch.from_ns
        self._begin(epoch.from_ns, [(0, 0, 0)] * len(leaves))
        self.is_last_open = False
        self._asked: tuple[int, list[Gained]] = (epoch.from_ns, self.gains[0])

    def _begin(self, t_ns: int, gains: list[Gained]) -> None:
        """A segment."""
        self.times.append(t_ns)
        self.gains.append(gains)
        holds = all(found.holds(t_ns - origin) for found, origin in self.moving)
        if len(self.times) > SEGMENTS_KEPT:
            del self.times[1 : -SEGMENTS_KEPT // 2], self.gains[1 : -SEGMENTS_KEPT // 2], self.steady[1 : -SEGMENTS_KEPT // 2]
            self.forgotten_ns = self.times[1]
        self.steady.append(share(self.epoch, self._wants_at(t_ns), 1).grants if holds else None)

    def of(self, leaf: int, t_ns: int) -> Gained:
        """One leaf's gains from the epoch's start."""
        number = self._segment(t_ns)
        rates = self.steady[number]
        return self._along(number, rates, leaf, t_ns) if rates is not None else self._with(number, t_ns)[leaf]

    def rates(self, t_ns: int) -> list[int]:
        """What each leaf gets at an instant, in nanocores."""
        rates = self.steady[self._segment(t_ns)]
        return rates if rates is not None else share(self.epoch, self._wants_at(t_ns), 1).grants

    def _segment(self, t_ns: int) -> int:
        while not self.is_last_open and self.times[-1] <= t_ns:
            self._extend()
        return max(0, bisect_right(self.times, t_ns) - 1)

    def _along(self, number: int, rates: list[int], leaf: int, t_ns: int) -> Gained:
        """In a segment in which every demand holds: in a straight line."""
        first, known = self.times[number], self.gains[number][leaf]
        found, origin = self.profiles[leaf]
        over = held = 0
        if found.cap and rates[leaf] == found.rate(first - origin):
            begin, end = found.to(first - origin), found.to(t_ns - origin)
            over, held = end.over - begin.over, end.held - begin.held
        return known[0] + rates[leaf] * (t_ns - first), known[1] + over, known[2] + held

    def _with(self, number: int, t_ns: int) -> list[Gained]:
        """All leaves' gains at an instant of a segment."""
        first, rates = self.times[number], self.steady[number]
        if t_ns <= first:
            return self.gains[number]
        if rates is not None:
            return [self._along(number, rates, leaf, t_ns) for leaf in range(len(rates))]
        if self._asked[0] == t_ns:
            return self._asked[1]
        totals = [(found.to(first - origin), found.to(t_ns - origin)) for found, origin in self.profiles]
        wants = [end.served - begin.served for begin, end in totals]
        grants = share(self.epoch, wants, t_ns - first).grants
        out = []
        for known, grant, want, (begin, end) in zip(self.gains[number], grants, wants, totals, strict=True):
            over, held = (end.over - begin.over, end.held - begin.held) if grant == want else (0, 0)
            out.append((known[0] + grant, known[1] + over, known[2] + held))
        self._asked = (t_ns, out)
        return out

    def _extend(self) -> None:
        """The next segments, up to the next edge of any curve."""
        first = self.times[-1]
        edges = [edge + origin for found, origin in self.moving if (edge := found.next_edge(first - origin)) is not None]
        if not edges:
            self.is_last_open = True
            return
        changes = () if self.steady[-1] is not None else self._changes(first, min(edges))
        for t_ns in (*changes, min(edges)):
            self._begin(t_ns, self._with(len(self.times) - 1, t_ns))

    def _changes(self, first: int, last: int) -> list[int]:
        """Instants between two edges at which the pattern changes."""
        if last - first < 2 or self._is_easy(first, last):
            return []
        marks = list(dict.fromkeys((*(first + (last - first) * number // SAMPLES for number in range(SAMPLES)), last - 1)))
        out: list[int] = []
        patterns = [self._pattern(mark) for mark in marks]
        for number in range(len(marks) - 1):
            self._narrow(marks[number], marks[number + 1], patterns[number], patterns[number + 1], out)
        return out

    def _is_easy(self, first: int, last: int) -> bool:
        """Whether between two edges, where each demand only rises or falls, there is enough for all at their highest."""
        most = sum(max(one, other) for one, other in zip(self._wants_at(first), self._wants_at(last - 1), strict=True))
        return most <= self.epoch.capacity and not any(pod.cap for pod in self.epoch.pods)

    def _narrow(self, low: int, high: int, before: tuple[bool, ...], after: tuple[bool, ...], out: list[int]) -> None:
        """Bisect for the changes of pattern in (low, high]."""
        while before != after:
            if high - low <= 1:
                out.append(high)
                return
            middle = (low + high) // 2
            found = self._pattern(middle)
            if found == before:
                low = middle
            elif found == after:
                high = middle
            else:
                self._narrow(low, middle, before, found, out)
                low, before = middle, found

    def _pattern(self, t_ns: int) -> tuple[bool, ...]:
        return share(self.epoch, self._wants_at(t_ns), 1).pattern

    def _wants_at(self, t_ns: int) -> list[int]:
        return [found.rate(t_ns - origin) for found, origin in self.profiles]


_progress: dict[int, Progress] = {}


def progress(epoch: Epoch) -> Progress:
    """What is worked out of an epoch so far; forks share it, as they share the epoch."""
    found = _progress.get(id(epoch))
    if found is None or found.epoch is not epoch:
        if len(_progress) >= EPOCHS_KEPT:
            _progress.clear()
        found = _progress[id(epoch)] = Progress(epoch)
    return found


def _known_at(epoch: Epoch, t_ns: int) -> Progress:
    """An instant long before those that are usually asked for is worked out anew."""
    found = progress(epoch)
    return Progress(epoch) if epoch.from_ns < t_ns < found.forgotten_ns else found


def gained(epoch: Epoch, leaf_id: str, t_ns: int) -> Gained:
    """What a leaf has got from the epoch's start to an instant."""
    found = _known_at(epoch, t_ns)
    return found.of(found.index[leaf_id], t_ns)


def rate(epoch: Epoch, leaf_id: str, t_ns: int) -> int:
    """What a leaf gets at an instant, in nanocores."""
    found = _known_at(epoch, t_ns)
    return found.rates(t_ns)[found.index[leaf_id]]
