"""Profiles: scoring strategies, weights, order of filters, arguments; each against upstream's tables where there is one."""

from __future__ import annotations

import pytest

from kubelab.scheduler.configuration import read
from kubelab.scheduler.cycle import decide, nodes_to_find
from kubelab.scheduler.plugins import scoring_strategies
from kubelab.scheduler.profile import profiles_of
from tests.unit.scheduler import builders as b

MB = 1024 * 1024
BOTH = ({"name": "cpu", "weight": 1}, {"name": "memory", "weight": 1})


def profile(plugins=None, config=None, **more):
    given = {"plugins": plugins or {}, "pluginConfig": [{"name": name, "args": each} for name, each in (config or {}).items()], **more}
    return profiles_of(read({"profiles": [given]}))["default-scheduler"]


def place(given, waiting, *objects, draw=0):
    cluster = b.cluster_of(*objects)
    return decide(cluster, cluster.entry_of(waiting), 0, draw, profile=given)


def scores(score, waiting, nodes, pods=()):
    cluster = b.cluster_of(
        *(b.node(name, cpu=str(cpu), memory=str(memory), **more) for name, cpu, memory, more in nodes),
        *(b.pod(f"p{at}", node=node, requests=requests) for at, (node, requests) in enumerate(pods)),
    )
    entry = cluster.entry_of(b.pod("new", requests=waiting))
    return [score(entry, node) for node in cluster.order]


def strategy(kind, resources=BOTH, shape=None):
    ratio = {} if shape is None else {"requestedToCapacityRatio": {"shape": [{"utilization": at, "score": score} for at, score in shape]}}
    return scoring_strategies.strategy({"type": kind, "resources": list(resources), **ratio})


def node(name, cpu, memory, **more):
    return (name, cpu, memory, more)


ASKED = {"cpu": "3000", "memory": "5000"}
# upstream: noderesources/most_allocated_test.go, 1.28
MOST = [
    ("differently sized nodes", ASKED, [node("n1", 4000, 10000), node("n2", 6000, 10000)], [], BOTH, [62, 50]),
    (
        "pods scheduled with resources",
        ASKED,
        [node("n1", 10000, 20000), node("n2", 10000, 20000)],
        [("n1", {"cpu": "3000", "memory": "0"}), ("n2", ASKED)],
        BOTH,
        [42, 55],
    ),
    ("equal to the capacity", {"cpu": "5000", "memory": "9000"}, [node("n1", 5000, 10000), node("n2", 10000, 9000)], [], BOTH, [95, 75]),
    (
        "weights",
        ASKED,
        [node("n1", 4000, 10000), node("n2", 6000, 10000)],
        [],
        ({"name": "memory", "weight": 2}, {"name": "cpu", "weight": 1}),
        [58, 50],
    ),
    (
        "an extended resource that the pod does not ask for",
        ASKED,
        [node("n1", 6000, 10000), node("n2", 6000, 10000, **{"abc.com/xyz": "4"})],
        [],
        (*BOTH, {"name": "abc.com/xyz", "weight": 1}),
        [50, 50],
    ),
]


@pytest.mark.parametrize(("name", "waiting", "nodes", "pods", "resources", "expected"), MOST, ids=[row[0] for row in MOST])
def test_most_allocated(name, waiting, nodes, pods, resources, expected):
    assert scores(strategy("MostAllocated", resources), waiting, nodes, pods) == expected


def test_containers_that_ask_for_nothing_count_with_a_default():
    """upstream: most_allocated_test.go "no resources requested, pods scheduled, nonzero request for resource"."""
    nodes = [node("n1", "250m", f"{1000 * MB}"), node("n2", "250m", f"{1000 * MB}")]
    assert scores(strategy("MostAllocated"), {}, nodes, [("n1", {}), ("n1", {})]) == [80, 30]


