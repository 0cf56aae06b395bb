"""Cordon, uncordon and drain, in kubectl's words. Upstream: kubectl/pkg/drain, kubectl/pkg/cmd/drain, 1.28."""

from __future__ import annotations

from typing import Any

import pytest

import kubelab as kl
from tests.builders import deployment, pod, statefulset


def budget(app: str, least: int) -> dict[str, Any]:
    spec = {"minAvailable": least, "selector": {"matchLabels": {"app": app}}}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": app}, "spec": spec}


def on(cluster: kl.Cluster, node: str) -> list[str]:
    return [obj["metadata"]["name"] for obj in cluster.list("pods", namespace=None) if obj["spec"].get("nodeName") == node]


def test_cordon_and_uncordon(cluster: kl.Cluster) -> None:
    assert cluster.cordon("node-1") == "node/node-1 cordoned"
    assert cluster.cordon("node/node-1") == "node/node-1 already cordoned"
    cluster.apply(deployment("web", 6))
    cluster.run(until="deployment/web ready")
    assert on(cluster, "node-1") == []
    assert [taint["key"] for taint in cluster["node/node-1"]["spec"]["taints"]] == ["node.kubernetes.io/unschedulable"]
    assert cluster.uncordon("node-1") == "node/node-1 uncordoned"
    assert cluster.uncordon("node-1") == "node/node-1 already uncordoned"
    cluster.run("1s")
    spec = cluster["node/node-1"]["spec"]
    assert not spec.get("taints") and "unschedulable" not in spec
    reasons = [event["reason"] for event in cluster.run("20s").list("events") if event["involvedObject"]["name"] == "node-1"]
    assert reasons[-1] == "NodeSchedulable"


def test_a_drain_empties_a_node_and_says_so(cluster: kl.Cluster) -> None:
    cluster.apply(statefulset("db", 3))
    cluster.run(until="sts/db ready")
    node = cluster["pod/db-1"]["spec"]["nodeName"]
    leaving = on(cluster, node)
    said = cluster.drain(node).splitlines()
    assert said[0] == f"node/{node} cordoned"
    assert said[1 : 1 + len(leaving)] == [f"evicting pod default/{name}" for name in leaving]
    assert said[1 + len(leaving) : -1] == [f"pod/{name} evicted" for name in leaving]
    assert said[-1] == f"node/{node} drained"
    assert on(cluster, node) == []
    cluster.run(until="sts/db ready")
    assert on(cluster, node) == []
    assert cluster.drain(node) == f"node/{node} already cordoned\nnode/{node} drained"


def test_a_budget_makes_it_wait(make: Any) -> None:
    """Refused with 429, and tried again every five seconds; never fewer ready pods than promised."""
    cluster = make(2, seed=1)
    slow = {"readinessProbe": {"httpGet": {"path": "/", "port": 80}, "initialDelaySeconds": 8}, "ports": [{"containerPort": 80}]}
    obj = deployment("web", 4)
    obj["spec"]["template"]["spec"]["containers"][0] |= slow
    cluster.apply([obj, budget("web", 3)])
    cluster.run(until="deployment/web ready")
    cluster.run("1s")
    many = max(("node-1", "node-2"), key=lambda node: len(on(cluster, node)))
    leaving = on(cluster, many)
    began = cluster.elapsed
    said = cluster.drain(many).splitlines()
    again = [line for line in said if line.startswith("error when evicting")]
    assert again and again[0].endswith(
        '-n "default" (will retry after 5s): Cannot evict pod as it would violate the pod\'s disruption budget.'
    )
    assert sum(line.startswith("evicting pod ") for line in said) == len(leaving) + len(again)
    assert cluster.elapsed - began > 8
    ready = [count for _, count in ready_over_time(cluster, began)]
    assert min(ready) == 3


def ready_over_time(cluster: kl.Cluster, since: float) -> list[tuple[float, int]]:
    counts: dict[str, bool] = {}
    found = []
    for commit in cluster._engine.store.log.commits:
        if commit.key[0] != "pods":
            continue
        conditions = (commit.object.get("status") or {}).get("conditions") or ()
        is_ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
        going = commit.type == "DELETED" or "deletionTimestamp" in commit.object["metadata"]
        counts[commit.object["metadata"]["uid"]] = is_ready and not going
        seconds = (commit.time_ns - cluster._world.start_ns) / 1e9
        if seconds >= since:
            found.append((seconds, sum(counts.values())))
    return found


