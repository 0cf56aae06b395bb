"""Sharing straight lines: over a cell in which each container wants a straight line, who gets what, exactly and without a sample.

spec: cri-metrics.md section 6, point 2. In a cgroup that cannot serve all its children there is a level: each child gets what it wants, at most its
weight times the level. While the same children are held back, the level is a straight line too; where a child's want crosses it, that child
changes sides, and the level bends. The integral of the level is kept in integers, rounded down: what is given never exceeds what there is.
"""

from __future__ import annotations

from itertools import compress, repeat
from math import inf
from operator import gt, mul, ne, sub
from typing import NamedTuple

from kubelab.cri.usage.tree import Branch
from kubelab.cri.usage.wants import Cell

FINE = 24  # bits of the level's integral behind the point
FEW = 4  # children that are looked at one by one
NEAR = 64  # a child may change sides whose share of the level's end is that part away
FREE, CAPPED, SHORT = "free", "capped", "short"  # how a branch is supplied: with all it wants, with its quota, by its parent's level


class Level:
    """A branch in a cell. Lines are given by their values at both ends of the cell."""

    __slots__ = ("branch", "above", "starts", "ends", "start", "end", "held", "weight", "fed_start", "fed_end", "supply",
                 "supply_start", "supply_end", "level_start", "level_end", "from_x", "base", "supplied", "next_x", "next_child",
                 "near", "near_low", "near_high")  # fmt: skip

    def __init__(self, branch: Branch, starts: tuple[int, ...], ends: tuple[int, ...], held: list[bool]) -> None:
        self.branch, self.starts, self.ends, self.held = branch, starts, ends, held
        self.above: Level | None = None
        self.start = sum(starts)
        self.end = self.start if ends is starts else sum(ends)
        self.weight = self.fed_start = self.fed_end = 0
        self.supply = FREE
        self.supply_start = self.supply_end = self.level_start = self.level_end = 0.0
        self.from_x = self.base = self.supplied = 0
        self.next_x, self.next_child = -1, -1
        self.near: list[int] = []
        self.near_low, self.near_high = 1.0, 0.0

    def is_over(self) -> bool:
        """Whether its children want more than its quota."""
        return 0 < self.branch.cap < (self.start + self.end) / 2

    def wants(self) -> tuple[int, int]:
        """What it wants of its parent, at both ends."""
        return (self.branch.cap, self.branch.cap) if self.is_over() else (self.start, self.end)

    def free(self) -> int:
        """What its containers that are not held back want, at both ends together."""
        leaves, held, out = len(self.branch.leaves), self.held, self.start + self.end
        if self.weight:
            out = self.fed_start + self.fed_end
        for child in range(leaves, len(held)):
            out -= 0 if held[child] else self.starts[child] + self.ends[child]
        return out

    def held_weight(self) -> int:
        """Of its containers that are held back."""
        leaves = len(self.branch.leaves)
        return self.weight - sum(compress(self.branch.weights[leaves:], self.held[leaves:]))


class Flip(NamedTuple):
    """A container changes sides: ns since the cell began, whether it is held back from then on, the integral of the level so far."""

    x: int
    level: Level
    child: int
    is_held: bool
    integral: int

    @property
    def leaf(self) -> int:
        return self.level.branch.leaves[self.child]


