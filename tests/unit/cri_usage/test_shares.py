"""Weights, quotas and the sharing of a scarce CPU."""

from __future__ import annotations

import pytest

from kubelab.cri.usage import shares
from tests.unit.cri_usage.machines import MachineLab

GI = 1 << 30


@pytest.mark.parametrize(
    ("milli", "quota"),
    [  # upstream: pkg/kubelet/cm/helpers_linux_test.go TestMilliCPUToQuota, 1.28
        (0, 0),
        (5, 1000),
        (9, 1000),
        (10, 1000),
        (200, 20000),
        (500, 50000),
        (1000, 100000),
        (1500, 150000),
    ],
)
def test_quota(milli: int, quota: int) -> None:
    assert shares.milli_cpu_to_quota(milli) == quota


@pytest.mark.parametrize(
    ("qos", "request_bytes", "capacity", "critical", "low", "high"),
    [  # upstream: pkg/kubelet/qos/policy_test.go TestGetContainerOOMScoreAdjust, 1.28; QoS and request as the API server sets them
        ("Burstable", 0, 4_000_000_000, False, 999, 999),  # cpuLimit
        ("Burstable", 0, 8_000_000_000, False, 999, 999),  # memoryLimitCPURequest
        ("BestEffort", 0, 7_230_457_451, False, 1000, 1000),  # zeroMemoryLimit
        ("BestEffort", 0, 4_000_000_000, False, 1000, 1000),  # noRequestLimit, clusterCritical
        ("Guaranteed", 10_000_000_000, 123_456_789, False, -997, -997),  # equalRequestLimitCPUMemory
        ("Burstable", 4_000_000_000, 8_000_000_000, False, 495, 505),  # cpuUnlimitedMemoryLimitedWithRequests
        ("Burstable", 7_999_999_999, 8_000_000_000, False, 3, 3),  # requestNoLimit
        ("BestEffort", 0, 4_000_000_000, True, -997, -997),  # nodeCritical
    ],
)
def test_oom_score_adj(qos: str, request_bytes: int, capacity: int, critical: bool, low: int, high: int) -> None:
    assert low <= shares.oom_score_adj(qos, request_bytes, capacity, critical=critical) <= high


def _rates(cgroup: int) -> list[int]:
    """A BestEffort container beside a Burstable one that requests a core, both wanting all of one core; millicores."""
    lab = MachineLab(cpu=1, cgroup=cgroup)
    lab.pod("b", "Burstable", 1000)
    burstable = lab.start("b", milli=1000, cpu={"constant": 4})
    besteffort = lab.start("n", cpu={"constant": 4})
    return [lab.container(each).cpu_rate for each in (burstable, besteffort)]


def test_best_effort_gets_a_fortieth_beside_one_core_on_cgroup_v2() -> None:
    burstable, besteffort = _rates(2)
    assert besteffort / (burstable + besteffort) == pytest.approx(1 / 40, rel=1e-6)


def test_best_effort_gets_two_parts_of_1026_on_cgroup_v1() -> None:
    burstable, besteffort = _rates(1)
    assert besteffort / (burstable + besteffort) == pytest.approx(2 / 1026, rel=1e-6)


def test_what_one_leaves_goes_to_the_others_by_weight() -> None:
    lab = MachineLab(cpu=2)
    lab.pod("a", "Guaranteed", 500)
    lab.pod("b", "Guaranteed", 1000)
    modest = lab.start("a", "x", milli=500, cpu={"constant": "50m"})
    small = lab.start("a", "y", milli=500, cpu={"constant": 4})
    large = lab.start("b", milli=1000, cpu={"constant": 4})
    rates = [lab.container(each).cpu_rate for each in (modest, small, large)]
    assert rates[0] == 50_000_000
    assert rates[2] / (rates[0] + rates[1]) == pytest.approx(39 / 20, rel=1e-6)  # the weights of 1024 and 512 shares
    assert lab.node().cpu_rate == pytest.approx(2_000_000_000, abs=100)
