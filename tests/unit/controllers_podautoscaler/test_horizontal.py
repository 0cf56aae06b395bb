"""upstream: pkg/controller/podautoscaler/horizontal_test.go, 1.28 (rows in tests/data/podautoscaler)."""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.controllers.podautoscaler.observe import Target
from kubelab.controllers.podautoscaler.reconcile import reconcile
from kubelab.engine.plan import Call, Plan
from tests.unit.controllers_podautoscaler.rows import NAMESPACE, Row, Source, rows, seen

OK = [
    ["AbleToScale", "True", "SucceededRescale"],
    ["ScalingActive", "True", "ValidMetricFound"],
    ["ScalingLimited", "False", "DesiredWithinRange"],
]
ROWS = {row["name"]: row for row in rows("horizontal")}
PLAIN = [row for row in ROWS.values() if "rest" not in row and "selectors" not in row]


def written(plan: Plan, *, refused: bool = False) -> tuple[Row | None, Row | None]:
    """The status and the scale that a plan writes if nothing is refused, or if the scale is."""
    status = scale = None
    for batch in plan.batches:
        for call in batch.calls:
            assert isinstance(call, Call)
            if call.verb == "update" and call.subresource == "scale":
                scale = call.body
            if call.subresource == "status" and batch.refused == refused:
                status = call.body["status"]
    return status, scale


def conditions(status: Row | None) -> list[list[str]]:
    assert status is not None, "the status is updated"
    return [[each["type"], each["status"], each.get("reason", "")] for each in status["conditions"]]


def utilization(status: Row) -> Any:
    for each in status["currentMetrics"] or ():
        if each["type"] == "Resource" and each["resource"]["name"] == "cpu":
            return each["resource"]["current"]["averageUtilization"]
    return None


def cpu_current(row: Row) -> int:
    if row.get("current"):
        return int(row["current"])
    requested = sum(int(float(each) * 1000) for each in row["requests"])
    return 100 * sum(row["levels"]) // requested


def check(row: Row, plan: Plan) -> None:
    status, scale = written(plan)
    assert status is not None
    assert status["desiredReplicas"] == row["want"]
    assert (scale is not None) == (row["want"] != row["spec"])
    if scale is not None:
        assert scale["spec"].get("replicas", 0) == row["want"]
    assert conditions(status) == (row.get("conditions") or OK)
    if row.get("verifyCPUCurrent"):
        assert utilization(status) == cpu_current(row)


@pytest.mark.parametrize("row", PLAIN, ids=lambda row: row["name"])
def test_a_row_of_upstreams_table(row: Row) -> None:
    check(row, reconcile(seen(row)))


def test_the_scale_has_no_selector() -> None:
    row = ROWS["TestConditionInvalidSelectorMissing"]
    plan = reconcile(seen(row, selector=""))
    check(row, plan)
    assert [(event.reason, event.message) for event in plan.events] == [
        ("SelectorRequired", "selector is required"),
        ("FailedComputeMetricsReplicas", "selector is required"),
    ]


def test_the_scales_selector_cannot_be_parsed() -> None:
    row = ROWS["TestConditionInvalidSelectorUnparsable"]
    check(row, reconcile(seen(row, selector="cheddar cheese", selector_error="couldn't convert selector")))


@pytest.mark.parametrize(("name", "rivals"), [
    ("TestConditionNoAmbiguousSelectorWhenNoSelectorOverlapBetweenHPAs", 1),
    ("TestConditionAmbiguousSelectorWhenFullSelectorOverlapBetweenHPAs", 2),
    ("TestConditionAmbiguousSelectorWhenPartialSelectorOverlapBetweenHPAs", 2),
])  # fmt: skip
def test_other_autoscalers_of_the_same_pods(name: str, rivals: int) -> None:
    places = ((NAMESPACE, "test-hpa"), (NAMESPACE, "test-hpa-2"))[:rivals]
    plan = reconcile(seen(ROWS[name], rivals=places))
    check(ROWS[name], plan)
    if rivals == 2:
        words = "pods by selector name=test-pod are controlled by multiple HPAs: [test-namespace/test-hpa test-namespace/test-hpa-2]"
        assert plan.events[0].message == words


