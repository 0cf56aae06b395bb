"""Pictures of audit logs that belong to no single answer: activity over time, policies side by side."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pytest

from kubelab.auditlog import read
from kubelab.plot.auditlog import activity, policies, text
from tests.unit.auditlog_answers.events import event, log

HOUR = 3600


def title(axes):
    axes.figure.canvas.draw()
    return axes.get_title(loc="left").replace("\n", " ")


@pytest.fixture
def made():
    steady = [event("list", at=hour * HOUR + 60, user="system:serviceaccount:shop:robot") for hour in range(24)]
    burst = [event("get", at=5 * HOUR + at, user="alice", name="a") for at in range(30)]
    return log(*steady, *burst, event("create", "events", at=7 * HOUR, user="kubelet"))


def test_activity_counts_by_row_and_hour_without_background(made):
    picture = activity.tidy(made.requests(["user", "hour"]), "user", "hour")
    assert picture.counts.sum(axis=1).to_dict() == {"alice": 30, "sa shop:robot": 24}
    assert picture.counts.loc["alice", 5] == 30
    assert picture.counts.loc["sa shop:robot"].tolist() == [1] * 24


@pytest.mark.parametrize(
    ("every", "says"),
    [
        ("hour", "alice made 30 calls in the hour from Thu 05:00 UTC"),
        ("minute", "alice made 30 calls in the minute from Thu 05:00 UTC"),
    ],
)
def test_activity_says_what_stands_out(made, every, says):
    assert title(made.plot.activity(every=every)) == says


def test_activity_by_another_column(made):
    axes = made.plot.activity("verb")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["get", "list"]


def test_activity_of_a_log_of_seconds():
    axes = log(*(event("get", at=at, name="a") for at in range(20))).plot.activity(every="second")
    axes.figure.canvas.draw()
    assert [label.get_text() for label in axes.get_xticklabels()][:2] == ["00:00:00", "00:00:05"]


def test_activity_of_an_empty_log_and_bad_input(made):
    assert title(read([]).plot.activity()) == "Nobody called"
    with pytest.raises(ValueError, match="every='day': what would work is 'hour', 'minute' or 'second'"):
        made.plot.activity(every="day")


def test_policies_side_by_side(made):
    axes = made.plot.policies({"all": "Metadata", "none": "None"})
    assert title(axes) == "none records 0% of the bytes of all"
    said = [text.get_text() for text in axes.texts]
    assert [words.partition(", ")[2] for words in said] == ["110 events; 1 lost", "0 events; 13 lost"]
    assert any(words.startswith("0 B, 0 events") for words in said)


def test_policies_that_take_as_much():
    assert title(log(event("get", name="a")).plot.policies({"one": "Metadata", "two": "Metadata"})).startswith("All take about as much")


def test_bounds_are_drawn_where_bodies_cannot_be_told_apart():
    both = {"level": "RequestResponse", "requestObject": {"a": 1}, "responseObject": {"a": 1}}
    made = log(event("create", name="a", **both))
    picture = policies.tidy({"Request": made.what_if("Request")})
    assert picture.rows.loc[0, "low"] < picture.rows.loc[0, "bytes"] < picture.rows.loc[0, "high"]


def test_no_policy_and_nothing_recorded(made):
    assert title(made.plot.policies({})) == "No policy to compare"
    assert title(made.plot.policies({"none": "None"})) == "None of these policies records anything"


@pytest.mark.parametrize(
    ("length", "ticks", "words"),
    [
        (0.5, ["0", "0.05", "0.1"], "seconds since noon"),
        (50, ["0", "5", "10"], "seconds since noon"),
        (3000, ["0", "5", "10"], "minutes since noon"),
        (86400, ["0", "5", "10"], "hours since noon"),
        (7 * 86400, ["0", "1", "2"], "days since noon"),
    ],
)
def test_an_axis_is_in_the_unit_that_fits_its_length(length, ticks, words):
    _, axes = plt.subplots()
    axes.set_xlim(0, length)
    text.long_axis(axes, "since noon")
    axes.figure.canvas.draw()
    assert [label.get_text() for label in axes.get_xticklabels() if label.get_position()[0] >= 0][:3] == ticks
    assert axes.get_xlabel() == words
