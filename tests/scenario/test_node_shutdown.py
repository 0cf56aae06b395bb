"""A node that is shut down in good order: its pods end first, the critical ones last.

upstream: test/e2e_node/node_shutdown_linux_test.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import kubelab as kl
from tests.builders import pod
from tests.scenario.e2e import conditions, events, script
from tests.scenario.test_daemonset_stories import daemonset

Make = Callable[..., kl.Cluster]
SLOW = "trap 'sleep 8; exit 143' TERM; sleep 1d & wait"


def bound(name: str, command: str = SLOW, node: str = "node-1", **spec: Any) -> dict[str, Any]:
    return pod(name, script(command), nodeName=node, tolerations=[{"operator": "Exists"}], **spec)


def critical(name: str) -> dict[str, Any]:
    found = bound(name, priorityClassName="system-node-critical")
    return {**found, "metadata": {**found["metadata"], "namespace": "kube-system"}}


def ended(cluster: kl.Cluster, name: str, namespace: str = "default") -> str:
    return str(cluster.get("pod", name, namespace=namespace)["status"]["containerStatuses"][0]["state"]["terminated"]["finishedAt"])


def test_pods_end_before_the_node_does_the_critical_ones_last(make: Make) -> None:
    cluster = make(2, seed=4)
    cluster.apply([bound("plain"), critical("vital")])
    cluster.run("20s")
    cluster.fault("NodeShutdown", nodes=["node-1"], grace="30s", critical="10s")
    cluster.run("2s")
    ready = conditions(cluster["node/node-1"])["Ready"]
    assert ready[:2] == ("False", "KubeletNotReady")
    assert cluster["node/node-1"]["status"]["conditions"][-1]["message"] == "node is shutting down"
    assert events(cluster, "node-1", "NodeShutdown") == ["Shutdown manager detected shutdown event"]
    cluster.run("30s")
    for name, namespace in (("plain", "default"), ("vital", "kube-system")):
        status = cluster.get("pod", name, namespace=namespace)["status"]
        words = "Pod was terminated in response to imminent node shutdown."
        assert (status["phase"], status["reason"], status["message"]) == ("Failed", "Terminated", words)
        target = [each for each in status["conditions"] if each["type"] == "DisruptionTarget"]
        assert [(each["status"], each["reason"], each["message"]) for each in target] == [("True", "TerminationByKubelet", words)]
    assert ended(cluster, "plain") == "2026-01-01T00:00:28Z"
    assert ended(cluster, "vital", "kube-system") == "2026-01-01T00:00:36Z"
    assert cluster.run("1m")["node/node-1"]["spec"]["taints"][0]["key"] == "node.kubernetes.io/unreachable"


def test_who_exits_with_0_has_succeeded(make: Make) -> None:
    """upstream: SyncTerminatingPod forgets why (kubernetes#118310); test/e2e_node/critical_pod_test.go expects it of pause."""
    cluster = make(2, seed=4)
    cluster.apply([bound("orderly", "trap 'exit 0' TERM; sleep 1d & wait"), bound("unknown")])
    cluster.apply(pod("own", {"name": "c", "image": "example.com/app:2"}, nodeName="node-1"))
    cluster.run("20s").fault("NodeShutdown", nodes=["node-1"])
    cluster.run("20s")
    status = cluster["pod/orderly"]["status"]
    assert (status["phase"], status.get("reason"), status.get("message")) == ("Succeeded", None, None)
    assert [each["reason"] for each in status["conditions"] if each["type"] == "DisruptionTarget"] == ["TerminationByKubelet"]
    assert [cluster[f"pod/{name}"]["status"]["reason"] for name in ("unknown", "own")] == ["Terminated"] * 2


def test_who_does_not_end_in_time_is_killed(make: Make) -> None:
    cluster = make(2, seed=4)
    cluster.apply(bound("stubborn", "trap '' TERM; while true; do sleep 1; done", terminationGracePeriodSeconds=600))
    cluster.run("20s")
    cluster.fault("NodeShutdown", nodes=["node-1"], grace="15s", critical="5s")
    cluster.run("20s")
    state = cluster["pod/stubborn"]["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (state["exitCode"], state["finishedAt"]) == (137, "2026-01-01T00:00:30Z")


def test_by_priority_lower_ones_first(make: Make) -> None:
    cluster = make(2, seed=4)
    for name, priority in (("low", 10), ("middle", 100), ("high", 1000)):
        cluster.create({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}, "value": priority})
        cluster.apply(bound(name, priorityClassName=name))
    cluster.run("20s")
    cluster.fault("NodeShutdown", nodes=["node-1"], priorities="0=10,100=10,1000=10")
    cluster.run("40s")
    assert [ended(cluster, name) for name in ("low", "middle", "high")] == [f"2026-01-01T00:00:{at}Z" for at in (28, 36, 44)]


def test_a_new_pod_is_rejected_while_the_node_goes_down(make: Make) -> None:
    cluster = make(2, seed=4)
    cluster.apply(bound("plain"))
    cluster.run("20s")
    cluster.fault("NodeShutdown", nodes=["node-1"], grace="30s")
    cluster.run("2s")
    cluster.apply(bound("late"))
    cluster.run("2s")
    status = cluster["pod/late"]["status"]
    words = "Pod was rejected: Pod was rejected as the node is shutting down."
    assert (status["phase"], status["reason"], status["message"]) == ("Failed", "NodeShutdown", words)


def test_after_the_shutdown_the_node_boots_and_its_static_and_daemon_pods_are_back(make: Make) -> None:
    cluster = make(2, seed=4)
    cluster.apply(daemonset("agent"))
    cluster.static_pod("node-1", {**bound("own"), "metadata": {"name": "own"}})
    cluster.run(until="ds/agent ready").run(until="pod/own-node-1 ready")
    cluster.fault("NodeShutdown", nodes=["node-1"], duration="3m")
    cluster.run("2m")
    assert cluster["pod/own-node-1"]["status"]["reason"] == "Terminated"
    cluster.run("5m")
    assert conditions(cluster["node/node-1"])["Ready"][0] == "True"
    assert "reason" not in cluster["pod/own-node-1"]["status"]
    assert cluster["pod/own-node-1"]["status"]["phase"] == "Running"
    assert cluster["ds/agent"]["status"]["numberReady"] == 2
    assert cluster["fault/nodeshutdown-1"]["status"]["phase"] == "Ended"


def test_a_cancelled_shutdown_leaves_the_node_on(make: Make) -> None:
    cluster = make(2, seed=4)
    cluster.apply([bound("plain"), critical("vital")])
    cluster.run("20s")
    cluster.fault("NodeShutdown", nodes=["node-1"], name="x")
    cluster.run("2s")
    cluster.delete("fault/x")
    cluster.run("1m")
    assert conditions(cluster["node/node-1"])["Ready"][0] == "True"
    assert events(cluster, "node-1", "NodeShutdown")[-1] == "Shutdown manager detected shutdown cancellation"
    assert cluster["pod/plain"]["status"]["phase"] == "Failed"
    assert cluster.get("pod", "vital", namespace="kube-system")["status"]["phase"] == "Running"


def test_without_a_grace_period_the_power_goes_at_once(make: Make) -> None:
    cluster = make(2, seed=4)
    cluster.apply(bound("plain"))
    cluster.run("20s")
    cluster.fault("NodeShutdown", nodes=["node-1"], grace="0s", critical="0s")
    cluster.run("20s")
    assert cluster["pod/plain"]["status"]["phase"] == "Running"  # nobody is left to tell
    assert events(cluster, "node-1", "NodeShutdown") == []


REFUSED = [
    ({"grace": "5s"}, 'spec.parameters[critical]: Invalid value: "10s": must be at most grace'),
    ({"critical": "1h"}, 'spec.parameters[critical]: Invalid value: "1h": must be at most grace'),
    ({"grace": "-1s"}, 'spec.parameters[grace]: Invalid value: "-1s": must be greater than or equal to 0'),
    ({"priorities": "high=3"}, 'spec.parameters[priorities]: Invalid value: "high=3": must say from which priority on'),
    ({"priorities": "1=3,1=4"}, 'spec.parameters[priorities]: Invalid value: "1=3,1=4"'),
    ({"priorities": "1=3", "grace": "9s"}, 'spec.parameters[grace]: Invalid value: "9s": may not stand beside priorities'),
]


@pytest.mark.parametrize(("parameters", "words"), REFUSED, ids=[str(row[0]) for row in REFUSED])
def test_what_cannot_be_is_refused(make: Make, parameters: dict[str, str], words: str) -> None:
    cluster = make(1, seed=4)
    with pytest.raises(kl.ApiError) as refusal:
        cluster.fault("NodeShutdown", nodes=["node-1"], **parameters)
    assert words in refusal.value.message
