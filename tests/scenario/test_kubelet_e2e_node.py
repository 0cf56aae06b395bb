"""What a kubelet does of pods that fail, end, or outlive it, with the outcomes that upstream's node tests expect.

upstream: test/e2e_node/{restart,deleted_pods,pods_lifecycle_termination,oomkiller_linux,terminate_pods,pod_conditions,garbage_collector}_test.go,
1.28.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import kubelab as kl

Object = dict[str, Any]
Make = Callable[..., kl.Cluster]
FINALIZER = "example.com/test-finalizer"


def pod(name: str, script: str = "sleep 1d", *, image: str = "busybox:1.36", finalizers: tuple[str, ...] = (), **spec: Any) -> Object:
    container = {"name": "c", "image": image, "resources": spec.pop("resources", {})}
    if script:
        container["command"] = ["sh", "-c", script]
    container |= spec.pop("container", {})
    meta = {"name": name, "labels": {"app": name}, **({"finalizers": list(finalizers)} if finalizers else {})}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": [container], **spec}}


def restart_kubelet(cluster: kl.Cluster, down: str = "20s") -> None:
    cluster.fault("ComponentCrash", components=["kubelet/node-1"], duration=down)
    cluster.run(down).run("1s")


def phase(cluster: kl.Cluster, name: str) -> tuple[str, str]:
    status = cluster[f"pod/{name}"]["status"]
    return status["phase"], status.get("reason", "")


def is_gone(cluster: kl.Cluster, name: str) -> bool:
    try:
        cluster.get("pod", name)
    except kl.ApiError as error:
        return error.code == 404
    return False


# -- restart_test.go ------------------------------------------------------------------------------------------------------------
def test_terminated_pods_are_accounted_for_correctly_after_a_restart(make: Make) -> None:
    cluster = make(1, seed=3)
    never = {"resources": {"limits": {"cpu": "950m"}}, "restartPolicy": "Never"}
    cluster.apply([pod(f"never-{number}", "echo hi", **never) for number in range(4)])
    cluster.run("30s")
    assert {phase(cluster, f"never-{number}")[0] for number in range(4)} == {"Succeeded"}
    cluster.apply([pod(f"always-{number}", resources={"limits": {"cpu": "1"}}) for number in range(3)])
    cluster.run("30s")
    restart_kubelet(cluster)
    cluster.run("2m")
    assert {phase(cluster, f"never-{number}")[0] for number in range(4)} == {"Succeeded"}
    for number in range(3):
        assert cluster[f"pod/always-{number}"]["status"]["containerStatuses"][0]["restartCount"] == 0
        assert phase(cluster, f"always-{number}") == ("Running", "")


def test_a_terminal_pod_that_is_being_deleted_goes_after_a_restart(make: Make) -> None:
    cluster = make(1, seed=3)
    cluster.create(pod("p", "trap 'exit 0' TERM; while true; do sleep 1; done", restartPolicy="Never", finalizers=(FINALIZER,)))
    cluster.run("20s").delete("pod/p")
    cluster.run(until=lambda c: phase(c, "p")[0] == "Succeeded", timeout="1m")
    restart_kubelet(cluster)
    cluster.patch("pod/p", {"metadata": {"finalizers": None}})
    cluster.run("30s")
    assert is_gone(cluster, "p")


NOWHERE = {"nodeName": "node-1", "nodeSelector": {"this-label": "does-not-exist-on-any-nodes"}}


def test_a_pod_that_cannot_be_admitted_created_and_deleted_during_a_restart_goes(make: Make) -> None:
    cluster = make(1, seed=3)
    cluster.fault("ComponentCrash", components=["kubelet/node-1"], duration="20s")
    cluster.run("1s")
    cluster.create(pod("p", **NOWHERE))
    cluster.delete("pod/p")
    cluster.run("10s")
    assert not is_gone(cluster, "p")
    cluster.run("30s")
    assert is_gone(cluster, "p")


def labelled(make: Make) -> kl.Cluster:
    cluster = make(1, seed=3)
    cluster.patch("node/node-1", {"metadata": {"labels": {"disk": "ssd"}}})
    cluster.create(pod("p", nodeName="node-1", nodeSelector={"disk": "ssd"}))
    cluster.run("30s")
    assert phase(cluster, "p") == ("Running", "")
    return cluster


def test_a_pod_that_ran_and_cannot_be_admitted_any_more_goes_when_deleted(make: Make) -> None:
    cluster = labelled(make)
    cluster.fault("ComponentCrash", components=["kubelet/node-1"], duration="20s")
    cluster.run("1s").delete("pod/p")
    cluster.patch("node/node-1", {"metadata": {"labels": {"disk": None}}})
    cluster.run("1m30s")
    assert is_gone(cluster, "p")


def test_a_pod_that_ran_and_cannot_be_admitted_any_more_fails_when_the_kubelet_starts_again(make: Make) -> None:
    """upstream: HandlePodAdditions judges every pod that a kubelet sees for the first time; issue 118472."""
    cluster = labelled(make)
    cluster.patch("node/node-1", {"metadata": {"labels": {"disk": None}}})
    cluster.run("1m")
    assert phase(cluster, "p") == ("Running", "")
    restart_kubelet(cluster)
    cluster.run("1m")
    assert phase(cluster, "p") == ("Failed", "NodeAffinity")
    assert cluster["pod/p"]["status"]["message"] == "Pod was rejected: Predicate NodeAffinity failed"
    assert cluster.cri("node-1").list_container_stats() == []


# -- deleted_pods_test.go -------------------------------------------------------------------------------------------------------
def test_a_pod_that_is_deleted_while_pending_fails(make: Make) -> None:
    cluster = make(1, seed=3)
    cluster.create(pod("p", "echo hi", image="nginx:1.161", container={"imagePullPolicy": "Always"}, finalizers=(FINALIZER,)))
    cluster.run("20s").delete("pod/p")
    cluster.run("1m")
    assert phase(cluster, "p")[0] == "Failed"


@pytest.mark.parametrize("policy", ["Always", "OnFailure", "Never"])
@pytest.mark.parametrize(("code", "want"), [(1, "Failed"), (0, "Succeeded")])
def test_a_deleted_pod_has_a_terminal_phase_by_its_exit_codes(make: Make, policy: str, code: int, want: str) -> None:
    cluster = make(1, seed=3)
    script = f"trap 'exit {code}' TERM; while true; do sleep 1; done"
    cluster.create(pod("p", script, restartPolicy=policy, finalizers=(FINALIZER,)))
    cluster.run("20s").delete("pod/p")
    cluster.run("1m")
    assert phase(cluster, "p")[0] == want


# -- pods_lifecycle_termination_test.go, oomkiller_linux_test.go -----------------------------------------------------------------
def test_who_is_killed_has_code_137_and_reason_error(make: Make) -> None:
    cluster = make(1, seed=3)
    stubborn = pod("p", "trap '' TERM; while true; do sleep 1; done", finalizers=(FINALIZER,))
    stubborn["spec"] |= {"restartPolicy": "Never", "terminationGracePeriodSeconds": 5}
    cluster.create(stubborn)
    cluster.run("20s").delete("pod/p")
    cluster.run("20s")
    ended = cluster["pod/p"]["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (137, "Error")


@pytest.mark.parametrize("place", ["containers", "initContainers"])
def test_who_runs_out_of_memory_has_reason_oom_killed(make: Make, place: str) -> None:
    cluster = make(1, seed=3)
    hungry = {"name": "hungry", "image": "busybox:1.36", "command": ["sh", "-c", "sleep 1d"], "resources": {"limits": {"memory": "15Mi"}}}
    spec = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox:1.36"}], place: [hungry]}
    cluster.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "labels": {"app": "p"}}, "spec": spec})
    cluster.create({"apiVersion": "lab.kubelab.dev/v1", "kind": "Usage", "metadata": {"name": "u"},
                    "spec": {"selector": {"matchLabels": {"app": "p"}}, "container": "hungry",
                             "memory": {"ramp": {"from": "5Mi", "to": "20Mi", "over": "5s"}}}})  # fmt: skip
    cluster.run("1m")
    assert phase(cluster, "p")[0] == "Failed"
    statuses = cluster["pod/p"]["status"]["containerStatuses" if place == "containers" else "initContainerStatuses"]
    assert (statuses[0]["state"]["terminated"]["exitCode"], statuses[0]["state"]["terminated"]["reason"]) == (137, "OOMKilled")


# -- terminate_pods_test.go, pod_conditions_test.go -----------------------------------------------------------------------------
def without(kind: str, *, init: bool = False) -> Object:
    found = pod("p", volumes=[{"name": "v", kind: {"name": "no"} if kind == "configMap" else {"secretName": "no"}}])
    found["spec"]["containers"][0]["volumeMounts"] = [{"name": "v", "mountPath": "/v"}]
    if init:
        found["spec"]["initContainers"] = [{"name": "i", "image": "busybox:1.36", "command": ["sh", "-c", "sleep 5s"]}]
    return found


def test_a_pod_with_a_volume_that_there_is_not_terminates_at_once(make: Make) -> None:
    cluster = make(1, seed=3)
    cluster.create(without("secret"))
    cluster.run("20s").delete("pod/p")
    cluster.run("10s")
    assert is_gone(cluster, "p")


def conditions(cluster: kl.Cluster) -> dict[str, tuple[str, str]]:
    return {each["type"]: (each["status"], each["lastTransitionTime"]) for each in cluster["pod/p"]["status"]["conditions"]}


@pytest.mark.parametrize("init", [False, True])
def test_conditions_of_a_pod_whose_volumes_cannot_be_mounted(make: Make, init: bool) -> None:
    cluster = make(1, seed=3)
    cluster.create(without("configMap", init=init))
    cluster.run("1m")
    assert any(event["reason"] == "FailedMount" for event in cluster.list("events"))
    found = {kind: status for kind, (status, _) in conditions(cluster).items()}
    assert found == {"Initialized": "False" if init else "True", "Ready": "False", "ContainersReady": "False", "PodScheduled": "True"}


@pytest.mark.parametrize("init", [False, True])
def test_conditions_come_true_in_turn(make: Make, init: bool) -> None:
    cluster = make(1, seed=3)
    spec = pod("p", image="nginx:1.25", script="")
    if init:
        spec["spec"]["initContainers"] = [{"name": "i", "image": "busybox:1.36", "command": ["sh", "-c", "sleep 5s"]}]
    cluster.create(spec)
    cluster.run(until="pod/p ready", timeout="1m")
    found = conditions(cluster)
    assert {status for status, _ in found.values()} == {"True"}
    times = [found[kind][1] for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")]
    assert times == sorted(times)


# -- garbage_collector_test.go --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("pods", "restarts"), [([1], 0), ([4], 4), ([4, 6, 5], 3)])
def test_dead_containers_are_collected(make: Make, pods: list[int], restarts: int) -> None:
    """One copy of each dead container stays beside the one that runs; when its pod is gone, none does."""
    cluster = make(1, seed=3)
    script = "sleep 1; exit 1" if restarts else "sleep 1d"
    for number, count in enumerate(pods):
        several = [{"name": f"c{at}", "image": "busybox:1.36", "command": ["sh", "-c", script]} for at in range(count)]
        cluster.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"p{number}"}, "spec": {"containers": several}})
    cluster.run("3m")
    listed = cluster.cri("node-1").list_containers()
    names = [(each["labels"]["io.kubernetes.pod.name"], each["metadata"]["name"]) for each in listed]
    assert max(names.count(name) for name in names) <= 2
    statuses = [each for number in range(len(pods)) for each in cluster[f"pod/p{number}"]["status"]["containerStatuses"]]
    assert all(each["restartCount"] >= restarts for each in statuses)
    for number in range(len(pods)):
        cluster.delete(f"pod/p{number}")
    cluster.run("2m")
    assert cluster.cri("node-1").list_containers() == []


def test_a_sandbox_goes_with_the_last_container_that_ran_in_it(make: Make) -> None:
    """upstream: pkg/kubelet/kuberuntime/kuberuntime_gc_test.go TestSandboxGC: one that is not ready stays as long as it has containers."""
    cluster = make(1, seed=3)
    cluster.create(pod("p", "sleep 30; exit 1"))
    cluster.run("20s")
    cluster.fault("NodeCrash", nodes=["node-1"], duration="10s")
    cluster.run("30s")
    sandboxes = cluster.cri("node-1").list_pod_sandbox()
    assert sorted(each["metadata"]["attempt"] for each in sandboxes) == [0, 1]
    assert [event["reason"] for event in cluster.list("events")].count("SandboxChanged") == 1
    cluster.run("3m")
    assert [each["metadata"]["attempt"] for each in cluster.cri("node-1").list_pod_sandbox()] == [1]
