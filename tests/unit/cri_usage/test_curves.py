"""Curves against sums of small steps, crossings, quotas and the kernel's killing."""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.cri.usage.curves import CORE, first_above, profile
from kubelab.cri.usage.demand import curve_of
from kubelab.kinds.core.resources import DEFAULT_MEMORY
from kubelab.world.clock import SECOND
from tests.unit.cri_usage.machines import MIB, MachineLab

CURVES: list[dict[str, Any]] = [
    {"constant": "1500m"},
    {"ramp": {"from": 0, "to": 3, "over": "100s"}},
    {"ramp": {"from": 3, "to": 0, "over": "100s"}},
    {"sine": {"mean": 1, "amplitude": 2, "period": "1m"}},
    {"sine": {"mean": 2, "amplitude": 1, "period": "40s"}},
    {"spikes": {"base": "100m", "peak": 2, "every": "10s", "length": "1s"}},
    {"trace": [[0, 1], [5, 2], [9, 0.5]]},
]


@pytest.mark.parametrize("spec", CURVES)
@pytest.mark.parametrize("cap", [0, CORE // 4, 3 * CORE // 2])
@pytest.mark.parametrize("seconds", [13, 37.5, 151])
def test_integrals_are_the_sum_of_small_steps(spec: dict[str, Any], cap: int, seconds: float) -> None:
    curve, end, steps = curve_of("cpu", spec), round(seconds * SECOND), 4000
    served = held = over = 0.0
    for number in range(steps):
        wanted = curve.at(round((number + 0.5) * end / steps))
        served += (min(wanted, cap) if cap else wanted) / CORE * seconds / steps
        if cap and wanted > cap:
            over += seconds / steps
            held += min(-(-wanted // CORE), 4) * (1 - cap / wanted) * seconds / steps
    totals = profile(curve, cap, 4).to(end)
    assert totals.served / CORE / SECOND == pytest.approx(served, abs=0.3)
    assert totals.over / SECOND == pytest.approx(over, abs=0.15)
    assert totals.held / SECOND == pytest.approx(held, abs=0.3)


def test_one_core_under_a_quarter_is_held_three_quarters_of_each_second() -> None:
    lab = MachineLab()
    container = lab.start("a", limit_milli=250, cpu={"constant": 1})
    lab.pass_time(60)
    one = lab.container(container)
    assert (one.cpu_ns, one.periods, one.throttled_periods, one.throttled_ns) == (15 * SECOND, 600, 600, 45 * SECOND)


def test_starvation_by_neighbours_is_not_throttling() -> None:
    lab = MachineLab(cpu=1)
    container = lab.start("a", limit_milli=900, cpu={"constant": 1})
    lab.start("b", cpu={"constant": 1})
    lab.pass_time(60)
    one = lab.container(container)
    assert one.cpu_rate < 500_000_000 and one.periods == 600 and one.throttled_ns == 0


def test_a_ramp_reaches_its_limit_where_the_line_says() -> None:
    lab = MachineLab()
    container = lab.start("a", memory_limit=128 * MIB, memory={"ramp": {"from": "28Mi", "to": "228Mi", "over": "200s"}})
    assert lab.pass_time(99.9) == []
    (ended,) = lab.pass_time(1)
    assert (ended.id, ended.exit_code, ended.reason, ended.finished_ns) == (container, 137, "OOMKilled", lab.at(100))
    assert lab.sandbox("a").oom_events == 1


def test_memory_that_only_touches_its_limit_lives() -> None:
    lab = MachineLab()
    lab.start("a", memory_limit=128 * MIB, memory={"ramp": {"from": 0, "to": "128Mi", "over": "10s"}})
    assert lab.pass_time(3600) == []


def test_a_full_machine_kills_who_has_the_most_points() -> None:
    lab = MachineLab(memory=1 << 30)
    lab.pod("g", "Guaranteed", 1000)
    guaranteed = lab.start("g", adjust=-997, memory={"constant": "600Mi"})
    burstable = lab.start("b", adjust=900, memory={"ramp": {"from": 0, "to": "900Mi", "over": "900s"}})
    ended = lab.pass_time(900)
    assert [item.id for item in ended] == [burstable]
    assert lab.container(guaranteed).working_set == 600 * MIB
    assert ended[0].reason == "OOMKilled"


def test_first_above_looks_past_a_fall() -> None:
    curve = curve_of("memory", {"sine": {"mean": 100, "amplitude": 50, "period": 60}})
    assert first_above(curve, 125, 30 * SECOND) == pytest.approx(65 * SECOND, rel=0.01)
    assert first_above(curve, 150, 0) is None


def test_usage_may_end_and_begin_anew() -> None:
    lab = MachineLab()
    container = lab.start("a", cpu={"constant": 1})
    lab.pass_time(10)
    lab.use(container)
    lab.pass_time(10)
    assert lab.container(container).cpu_ns == 10 * SECOND + 10 * SECOND // 1000
    assert lab.container(container, 5).cpu_ns == 5 * SECOND


def test_a_container_at_rest_is_small() -> None:
    lab = MachineLab()
    one = lab.container(lab.start("a", memory_limit=2 * MIB))
    assert 0 < one.working_set <= one.usage <= 2 * MIB < DEFAULT_MEMORY and one.cpu_rate > 0


@pytest.mark.parametrize("spec", [{}, {"constant": 1, "trace": [[0, 1]]}])
def test_a_curve_is_exactly_one_of_its_kinds(spec: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="cpu: a curve is exactly one of constant, ramp, sine, spikes, trace"):
        curve_of("cpu", spec)
