"""What the containers of an epoch want, as straight lines from instant to instant.

spec: cri-metrics.md section 6. Constants, spikes, traces and ramps are straight as they are. A sine is drawn as chords over a grid that all sines of the
epoch share, its amplitude raised by tan(x/2) / (x/2) for a step of x radians: so the integral over a whole chord is exactly the sine's, and at
no instant do the two differ by more than two ten-thousandths of the amplitude (128 chords in a period).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from heapq import heapify, heappop, heappush
from itertools import compress
from math import pi
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

from kubelab.cri.usage.curves import Profile, profile, sine
from kubelab.cri.usage.demand import Run

CHORDS, FEWEST_CHORDS = 128, 64
SHORTEST_NS = 100_000_000
TURNS_KEPT = 64  # after so many steps of the grid a sine is computed anew, instead of being turned by one step more


class Demanding(Protocol):
    """A leaf of an epoch."""

    @property
    def run(self) -> Run: ...
    @property
    def cap(self) -> int: ...


class Cell(NamedTuple):
    """From one instant to the next, in which each leaf wants a straight line: nanocores at both ends. ``is_fresh``: some have jumped at its
    start. ``is_last``: nothing changes any more.
    """

    from_ns: int
    to_ns: int
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    is_fresh: bool
    is_last: bool


class Wants:
    """Walks along the demands. Equal demands that began together are one voice."""

    __slots__ = ("voices", "voice_of", "spread", "bends", "sines", "bending", "ramps", "step_ns", "begun_ns", "steps", "phases", "t_ns", "values",
                 "target_ns", "targets", "met_ns", "met", "edges", "bent_ns", "smooth", "strays", "is_fresh", "turned")  # fmt: skip

    def __init__(self, leaves: Sequence[Demanding], cores: int, from_ns: int) -> None:
        numbers: dict[tuple[Run, int], int] = {}
        places = [numbers.setdefault((leaf.run, leaf.cap), len(numbers)) for leaf in leaves]
        self.voices: list[tuple[Profile, int]] = [(profile(run.curve, cap, cores), run.from_ns) for run, cap in numbers]
        self.voice_of, self.spread = places, _spread(places)
        self.bends = [_bends(found) for found, _ in self.voices]
        numbers_of_sines = [number for number, (found, _) in enumerate(self.voices) if found.curve.kind == "sine" and found.is_smooth]
        self.ramps = [number for number, (found, _) in enumerate(self.voices) if found.curve.kind == "ramp"]
        self.bending = [number for number in numbers_of_sines if self.bends[number]]
        self.step_ns = _step_ns([self.voices[number][0].period for number in numbers_of_sines])
        self.begun_ns, self.t_ns, self.steps, self.is_fresh = from_ns, from_ns, 0, True
        self.sines = self._choirs(numbers_of_sines)
        self.phases: list[tuple[float, float]] = []
        self.strays: tuple[int, ...] = ()
        self.turned: tuple[int, ...] = ()
        self.met_ns, self.met = -1, [0]
        self.smooth = [not found.holds(from_ns - origin) for found, origin in self.voices]
        self.bent_ns = [self._next_bend(number) for number in range(len(self.voices))]
        self.edges = [(edge, number) for number, edge in enumerate(self.bent_ns) if edge >= 0]
        heapify(self.edges)
        self.values = [self._value(number) for number in range(len(self.voices))]
        self.target_ns, self.targets = from_ns, self.values
        self._aim()

    def copy(self) -> Wants:
        """The same walk, to go on apart."""
        other = Wants.__new__(Wants)
        for name in self.__slots__:
            setattr(other, name, getattr(self, name))
        other.edges, other.bent_ns = list(self.edges), list(self.bent_ns)
        other.smooth, other.targets = list(self.smooth), list(self.targets)
        return other

    def cell(self) -> Cell:
        """The cell that begins now."""
        if self.target_ns < 0 and not self.edges:
            values = self.spread(self.values)
            return Cell(self.t_ns, self.t_ns, values, values, self.is_fresh, True)
        to_ns = self.edges[0][0] if self.edges and (self.target_ns < 0 or self.edges[0][0] < self.target_ns) else self.target_ns
        values, until = self.values, self.until(to_ns)
        starts = self.spread(values)
        return Cell(self.t_ns, to_ns, starts, starts if until is values else self.spread(until), self.is_fresh, False)

    def until(self, t_ns: int) -> list[int]:
        """What each voice wants just before an instant of the cell that begins now."""
        if True not in self.smooth:
            return self.values
        if t_ns == self.target_ns:
            return self.targets
        if self.met_ns != t_ns:
            span, part, values, targets = self.target_ns - self.t_ns, t_ns - self.t_ns, self.values, self.targets
            self.met_ns, self.met = t_ns, list(values)
            for number in compress(range(len(values)), self.smooth):
                first = values[number]
                self.met[number] = first + (targets[number] - first) * part // span
        return self.met

    def go(self, t_ns: int) -> None:
        """On to the end of a cell, or to an instant within it."""
        self.values, self.t_ns = self.until(t_ns), t_ns
        aim = t_ns == self.target_ns
        self.is_fresh, self.turned, self.met_ns = False, (), -1
        if self.edges and self.edges[0][0] == t_ns:
            self.values = list(self.values)
            while self.edges and self.edges[0][0] == t_ns:
                self._turn(heappop(self.edges)[1])
        if aim or (self.target_ns < 0 and any(self.smooth)):
            self._aim()

    def _turn(self, number: int) -> None:
        """A voice goes another way from now on."""
        found, origin = self.voices[number]
        self.turned = (*self.turned, number)
        self.smooth[number] = not found.holds(self.t_ns - origin)
        value = found.rate(self.t_ns - origin)
        self.is_fresh = self.is_fresh or value != self.values[number]
        self.values[number] = value
        edge = self.bent_ns[number] = self._next_bend(number)
        if edge >= 0:
            heappush(self.edges, (edge, number))
        if self.target_ns > self.t_ns:
            bent_ns = self.target_ns if edge < 0 else min(edge, self.target_ns)
            self.targets[number] = self._chord(number, bent_ns) if self.smooth[number] else value
            self.strays = (*self.strays, number)

    def _next_bend(self, number: int) -> int:
        (found, origin), bends = self.voices[number], self.bends[number]
        x = max(0, self.t_ns - origin)
        base = x - x % found.period if found.period else 0
        for bend in bends:
            if base + bend > x:
                return origin + base + bend
        return origin + base + found.period + bends[0] if bends and found.period else -1

    def _value(self, number: int) -> int:
        found, origin = self.voices[number]
        return self._swing(number, self.t_ns) if self.smooth[number] else found.rate(self.t_ns - origin)

    def _swing(self, number: int, t_ns: int) -> int:
        """Where a smooth voice would be at an instant."""
        found, origin = self.voices[number]
        if found.curve.kind == "ramp":
            first, last, over = found.curve.numbers
            return first + (last - first) * (t_ns - origin) // over
        mean, amplitude, period = found.curve.numbers
        return max(0, int(mean + amplitude * raised(self.step_ns, period) * sine(t_ns - origin, period)))

    def _chord(self, number: int, to_ns: int) -> int:
        """A line with the integral of the curve up to ``to_ns``, drawn from now on: where it leads at the target."""
        found, origin = self.voices[number]
        span = to_ns - self.t_ns
        first, last = found.rate(self.t_ns - origin), found.rate(to_ns - 1 - origin)
        if span > 1:
            mean = (found.served(to_ns - origin) - found.served(self.t_ns - origin)) // span
            rise = max(-2 * mean, min(2 * mean, last - first))
            first = max(0, mean - rise // 2)
            last = first + rise
        self.values[number] = first
        return first + (last - first) * (self.target_ns - self.t_ns) // span

    def _aim(self) -> None:
        """The next target: a point of the grid, or where the next voice bends."""
        if not self.step_ns:
            self.target_ns = self.edges[0][0] if self.edges else -1
        else:
            self.target_ns = self.begun_ns + (1 + (self.t_ns - self.begun_ns) // self.step_ns) * self.step_ns
        self.values, self.targets = list(self.values), list(self.values)
        smooth = self.smooth
        for number in self.strays:  # back on the grid
            self.values[number] = value = self._value(number)
            if not smooth[number]:
                self.targets[number], self.turned = value, (*self.turned, number)
        self.strays = ()
        if not any(smooth):
            self.phases = []
            return
        for (numbers, _), values in zip(self.sines, self._sung(), strict=True):
            for number, value in zip(numbers, values, strict=True):
                if smooth[number]:
                    self.targets[number] = value
        for number in self.bending:
            if smooth[number] and 0 <= self.bent_ns[number] < self.target_ns:  # its line leads past where it bends
                self.targets[number] = self._chord(number, self.bent_ns[number])
        for number in self.ramps:
            if smooth[number]:
                self.targets[number] = self._swing(number, self.target_ns)

    def _choirs(self, sines: list[int]) -> list[tuple[list[int], list[tuple[int, float, float]]]]:
        """The sines by period: their numbers; of each its mean, and how much sine and cosine of the time since the walk began are in it."""
        out: dict[int, tuple[list[int], list[tuple[int, float, float]]]] = {}
        for number in sines:
            found, origin = self.voices[number]
            mean, amplitude, period = found.curve.numbers
            swing, since = amplitude * raised(self.step_ns, period), self.begun_ns - origin
            numbers, singers = out.setdefault(period, ([], []))
            numbers.append(number)
            singers.append((mean, swing * _cosine(since, period), swing * sine(since, period)))
        return list(out.values())

    def _sung(self) -> list[list[int]]:
        """All sines at the target, never below 0."""
        periods = [self.voices[numbers[0]][0].period for numbers, _ in self.sines]
        if not self.phases or self.steps % TURNS_KEPT == 0:
            x = self.target_ns - self.begun_ns
            self.phases = [(sine(x, period), _cosine(x, period)) for period in periods]
        else:
            turns = [_turn(self.step_ns, period) for period in periods]
            self.phases = [
                (up * cosine + across * sine_, across * cosine - up * sine_)
                for (up, across), (sine_, cosine) in zip(self.phases, turns, strict=True)
            ]
        self.steps += 1
        out = []
        for (up, across), (_, singers) in zip(self.phases, self.sines, strict=True):
            values = [int(mean + share * up + rest * across) for mean, share, rest in singers]
            out.append(values if min(values) >= 0 else [max(0, each) for each in values])
        return out


def raised(step_ns: int, period: int) -> float:
    """By what the amplitude of a sine is raised, so that chords have its integral.

    >>> round(raised(1, 128), 6)
    1.000201
    """
    if not step_ns:
        return 1.0
    half = pi * step_ns / period
    return sine(step_ns, 2 * period) / sine(2 * step_ns + period, 4 * period) / half


def _cosine(x: int, period: int) -> float:
    return sine(4 * x + period, 4 * period)


@lru_cache(maxsize=1024)
def _turn(step_ns: int, period: int) -> tuple[float, float]:
    """Sine and cosine of one step."""
    return sine(step_ns, period), _cosine(step_ns, period)


def _step_ns(periods: list[int]) -> int:
    """The step of the grid: by the shortest period."""
    if not periods:
        return 0
    shortest = min(periods)
    return max(1, min(max(shortest // CHORDS, SHORTEST_NS), shortest // FEWEST_CHORDS))


def _bends(found: Profile) -> tuple[int, ...]:
    """Where in a period (or in its life) a profile changes from one level, or from its curve, to another."""
    parts = found.parts
    out = [part.start for before, part in zip(parts, parts[1:], strict=False) if part.level != before.level]
    if found.period and parts[-1].level != parts[0].level:
        out.insert(0, parts[0].start)
    return tuple(out)


def _spread(places: list[int]) -> Any:
    """From values by voice to values by leaf."""
    if len(places) == 1:
        return lambda values: (values[0],)
    return itemgetter(*places)
