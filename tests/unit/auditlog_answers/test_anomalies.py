"""Anomalies and bursts: found where they are, and the false alarms measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kubelab.auditlog import AuditLog
from kubelab.auditlog.answers.anomalies import tails
from tests.unit.auditlog_answers.events import event, log

MINUTE = 60


def steady(minutes: int, rate: float, *, seed: int = 1, **fields: Any) -> list[dict[str, Any]]:
    """Calls by chance, ``rate`` a minute on average."""
    counts = np.random.default_rng(seed).poisson(rate, minutes)
    return [
        event("get", at=minute * MINUTE + (at + 0.5) * MINUTE / count, name=f"{minute}-{at}", **fields)
        for minute, count in enumerate(counts)
        for at in range(count)
    ]


def with_last(found: list[dict[str, Any]], minutes: int) -> AuditLog:
    """A log that lasts whole minutes."""
    return log(event("get", name="first", user="end"), *found, event("get", name="last", at=minutes * MINUTE, user="end"))


def test_a_burst_among_steady_calls_is_an_alarm_and_chance_is_none() -> None:
    burst = [event("get", at=50 * MINUTE + at / 10, name=f"burst-{at}") for at in range(60)]
    found = with_last(steady(60, 10) + burst, 60).anomalies(by="user", window="1m")
    assert len(found) == 1
    row = found.iloc[0]
    assert (row["user"], row["kind"], row["window"].minute) == ("alice", "more", 50)
    assert row["calls"] >= 60
    assert row["expected"] == pytest.approx(10, abs=2)
    assert bool(row["surer"])


def test_silence_and_newcomers_are_alarms() -> None:
    found = [each for each in steady(60, 40) if not 45 * MINUTE <= _at(each) < 48 * MINUTE]
    found += [event("delete", at=40 * MINUTE + at, name=f"x{at}", user="mallory") for at in range(20)]
    kinds = with_last(found, 60).anomalies(by="user", window="1m").groupby("kind")["user"].agg(["first", "size"])
    assert kinds.loc["less"].tolist() == ["alice", 3]
    assert kinds.loc["never seen before"].tolist() == ["mallory", 1]


def _at(made: dict[str, Any]) -> float:
    hours, minutes, seconds = made["requestReceivedTimestamp"][11:-1].split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def test_false_alarms_are_rare_on_chance_alone_and_measured() -> None:
    """Twenty logs of nothing but chance: the share of windows with an alarm stays near what is promised."""
    alarms = windows = 0
    for seed in range(20):
        calls = steady(40, 3, seed=seed) + steady(40, 15, seed=100 + seed, user="bob")
        found = with_last(calls, 40).anomalies(by="user", window="1m", level=0.05)
        measured = found.attrs["false_alarms"]
        assert measured["windows"] == found.attrs["baseline_windows"] == 20
        assert measured["rate"] <= measured["at_most"]
        alarms += len(found)
        windows += found.attrs["windows"]
    assert windows == 400
    assert alarms <= 8  # with 5 % of 20 logs: one log or two


def test_a_log_of_crowds_says_that_its_alarms_are_worth_little() -> None:
    """Calls that come in crowds after a quiet half: the measured rate is far above the level, and stands in the title."""
    crowds = [event("get", at=minute * MINUTE + at / 100, name=f"{minute}-{at}") for minute in (11, 13, 17, 19) for at in range(80)]
    log_of_crowds = with_last(steady(40, 1) + crowds, 40)
    found = log_of_crowds.anomalies(by="user", window="1m")
    assert found.attrs["false_alarms"]["rate"] >= 0.1
    assert "false alarms: in" in log_of_crowds.plot.anomalies(by="user").get_title(loc="left").replace("\n", " ")


def test_another_log_or_a_time_as_baseline() -> None:
    before = with_last(steady(30, 10, seed=3), 30)
    today = with_last(steady(30, 10, seed=4) + [event("get", at=300 + at / 10, name=f"b{at}") for at in range(100)], 30)
    against = today.anomalies(before, by="user")
    assert against["window"].dt.minute.tolist() == [5]
    within = today.anomalies(("2026-01-01T00:10:00Z", "2026-01-01T00:30:00Z"), by="user")
    assert within["window"].dt.minute.tolist() == [5]
    assert within.attrs["windows"] == 10


def test_errors_alone() -> None:
    calls = steady(40, 20) + [event("get", at=30 * MINUTE + at + 0.5, name=f"e{at}", code=500) for at in range(15)]
    found = with_last(calls, 40).anomalies(by="user", counting="errors")
    assert found[["user", "kind", "calls"]].to_numpy().tolist() == [["alice", "never seen before", 15]]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"window": "1h"}, "the baseline has 0 whole windows"),
        ({"level": 2}, "level=2: a share between 0 and 1"),
        ({"counting": "bytes"}, "what would work is 'calls' or 'errors'"),
        ({"baseline": ("2026-01-01T00:10:00Z", "2026-01-01T00:05:00Z")}, "its start is not before its end"),
        ({"baseline": ("yesterday-ish", "2026-01-01T00:05:00Z")}, "is no instant"),
        ({"window": "soon"}, "is no duration"),
    ],
)
def test_bad_input(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        with_last(steady(20, 5), 20).anomalies(**options)


def test_more_tests_than_memory_would_take_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubelab.auditlog.answers.anomalies.MOST_TESTS", 100)
    with pytest.raises(ValueError, match="name fewer columns in by="):
        with_last(steady(20, 5), 20).anomalies(by="name")


def test_tails_have_mean_and_variance() -> None:
    lower, upper = tails(8.0, 40.0, 60)
    mass = np.diff(lower, prepend=0)
    k = np.arange(61)
    assert float((k * mass).sum()) == pytest.approx(8.0, rel=1e-3)
    assert float(((k - 8) ** 2 * mass).sum()) == pytest.approx(40.0, rel=1e-2)
    assert lower[:-1] + upper[1:] == pytest.approx(np.ones(60))


def test_a_burst_is_looked_for_and_compared_with_before() -> None:
    burst = [event("create", at=100 + at / 20, took=0.01, name=f"b{at}", user="ci") for at in range(100)]
    made = log(*(event("get", at=at, name="a") for at in range(0, 100, 5)), *burst, event("get", at=200, name="z"))
    found = made.burst(by="user")
    assert found.attrs["window"]["found"]
    assert found.attrs["window"]["start"].second == 35  # the get five seconds before is one call more
    row = found.iloc[0]
    assert (row["user"], row["calls"], row["per_second_before"]) == ("ci", 100, 0.0)
    assert np.isnan(row["times"])
    assert row["share_of_seconds"] == pytest.approx(1 / 1.002)
    named = made.burst("2026-01-01T00:01:40Z", "2026-01-01T00:01:50Z", by="user", before="50s")
    assert named.attrs["window"]["seconds_before"] == 50
    with pytest.raises(ValueError, match="belong together"):
        made.burst("2026-01-01T00:01:40Z")
