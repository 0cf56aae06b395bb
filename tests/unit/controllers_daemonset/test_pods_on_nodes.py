"""Which pods are made and taken away. Rows: upstream pkg/controller/daemon/daemon_controller_test.go, 1.28."""

from __future__ import annotations

import pytest

from kubelab.world.clock import MINUTE, SECOND
from tests.unit.controllers_daemonset.builders import (
    LABELS,
    LABELS_2,
    ago,
    daemon_pod,
    daemon_set,
    hash_of,
    node,
    pod_calls,
    status,
    world,
)
from tests.unit.storage.harness import NOW_NS


def test_each_node_gets_a_pod_of_its_own():
    # TestSimpleDaemonSetScheduleDaemonSetPodsLaunchesPods
    daemon = daemon_set(annotations={"deprecated.daemonset.template.generation": "3"})
    at = world(daemon, *(node(f"n{number}") for number in range(5)))
    at.sync("default", "foo")
    assert pod_calls(at) == ["+n0", "+n1", "+n2", "+n3", "+n4"]
    body = next(body for call, body in zip(at.calls, at.bodies, strict=True) if call.startswith("create pods"))
    assert body["metadata"]["labels"] == {**LABELS, "controller-revision-hash": hash_of(daemon), "pod-template-generation": "3"}
    assert body["metadata"]["generateName"] == "foo-"
    assert len(body["spec"]["tolerations"]) == 6
    assert at.events[0] == ("Normal SuccessfulCreate", "Created pod: {name}")


def test_required_affinity_is_replaced_and_the_rest_of_it_kept():
    # TestReplaceDaemonSetPodNodeNameNodeAffinity
    preferred = [{"weight": 1, "preference": {"matchExpressions": [{"key": "a", "operator": "Exists"}]}}]
    required = {"nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}]}
    node_affinity = {
        "preferredDuringSchedulingIgnoredDuringExecution": preferred,
        "requiredDuringSchedulingIgnoredDuringExecution": required,
    }
    at = world(daemon_set(pod={"affinity": {"podAffinity": {}, "nodeAffinity": node_affinity}}), node("n0"))
    at.sync("default", "foo")
    made = next(body for call, body in zip(at.calls, at.bodies, strict=True) if call.startswith("create pods"))["spec"]["affinity"]
    assert made["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"] == preferred
    assert made["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] == {
        "nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n0"]}]}]
    }
    assert made["podAffinity"] == {}


def several(daemon, on, count, **more):
    return [daemon_pod(daemon, on, f"{on}-{number}", created=ago(3600 - number), **more) for number in range(count)]


def test_pods_that_are_there_are_counted_the_oldest_is_kept():
    # TestDealsWithExistingPods: 2 creations, 5 deletions
    daemon = daemon_set()
    strangers = several(daemon, "n4", 2, labels=LABELS_2)
    pods = [*several(daemon, "n1", 1), *several(daemon, "n2", 2), *several(daemon, "n3", 5)]
    at = world(daemon, *(node(f"n{number}") for number in range(5)), *pods, *strangers)
    at.sync("default", "foo")
    assert pod_calls(at) == ["+n0", "+n4", "-n2-1", "-n3-1", "-n3-2", "-n3-3", "-n3-4"]
    assert [call for call in at.calls if call.startswith("patch")] == ["patch pods n4-0", "patch pods n4-1"]


def test_a_scheduled_pod_is_kept_before_an_older_one_that_waits():
    daemon = daemon_set()
    waiting = daemon_pod(daemon, "n0", "older", "running new unscheduled", created=ago(7200))
    at = world(daemon, node("n0"), waiting, daemon_pod(daemon, "n0", "newer", created=ago(60)))
    at.sync("default", "foo")
    assert pod_calls(at) == ["-older"]


def test_a_terminating_pod_keeps_its_place():
    # TestDaemonSetRespectsTermination
    daemon = daemon_set()
    at = world(daemon, node("n0"), daemon_pod(daemon, "n0", state="running new going"))
    at.sync("default", "foo")
    assert pod_calls(at) == []


@pytest.mark.parametrize(
    ("state", "gone", "event"),
    [
        # TestDaemonKillFailedPods
        ("failed new", ["-foo-n0"], "Warning FailedDaemonPod"),
        ("succeeded new", ["-foo-n0"], "Normal SucceededDaemonPod"),
        ("running new", [], None),
    ],
)
def test_ended_pods_are_taken_away(state, gone, event):
    daemon = daemon_set()
    at = world(daemon, node("n0"), daemon_pod(daemon, "n0", state=state))
    at.sync("default", "foo")
    assert pod_calls(at) == gone
    found = [text for reason, text in at.events if reason == event]
    said = {
        "failed new": ["Found failed daemon pod default/foo-n0 on node n0, will try to kill it"],
        "succeeded new": ["Found succeeded daemon pod default/foo-n0 on node n0, will try to delete it"],
    }
    assert found == said.get(state, [])


