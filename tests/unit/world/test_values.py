"""Durations, instants, random streams, wakes and the codec."""

from __future__ import annotations

import json

import pytest

from kubelab.engine.plan import Because
from kubelab.world.clock import SECOND, format_duration, parse_duration, parse_rfc3339, rfc3339, rfc3339_micro
from kubelab.world.codec import decode, encode
from kubelab.world.streams import Streams
from kubelab.world.timing import Timing
from kubelab.world.wakes import Wakes

# Go: time/time_test.go parseDurationTests
DURATIONS = [
    ("0", 0),
    ("5s", 5 * SECOND),
    ("1478s", 1478 * SECOND),
    ("-5s", -5 * SECOND),
    ("5.6s", 5_600_000_000),
    ("1.004s", 1_004_000_000),
    ("10ms", 10_000_000),
    ("3h30m", 12600 * SECOND),
    ("10.5s4m", 250_500_000_000),
    ("1h2m3s4ms5us6ns", 3_723_004_005_006),
    (".5s", 500_000_000),
]


@pytest.mark.parametrize(("text", "ns"), DURATIONS)
def test_go_durations(text: str, ns: int) -> None:
    assert parse_duration(text) == ns


@pytest.mark.parametrize("text", ["", "3x", ".s", "1s2", "s", "-", "1 s", "abc"])
def test_text_that_is_no_duration_says_what_would_work(text: str) -> None:
    with pytest.raises(ValueError, match="give seconds or text such as '1m30s'"):
        parse_duration(text)


# Go: time/time_test.go durationTests
@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1100, "1.1µs"),
        (2_200_000, "2.2ms"),
        (3_300_000_000, "3.3s"),
        (245 * SECOND, "4m5s"),
        (245_001_000_000, "4m5.001s"),
        (18_367_001_000_000, "5h6m7.001s"),
        (-1500 * SECOND, "-25m0s"),
    ],
)
def test_durations_print_as_in_go(ns: int, text: str) -> None:
    assert format_duration(ns) == text


@pytest.mark.parametrize("text", ["2026-01-01T00:00:00Z", "2024-02-29T23:59:59Z", "1970-01-01T00:00:00Z"])
def test_instants_there_and_back(text: str) -> None:
    assert rfc3339(parse_rfc3339(text)) == text


def test_instants_with_fractions_and_zones() -> None:
    assert rfc3339_micro(parse_rfc3339("2026-01-01T02:00:00.123456+02:00")) == "2026-01-01T00:00:00.123456Z"
    with pytest.raises(ValueError, match="yesterday"):
        parse_rfc3339("yesterday")


def test_a_stream_draws_the_same_whatever_others_draw() -> None:
    alone, beside = Streams(7), Streams(7)
    beside.next("other")
    assert [alone.next("a") for _ in range(5)] == [beside.next("a") for _ in range(5)]
    assert Streams(8).next("a") != Streams(7).next("a")


def test_draws_are_within_their_bounds() -> None:
    streams = Streams(1)
    assert {streams.below("n", 3) for _ in range(200)} == {0, 1, 2}
    assert all(0 <= streams.uniform("u") < 1 for _ in range(200))
    assert set("".join(streams.suffix("s") for _ in range(200))) == set("bcdfghjklmnpqrstvwxz2456789")
    assert streams.uuid()[14] == "4" and streams.uuid()[19] in "89ab"


def test_wakes_come_by_time_and_then_in_the_order_asked_for() -> None:
    wakes = Wakes()
    for time, name in ((5, "b"), (3, "a"), (5, "c"), (5, "d")):
        wakes.add(time, name, ())
    fork = wakes.fork()
    assert [wakes.pop()[2] for _ in range(4)] == ["a", "b", "c", "d"]
    assert fork.next_time_ns() == 3


@pytest.mark.parametrize(
    "item",
    [
        None,
        [1, 2.5, "x", True],
        (1, ("a", None)),
        {"a": {"b": [()]}},
        {("default", "web"): 1, 2: "two"},
        {"$t": [1]},
        {"$v": ["Because"]},
        Because("Rule", "pod/a", (("x", 1),), "{subject}"),
    ],
)
def test_values_survive_the_codec(item: object) -> None:
    assert decode(json.loads(json.dumps(encode(item)))) == item


def test_what_is_no_value_has_no_place_in_a_world() -> None:
    for item in (object(), {1, 2}, lambda: None):
        with pytest.raises(TypeError, match="cannot stand in a world's state"):
            encode(item)
    with pytest.raises(ValueError, match="'Unheard'"):
        decode({"$v": ["Unheard", 1]})


@pytest.mark.parametrize("figures", [{"read_ns": -1}, {"client_qps": 0}, {"jitter": "much"}, {"client_burst": True}])
def test_timing_names_the_figure_that_cannot_be(figures: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(figures))):
        Timing().with_(**figures)
    with pytest.raises(ValueError, match="use one of 1.7, default, instant"):
        Timing.preset("slow")
