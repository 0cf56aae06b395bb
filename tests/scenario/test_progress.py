"""A run of more than a second of real time shows a bar where somebody can see it, and takes it away."""

from __future__ import annotations

import pytest

import kubelab as kl
from kubelab.cluster import looking, running
from tests.builders import deployment


class Bar:
    """Keeps what it was told."""

    def __init__(self) -> None:
        self.asked: tuple[float, float | None] = (0, 0)
        self.shown: list[float] = []
        self.closed = 0

    def progress(self, start: float, end: float | None) -> Bar:
        self.asked = (start, end)
        return self

    def show(self, now: float) -> None:
        self.shown.append(now)

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def bar(monkeypatch: pytest.MonkeyPatch) -> Bar:
    """A bar that appears at once and not after a second."""
    made = Bar()
    monkeypatch.setattr(looking, "progress", made.progress)
    monkeypatch.setattr(running, "BAR_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(running, "WAKES_BETWEEN_LOOKS", 8)
    return made


def test_a_run_for_a_while_shows_how_far_it_is(cluster: kl.Cluster, bar: Bar) -> None:
    cluster.run("2s")
    bar.shown, bar.closed = [], 0
    cluster.apply(deployment())
    cluster.run("60s")
    assert bar.asked == (2.0, 62.0)
    assert bar.shown == sorted(bar.shown) and bar.shown[0] >= 2 and bar.shown[-1] <= 62
    assert bar.closed == 1


def test_a_run_until_something_holds_knows_no_end(cluster: kl.Cluster, bar: Bar) -> None:
    cluster.apply(deployment())
    cluster.run(until="deploy/web ready")
    assert bar.asked == (0.0, None)
    assert bar.shown and bar.closed == 1


def test_the_bar_goes_away_when_a_run_fails(cluster: kl.Cluster, bar: Bar) -> None:
    def fails(world: kl.Cluster) -> bool:
        if bar.shown:
            raise RuntimeError("no more")
        return False

    cluster.apply(deployment())
    with pytest.raises(RuntimeError, match="no more"):
        cluster.run(until=fails)
    assert bar.closed == 1


def test_a_short_run_shows_none(cluster: kl.Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Bar()
    monkeypatch.setattr(looking, "progress", made.progress)
    monkeypatch.setattr(running, "WAKES_BETWEEN_LOOKS", 8)
    cluster.apply(deployment())
    cluster.run("5s")
    assert made.closed == 0
