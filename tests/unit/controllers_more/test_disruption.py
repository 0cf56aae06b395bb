"""Disruption budgets. Rows: upstream pkg/controller/disruption/disruption_test.go, 1.28."""

import pytest

from kubelab.controllers.disruption import CONTROLLER
from kubelab.controllers.disruption.controller import pod_keys
from kubelab.engine.component import Change
from tests.unit.controllers_more.builders import ago, budget, pod, workload
from tests.unit.storage.harness import NOW, World

RS = workload(replicas=3)
DEPLOYMENT = workload("Deployment", "d", 5)
OF_DEPLOYMENT = workload("ReplicaSet", "rs-d", 2, owner=DEPLOYMENT)
SET = workload("StatefulSet", "s", 4)
RC = workload("ReplicationController", "rc", 3, api="v1")
JOB = workload("Job", "j", api="batch/v1")


def pods(count: int, owner: dict | None = RS, **more: object) -> list[dict]:
    return [pod(f"p{index}", "1.1.1.1", owner=owner, **more) for index in range(count)]


def counts(world: World) -> tuple[int, ...]:
    status = world.get("poddisruptionbudgets.policy", "b")["status"]
    return tuple(status[key] for key in ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"))


@pytest.mark.parametrize(
    ("why", "of", "objects", "expected"),
    [
        ("TestNoSelector: nothing matches", budget(least=3, selector=None), pods(1), (0, 0, 3, 0)),
        ("an empty selector matches all", budget(least=1, selector={}), pods(1, None), (0, 1, 1, 1)),
        ("TestUnavailable: integer minAvailable counts pods", budget(least=3), pods(4, None), (1, 4, 3, 4)),
        ("… not ready ones do not count", budget(least=3), [*pods(2, None), pod("q", "1.1.1.2", ready=False)], (0, 2, 3, 3)),
        ("TestIntegerMaxUnavailable", budget(most=1), [RS, *pods(3)], (1, 3, 2, 3)),
        ("… below scale", budget(most=1), [RS, *pods(2)], (0, 2, 2, 3)),
        ("… more than the scale", budget(most=9), [RS, *pods(3)], (3, 3, 0, 3)),
        ("TestPercentageMaxUnavailable rounds up", budget(most="30%"), [RS, *pods(3)], (1, 3, 2, 3)),
        ("minAvailable percent rounds up", budget(least="28%"), [RC, *pods(3, RC)], (2, 3, 1, 3)),
        ("TestReplicaSet", budget(least="20%"), [workload(replicas=10), pod("p", "1.1.1.1", owner=RS)], (0, 1, 2, 10)),
        ("a ReplicaSet's Deployment counts", budget(most=1), [DEPLOYMENT, OF_DEPLOYMENT, *pods(5, OF_DEPLOYMENT)], (1, 5, 4, 5)),
        ("StatefulSet", budget(most="25%"), [SET, *pods(4, SET)], (1, 4, 3, 4)),
        ("TestMultipleControllers: each once", budget(most=1), [RS, SET, *pods(3), pod("q", "1.1.1.2", owner=SET)], (0, 4, 6, 7)),
        ("terminating pods do not count", budget(least=1), [pod("p", "1.1.1.1", going=True), pod("q", "1.1.1.2")], (0, 1, 1, 2)),
        ("expected 0: none", budget(least=0), [], (0, 0, 0, 0)),
    ],
)
def test_the_arithmetic(why, of, objects, expected):
    assert counts(World(CONTROLLER, of, *objects).sync("default", "b")) == expected


@pytest.mark.parametrize(
    ("objects", "condition"),
    [([*pods(2, None)], ("True", "SufficientPods")), ([*pods(1, None)], ("False", "InsufficientPods"))],
)
def test_the_condition(objects, condition):
    world = World(CONTROLLER, budget(least=1), *objects).sync("default", "b")
    status = world.get("poddisruptionbudgets.policy", "b")["status"]
    found = status["conditions"][0]
    assert (found["status"], found["reason"]) == condition
    assert (found["message"], found["observedGeneration"], status["observedGeneration"]) == ("", 1, 1)


def test_what_is_current_is_not_written_again():
    world = World(CONTROLLER, budget(least=1), *pods(2, None)).sync("default", "b").sync("default", "b")
    assert len(world.calls) == 1
    assert world.because == ["BudgetCurrent"]


GRANTED = {"disruptedPods": {"p0": ago(60)}}
OVERDUE = {"disruptedPods": {"p0": ago(121)}}


@pytest.mark.parametrize(
    ("status", "healthy", "kept", "events"),
    [
        (GRANTED, 1, {"p0": ago(60)}, []),
        (OVERDUE, 2, {}, [("Warning NotDeleted", "Pod was expected by PDB default/default to be deleted but it wasn't")]),
        ({"disruptedPods": {"other": ago(1)}}, 2, {}, []),
    ],
)
def test_a_granted_disruption_counts_for_two_minutes(status, healthy, kept, events):
    """TestUpdateDisruptedPods."""
    world = World(CONTROLLER, budget(least=1, status=status), *pods(2, None)).sync("default", "b")
    found = world.get("poddisruptionbudgets.policy", "b")["status"]
    assert found["currentHealthy"] == healthy
    assert found.get("disruptedPods", {}) == kept
    assert world.events == events
    assert (world.plans[-1].again_ns is not None) == bool(kept)


def test_a_budget_without_pods_says_so():
    world = World(CONTROLLER, budget(least=1)).sync("default", "b")
    assert world.events == [("Normal NoPods", "No matching pods found")]


def test_pods_that_nothing_controls_are_told_of():
    """TestPDBNotExist …, TestBasicFinderFunctions: unmanaged pods are no error."""
    world = World(CONTROLLER, budget(most=1), *pods(1, None)).sync("default", "b")
    assert [event for event, _ in world.events] == ["Warning UnmanagedPods"]
    selector = "&LabelSelector{MatchLabels:map[string]string{app: web,},MatchExpressions:[]LabelSelectorRequirement{},}"
    assert f"(selector: {selector})" in world.events[0][1]
    assert counts(world) == (0, 1, 0, 0)


@pytest.mark.parametrize(
    ("objects", "owner", "error"),
    [
        ([JOB], JOB, "jobs.batch does not implement the scale subresource"),
        ([], RS, 'found no controllers for pod "p0"'),
    ],
)
def test_while_the_scale_is_unknown_nothing_may_be_disrupted(objects, owner, error):
    world = World(CONTROLLER, budget(most=1), *objects, *pods(1, owner)).sync("default", "b")
    status = world.get("poddisruptionbudgets.policy", "b")["status"]
    assert (status["disruptionsAllowed"], status["conditions"][0]["reason"], status["conditions"][0]["message"]) == (0, "SyncFailed", error)
    assert world.events == [("Warning CalculateExpectedPodCountFailed", f"Failed to calculate the number of expected pods: {error}")]
    assert world.plans[-1].error == error


TARGETED = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}


