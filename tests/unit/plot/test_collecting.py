"""What collectors learn: pictures of ages, errors and costs, from frames of a table's size."""

from __future__ import annotations

import pandas as pd
import pytest

from kubelab.plot import collecting


def told(*rows):
    names = ["elapsed", "way", "pod", "age", "cpu", "true_cpu"]
    frame = pd.DataFrame(rows, columns=names)
    return frame.assign(error=frame["cpu"] - frame["true_cpu"])


TOLD = told(
    (1.0, "CRI", "a", 0.0, 1.0, 1.0),
    (2.0, "CRI", "a", 0.0, 0.0, 0.0),
    (1.0, "metrics-server", "a", 10.0, 0.0, 1.0),
    (2.0, "metrics-server", "a", 30.0, 1.0, 0.0),
)


def test_errors_stand_beside_that_of_who_says_the_mean():
    found = collecting.errors(TOLD, {"a": 2}).set_index("way")
    assert found["error"].to_dict() == {"CRI": 0.0, "metrics-server": 1.0}
    assert found["ignorance"].tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("draw", "title"),
    [
        (collecting.draw_ages, "What metrics-server tells is 20 s old in the middle, at most 30 s; CRI: 0 s"),
        (
            lambda frame: collecting.draw_errors(frame, {"a": 2}),
            "A load of 2 s: the gauge of metrics-server is off by 1.00 cores, the mean alone by 0.50",
        ),
        (lambda frame: collecting.draw_curve(frame, "a"), "a uses up to 1.00 cores; CRI never says more than 1.00"),
    ],
)
def test_titles_say_what_was_found(draw, title):
    assert draw(TOLD).get_title(loc="left").replace("\n", " ") == title


def test_a_gauge_that_is_right_is_not_blamed():
    assert (
        collecting.draw_errors(TOLD[TOLD["way"] == "CRI"], {"a": 2}).get_title(loc="left") == "Every gauge tells more than the mean would"
    )


def test_a_pod_of_which_nothing_was_collected():
    with pytest.raises(ValueError, match="nothing was collected of pod 'b' since 0 s: there are a"):
        collecting.draw_curve(TOLD, "b")


def test_costs():
    frame = pd.DataFrame(
        {
            "way": ["resource", "cadvisor"],
            "asks": [2, 2],
            "bytes": [1000, 40_000],
            "throttling": [False, True],
            "network": [False, True],
            "filesystem": [False, False],
        }
    )
    axes = collecting.draw_cost(frame)
    assert axes.get_title(loc="left") == "cadvisor costs 40 times as much as resource"
    assert [text.get_text() for text in axes.texts] == ["1 kB in 2 answers", "40 kB in 2 answers, with throttling, network"]