def test_a_budget_that_forbids_everything_runs_into_the_timeout(cluster: kl.Cluster) -> None:
    cluster.apply([deployment("web", 3), budget("web", 3)])
    cluster.run(until="deployment/web ready")
    cluster.run("1s")
    name = on(cluster, "node-1")[0]
    with pytest.raises(kl.DrainError) as caught:
        cluster.drain("node-1", timeout="30s")
    assert caught.value.errors == [f'error when evicting pods/"{name}" -n "default": global timeout reached: 30s']
    assert str(caught.value).startswith('unable to drain node "node-1" due to error: error when evicting')
    assert caught.value.said[0] == "node/node-1 cordoned"
    assert "deletionTimestamp" not in cluster[f"pod/{name}"]["metadata"]
    said = cluster.drain("node-1", disable_eviction=True)
    assert f"pod/{name} deleted" in said and "evicting" not in said


@pytest.mark.parametrize(
    ("why", "spec", "flags", "refused", "warned"),
    [
        ("a bare pod", {}, {}, "cannot delete Pods declare no controller (use --force to override): default/p", ""),
        ("forced", {}, {"force": True}, "", "Warning: deleting Pods that declare no controller: default/p"),
        (
            "its emptyDir",
            {"volumes": [{"name": "v", "emptyDir": {}}]},
            {"force": True},
            "cannot delete Pods with local storage (use --delete-emptydir-data to override): default/p",
            "",
        ),
        (
            "… given up: the last warning counts",
            {"volumes": [{"name": "v", "emptyDir": {}}]},
            {"force": True, "delete_emptydir_data": True},
            "",
            "Warning: deleting Pods that declare no controller: default/p",
        ),
        ("another pod-selector", {}, {"pod_selector": "app=other"}, "", ""),
    ],
)
def test_flags(cluster: kl.Cluster, why: str, spec: dict[str, Any], flags: dict[str, Any], refused: str, warned: str) -> None:
    """upstream: kubectl/pkg/drain/filter_test.go."""
    cluster.apply(pod("p", nodeName="node-1", **spec))
    cluster.run(until="pod/p ready")
    if refused:
        with pytest.raises(kl.DrainError) as caught:
            cluster.drain("node-1", **flags)
        assert caught.value.errors == [refused], why
        assert cluster["node/node-1"]["spec"]["unschedulable"]
        return
    said = cluster.drain("node-1", **flags).splitlines()
    assert [line for line in said if line.startswith("Warning")] == ([warned] if warned else []), why
    assert ("pod/p evicted" in said) == bool(warned)


def test_finished_pods_need_no_flag(cluster: kl.Cluster) -> None:
    cluster.apply(pod("p", nodeName="node-1", restartPolicy="Never", volumes=[{"name": "v", "emptyDir": {}}]))
    cluster.patch("pod/p", {"status": {"phase": "Succeeded"}}, subresource="status")
    assert "pod/p evicted" in cluster.drain("node-1")


def test_mirror_pods_are_left_alone(cluster: kl.Cluster) -> None:
    mirror = pod("p", nodeName="node-1")
    mirror["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    owner = {"apiVersion": "v1", "kind": "Node", "name": "node-1", "uid": cluster["node/node-1"]["metadata"]["uid"], "controller": True}
    mirror["metadata"]["ownerReferences"] = [owner]
    code, answer = cluster.request("POST", "/api/v1/namespaces/default/pods", mirror, user="system:node:node-1", groups=["system:nodes"])
    assert code == 201, answer
    assert cluster.drain("node-1") == "node/node-1 cordoned\nnode/node-1 drained"


def test_grace_period_is_passed_on(cluster: kl.Cluster) -> None:
    cluster.apply(
        deployment("web", 1, pod_spec={"nodeSelector": {"kubernetes.io/hostname": "node-1"}, "terminationGracePeriodSeconds": 30})
    )
    cluster.run(until="deployment/web ready")
    name = on(cluster, "node-1")[0]
    cluster.drain("node-1", grace_period=7)
    graces = [
        commit.object["metadata"]["deletionGracePeriodSeconds"]
        for commit in cluster._engine.store.log.commits
        if commit.key == ("pods", "default", name) and "deletionGracePeriodSeconds" in commit.object["metadata"]
    ]
    assert graces[0] == 7


@pytest.mark.parametrize("timeout", [0, "-1s"])
def test_a_timeout_that_is_none_is_refused(cluster: kl.Cluster, timeout: Any) -> None:
    with pytest.raises(ValueError, match="timeout"):
        cluster.drain("node-1", timeout=timeout)
    assert "unschedulable" not in cluster["node/node-1"]["spec"]


def test_a_node_that_is_not_there(cluster: kl.Cluster) -> None:
    for do in (cluster.cordon, cluster.uncordon, cluster.drain):
        with pytest.raises(kl.ApiError, match='nodes "node-9" not found'):
            do("node-9")
