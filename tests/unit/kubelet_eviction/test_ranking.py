"""upstream: pkg/kubelet/eviction/helpers_test.go, 1.28: who goes first, and what is said."""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.kubelet.eviction.ranking import is_critical, message, over_local_limits, ranked, request
from kubelab.kubelet.eviction.thresholds import IMAGEFS, MEMORY, NODEFS, NODEFS_INODES, PID, Amount, Observation, Threshold
from kubelab.kubelet.eviction.usage import ContainerUse, PodUse, VolumeUse
from tests.unit.kubelet_eviction.pods import Row, disk, memory, pod, size

GI = 1 << 30


def order(signal: str, rows: list[tuple[Row, PodUse]]) -> list[str]:
    uses = {each["metadata"]["uid"]: use for each, use in rows}
    return [each["metadata"]["name"] for each in ranked([each for each, _ in rows], uses, signal)]


def asks(kind: str, amount: str) -> Row | None:
    return {kind: amount} if amount else None


# (name, priority, request, use in the measure of the signal); the wanted order is that of the rows
MEMORY_ROWS = [
    ("above-requests-low-priority-high-usage", -1, "", "500Mi"),
    ("above-requests-low-priority-low-usage", -1, "", "50Mi"),
    ("above-requests-high-priority-high-usage", 1, "100Mi", "600Mi"),
    ("above-requests-high-priority-low-usage", 1, "100Mi", "150Mi"),
    ("below-requests-low-priority-high-usage", -1, "1Gi", "800Mi"),
    ("below-requests-low-priority-low-usage", -1, "1Gi", "200Mi"),
    ("below-requests-high-priority-high-usage", 1, "1Gi", "800Mi"),
    ("below-requests-high-priority-low-usage", 1, "1Gi", "200Mi"),
]
DISK_ROWS = [
    ("above-requests-low-priority-high-usage", -1, "", ("200Mi", "100Mi", "200Mi")),
    ("above-requests-low-priority-low-usage", -1, "", ("10Mi", "10Mi", "30Mi")),
    ("above-requests-high-priority-high-usage", 1, "100Mi", ("200Mi", "150Mi", "250Mi")),
    ("above-requests-high-priority-low-usage", 1, "100Mi", ("90Mi", "50Mi", "10Mi")),
    ("below-requests-low-priority-high-usage", -1, "1Gi", ("500Mi", "200Mi", "100Mi")),
    ("below-requests-low-priority-low-usage", -1, "1Gi", ("50Mi", "100Mi", "50Mi")),
    ("below-requests-high-priority-high-usage", 1, "1Gi", ("250Mi", "500Mi", "50Mi")),
    ("below-requests-high-priority-low-usage", 1, "1Gi", ("100Mi", "60Mi", "40Mi")),
]
INODE_ROWS = [
    ("low-priority-high-usage", -1, "", ("50000", "100000", "250000")),
    ("low-priority-low-usage", -1, "", ("60000", "30000", "10000")),
    ("high-priority-high-usage", 1, "", ("150000", "150000", "50000")),
    ("high-priority-low-usage", 1, "", ("10000", "40000", "100000")),
]


def test_under_memory_pressure() -> None:
    """upstream: TestOrderedByPriorityMemory."""
    pods = [(pod(name, priority, requests=asks("memory", asked)), used) for name, priority, asked, used in MEMORY_ROWS]
    assert order(MEMORY, [(each, memory(each, used)) for each, used in reversed(pods)]) == [row[0] for row in MEMORY_ROWS]


@pytest.mark.parametrize(("signal", "rows"), [(NODEFS, DISK_ROWS), (IMAGEFS, DISK_ROWS), (NODEFS_INODES, INODE_ROWS)])
def test_under_disk_pressure(signal: str, rows: list[tuple[str, int, str, tuple[str, str, str]]]) -> None:
    """upstream: TestOrderedByPriorityDisk, TestOrderedByPriorityInodes."""
    pods = [(pod(name, priority, requests=asks("ephemeral-storage", asked)), used) for name, priority, asked, used in rows]
    inodes = signal == NODEFS_INODES
    assert order(signal, [(each, disk(each, *used, inodes=inodes)) for each, used in reversed(pods)]) == [row[0] for row in rows]


def test_beyond_requests_by_most() -> None:
    """upstream: TestOrderedByMemory, TestOrderedbyDisk (all of one priority)."""
    rows = [("burstable-high", "100Mi", "800Mi"), ("best-effort-high", "", "500Mi"), ("best-effort-low", "", "300Mi")]
    rows += [("burstable-low", "100Mi", "300Mi"), ("guaranteed-high", "1Gi", "800Mi"), ("guaranteed-low", "1Gi", "200Mi")]
    pods = [(pod(name, requests=asks("memory", asked)), used) for name, asked, used in rows]
    assert order(MEMORY, [(each, memory(each, used)) for each, used in reversed(pods)]) == [row[0] for row in rows]


