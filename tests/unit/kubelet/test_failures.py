"""What fails, and how it is tried again: images, configuration, crashes, admission.

upstream: pkg/kubelet/images/image_manager_test.go, kuberuntime_manager.go doBackOff, client-go/util/flowcontrol/backoff_test.go,
pkg/kubelet/lifecycle/predicate_test.go, 1.28.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.kubelet.records import Backoff, next_backoff
from kubelab.world.clock import SECOND
from tests.unit.kubelet.world import Node, container, pod, shell

NO_SUCH_TAG = (
    'rpc error: code = NotFound desc = failed to pull and unpack image "docker.io/library/nginx:1.161": failed to resolve reference '
    '"docker.io/library/nginx:1.161": docker.io/library/nginx:1.161: not found'
)


def reasons(node: Node) -> list[str]:
    """The reported states of the only container, one word each, without repeats."""
    words: list[str] = []
    for patch in node.patches():
        for status in patch.get("containerStatuses", ()):
            ((kind, state),) = status["state"].items()
            word = state.get("reason") or kind
            if not words or words[-1] != word:
                words.append(word)
    return words


def test_an_image_that_does_not_exist_is_tried_with_growing_pauses() -> None:
    # image_manager_test.go: "pull failed image, backed off"
    node = Node()
    node.start(pod(container(image="nginx:1.161")))
    node.run("5s")
    assert node.events()[:5] == [
        ("Pulling", 'Pulling image "nginx:1.161"'),
        ("Failed", f'Failed to pull image "nginx:1.161": {NO_SUCH_TAG}'),
        ("Failed", "Error: ErrImagePull"),
        ("BackOff", 'Back-off pulling image "nginx:1.161"'),
        ("Failed", "Error: ImagePullBackOff"),
    ]
    assert node.state()["state"]["waiting"] == {"reason": "ErrImagePull", "message": NO_SUCH_TAG}
    node.run("65s")
    assert reasons(node)[:4] == ["ContainerCreating", "ErrImagePull", "ImagePullBackOff", "ErrImagePull"]
    assert node.status()["phase"] == "Pending"


def test_an_image_that_cannot_be_named_is_never_pulled() -> None:
    node = Node()
    node.start(pod(container(image="Nginx:1")))
    node.run("2s")
    assert node.state()["state"]["waiting"]["reason"] == "InvalidImageName"
    message = 'Failed to apply default image tag "Nginx:1": couldn\'t parse image name "Nginx:1": '
    assert node.events("InspectFailed")[0][1].startswith(message)
    assert ("Failed", "Error: InvalidImageName") in node.events()


def test_policy_never_needs_the_image_on_the_node() -> None:
    # image_manager_test.go: "it is not present and pull policy is Never"
    node = Node()
    node.start(pod(container(imagePullPolicy="Never")))
    node.run("2s")
    message = 'Container image "nginx:1.25" is not present with pull policy of Never'
    assert node.state()["state"]["waiting"] == {"reason": "ErrImageNeverPull", "message": message}
    assert node.events()[:2] == [("ErrImageNeverPull", message), ("Failed", "Error: ErrImageNeverPull")]


def test_policy_always_asks_the_registry_each_time() -> None:
    node = Node()
    node.start(pod(container(imagePullPolicy="Always"), name="one"))
    node.run("10s")
    node.start(pod(container(imagePullPolicy="Always"), name="two"))
    node.run("10s")
    assert ("Pulled", 'Successfully pulled image "nginx:1.25" in 800ms (800ms including waiting)') in node.events()


@pytest.mark.parametrize("entry", ["nginx:1.25", "nginx", "docker.io/library/nginx:1.25"])
def test_a_broken_registry_fails_the_pull(entry: str) -> None:
    node = Node()
    node.engine.machines[""]["broken_images"] = {entry: "fault"}
    node.start(pod())
    node.run("5s")
    assert node.state()["state"]["waiting"]["reason"] == "ErrImagePull"
    node.engine.machines[""]["broken_images"].clear()
    node.run("60s")
    assert node.status()["phase"] == "Running"


def test_a_missing_config_map_is_waited_for() -> None:
    node = Node()
    reference = {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "x", "key": "k"}}}
    node.start(pod(container(env=[reference])))
    node.run("5s")
    assert node.state()["state"]["waiting"] == {"reason": "CreateContainerConfigError", "message": 'configmap "x" not found'}
    assert ("Failed", 'Error: configmap "x" not found') in node.events()
    node.create("configmaps", {"metadata": {"name": "x", "namespace": "default"}, "data": {"k": "v"}})
    node.run("20s")
    assert node.status()["phase"] == "Running"


def test_a_crashing_container_restarts_at_once_and_then_backs_off() -> None:
    node = Node()
    node.start(pod(shell("sleep 1; exit 3")))
    node.run("6s")
    assert node.state()["restartCount"] == 1
    node.run("90s")
    pod_name = f"web_default({node.pod()['metadata']['uid']})"  # type: ignore[index]
    assert ("BackOff", f"Back-off restarting failed container c in pod {pod_name}") in node.events()
    assert reasons(node)[:6] == ["ContainerCreating", "running", "Error", "running", "Error", "CrashLoopBackOff"]
    waiting = [
        status["state"]["waiting"]
        for patch in node.patches()
        for status in patch.get("containerStatuses", ())
        if "waiting" in status["state"]
    ]
    messages = [state["message"] for state in waiting if state["reason"] == "CrashLoopBackOff"]
    assert messages[:2] == [f"back-off {delay} restarting failed container=c pod={pod_name}" for delay in ("10s", "20s")]


def test_a_restart_keeps_the_last_end_in_sight() -> None:
    node = Node()
    node.start(pod(shell("sleep 1; exit 3")))
    node.run("4500ms")
    status = node.state()
    assert "running" in status["state"]
    assert status["lastState"]["terminated"]["exitCode"] == 3


def test_exit_0_under_always_is_restarted_alike() -> None:
    node = Node()
    node.start(pod(shell("exit 0")))
    node.run("60s")
    assert node.state()["restartCount"] >= 2
    assert "CrashLoopBackOff" in reasons(node)


def test_back_off_doubles_up_to_five_minutes_and_is_forgotten_after_ten() -> None:
    # backoff_test.go TestSlowBackoff, TestBackoffReset; first restart immediate: no entry, no back-off
    delays, known, now = [], None, 0
    for _ in range(7):
        known = next_backoff(known, now, now)
        delays.append(known.delay_ns // SECOND)
        now += 1
    assert delays == [10, 20, 40, 80, 160, 300, 300]
    later = now + 601 * SECOND
    assert next_backoff(known, later, later).delay_ns == 10 * SECOND


@pytest.mark.parametrize(
    ("since", "now", "expected"),
    [(0, 9, True), (0, 10, False), (5, 14, True), (5, 15, False), (700, 705, False)],
)
def test_back_off_counts_from_the_end_of_the_container(since: int, now: int, expected: bool) -> None:
    assert Backoff(10 * SECOND, 0).active_since(since * SECOND, now * SECOND) is expected


OUT_OF = "Node didn't have enough resource: {}, requested: {}, used: 0, capacity: {}"
REFUSALS: list[tuple[dict[str, Any], str, str]] = [
    ({"requests": {"cpu": "5"}}, "OutOfcpu", OUT_OF.format("cpu", 5000, 4000)),
    ({"requests": {"memory": "17Gi"}}, "OutOfmemory", OUT_OF.format("memory", 17 << 30, 16 << 30)),
]


@pytest.mark.parametrize(("resources", "reason", "message"), REFUSALS)
def test_a_pod_that_does_not_fit_is_rejected_for_good(resources: dict[str, Any], reason: str, message: str) -> None:
    node = Node()
    node.start(pod(container(resources=resources)))
    node.run("5s")
    assert (node.status()["phase"], node.status()["reason"]) == ("Failed", reason)
    assert node.status()["message"] == f"Pod was rejected: {message}"
    assert node.events(reason) == [(reason, message)]
    assert len(node.patches()) == 1


def test_an_extended_resource_of_the_node_can_run_out_and_one_unknown_to_it_is_no_hindrance() -> None:
    # upstream: pkg/kubelet/lifecycle/predicate_test.go TestRemoveMissingExtendedResources; predicate.go Admit, 1.28
    node = Node()
    [known] = node.engine.store.head.all("nodes").values()
    allocatable = {**known["status"]["allocatable"], "example.com/gpu": "3"}
    node.ask("update", "nodes", "n0", {**known, "status": {**known["status"], "allocatable": allocatable}}, "")
    request = {"requests": {"example.com/gpu": "2", "example.com/other": "5"}, "limits": {}}
    node.start(pod(container(resources=request), name="one"), pod(container(resources=request), name="two"))
    node.run("5s")
    assert node.status("one")["phase"] == "Running"
    assert node.status("two")["reason"] == "OutOfexample.com/gpu"
    words = "Node didn't have enough resource: example.com/gpu, requested: 2, used: 2, capacity: 3"
    assert node.status("two")["message"] == f"Pod was rejected: {words}"


def test_a_pod_labelled_for_another_system_is_rejected() -> None:
    # upstream: pkg/kubelet/lifecycle/predicate_test.go TestRejectPodAdmissionBasedOnOSSelector, 1.28
    node = Node()
    wanted = pod()
    node.start({**wanted, "metadata": {**wanted["metadata"], "labels": {"kubernetes.io/os": "windows"}}})
    node.run("2s")
    assert node.status()["reason"] == "PodOSSelectorNodeLabelDoesNotMatch"


def test_what_ended_pods_held_is_free_again() -> None:
    node = Node()
    request = {"requests": {"cpu": "3"}}
    node.start(pod(shell("exit 0", resources=request), name="one", restartPolicy="Never"))
    node.run("10s")
    node.start(pod(container(resources=request), name="two"))
    node.run("10s")
    node.start(pod(container(resources=request), name="three"))
    node.run("10s")
    assert [node.status(name)["phase"] for name in ("one", "two", "three")] == ["Succeeded", "Running", "Failed"]


PLACEMENTS: list[tuple[dict[str, Any], str]] = [
    ({"nodeSelector": {"disk": "ssd"}}, "NodeAffinity"),
    ({"containers": [container(ports=[{"containerPort": 80, "hostPort": 8080}])]}, "NodePorts"),
]


@pytest.mark.parametrize(("spec", "reason"), PLACEMENTS)
def test_a_pod_that_does_not_belong_there_is_rejected(spec: dict[str, Any], reason: str) -> None:
    node = Node()
    node.start(pod(container(ports=[{"containerPort": 80, "hostPort": 8080}]), name="first"))
    node.run("1s")
    wanted = pod()
    node.start({**wanted, "spec": {**wanted["spec"], **spec}})
    node.run("1s")
    assert (node.status()["reason"], node.status()["message"]) == (reason, f"Pod was rejected: Predicate {reason} failed")


def test_a_secret_to_pull_with_that_is_not_there_is_told() -> None:
    # upstream: pkg/kubelet/kubelet_pods_test.go TestGetNonExistentImagePullSecret, 1.28
    node = Node()
    node.create("secrets", {"metadata": {"name": "there", "namespace": "default"}})
    node.run("1s")
    node.start(pod(imagePullSecrets=[{"name": "secretFoo"}, {"name": "there"}, {"name": ""}, {}]))
    node.run("10s")
    words = "Unable to retrieve some image pull secrets (secretFoo); attempting to pull the image may not succeed."
    assert node.events("FailedToRetrieveImagePullSecret")[0] == ("FailedToRetrieveImagePullSecret", words)
    assert node.status()["phase"] == "Running"
    told = len(node.events("FailedToRetrieveImagePullSecret"))
    node.run("2m")
    assert len(node.events("FailedToRetrieveImagePullSecret")) == told
