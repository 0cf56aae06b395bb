"""What keeps a node, how full it is, how many nodes pods need: on upstream's rows.

upstream: cluster-autoscaler/utils/drain/drain_test.go, estimator/binpacking_estimator_test.go, simulator/utilization/info_test.go,
core/scaledown/unneeded/nodes_test.go, 1.28.
"""

from __future__ import annotations

import pytest

from kubelab.cluster.autoscaler.options import DEFAULT
from kubelab.cluster.autoscaler.scaling_down import Blocked, Removable, going, pods_to_move, utilization
from kubelab.cluster.autoscaler.scaling_up import estimate
from kubelab.cluster.autoscaler.snapshot import Snapshot
from kubelab.store.view import View
from kubelab.world.clock import MINUTE, SECOND, rfc3339
from tests.unit.scheduler import builders as b

MIB = 1024 * 1024
NOW_NS = b.START_NS
SAFE = "cluster-autoscaler.kubernetes.io/safe-to-evict"
VOLUMES = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"
SET = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "rs", "namespace": "default"}, "spec": {"selector": {}}}
SYSTEM_SET = {**SET, "metadata": {"name": "rs", "namespace": "kube-system"}}


def view(*objects):
    return View(b.store_of(SET, SYSTEM_SET, *objects).head, {}, NOW_NS)


def pod(owner=("ReplicaSet", "rs"), annotations=None, phase="Running", deleted_ns=None, volumes=(), **more):
    found = b.pod("bar", node="node", owner=owner, volumes=list(volumes), restartPolicy=more.pop("policy", "Always"), **more)
    meta = {**found["metadata"], **({"annotations": annotations} if annotations else {})}
    if deleted_ns is not None:
        meta["deletionTimestamp"] = rfc3339(deleted_ns)
    return {**found, "metadata": meta, "status": {"phase": phase}}


def budget(namespace="kube-system", allowed=1, **labels):
    meta = {"name": "pdb", "namespace": namespace}
    return {
        "kind": "PodDisruptionBudget",
        "metadata": meta,
        "spec": {"selector": {"matchLabels": labels}},
        "status": {"disruptionsAllowed": allowed},
    }


def emptydir(*names):
    return [{"name": name, "emptyDir": {}} for name in names]


LOCAL, LONE, SYSTEM = "has local storage", "not replicated", "a system pod without a disruption budget"
# upstream: drain_test.go TestDrain: the pod, budgets, whether it moves (or why its node stays; None: it does not count)
ROWS = [
    ("RS-managed pod", pod(), [], "moves"),
    ("DS-managed pod", pod(("DaemonSet", "ds")), [], None),
    ("RS-managed pod that is being deleted", pod(deleted_ns=NOW_NS - 3600 * SECOND), [], None),
    ("a pod whose set is not there", pod(("ReplicaSet", "other")), [], "its ReplicaSet is not there"),
    ("naked pod", pod(None), [], LONE),
    ("custom-controller-managed pod", pod(("Foo", "foo")), [], LONE),
    ("pod with EmptyDir", pod(volumes=emptydir("scratch")), [], LOCAL),
    ("in memory", pod(volumes=[{"name": "m", "emptyDir": {"medium": "Memory"}}]), [], "moves"),
    ("host path", pod(volumes=[{"name": "h", "hostPath": {"path": "/"}}]), [], LOCAL),
    ("harmless volume", pod(volumes=emptydir("v1"), annotations={VOLUMES: "v1"}), [], "moves"),
    ("empty annotation", pod(volumes=emptydir("v1"), annotations={VOLUMES: ""}), [], LOCAL),
    ("another volume", pod(volumes=emptydir("v1"), annotations={VOLUMES: "v2"}), [], LOCAL),
    ("all are harmless", pod(volumes=emptydir("v1", "v2"), annotations={VOLUMES: "v1,v2"}), [], "moves"),
    ("some are harmless", pod(volumes=emptydir("v1", "v2"), annotations={VOLUMES: "v1"}), [], LOCAL),
    ("failed pod", pod(None, phase="Failed"), [], "moves"),
    ("evicted pod", pod(None, phase="Failed", policy="Always"), [], "moves"),
    ("pod in terminal state", pod(None, phase="Succeeded", policy="OnFailure"), [], "moves"),
    ("a pod that ended and would be started again", pod(None, phase="Succeeded", policy="Always"), [], LONE),
    ("long terminating pod with 0 grace period", pod(None, deleted_ns=NOW_NS - 31 * SECOND, terminationGracePeriodSeconds=0), [], None),
    ("terminating within its grace period", pod(None, deleted_ns=NOW_NS - 60 * SECOND, terminationGracePeriodSeconds=60), [], LONE),
    (
        "long terminating pod with extended grace period",
        pod(None, deleted_ns=NOW_NS - 91 * SECOND, terminationGracePeriodSeconds=60),
        [],
        None,
    ),
    ("safe to evict", pod(None, annotations={SAFE: "true"}), [], "moves"),
    ("system pod that is safe to evict", pod(namespace="kube-system", annotations={SAFE: "true"}), [], "moves"),
    ("EmptyDir, but safe to evict", pod(volumes=emptydir("v"), annotations={SAFE: "true"}), [], "moves"),
    ("not safe to evict", pod(annotations={SAFE: "false"}), [], "marked as not safe to evict"),
    ("system pod", pod(namespace="kube-system"), [], SYSTEM),
    ("system budget that covers it", pod(namespace="kube-system", labels={"k8s-app": "foo"}), [budget(**{"k8s-app": "foo"})], "moves"),
    ("system budget that does not", pod(namespace="kube-system", labels={"k8s-app": "foo"}), [budget(**{"k8s-app": "bar"})], SYSTEM),
    (
        "a budget of another namespace",
        pod(namespace="kube-system", labels={"k8s-app": "foo"}),
        [budget("default", **{"k8s-app": "foo"})],
        SYSTEM,
    ),
    ("a budget that is used up", pod(labels={"a": "b"}), [budget("default", 0, a="b")], "not enough pod disruption budget to move it"),
]


