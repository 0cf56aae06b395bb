"""Container logs: what is on disk, and what is still shown.

upstream: pkg/kubelet/logs/container_log_manager_test.go, 1.28.
"""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kubelab as kl
from kubelab.cri.effects import Log
from kubelab.kubelet.logs import DEFAULT, LINE_HEAD, Policy, deflated, files, policy_of, written
from kubelab.world.clock import SECOND, parse_rfc3339

T0 = parse_rfc3339("2026-01-01T00:00:00Z")
TEN = Policy(10 + LINE_HEAD, 3)


def lines(*given: tuple[float, int]) -> list[Log]:
    """Lines of so many bytes, each at a second."""
    return [Log("stdout", "x" * (size - 1) + "\n", T0 + int(at * SECOND)) for at, size in given]


def looked(entries: list[Log], policy: Policy, until: float) -> list[str]:
    """The names of the files at a second."""
    found = files(entries, policy, T0, T0 + int(until * SECOND))
    return [*(each.name("0.log") for each in found.rotated), "0.log"]


def test_a_short_log_stays() -> None:
    """upstream: TestRotateLogs, container-not-need-rotate."""
    assert looked(lines((1, 5)), TEN, 100) == ["0.log"]


def test_a_long_one_is_renamed_at_the_next_look() -> None:
    """upstream: TestRotateLogs, container-need-rotate; a size equal to the limit is enough."""
    long = lines((1, 10))
    assert looked(long, TEN, 9.9) == ["0.log"]
    assert looked(long, TEN, 10) == ["0.log.20260101-000010", "0.log"]
    assert files(long, TEN, T0, T0 + 10 * SECOND).size == 0


def test_excess_logs_go_and_all_but_the_newest_are_compressed() -> None:
    """upstream: TestRotateLogs, container-has-excess-log: three files in all."""
    long = lines((1, 20), (11, 20), (21, 20), (31, 5))
    assert looked(long, TEN, 35) == ["0.log.20260101-000020.gz", "0.log.20260101-000030", "0.log"]


@pytest.mark.parametrize(("max_files", "rotated"), [(2, 1), (3, 2), (6, 4)])
def test_how_many_stay(max_files: int, rotated: int) -> None:
    """upstream: TestRemoveExcessLog: MaxFiles - 2 of what was there before, and the one that has just been rotated."""
    long = lines((1, 20), (11, 20), (21, 20), (31, 20))
    assert len(files(long, TEN._replace(max_files=max_files), T0, T0 + 40 * SECOND).rotated) == rotated


def test_a_container_that_has_ended_keeps_its_last_log() -> None:
    """upstream: TestRotateLogs, container-is-not-running: here its end is the last instant that counts."""
    assert looked(lines((1, 20)), TEN, 9) == ["0.log"]


def test_a_negative_size_switches_rotation_off() -> None:
    assert looked(lines((1, 20), (11, 20)), Policy(-1, 3), 60) == ["0.log"]


def test_a_log_that_grows_between_two_looks_is_not_split() -> None:
    found = files(lines((1, 20), (2, 20), (3, 20), (12, 4)), TEN, T0, T0 + 15 * SECOND)
    assert [(each.first, each.until, each.size) for each in found.rotated] == [(0, 3, 3 * (20 + LINE_HEAD))]
    assert (found.first, found.size) == (3, 4 + LINE_HEAD)


@pytest.mark.parametrize(("annotations", "want"), [
    # upstream: NewContainerLogManager, parseMaxSize; defaults of KubeletConfiguration
    ({}, Policy(10 * 2**20, 5)),
    ({"max-size": "1Mi", "max-files": "3"}, Policy(2**20, 3)),
    ({"max-size": "-1"}, Policy(-1, 5)),
    ({"max-files": "1"}, DEFAULT._replace(error="invalid MaxFiles 1, must be > 1")),
    ({"max-files": "many"}, DEFAULT._replace(error="lab.kubelab.dev/container-log-max-files: 'many' is not a number")),
])  # fmt: skip
def test_what_a_node_says(annotations: dict[str, str], want: Policy) -> None:
    node = {"metadata": {"annotations": {f"lab.kubelab.dev/container-log-{name}": text for name, text in annotations.items()}}}
    assert policy_of(node) == want


def test_a_size_that_is_none_is_told() -> None:
    error = policy_of({"metadata": {"annotations": {"lab.kubelab.dev/container-log-max-size": "big"}}}).error
    assert error.startswith('failed to parse container log max size "big": ')


sizes = st.lists(st.tuples(st.integers(1, 200), st.integers(1, 60)), max_size=40)


@given(sizes, st.integers(2, 6), st.integers(0, 300))
def test_what_is_on_disk_is_bounded_and_in_turn(writes: list[tuple[int, int]], max_files: int, until: int) -> None:
    entries = lines(*sorted(writes))
    policy = Policy(100, max_files)
    found = files(entries, policy, T0, T0 + until * SECOND)
    assert len(found.sizes) <= max_files
    parts = [(each.first, each.until) for each in found.rotated]
    assert [until for _, until in parts] == [*(first for first, _ in parts[1:]), found.first][: len(parts)]
    for each in found.rotated:
        raw = sum(written(entry.text) for entry in entries[each.first : each.until])
        assert raw >= 100
        assert each.size <= raw if each.compressed else each.size == raw
    shown = [entry for entry in entries[found.first :] if entry.time_ns <= T0 + until * SECOND]
    assert found.size == sum(written(entry.text) for entry in shown)


def test_a_compressed_log_is_not_larger_than_reckoned() -> None:
    text = "".join(f"GET /items/{number % 17} {200 if number % 5 else 404} {number * 37 % 91}ms\n" for number in range(4000))
    assert len(gzip.compress(text.encode(), mtime=0)) <= deflated([text]) < len(text)


def test_the_story() -> None:
    """``kubectl logs`` shows what stands in the file that is written to; the summary counts all files; the node's disk holds them."""
    c = kl.Cluster(nodes=1)
    notes = {f"lab.kubelab.dev/container-log-{name}": text for name, text in (("max-size", "4Ki"), ("max-files", "3"))}
    c.patch("node/node-1", {"metadata": {"annotations": notes}})
    script = "i=0; while true; do echo line $i of a log that is rotated; i=$((i+1)); sleep 1; done"
    c.create({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "chatty"},
        "spec": {"containers": [{"name": "c", "image": "busybox:1.36", "command": ["sh", "-c", script]}]},
    })  # fmt: skip
    c.run("50s")
    assert "line 0 of a log" in c.logs("pod/chatty")
    c.run("9m10s")
    shown = c.logs("pod/chatty")
    assert "line 0 of a log" not in shown
    assert len(shown.splitlines()) * (LINE_HEAD + 40) < 4096 + 10 * 80
    summary = c.summary("node-1")
    told = summary["pods"][0]["containers"][0]
    assert told["logs"]["inodesUsed"] == 3
    assert told["logs"]["usedBytes"] <= 3 * 8192
    images = summary["node"]["runtime"]["imageFs"]["usedBytes"]
    assert summary["node"]["fs"]["usedBytes"] >= images + told["logs"]["usedBytes"]
    metric = next(line for line in c.prometheus("node-1", "/metrics").splitlines() if line.startswith("kubelet_container_log_filesystem"))
    assert int(float(metric.split()[-1])) == told["logs"]["usedBytes"]
