"""Which pods go first. Rows: upstream TestSortingActivePodsWithRanks, pkg/controller/controller_utils_test.go, 1.28."""

import pytest

from kubelab.controllers.common.deletion_order import deletion_cost, pods_to_delete
from tests.unit.controllers.builders import NOW, NOW_NS, ago, pod

MONTH, HOUR = 31 * 86400, 3600


def ready(name, since, created, **more):
    return pod(name, "ready", ready_since=since, created=created, **more)


UNSCHEDULED = pod("unscheduled", "pending", node="", created=None)
PENDING = pod("pending", "pending", created=None)
UNKNOWN = pod("unknown-phase", "unknown", created=None)
NOT_READY = pod("not-ready", "running", created=None)
READY_NO_TIME = ready("ready-no-last-transition-time", None, None)
READY_NOW = ready("ready-now", NOW, NOW)
READY_THEN = ready("ready-then", ago(MONTH), ago(MONTH))
HIGH_RESTARTS = ready("ready-high-restarts", NOW, NOW, restarts=9001)
CREATED_THEN = ready("ready-now-created-then", NOW, ago(MONTH))
COST = "controller.kubernetes.io/pod-deletion-cost"
LOW_COST = ready("low-deletion-cost", NOW, ago(MONTH), annotations={COST: "10"})
HIGH_COST = ready("high-deletion-cost", NOW, ago(MONTH), annotations={COST: "100"})
READY_2_HOURS = ready("ready-2-hours", ago(2 * HOUR), ago(MONTH))
READY_5_HOURS = ready("ready-5-hours", ago(5 * HOUR), ago(MONTH))
READY_8_HOURS = ready("ready-8-hours", ago(8 * HOUR), ago(MONTH))


def first(one, one_rank, other, other_rank, release="1.28"):
    """Who goes, of two pods with so many related pods on their nodes, in both orders of the list."""
    one = {**one, "spec": {**one["spec"], "nodeName": "a" if one["spec"]["nodeName"] else ""}}
    other = {**other, "spec": {**other["spec"], "nodeName": "b" if other["spec"]["nodeName"] else ""}}
    ranks = {one["spec"]["nodeName"]: one_rank, other["spec"]["nodeName"]: other_rank}
    chosen = [pods_to_delete(pods, 1, on_node=ranks, now_ns=NOW_NS, release=release)[0] for pods in ([one, other], [other, one])]
    assert chosen[0] is chosen[1]
    return chosen[0]["metadata"]["name"]


@pytest.mark.parametrize(
    ("lesser", "rank", "greater", "other_rank", "release"),
    [
        (UNSCHEDULED, 1, PENDING, 2, "1.28"),
        (UNSCHEDULED, 2, PENDING, 1, "1.28"),
        (PENDING, 1, UNKNOWN, 2, "1.28"),
        (UNKNOWN, 1, NOT_READY, 2, "1.28"),
        (NOT_READY, 1, READY_NO_TIME, 1, "1.28"),
        (READY_NO_TIME, 1, READY_NOW, 1, "1.28"),
        (READY_NOW, 2, READY_NO_TIME, 1, "1.28"),
        (READY_NOW, 1, READY_THEN, 1, "1.28"),
        (READY_NOW, 2, READY_THEN, 1, "1.28"),
        (HIGH_RESTARTS, 1, READY_NOW, 1, "1.28"),
        (READY_NOW, 2, HIGH_RESTARTS, 1, "1.28"),
        (READY_NOW, 1, CREATED_THEN, 1, "1.28"),
        (CREATED_THEN, 2, READY_NOW, 1, "1.28"),
        (LOW_COST, 2, HIGH_COST, 1, "1.28"),
        (HIGH_COST, 2, LOW_COST, 1, "1.7"),  # disablePodDeletioncost
        (READY_2_HOURS, 1, READY_5_HOURS, 1, "1.28"),
        (READY_5_HOURS, 1, READY_8_HOURS, 1, "1.7"),  # without LogarithmicScaleDown times compare exactly
    ],
)
def test_the_lesser_pod_goes(lesser, rank, greater, other_rank, release):
    assert first(lesser, rank, greater, other_rank, release) == lesser["metadata"]["name"]


def test_ages_of_one_power_of_two_are_told_apart_by_uid():
    # upstream: LogarithmicScaleDown in ActivePodsWithRanks.Less
    five, eight = {**READY_5_HOURS}, {**READY_8_HOURS}
    assert first(five, 1, eight, 1) == min((five, eight), key=lambda each: each["metadata"]["uid"])["metadata"]["name"]


def test_nothing_is_sorted_when_all_go():
    # upstream: getPodsToDelete, replica_set.go
    pods = [READY_THEN, UNSCHEDULED, PENDING]
    assert pods_to_delete(pods, 3, on_node={}, now_ns=NOW_NS) is pods


@pytest.mark.parametrize(
    ("text", "cost"),
    [("10", 10), ("-10", -10), ("0", 0), ("+10", 0), ("008", 0), ("", 0), ("ten", 0), ("2147483647", 2147483647), ("2147483648", 0)],
)
def test_deletion_cost(text, cost):
    # upstream: TestGetDeletionCostFromPodAnnotations, pkg/apis/core/helper/helpers_test.go
    assert deletion_cost(pod("p", annotations={COST: text})) == cost
