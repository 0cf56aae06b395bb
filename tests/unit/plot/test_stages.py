"""Stages: bursts of several sizes as one table, where another stage becomes the longest, and what is drawn."""

import pandas as pd
import pytest

from kubelab.plot import stages


def burst(**seconds: float) -> pd.DataFrame:
    """A breakdown of one pod whose stages took so long."""
    rows, at = [], 0.0
    for stage, length in seconds.items():
        rows.append(("a", "a", stage.replace("_", " "), at, length))
        at += length
    return pd.DataFrame(rows, columns=["uid", "name", "stage", "from_command", "seconds"])


def test_a_row_per_size_and_a_column_per_stage_in_order():
    table = stages.tidy({10: burst(client_limit=3.0, pull=2.0), 1: burst(pull=2.0, probe=1.0)})
    assert list(table.index) == [1, 10]
    assert list(table.columns) == ["client limit", "pull", "probe", "until ready"]
    assert table.loc[1].tolist() == [0.0, 2.0, 1.0, 3.0]


@pytest.mark.parametrize(
    ("bursts", "found", "words"),
    [
        ({1: burst(pull=2.0), 100: burst(pull=2.0, client_limit=1.0)}, [], "Most time goes to the pull, up to 100 pods"),
        (
            {1: burst(pull=2.0), 100: burst(pull=2.0, client_limit=4.0)},
            [(10, "pull", "client limit", 2.0)],
            "Most time goes to the pull, from about 10 pods on to the client QPS limit",
        ),
        (
            {1: burst(start=1.0), 4: burst(start=1.0, predecessor=2.0)},
            [(2, "start", "predecessor", 1.0)],
            "Most time goes to the start, from about 2 pods on to waiting for pods before",
        ),
    ],
    ids=["none", "the limit overtakes the pull", "waiting overtakes the start"],
)
def test_a_crossing_is_where_the_drawn_lines_meet(bursts, found, words):
    table = stages.tidy(bursts)
    met = [(round(each.replicas), each.before, each.stage, round(each.seconds, 3)) for each in stages.crossings(table)]
    assert met == found
    assert stages.finding(table) == words


def test_lines_of_stages_that_can_be_seen_and_a_mark_at_the_crossing():
    table = stages.tidy({1: burst(pull=2.0, API=0.01), 100: burst(pull=2.0, client_limit=4.0, API=0.01)})
    ax = stages.draw(table)
    client_limit, pull, mark = ax.lines
    assert list(client_limit.get_ydata()) == [0.0, 4.0]
    assert list(pull.get_ydata()) == [2.0, 2.0]
    assert [round(x) for x in mark.get_xdata()] == [10, 10]
    assert ax.get_title(loc="left") == stages.finding(table)


def test_labels_at_the_ends_of_lines_keep_apart():
    heights = [height for height, _ in stages._apart([(0.1, "a"), (0.0, "b"), (5.0, "c")], 0.5)]
    assert heights == [0.0, 0.5, 5.0]