# upstream: noderesources/requested_to_capacity_ratio_test.go, 1.28
FALLING = ((0, 10), (100, 0))
RATIO = [
    ("differently sized nodes", ASKED, [node("n1", 4000, 10000), node("n2", 6000, 10000)], [], BOTH, FALLING, [38, 50]),
    (
        "only an extended resource, pod does not ask for it",
        {},
        [node("n1", 4000, 10**10, **{"intel.com/foo": "8"}), node("n2", 4000, 10**10, **{"intel.com/foo": "4"})],
        [],
        ({"name": "intel.com/foo", "weight": 1},),
        ((0, 0), (100, 1)),
        [0, 0],
    ),
    (
        "only an extended resource",
        {"intel.com/foo": "2"},
        [node("n1", 4000, 10**10, **{"intel.com/foo": "8"}), node("n2", 4000, 10**10, **{"intel.com/foo": "4"})],
        [],
        ({"name": "intel.com/foo", "weight": 1},),
        ((0, 0), (100, 1)),
        [2, 5],
    ),
    (
        "an extended resource that a pod has already",
        {"intel.com/foo": "2"},
        [node("n1", 4000, 10**10, **{"intel.com/foo": "8"}), node("n2", 4000, 10**10, **{"intel.com/foo": "4"})],
        [("n2", {"intel.com/foo": "2"})],
        ({"name": "intel.com/foo", "weight": 1},),
        ((0, 0), (100, 1)),
        [2, 10],
    ),
]


@pytest.mark.parametrize(("name", "waiting", "nodes", "pods", "resources", "shape", "expected"), RATIO, ids=[row[0] for row in RATIO])
def test_requested_to_capacity_ratio(name, waiting, nodes, pods, resources, shape, expected):
    assert scores(strategy("RequestedToCapacityRatio", resources, shape), waiting, nodes, pods) == expected


# upstream: requested_to_capacity_ratio_test.go TestBrokenLinearFunction
LINES = [
    (((10, 1), (90, 9)), {-10: 1, 0: 1, 9: 1, 10: 1, 15: 1, 19: 1, 20: 2, 89: 8, 90: 9, 99: 9, 100: 9, 110: 9}),
    (((0, 2), (40, 10), (100, 0)), {-10: 2, 0: 2, 20: 6, 30: 8, 40: 10, 70: 5, 100: 0, 110: 0}),
    (((0, 2), (40, 2), (100, 2)), {-10: 2, 0: 2, 20: 2, 30: 2, 40: 2, 70: 2, 100: 2, 110: 2}),
]


@pytest.mark.parametrize(("points", "expected"), LINES, ids=range(len(LINES)))
def test_broken_line(points, expected):
    assert {at: scoring_strategies.broken_line(points, at) for at in expected} == expected


# upstream: schedule_one_test.go TestNumFeasibleNodesToFind: of the profile, of all, nodes, wanted
FEASIBLE = [
    (None, 0, 10, 10),
    (40, 0, 10, 10),
    (None, 0, 1000, 420),
    (40, 0, 1000, 400),
    (40, 100, 1000, 400),
    (None, 40, 1000, 400),
    (None, 0, 6000, 300),
    (40, 0, 6000, 2400),
]


@pytest.mark.parametrize(("own", "common", "nodes", "wanted"), FEASIBLE)
def test_how_many_nodes_are_scored(own, common, nodes, wanted):
    more = {} if own is None else {"percentageOfNodesToScore": own}
    made = profiles_of(read({"percentageOfNodesToScore": common, "profiles": [more]}))["default-scheduler"]
    assert nodes_to_find(nodes, made.percentage) == wanted


