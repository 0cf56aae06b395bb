"""Updates node by node: what is drawn, and what the title says."""

from __future__ import annotations

import pandas as pd
import pytest

from kubelab.plot import by_node

COLUMNS = ["node", "revision", "phase", "from_seconds", "to_seconds"]


def frames(*rows: tuple[str, str, str, float, float]) -> tuple[pd.DataFrame, pd.DataFrame]:
    pods = pd.DataFrame([(revision, f"repo/app:{revision}, side:1") for _, revision, _, _, _ in rows], columns=["revision", "images"])
    return pd.DataFrame(rows, columns=COLUMNS), pods


def picture(*rows: tuple[str, str, str, float, float], until: float = 20, since: float = 0) -> by_node.Picture:
    return by_node.tidy("daemonset/agent", *frames(*rows), until, since)


UPDATE = (
    ("node-10", "a", "Ready", 1.0, 20.0),
    ("node-2", "a", "Ready", 1.0, 5.0),
    ("node-2", "a", "Terminating", 5.0, 6.0),
    ("node-2", "b", "ContainerCreating", 6.0, 9.0),
    ("node-2", "b", "Ready", 9.0, 20.0),
)


def test_rows_are_nodes_by_number_and_states_are_told_apart() -> None:
    found = picture(*UPDATE)
    assert found.nodes == ["node-2", "node-10"]
    assert found.bars[["row", "revision", "state"]].to_numpy().tolist() == [
        [1, 0, "ready"],
        [0, 0, "ready"],
        [0, 0, "terminating"],
        [0, 1, "starting"],
        [0, 1, "ready"],
    ]
    assert found.labels == ["app:a", "app:b"]


def test_a_gap_is_where_none_was_ready() -> None:
    assert picture(*UPDATE).gaps == {"node-2": 4.0, "node-10": 0.0}
    assert picture(*UPDATE, since=7).gaps["node-2"] == 2.0
    beside = (("n", "a", "Ready", 0.0, 9.0), ("n", "b", "Ready", 8.0, 20.0))
    assert picture(*beside).gaps == {"n": 0.0}
    assert picture(("n", "a", "Ready", 0.0, 9.0)).gaps == {"n": 11.0}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (UPDATE, "daemonset/agent: app:a on 1 node, app:b on 1 node; the longest gap: node-2, 4.0 s"),
        (UPDATE[:1], "daemonset/agent: app:a on 1 node; no node was ever without"),
        (UPDATE[:3], "daemonset/agent: app:a on 1 node, 1 node without a ready pod; the longest gap: node-2, 15.0 s"),
        ((("n", "a", "BackOff", 0.0, 20.0),), "daemonset/agent: no pod is ready"),
        ((), "daemonset/agent: no pod on any node"),
    ],
)
def test_the_title_says_what_is_where_and_who_was_without(rows: tuple[tuple[str, str, str, float, float], ...], expected: str) -> None:
    assert by_node.finding(picture(*rows)) == expected


def test_pods_without_a_node_are_left_out() -> None:
    assert picture(*UPDATE, ("", "b", "Pending", 9.0, 20.0)).nodes == ["node-2", "node-10"]


def test_it_draws_none_few_and_many() -> None:
    assert len(by_node.draw(picture(*UPDATE)).patches) == 5
    assert len(by_node.draw(picture()).patches) == 0
    many = picture(*((f"node-{n}", "a", "Ready", 1.0, 20.0) for n in range(100)))
    assert by_node.draw(many).get_ylabel() == "nodes"
