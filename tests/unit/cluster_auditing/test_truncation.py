"""upstream: staging/src/k8s.io/apiserver/plugin/pkg/audit/truncate/truncate_test.go, 1.28."""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.cluster.auditing.formats import V1
from kubelab.cluster.auditing.options import Truncate
from kubelab.cluster.auditing.truncation import ANNOTATION, TOO_LARGE, cut

LIMITS = Truncate(True, max_event_size=100 * 1024, max_batch_size=4 * 1024 * 1024)
LONG = "A" * LIMITS.max_event_size


@pytest.mark.parametrize(
    ("event", "dropped", "truncated"),
    [
        pytest.param({}, False, False, id="Empty event should not be truncated"),
        pytest.param({"level": "Request", "requestObject": LONG}, False, True, id="Event with too large body should be truncated"),
        pytest.param({"annotations": {"key": LONG}}, True, False, id="Event with too large metadata should be dropped"),
        pytest.param({"level": "Metadata", "responseObject": LONG}, True, False, id="At Metadata nothing is taken off"),
        pytest.param({"level": "RequestResponse", "userAgent": LONG, "requestObject": LONG}, True, False, id="Too large without bodies"),
        pytest.param({"level": "RequestResponse", "responseObject": LONG}, False, True, id="A large response goes too"),
    ],
)
def test_events_that_are_too_large(event: dict[str, Any], dropped: bool, truncated: bool):
    """TestTruncatingEvents, and what its comments say"""
    done = cut([event], LIMITS, V1)
    assert [why for _, why in done.refused] == ([TOO_LARGE] if dropped else [])
    assert len(done.batches) == (0 if dropped else 1)
    if truncated:
        kept = done.batches[0][0]
        assert kept["annotations"] == {ANNOTATION: "true"}
        assert "requestObject" not in kept and "responseObject" not in kept
        assert ANNOTATION not in event.get("annotations", {})


@pytest.mark.parametrize(
    ("limits", "events", "batches"),
    [
        pytest.param(LIMITS, [{}], [1], id="Events fitting in one batch should not be split"),
        pytest.param(
            Truncate(True, LIMITS.max_event_size, 1),
            [{"annotations": {"key": "A" * 50}}] * 2,
            [1, 1],
            id="Events not fitting should be split",
        ),
        pytest.param(Truncate(True, 1000, 250), [{"auditID": "x" * 40}] * 5, [2, 2, 1], id="As many as fit"),
        pytest.param(LIMITS, [], [], id="Nothing is no batch"),
    ],
)
def test_batches_that_are_too_large(limits: Truncate, events: list[dict[str, Any]], batches: list[int]):
    """TestSplittingBatches"""
    assert [len(batch) for batch in cut(events, limits, V1).batches] == batches


def test_the_annotation_stands_among_the_others():
    event = {"level": "Request", "requestObject": LONG, "annotations": {"a": "1", "z": "2"}}
    assert list(cut([event], LIMITS, V1).batches[0][0]["annotations"]) == ["a", ANNOTATION, "z"]


def test_an_event_without_a_json_form_is_refused_alone():
    done = cut([{"requestObject": float("nan")}, {}], LIMITS, V1)
    assert len(done.refused) == 1 and [len(batch) for batch in done.batches] == [1]
