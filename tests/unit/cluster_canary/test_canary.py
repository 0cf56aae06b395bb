"""The judge's two promises, on exact probabilities and on many releases; and a release as a sequence of looks."""

from __future__ import annotations

import random
from math import comb
from typing import Any

import pytest

import kubelab as kl
from kubelab.cluster.canary import PROMOTE, ROLL_BACK, Judge, release
from kubelab.plot import canary as picture

JUDGES = [Judge(), Judge(0.01, 0.05, 0.01, 0.01), Judge(0.001, 0.02, 0.1, 0.05), Judge(0.2, 0.5, 0.05, 0.2)]


def decided(judge: Judge, rate: float, batch: int, looks: int) -> tuple[float, float]:
    """The exact probabilities of rolling back and of promoting within so many looks, ``batch`` requests each."""
    waiting, back, on = {0: 1.0}, 0.0, 0.0
    throws = [comb(batch, k) * rate**k * (1 - rate) ** (batch - k) for k in range(batch + 1)]
    for look in range(1, looks + 1):
        after: dict[int, float] = {}
        for errors, chance in waiting.items():
            for more, share in enumerate(throws):
                verdict = judge.verdict(look * batch, errors + more)
                if verdict == ROLL_BACK:
                    back += chance * share
                elif verdict == PROMOTE:
                    on += chance * share
                else:
                    after[errors + more] = after.get(errors + more, 0.0) + chance * share
        waiting = after
    return back, on


@pytest.mark.parametrize("batch", [1, 10, 20])
@pytest.mark.parametrize("judge", JUDGES, ids=[f"{each.good}-{each.bad}" for each in JUDGES])
def test_the_stated_rates_hold_however_often_it_is_looked_at(judge: Judge, batch: int) -> None:
    looks = 600 // batch
    for rate in (judge.good, judge.good / 2):
        assert decided(judge, rate, batch, looks)[0] <= judge.false_alarm
    for rate in (judge.bad, min(1.0, judge.bad * 1.5)):
        assert decided(judge, rate, batch, looks)[1] <= judge.missed


def test_it_is_not_idle_either() -> None:
    back, on = decided(Judge(), 0.01, 10, 100)
    assert on > 0.9 and back > 0.005
    assert decided(Judge(), 0.1, 10, 100)[0] > 0.99


def test_verdicts() -> None:
    judge = Judge()
    assert [judge.verdict(*seen) for seen in ((0, 0), (20, 0), (72, 0), (73, 0), (20, 2), (20, 3))] == [
        "", "", "", "promote", "", "roll back",
    ]  # fmt: skip
    low, high = judge.bounds
    assert low == pytest.approx(-2.9957, abs=1e-4) and high == pytest.approx(2.9957, abs=1e-4)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"good": 0.05, "bad": 0.05}, "good=0.05, bad=0.05: give shares with 0 < good < bad < 1"),
        ({"good": 0}, "good=0, bad=0.05"),
        ({"bad": 5}, "bad=5"),
        ({"false_alarm": 0}, "false_alarm=0: give a probability between 0 and 1"),
        ({"missed": 1}, "missed=1: give a probability"),
    ],
)
def test_a_judge_that_cannot_be_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        Judge(**fields)


def test_more_errors_than_requests_are_refused() -> None:
    with pytest.raises(ValueError, match="errors=3 of requests=2"):
        Judge().verdict(2, 3)


def server(rates: dict[str, float]) -> tuple[kl.Cluster, list[str], Any, Any]:
    """A cluster in name only, whose version is what the last stage says; what was done; how to go there; how to ask."""
    done: list[str] = []
    chance = random.Random(5)

    def stage(name: str) -> Any:
        return name, lambda _: done.append(name)

    def ask(_: kl.Cluster, requests: int) -> int:
        return sum(chance.random() < rates[done[-1]] for _ in range(requests))

    return kl.Cluster(1, timing="instant"), done, stage, ask


def test_a_good_version_goes_through_all_stages() -> None:
    cluster, done, stage, ask = server({"one": 0.0, "two": 0.0})
    result = release(cluster, [stage("one"), stage("two")], lambda _: done.append("back"), ask)
    assert result.promoted and done == ["one", "two"]
    assert [step.requests for step in result.steps if step.stage == "two"] == [20, 40, 60, 80]
    assert (result.requests, result.errors) == (160, 0)
    assert result.judge.false_alarm == 0.025  # both stages together: 0.05
    assert repr(result) == "promoted at stage 'two', 30.0 s: 0 errors in 160 requests"
    assert picture.finding(result) == "Promoted after 2 stages: 0 errors in 160 requests"


def test_a_bad_version_is_taken_back_at_once() -> None:
    cluster, done, stage, ask = server({"one": 0.0, "two": 0.5, "three": 0.0})
    result = release(cluster, [stage("one"), stage("two"), stage("three")], lambda _: done.append("back"), ask)
    assert not result.promoted and result.verdict == "rolled back" and done == ["one", "two", "back"]
    assert picture.finding(result).startswith("Rolled back at stage two: ")
    assert len(result.plot().lines) == 7  # a curve and its end for each of two stages, zero, and the two bounds


def test_what_is_not_decided_in_its_time_is_taken_back() -> None:
    cluster, done, stage, _ = server({"one": 0.0})
    result = release(cluster, [stage("one")], lambda _: done.append("back"), lambda *_: 0, requests=1, limit="20s")
    assert result.verdict == "" and done == ["one", "back"] and len(result.steps) == 5
    assert picture.finding(result) == "Not decided in time, rolled back at stage one: 0 errors in 5 requests"
    assert repr(result).startswith("rolled back without a verdict")


@pytest.mark.parametrize(
    ("stages", "options", "words"),
    [
        ([], {}, "stages: give at least one"),
        (["a", "a"], {}, "each with a name of its own"),
        (["a"], {"requests": 0}, "requests=0"),
        (["a"], {"every": "10s", "limit": "5s"}, "at least one look before the limit"),
    ],
)
def test_a_release_that_cannot_be_is_refused_before_anything_moves(stages: list[str], options: dict[str, Any], words: str) -> None:
    cluster, done, stage, ask = server({"a": 0.0})
    with pytest.raises(ValueError, match=words):
        release(cluster, [stage(name) for name in stages], lambda _: None, ask, **options)
    assert done == [] and cluster.elapsed == 0


def test_asking_counts_what_was_not_answered() -> None:
    cluster = kl.Cluster(2, seed=2)
    cluster.apply("data/manifests/canary.yaml")
    cluster.run(until="deploy/shop ready").run("5s")
    assert kl.canary.ask(cluster, "http://shop/", 30) == 0
    assert kl.canary.ask(cluster, "http://nowhere/", 3) == 3
