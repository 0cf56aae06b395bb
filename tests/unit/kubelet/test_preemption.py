"""Critical pods make room for themselves at their admission.

upstream: pkg/kubelet/preemption/preemption_test.go, pkg/kubelet/types/pod_update_test.go, pkg/kubelet/lifecycle/predicate_test.go, 1.28.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.engine.plan import Nudge
from kubelab.kubelet import static_pods
from kubelab.kubelet.pod.preemption import NoVictims, Preempting, Requirements, Turn, distance, plan, preemptable, victims, without
from kubelab.world.clock import SECOND
from tests.unit.kubelet import test_plans as plans
from tests.unit.kubelet.world import Node, container, pod, shell

Object = dict[str, Any]
MIB = 1024**2


def made(name: str, size: int = 0, *, guaranteed: bool = False, priority: int | None = None, **annotations: str) -> Object:
    both = {"cpu": f"{size}m", "memory": f"{size}Mi"}
    resources = ({"requests": both, "limits": both} if guaranteed else {"requests": both}) if size else {}
    spec = {"containers": [{"name": f"{name}-container", "resources": resources}]}
    if priority is not None:
        spec["priority"] = priority
    return {"metadata": {"name": name, "uid": name, "annotations": annotations}, "spec": spec}


PODS = {
    each["metadata"]["name"]: each
    for each in (
        made("tiny", 1),
        made("best-effort"),
        made("cluster-critical", 100, priority=2_000_000_000),
        made("node-critical", 100, priority=2_000_000_100),
        made("burstable", 100),
        made("high-request-burstable", 300),
        made("guaranteed", 100, guaranteed=True),
        made("high-request-guaranteed", 300, guaranteed=True),
    )
}
ALL = "best-effort burstable high-request-burstable guaranteed high-request-guaranteed"
SIX = f"cluster-critical {ALL}"


def short(cpu: int, memory: int, pods: int) -> Requirements:
    wanted = (("cpu", cpu), ("memory", memory * MIB), ("pods", pods))
    return tuple((resource, amount) for resource, amount in wanted if amount)


@pytest.mark.parametrize(("preemptor", "pods", "lacking", "want"), [
    # upstream: TestGetPodsToPreempt
    ("cluster-critical", "", (0, 0, 0), ""),
    ("cluster-critical", "", (0, 0, 1), None),
    ("cluster-critical", "burstable", (100, 100, 1), "burstable"),
    ("cluster-critical", "burstable", (200, 200, 2), None),
    ("cluster-critical", "burstable best-effort", (0, 0, 1), "best-effort"),
    ("cluster-critical", "burstable guaranteed", (0, 0, 1), "burstable"),
    ("cluster-critical", "best-effort high-request-burstable burstable", (100, 100, 0), "burstable"),
    ("cluster-critical", "best-effort burstable high-request-burstable", (150, 150, 0), "high-request-burstable"),
    ("cluster-critical", ALL, (350, 350, 0), "high-request-burstable burstable"),
    ("cluster-critical", ALL, (0, 550, 0), "high-request-burstable high-request-guaranteed"),
    ("node-critical", "cluster-critical", (100, 0, 0), "cluster-critical"),
    ("cluster-critical", "node-critical", (100, 0, 0), None),
    # upstream: TestEvictPodsToFreeRequests
    ("cluster-critical", "cluster-critical", (0, 0, 1), None),
    ("cluster-critical", "best-effort", (0, 1, 0), None),
    ("cluster-critical", SIX, (0, 550, 0), "high-request-burstable high-request-guaranteed"),
])  # fmt: skip
def test_who_goes(preemptor: str, pods: str, lacking: tuple[int, int, int], want: str | None) -> None:
    given = [PODS[name] for name in pods.split()]
    if want is None:
        with pytest.raises(NoVictims, match="no set of running pods found to reclaim resources: "):
            victims(PODS[preemptor], given, short(*lacking))
        return
    assert [each["metadata"]["name"] for each in victims(PODS[preemptor], given, short(*lacking))] == want.split()


def test_what_is_left_is_said() -> None:
    """upstream: admissionRequirementList.toString."""
    with pytest.raises(NoVictims) as refused:
        victims(PODS["cluster-critical"], [PODS["burstable"]], short(200, 200, 2))
    assert str(refused.value) == (
        f"no set of running pods found to reclaim resources: [(res: cpu, q: 100), (res: memory, q: {100 * MIB}), (res: pods, q: 1), ]"
    )


@pytest.mark.parametrize(("lacking", "name", "want"), [
    # upstream: TestAdmissionRequirementsDistance
    ((0, 0, 0), "burstable", 0),
    ((100, 100, 1), "best-effort", 2),
    ((100, 100, 1), "burstable", 0),
    ((50, 50, 0), "burstable", 0),
])  # fmt: skip
def test_how_far_a_pod_is_from_what_is_wanted(lacking: tuple[int, int, int], name: str, want: float) -> None:
    assert distance(short(*lacking), PODS[name]) == want


@pytest.mark.parametrize(("lacking", "name", "want"), [
    # upstream: TestAdmissionRequirementsSubtract
    ((0, 0, 0), "burstable", (0, 0, 0)),
    ((100, 100, 1), "best-effort", (100, 100, 0)),
    ((100, 100, 1), "burstable", (0, 0, 0)),
    ((50, 50, 0), "burstable", (0, 0, 0)),
    ((200, 200, 1), "burstable", (100, 100, 0)),
])  # fmt: skip
def test_what_is_left_without_a_pod(lacking: tuple[int, int, int], name: str, want: tuple[int, int, int]) -> None:
    assert without(short(*lacking), [PODS[name]]) == short(*want)


STATIC = {"kubernetes.io/config.source": "file"}
MIRROR = {"kubernetes.io/config.mirror": "h"}
LOW, HIGH = 1, 2_000_000_000


@pytest.mark.parametrize(("preemptor", "preemptee", "want"), [
    # upstream: TestPreemptable
    (made("critical", priority=HIGH), made("non"), True),
    (made("non"), made("critical", priority=HIGH), False),
    (made("critical", priority=HIGH), made("critical", priority=HIGH), False),
    (made("higher", priority=HIGH + 100), made("critical", priority=HIGH), True),
    (made("low", priority=LOW), made("lower", priority=LOW - 1), True),
    (made("static", **STATIC), made("non"), True),
    (made("mirror", **MIRROR), made("non"), True),
    (made("static", **STATIC), made("critical", priority=HIGH), False),
])  # fmt: skip
def test_who_may_preempt_whom(preemptor: Object, preemptee: Object, want: bool) -> None:
    assert preemptable(preemptor, preemptee) is want


# -- stories --------------------------------------------------------------------------------------------------------------------
def asking(name: str, cpu: str, **spec: Any) -> Object:
    return pod(container(resources={"requests": {"cpu": cpu}}), name=name, **{"terminationGracePeriodSeconds": 5, **spec})


def critical(name: str, cpu: str, **spec: Any) -> Object:
    return asking(name, cpu, priority=HIGH, priorityClassName="system-cluster-critical", **spec)


def test_a_critical_pod_is_admitted_when_its_victims_have_ended_one_after_the_other() -> None:
    node = Node()
    node.start(asking("a", "1500m"), asking("b", "1500m"), asking("small", "500m"))
    node.run("1m")
    node.start(critical("dns", "3"))
    node.run("3s")
    assert node.events("Preempting") == [("Preempting", "Preempted in order to admit critical pod")]
    assert node.status("dns")["phase"] == "Pending"
    node.run("1m")
    assert len(node.events("Preempting")) == 2
    gone = node.status("a"), node.status("b")
    assert [(each["phase"], each["reason"], each["message"]) for each in gone] == [
        ("Failed", "Preempting", "Preempted in order to admit critical pod")
    ] * 2
    target = node.condition("DisruptionTarget", "a")
    assert target["reason"] == "TerminationByKubelet"
    assert target["message"] == "Pod was preempted by Kubelet to accommodate a critical pod."
    assert node.status("dns")["phase"] == "Running"
    assert node.status("small")["phase"] == "Running"


def test_a_victim_that_does_not_end_in_time_is_told_and_waited_for_no_longer() -> None:
    """upstream: pkg/kubelet/pod_workers.go killPodNow: half as long again as its grace, at least ten seconds."""
    seen, victim = plans.seen(pod(node="n0")), asking("a", "1", terminationGracePeriodSeconds=30)
    victim = {**victim, "metadata": {**victim["metadata"], "uid": "v", "resourceVersion": "1"}}
    going = Preempting((("pod", "v", "default", "a"),), "cpu")
    begun = plan(seen, Turn(going, victim, number=3))
    assert begun.note["preempting"] == {"u": going._replace(begun=1, until_ns=seen.now_ns + 45 * SECOND)}
    assert begun.note["preemptions"] == {"cpu": 3}
    late = plan(seen, Turn(begun.note["preempting"]["u"], late=victim))
    assert [(event.reason, event.message) for event in late.events] == [
        ("ExceededGracePeriod", "Container runtime did not kill the pod within specified grace period.")
    ]
    assert late.note["preempting"]["u"].until_ns == 0
    short_lived = {**victim, "spec": {**victim["spec"], "terminationGracePeriodSeconds": 1}}
    assert plan(seen, Turn(going, short_lived)).again_ns == 10 * SECOND


def test_others_are_not_admitted_meanwhile() -> None:
    node = Node()
    stubborn = shell("trap '' TERM; while true; do sleep 1; done", resources={"requests": {"cpu": "3"}})
    node.start(pod(stubborn, name="a", terminationGracePeriodSeconds=20))
    node.run("1m")
    node.start(critical("dns", "3"))
    node.run("1s")
    node.start(asking("late", "100m"))
    node.run("15s")
    assert "startTime" not in node.status("late")
    node.run("15s")
    assert node.status("dns")["startTime"] <= node.status("late")["startTime"]


def test_nobody_to_preempt_is_an_unexpected_error() -> None:
    node = Node()
    node.start(critical("first", "3"))
    node.run("10s")
    node.start(critical("second", "2"))
    node.run("10s")
    status = node.status("second")
    assert (status["phase"], status["reason"]) == ("Failed", "UnexpectedAdmissionError")
    assert status["message"] == (
        "Pod was rejected: Unexpected error while attempting to recover from admission failure: preemption: error finding a set of pods "
        "to preempt: no set of running pods found to reclaim resources: [(res: cpu, q: 1000), ]"
    )


def test_another_reason_stands_before_what_is_short() -> None:
    """upstream: HandleAdmissionFailure returns only reasons that are not of resources."""
    node = Node()
    node.start(asking("a", "3"))
    node.run("10s")
    node.start(critical("dns", "3", nodeSelector={"disk": "ssd"}))
    node.run("10s")
    assert node.status("dns")["reason"] == "NodeAffinity"
    assert node.events("Preempting") == []


def test_a_static_pod_preempts_too() -> None:
    node = Node()
    node.start(asking("a", "3"))
    node.run("10s")
    manifest = {"metadata": {"name": "etcd", "namespace": "default"}, "spec": {
        "containers": [container(resources={"requests": {"cpu": "2"}})], "restartPolicy": "Always", "terminationGracePeriodSeconds": 5}}  # fmt: skip
    static = static_pods.of_manifest(manifest, "n0", "/etc/kubernetes/manifests/etcd.yaml", node.engine.now_ns)
    node.engine.machines["n0"]["static"] = {("default", "etcd-n0"): static}
    node.engine.nudge(Nudge("kubelet/n0", static_pods.key_of(static)), 0)
    node.run("20s")
    assert node.status("a")["reason"] == "Preempting"


def test_a_static_sidecar_is_forbidden_while_the_gate_is_off() -> None:
    node = Node()
    node.start(pod(initContainers=[container("side", restartPolicy="Always")]))
    node.run("5s")
    status = node.status()
    assert status["reason"] == "InitContainerRestartPolicyForbidden"
    assert status["message"] == 'Pod was rejected: Init container "side" may not have a non-default restartPolicy'


def test_the_critical_pod_of_upstreams_node_tests() -> None:
    """upstream: test/e2e_node/critical_pod_test.go: it asks for all there is; all but the best-effort pod go, and pause exits with 0."""
    node = Node()
    both = {"cpu": "100m", "memory": "100Mi"}

    def plain(name: str, **resources: Any) -> Object:
        return pod(container(image="registry.k8s.io/pause:3.9", resources=resources), name=name)

    node.start(plain("best-effort"), plain("burstable", requests=both), plain("guaranteed", requests=both, limits=both))
    node.run("30s")
    node.start(critical("critical", "4"))
    node.run("3m")
    assert node.status("critical")["phase"] == node.status("best-effort")["phase"] == "Running"
    for name in ("burstable", "guaranteed"):
        assert (node.status(name)["phase"], node.status(name).get("reason")) == ("Succeeded", None)
        assert node.condition("DisruptionTarget", name)["reason"] == "TerminationByKubelet"
