"""When a watch goes on after a cut, and what a kubelet says of a runtime that hangs."""

from __future__ import annotations

import pytest

from kubelab.engine.plan import Act
from kubelab.engine.trouble import reconnected_ns
from kubelab.kubelet.hanging import deadline_s, runtime_errors
from kubelab.world.clock import MILLISECOND, SECOND
from kubelab.world.timing import Timing

# seconds after the cut at which it is mended → at which the watch goes on
RECONNECTED = [
    (0.1, 0.2),  # the first retransmission
    (1, 1.4),  # 0.2 + 0.4 + 0.8
    (20, 25.4),
    (30, 45.0),  # the next would come at 51 s: the connection is given up before
    (47, 48.0),  # the third packet of the first dial
    (70, 75.8),  # the first dial has ended, 0.8 s of back-off: a dial from 75.8 s on
    (80, 82.8),
]


@pytest.mark.parametrize(("mended", "expected"), RECONNECTED)
def test_when_a_watch_goes_on(mended: float, expected: float) -> None:
    at_ns = reconnected_ns(7 * SECOND, 7 * SECOND + int(mended * SECOND))
    assert (at_ns - 7 * SECOND) / SECOND == pytest.approx(expected)


def test_a_watch_never_goes_on_before_the_cut_is_mended() -> None:
    for mended in range(0, 900, 7):
        assert mended * SECOND <= reconnected_ns(0, mended * SECOND) <= (mended + 62) * SECOND


# upstream: pkg/kubelet/runtime.go, pkg/kubelet/pleg/generic_test.go (TestHealthy: healthy after 1 m, not after 3 m more), 1.28
DOWN = "container runtime is down"
SAID = [
    (29.9, ""),
    (30, DOWN),
    (180, DOWN),
    (180.5, f"[{DOWN}, PLEG is not healthy: pleg was last seen active 3m0.5s ago; threshold is 3m0s]"),
    (600, f"[{DOWN}, PLEG is not healthy: pleg was last seen active 10m0s ago; threshold is 3m0s]"),
]


@pytest.mark.parametrize(("seconds", "said"), SAID)
def test_what_is_said_of_a_runtime_that_hangs(seconds: float, said: str) -> None:
    tables = {"hang": {"one": 100 * SECOND, "two": 150 * SECOND}, "pleg": {"phase": 0}}
    assert runtime_errors(tables, Timing(), 100 * SECOND + int(seconds * SECOND)) == said


def test_the_last_look_at_the_runtime_was_before_it_hung() -> None:
    tables = {"hang": {"one": 100 * SECOND}, "pleg": {"phase": 250 * MILLISECOND}}
    assert "last seen active 3m20.75s ago" in runtime_errors(tables, Timing(), 300 * SECOND)


# upstream: pkg/kubelet/cri/remote/remote_runtime.go, remote_image.go; spec/cri-metrics.md section 1
DEADLINES = [
    (Act("sandbox", ("pod", "u", "ns", "p")), 240),
    (Act("run", ("pod", "u", "ns", "p", "c", False)), 120),
    (Act("stop", ("pod", "u", "ns", "p", "c", 30, "")), 270),
    (Act("pull", ()), None),
    (Act("reclaim", ()), 0),
]


@pytest.mark.parametrize(("act", "seconds"), DEADLINES, ids=[row[0].name for row in DEADLINES])
def test_after_which_time_a_request_has_failed(act: Act, seconds: int | None) -> None:
    assert deadline_s(act) == seconds