def test_the_search_goes_on_where_it_ended():
    """upstream: schedule_one_test.go TestFairEvaluationForNodes: 500 nodes, 30 % of them each time."""
    made = profile(percentageOfNodesToScore=30)
    cluster = b.cluster_of(*(b.node(f"n{number:03}") for number in range(500)))
    entry, start, starts = cluster.entry_of(b.pod("new")), 0, []
    for _ in range(2 * (500 // 150 + 1)):
        found = decide(cluster, entry, start, 0, profile=made)
        assert (found.feasible, found.start) == (150, (start + 150) % 500)
        start = found.start
        starts.append(start)
    assert starts[:4] == [150, 300, 450, 100]


# -- what a profile changes ----------------------------------------------------------------------------------------------
FULL = [b.node("empty"), b.node("used"), b.pod("p", node="used", cpu="2", memory="2Gi")]


def test_a_profile_that_packs_goes_to_the_fuller_node():
    packing = {"NodeResourcesFit": {"scoringStrategy": {"type": "MostAllocated"}}}
    waiting = b.pod("new", cpu="1", memory="1Gi")
    assert place(profile(), waiting, *FULL).node == "empty"
    assert place(profile(config=packing), waiting, *FULL).node == "used"


def test_a_filter_that_is_disabled_refuses_nobody():
    tainted = b.node("n1", taints=[("key", "", "NoSchedule")])
    assert place(profile(), b.pod("new"), tainted).node == ""
    assert place(profile({"filter": {"disabled": [{"name": "TaintToleration"}]}}), b.pod("new"), tainted).node == "n1"


def test_the_first_filter_in_the_profiles_order_gives_the_reason():
    both = b.node("n1", cpu="1", taints=[("key", "", "NoSchedule")])
    waiting = b.pod("new", cpu="2")
    assert "untolerated taint" in place(profile(), waiting, both).message
    first = profile({"filter": {"enabled": [{"name": "NodeResourcesFit"}]}})
    assert place(first, waiting, both).message.startswith("0/1 nodes are available: 1 Insufficient cpu.")


def test_a_filter_behind_one_that_looks_beyond_the_node():
    near = {
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"a": "b"}}}
            ]
        }
    }
    waiting = b.pod("new", cpu="8", labels={"a": "b"}, affinity=near)
    first = profile({"filter": {"enabled": [{"name": "InterPodAffinity"}]}})
    objects = [b.node("n1"), b.pod("p", node="n1", labels={"a": "b"})]
    assert "Insufficient cpu" in place(profile(), waiting, *objects).message
    assert "anti-affinity" in place(first, waiting, *objects).message
    assert "Insufficient cpu" in place(first, b.pod("new", cpu="8"), *objects).message


def test_a_profile_without_preemption_says_nothing_of_it():
    without = profile({"postFilter": {"disabled": [{"name": "*"}]}})
    victims = [b.node("n1", cpu="1"), b.pod("low", node="n1", cpu="1")]
    found = place(without, b.pod("new", cpu="1", priority=10), *victims)
    assert (found.message, found.nominated, found.victims) == ("0/1 nodes are available: 1 Insufficient cpu.", None, ())
    assert place(profile(), b.pod("new", cpu="1", priority=10), *victims).nominated == "n1"


