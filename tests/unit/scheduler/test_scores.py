"""Scores by plug-in, rows from upstream's own tables."""

from __future__ import annotations

import pytest

from kubelab.scheduler.framework import Skip
from kubelab.scheduler.plugins import (
    image_locality,
    inter_pod_affinity,
    node_resources_balanced_allocation,
    node_resources_fit,
    pod_topology_spread,
    taint_toleration,
)
from tests.unit.scheduler import builders as b

MB = 1024 * 1024
HOST = "kubernetes.io/hostname"


def resources(score, waiting, nodes, pods):
    cluster = b.cluster_of(
        *(b.node(name, cpu=f"{cpu}m", memory=str(memory)) for name, cpu, memory in nodes),
        *(b.pod(f"p{at}", node=node, cpu=f"{cpu}m", memory=str(memory)) for at, (node, cpu, memory) in enumerate(pods)),
    )
    cpu, memory = waiting
    entry = cluster.entry_of(b.pod("new", cpu=f"{cpu}m", memory=str(memory)))
    return [score(entry, node) for node in cluster.order]


# upstream: noderesources/least_allocated_test.go, 1.28 (requests of a pod's containers added up)
LEAST_ALLOCATED = [
    ("nothing scheduled, differently sized nodes", (3000, 5000), [("n1", 4000, 10000), ("n2", 6000, 10000)], [], [37, 50]),
    ("pods with resources", (3000, 5000), [("n1", 10000, 20000), ("n2", 10000, 20000)], [("n1", 3000, 0), ("n2", 3000, 5000)], [57, 45]),
    (
        "differently sized nodes",
        (3000, 5000),
        [("n1", 10000, 20000), ("n2", 10000, 50000)],
        [("n1", 3000, 0), ("n2", 3000, 5000)],
        [57, 60],
    ),
    ("more than the node has", (3000, 0), [("n1", 4000, 10000), ("n2", 4000, 10000)], [("n1", 3000, 0), ("n2", 3000, 5000)], [50, 25]),
    ("nodes without resources", (0, 0), [("n1", 0, 0), ("n2", 0, 0)], [("n1", 3000, 0), ("n2", 3000, 5000)], [0, 0]),
]


@pytest.mark.parametrize(("name", "waiting", "nodes", "pods", "expected"), LEAST_ALLOCATED, ids=[row[0] for row in LEAST_ALLOCATED])
def test_least_allocated(name, waiting, nodes, pods, expected):
    assert resources(node_resources_fit.score, waiting, nodes, pods) == expected


# upstream: noderesources/balanced_allocation_test.go, 1.28
BALANCED = [
    ("nothing at all", (0, 0), [("n1", 4000, 10000), ("n2", 4000, 10000)], [], [100, 100]),
    ("differently sized nodes", (3000, 5000), [("n1", 4000, 10000), ("n2", 6000, 10000)], [], [87, 100]),
    ("only present pods ask", (0, 0), [("n1", 10000, 20000), ("n2", 10000, 20000)], [("n1", 6000, 0), ("n2", 6000, 5000)], [70, 82]),
    ("all ask", (3000, 5000), [("n1", 10000, 20000), ("n2", 10000, 20000)], [("n1", 3000, 0), ("n2", 3000, 5000)], [82, 95]),
    ("a larger node", (3000, 5000), [("n1", 10000, 20000), ("n2", 10000, 50000)], [("n1", 3000, 0), ("n2", 3000, 5000)], [82, 80]),
    ("at capacity", (3000, 0), [("n1", 6000, 10000), ("n2", 6000, 10000)], [("n1", 3000, 0), ("n2", 3000, 5000)], [50, 75]),
    ("nodes without resources", (0, 0), [("n1", 0, 0)], [], [100]),
]


@pytest.mark.parametrize(("name", "waiting", "nodes", "pods", "expected"), BALANCED, ids=[row[0] for row in BALANCED])
def test_balanced_allocation(name, waiting, nodes, pods, expected):
    assert resources(node_resources_balanced_allocation.score, waiting, nodes, pods) == expected


