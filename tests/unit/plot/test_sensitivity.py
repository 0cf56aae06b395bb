"""Sensitivity: what the picture says and shows."""

import pandas as pd
import pytest

from kubelab.plot import sensitivity

FRAME = pd.DataFrame(
    {"disk": [0.5, 0.0, -0.02], "client limits": [0.0, 0.9, 0.1]},
    index=["a set, raised limits", "a set, default limits", "a Deployment, default limits"],
)


def test_the_title_counts_how_many_workloads_a_cause_moves_most():
    assert sensitivity.finding(FRAME) == "Moved most by client limits (2 of 3), disk (1)"


def test_each_share_stands_in_its_place():
    ax = sensitivity.draw(FRAME)

    shown = {(text.get_position(), text.get_text()) for text in ax.texts}
    assert {((0, 0), "+50 %"), ((1, 0), "0"), ((1, 1), "+90 %"), ((0, 2), "-2 %")} <= shown
    assert [label.get_text() for label in ax.get_yticklabels()] == list(FRAME.index)


@pytest.mark.parametrize("frame", [FRAME.iloc[:0], pd.DataFrame()])
def test_nothing_tried_is_said(frame):
    ax = sensitivity.draw(frame)

    assert ax.get_title(loc="left") == "Nothing was tried"
