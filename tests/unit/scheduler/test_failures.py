"""Why a pod fits nowhere, word for word."""

from __future__ import annotations

import pytest

from kubelab.scheduler.cycles import UNFIT
from kubelab.scheduler.failure import condition_patch, failed_event, fit_message
from kubelab.scheduler.framework import Status
from tests.unit.scheduler import builders as b

NO_VICTIMS = " preemption: 0/{n} nodes are available: {n} No preemption victims found for incoming pod.."
NOT_HELPFUL = " preemption: 0/{n} nodes are available: {n} Preemption is not helpful for scheduling.."

ZONE = "topology.kubernetes.io/zone"
HOST = "kubernetes.io/hostname"


def term(app, key=ZONE):
    return {"labelSelector": {"matchLabels": {"app": app}}, "topologyKey": key}


def needs(kind, *terms):
    return {"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": list(terms)}}}


def pinned(*names):
    field = {"key": "metadata.name", "operator": "In", "values": list(names)}
    selector = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": selector}}}


def spread(key=ZONE, **more):
    selector = {"matchLabels": {"app": "a"}}
    return {
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": selector, **more}
        ]
    }


def claims(*names):
    return {"volumes": [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in names]}


# spec/scheduler-kubelet.md section 2; upstream: the plug-ins' ErrReason constants, framework/types.go FitError, 1.28
ROWS = [
    ("cordoned", [b.node("n1", cordoned=True)], {}, "0/1 nodes are available: 1 node(s) were unschedulable." + NOT_HELPFUL.format(n=1)),
    (
        "cordoned and tainted: the flag speaks",
        [b.node("n1", cordoned=True, taints=[("node.kubernetes.io/unschedulable", "", "NoSchedule")])],
        {},
        "0/1 nodes are available: 1 node(s) were unschedulable." + NOT_HELPFUL.format(n=1),
    ),
    (
        "taint without value",
        [b.node("n1", taints=[("key", "", "NoSchedule")])],
        {},
        "0/1 nodes are available: 1 node(s) had untolerated taint {key: }." + NOT_HELPFUL.format(n=1),
    ),
    (
        "the first untolerated taint counts",
        [b.node("n1", taints=[("a", "1", "PreferNoSchedule"), ("b", "2", "NoExecute"), ("c", "3", "NoSchedule")])],
        {},
        "0/1 nodes are available: 1 node(s) had untolerated taint {b: 2}." + NOT_HELPFUL.format(n=1),
    ),
    (
        "selector",
        [b.node("n1"), b.node("n2")],
        {"nodeSelector": {"disk": "ssd"}},
        "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector." + NOT_HELPFUL.format(n=2),
    ),
    (
        "port",
        [b.node("n1"), b.pod("old", node="n1", port=80)],
        {"port": 80},
        "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports." + NO_VICTIMS.format(n=1),
    ),
    (
        "all missing resources of a node count",
        [b.node("n1", cpu="1", memory="1Gi", pods="1"), b.pod("old", node="n1")],
        {"cpu": "2", "memory": "2Gi", "requests": {"example.com/gpu": "1"}},
        "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient example.com/gpu, 1 Insufficient memory, 1 Too many pods."
        + NO_VICTIMS.format(n=1),
    ),
    (
        "counts are sorted as strings",
        [*(b.node(f"n{at}", cpu="1") for at in range(10)), *(b.node(f"m{at}", cordoned=True) for at in range(2))],
        {"cpu": "2"},
        "0/12 nodes are available: 10 Insufficient cpu, 2 node(s) were unschedulable. preemption: 0/12 nodes are available: "
        "10 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling..",
    ),
    (
        "a pinned pod: one node speaks, preemption asks all",
        [b.node("n1", cpu="1"), b.node("n2"), b.node("n3")],
        {"cpu": "2", **pinned("n1")},
        "0/3 nodes are available: 1 Insufficient cpu." + NO_VICTIMS.format(n=3),
    ),
    (
        "terms that exclude each other",
        [b.node("n1"), b.node("n2")],
        {
            "affinity": {
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [
                            {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [name]} for name in ("n1", "n2")]}
                        ]
                    }
                }
            }
        },
        "0/2 nodes are available: pod affinity terms conflict." + NOT_HELPFUL.format(n=2),
    ),
    (
        "affinity",
        [b.node("n1", zone="a")],
        needs("podAffinity", term("db")),
        "0/1 nodes are available: 1 node(s) didn't match pod affinity rules." + NOT_HELPFUL.format(n=1),
    ),
    (
        "anti-affinity",
        [b.node("n1", zone="a"), b.pod("old", node="n1", labels={"app": "db"})],
        needs("podAntiAffinity", term("db")),
        "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules." + NO_VICTIMS.format(n=1),
    ),
    (
        "anti-affinity of a present pod",
        [b.node("n1", zone="a"), b.pod("old", node="n1", **needs("podAntiAffinity", term("a")))],
        {},
        "0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules." + NO_VICTIMS.format(n=1),
    ),
    (
        "spread, and a node that lacks the label",
        [b.node("n1", zone="x"), b.node("n2", zone="y", cordoned=True), b.node("n3"), b.pod("old", node="n1", labels={"app": "a"})],
        spread(),
        "0/3 nodes are available: 1 node(s) didn't match pod topology spread constraints, 1 node(s) didn't match pod topology spread "
        "constraints (missing required label), 1 node(s) were unschedulable. preemption: 0/3 nodes are available: 1 No preemption victims "
        "found for incoming pod, 2 Preemption is not helpful for scheduling..",
    ),
    (
        "too few domains",
        [b.node("n1", zone="x"), b.pod("old", node="n1", labels={"app": "a"})],
        spread(minDomains=2),
        "0/1 nodes are available: 1 node(s) didn't match pod topology spread constraints." + NO_VICTIMS.format(n=1),
    ),
    (
        "missing claim",
        [b.node("n1")],
        claims("data"),
        '0/1 nodes are available: persistentvolumeclaim "data" not found.' + NOT_HELPFUL.format(n=1),
    ),
    (
        "unbound immediate claim",
        [b.node("n1"), b.claim("data", storage_class="fast"), b.storage_class("fast", mode="Immediate")],
        claims("data"),
        "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims." + NOT_HELPFUL.format(n=1),
    ),
    (
        "bound volume elsewhere",
        [b.node("n1"), b.node("n2"), b.claim("data", volume="v"), b.volume("v", hosts=["n3"]), b.node("n3", cordoned=True)],
        claims("data"),
        "0/3 nodes are available: 1 node(s) were unschedulable. preemption: 0/3 nodes are available: "
        "1 Preemption is not helpful for scheduling, 2 No preemption victims found for incoming pod..",
    ),
    (
        "pinned away from its volume",
        [b.node("n1"), b.node("n2"), b.claim("data", volume="v"), b.volume("v", hosts=["n2"])],
        {**claims("data"), **pinned("n1")},
        "0/2 nodes are available: node(s) didn't satisfy plugin(s) [NodeAffinity VolumeBinding] simultaneously." + NO_VICTIMS.format(n=2),
    ),
    (
        "volumes on different nodes",
        [
            b.node("n1"),
            b.node("n2"),
            *(b.claim(name, volume=f"v{name}") for name in "ab"),
            b.volume("va", hosts=["n1"]),
            b.volume("vb", hosts=["n2"]),
        ],
        claims("a", "b"),
        "0/2 nodes are available: node(s) didn't satisfy plugin VolumeBinding." + NO_VICTIMS.format(n=2),
    ),
    (
        "volume of another zone",
        [b.node("n1", zone="a"), b.claim("data", volume="v"), b.volume("v", zone="b")],
        claims("data"),
        "0/1 nodes are available: 1 node(s) had no available volume zone." + NOT_HELPFUL.format(n=1),
    ),
    (
        "no volume to bind",
        [b.node("n1"), b.claim("data", storage_class="local"), b.storage_class("local", provisioner="kubernetes.io/no-provisioner")],
        claims("data"),
        "0/1 nodes are available: 1 node(s) didn't find available persistent volumes to bind." + NOT_HELPFUL.format(n=1),
    ),
    (
        "claim for one pod only",
        [
            b.node("n1"),
            b.claim("data", volume="v", modes=("ReadWriteOncePod",)),
            b.volume("v"),
            b.pod("old", node="n1", **claims("data")),
        ],
        claims("data"),
        "0/1 nodes are available: 1 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode."
        + NO_VICTIMS.format(n=1),
    ),
    (
        "a pod that must not preempt",
        [b.node("n1", cpu="1")],
        {"cpu": "2", "preemptionPolicy": "Never"},
        "0/1 nodes are available: 1 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never..",
    ),
    (
        "victims would not be enough: the filter speaks again",
        [b.node("n1", cpu="1"), b.pod("old", node="n1", cpu="1")],
        {"cpu": "2", "priority": 10},
        "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 Insufficient cpu..",
    ),
]


