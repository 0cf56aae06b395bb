"""Scores and filters of single plug-ins, over upstream's own tables.

upstream: pkg/scheduler/framework/plugins/{noderesources,podtopologyspread,interpodaffinity,nodeaffinity,imagelocality,tainttoleration}/*_test.go, 1.28.
"""

from __future__ import annotations

import pytest

from kubelab.scheduler.framework import Skip, Status
from kubelab.scheduler.plugins import (
    image_locality,
    inter_pod_affinity,
    node_affinity,
    pod_topology_spread,
    scoring_strategies,
    taint_toleration,
)
from tests.unit.controllers_upstream.rows import rows
from tests.unit.scheduler.upstream import cluster_of, served, told, wanted

FILE = "scheduler-scores"
NAMESPACES = [
    {"metadata": {"name": name, "labels": {"team": team}}}
    for name, team in (("subteam1.team1", "team1"), ("subteam2.team1", "team1"), ("subteam1.team2", "team2"))
]


def listed(row, name="expectedScores"):
    return [(each["Name"], each.get("Score", 0)) for each in row[name]]


def scored(score, pod, row, cluster):
    entry = cluster.entry_of(served("Pod", pod, "new"))
    return [(node["metadata"]["name"], score(entry, cluster.nodes[node["metadata"]["name"]])) for node in row["nodes"]]


def strategy(kind, resources, shape=()):
    points = [{"utilization": each.get("Utilization", 0), "score": each.get("Score", 0)} for each in shape]
    weights = [{"name": each["Name"], "weight": each["Weight"]} for each in resources]
    return scoring_strategies.strategy({"type": kind, "resources": weights, "requestedToCapacityRatio": {"shape": points}})


def is_refused(row):
    """Arguments that the configuration refuses; tests/unit/scheduler/test_configuration.py has those."""
    return bool(row["wantErrs"]) or row["resources"] is None


ALLOCATED = [("LeastAllocated", row) for row in rows(FILE, "TestLeastAllocatedScoringStrategy")]
ALLOCATED += [("MostAllocated", row) for row in rows(FILE, "TestMostAllocatedScoringStrategy")]


@pytest.mark.parametrize(
    ("kind", "row"), [pytest.param(kind, row.values[0], id=f"{kind} {row.id}") for kind, row in ALLOCATED if not is_refused(row.values[0])]
)
def test_least_and_most_allocated(kind, row):
    cluster = cluster_of(row["nodes"], row["existingPods"])

    assert scored(strategy(kind, row["resources"]), row["requestedPod"], row, cluster) == listed(row)


@pytest.mark.parametrize("row", rows(FILE, "TestRequestedToCapacityRatioScoringStrategy"))
def test_requested_to_capacity_ratio(row):
    cluster = cluster_of(row["nodes"], row["existingPods"])

    assert scored(strategy("RequestedToCapacityRatio", row["resources"], row["shape"]), row["requestedPod"], row, cluster) == listed(row)


PACKING = [(("intel.com/foo",), row) for row in rows(FILE, "TestResourceBinPackingSingleExtended")]
PACKING += [(("intel.com/foo", "intel.com/bar"), row) for row in rows(FILE, "TestResourceBinPackingMultipleExtended")]


@pytest.mark.parametrize(("names", "row"), [pytest.param(names, row.values[0], id=f"{len(names)} {row.id}") for names, row in PACKING])
def test_packing_of_extended_resources(names, row):
    """Of two resources the second weighs more, as in the test."""
    weights = [{"Name": name, "Weight": weight} for name, weight in zip(names, (3, 5), strict=False)]
    shape = [{"Utilization": 0, "Score": 0}, {"Utilization": 100, "Score": 1}]
    cluster = cluster_of(row["nodes"], row["pods"])

    assert scored(strategy("RequestedToCapacityRatio", weights, shape), row["pod"], row, cluster) == listed(row)


@pytest.mark.parametrize("row", rows(FILE, "TestFitScore"))
def test_fit_score(row):
    given = row["nodeResourcesFitArgs"]["ScoringStrategy"]
    shape = (given.get("RequestedToCapacityRatio") or {}).get("Shape") or ()
    cluster = cluster_of(row["nodes"], row["existingPods"])

    assert scored(strategy(given["Type"], given["Resources"], shape), row["requestedPod"], row, cluster) == listed(
        row, "expectedPriorities"
    )


