"""Gains: what each container of an epoch has got at the end of a cell, without adding to each of them in each cell.

spec: cri-metrics.md section 6, points 2 and 3. Those who are held back beside each other by the same weight gain the same, which is added up once
for all of them; who is not held back and wants the same all the time gains by the clock. Only who wants a slope is added to cell by cell. The
integers are those of ``Sharing.gains`` cell by cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kubelab.cri.usage.sharing import FINE, Sharing
from kubelab.cri.usage.tree import Branch
from kubelab.cri.usage.wants import Cell, Wants

SLOPE = -1  # a mode: added to in each cell. From 0 on: what is gained per ns; below −1: held back, by the sum of number −2 − mode


class Places(NamedTuple):
    """Of an epoch, once for all: the sum that a leaf follows while it is held back; of each branch its (weight, sum); the leaves of a voice."""

    sums: list[int]
    weights: list[list[tuple[int, int]]]
    leaves: list[list[int]]


class Gains(NamedTuple):
    """In half nanocores × ns: ``bases`` are what leaves have got beyond what their modes say. ``slopes``: those with that mode."""

    places: Places
    begun_ns: int
    bases: list[int]
    modes: list[int]
    sums: list[int]
    slopes: dict[int, None]

    def by_leaf(self, t_ns: int) -> list[int]:
        """All of them, at the start of a cell."""
        gone, sums = t_ns - self.begun_ns, self.sums
        followed = [mode * gone if mode >= 0 else sums[-2 - mode] if mode < SLOPE else 0 for mode in self.modes]
        return [base + more for base, more in zip(self.bases, followed, strict=True)]

    def told(self, gains: Sequence[int], t_ns: int) -> Gains:
        """As they are said to be at an instant."""
        followed = self._replace(bases=[0] * len(gains)).by_leaf(t_ns)
        return self._replace(bases=[gain - more for gain, more in zip(gains, followed, strict=True)])

    def served(self, cell: Cell) -> Gains:
        """At the end of a cell in which everybody gets all that it wants."""
        if not self.slopes:
            return self
        bases = list(self.bases)
        _add_slopes(bases, self.slopes, cell)
        return Gains(self.places, self.begun_ns, bases, self.modes, self.sums, self.slopes)

    def shared(self, sharing: Sharing, wants: Wants) -> tuple[Gains, int]:
        """At the end of a cell, and how much that is for all, or a little more than that."""
        cell = sharing.cell
        span, flips = cell.to_ns - cell.from_ns, sharing.flips
        sums, given, totals = list(self.sums), 0, []
        for number, level in enumerate(sharing.levels):
            given += level.free() * span
            total = sharing.integral(level, span) if level.weight else 0
            totals.append(total)
            if total:
                given += level.held_weight() * total >> FINE
                for weight, place in self.places.weights[number]:
                    sums[place] += weight * total >> FINE
        if not flips and not self.slopes:
            return Gains(self.places, self.begun_ns, self.bases, self.modes, sums, self.slopes), given
        bases, modes, slopes = list(self.bases), self.modes, self.slopes
        late: list[tuple[int, int]] = []
        if flips:
            modes, slopes, gone = list(modes), dict(slopes), cell.from_ns - self.begun_ns
            for leaf in dict.fromkeys(flip.leaf for flip in flips):
                gain = bases[leaf] + _followed(modes[leaf], self.sums, gone)
                mode = modes[leaf] = self._mode(leaf, sharing, wants)
                if mode == SLOPE:
                    slopes[leaf] = None
                else:
                    slopes.pop(leaf, None)
                bases[leaf] = gain - _followed(mode, self.sums, gone)
            for leaf in dict.fromkeys(flip.leaf for flip in flips if flip.x):
                late.append((leaf, bases[leaf] + _followed(modes[leaf], self.sums, gone)))
        _add_slopes(bases, slopes, cell)
        gone = cell.to_ns - self.begun_ns
        for leaf, gain in late:
            followed, moved = _followed(modes[leaf], sums, gone), sharing.moved(leaf, span)
            given += gain + moved - bases[leaf] - followed
            bases[leaf] = gain + moved - followed
        return Gains(self.places, self.begun_ns, bases, modes, sums, slopes), given

    def _mode(self, leaf: int, sharing: Sharing, wants: Wants) -> int:
        place = self.places.sums[leaf]
        return -2 - place if sharing.holds(leaf) else SLOPE if wants.smooth[wants.voice_of[leaf]] else 2 * sharing.cell.starts[leaf]

    def turned(self, wants: Wants) -> Gains:
        """Some want something else from now on."""
        if not wants.turned:
            return self
        bases, modes, slopes, gone = list(self.bases), list(self.modes), self.slopes, wants.t_ns - self.begun_ns
        for voice in wants.turned:
            mode = SLOPE if wants.smooth[voice] else 2 * wants.values[voice]
            for leaf in self.places.leaves[voice]:
                before = modes[leaf]
                if before < SLOPE or before == mode:
                    continue
                bases[leaf] += _followed(before, self.sums, gone) - _followed(mode, self.sums, gone)
                modes[leaf] = mode
                if SLOPE in (mode, before):
                    slopes = {**slopes, leaf: None} if mode == SLOPE else {each: None for each in slopes if each != leaf}
        return Gains(self.places, self.begun_ns, bases, modes, self.sums, slopes)


def _followed(mode: int, sums: list[int], gone: int) -> int:
    return mode * gone if mode >= 0 else sums[-2 - mode] if mode < SLOPE else 0


def _add_slopes(bases: list[int], slopes: dict[int, None], cell: Cell) -> None:
    span, starts, ends = cell.to_ns - cell.from_ns, cell.starts, cell.ends
    for leaf in slopes:
        bases[leaf] += (starts[leaf] + ends[leaf]) * span


def all_free(tree: list[Branch], wants: Wants) -> Gains:
    """Nobody has got anything, and nobody is held back."""
    count, voices = len(wants.voice_of), wants.voice_of
    sums, weights, places = [0] * count, [], 0
    for branch in tree:
        mine: dict[int, int] = {}
        for leaf, weight in zip(branch.leaves, branch.weights, strict=False):
            sums[leaf] = mine.setdefault(weight, places + len(mine))
        places += len(mine)
        weights.append(list(mine.items()))
    leaves: list[list[int]] = [[] for _ in wants.voices]
    for leaf, voice in enumerate(voices):
        leaves[voice].append(leaf)
    modes = [SLOPE if wants.smooth[voice] else 2 * wants.values[voice] for voice in voices]
    slopes = {leaf: None for leaf, mode in enumerate(modes) if mode == SLOPE}
    return Gains(Places(sums, weights, leaves), wants.begun_ns, [0] * count, modes, [0] * places, slopes)
