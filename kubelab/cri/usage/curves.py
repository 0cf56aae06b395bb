"""Curves: a demand over time as one analytic piece after the other, with closed values, integrals and crossings.

spec: cri-metrics.md section 6. Amounts are integers (nanocores, bytes, bytes per second), times nanoseconds since the curve began. A ``Profile``
is a CPU demand under a quota: what is served, how long it wants more than it may have, how long it is held back. Sines are computed by
additions and products alone, so every machine finds the same digits.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from functools import lru_cache
from math import factorial, pi
from typing import NamedTuple

from kubelab.world.codec import value

CORE = 1_000_000_000  # nanocores
CURVES_KEPT = 8192
_S21, _S19, _S17, _S15, _S13, _S11, _S9, _S7, _S5, _S3, _S1 = (
    (-1) ** term / factorial(2 * term + 1) for term in range(10, -1, -1)
)  # beyond x²¹ nothing is left in a double
_TURN = 2 * pi
_GAUSS = (  # Gauss–Legendre, 8 points: (position in [-1, 1], weight)
    (0.1834346424956498, 0.3626837833783620),
    (0.5255324099163290, 0.3137066458778873),
    (0.7966664774136267, 0.2223810344533745),
    (0.9602898564975363, 0.1012285362903763),
)


@value
class Curve(NamedTuple):
    """``kind`` and its numbers: constant (value), ramp (from, to, over), sine (mean, amplitude, period), spikes (base, peak, every,
    length), trace (time, value, time, value, …).
    """

    kind: str
    numbers: tuple[int, ...]

    def at(self, x: int) -> int:
        """The value ``x`` ns after the beginning, never below 0."""
        if self.kind == "constant":
            return self.numbers[0]
        return max(0, _VALUES[self.kind](self.numbers, x))

    @property
    def peak(self) -> int:
        """The highest value it ever has."""
        numbers = self.numbers
        if self.kind == "sine":
            return max(0, numbers[0] + numbers[1])
        if self.kind == "trace":
            return max(numbers[1::2])
        return max(numbers[:2]) if self.kind in ("ramp", "spikes") else numbers[0]

    @property
    def is_constant(self) -> bool:
        return self.kind == "constant"


def constant(amount: int) -> Curve:
    return Curve("constant", (amount,))


def sine(numerator: int, denominator: int) -> float:
    """sin(2π · numerator / denominator).

    >>> sine(1, 12), sine(3, 4), sine(5, 1)
    (0.49999999999999994, -1.0, 0.0)
    """
    turn = (numerator % denominator) / denominator
    if turn > 0.75:
        turn -= 1.0
    elif turn > 0.25:
        turn = 0.5 - turn
    angle = _TURN * turn
    x = angle * angle
    high = ((((_S21 * x + _S19) * x + _S17) * x + _S15) * x + _S13) * x + _S11
    return angle * (((((high * x + _S9) * x + _S7) * x + _S5) * x + _S3) * x + _S1)


def _constant_at(numbers: tuple[int, ...], x: int) -> int:
    return numbers[0]


def _ramp_at(numbers: tuple[int, ...], x: int) -> int:
    first, last, over = numbers
    return last if x >= over else first + (last - first) * x // over


def _sine_at(numbers: tuple[int, ...], x: int) -> int:
    mean, amplitude, period = numbers
    return mean + round(amplitude * sine(x, period))


def _spikes_at(numbers: tuple[int, ...], x: int) -> int:
    base, peak, every, length = numbers
    return peak if x % every < length else base


def _trace_at(numbers: tuple[int, ...], x: int) -> int:
    return numbers[2 * max(0, bisect_right(numbers[::2], x) - 1) + 1]


_VALUES: dict[str, Callable[[tuple[int, ...], int], int]] = {
    "constant": _constant_at,
    "ramp": _ramp_at,
    "sine": _sine_at,
    "spikes": _spikes_at,
    "trace": _trace_at,
}


# -- pieces -------------------------------------------------------------------------------------------------------------------
def period_of(curve: Curve) -> int:
    """After how many ns it begins anew; 0 for one that does not."""
    return curve.numbers[2] if curve.kind in ("sine", "spikes") else 0


@lru_cache(maxsize=CURVES_KEPT)
def pieces(curve: Curve) -> tuple[tuple[int, bool], ...]:
    """(start, smooth) of each piece of one period, or of all its life: on a smooth one it only rises or only falls, else it holds."""
    numbers = curve.numbers
    if curve.kind == "ramp":
        return ((0, True), (numbers[2], False)) if numbers[0] != numbers[1] else ((0, False),)
    if curve.kind == "sine":
        period = numbers[2]
        if not numbers[1]:
            return ((0, False),)
        starts = dict.fromkeys((0, period // 4, period * 3 // 4))
        return tuple((start, True) for start in starts)
    if curve.kind == "spikes":
        every, length = numbers[2], min(numbers[3], numbers[2])
        return ((0, False), (length, False)) if 0 < length < every else ((0, False),)
    if curve.kind == "trace":
        return tuple((start, False) for start in dict.fromkeys((0, *numbers[::2])))
    return ((0, False),)


def crossing(curve: Curve, first: int, last: int, level: int) -> int:
    """On a piece that only rises or only falls: the first instant at which it has reached ``level`` (``last`` if it never does)."""
    rising = curve.at(last) >= curve.at(first)
    while first < last:
        middle = (first + last) // 2
        found = curve.at(middle)
        if found >= level if rising else found <= level:
            last = middle
        else:
            first = middle + 1
    return first


def first_above(curve: Curve, level: int, x: int) -> int | None:
    """The first instant from ``x`` on at which it reaches a level that it then exceeds; None if it never does."""
    if curve.peak <= level:
        return None
    if curve.at(x) > level:
        return x
    period, parts = period_of(curve), pieces(curve)
    base = x - x % period if period else 0
    for turn in range(3 if period else 1):
        for index, (start, smooth) in enumerate(parts):
            begin = base + turn * period + start
            end = base + turn * period + parts[index + 1][0] if index + 1 < len(parts) else base + (turn + 1) * period
            is_last = index + 1 == len(parts) and not period
            if not is_last and end <= x:
                continue
            begin = max(begin, x)
            if curve.at(begin) > level:
                return begin
            if smooth and not is_last and curve.at(end) > level:
                return crossing(curve, begin, end, level)
    return None


def highest(curve: Curve, first: int, last: int) -> int:
    """The highest value between two instants, both included."""
    if curve.is_constant:
        return curve.numbers[0]
    period, parts = period_of(curve), pieces(curve)
    if period and last - first >= period:
        return max(curve.at(start) for start, _ in parts)
    base = first - first % period if period else 0
    starts = [base + turn + start for turn in dict.fromkeys((0, period)) for start, _ in parts]
    return max(curve.at(x) for x in (first, last, *(start for start in starts if first < start <= last)))


def rises(curve: Curve, x: int) -> int:
    """By how much it has risen in all, jumps at the very beginning apart, from its beginning to ``x``: what has to be touched anew."""
    numbers = curve.numbers
    if curve.kind == "ramp":
        return max(0, curve.at(x) - curve.at(0))
    if curve.kind == "sine":
        period = numbers[2]
        turns, rest = divmod(x, period)
        top, low, begin = curve.at(period // 4), curve.at(period * 3 // 4), curve.at(0)
        out = turns * (top - begin + curve.at(period) - low)
        return (
            out + (curve.at(rest) if rest < period // 4 else top) - begin + (max(0, curve.at(rest) - low) if rest >= period * 3 // 4 else 0)
        )
    if curve.kind == "spikes":
        base, peak, every, length = numbers
        return max(0, peak - base) * (x // every) if length < every else 0
    if curve.kind == "trace":
        count = max(1, bisect_right(numbers[::2], x))
        values = numbers[1 : 2 * count : 2]
        return sum(max(0, after - before) for before, after in zip(values, values[1:], strict=False))
    return 0


def area(curve: Curve, first: int, last: int) -> int:
    """The integral over a smooth piece, in amount × ns."""
    span = last - first
    if curve.kind == "ramp":
        start, end, over = curve.numbers
        return start * span + (end - start) * (last * last - first * first) // (2 * over)
    mean, amplitude, period = curve.numbers
    swing = _across(first, period) - sine(4 * last + period, 4 * period)
    return mean * span + round(amplitude * period / _TURN * swing)


@lru_cache(maxsize=CURVES_KEPT)
def _across(x: int, period: int) -> float:
    """The cosine at the start of a piece."""
    return sine(4 * x + period, 4 * period)


# -- a demand under a quota -----------------------------------------------------------------------------------------------------
class Totals(NamedTuple):
    """From the beginning of a curve: ``served`` nanocores × ns, ``over`` ns of wanting more than the quota, ``held`` ns of runqueues held."""

    served: int = 0
    over: int = 0
    held: int = 0


NO_TOTALS = Totals()


class Part(NamedTuple):
    """A piece of a profile. ``level``: the amount served, −1: as the curve goes. ``queues``: runqueues that are held back (0: none)."""

    start: int
    level: int
    wanted: int
    queues: int


class Profile:
    """A curve under a cap (0: none) on a machine of ``cores``: its parts, and the totals at the start of each."""

    __slots__ = ("curve", "cap", "period", "starts", "parts", "sums", "whole", "is_smooth", "is_plain")

    def __init__(self, curve: Curve, cap: int, cores: int) -> None:
        self.curve, self.cap, self.period = curve, cap, period_of(curve)
        self.parts = _parts(curve, cap, cores)
        self.starts = [part.start for part in self.parts]
        self.is_smooth = any(part.level < 0 for part in self.parts)
        self.is_plain = len(self.parts) == 1 and self.parts[0].level >= 0 and not self.parts[0].queues
        self.sums = [Totals()]
        self.whole = Totals()
        for index, part in enumerate(self.parts):
            end = self.starts[index + 1] if index + 1 < len(self.parts) else self.period
            if end > part.start:
                total = _plus(self.sums[-1], self._within(part, end))
                if index + 1 < len(self.parts):
                    self.sums.append(total)
                self.whole = total

    def to(self, x: int) -> Totals:
        """The totals from the beginning to ``x``."""
        if x <= 0:
            return NO_TOTALS
        if self.is_plain:
            return Totals(self.parts[0].level * x)
        if not self.period:
            index = bisect_right(self.starts, x) - 1
            return _plus(self.sums[index], self._within(self.parts[index], x))
        turns, rest = divmod(x, self.period)
        index = bisect_right(self.starts, rest) - 1
        served, over, held = _plus(self.sums[index], self._within(self.parts[index], rest))
        whole = self.whole
        return Totals(turns * whole.served + served, turns * whole.over + over, turns * whole.held + held)

    def served(self, x: int) -> int:
        """What ``to`` says of what is served, alone."""
        if x <= 0:
            return 0
        turns, rest = divmod(x, self.period) if self.period else (0, x)
        index = bisect_right(self.starts, rest) - 1
        part = self.parts[index]
        inside = area(self.curve, part.start, rest) if part.level < 0 else part.level * (rest - part.start)
        return turns * self.whole.served + self.sums[index].served + inside

    def holds(self, x: int) -> bool:
        """Whether the part at ``x`` holds one value."""
        rest = x % self.period if self.period else max(0, x)
        return self.parts[bisect_right(self.starts, rest) - 1].level >= 0

    def rate(self, x: int) -> int:
        """What is served at ``x`` if nobody else wants it."""
        found = self.curve.at(x)
        return min(found, self.cap) if self.cap else found

    @property
    def peak(self) -> int:
        return min(self.curve.peak, self.cap) if self.cap else self.curve.peak

    def next_edge(self, x: int) -> int | None:
        """The first start of a part after ``x``; None if the last one has begun."""
        base = x - x % self.period if self.period else 0
        index = bisect_right(self.starts, x - base)
        if index < len(self.starts):
            return base + self.starts[index]
        return base + self.period if self.period and len(self.starts) > 1 else None

    def _within(self, part: Part, x: int) -> Totals:
        span = x - part.start
        served = area(self.curve, part.start, x) if part.level < 0 else part.level * span
        if not part.queues:
            return Totals(served)
        if part.wanted >= 0:
            return Totals(served, span, part.queues * (part.wanted - self.cap) * span // part.wanted)
        return Totals(served, span, round(part.queues * _held_share(self.curve, self.cap, part.start, x)))


def _plus(first: Totals, second: Totals) -> Totals:
    return Totals(first.served + second.served, first.over + second.over, first.held + second.held)


def _held_share(curve: Curve, cap: int, first: int, last: int) -> float:
    """∫ 1 − cap / demand over a smooth piece above the cap."""
    half, middle = (last - first) / 2, (first + last) / 2
    total = 0.0
    for position, weight in _GAUSS:
        for sign in (-1, 1):
            wanted = max(cap, curve.at(round(middle + sign * position * half)))
            total += weight * (1 - cap / wanted)
    return total * half


def _parts(curve: Curve, cap: int, cores: int) -> list[Part]:
    period, found = period_of(curve), pieces(curve)
    out: list[Part] = []
    for index, (start, smooth) in enumerate(found):
        end = found[index + 1][0] if index + 1 < len(found) else period
        edges = [start]
        if smooth and end > start:
            low, high = sorted((curve.at(start), curve.at(end)))
            levels = [1] if curve.kind == "sine" else []
            if cap:
                levels += [cap, *range(-(-max(cap, low) // CORE) * CORE, high, CORE)[:cores]]
            edges += [at for level in levels if low < level <= high for at in (crossing(curve, start, end, level),)]
        for edge, after in _spans(sorted(dict.fromkeys(edges)), end):
            out.append(_part(curve, cap, cores, edge, (edge + after) // 2 if after > edge else edge, smooth))
    return out


def _spans(edges: list[int], end: int) -> list[tuple[int, int]]:
    edges = [edge for edge in edges if edge < end or edge == edges[0]]
    return list(zip(edges, [*edges[1:], end], strict=True))


def _part(curve: Curve, cap: int, cores: int, start: int, middle: int, smooth: bool) -> Part:
    wanted = curve.at(middle)
    if cap and wanted > cap:
        return Part(start, cap, -1 if smooth else wanted, min(-(-wanted // CORE), cores))
    return Part(start, -1 if smooth and wanted > 0 else wanted, -1 if smooth else wanted, 0)


@lru_cache(maxsize=CURVES_KEPT)
def profile(curve: Curve, cap: int, cores: int) -> Profile:
    """The profile of a curve under a cap in nanocores (0: none), on a machine with so many cores.

    >>> third = profile(Curve("spikes", (0, CORE, 60 * CORE, 20 * CORE)), CORE // 4, 4)
    >>> third.to(120 * CORE).served / CORE / CORE, third.to(120 * CORE).held / CORE
    (10.0, 30.0)
    """
    return Profile(curve, cap, cores)
