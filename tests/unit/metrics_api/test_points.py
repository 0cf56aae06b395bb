"""What metrics-server keeps: rows of its pkg/storage/{pod_test,node_test,types_test}.go and pkg/scraper/client/resource/decode_test.go, 0.7."""

from __future__ import annotations

import pytest

from kubelab.kinds.metrics.points import Kept, Point, Usage, amounts, complete, node_usage, pod_usage, store, usage
from kubelab.world.clock import MILLISECOND, SECOND

START = 1_767_225_600 * SECOND
CORE_SECOND, MIB = 1_000_000_000, 1 << 20
POD = ("ns1", "pod1")


def point(at, cores, mib, start=0):
    """``at``, ``start``: seconds after START (None: unknown)."""
    return Point(
        None if start is None else START + round(start * SECOND), START + round(at * SECOND), round(cores * CORE_SECOND), mib * MIB
    )


def pods(*batches, resolution=60):
    """What is kept after batches of one pod's containers."""
    kept = Kept()
    for batch in batches:
        kept = store(kept, {POD: batch} if batch else {}, {}, resolution * SECOND)
    return kept


def nodes(*batches):
    kept = Kept()
    for batch in batches:
        kept = store(kept, {}, {"node1": batch} if batch else {}, 60 * SECOND)
    return kept


def shown(kept):
    """(seconds of the timestamp, window, {container: (cores, MiB)}), or None."""
    found = pod_usage(kept, *POD)
    if found is None:
        return None
    containers, earliest = found
    usages = {name: (one.cpu_nano / CORE_SECOND, one.memory_bytes / MIB) for name, one in containers.items()}
    at = None if earliest is None else ((earliest.time_ns - START) / SECOND, earliest.window_ns / SECOND)
    return at, usages


OF_PODS = [
    pytest.param([{"c": point(120, 1, 4)}], None, id="waiting for the second batch"),
    pytest.param([{"c": point(120, 1, 4)}, {"c": point(125, 6, 5)}], ((125, 5), {"c": (1, 5)}), id="from two batches"),
    pytest.param([{"c": point(120, 1, 4)}, {"c": point(125, 6, 5)}, None], None, id="third batch without metrics"),
    pytest.param(
        [{"a": point(110, 1, 4), "b": point(115, 2, 5)}, {"a": point(120, 6, 6), "b": point(125, 7, 7)}],
        ((120, 10), {"a": (0.5, 6), "b": (0.5, 7)}),
        id="timestamp of the earliest container",
    ),
    pytest.param([{"c": point(110, 1, 4)}] * 2, None, id="repeated point"),
    pytest.param(
        [{"c": point(10, 1, 4)}, {"c": point(25, 5, 5, start=15)}], ((25, 10), {"c": (0.5, 5)}), id="restart: window from the start time"
    ),
    pytest.param([{"c": point(110, 20, 4)}, {"c": point(120, 10, 4)}], (None, {}), id="decreased counter: no containers"),
    pytest.param([{"c": point(1115, 20, 4)}, {"c": point(1125, 40, 4)}, {"c": point(115, 10, 4)}], None, id="older than the one before"),
    pytest.param(
        [{"c": point(115, 10, 4)}, {"c": point(125, 50, 5)}, {"c": point(120, 35, 5)}], ((120, 5), {"c": (5, 5)}), id="between the two"
    ),
    pytest.param([{"c": point(10, 10, 4)}], ((10, 10), {"c": (1, 4)}), id="fresh container: its start is the base"),
    pytest.param([{"c": point(-10, 10, 4)}], None, id="start after the timestamp"),
    pytest.param([{"c": point(9, 10, 4)}], None, id="less than 10 s old"),
    pytest.param([{"c": point(120, 1, 4, None)}, {"c": point(125, 6, 5, None)}], ((125, 5), {"c": (1, 5)}), id="start time unknown"),
    pytest.param([{"a": point(110, 1, 4)}, {"a": point(120, 6, 6), "b": point(120, 8, 5)}], None, id="not all containers have two points"),
]


@pytest.mark.parametrize(("batches", "expected"), OF_PODS)
def test_pods(batches, expected):
    assert shown(pods(*batches)) == expected


def test_at_the_manifests_resolution_a_container_is_fresh_from_ten_to_fifteen_seconds():
    assert [shown(pods({"c": point(age, 1, 4)}, resolution=15)) is not None for age in (9.999, 10, 14.999, 15)] == [
        False,
        True,
        True,
        False,
    ]


OF_NODES = [
    pytest.param([point(10, 10, 2)], None, id="waiting for the second batch"),
    pytest.param([point(10, 10, 2), point(20, 20, 3)], (20, 10, 1, 3), id="from two batches"),
    pytest.param([point(10, 10, 2), point(20, 20, 3), None], None, id="third batch without metrics"),
    pytest.param([point(10, 10, 2)] * 2, None, id="repeated point"),
    pytest.param([point(10, 10, 2), point(20, 5, 3, start=15)], None, id="restart"),
    pytest.param([point(15, 50, 3), point(25, 10, 5)], None, id="decreased counter"),
    pytest.param([point(15, 10, 3), point(35, 50, 5), point(5, 6, 2)], None, id="older than the one before"),
    pytest.param([point(15, 10, 1), point(35, 50, 4), point(25, 35, 2)], (25, 10, 2.5, 2), id="between the two"),
    pytest.param([point(10, 10, 2, None), point(20, 20, 3, None)], (20, 10, 1, 3), id="start time unknown"),
]


@pytest.mark.parametrize(("batches", "expected"), OF_NODES)
def test_nodes(batches, expected):
    one = node_usage(nodes(*batches), "node1")
    found = one and ((one.time_ns - START) / SECOND, one.window_ns / SECOND, one.cpu_nano / CORE_SECOND, one.memory_bytes / MIB)
    assert found == expected
    assert node_usage(nodes(*batches), "node2") is None


def test_usage_between_two_points():
    """Test_resourceUsage."""
    last, prev = Point(0, 20 * MILLISECOND, 500, 600), Point(0, 10 * MILLISECOND, 300, 400)
    assert usage(last, prev) == Usage(20000, 600, 20 * MILLISECOND, 10 * MILLISECOND)
    assert usage(last, prev._replace(start_ns=20 * MILLISECOND)) is None
    assert usage(last._replace(cpu_ns=100), prev) is None
    assert amounts(Usage(20000, 600, 0, 1)) == {"cpu": "20u", "memory": "600"}


def test_a_container_that_used_nothing_hides_its_pod():
    """checkContainerMetrics."""
    good = point(20, 1, 4)
    assert complete({"a": good, "b": good}) is not None
    assert complete({"a": good, "b": good._replace(cpu_ns=0)}) is None
    assert complete({"a": good, "b": good._replace(memory_bytes=0)}) is None
    assert complete({}) is None