@pytest.mark.parametrize("row", rows(FILE, "TestNodeResourcesBalancedAllocation"))
def test_balanced_allocation(row):
    weights = [{"name": each["Name"], "weight": each["Weight"]} for each in row["args"]["Resources"]]
    cluster = cluster_of(row["nodes"], row["pods"])

    found = scored(scoring_strategies.balance(weights), row["pod"], row, cluster)
    assert [score for _, score in found] == [score for _, score in listed(row, "expectedList")]  # (a name is wrong in upstream's list)


@pytest.mark.parametrize(
    "row", rows(FILE, "TestPodTopologySpreadScore", {"matchLabelKeys ignored when feature gate disabled": "the gate is always on"})
)
def test_topology_spread_score(row):
    nodes = row["nodes"] + (row["failedNodes"] or [])
    others = [each for each in row["objs"] or () if each]
    services = [each for each in others if "ports" in (each.get("spec") or {}) or "selector" in (each.get("spec") or {})]
    cluster = cluster_of(nodes, row["existingPods"], Service=services, Namespace=[{"metadata": {"name": "default"}}])
    window = [cluster.nodes[node["metadata"]["name"]].index for node in row["nodes"]]
    entry = cluster.entry_of(served("Pod", row["pod"], "new"))
    state = pod_topology_spread.pre_score(entry, cluster, window)
    found = [0] * len(window) if isinstance(state, Skip) else pod_topology_spread.scores(state, cluster, window)

    assert [(cluster.order[at].name, score) for at, score in zip(window, found, strict=True)] == listed(row, "want")


@pytest.mark.parametrize("row", [*rows(FILE, "TestSingleConstraint"), *rows(FILE, "TestMultipleConstraints")])
def test_topology_spread_filter(row):
    cluster = cluster_of(row["nodes"], row["existingPods"])
    state = pod_topology_spread.pre_filter(cluster.entry_of(served("Pod", row["pod"], "new")), cluster)

    assert {node.name: told(pod_topology_spread.filter(state, node))[0] for node in cluster.order} == {
        name: row["wantStatusCode"].get(name, 0) for name in cluster.nodes
    }


def affinity_answers(row, nodes, pods):
    cluster = cluster_of(nodes, pods, Namespace=NAMESPACES)
    state = inter_pod_affinity.pre_filter(cluster.entry_of(served("Pod", row["pod"], "new")), cluster)
    if isinstance(state, (Skip, Status)):
        return told(state), []
    return (0, []), [told(inter_pod_affinity.filter(state, cluster.nodes[node["metadata"]["name"]])) for node in nodes]


SELECTOR = "the server refuses such a selector before it gets here"


@pytest.mark.parametrize(
    "row",
    rows(
        FILE,
        "TestRequiredAffinitySingleNode",
        {f"Pod{kind}Affinity fails PreFilter with an invalid {kind.lower()}affinity label syntax": SELECTOR for kind in ("", "Anti")},
    ),
)
def test_affinity_on_one_node(row):
    before, filtered = affinity_answers(row, [row["node"]], row["pods"])

    assert before == wanted(row["wantPreFilterStatus"])
    assert filtered == ([wanted(row["wantFilterStatus"])] if before == (0, []) else [])


@pytest.mark.parametrize("row", rows(FILE, "TestRequiredAffinityMultipleNodes"))
def test_affinity_on_several_nodes(row):
    before, filtered = affinity_answers(row, row["nodes"], row["pods"])

    if before[0] == 5:  # stepping aside is to let every node pass
        filtered = [(0, [])] * len(row["nodes"])
        before = wanted(row["wantPreFilterStatus"]) if row["wantPreFilterStatus"] is None else before
    assert before == wanted(row["wantPreFilterStatus"])
    assert filtered == [wanted(each) for each in row["wantFilterStatuses"] or ()]


def affinity_scores(row, weight):
    cluster = cluster_of(row["nodes"], row["pods"], Namespace=NAMESPACES)
    state = inter_pod_affinity.pre_score(
        cluster.entry_of(served("Pod", row["pod"], "new")),
        cluster,
        weight,
        ignores_preferences=bool(row["ignorePreferredTermsOfExistingPods"]),
    )
    window = [cluster.nodes[node["metadata"]["name"]].index for node in row["nodes"]]
    found = [0] * len(window) if isinstance(state, Skip) else inter_pod_affinity.scores(state, cluster, window)
    return state, [(cluster.order[at].name, score) for at, score in zip(window, found, strict=True)]