def test_added_affinity_holds_for_every_pod():
    """upstream: nodeaffinity/node_affinity_test.go, args with AddedAffinity."""
    required = {"nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}]}
    preferred = [{"weight": 5, "preference": {"matchExpressions": [{"key": "fast", "operator": "Exists"}]}}]
    added = {
        "requiredDuringSchedulingIgnoredDuringExecution": required,
        "preferredDuringSchedulingIgnoredDuringExecution": preferred,
    }
    made = profile(config={"NodeAffinity": {"addedAffinity": added}})
    nodes = [
        b.node("n1", labels={"zone": "a"}),
        b.node("n2", labels={"zone": "a", "fast": ""}),
        b.node("n3", labels={"zone": "b", "fast": ""}),
    ]
    assert [place(made, b.pod("new"), *nodes, draw=draw).node for draw in (0, 2**63)] == ["n2", "n2"]
    assert place(made, b.pod("new"), nodes[2]).message.startswith(
        "0/1 nodes are available: 1 node(s) didn't match scheduler-enforced node affinity."
    )


def test_ignored_resources_are_not_counted():
    """upstream: noderesources/fit_test.go TestEnoughRequests, args with IgnoredResources and IgnoredResourceGroups."""
    waiting = b.pod("new", requests={"example.com/aaa": "2"})
    assert place(profile(), waiting, b.node("n1")).message.startswith("0/1 nodes are available: 1 Insufficient example.com/aaa.")
    for ignored in ({"ignoredResources": ["example.com/aaa"]}, {"ignoredResourceGroups": ["example.com"]}):
        assert place(profile(config={"NodeResourcesFit": ignored}), waiting, b.node("n1")).node == "n1"


def test_default_constraints_of_a_list_are_hard_if_it_says_so():
    constraint = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule"}
    made = profile(config={"PodTopologySpread": {"defaultConstraints": [constraint], "defaultingType": "List"}})
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "namespace": "default"}, "spec": {"selector": {"app": "a"}}}
    objects = [service, b.node("n1"), b.node("n2", cpu="0"), b.pod("p", node="n1", labels={"app": "a"})]
    waiting = b.pod("new", cpu="1", labels={"app": "a"})
    assert "topology spread constraints" in place(made, waiting, *objects).message
    assert place(profile(), waiting, *objects).node == "n1"


def test_the_weight_of_required_affinity_that_present_pods_have():
    """upstream: interpodaffinity/scoring_test.go TestPreferredAffinityWithHardPodAffinitySymmetricWeight."""
    wants = {
        "podAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone", "labelSelector": {"matchLabels": {"service": "S1"}}}]
        }
    }
    objects = [b.node("n1", labels={"zone": "a"}), b.node("n2", labels={"zone": "b"}), b.pod("p", node="n1", affinity=wants)]
    waiting = b.pod("new", labels={"service": "S1"})
    quiet = {"score": {"disabled": [{"name": "NodeResourcesFit"}, {"name": "NodeResourcesBalancedAllocation"}]}}
    assert {place(profile(quiet), waiting, *objects, draw=draw).node for draw in (0, 2**63)} == {"n1"}
    none = profile(quiet, config={"InterPodAffinity": {"hardPodAffinityWeight": 0}})
    assert {place(none, waiting, *objects, draw=draw).node for draw in (0, 2**63)} == {"n1", "n2"}
    wished = {
        "podAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 8, "podAffinityTerm": wants["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][0]}
            ]
        }
    }
    wishing = [*objects[:2], b.pod("p", node="n1", affinity=wished)]
    deaf = profile(quiet, config={"InterPodAffinity": {"ignorePreferredTermsOfExistingPods": True}})
    assert {place(profile(quiet), waiting, *wishing, draw=draw).node for draw in (0, 2**63)} == {"n1"}
    assert {place(deaf, waiting, *wishing, draw=draw).node for draw in (0, 2**63)} == {"n1", "n2"}


def test_profiles_give_the_same_answers_as_the_default_where_they_say_the_same():
    made = profile(schedulerName="default-scheduler")
    objects = [
        *(
            b.node(f"n{number}", cpu=f"{2 + number % 3}", zone=f"z{number % 2}", images={"nginx:1": 10**9 * (number % 2)})
            for number in range(9)
        ),
        *(b.pod(f"p{number}", node=f"n{number % 9}", cpu=f"{number % 4 * 100}m", labels={"app": "a"}) for number in range(14)),
        b.node("soft", taints=[("key", "", "PreferNoSchedule")]),
    ]
    for draw in (0, 2**62, 2**63):
        for cpu in ("100m", "2", "9"):
            cluster = b.cluster_of(*objects)
            entry = cluster.entry_of(b.pod("new", cpu=cpu, labels={"app": "a"}))
            assert decide(cluster, entry, 3, draw, profile=made) == decide(cluster, entry, 3, draw)
