"""upstream: pkg/controller/podautoscaler/replica_calculator_test.go, 1.28 (rows in tests/data/podautoscaler)."""

from __future__ import annotations

import pytest

from kubelab.controllers.podautoscaler.metrics import MetricsError, PodMetric
from kubelab.controllers.podautoscaler.replicas import (
    Calculation,
    Groups,
    by_metric,
    by_share,
    by_total,
    by_utilization,
    group_pods,
)
from kubelab.world.clock import SECOND, rfc3339
from tests.unit.controllers_podautoscaler.rows import NOW_NS, SETTINGS, Row, at, pod, pod_metrics, rows


def calculation(row: Row) -> Calculation:
    resource = row.get("resource") or {}
    count = max(row["current"], len(row.get("phase") or ()))
    pods = []
    for index in range(count):
        requests = resource.get("requests") or []
        each = {resource["name"]: requests[index]} if index < len(requests) else {}
        pods.append(pod(index, row, [each, each], zero_transition=True))
    return Calculation(pods, row["current"], NOW_NS, SETTINGS)


def answer(row: Row) -> tuple[int, ...]:
    given = calculation(row)
    if "resource" in row:
        resource = row["resource"]
        names = resource.get("podNames") or []
        items = []
        for index, usage in enumerate(resource["levels"]):
            name = names[index] if index < len(names) else f"test-pod-{index}"
            items.append(pod_metrics(name, *({resource["name"]: f"{level}m"} for level in usage), time=rfc3339(0)))
        return by_utilization(given, items, resource["name"], resource.get("targetUtilization", 0), row.get("container", ""))
    metric = row["metric"]
    levels = metric["levels"]
    match metric.get("metricType", "objectMetric"):
        case "podMetric":
            metrics = {f"test-pod-{index}": PodMetric(NOW_NS, 60 * SECOND, level) for index, level in enumerate(levels)}
            return by_metric(given, metrics, metric["targetUsage"])
        case "objectMetric" | "externalMetric":
            return by_total(given, sum(levels), metric["targetUsage"]), sum(levels)
        case _:
            return by_share(given.replicas, sum(levels), metric["perPodTargetUsage"], SETTINGS)


@pytest.mark.parametrize("row", rows("replica_calculator"), ids=lambda row: row["name"])
def test_a_row_of_upstreams_table(row: Row) -> None:
    if "error" in row:
        with pytest.raises(MetricsError) as refused:
            answer(row)
        assert row["error"] in str(refused.value)
        return
    given = row.get("resource") or row["metric"]
    if "resource" in row:
        assert answer(row) == (row["want"], given.get("expectedUtilization", 0), given.get("expectedValue", 0))
    else:
        assert answer(row) == (row["want"], given.get("expectedUsage", 0))


def bare(name: str, phase: str, *, started: float | None = None, ready: str = "", since: float = 0, deleted: bool = False) -> Row:
    status: Row = {"phase": phase}
    if started is not None:
        status["startTime"] = at(started)
    if ready:
        status["conditions"] = [{"type": "Ready", "status": ready, "lastTransitionTime": at(since)}]
    meta: Row = {"name": name, **({"deletionTimestamp": at(0)} if deleted else {})}
    return {"metadata": meta, "spec": {"containers": []}, "status": status}


def metric(seconds: float = -365 * 86400, window: float = 0) -> PodMetric:
    return PodMetric(NOW_NS + int(seconds * SECOND), int(window * SECOND), 1)


# upstream: TestGroupPods, in its order
A, B, L, E = "bentham", "lucretius", "lucretius", "epicurus"
GROUPS = [
    ("void", [], {}, "cpu", Groups(0, (), (), ())),
    ("ready, memory", [bare(A, "Succeeded")], {A: metric(0, 60)}, "memory", Groups(1, (), (), ())),
    ("no ready condition", [bare(L, "Succeeded", started=0)], {L: metric()}, "cpu", Groups(0, (L,), (), ())),
    (
        "fresh metrics during initialization",
        [bare(A, "Succeeded", started=-60, ready="True", since=-30)],
        {A: metric(0, 30)},
        "cpu",
        Groups(1, (), (), ()),
    ),
    (
        "unready during initialization",
        [bare(L, "Succeeded", started=-60, ready="False", since=-30)],
        {L: metric(0, 60)},
        "cpu",
        Groups(0, (L,), (), ()),
    ),
    (
        "no fresh metrics during initialization",
        [bare(A, "Succeeded", started=-60, ready="True", since=-30)],
        {A: metric(0, 60)},
        "cpu",
        Groups(0, (A,), (), ()),
    ),
    (
        "unready after initialization, was ready",
        [bare(A, "Succeeded", started=-180, ready="False", since=-60)],
        {A: metric()},
        "cpu",
        Groups(1, (), (), ()),
    ),
    (
        "unready after initialization, never ready",
        [bare(A, "Succeeded", started=-600, ready="False", since=-595)],
        {A: metric()},
        "cpu",
        Groups(0, (A,), (), ()),
    ),
    ("missing", [bare(E, "Succeeded", started=0)], {}, "cpu", Groups(0, (), (E,), ())),
    (
        "several",
        [bare("a", "Succeeded"), bare("b", "Pending"), bare("c", "Succeeded"), bare("d", "Failed"), bare("e", "Running", deleted=True)],
        {"a": metric(), "b": metric()},
        "memory",
        Groups(1, ("b",), ("c",), ("d", "e")),
    ),
]


@pytest.mark.parametrize(("pods", "metrics", "resource", "want"), [row[1:] for row in GROUPS], ids=[row[0] for row in GROUPS])
def test_pods_are_sorted(pods: list[Row], metrics: dict[str, PodMetric], resource: str, want: Groups) -> None:
    assert group_pods(Calculation(pods, 1, NOW_NS, SETTINGS), metrics, resource) == want


def test_a_share_of_no_replicas_is_what_go_makes_of_infinity() -> None:
    assert by_share(0, 100, 10, SETTINGS) == (10, -(2**63))
