"""Preemption: which node is cleared of which pods for a pod of higher priority, and what becomes of them."""

from __future__ import annotations

import pytest

import kubelab as kl
from kubelab.scheduler.cycle import decide
from tests.unit.scheduler import builders as b

HOST = "kubernetes.io/hostname"
LOW, MID, HIGH, VERY_HIGH = 0, 100, 1000, 10000
SMALL, MEDIUM, LARGE, ALL = 100, 200, 300, 500


def old(name, node, priority, size, started=9, **more):
    made = b.pod(name, node=node, cpu=f"{size}m", memory=str(size), priority=priority, **more)
    made["status"]["startTime"] = f"1970-01-01T00:00:0{started}Z"
    return made


def decision(waiting, nodes, *objects):
    cluster = b.cluster_of(*(b.node(name, cpu="500m", memory="500") for name in nodes), *objects)
    return decide(cluster, cluster.entry_of(waiting), 0, 0, (waiting["status"].get("nominatedNodeName") or ""))


def new(priority, size, **more):
    return b.pod("new", cpu=f"{size}m", memory=str(size), priority=priority, **more)


# upstream: defaultpreemption/default_preemption_test.go, 1.28: the pod, nodes, pods and budgets there, the node, the victims
ROWS = [
    # TestDryRunPreemption
    ("nobody is below", new(LOW, LARGE), "1", [old("p1", "n1", MID, LARGE)], "", []),
    ("all are below", new(HIGH, LARGE), "1", [old("p1", "n1", MID, LARGE)], "n1", ["p1"]),
    (
        "the small one may stay",
        new(HIGH, LARGE),
        "1",
        [old("p1.1", "n1", LOW, SMALL), old("p1.2", "n1", LOW, LARGE)],
        "n1",
        ["p1.2"],
    ),
    (
        "mixed priorities: the lowest go",
        new(HIGH, LARGE),
        "1",
        [old("a", "n1", MID, SMALL), old("b", "n1", LOW, SMALL), old("c", "n1", MID, MEDIUM), old("d", "n1", HIGH, SMALL)],
        "n1",
        ["c", "b"],
    ),
    (
        "of equals, the one that started later goes",
        new(HIGH, LARGE),
        "1",
        [old("a", "n1", LOW, SMALL, 5), old("b", "n1", LOW, SMALL, 4), old("c", "n1", MID, MEDIUM, 3), old("d", "n1", HIGH, SMALL, 2)],
        "n1",
        ["c", "a"],
    ),
    (
        "one of two under a budget that allows one",
        new(HIGH, ALL),
        "1",
        [old("a", "n1", MID, SMALL, labels={"app": "f"}), old("b", "n1", MID, MEDIUM, labels={"app": "f"}), b.budget("x", {"app": "f"}, 1)],
        "n1",
        ["b", "a"],
    ),
    (
        "a pod whose eviction is under way breaks no budget",
        new(HIGH, ALL),
        "1",
        [
            old("a", "n1", MID, SMALL, labels={"app": "f"}),
            old("b", "n1", MID, MEDIUM, labels={"app": "f"}),
            b.budget("x", {"app": "f"}, 0, a="1970-01-01T00:00:00Z"),
        ],
        "n1",
        ["b", "a"],
    ),
    # TestSelectBestCandidate
    ("fewest broken budgets", new(HIGH, LARGE), "12",
     [old("a", "n1", LOW, LARGE, labels={"app": "f"}), old("b", "n2", MID, LARGE), b.budget("x", {"app": "f"})], "n2", ["b"]),
    ("the least of the highest priorities", new(HIGH, LARGE), "12", [old("a", "n1", MID, LARGE), old("b", "n2", LOW, LARGE)], "n2", ["b"]),
    (
        "the least sum of priorities",
        new(HIGH, ALL),
        "12",
        [old("a", "n1", MID, MEDIUM), old("b", "n1", MID, MEDIUM), old("c", "n2", MID, MEDIUM), old("d", "n2", LOW, MEDIUM)],
        "n2",
        ["c", "d"],
    ),
    (
        "fewest victims",
        new(VERY_HIGH, ALL),
        "12",
        [old("a", "n1", LOW, SMALL), old("b", "n1", LOW, MEDIUM), old("c", "n2", LOW, LARGE)],
        "n2",
        ["c"],
    ),
    ("the latest to start", new(HIGH, LARGE), "123",
     [old("a", "n1", LOW, LARGE, 2), old("b", "n2", LOW, LARGE, 5), old("c", "n3", LOW, LARGE, 3)], "n2", ["b"]),
    # TestPostFilter
    ("nodes that the pod does not accept are not asked", new(HIGH, LARGE, nodeSelector={HOST: "n2"}), "12",
     [old("a", "n1", LOW, LARGE), old("b", "n2", MID, LARGE)], "n2", ["b"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "waiting", "nodes", "there", "node", "victims"), ROWS, ids=[row[0] for row in ROWS])
def test_who_makes_room_and_where(name, waiting, nodes, there, node, victims):
    found = decision(waiting, [f"n{each}" for each in nodes], *there)

    assert (found.nominated, [each.name for each in found.victims]) == (node, victims)
    assert ("preemption: " in found.message) == (not victims)


def test_a_pod_that_keeps_the_others_away_is_preempted():
    # upstream: TestDryRunPreemption "pod with anti-affinity is preempted"
    term = {"labelSelector": {"matchLabels": {"app": "x"}}, "topologyKey": HOST}
    shy = {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}
    there = [old("a", "n1", LOW, SMALL, **shy), old("b", "n1", MID, SMALL)]
    cluster = b.cluster_of(b.node("n1", cpu="500m", memory="500"), *there)
    entry = cluster.entry_of(new(HIGH, SMALL, labels={"app": "x"}))

    found = decide(cluster, entry, 0, 0)

    assert [each.name for each in found.victims] == ["a"]
    assert decide(cluster, entry, 0, 0) == found
    assert sorted(cluster.nodes["n1"].pods) == ["uid-default-a", "uid-default-b"]


def test_spreading_is_restored_by_taking_the_right_pod():
    # upstream: TestDryRunPreemption "preemption to resolve pod topology spread filter failure"
    spread = {"maxSkew": 1, "topologyKey": HOST, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"foo": ""}}}
    there = [old(name, "n1", LOW, SMALL, labels={"foo": ""}) for name in ("a1", "a2")]
    there.append(old("b1", "n2", HIGH, ALL, labels={"foo": ""}))
    waiting = new(HIGH, SMALL, labels={"foo": ""}, topologySpreadConstraints=[spread])

    found = decision(waiting, ["n1", "n2"], *there)

    assert (found.nominated, [each.name for each in found.victims]) == ("n1", ["a2"])