@pytest.mark.parametrize(
    "row", rows(FILE, "TestPreferredAffinity", {f"invalid {kind} fails PreScore": SELECTOR for kind in ("Affinity", "AntiAffinity")})
)
def test_preferred_affinity(row):
    state, found = affinity_scores(row, 1)

    if row["wantStatus"] is not None and row["wantStatus"]["code"] == 5:
        assert isinstance(state, Skip)
    else:
        assert found == listed(row, "expectedList")


@pytest.mark.parametrize("row", rows(FILE, "TestPreferredAffinityWithHardPodAffinitySymmetricWeight"))
def test_required_affinity_of_others_draws(row):
    weight = row["hardPodAffinityWeight"]
    state, found = affinity_scores(row, inter_pod_affinity.HARD_WEIGHT if isinstance(weight, str) else weight or 0)

    if row["wantStatus"] is not None and row["wantStatus"]["code"] == 5:
        assert isinstance(state, Skip)
    else:
        assert found == listed(row, "expectedList")


@pytest.mark.parametrize("row", rows(FILE, "TestNodeAffinity"))
def test_node_affinity(row):
    added = ((row["args"] or {}).get("AddedAffinity") or {}).get("requiredDuringSchedulingIgnoredDuringExecution")
    cluster = cluster_of([{"metadata": {"name": row["nodeName"] or "n", "labels": row["labels"] or {}}}])
    entry = cluster.entry_of(served("Pod", row["pod"], "new"))
    only = node_affinity.pre_filter(entry)

    if isinstance(only, Status):
        assert told(only) == wanted(row["wantPreFilterStatus"])
        return
    names = (row["wantPreFilterResult"] or {}).get("NodeNames")
    assert sorted(only or ()) == sorted(names or ())
    judge = node_affinity.filter if added is None else lambda pod, node: node_affinity.filter_added(added["nodeSelectorTerms"], pod, node)
    if row["wantStatus"] is not None or row["wantPreFilterStatus"] is None:
        assert told(judge(entry, cluster.order[0])) == wanted(row["wantStatus"])


@pytest.mark.parametrize("row", rows(FILE, "TestNodeAffinityPriority"))
def test_node_affinity_score(row):
    given = ((row["args"] or {}).get("AddedAffinity") or {}).get("preferredDuringSchedulingIgnoredDuringExecution") or ()
    added = tuple((each["weight"], each.get("preference") or {}) for each in given)
    cluster = cluster_of(row["nodes"])
    entry = cluster.entry_of(served("Pod", row["pod"], "new"))
    raw = [node_affinity.score(entry, cluster.nodes[node["metadata"]["name"]], added) for node in row["nodes"]]
    names = [node["metadata"]["name"] for node in row["nodes"]]

    assert list(zip(names, node_affinity.normalize(raw), strict=True)) == listed(row, "expectedList")


@pytest.mark.parametrize("row", rows(FILE, "TestImageLocalityPriority"))
def test_image_locality(row):
    cluster = cluster_of(row["nodes"])
    spread: dict[str, int] = {}
    for node in cluster.order:
        for image in node.images:
            spread[image] = spread.get(image, 0) + 1
    nodes = [cluster.nodes[node["metadata"]["name"]] for node in row["nodes"]]
    found = image_locality.scores(cluster.entry_of(served("Pod", row["pod"], "new")), nodes, spread)

    assert [(node.name, score) for node, score in zip(nodes, found, strict=True)] == listed(row, "expectedList")


@pytest.mark.parametrize("row", rows(FILE, "TestTaintTolerationScore"))
def test_taints_score(row):
    cluster = cluster_of(row["nodes"])
    entry = cluster.entry_of(served("Pod", row["pod"], "new"))
    names = [node["metadata"]["name"] for node in row["nodes"]]
    raw = [taint_toleration.score(entry, cluster.nodes[name]) for name in names]

    assert list(zip(names, taint_toleration.normalize(raw), strict=True)) == listed(row, "expectedList")


@pytest.mark.parametrize("row", rows(FILE, "TestTaintTolerationFilter"))
def test_taints_filter(row):
    cluster = cluster_of([row["node"]])

    assert told(taint_toleration.filter(cluster.entry_of(served("Pod", row["pod"], "new")), cluster.order[0])) == wanted(row["wantStatus"])