@pytest.mark.parametrize(("name", "bound", "budgets", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_which_pods_move_and_which_keep_their_node(name, bound, budgets, expected):
    left = {(each["metadata"]["namespace"], each["metadata"]["name"]): each["status"]["disruptionsAllowed"] for each in budgets}
    found = pods_to_move([bound], view(), budgets, left, DEFAULT, NOW_NS)
    if expected in (None, "moves"):
        assert found == (() if expected is None else (bound,))
    else:
        assert found == Blocked(bound, expected)


def waiting(count, cpu, memory, **more):
    return [b.pod(f"p{cpu}-{at}", cpu=f"{cpu}m", memory=str(memory * MIB), labels={"app": "estimatee"}, **more) for at in range(count)]


def spread(key):
    return [
        {"maxSkew": 2, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "estimatee"}}}
    ]


# upstream: binpacking_estimator_test.go TestBinpackingEstimate: milli cpu, MiB, most nodes, pods, nodes, pods placed
BINPACKING = [
    ("by resources", 1000, 2000, 99, waiting(10, 350, 1000), 5, 10),
    ("by pods per node", 10000, 20000, 99, waiting(20, 10, 100), 2, 20),
    ("a host port forces one pod per node", 1000, 5000, 99, waiting(8, 200, 1000, port=5555), 8, 8),
    ("the limit ends it", 1000, 5000, 5, waiting(20, 500, 1000), 5, 10),
    ("the larger pods first", 1000, 5000, 5, [*waiting(10, 50, 1000), *waiting(10, 500, 1000)], 5, 10),
    ("two pods per host", 1000, 5000, 99, waiting(8, 20, 100, topologySpreadConstraints=spread("kubernetes.io/hostname")), 4, 8),
    ("two pods per zone", 1000, 5000, 99, waiting(8, 20, 100, topologySpreadConstraints=spread("topology.kubernetes.io/zone")), 1, 2),
]


@pytest.mark.parametrize(("name", "cpu", "memory", "limit", "pods", "nodes", "placed"), BINPACKING, ids=[row[0] for row in BINPACKING])
def test_how_many_nodes_pods_need(name, cpu, memory, limit, pods, nodes, placed):
    snapshot = Snapshot(view(b.node("oldnode", cpu="100m", memory=str(100 * MIB), pods="10", zone="zone-jupiter")))
    template = b.node("template", cpu=f"{cpu}m", memory=str(memory * MIB), pods="10", zone="zone-mars")
    count, taken = estimate(pods, template, snapshot, limit)
    assert (count, len(taken)) == (nodes, placed)
    if name == "the larger pods first":
        assert {each["metadata"]["name"].split("-")[0] for each in taken} == {"p500"}
    assert [info.name for info in snapshot.cluster.order] == ["oldnode"] and snapshot.cluster.placed == {}


def test_utilization_is_the_larger_share():
    """upstream: info_test.go TestCalculate."""
    node = {**b.node("node1", cpu="2000m", memory="2000000")}
    ask = {"cpu": "100m", "memory": "200000"}
    pods = [b.pod("p1", requests=ask), b.pod("p2"), b.pod("p3", requests=ask)]
    assert utilization(node, pods, NOW_NS) == (0.2, "memory")
    daemon = b.pod("p4", requests={"cpu": "1", "memory": "1"}, owner=("DaemonSet", "ds"))
    assert utilization(node, [*pods, daemon], NOW_NS) == (0.6, "cpu")
    leaving = b.pod("p5", requests=ask)
    leaving["metadata"]["deletionTimestamp"] = rfc3339(NOW_NS - 61 * SECOND)
    assert utilization(node, [*pods, leaving], NOW_NS) == (0.2, "memory")
    assert utilization(b.node("n", cpu="0", memory="0"), pods, NOW_NS)[0] == 0.0


def test_which_nodes_go_now():
    """upstream: nodes_test.go TestRemovableAt: long enough, above the least size, so many at once."""
    empty = [Removable(f"e{number}", ()) for number in range(12)]
    drained = [Removable(f"d{number}", ({"metadata": {}},)) for number in range(3)]
    names = [each.node for each in (*empty, *drained)]
    since = dict.fromkeys(names, NOW_NS - 11 * MINUTE)
    pools = dict.fromkeys(names, ("pool", True))

    def now(**changes):
        given = {"since": since, "sizes": {"pool": (15, 0)}, "draining": 0, "pools": pools, **changes}
        return going((*drained, *empty), given["since"], given["pools"], given["sizes"], given["draining"], DEFAULT, NOW_NS)

    assert now() == (tuple(f"e{number}" for number in range(10)), (drained[0],))
    assert now(draining=1).drained == ()
    assert now(sizes={"pool": (15, 13)}) == (("e0", "e1"), ())
    assert now(since=dict.fromkeys(names, NOW_NS - 10 * MINUTE)) == ((), ())
    assert now(pools=dict.fromkeys(names, ("pool", False))) == ((), ())