def test_a_container_without_requests_counts_100m_and_200mi_for_least_allocated_alone():
    # upstream: pkg/scheduler/util/pod_resources.go, 1.28
    cluster = b.cluster_of(b.node("n1", cpu="1", memory="1000Mi"))
    [node] = cluster.order
    entry = cluster.entry_of(b.pod("new"))

    assert node_resources_fit.score(entry, node) == (90 + 80) // 2
    assert node_resources_balanced_allocation.score(entry, node) == 100


def images(*pairs):
    return {f"gcr.io/{name}:latest": size * MB for name, size in pairs}


# upstream: imagelocality/image_locality_test.go, 1.28
IMAGES = [
    ("the larger of two", ["40", "250"], [images(("40", 40), ("300", 300), ("2000", 2000)), images(("250", 250), ("10", 10))], [0, 5]),
    ("two on one node", ["40", "300"], [images(("40", 40), ("300", 300), ("2000", 2000)), images(("250", 250), ("10", 10))], [7, 0]),
    ("above the limit", ["10", "4000"], [images(("4000", 4000), ("30", 30)), images(("250", 250), ("10", 10))], [100, 0]),
    ("a node without", ["10", "4000"], [images(("4000", 4000), ("30", 30)), images(("250", 250), ("10", 10)), {}], [66, 0, 0]),
    (
        "several large ones",
        ["300", "600", "900"],
        [images(("600", 600), ("40", 40), ("900", 900)), images(("300", 300), ("600", 600), ("900", 900)), {}],
        [32, 36, 0],
    ),
    ("small ones", ["30", "40"], [images(("20", 20), ("30", 30), ("40", 40)), images(("4000", 4000), ("30", 30))], [1, 0]),
]


@pytest.mark.parametrize(("name", "wanted", "nodes", "expected"), IMAGES, ids=[row[0] for row in IMAGES])
def test_image_locality(name, wanted, nodes, expected):
    cluster = b.cluster_of(*(b.node(f"n{at}", images=held) for at, held in enumerate(nodes)))
    waiting = b.pod("new")
    waiting["spec"]["containers"] = [{"name": each, "image": f"gcr.io/{each}", "resources": {}} for each in wanted]
    entry = cluster.entry_of(waiting)

    assert [image_locality.score(entry, node, cluster.image_spread, len(nodes)) for node in cluster.order] == expected
    assert image_locality.scores(entry, cluster.order, cluster.image_spread) == expected


def soft(skew, key, label="foo", selector="given"):
    given = {"matchLabels": {label: ""}} if selector == "given" else None
    return {"maxSkew": skew, "topologyKey": key, "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": given}


def hosts(**pods):
    """Pods labelled foo by node: ``a=2`` is two on node-a."""
    return [(f"node-{node}", "foo") for node, count in pods.items() for _ in range(count)]


ZONED = {"node-a": "zone1", "node-b": "zone1", "node-x": "zone2", "node-y": "zone2"}
FOO_BAR = {"labels": {"foo": "", "bar": ""}}