@pytest.mark.parametrize(("name", "objects", "wants", "message"), ROWS, ids=[row[0] for row in ROWS])
def test_message(name, objects, wants, message):
    decision = b.place(b.pod("new", labels={"app": "a"}, **wants), *objects)

    assert (decision.node, decision.message) == ("", message)


def test_no_nodes():
    decision = b.place(b.pod("new"))

    assert (decision.reason, decision.message) == ("Unschedulable", "no nodes available to schedule pods")


def test_a_pod_pinned_to_a_node_that_is_not_there_is_an_error_of_the_scheduler():
    # upstream: internal/cache/snapshot.go Get, schedule_one.go findNodesThatFitPod, 1.28
    decision = b.place(b.pod("new", **pinned("gone")), b.node("n1"))

    assert (decision.reason, decision.message) == ("SchedulerError", 'nodeinfo not found for node name "gone"')


def test_the_event_is_cut_the_condition_is_not():
    long = fit_message(3, [Status("p", (f"reason {'x' * 2000}",))])
    event = failed_event({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "a", "uid": "u", "resourceVersion": "1"}}, long)

    assert len(event.message) == 1024
    assert event.message.endswith(" ...")


def patched(conditions, message="m", now="2026-01-01T00:00:09Z", **status):
    waiting = b.pod("web")
    waiting["status"] = {"conditions": conditions, **status}
    call = condition_patch(waiting, "Unschedulable", message, now, UNFIT("pod/web", message=message))
    return call and call.body["status"]


OLD = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "m",
    "lastProbeTime": None,
    "lastTransitionTime": "2026-01-01T00:00:01Z",
}


# upstream: schedule_one_test.go TestUpdatePod, 1.28
def test_the_first_failure_adds_the_condition():
    new = {**OLD, "lastTransitionTime": "2026-01-01T00:00:09Z"}
    other = {"type": "other", "status": "True"}

    assert patched([]) == {"conditions": [new]}
    assert patched([other]) == {"$setElementOrder/conditions": [{"type": "other"}, {"type": "PodScheduled"}], "conditions": [new]}


def test_the_same_failure_again_is_not_patched():
    assert patched([OLD]) is None


def test_another_message_is_patched_alone_and_the_transition_time_stays():
    assert patched([OLD], message="other") == {
        "$setElementOrder/conditions": [{"type": "PodScheduled"}],
        "conditions": [{"type": "PodScheduled", "message": "other"}],
    }


def test_a_nomination_is_taken_back():
    assert patched([OLD], nominatedNodeName="n1") == {"nominatedNodeName": None}
