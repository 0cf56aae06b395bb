"""Which node is cleared of which pods, and how failures are told, over upstream's own tables.

upstream: pkg/scheduler/framework/plugins/defaultpreemption/default_preemption_test.go, framework/{types,preemption/preemption}_test.go,
pkg/scheduler/schedule_one_test.go, 1.28.
"""

from __future__ import annotations

import pytest

from kubelab.scheduler.cycle import decide, nodes_to_find
from kubelab.scheduler.failure import fit_message
from kubelab.scheduler.framework import Status
from tests.unit.controllers_upstream.rows import rows
from tests.unit.scheduler import builders as b
from tests.unit.scheduler.upstream import served

FILE = "scheduler-preemption"
PLUGINS = ("NodeResourcesFit", "InterPodAffinity", "PodTopologySpread", "NodeAffinity")
BIG = {"cpu": "500m", "memory": "500", "pods": "32"}


def choice(pod, nodes, pods, budgets=()):
    waiting = served("Pod", pod, "new")
    objects = [served("Node", node, f"node-{at}") for at, node in enumerate(nodes)]
    objects += [served("Pod", each, f"p{at}") for at, each in enumerate(pods or ())]
    objects += [served("PodDisruptionBudget", each) for each in budgets or ()]
    cluster = b.cluster_of(*objects)
    return decide(cluster, cluster.entry_of(waiting), 0, 0, waiting["status"].get("nominatedNodeName", ""))


def named(names):
    """``host/zone/region``."""
    found = []
    for name in names:
        labels = dict(zip(("hostname", "zone", "region"), name.split("/"), strict=False))
        found.append({"metadata": {"name": labels["hostname"], "labels": labels}, "status": {"allocatable": dict(BIG)}})
    return found


def ours(test, plugin):
    """Rows whose filters are among those of the default profile, without an extender or other arguments."""
    found = []
    for each in rows(FILE, test):
        row = each.values[0]
        plugins = row[plugin] if isinstance(row[plugin], list) else [row[plugin]]
        if all(name in PLUGINS for name in plugins) and not row["extenders"] and not row["fakeFilterRC"] and not row["args"]:
            found.append(each)
    return found


@pytest.mark.parametrize("row", ours("TestSelectBestCandidate", "registerPlugin"))
def test_best_candidate(row):
    assert choice(row["pod"], named(row["nodeNames"]), row["pods"]).nominated in row["expected"]


@pytest.mark.parametrize("row", ours("TestPreempt", "registerPlugin"))
def test_preempt(row):
    found = choice(row["pod"], named(row["nodeNames"]), row["pods"])

    assert (found.nominated or "") == ((row["want"] or {}).get("NominatingInfo") or {}).get("NominatedNodeName", "")
    assert sorted(each.name for each in found.victims) == sorted(row["expectedPods"] or ())


@pytest.mark.parametrize("row", ours("TestDryRunPreemption", "registerPlugins"))
def test_candidates(row):
    """What is chosen is one of upstream's candidates, with its victims; unless there is room without."""
    for pod, candidates in zip(row["testPods"], row["expected"], strict=True):
        found = choice(pod, named(row["nodeNames"]), row["initPods"], row["pdbs"])
        if found.node:
            assert found.node not in [each["name"] for each in candidates]
            continue
        wanted = {each["name"]: sorted(victim["metadata"]["name"] for victim in each["victims"]["Pods"]) for each in candidates}

        assert (found.nominated or "") in (wanted or {"": []})
        assert sorted(each.name for each in found.victims) == wanted.get(found.nominated or "", [])


@pytest.mark.parametrize(
    "row", [each for each in rows(FILE, "TestPostFilter") if not each.values[0]["extender"] and "TestPlugin" not in each.id]
)
def test_post_filter(row):
    """The node, or the words after ``preemption:``; upstream's rows say of each node whether it is beyond help."""
    beyond = [name for name, status in (row["filteredNodesStatuses"] or {}).items() if status["code"] == 3]
    nodes = [{**node, "spec": {"unschedulable": True}} if node["metadata"]["name"] in beyond else node for node in row["nodes"]]
    found = choice(row["pod"], nodes, row["pods"])

    assert (found.nominated or "") == ((row["wantResult"] or {}).get("NominatingInfo") or {}).get("NominatedNodeName", "")
    reasons = (row["wantStatus"] or {}).get("reasons") or []
    if reasons:
        assert found.message.endswith(f" {reasons[0]}.")


@pytest.mark.parametrize("row", rows(FILE, "TestFitError_Error"))
def test_the_message_of_a_failure(row):
    said = row["diagnosis"]
    statuses = [Status("", tuple(status["reasons"])) for status in (said.get("NodeToStatusMap") or {}).values()]

    assert fit_message(row["numAllNodes"], statuses, said.get("PreFilterMsg", ""), said.get("PostFilterMsg", "")) == row["wantReasonMsg"]


@pytest.mark.parametrize("row", rows(FILE, "TestNumFeasibleNodesToFind"))
def test_how_many_nodes_are_looked_for(row):
    percentage = row["globalPercentage"] if row["profilePercentage"] is None else row["profilePercentage"]

    assert nodes_to_find(row["numAllNodes"], percentage or 0) == row["wantNumNodes"]


GATE_OFF = "the gate PodDisruptionConditions is on"


@pytest.mark.parametrize(
    "row",
    rows(
        FILE,
        "TestPodEligibleToPreemptOthers",
        dict.fromkeys(
            (
                "Pod with nominated node, but without nominated node status",
                "victim Pods terminating, feature PodDisruptionConditions is disabled",
                "non-victim Pods terminating, feature PodDisruptionConditions is disabled",
            ),
            GATE_OFF,
        ),
    ),
)
def test_who_may_preempt(row):
    """One that is let to asks for victims where others are on the node, unless it waits for those that go already."""
    nodes = [{"metadata": {"name": name}, "status": {"allocatable": {"pods": "1"}}} for name in row["nodes"] or ["node1"]]
    if (row["nominatedNodeStatus"] or {}).get("code") == 3:
        nodes[0]["spec"] = {"unschedulable": True}
    found = choice(row["pod"], nodes, row["pods"] or [{"metadata": {"name": "in the way"}, "spec": {"nodeName": "node1"}}])

    assert ("not eligible" in found.message) != row["expected"]