# upstream: podtopologyspread/scoring_test.go TestPodTopologySpreadScore, 1.28: candidates, other nodes, constraints, pods, scores
SPREAD = [
    ("no pods", "ab", "", [soft(1, HOST)], [], [100, 100]),
    ("one candidate", "a", "b", [soft(1, HOST)], hosts(a=2, b=1), [100]),
    ("2/1/0/3", "abcd", "", [soft(1, HOST)], hosts(a=2, b=1, d=3), [20, 60, 100, 0]),
    ("null selector", "abcd", "", [soft(1, HOST, selector=None)], hosts(a=2, b=1, d=3), [100, 100, 100, 100]),
    ("2/1/0/3, skew 2", "abcd", "", [soft(2, HOST)], hosts(a=2, b=1, d=3), [33, 66, 100, 16]),
    ("4/3/2/1, skew 3", "abcd", "", [soft(3, HOST)], hosts(a=4, b=3, c=2, d=1), [44, 66, 77, 100]),
    ("4/2/1/~3~", "abx", "y", [soft(1, HOST)], hosts(a=4, b=2, x=1, y=3), [33, 83, 100]),
    ("zone 4/2/1/~3~", "abx", "y", [soft(1, "zone")], hosts(a=4, b=2, x=1, y=3), [75, 75, 100]),
    ("zone and host 2/~1~/2/~4~", "ax", "by", [soft(1, "zone"), soft(1, HOST)], hosts(a=2, b=1, x=2, y=4), [100, 63]),
    (
        "different selectors",
        "abxy",
        "",
        [soft(1, "zone"), soft(1, HOST, "bar")],
        [("node-a", "foo"), ("node-b", "foo bar"), ("node-y", "foo"), ("node-y", "bar")],
        [60, 20, 100, 60],
    ),
    (
        "different selectors, some nodes without pods",
        "abxy",
        "",
        [soft(1, "zone"), soft(1, HOST, "bar")],
        [("node-b", "bar"), ("node-x", "foo"), ("node-y", "foo bar")],
        [100, 60, 40, 0],
    ),
    (
        "different selectors, 3 of 4 are candidates",
        "abx",
        "y",
        [soft(1, "zone"), soft(1, HOST, "bar")],
        [("node-a", "foo"), ("node-b", "foo bar"), ("node-y", "foo"), ("node-y", "bar")],
        [50, 25, 100],
    ),
]


@pytest.mark.parametrize(("name", "candidates", "others", "constraints", "pods", "expected"), SPREAD, ids=[row[0] for row in SPREAD])
def test_topology_spread(name, candidates, others, constraints, pods, expected):
    names = [f"node-{each}" for each in candidates + others]
    cluster = b.cluster_of(
        *(b.node(name, labels={"zone": ZONED[name]} if name in ZONED else {}) for name in names),
        *(b.pod(f"p{at}", node=node, labels=dict.fromkeys(labels.split(), "")) for at, (node, labels) in enumerate(pods)),
    )
    entry = cluster.entry_of(b.pod("new", labels={"foo": "", "bar": ""}, topologySpreadConstraints=constraints))
    window = list(range(len(candidates)))
    state = pod_topology_spread.pre_score(entry, cluster, window)

    assert pod_topology_spread.scores(state, cluster, window) == expected
    assert pod_topology_spread.normalize([pod_topology_spread.score(state, cluster.order[at]) for at in window]) == expected


def test_a_node_without_the_key_scores_nothing_and_its_pods_do_not_count():
    # upstream: scoring_test.go "one node doesn't match topology key"
    unlabelled = b.node("node-b")
    unlabelled["metadata"]["labels"] = {"n": "node-b"}
    nodes = [b.node("node-a"), unlabelled, b.node("node-x"), b.node("node-y")]
    pods = [b.pod(f"p{at}", node=node, labels={"foo": ""}) for at, (node, _) in enumerate(hosts(a=4, b=2, x=1, y=3))]
    cluster = b.cluster_of(*nodes, *pods)
    entry = cluster.entry_of(b.pod("new", labels={"foo": ""}, topologySpreadConstraints=[soft(1, HOST)]))
    state = pod_topology_spread.pre_score(entry, cluster, [0, 1, 2])

    assert pod_topology_spread.scores(state, cluster, [0, 1, 2]) == [16, 0, 100]


def service(name, selector):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"}, "spec": {"selector": selector}}


def test_default_constraints_follow_the_services_of_the_pod():
    # upstream: scoring_test.go "system defaulting, nodes don't have zone, pods match service"
    pods = [b.pod(f"p{at}", node=node, labels={"foo": ""}) for at, (node, _) in enumerate(hosts(a=4, b=3, c=2, d=1))]
    cluster = b.cluster_of(*(b.node(f"node-{each}") for each in "abcd"), *pods, service("s", {"foo": ""}))
    state = pod_topology_spread.pre_score(cluster.entry_of(b.pod("new", labels={"foo": ""})), cluster, range(4))

    assert pod_topology_spread.scores(state, cluster, range(4)) == [44, 66, 77, 100]