class Sharing:
    """Of one cell. ``held``: for each branch, who was held back at the end of the cell before."""

    __slots__ = ("cell", "span", "capacity", "levels", "flips")

    def __init__(self, tree: list[Branch], capacity: int, cell: Cell, held: list[list[bool]]) -> None:
        self.cell, self.capacity = cell, capacity
        self.span = cell.to_ns - cell.from_ns
        self.flips: list[Flip] = []
        self.levels: list[Level] = []
        for number in reversed(range(len(tree))):
            branch, below = tree[number], self.levels
            starts = branch.pick(cell.starts)
            ends = starts if cell.ends is cell.starts else branch.pick(cell.ends)
            if branch.branches:
                inside = [below[len(tree) - 1 - child].wants() for child in branch.branches]
                starts, ends = (*starts, *[each[0] for each in inside]), (*ends, *[each[1] for each in inside])
            self.levels.append(Level(branch, starts, ends, list(held[number])))
        self.levels.reverse()
        for level in self.levels[1:]:
            level.above = self.levels[level.branch.parent]
        self._settle()

    def go(self, cell: Cell) -> None:
        """On to another cell with the same wants, in which nothing bends."""
        self.cell, self.span = cell, cell.to_ns - cell.from_ns

    # -- at the start of the cell -----------------------------------------------------------------------------------------------
    def _settle(self) -> None:
        root = self.levels[0]
        if root.start <= self.capacity >= root.end and not any(level.is_over() for level in self.levels if level.branch.cap):
            for level in self.levels:
                self._release(level, 0)
            return
        for level in self.levels:
            self._supply(level)
            if level.supply == FREE:
                self._release(level, 0)
                continue
            if self.cell.is_fresh:
                self._solve(level)
            self._relay(level)
        if self.cell.starts != self.cell.ends:
            for level in self.levels:
                self._foresee(level, 0)

    def _supply(self, level: Level) -> None:
        """From where a branch gets its share."""
        above = level.above
        if above is not None and above.held[level.branch.place]:
            weight = above.branch.weights[level.branch.place]
            level.supply = SHORT
            level.supply_start, level.supply_end = weight * above.level_start, weight * above.level_end
        elif above is None or level.is_over():
            level.supply = CAPPED
            level.supply_start = level.supply_end = self._quota(level)
        else:
            level.supply = FREE

    def _quota(self, level: Level) -> int:
        return level.branch.cap if level.above is not None else self.capacity

    def _solve(self, level: Level) -> None:
        """Who is held back at the start: Newton's steps on what is given as a function of the level, which come to rest from below."""
        starts, weights, supply, before = level.starts, level.branch.weights, level.supply_start, level.held
        if level.start <= supply:
            self._hold(level, [False] * len(before))
            return
        held = before if True in before else [True] * len(before)
        for _ in range(len(held) + 4):
            at = (supply - level.start + sum(compress(starts, held))) / sum(compress(weights, held))
            found = list(map(gt, starts, map(mul, weights, repeat(at))))
            if found == held:
                break
            held = found if True in found else [True] * len(before)
        self._hold(level, held)

    def _hold(self, level: Level, held: list[bool]) -> None:
        if held != level.held:
            leaves = len(level.branch.leaves)
            for child in compress(range(leaves), map(ne, level.held, held)):
                self.flips.append(Flip(0, level, child, held[child], 0))
            level.held = held

    def _relay(self, level: Level) -> None:
        """Its level as a straight line, as long as the same children are held back."""
        held = level.held
        level.weight = sum(compress(level.branch.weights, held))
        level.fed_start = level.start - sum(compress(level.starts, held))
        level.fed_end = level.fed_start if level.ends is level.starts else level.end - sum(compress(level.ends, held))
        if level.weight:
            level.level_start = (level.supply_start - level.fed_start) / level.weight
            level.level_end = (level.supply_end - level.fed_end) / level.weight

    # -- within the cell ----------------------------------------------------------------------------------------------------------
    def run(self, stop: int) -> None:
        """Let the children change sides up to an instant (ns since the cell began)."""
        for _ in range(64 + 8 * len(self.cell.starts)):  # each of them changes a few times at most
            due = [(level.next_x, number) for number, level in enumerate(self.levels) if level.next_x >= 0]
            if not due:
                return
            x, number = min(due)
            if x >= stop:
                return
            level = self.levels[number]
            self._toggle(level, level.next_child, x)
            self._relay(level)
            self._refresh(level, x)

    def _foresee(self, level: Level, x: int) -> None:
        """The next child that changes sides, from ``x`` on. A nanocore more or less is no reason to."""
        level.next_x = -1
        if level.supply == FREE:
            return
        if not level.weight:
            if level.end > level.supply_end + 1:
                first = level.supply_start - level.start
                at = self._root_of(first, level.supply_end - level.end, x)
                level.next_x, level.next_child = at, self._hungriest(level, at)
            return
        weights, ends, held, top = level.branch.weights, level.ends, level.held, level.level_end
        if not level.near_low <= top <= level.near_high:
            self._look_near(level)
        soonest = (self.span, -1)
        for child in level.near:
            gap = ends[child] - weights[child] * top
            if gap < -1 if held[child] else gap > 1:
                found = (self._root_of(level.starts[child] - weights[child] * level.level_start, gap, x), child)
                soonest = found if soonest[1] < 0 or found < soonest else soonest
        if soonest[1] >= 0:
            level.next_x, level.next_child = soonest

    def _look_near(self, level: Level) -> None:
        """Which children may change sides while the level ends near to where it ends now."""
        weights, top = level.branch.weights, level.level_end
        if len(weights) <= FEW:
            level.near, level.near_low, level.near_high = list(range(len(weights))), -inf, inf
            return
        blur = abs(top) / NEAR
        level.near_low, level.near_high = top - blur, top + blur
        most = max(weights) * blur + 1
        gaps = map(sub, level.ends, map(mul, weights, repeat(top)))
        level.near = [
            child for child, gap, held in zip(range(len(weights)), gaps, level.held, strict=True) if (gap < most if held else gap > -most)
        ]

    def _root_of(self, first: float, last: float, x: int) -> int:
        """Where a line from ``first`` to ``last`` goes through 0; now if it should have already."""
        if first == last or (first > 0) == (last > 0):
            return x
        return max(x, int(first / (first - last) * self.span))

    def _hungriest(self, level: Level, x: int) -> int:
        """Who wants most for its weight."""
        span, part = self.span, x
        wants = [first * (span - part) + last * part for first, last in zip(level.starts, level.ends, strict=True)]
        weights = level.branch.weights
        return max(range(len(wants)), key=lambda child: (wants[child] / weights[child], -child))

    def _toggle(self, level: Level, child: int, x: int) -> None:
        """A child changes sides."""
        self._fold(level, x)
        leaves = level.branch.leaves
        level.held[child] = is_held = not level.held[child]
        if child not in level.near:
            level.near.append(child)
        if child < len(leaves):
            self.flips.append(Flip(x, level, child, is_held, level.base))
            return
        inside = self.levels[level.branch.branches[child - len(leaves)]]
        self._fold(inside, x)
        if not is_held:
            self._supply(inside)
            if inside.supply == FREE:
                self._release(inside, x)
                return
            inside.supplied = self._supplied(inside, x)
            self._relay(inside)
            self._foresee(inside, x)
            return
        inside.supply = SHORT
        if not any(inside.held):
            self._toggle(inside, self._hungriest(inside, x), x)

    def _release(self, level: Level, x: int) -> None:
        """Nobody in it is held back any more."""
        for child, is_held in enumerate(level.held):
            if is_held and x:
                self._toggle(level, child, x)
            elif is_held:
                self._hold(level, [False] * len(level.held))
                break
        level.weight, level.next_x = 0, -1

    def _refresh(self, level: Level, x: int) -> None:
        """The level has bent: so has what the branches below get."""
        self._foresee(level, x)
        for number in level.branch.branches:
            inside = self.levels[number]
            was_free = inside.supply == FREE
            self._supply(inside)
            if was_free and inside.supply == FREE:
                continue
            inside.supplied = self._supplied(inside, x) if inside.from_x == x else inside.supplied
            self._relay(inside)
            self._refresh(inside, x)

    # -- integrals ------------------------------------------------------------------------------------------------------------------
    def _fold(self, level: Level, x: int) -> None:
        level.base = self.integral(level, x)
        level.from_x = x
        level.supplied = self._supplied(level, x)

    def integral(self, level: Level, x: int) -> int:
        """Of the level since the cell began, in half nanocores × ns per unit of weight."""
        if not level.weight or x <= level.from_x:
            return level.base
        got = self._supplied(level, x) - level.supplied
        fed = self._wanted(level.fed_start, level.fed_end, x) - self._wanted(level.fed_start, level.fed_end, level.from_x)
        return level.base + max(0, ((got - fed - 2 * len(level.held)) << FINE) // level.weight)

    def _supplied(self, level: Level, x: int) -> int:
        """What a branch has been given, as far as its parent decides that."""
        if level.supply == CAPPED:
            return 2 * int(level.supply_start) * x
        if level.supply == SHORT and level.above is not None:
            return (level.above.branch.weights[level.branch.place] * self.integral(level.above, x)) >> FINE
        return 0

    def _wanted(self, first: int, last: int, x: int) -> int:
        return 2 * first * x + (last - first) * x * x // self.span

    def gains(self, known: list[int], x: int) -> list[int]:
        """What each leaf has got, in half nanocores × ns, ``x`` ns after the cell began with what is ``known``; after ``run`` to there."""
        span, cell = self.span, self.cell
        if x == span:
            out = [before + (first + last) * span for before, first, last in zip(known, cell.starts, cell.ends, strict=True)]
        else:
            wanted = self._wanted
            out = [before + wanted(first, last, x) for before, first, last in zip(known, cell.starts, cell.ends, strict=True)]
        for level in self.levels:
            if level.weight:
                total, leaves = self.integral(level, x), level.branch.leaves
                for leaf, weight in compress(zip(leaves, level.branch.weights, strict=False), level.held):
                    out[leaf] = known[leaf] + (weight * total >> FINE)
        for leaf in dict.fromkeys(flip.leaf for flip in self.flips if flip.x):
            out[leaf] = known[leaf] + self.moved(leaf, x)
        return out

    def holds(self, leaf: int) -> bool:
        """Whether a leaf that has changed sides is held back now."""
        last = next(flip for flip in reversed(self.flips) if flip.leaf == leaf)
        return last.is_held

    def moved(self, leaf: int, x: int) -> int:
        """What a leaf has got that has changed sides."""
        first, last = self.cell.starts[leaf], self.cell.ends[leaf]
        mine = [flip for flip in self.flips if flip.leaf == leaf]
        level, child = mine[0].level, mine[0].child
        weight, total, since, base, is_held = level.branch.weights[child], 0, 0, 0, not mine[0].is_held
        for at, _, _, changed, integral in (*mine, Flip(x, level, child, False, self.integral(level, x))):
            if is_held:
                total += (weight * (integral - base)) >> FINE
            else:
                total += self._wanted(first, last, at) - self._wanted(first, last, since)
            since, base, is_held = at, integral, changed
        return total
