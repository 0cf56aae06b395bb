"""Graceful node shutdown as a value: who has how long, in which order.

upstream: pkg/kubelet/nodeshutdown/nodeshutdown_manager_linux_test.go, 1.28.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.kubelet import shutdown
from kubelab.kubelet.shutdown import Going, ShutdownSeen, group_of, periods_of

CRITICAL = 2_000_000_000
HIGHEST_USER = 1_000_000_000


# upstream: Test_migrateConfig
@pytest.mark.parametrize(
    ("total", "critical", "expected"),
    [
        pytest.param(300, 120, ((0, 180), (CRITICAL, 120)), id="both"),
        pytest.param(100, 0, ((0, 100), (CRITICAL, 0)), id="only shutdownGracePeriodRequested"),
        pytest.param(0, 0, (), id="empty configuration"),
        pytest.param(1, 100, (), id="wrong configuration"),
    ],
)
def test_periods_of_total_and_critical(total: int, critical: int, expected: tuple[tuple[int, int], ...]) -> None:
    assert periods_of(total, critical) == expected


# upstream: Test_groupByPriority
@pytest.mark.parametrize(
    ("periods", "expected"),
    [
        pytest.param(periods_of(300, 120), {0: 0, HIGHEST_USER: 0, CRITICAL: 1}, id="migrate config"),
        pytest.param(((1, 10), (2, 20), (3, 30), (4, 40)), {0: 0, 1: 0, 2: 1, 3: 2, 4: 3, 5: 3}, id="pod priority"),
    ],
)
def test_groups_by_priority(periods: tuple[tuple[int, int], ...], expected: dict[int, int]) -> None:
    assert {priority: group_of(periods, priority) for priority in expected} == expected


def pod(name: str, priority: int = 0, grace: int | None = None) -> dict[str, Any]:
    spec: dict[str, Any] = {"priority": priority}
    if grace is not None:
        spec["terminationGracePeriodSeconds"] = grace
    return {"metadata": {"uid": name, "name": name, "namespace": "default"}, "spec": spec}


PODS = (
    pod("normal-nil"),
    pod("critical-nil", CRITICAL),
    pod("normal-2", grace=2),
    pod("critical-2", CRITICAL, 2),
    pod("normal-1000", grace=1000),
)
NODE = {"metadata": {"name": "n", "uid": "u"}}


def seen(periods: Any, going: Going | None = None, running: tuple[str, ...] = (), now_ns: int = 0) -> ShutdownSeen:
    return ShutdownSeen("kubelet/n", NODE, periods, going, PODS, running, True, now_ns)


# upstream: TestManager, expectedPodToGracePeriodOverride
@pytest.mark.parametrize(
    ("total", "critical", "expected"),
    [
        pytest.param(30, 10, {"normal-nil": 20, "critical-nil": 10, "normal-2": 2, "critical-2": 2, "normal-1000": 20}, id="total=30s, critical=10s"),
        pytest.param(30, 0, {"normal-nil": 30, "critical-nil": 0, "normal-2": 2, "critical-2": 0, "normal-1000": 30}, id="total=30, critical=0"),
        pytest.param(5, 5, {"normal-nil": 0, "critical-nil": 5, "normal-2": 0, "critical-2": 2, "normal-1000": 0}, id="all time to critical pods"),
    ],
)  # fmt: skip
def test_each_pod_has_its_own_grace_or_its_groups(total: int, critical: int, expected: dict[str, int]) -> None:
    first = shutdown.plan(seen(periods_of(total, critical)))
    second = shutdown.plan(seen(periods_of(total, critical), first.note["shutdown"]["going"], now_ns=total * 10**9))
    told = {**first.note["evicted"], **second.note["evicted"]}
    assert {name: victim[2] for name, victim in told.items()} == expected
    assert {victim[3] for victim in told.values()} == {"Terminated"}
    assert {victim[0] for victim in told.values()} == {"Pod was terminated in response to imminent node shutdown."}
    assert not any("critical" in name for name in first.note["evicted"])


def test_the_next_group_waits_for_the_one_before_or_its_time() -> None:
    going = shutdown.plan(seen(periods_of(30, 10))).note["shutdown"]["going"]
    waiting = shutdown.plan(seen(periods_of(30, 10), going, ("normal-nil",), 5 * 10**9))
    assert waiting.again_ns == 15 * 10**9 and not waiting.note
    assert "evicted" in shutdown.plan(seen(periods_of(30, 10), going, (), 5 * 10**9)).note
    assert "evicted" in shutdown.plan(seen(periods_of(30, 10), going, ("normal-nil",), 20 * 10**9)).note


def test_a_group_without_pods_is_not_waited_for() -> None:
    planned = shutdown.plan(seen(((0, 10), (5, 1000), (CRITICAL, 10))))
    planned = shutdown.plan(seen(((0, 10), (5, 1000), (CRITICAL, 10)), planned.note["shutdown"]["going"], now_ns=10**9))
    assert set(planned.note["evicted"]) == {"critical-nil", "critical-2"}


def test_the_end_lets_the_power_go_and_a_cancellation_is_told() -> None:
    last = Going(((0, 10, ("normal-nil",)),), 0, 10**10)
    over = shutdown.plan(seen(((0, 10),), last))
    assert [nudge.key for nudge in over.nudge] == [("power-off", "n")]
    assert shutdown.plan(seen(((0, 10),), over.note["shutdown"]["going"])) == shutdown.NOTHING
    cancelled = shutdown.plan(seen(None, last))
    assert [event.message for event in cancelled.events] == ["Shutdown manager detected shutdown cancellation"]
    assert cancelled.note == {"shutdown": {"going": None}}