METRIC_ROWS: dict[str, Row] = {
    "FailedGetResourceMetric": {"cpu": 10},
    "FailedGetPodsMetric": {"metrics": ROWS["TestScaleUpCM"]["metrics"]},
    "FailedGetObjectMetric": {"metrics": ROWS["TestScaleUpCMObject"]["metrics"]},
    "FailedGetExternalMetric": {"metrics": ROWS["TestScaleUpCMExternal"]["metrics"]},
}


@pytest.mark.parametrize("reason", METRIC_ROWS)
def test_a_metrics_api_that_fails(reason: str) -> None:
    """upstream: TestConditionFailedGetMetrics."""
    row = {**ROWS["TestConditionFailedGetMetrics"], "cpu": 0, **METRIC_ROWS[reason]}
    row["conditions"] = [["AbleToScale", "True", "SucceededGetScale"], ["ScalingActive", "False", reason]]
    source = Source([], [], broken=("resource", "custom", "external"), error="something went wrong")
    plan = reconcile(seen(row, source=source))
    check(row, plan)
    assert [event.reason for event in plan.events] == [reason, "FailedComputeMetricsReplicas"]
    assert plan.events[1].message.startswith("invalid metrics (1 invalid out of 1), first error is: failed to get ")


@pytest.mark.parametrize("name", ["TestScaleUpOneMetricEmpty", "TestNoScaleDownOneMetricEmpty"])
def test_one_metric_of_several_is_empty(name: str) -> None:
    whole = seen(ROWS[name])
    assert isinstance(whole.source, Source)
    whole.source.broken = ("external",)
    whole.source.error = "no metrics returned from external metrics API"
    check(ROWS[name], reconcile(whole))


def test_the_target_is_not_there() -> None:
    row = ROWS["TestConditionFailedGetScale"]
    words = 'replicationcontrollers/scale "test-rc" not found'
    plan = reconcile(seen(row, target=Target("replicationcontrollers", "test-rc", None, words)))
    status, _ = written(plan)
    assert conditions(status) == row["conditions"]
    assert status is not None
    assert status["conditions"][0]["message"] == f"the HPA controller was unable to get the target's current scale: {words}"
    assert plan.error == f"failed to query scale subresource for ReplicationController/test-namespace/test-rc: {words}"


def test_the_target_is_of_an_unknown_kind() -> None:
    row = ROWS["TestConditionFailedGetScale"]
    words = 'no matches for kind "Cheese" in group "cheddar"'
    plan = reconcile(seen(row, target=Target("", "test-rc", None, words)))
    status, _ = written(plan)
    assert conditions(status) == row["conditions"]
    assert plan.events[0].message == words
    assert plan.error == f"unable to determine resource for scale target reference: {words}"


def test_the_scale_cannot_be_written() -> None:
    row = ROWS["TestConditionFailedUpdateScale"]
    status, _ = written(reconcile(seen(row)), refused=True)
    assert conditions(status) == row["conditions"]


def test_nothing_new_is_not_written() -> None:
    """upstream: TestAvoidUnnecessaryUpdates."""
    row = {**ROWS["TestTolerance"]}
    first = seen(row)
    status, _ = written(reconcile(first))
    again = seen(row, autoscaler={**first.autoscaler, "status": status})
    assert written(reconcile(again)) == (None, None)


@pytest.mark.parametrize(("percent", "want", "able"), [(56, 9, "SucceededRescale"), (55, 10, "ReadyForNewScale")])
def test_the_tolerance_is_exact(percent: int, want: int, able: str) -> None:
    """upstream: TestComputedToleranceAlgImplementation: ten pods that use half of what they request; targets at both sides of 0.1."""
    requests = [f"{300 + more}m" for more in (100, -100, 10, -10, 2, -2, 1, -1, 0, 0)]
    row: Row = {"min": 0, "max": 1000, "spec": 10, "status": 10, "cpu": percent, "want": want, "recommendations": []}
    row |= {"levels": [150] * 10, "requests": requests, "conditions": [["AbleToScale", "True", able], *OK[1:]]}
    check(row, reconcile(seen(row)))