@pytest.mark.parametrize(
    ("why", "of", "calls"),
    [
        ("stale-condition", pod("p", "1.1.1.1", conditions=[{**TARGETED, "lastTransitionTime": ago(121)}]), ["patch pods p/status"]),
        ("not-stale", pod("p", "1.1.1.1", conditions=[{**TARGETED, "lastTransitionTime": ago(60)}]), []),
        ("pod-terminating", pod("p", "1.1.1.1", going=True, conditions=[{**TARGETED, "lastTransitionTime": ago(500)}]), []),
        ("by the kubelet", pod("p", conditions=[{**TARGETED, "reason": "TerminationByKubelet", "lastTransitionTime": ago(500)}]), []),
        ("finished", pod("p", phase="Failed", conditions=[{**TARGETED, "lastTransitionTime": ago(500)}]), []),
    ],
)
def test_marks_of_disruptions_that_did_not_happen(why, of, calls):
    """TestStalePodDisruption."""
    assert World(CONTROLLER, of).sync("stale pod", "default", "p").calls == calls


@pytest.mark.parametrize(
    ("why", "old", "new", "woken"),
    [
        ("readiness", pod("p"), pod("p", ready=False), ["default"]),
        ("deletion", pod("p"), pod("p", going=True), ["default"]),
        ("labels", pod("p", labels={"x": "y"}), pod("p"), ["default"]),
        ("address", pod("p"), pod("p", "1.1.1.1"), []),
        ("marked", pod("p"), pod("p", conditions=[{**TARGETED, "lastTransitionTime": NOW}]), ["stale pod", "default"]),
    ],
)
def test_changes_of_pods(why, old, new, woken):
    world = World(CONTROLLER, budget(least=1))
    assert [key[0] for key in pod_keys(Change("MODIFIED", "pods", new, old, 1), world.scope())] == woken


def test_a_pod_with_two_budgets_is_told_of():
    world = World(CONTROLLER, budget("b", least=1), budget("c", least=1), pod("p")).sync("pod of several budgets", "default", "p")
    words = 'Pod "default"/"p" matches multiple PodDisruptionBudgets.  Chose "b" arbitrarily.'
    assert world.events == [("Warning MultiplePodDisruptionBudgets", words)]
