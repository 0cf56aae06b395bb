"""The course of an epoch against the plain rule: sums of ``share`` over many short instants, at which everybody's want is known exactly."""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.cri.usage.course import Course
from kubelab.cri.usage.curves import CORE
from kubelab.cri.usage.demand import Run, curve_of
from kubelab.cri.usage.epoch import TIERS, Epoch, Leaf, PodShare, share
from kubelab.cri.usage.sharing import Sharing
from kubelab.world.clock import SECOND
from tests.unit.cri_usage.machines import MachineLab

SYSTEM = Leaf("system", Run(curve_of("cpu", {"constant": 0.05}), 0), 0, 39)


def _sine(mean: float, amplitude: float, period: float) -> dict[str, Any]:
    return {"sine": {"mean": mean, "amplitude": amplitude, "period": period}}


def _spikes(base: float, peak: float, every: float, length: float) -> dict[str, Any]:
    return {"spikes": {"base": base, "peak": peak, "every": every, "length": length}}


def _pod(tier: str, number: int, weight: int, cap: float, *leaves: tuple[dict[str, Any], float, int, float]) -> PodShare:
    """Leaves: curve, quota in cores, weight, seconds since the curve began."""
    made = [
        Leaf(f"{tier}{number}{place}", Run(curve_of("cpu", curve), -round(since * SECOND)), round(quota * CORE), own)
        for place, (curve, quota, own, since) in enumerate(leaves)
    ]
    return PodShare(tier, weight, round(cap * CORE), tuple(made))


def _epoch(cores: float, *pods: PodShare) -> Epoch:
    ordered = tuple(sorted(pods, key=lambda pod: TIERS.index(pod.tier)))
    return Epoch(0, round(cores * CORE), 4, SYSTEM, (39, 20, 1), ordered)


EPOCHS = {
    "sines out of phase": _epoch(
        1, *(_pod("besteffort", number, 1, 0, (_sine(0.2, 0.19, 20 + number), 0, 39, 1.7 * number)) for number in range(12))
    ),
    "sines that stop at 0": _epoch(
        1, *(_pod("burstable", number, 20, 0, (_sine(0.1, 0.5, 15), 0, 39, 2.3 * number)) for number in range(7))
    ),
    "steep sines under quotas beside steep sines": _epoch(
        1,
        _pod("burstable", 0, 39, 2, ({"ramp": {"from": 2, "to": 0.3, "over": 1}}, 0, 20, 0), (_sine(2, 3, 60), 0.1, 1, 9)),
        _pod("burstable", 1, 39, 0, (_sine(2.8, 1.2, 61), 0, 20, 3), (_sine(1.6, 2.5, 14), 0.1, 39, 5)),
        _pod("besteffort", 0, 20, 0, (_sine(0.8, 0.8, 17), 1.5, 1, 0), (_sine(1, 0.7, 30), 0, 39, 4)),
    ),
    "spikes and ramps in three classes": _epoch(
        2,
        _pod("guaranteed", 0, 39, 0.5, (_spikes(0.1, 1, 5, 2), 0.5, 20, 0.3)),
        _pod("burstable", 0, 20, 0, (_spikes(0, 2, 7, 3), 0, 20, 1), ({"ramp": {"from": 0, "to": 3, "over": 20}}, 0, 39, 0)),
        _pod("burstable", 1, 39, 0, ({"constant": 0.3}, 0, 1, 0)),
        *(_pod("besteffort", number, 1, 0, (_spikes(0.01, 0.4, 6, 2.5), 0, 1, number)) for number in range(6)),
    ),
    "spikes that come again and again": _epoch(
        1, *(_pod("besteffort", number, 1, 0, (_spikes(0.02, 0.3, 2, 0.8), 0, 39, 0.31 * number)) for number in range(9))
    ),
    "a pod's quota that sines cross": _epoch(
        2,
        _pod("burstable", 0, 39, 0.8, (_sine(0.5, 0.4, 20), 0, 20, 0), (_sine(0.4, 0.3, 13), 0, 39, 2)),
        _pod("besteffort", 0, 1, 0, ({"constant": 3}, 0, 1, 0)),
    ),
}
SPAN_S, SLICES = 20, 2000  # spikes begin and end between slices