def test_without_service_and_owner_there_is_no_default_spreading():
    cluster = b.cluster_of(b.node("node-a"), b.node("node-b"))

    assert isinstance(pod_topology_spread.pre_score(cluster.entry_of(b.pod("new", labels={"foo": ""})), cluster, range(2)), Skip)


def test_terminating_pods_do_not_count_for_spreading():
    # upstream: scoring_test.go "terminating Pods should be excluded"
    going = b.pod("p-a", node="node-a", labels={"foo": ""})
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    cluster = b.cluster_of(b.node("node-a"), b.node("node-b"), going, b.pod("p-b", node="node-b", labels={"foo": ""}))
    entry = cluster.entry_of(b.pod("new", labels={"foo": ""}, topologySpreadConstraints=[soft(1, HOST)]))
    state = pod_topology_spread.pre_score(entry, cluster, range(2))

    assert pod_topology_spread.scores(state, cluster, range(2)) == [100, 0]


def test_untolerated_soft_taints_are_scored_in_reverse():
    # upstream: tainttoleration/taint_toleration_test.go "the count of taints on a node that are not tolerated by pod, matters."
    soft_taint = "PreferNoSchedule"
    taints = [[], [("cpu-type", "arm64", soft_taint)], [("cpu-type", "arm64", soft_taint), ("disk-type", "ssd", soft_taint)]]
    cluster = b.cluster_of(*(b.node(f"node-{at}", taints=each) for at, each in enumerate(taints)))
    entry = cluster.entry_of(b.pod("new", tolerations=[{"key": "foo", "operator": "Equal", "value": "bar", "effect": soft_taint}]))

    assert taint_toleration.normalize([taint_toleration.score(entry, node) for node in cluster.order]) == [100, 50, 0]


def weighted(weight, app, key="region"):
    return {"weight": weight, "podAffinityTerm": {"labelSelector": {"matchLabels": {"app": app}}, "topologyKey": key}}


def preferring(kind, *terms):
    return {"affinity": {kind: {"preferredDuringSchedulingIgnoredDuringExecution": list(terms)}}}


def requiring(kind, app, key="region"):
    term = {"labelSelector": {"matchLabels": {"app": app}}, "topologyKey": key}
    return {"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}


# upstream: interpodaffinity/scoring_test.go, 1.28: what the new pod wishes, the present pod and what it wishes, scores of china, india
AFFINITY = [
    ("the pod wants to be near", preferring("podAffinity", weighted(5, "old")), {}, [100, 0]),
    ("the pod wants to be away", preferring("podAntiAffinity", weighted(5, "old")), {}, [0, 100]),
    ("the present pod wants it near", {}, preferring("podAffinity", weighted(5, "new")), [100, 0]),
    ("the present pod wants it away", {}, preferring("podAntiAffinity", weighted(5, "new")), [0, 100]),
    ("the present pod needs it near", {}, requiring("podAffinity", "new"), [100, 0]),
    ("wishes cancel out", preferring("podAffinity", weighted(5, "old")), preferring("podAntiAffinity", weighted(5, "new")), [0, 0]),
]


@pytest.mark.parametrize(("name", "wish", "present", "expected"), AFFINITY, ids=[row[0] for row in AFFINITY])
def test_inter_pod_affinity(name, wish, present, expected):
    cluster = b.cluster_of(
        b.node("n1", labels={"region": "china"}),
        b.node("n2", labels={"region": "india"}),
        b.pod("old", node="n1", labels={"app": "old"}, **present),
    )
    state = inter_pod_affinity.pre_score(cluster.entry_of(b.pod("new", labels={"app": "new"}, **wish)), cluster)

    assert inter_pod_affinity.scores(state, cluster, range(2)) == expected


def test_nobody_wishes_anything():
    cluster = b.cluster_of(b.node("n1"), b.pod("old", node="n1"))

    assert isinstance(inter_pod_affinity.pre_score(cluster.entry_of(b.pod("new")), cluster), Skip)
