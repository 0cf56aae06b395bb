"""How long kubelets may go on with what they have. Rows: upstream pkg/controller/ttl/ttl_controller_test.go, 1.28."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

import kubelab as kl
from kubelab.controllers.ttl import ANNOTATION, seconds_of
from kubelab.controllers.ttl.controller import BOUNDARIES, Seen, boundary_after, plan

Object = dict[str, Any]


def node(name: str, **annotations: str) -> Object:
    meta: Object = {"name": name}
    if annotations:
        meta["annotations"] = {ANNOTATION if key == "ttl" else key: value for key, value in annotations.items()}
    return {"apiVersion": "v1", "kind": "Node", "metadata": meta}


def ttls(cluster: kl.Cluster) -> Counter[str]:
    return Counter(each["metadata"].get("annotations", {}).get(ANNOTATION, "none") for each in cluster.list("nodes"))


@pytest.mark.parametrize(
    ("found", "wanted", "patched"),
    [
        (node("name"), 0, "0"),
        (node("name"), 15, "15"),
        (node("name"), 30, "30"),
        (node("name", ttl="0"), 60, "60"),
        (node("name", ttl="60"), 60, None),
        (node("name", ttl="60"), 30, "30"),
        (node("name", ttl="0", a="b"), 15, "15"),
        (node("name", ttl="soon"), 0, "0"),  # strconv.Atoi refuses it
        (node("name", ttl="15s"), 15, "15"),
        (node("name", ttl="+015"), 15, None),
    ],
)
def test_a_node_that_says_something_else_is_patched(found: Object, wanted: int, patched: str | None) -> None:
    """TestPatchNode, TestUpdateNodeIfNeeded."""
    boundary = next(at for at, (_, _, seconds) in enumerate(BOUNDARIES) if seconds == wanted)
    bodies = [call.body for call in plan(Seen(found, 1, boundary)).calls]
    assert bodies == ([] if patched is None else [{"metadata": {"annotations": {ANNOTATION: patched}}}])


@pytest.mark.parametrize(
    ("nodes", "change", "boundary", "seconds"),
    [
        (0, 1, 0, 0),
        (99, 1, 0, 0),
        (100, 1, 0, 15),
        (101, -1, 1, 15),
        (91, -1, 1, 15),
        (91, 1, 1, 15),
        (90, -1, 1, 0),
        (1800, -1, 4, 60),
        (10_000, -1, 4, 300),
    ],
)
def test_a_boundary_is_crossed_late_in_both_directions(nodes: int, change: int, boundary: int, seconds: int) -> None:
    """TestDesiredTTL."""
    assert BOUNDARIES[boundary_after(nodes + change, boundary)][2] == seconds


def test_a_cluster_that_was_there_before_says_what_counting_gives() -> None:
    boundary = 0
    for nodes in range(1, 2100):
        boundary = boundary_after(nodes, boundary)
        assert seconds_of(nodes) == BOUNDARIES[boundary][2]


@pytest.mark.parametrize("release", ["1.28", "1.7"])
def test_a_new_node_is_patched_once_by_the_controller(release: str) -> None:
    cluster = kl.Cluster(2, release=release)
    assert ttls(cluster) == {"0": 2}
    cluster.create(node("late"))
    cluster.run("1m")
    assert ttls(cluster) == {"0": 3}
    calls = cluster.frames.calls()
    mine = calls[calls["component"] == "ttl-controller"]
    assert [tuple(row) for row in mine[["verb", "resource", "name", "code", "user"]].to_numpy()] == [
        ("patch", "nodes", "late", 200, "system:serviceaccount:kube-system:ttl-controller")
    ]


def test_others_learn_of_a_new_boundary_by_their_next_heartbeat_also_after_a_crash_and_a_fork() -> None:
    cluster = kl.Cluster(100)
    cluster.create(node("one-more"))
    cluster.run("2s")
    assert ttls(cluster) == {"0": 100, "15": 1}
    fork = cluster.fork()
    cluster.run("6m")
    assert ttls(cluster) == {"15": 101}
    fork.fault("ComponentCrash", components=["ttl-controller"], duration="1s")
    fork.run("6s")
    assert ttls(fork) == {"15": 101}, "when it starts it looks at every node"
    fork.delete("node/one-more")
    fork.run("6m")
    assert ttls(fork) == {"15": 100}, "until there are fewer than 90"
