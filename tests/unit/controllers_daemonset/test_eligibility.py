"""Which nodes run a daemon pod. Rows: upstream pkg/controller/daemon/{daemon_controller,util/daemonset_util}_test.go, 1.28."""

from __future__ import annotations

import pytest

from kubelab.controllers.daemonset.eligibility import daemon_tolerations, fits
from tests.unit.controllers_daemonset.builders import LABELS, LABELS_2, daemon_pod, daemon_set, node, pod_calls, status, world

NO_EXECUTE, NO_SCHEDULE = "NoExecute", "NoSchedule"


def affinity(value: str) -> dict:
    term = {"matchExpressions": [{"key": "type", "operator": "In", "values": [value]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}


@pytest.mark.parametrize(
    ("spec", "taints", "fit"),
    [
        # TestNodeShouldRunDaemonPod
        ({}, [], (True, True)),
        ({"containers": [{"resources": {"requests": {"memory": "200M"}}}]}, [], (True, True)),
        ({"nodeName": "other-node"}, [], (False, False)),
        ({"nodeName": "test-node"}, [], (True, True)),
        ({"containers": [{"ports": [{"hostPort": 666}]}]}, [], (True, True)),
        ({"nodeSelector": LABELS_2}, [], (False, False)),
        ({"nodeSelector": LABELS}, [], (True, True)),
        ({"affinity": affinity("test")}, [], (False, False)),
        ({"affinity": affinity("production")}, [], (True, True)),
        ({}, [("node.kubernetes.io/unschedulable", NO_SCHEDULE)], (True, True)),
        # TestNoScheduleTaintedDoesntEvicitRunningIntolerantPod, TestNoExecuteTaintedDoesEvicitRunningIntolerantPod
        ({}, [("dedicated", NO_SCHEDULE)], (False, True)),
        ({}, [("dedicated", NO_EXECUTE)], (False, False)),
        ({}, [("dedicated", "PreferNoSchedule")], (True, True)),
        ({"tolerations": [{"key": "dedicated", "operator": "Exists"}]}, [("dedicated", NO_EXECUTE)], (True, True)),
        # TestNotReadyNodeDaemonLaunchesPod, TestUnreachableNodeDaemonLaunchesPod, TestTaintPressureNodeDaemonLaunchesPod
        ({}, [("node.kubernetes.io/not-ready", NO_EXECUTE)], (True, True)),
        ({}, [("node.kubernetes.io/unreachable", NO_EXECUTE)], (True, True)),
        ({}, [("node.kubernetes.io/disk-pressure", NO_SCHEDULE), ("node.kubernetes.io/memory-pressure", NO_SCHEDULE)], (True, True)),
        ({}, [("node.kubernetes.io/pid-pressure", NO_SCHEDULE)], (True, True)),
        # TestNetworkUnavailableNodeDaemonLaunchesPod: on the host's network only
        ({}, [("node.kubernetes.io/network-unavailable", NO_SCHEDULE)], (False, True)),
        ({"hostNetwork": True}, [("node.kubernetes.io/network-unavailable", NO_SCHEDULE)], (True, True)),
    ],
)
def test_a_node_runs_a_pod_or_keeps_one(spec, taints, fit):
    assert fits(spec, daemon_tolerations(spec), node("test-node", LABELS, *taints)) == fit


def test_a_toleration_with_a_time_becomes_one_without():
    # upstream: AddOrUpdateTolerationInPodSpec
    given = {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": NO_EXECUTE, "tolerationSeconds": 300}
    made = daemon_tolerations({"tolerations": [given]})
    assert made[0] == {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": NO_EXECUTE}
    assert len(made) == 6


def test_the_recorded_tolerations_come_in_the_recorded_order():
    keys = [each["key"].removeprefix("node.kubernetes.io/") for each in daemon_tolerations({"hostNetwork": True})]
    assert keys == [
        "not-ready",
        "unreachable",
        "disk-pressure",
        "memory-pressure",
        "pid-pressure",
        "unschedulable",
        "network-unavailable",
    ]


def test_a_taint_that_appears_takes_the_pod_away_or_leaves_it_misscheduled():
    daemon = daemon_set()
    at = world(daemon, node("a"), node("b"), daemon_pod(daemon, "a"), daemon_pod(daemon, "b"))
    at.sync("default", "foo")
    at.calls, at.bodies = [], []
    at.put(node("a", None, ("dedicated", NO_SCHEDULE)))
    at.put(node("b", None, ("dedicated", NO_EXECUTE)))
    assert ("default", "foo") in at.queued
    at.sync("default", "foo")
    assert pod_calls(at) == ["-foo-b"]
    assert (status(at)["desiredNumberScheduled"], status(at)["numberMisscheduled"]) == (0, 1)


@pytest.mark.parametrize(
    ("old", "new", "woken"),
    [
        # TestUpdateNode
        (node("a", LABELS), node("a", LABELS), False),
        (node("a", LABELS_2), node("a", LABELS), True),
        (node("a", LABELS), node("a", LABELS_2), True),
        (node("a", LABELS, ("key", NO_SCHEDULE)), node("a", LABELS), True),
        (node("a", LABELS), node("a", LABELS, ("node.kubernetes.io/not-ready", NO_EXECUTE)), False),
    ],
)
def test_a_changed_node_wakes_the_sets_that_it_concerns(old, new, woken):
    at = world(daemon_set(pod={"nodeSelector": LABELS}), old)
    at.queued = []
    at.put(new)
    assert (("default", "foo") in at.queued) is woken