def test_while_a_victim_ends_no_more_are_taken():
    # upstream: TestPodEligibleToPreemptOthers "victim Pods terminating, feature PodDisruptionConditions is enabled"
    going = old("a", "n1", LOW, LARGE)
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:30Z"
    going["status"]["conditions"] = [{"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}]
    waiting = new(HIGH, LARGE)
    waiting["status"]["nominatedNodeName"] = "n1"

    found = decision(waiting, ["n1", "n2"], going, old("b", "n2", LOW, LARGE))

    assert (found.nominated, found.victims) == (None, ())
    assert found.message == (
        "0/2 nodes are available: 2 Insufficient cpu, 2 Insufficient memory. "
        "preemption: not eligible due to a terminating pod on the nominated node.."
    )


STORY = """
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: high}
value: 1000
---
apiVersion: v1
kind: Pod
metadata: {name: low}
spec:
  terminationGracePeriodSeconds: 5
  containers: [{name: c, image: busybox, command: [sh, -c, "trap '' TERM; while true; do sleep 1; done"], resources: {requests: {cpu: "3"}}}]
"""
URGENT = """
apiVersion: v1
kind: Pod
metadata: {name: urgent}
spec: {priorityClassName: high, containers: [{name: c, image: nginx, resources: {requests: {cpu: "3"}}}]}
"""


def test_a_pod_is_preempted_told_why_and_followed_by_the_urgent_one():
    # upstream: preemption.go prepareCandidate; test/integration/scheduler/preemption/preemption_test.go TestPreemption
    c = kl.Cluster(nodes=1)
    c.apply(STORY)
    c.run("20s")
    c.apply(URGENT)
    c.run("2s")
    low, urgent = c["pod/low"], c["pod/urgent"]

    target = next(each for each in low["status"]["conditions"] if each["type"] == "DisruptionTarget")
    assert (target["status"], target["reason"]) == ("True", "PreemptionByScheduler")
    assert target["message"] == "default-scheduler: preempting to accommodate a higher priority pod"
    _, shown = c.request("GET", "/api/v1/namespaces/default/pods/low")
    assert "KubeScheduler" in [each["manager"] for each in shown["metadata"]["managedFields"]]
    assert low["metadata"]["deletionGracePeriodSeconds"] == 5
    assert urgent["status"]["nominatedNodeName"] == "node-1"
    condition = next(each for each in urgent["status"]["conditions"] if each["type"] == "PodScheduled")
    assert condition["message"] == "0/1 nodes are available: 1 Insufficient cpu."
    [event] = [each for each in c.list("events") if each["reason"] == "Preempted"]
    assert (event["involvedObject"]["name"], event["message"]) == ("low", "Preempted by a pod on node node-1")

    c.run(until="pod/urgent ready", timeout="30s")

    assert [each["metadata"]["name"] for each in c.list("pods")] == ["urgent"]
    assert "nominatedNodeName" not in c["pod/urgent"]["status"]


def test_a_fork_in_the_middle_of_a_preemption_ends_as_the_original_does():
    c = kl.Cluster(nodes=1)
    c.apply(STORY)
    c.run("20s")
    c.apply(URGENT)
    c.run("1s")
    fork = c.fork()

    for each in (c, fork):
        each.run("30s")

    assert [[pod["metadata"]["name"] for pod in each.list("pods") if pod["status"]["phase"] == "Running"] for each in (c, fork)] == [
        ["urgent"],
        ["urgent"],
    ]


def pod_body(name, priority, cpu="100m", labels=None, **spec):
    container = {"name": "c", "image": "nginx", "resources": {"requests": {"cpu": cpu}}}
    meta = {"name": name, "labels": labels or {}}
    body = {"priorityClassName": priority, "terminationGracePeriodSeconds": 0, "containers": [container], **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": body}


def small_cluster(*nodes):
    resources = {"cpu": "500m", "memory": "1Gi", "pods": "32"}
    status = {"capacity": resources, "allocatable": resources}
    c = kl.Cluster(nodes=[{"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "status": status} for name in nodes])
    for name, value in (("low", 100), ("medium", 200), ("high", 300)):
        c.apply({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}, "value": value})
    return c


def left(c):
    return [each["metadata"]["name"] for each in c.list("pods")]


def test_pods_under_a_budget_are_spared_if_others_can_go():
    # upstream: test/integration/scheduler/preemption/preemption_test.go TestPDBInPreemption, 1.28
    c = small_cluster("n1")
    c.apply([pod_body("low-1", "low", labels={"foo": "bar"}), pod_body("low-2", "low", labels={"foo": "bar"}), pod_body("mid", "medium")])
    spec = {"minAvailable": 2, "selector": {"matchLabels": {"foo": "bar"}}}
    c.apply({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "two"}, "spec": spec})
    c.run("30s")

    c.apply(pod_body("urgent", "high", "300m"))
    c.run("10s")

    assert left(c) == ["low-1", "low-2", "urgent"]


CLAIM = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: mine-alone}
spec: {accessModes: [ReadWriteOncePod], resources: {requests: {storage: 1Mi}}}
"""


def test_a_claim_for_one_pod_alone_passes_to_the_urgent_one():
    # upstream: preemption_test.go TestReadWriteOncePodPreemption, 1.28
    c = small_cluster("n1")
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "mine-alone"}}]
    c.apply(CLAIM)
    c.apply(pod_body("first", "low", volumes=volumes))
    c.run("30s")

    c.apply(pod_body("urgent", "high", volumes=volumes))
    c.run("20s")

    assert left(c) == ["urgent"]
    assert c["pod/urgent"]["spec"]["nodeName"] == "n1"
