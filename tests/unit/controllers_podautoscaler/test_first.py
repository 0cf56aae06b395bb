"""An autoscaler's steadiness in 1.7.

upstream: pkg/controller/podautoscaler/horizontal_test.go TestBackoffUpscale, TestBackoffDownscale, TestUpscaleCap,
TestConditionInvalid…, 1.7, with the factors and windows of pkg/controller/podautoscaler/horizontal.go and
cmd/kube-controller-manager/app/options/options.go.
"""

from __future__ import annotations

import pytest

from kubelab.controllers.podautoscaler.behavior import Bounds
from kubelab.controllers.podautoscaler.first import bounded, may_scale, readiness
from kubelab.world.clock import MINUTE, SECOND

NOW = 100 * MINUTE


@pytest.mark.parametrize(
    ("current", "desired", "bounds", "expected", "status", "reason"),
    [
        (3, 24, (1, 100), 6, "True", "ScaleUpLimit"),
        (1, 9, (1, 100), 4, "True", "ScaleUpLimit"),
        (3, 5, (1, 4), 4, "True", "TooManyReplicas"),
        (3, 0, (1, 4), 1, "True", "TooFewReplicas"),
        (3, 1, (2, 4), 2, "True", "TooFewReplicas"),
        (3, 2, (1, 4), 2, "False", "DesiredWithinRange"),
        # the rate is asked first, and then no bound
        (3, 24, (1, 5), 6, "True", "ScaleUpLimit"),
    ],
)
def test_rate_and_bounds(current: int, desired: int, bounds: tuple[int, int], expected: int, status: str, reason: str) -> None:
    replicas, condition = bounded(current, desired, Bounds(*bounds))
    assert (replicas, *condition[:2]) == (expected, status, reason)


@pytest.mark.parametrize(
    ("desired", "ago_ns", "expected"),
    [
        (3, None, False),
        (5, None, True),
        (1, None, True),
        (5, 0, False),
        (5, 3 * MINUTE, False),
        (5, 3 * MINUTE + SECOND, True),
        (1, 4 * MINUTE, False),
        (1, 5 * MINUTE, False),
        (1, 5 * MINUTE + SECOND, True),
    ],
)
def test_windows(desired: int, ago_ns: int | None, expected: bool) -> None:
    assert may_scale(3, desired, None if ago_ns is None else NOW - ago_ns, NOW) == expected


@pytest.mark.parametrize(
    ("ago_ns", "status", "reason"),
    [
        (None, "True", "ReadyForNewScale"),
        (0, "False", "BackoffBoth"),
        (4 * MINUTE, "False", "BackoffDownscale"),
        (6 * MINUTE, "True", "ReadyForNewScale"),
    ],
)
def test_what_is_said_of_the_windows(ago_ns: int | None, status: str, reason: str) -> None:
    assert readiness(None if ago_ns is None else NOW - ago_ns, NOW)[:2] == (status, reason)