def test_failed_pods_back_off():
    # TestDaemonKillFailedPodsBackoff; 1 s, doubled, up to 15 min, forgotten after 30
    daemon = daemon_set()
    at = world(daemon, node("n0"))
    at.sync("default", "foo")
    delays = []
    for number in range(13):
        for pod in list(at.state.all("pods").values()):
            at.remove("pods", "default", pod["metadata"]["name"])
        at.put(daemon_pod(daemon, "n0", f"p{number}", "failed new"))
        start_ns = at.now_ns
        while at.get("pods", f"p{number}"):
            at.sync("default", "foo")
            if at.get("pods", f"p{number}"):
                at.now_ns += SECOND // 2 if at.plans[-1].again_ns < 4 * SECOND else at.plans[-1].again_ns // 4
        delays.append(round((at.now_ns - start_ns) / SECOND, 1))
    assert delays[:5] == [0, 1, 2, 4, 8]
    assert delays[-1] == 15 * MINUTE / SECOND
    at.now_ns += 31 * MINUTE
    at.put(daemon_pod(daemon, "n0", "after", "failed new"))
    at.sync("default", "foo")
    assert at.get("pods", "after") is None


def test_unscheduled_pods_of_nodes_that_are_gone_are_taken_away():
    # TestDeleteUnscheduledPodForNotExistingNode
    daemon = daemon_set()
    pods = [
        daemon_pod(daemon, "n0", "here"),
        daemon_pod(daemon, "gone", "waiting", "running new unscheduled"),
        daemon_pod(daemon, "gone", "bound"),
    ]
    at = world(daemon, node("n0"), *pods)
    at.sync("default", "foo")
    assert pod_calls(at) == ["-waiting"]


def test_a_node_that_goes_takes_its_counts_along():
    daemon = daemon_set()
    at = world(daemon, node("n0"), node("n1"), daemon_pod(daemon, "n0"), daemon_pod(daemon, "n1"))
    at.sync("default", "foo")
    at.queued = []
    at.remove("nodes", "", "n1")
    assert at.queued == []
    at.remove("pods", "default", "foo-n1")
    at.sync("default", "foo")
    assert status(at)["desiredNumberScheduled"] == status(at)["numberReady"] == 1


def test_at_most_250_at_once_and_slowly():
    # BurstReplicas; TestSimpleDaemonSetPodCreateErrors for the slow start
    at = world(daemon_set(), *(node(f"n{number}") for number in range(300)))
    at.sync("default", "foo")
    sizes = [len(batch.calls) for plan in at.plans for batch in plan.batches if batch.calls[0].resource == "pods"]
    assert sizes == [1, 2, 4, 8, 16, 32, 64, 123]
    at.sync("default", "foo")
    assert len(at.state.all("pods")) == 300


def test_nothing_happens_while_it_is_deleted_or_selects_everything():
    # TestDontDoAnythingIfBeingDeleted, TestPodIsNotDeletedByDaemonsetWithEmptyLabelSelector
    at = world(daemon_set(deletionTimestamp=ago(0)), node("n0")).sync("default", "foo")
    assert (at.calls, at.because) == ([], ["OwnerDeleting"])
    at = world(daemon_set(spec={"selector": {}}), node("n0")).sync("default", "foo")
    assert at.calls == []
    assert at.events == [("Warning SelectingAll", "This daemon set is selecting all pods. A non-empty selector is required.")]


def test_status_counts_by_the_oldest_pod_of_each_eligible_node():
    # TestNumberReadyStatus; zero-valued fields are left out as Go's encoding does
    daemon = daemon_set(min_ready=10)
    pods = [
        daemon_pod(daemon, "a"),
        daemon_pod(daemon, "b", ready_since=ago(5)),
        daemon_pod(daemon, "c", state="running new"),
        daemon_pod(daemon, "x"),
    ]
    at = world(daemon, *(node(name) for name in "abcd"), node("x", None, ("own", "NoSchedule")), *pods)
    at.sync("default", "foo")
    assert status(at) == {
        "currentNumberScheduled": 4,
        "numberMisscheduled": 1,
        "desiredNumberScheduled": 4,
        "numberReady": 2,
        "observedGeneration": 1,
        "updatedNumberScheduled": 4,
        "numberAvailable": 1,
        "numberUnavailable": 3,
    }
    at.now_ns = NOW_NS + 6 * SECOND
    at.sync("default", "foo")
    assert status(at)["numberAvailable"] == 2


def test_orphans_are_adopted_and_strays_released():
    # TestAddPodOrphan, ClaimPods
    daemon = daemon_set()
    orphan = daemon_pod(daemon, "n0", "orphan")
    del orphan["metadata"]["ownerReferences"]
    at = world(daemon, node("n0"), orphan)
    at.sync("default", "foo")
    assert [call for call in at.calls if "pods" in call][:1] == ["patch pods orphan"]
