"""Which nodes a cycle looks at, in which order, and how it chooses."""

from __future__ import annotations

from kubelab.scheduler.cluster import node_order
from kubelab.scheduler.cycle import decide, nodes_to_find
from tests.unit.scheduler import builders as b


def names(cluster):
    return [node.name for node in cluster.order]


def test_nodes_come_one_of_each_zone_in_turn():
    # upstream: internal/cache/node_tree_test.go, 1.28
    zones = ["a", "a", "b", "a", "", "b"]
    cluster = b.cluster_of(*(b.node(f"n{at}", zone=zone) for at, zone in enumerate(zones)))

    assert names(cluster) == ["n0", "n2", "n4", "n1", "n5", "n3"]


def test_a_zone_that_lost_all_nodes_comes_last_when_it_is_back():
    cluster = b.cluster_of(b.node("n0", zone="a"), b.node("n1", zone="b"))
    cluster.remove_node("n0")
    cluster.set_node(b.node("n0", zone="a"))
    cluster.refresh()

    assert names(cluster) == ["n1", "n0"]
    assert node_order(cluster.zones) == ["n1", "n0"]


def test_how_many_feasible_nodes_are_enough():
    # upstream: schedule_one_test.go TestNumFeasibleNodesToFind, 1.28
    assert [nodes_to_find(nodes) for nodes in (10, 99, 100, 1000, 5000, 6000)] == [10, 99, 100, 420, 500, 300]


def test_the_search_begins_where_the_last_one_ended():
    nodes = [b.node(f"n{at}") for at in range(200)]
    cluster = b.cluster_of(*nodes)
    entry = cluster.entry_of(b.pod("new"))

    first = decide(cluster, entry, 0, 0)
    second = decide(cluster, entry, first.start, 0)

    assert (first.node, first.feasible, first.start) == ("n0", 100, 100)
    assert (second.node, second.feasible, second.start) == ("n100", 100, 0)


def test_nodes_that_do_not_fit_are_passed_over_and_counted():
    nodes = [b.node(f"n{at}", cordoned=at < 50) for at in range(200)]
    cluster = b.cluster_of(*nodes)

    found = decide(cluster, cluster.entry_of(b.pod("new")), 0, 0)

    assert (found.node, found.feasible, found.evaluated, found.start) == ("n50", 100, 150, 150)


def test_ties_are_broken_by_chance():
    cluster = b.cluster_of(*(b.node(f"n{at}") for at in range(4)))
    entry = cluster.entry_of(b.pod("new"))

    assert [decide(cluster, entry, 0, (at << 62) + 1).node for at in range(4)] == ["n0", "n1", "n2", "n3"]


def test_the_only_feasible_node_is_taken_unscored():
    found = b.place(b.pod("new"), b.node("n1", cordoned=True), b.node("n2"))

    assert (found.node, found.score, found.feasible) == ("n2", 0, 1)


def test_a_nominated_node_wins_unscored():
    # upstream: schedule_one.go evaluateNominatedNode, 1.28
    cluster = b.cluster_of(b.node("n1"), b.node("n2", cpu="1"))
    found = decide(cluster, cluster.entry_of(b.pod("new", cpu="1")), 0, 0, "n2")

    assert (found.node, found.evaluated, found.start) == ("n2", 1, 0)


def test_room_is_kept_for_nominated_pods_of_equal_priority():
    # upstream: framework/runtime/framework.go RunFilterPluginsWithNominatedPods, 1.28
    guest = b.pod("guest", cpu="3", priority=5)
    guest["status"]["nominatedNodeName"] = "n1"
    cluster = b.cluster_of(b.node("n1"), guest)

    assert decide(cluster, cluster.entry_of(b.pod("new", cpu="2", priority=5)), 0, 0).message.startswith(
        "0/1 nodes are available: 1 Insufficient cpu."
    )
    assert decide(cluster, cluster.entry_of(b.pod("new", cpu="2", priority=6)), 0, 0).node == "n1"


def test_a_pinned_pod_looks_at_its_node_alone():
    field = {"key": "metadata.name", "operator": "In", "values": ["n2"]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchFields": [field]}]}}
    found = b.place(b.pod("new", affinity={"nodeAffinity": required}), *(b.node(f"n{at}") for at in range(3)))

    assert (found.node, found.evaluated) == ("n2", 1)


def test_pods_spread_over_zones_by_default():
    nodes = [b.node(f"n{at}", zone="abc"[at % 3]) for at in range(6)]
    world = b.World(*nodes, b.replica_set("web", {"app": "web"}))
    for at in range(6):
        world.put(b.pod(f"web-{at}", cpu="100m", labels={"app": "web"}, owner=("ReplicaSet", "web")))
    world.run()

    assert sorted(world.node_of(f"web-{at}") for at in range(6)) == [f"n{at}" for at in range(6)]


def test_terminal_pods_take_no_room_terminating_ones_do():
    ended = b.pod("ended", cpu="4", node="n1")
    ended["status"]["phase"] = "Succeeded"
    going = b.pod("going", cpu="4", node="n1")
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"

    assert b.place(b.pod("new", cpu="4"), b.node("n1"), ended).node == "n1"
    assert b.place(b.pod("new", cpu="4"), b.node("n1"), going).node == ""
