"""What wakes a waiting pod, how long it backs off, and in which order nodes are looked at, over upstream's own tables.

upstream: pkg/scheduler/{eventhandlers,schedule_one}_test.go, internal/queue/scheduling_queue_test.go, internal/cache/node_tree_test.go,
framework/types_test.go, 1.28.
"""

from __future__ import annotations

import pytest

from kubelab.scheduler.cluster import node_order
from kubelab.scheduler.framework import ClusterEvent
from kubelab.scheduler.plugins import node_ports, node_resources_balanced_allocation, scoring_strategies
from kubelab.scheduler.queue import WAKES_ON, Queued, backoff_ns, is_worth, node_event
from kubelab.scheduler.watching import _may_fit
from tests.unit.scheduler import builders as b

TAINTS = [("foo", None, "NoSchedule"), ("bar", None, "PreferNoSchedule")]
HERE, ELSEWHERE = ("In", ["fake-node"]), ("NotIn", ["fake-node"])


def near(operator, names):
    term = {"matchExpressions": [{"key": "hostname", "operator": operator, "values": names}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}


def tolerating(*keys):
    return [{"key": key, "operator": "Exists"} for key in keys]


REGULAR = b.node("fake-node", cpu="8", labels={"hostname": "fake-node"})
TAINTED = b.node("fake-node", cpu="8", labels={"hostname": "fake-node"}, taints=TAINTS)
CHANGED_NODE = [  # TestPreCheckForNode
    ("half of its CPUs", REGULAR, {"cpu": "4"}, True),
    ("more CPUs than it has", REGULAR, {"cpu": "16"}, False),
    ("node affinity", REGULAR, {"affinity": near(*HERE)}, True),
    ("node anti-affinity", REGULAR, {"affinity": near(*ELSEWHERE)}, False),
    ("nothing", REGULAR, {}, True),
    ("another node by name", REGULAR, {"node": "invalid-node"}, False),
    ("a port", REGULAR, {"port": 8080}, True),
    ("a port that is taken", REGULAR, {"port": 80}, False),
    ("tainted, no toleration", TAINTED, {}, False),
    ("tainted, tolerates that", TAINTED, {"tolerations": tolerating("foo")}, True),
    ("tainted, tolerates what only prefers", TAINTED, {"tolerations": tolerating("bar")}, False),
    ("tainted, tolerates both", TAINTED, {"tolerations": tolerating("bar", "foo")}, True),
    ("CPUs, not this node", REGULAR, {"cpu": "4", "affinity": near(*ELSEWHERE)}, False),
    ("too many CPUs, this node", REGULAR, {"cpu": "16", "affinity": near(*HERE)}, False),
    ("all its CPUs, this node", REGULAR, {"cpu": "8", "affinity": near(*HERE)}, True),
    ("a port, another node by name", REGULAR, {"port": 8080, "node": "invalid-node"}, False),
    ("this node, a port that is taken", REGULAR, {"cpu": "4", "affinity": near(*HERE), "port": 80}, False),
    ("tainted, CPUs, tolerates what only prefers", TAINTED, {"cpu": "4", "tolerations": tolerating("bar")}, False),
    ("tainted, CPUs, tolerates both", TAINTED, {"cpu": "4", "tolerations": tolerating("bar", "foo")}, True),
    ("tainted, too many CPUs", TAINTED, {"cpu": "16", "tolerations": tolerating("foo")}, False),
]


@pytest.mark.parametrize(("situation", "node", "asks", "is_tried"), CHANGED_NODE, ids=[row[0] for row in CHANGED_NODE])
def test_a_changed_node_wakes_whom_it_could_take(situation, node, asks, is_tried):
    waiting = b.pod("p1", **asks)
    cluster = b.cluster_of(node, b.pod("p", port=80, node="fake-node"), waiting)
    queued = Queued("uid-default-p1", "default", "p1", 0, 0, 0)

    assert _may_fit(queued, cluster.nodes["fake-node"], cluster) == is_tried


def conditions(*pairs):
    return {"status": {"conditions": [{"type": name, "status": status, "lastHeartbeatTime": beat} for name, status, beat in pairs]}}


PRESSED = ("DiskPressure", "True", "1970-01-01T00:00:01Z")
CHANGES = [  # TestNode…Changed
    ("no allocatable", {"status": {"allocatable": {"memory": "1Ki"}}}, {"status": {"allocatable": {"memory": "1Ki"}}}, None),
    (
        "more allocatable",
        {"status": {"allocatable": {"memory": "1Ki"}}},
        {"status": {"allocatable": {"memory": "1Ki", "storage": "1Ki"}}},
        "allocatable",
    ),
    ("more labels", {"metadata": {"labels": {"a": "b"}}}, {"metadata": {"labels": {"a": "b", "test": "value"}}}, "label"),
    ("a taint's value", {"spec": {"taints": [{"key": "k", "value": "1"}]}}, {"spec": {"taints": [{"key": "k", "value": "2"}]}}, "taint"),
    ("only a heartbeat", conditions(PRESSED), conditions((*PRESSED[:2], "1970-01-01T00:00:02Z")), None),
    ("more healthy conditions", conditions(), conditions(("Ready", "True", "")), "condition"),
    ("less unhealthy conditions", conditions(PRESSED), conditions(), "condition"),
    ("a condition's status", conditions(("Ready", "False", "")), conditions(("Ready", "True", "")), "condition"),
    ("cordoned", {"spec": {}}, {"spec": {"unschedulable": True}}, None),
    ("uncordoned", {"spec": {"unschedulable": True}}, {"spec": {}}, "taint"),
]


@pytest.mark.parametrize(("what", "old", "new", "action"), CHANGES, ids=[row[0] for row in CHANGES])
def test_what_changed_of_a_node(what, old, new, action):
    event = node_event({"metadata": {}, **old}, {"metadata": {}, **new})

    assert (event and event.action) == action


@pytest.mark.parametrize(
    ("attempts", "longest", "expected"),
    [(16, 32, 32), (32, 2**31 - 1, 2**31 - 1), (64, 2**63 - 1, 2**63 - 1)],
)
def test_the_longest_back_off(attempts, longest, expected):
    """TestPriorityQueue_calculateBackoffDuration."""
    assert backoff_ns(attempts, 1, longest) == expected


@pytest.mark.parametrize(
    ("situation", "plugins", "event", "is_tried"),
    [
        ("no plug-in asks for the event", ("NodeName",), ("pods", "delete"), False),
        ("one of two asks for it", ("NodeName", "NodeResourcesFit"), ("pods", "delete"), True),
        ("none has refused", (), ("pods", "delete"), True),
        ("one that has not refused asks for it", ("NodeAffinity",), ("pods", "delete"), False),
        ("a part of an update", ("InterPodAffinity",), ("nodes", "label"), True),
        ("another part of an update", ("InterPodAffinity",), ("nodes", "allocatable"), False),
    ],
)
def test_an_event_wakes_those_whose_plugins_ask_for_it(situation, plugins, event, is_tried):
    """Test_isPodWorthRequeuing, with what the plug-ins of 1.28 register."""
    assert is_worth(Queued("u", "default", "p", 0, 0, 0, 1, plugins), ClusterEvent(*event)) == is_tried


UPDATED = "nodes add allocatable label taint condition"
REGISTERED = {  # EventsToRegister of …/plugins/*/*.go; of a node also what an update is about
    "NodeUnschedulable": ["nodes add taint"],
    "NodeName": [UPDATED],
    "TaintToleration": [UPDATED],
    "NodeAffinity": [UPDATED],
    "NodePorts": [UPDATED, "pods delete"],
    "NodeResourcesFit": [UPDATED, "pods delete"],
    "VolumeRestrictions": ["nodes add", "persistentvolumeclaims add update", "pods delete"],
    "EBSLimits": ["nodes add", "pods delete"],
    "GCEPDLimits": ["nodes add", "pods delete"],
    "NodeVolumeLimits": ["csinodes add", "pods delete"],
    "AzureDiskLimits": ["nodes add", "pods delete"],
    "CinderLimits": ["nodes add", "pods delete"],
    "VolumeBinding": [
        *("csidrivers add update", "csinodes add update", "nodes add label", "persistentvolumeclaims add update"),
        *("persistentvolumes add update", "storageclasses add update"),
    ],
    "VolumeZone": ["nodes add label", "persistentvolumeclaims add", "persistentvolumes add update", "storageclasses add"],
    "PodTopologySpread": ["nodes add delete label", "pods add update delete"],
    "InterPodAffinity": ["nodes add label", "pods add update delete"],
    "SchedulingGates": ["pods update"],
}


@pytest.mark.parametrize("plugin", REGISTERED)
def test_the_events_that_plugins_ask_for(plugin):
    found = {}
    for event in WAKES_ON[plugin]:
        found.setdefault(event.resource.partition(".")[0], set()).add(event.action)

    assert found == {words.split()[0]: set(words.split()[1:]) for words in REGISTERED[plugin]}


# -- the order of nodes -----------------------------------------------------------------------------------------------------------
PLACES = [(), ("1",), ("", "2"), ("1", "2"), ("1", "2"), ("1", "3"), ("2", "2"), ("2", "2"), ("2", "2")]


def labels(region="", zone="", prefixes=("topology.kubernetes.io",)):
    given = {f"{prefix}/region": f"region-{region}" for prefix in prefixes if region}
    return {**given, **{f"{prefix}/zone": f"zone-{zone}" for prefix in prefixes if zone}}


OLDER = "failure-domain.beta.kubernetes.io"
NODES = [b.node(f"node-{at}", labels=labels(*place)) for at, place in enumerate(PLACES)]
NODES.append(b.node("node-9", labels=labels("2", "2", ("topology.kubernetes.io", OLDER))))
NODES.append(b.node("node-10", labels=labels("2", "3", (OLDER,))))
BETWEEN = ":\x00:"


def tree(cluster):
    return {key: list(names) for key, (_, names) in cluster.zones.items()}


def known(nodes):
    cluster = b.cluster_of()
    for each in nodes:
        cluster.set_node(each)
    return cluster


IN_ZONES = {
    "": ["node-0"],
    f"region-1{BETWEEN}": ["node-1"],
    f"{BETWEEN}zone-2": ["node-2"],
    f"region-1{BETWEEN}zone-2": ["node-3", "node-4"],
    f"region-1{BETWEEN}zone-3": ["node-5"],
    f"region-2{BETWEEN}zone-2": ["node-6"],
}


@pytest.mark.parametrize(
    ("situation", "nodes", "expected"),
    [
        ("one without labels", NODES[:1], {"": ["node-0"]}),
        ("the same twice", [NODES[0], NODES[0]], {"": ["node-0"]}),
        ("with and without labels", NODES[:4], {**dict(list(IN_ZONES.items())[:3]), f"region-1{BETWEEN}zone-2": ["node-3"]}),
        ("some zones with several", NODES[:7], IN_ZONES),
        ("older labels", NODES[9:], {f"region-2{BETWEEN}zone-2": ["node-9"], f"region-2{BETWEEN}zone-3": ["node-10"]}),
    ],
)
def test_nodes_that_come(situation, nodes, expected):
    """TestNodeTree_AddNode."""
    assert tree(known(nodes)) == expected


@pytest.mark.parametrize(
    ("situation", "before", "gone", "expected"),
    [
        ("one without labels", NODES[:7], NODES[:1], {key: names for key, names in IN_ZONES.items() if key}),
        (
            "one of a zone with several",
            NODES[:7],
            NODES[1:4],
            {"": ["node-0"], f"region-1{BETWEEN}zone-2": ["node-4"], **dict(list(IN_ZONES.items())[4:])},
        ),
        ("all", NODES[:7], NODES[:7], {}),
        ("unknown ones", [], NODES[:5], {}),
    ],
)
def test_nodes_that_go(situation, before, gone, expected):
    """TestNodeTree_RemoveNode."""
    cluster = known(before)
    for each in gone:
        cluster.remove_node(each["metadata"]["name"])

    assert tree(cluster) == expected


@pytest.mark.parametrize(
    ("situation", "before", "name", "expected"),
    [
        (
            "one without labels",
            NODES[:7],
            "node-0",
            {**{key: names for key, names in IN_ZONES.items() if key}, f"region-1{BETWEEN}zone-2": ["node-3", "node-4", "node-0"]},
        ),
        ("the only one", NODES[:1], "node-0", {f"region-1{BETWEEN}zone-2": ["node-0"]}),
        ("a new one", NODES[:1], "node-new", {"": ["node-0"], f"region-1{BETWEEN}zone-2": ["node-new"]}),
    ],
)
def test_nodes_that_move(situation, before, name, expected):
    """TestNodeTree_UpdateNode."""
    cluster = known(before)
    cluster.set_node(b.node(name, labels=labels("1", "2")))

    assert tree(cluster) == expected


@pytest.mark.parametrize(("count", "expected"), [(0, ""), (1, "0"), (4, "0123"), (9, "012356478")])
def test_one_node_of_each_zone_in_turn(count, expected):
    """TestNodeTree_List."""
    assert node_order(known(NODES[:count]).zones) == [f"node-{at}" for at in expected]


@pytest.mark.parametrize(
    ("situation", "come", "go", "steps", "expected"),
    [
        ("all come and go", "2345678", "2345678", "+++---", ""),
        ("some go", "2345678", "2345678", "+++-", "34"),
        ("three go", "2345678", "2345678", "+++---+", "5"),
        ("one more of an exhausted zone", "456783", "", "++++++", "456378"),
        ("a zone goes, another comes", "3467", "34", "++-++-", "67"),
    ],
)
def test_the_order_while_nodes_come_and_go(situation, come, go, steps, expected):
    """TestNodeTreeMultiOperations."""
    cluster, coming, going = known([]), iter(come), iter(go)
    for step in steps:
        if step == "+":
            cluster.set_node(NODES[int(next(coming))])
        else:
            cluster.remove_node(f"node-{next(going)}")

    assert node_order(cluster.zones) == [f"node-{at}" for at in expected]


# -- ports and requests -----------------------------------------------------------------------------------------------------------
ALL = "0.0.0.0"
PORTS = [  # TestHostPortInfo_Check
    ("no address and no protocol, another port", [("TCP", "127.0.0.1", 80)], ("", "", 81), False),
    ("no address and no protocol", [("TCP", "127.0.0.1", 80)], ("", "", 80), True),
    ("no port", [("TCP", "127.0.0.1", 80)], ("", "", 0), False),
    ("all addresses", [("TCP", "127.0.0.1", 80)], ("TCP", ALL, 80), True),
    ("all addresses, another protocol", [("UDP", "127.0.0.1", 80)], ("TCP", ALL, 80), False),
    ("all addresses, other ports", [("TCP", "127.0.0.1", port) for port in (79, 81, 82)], ("TCP", ALL, 80), False),
    ("one address where all are taken", [("TCP", ALL, 80)], ("TCP", "127.0.0.1", 80), True),
    ("one address, all of others", [("TCP", ALL, 79), ("UDP", ALL, 80), ("TCP", ALL, 81)], ("TCP", "127.0.0.1", 80), False),
    ("one address, others", [("TCP", "127.0.0.1", 79), ("UDP", "127.0.0.1", 80)], ("TCP", "127.0.0.1", 80), False),
]


def with_ports(name, ports, **more):
    made = b.pod(name, **more)
    made["spec"]["containers"][0]["ports"] = [
        {key: part for key, part in zip(("protocol", "hostIP", "hostPort"), each, strict=True) if part} for each in ports
    ]
    return made


@pytest.mark.parametrize(("situation", "taken", "asked", "is_refused"), PORTS, ids=[row[0] for row in PORTS])
def test_ports_of_a_node(situation, taken, asked, is_refused):
    cluster = b.cluster_of(b.node("n"), with_ports("old", taken, node="n"))
    refusal = node_ports.filter(cluster.entry_of(with_ports("new", [asked])), cluster.nodes["n"])

    assert (refusal is not None) == is_refused


CPU, MEMORY = 100, 200 * 1024 * 1024  # what a container counts as that asks for nothing


def asking(times):
    return {"cpu": f"{CPU * times}m", "memory": str(MEMORY * times)}


@pytest.mark.parametrize(("asks", "expected"), [({}, 150), (asking(1), 150), (asking(3), 130)])
def test_a_pod_that_asks_for_nothing_counts_as_a_small_one(asks, expected):
    """TestZeroRequest, without the 100 of its spreading by services."""
    nodes = [b.node(name, cpu="1", memory=str(10 * MEMORY)) for name in ("n1", "n2")]
    present = [
        b.pod("large1", node="n1", **asking(3)),
        b.pod("none1", node="n1"),
        b.pod("large2", node="n2", **asking(3)),
        b.pod("small2", node="n2", **asking(1)),
    ]
    cluster = b.cluster_of(*nodes, *present)
    least = scoring_strategies.strategy(
        {"type": "LeastAllocated", "resources": [{"name": "cpu", "weight": 1}, {"name": "memory", "weight": 1}]}
    )
    entry = cluster.entry_of(b.pod("new", **asks))
    found = [least(entry, node) + node_resources_balanced_allocation.score(entry, node) for node in cluster.nodes.values()]

    assert found == [expected, expected]
