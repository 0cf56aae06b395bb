"""Init containers and hooks with the outcomes that upstream's end-to-end tests expect.

upstream: test/e2e/common/node/{init_container,lifecycle_hook}.go, test/e2e/node/pre_stop.go, 1.28.
"""

from __future__ import annotations

from typing import Any

import kubelab as kl
from tests.builders import container, pod
from tests.scenario.e2e import AGNHOST, PAUSE, conditions, events, is_ready, script, status_of

Object = dict[str, Any]


def init_states(cluster: kl.Cluster, name: str = "p") -> list[Object]:
    return list(cluster[f"pod/{name}"]["status"]["initContainerStatuses"])


def test_they_run_in_turn_and_then_the_pod(cluster: kl.Cluster) -> None:
    """upstream: should invoke init containers on a RestartNever pod; … on a RestartAlways pod."""
    cluster.apply(
        pod("p", script("true", "run1"), initContainers=[script("true", "init1"), script("true", "init2")], restartPolicy="Never")
    )
    cluster.apply(pod("q", container(PAUSE, "run1"), initContainers=[script("true", "init1"), script("true", "init2")]))
    cluster.run("20s")
    assert (cluster["pod/p"]["status"]["phase"], cluster["pod/q"]["status"]["phase"]) == ("Succeeded", "Running")
    for name in ("p", "q"):
        assert conditions(cluster[f"pod/{name}"])["Initialized"][0] == "True"
        assert [(item["state"]["terminated"]["exitCode"], item["ready"]) for item in init_states(cluster, name)] == [(0, True)] * 2


def test_one_that_fails_is_tried_again_and_nothing_after_it_starts(cluster: kl.Cluster) -> None:
    """upstream: should not start app containers if init containers fail on a RestartAlways pod."""
    cluster.apply(pod("p", container(PAUSE, "run1"), initContainers=[script("false", "init1"), script("true", "init2")]))
    cluster.run("1m")
    assert cluster["pod/p"]["status"]["phase"] == "Pending"
    assert conditions(cluster["pod/p"])["Initialized"] == ("False", "ContainersNotInitialized")
    message = next(item["message"] for item in cluster["pod/p"]["status"]["conditions"] if item["type"] == "Initialized")
    assert message == "containers with incomplete status: [init1 init2]"
    first, second = init_states(cluster)
    assert first["restartCount"] >= 3
    assert second["state"]["waiting"]["reason"] == status_of(cluster, "p")["state"]["waiting"]["reason"] == "PodInitializing"


def test_one_that_fails_ends_a_pod_that_never_restarts(cluster: kl.Cluster) -> None:
    """upstream: should not start app containers and fail the pod if init containers fail on a RestartNever pod."""
    cluster.apply(
        pod("p", script("true", "run1"), initContainers=[script("true", "init1"), script("false", "init2")], restartPolicy="Never")
    )
    cluster.run("20s")
    assert cluster["pod/p"]["status"]["phase"] == "Failed"
    message = next(item["message"] for item in cluster["pod/p"]["status"]["conditions"] if item["type"] == "Initialized")
    assert message == "containers with incomplete status: [init2]"
    assert status_of(cluster, "p")["state"]["waiting"]["reason"] == "PodInitializing"


def test_hooks_that_ask_another_pod(cluster: kl.Cluster) -> None:
    """upstream: lifecycle_hook.go should execute poststart http hook properly; should execute prestop http hook properly."""
    cluster.apply(pod("handler", container(AGNHOST, args=["netexec"])))
    cluster.run(until="pod/handler ready")
    get = {"path": "/echo?msg=hook", "host": cluster["pod/handler"]["status"]["podIP"], "port": 8080}
    cluster.apply(pod("p", container(PAUSE, lifecycle={"postStart": {"httpGet": get}, "preStop": {"httpGet": get}})))
    cluster.run(until="pod/p ready")
    cluster.delete("pod/p")
    cluster.run(until="pod/p gone")
    assert [reason for reason in ("FailedPostStartHook", "FailedPreStopHook") if events(cluster, "p", reason)] == []


def test_a_post_start_hook_that_fails_kills_its_container(cluster: kl.Cluster) -> None:
    """upstream: kuberuntime_container.go startContainer, events FailedPostStartHook."""
    cluster.apply(pod("p", container("nginx:1.25", lifecycle={"postStart": {"exec": {"command": ["sh", "-c", "exit 3"]}}})))
    cluster.run("30s")
    assert not is_ready(cluster["pod/p"])
    assert status_of(cluster, "p")["restartCount"] >= 2
    assert events(cluster, "p", "FailedPostStartHook") == ["PostStartHook failed"]


def test_the_pre_stop_hook_uses_up_the_grace(cluster: kl.Cluster) -> None:
    """upstream: test/e2e/node/pre_stop.go graceful pod terminated should wait until preStop hook completes the process."""
    hook = {"preStop": {"exec": {"command": ["/bin/sh", "-c", "date >> /tmp/stop; sleep 15"]}}}
    for grace, least, most in ((60, 15, 17), (10, 10, 13)):
        cluster.apply(pod("p", container("nginx:1.25", lifecycle=hook)))
        cluster.run(until="pod/p ready")
        since = cluster.elapsed
        cluster.delete("pod/p", grace_period=grace)
        cluster.run(until="pod/p gone")
        assert least <= cluster.elapsed - since < most