@pytest.mark.parametrize("name", EPOCHS)
def test_the_course_is_what_sharing_each_instant_comes_to(name: str) -> None:
    epoch = EPOCHS[name]
    course = Course(epoch)
    step = SPAN_S * SECOND // SLICES
    sums = [0] * len(epoch.leaves)
    for number in range(SLICES):
        t_ns = number * step + step // 2
        wants = [found.rate(t_ns - origin) for found, origin in course.profiles]
        sums = [total + grant * step for total, grant in zip(sums, share(epoch, wants, 1).grants, strict=True)]
    found = [gain[0] for gain in course.gains(SPAN_S * SECOND)]
    assert found == pytest.approx(sums, rel=1e-4, abs=1e-5 * CORE * SPAN_S * SECOND)


@pytest.mark.parametrize("name", EPOCHS)
def test_never_more_is_given_than_there_is_or_than_is_wanted(name: str) -> None:
    epoch = EPOCHS[name]
    course = Course(epoch)
    before = [0] * len(epoch.leaves)
    for number in range(1, 60):
        t_ns = number * 497_000_019
        gains = [gain[0] for gain in course.gains(t_ns)]
        assert sum(gains) <= epoch.capacity * t_ns
        assert all(after >= known for after, known in zip(gains, before, strict=True))
        for gain, (found, origin) in zip(gains, course.profiles, strict=True):
            assert gain <= (found.served(t_ns - origin) - found.served(-origin)) * 1.0001 + 10_000 * SECOND
        before = gains


@pytest.mark.parametrize("name", EPOCHS)
def test_gains_added_up_for_many_at_once_are_those_of_each_alone(name: str) -> None:
    walker = Course(EPOCHS[name]).walker
    for _ in range(400):
        cell, gains, held = walker.moment.cell, walker.moment.gains, walker.moment.held
        if cell.is_last:
            break
        span = cell.to_ns - cell.from_ns
        sharing = Sharing(walker.tree, walker.capacity, cell, held)
        sharing.run(span)
        known = gains.by_leaf(cell.from_ns)
        alone = sharing.gains(known, span)
        given, most = sum(alone) - sum(known), 2 * walker.capacity * span
        if given > most:
            alone = [before + (after - before) * most // given for before, after in zip(known, alone, strict=True)]
        walker.step()
        assert walker.moment.gains.by_leaf(cell.to_ns) == alone


@pytest.mark.parametrize("name", EPOCHS)
def test_what_is_asked_late_or_twice_or_backwards_is_the_same(name: str) -> None:
    epoch = EPOCHS[name]
    instants = [1, 12_345_678_901, 30 * SECOND, 100 * SECOND, 150 * SECOND + 7]
    often = Course(epoch)
    seen = {
        t_ns: often.gains(t_ns)
        for number in range(0, 200, 20)
        for t_ns in (number * SECOND + 13, *instants)
        if t_ns <= (number + 20) * SECOND
    }
    late = Course(epoch)
    late.gains(200 * SECOND)
    for t_ns in reversed(instants):
        assert late.gains(t_ns) == Course(epoch).gains(t_ns)
        assert t_ns not in seen or seen[t_ns] == late.gains(t_ns)


def test_a_crowded_node_is_read_cell_by_cell_and_not_by_searching() -> None:
    lab = MachineLab(cpu=4, memory=64 << 30)
    for number in range(110):
        lab.start(f"p{number}", cpu=_sine(0.05, 0.045, 60))
        lab.pass_time(0.537)
    lab.pass_time(600)
    node = lab.node()
    assert lab.capacity.cpu_nano - 1000 <= node.cpu_rate <= lab.capacity.cpu_nano
    epochs = lab.tables["epochs"]
    course = Course(next(reversed(epochs.values())))
    course.gains(lab.now_ns)
    assert course.count < 700 * 128 / 60


def test_counters_of_a_machine_begin_anew_when_it_is_switched_on() -> None:
    lab = MachineLab(cpu=1)
    lab.start("a", cpu={"constant": 4})
    lab.pass_time(60)
    before = lab.node()
    assert before.cpu_ns == pytest.approx(60e9, rel=1e-3)
    lab.crash()
    assert (lab.node().cpu_ns, lab.node().started_ns) == (0, lab.now_ns)
    lab.start("a", cpu={"constant": 0.5})
    lab.pass_time(10)
    assert lab.node().cpu_ns == pytest.approx(0.55e10, rel=1e-3)
    assert lab.node(30) == lab.saved_and_loaded().node(30) and lab.node(30).cpu_ns == pytest.approx(30e9, rel=1e-3)