def test_under_pid_pressure() -> None:
    """upstream: TestOrderedByPriorityProcess."""
    rows = [("low-high", -1, 20), ("low-low", -1, 6), ("high-high", 1, 20), ("high-low", 1, 5)]
    found = order(PID, [(pod(name, priority), PodUse(0, count)) for name, priority, count in reversed(rows)])
    assert found == [row[0] for row in rows]


def test_a_pod_of_which_nothing_is_known_goes_first() -> None:
    known, unknown = pod("known", -10), pod("unknown", 10)
    found = ranked([known, unknown], {"known": memory(known, "1Gi")}, MEMORY)
    assert [each["metadata"]["name"] for each in found] == ["unknown", "known"]


@pytest.mark.parametrize(("more", "want"), [
    ({}, "100Mi"),
    ({"initContainers": [{"name": "i", "resources": {"requests": {"memory": "300Mi"}}}]}, "300Mi"),
    ({"overhead": {"memory": "28Mi"}}, "128Mi"),
])  # fmt: skip
def test_what_a_pod_requests(more: dict[str, Any], want: str) -> None:
    """upstream: GetResourceRequestQuantity."""
    assert request(pod("p", requests={"memory": "100Mi"}, **more), "memory") == size(want) * 10**9


def test_the_message_names_what_is_beyond_its_request() -> None:
    """upstream: evictionMessage; the last sentence of TestDiskPressureNodeFs… ends before the containers, whose use is not known there."""
    row = pod("p", requests={"memory": "100Mi"})
    thresholds, signals = (Threshold(MEMORY, Amount(2 * GI)),), {MEMORY: Observation(1500 << 20, 3000 << 20)}
    start = "The node was low on resource: memory. Threshold quantity: 2Gi, available: 1500Mi. "
    assert message("memory", row, {}, thresholds, signals) == start
    assert message("memory", row, {"p": memory(row, "100Mi")}, thresholds, signals) == start
    said = "Container p was using 101Mi, request is 100Mi, has larger consumption of memory. "
    assert message("memory", row, {"p": memory(row, "101Mi")}, thresholds, signals) == start + said
    bare = pod("q")
    said = "Container q was using 6Ki, request is 0, has larger consumption of ephemeral-storage. "
    signals = {NODEFS: Observation(1536 << 20, 3 * GI)}
    start = "The node was low on resource: ephemeral-storage. Threshold quantity: 2Gi, available: 1536Mi. "
    found = message("ephemeral-storage", bare, {"q": disk(bare, "4Ki", "2Ki")}, (Threshold(NODEFS, Amount(2 * GI)),), signals)
    assert found == start + said
    pids = message("pids", bare, {}, (Threshold(PID, Amount(100)),), {PID: Observation(50, 32768)})
    assert pids == "The node was low on resource: pids. Threshold quantity: 100, available: 50. "


@pytest.mark.parametrize(("row", "use", "want"), [
    (pod("p", limits={"ephemeral-storage": "1Gi"}), ("1Gi", "", ""), ""),
    (pod("p", limits={"ephemeral-storage": "1Gi"}), ("1Gi", "1Ki", ""), "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. "),
    (pod("p"), ("90Gi", "", ""), ""),
    (
        pod("p", volumes=[{"name": "local", "emptyDir": {"sizeLimit": "1Mi"}}]),
        ("", "", "2Mi"),
        'Usage of EmptyDir volume "local" exceeds the limit "1Mi". ',
    ),
    (pod("p", volumes=[{"name": "local", "emptyDir": {}}]), ("", "", "2Mi"), ""),
])  # fmt: skip
def test_limits_of_local_storage(row: Row, use: tuple[str, str, str], want: str) -> None:
    """upstream: localStorageEviction."""
    assert over_local_limits(row, disk(row, *use)) == want


def test_the_limit_of_one_container() -> None:
    row = pod("p", limits={"ephemeral-storage": "1Mi"})
    row["spec"]["containers"].append({"name": "other", "resources": {"limits": {"ephemeral-storage": "9Mi"}}})
    use = PodUse(0, 1, (ContainerUse("p", 0, size("2Mi")), ContainerUse("other", 0, 0)), (VolumeUse("v", 0),))
    assert over_local_limits(row, use) == 'Container p exceeded its local ephemeral storage limit "1Mi". '


@pytest.mark.parametrize(("priority", "annotations", "want"), [
    (0, {}, False),
    (1_999_999_999, {}, False),
    (2_000_000_000, {}, True),
    (0, {"kubernetes.io/config.source": "file"}, True),
    (0, {"kubernetes.io/config.source": "api"}, False),
    (0, {"kubernetes.io/config.mirror": "x"}, True),
])  # fmt: skip
def test_who_is_critical(priority: int, annotations: dict[str, str], want: bool) -> None:
    row = pod("p", priority)
    row["metadata"]["annotations"] = annotations
    assert is_critical(row) == want
