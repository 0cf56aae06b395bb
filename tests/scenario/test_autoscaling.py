"""A HorizontalPodAutoscaler on the metrics of simulated pods, as a user sees it. Facts: upstream's pkg/controller/podautoscaler, 1.28."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import kubelab as kl
from kubelab.controllers.podautoscaler.metrics import MetricsError, resource_metric
from tests.builders import container, deployment, statefulset

Object = dict[str, Any]
CPU_HALF = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}


def autoscaler(name: str = "web", kind: str = "Deployment", metrics: list[Object] | None = None, **spec: Any) -> Object:
    target = {"apiVersion": "apps/v1", "kind": kind, "name": name}
    spec = {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 10, "metrics": metrics or [CPU_HALF], **spec}
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": name}, "spec": spec}


def usage(name: str = "load", app: str = "web", **curves: Any) -> Object:
    spec = {"selector": {"matchLabels": {"app": app}}, **curves}
    return {"apiVersion": "lab.kubelab.dev/v1", "kind": "Usage", "metadata": {"name": name}, "spec": spec}


def web(replicas: int = 2, **requests: str) -> Object:
    made = deployment(replicas=replicas)
    made["spec"]["template"]["spec"]["containers"] = [container(resources={"requests": requests or {"cpu": "200m"}})]
    return made


def conditions(cluster: kl.Cluster, name: str = "web") -> list[tuple[str, str, str]]:
    found = cluster[f"hpa/{name}"]["status"].get("conditions") or []
    return [(each["type"], each["status"], each["reason"]) for each in found]


def replicas(cluster: kl.Cluster, reference: str = "deploy/web") -> int:
    return int(cluster[reference]["spec"]["replicas"])


def sizes(cluster: kl.Cluster, reference: str = "deploy/web") -> list[tuple[float, int]]:
    """When the autoscaler changed the replicas to what: (seconds since the start, replicas)."""
    key = {"deploy": "deployments.apps", "sts": "statefulsets.apps"}[reference.partition("/")[0]]
    store, start_ns = cluster._engine.store, cluster._world.start_ns
    out = []
    for commit in store.log.commits:
        if commit.key == (key, "default", reference.partition("/")[2]):
            call = store.log.calls[commit.call]
            if call.component == "horizontal-pod-autoscaler":
                out.append(((commit.time_ns - start_ns) / 1e9, commit.object["spec"]["replicas"]))
    return out


def test_a_load_doubles_until_the_bound(make: Callable[..., kl.Cluster]) -> None:
    cluster = make(3, seed=7)
    cluster.apply([web(), autoscaler(), usage(cpu={"constant": "300m"})])
    cluster.run("2m")
    assert [size for _, size in sizes(cluster)] == [4, 6, 10]
    assert conditions(cluster) == [
        ("AbleToScale", "True", "ReadyForNewScale"),
        ("ScalingActive", "True", "ValidMetricFound"),
        ("ScalingLimited", "True", "TooManyReplicas"),
    ]
    metrics = [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageValue": "300m", "averageUtilization": 150}}}]
    assert cluster["hpa/web"]["status"]["currentMetrics"] == metrics


def test_a_falling_load_is_followed_after_the_window(make: Callable[..., kl.Cluster]) -> None:
    cluster = make(3, seed=7)
    cluster.apply([web(8), autoscaler(minReplicas=2), usage(cpu={"constant": "20m"})])
    cluster.run("4m")
    assert replicas(cluster) == 8
    assert ("AbleToScale", "True", "ScaleDownStabilized") in conditions(cluster)
    cluster.run("3m")
    ((seconds, first), *_) = sizes(cluster)
    assert 300 < seconds <= 345
    assert first == 2
    assert conditions(cluster)[2] == ("ScalingLimited", "False", "DesiredWithinRange") or replicas(cluster) == 2


def test_behaviour_policies_hold_the_pace(make: Callable[..., kl.Cluster]) -> None:
    cluster = make(3, seed=7)
    up = {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}
    down = {"selectPolicy": "Disabled"}
    cluster.apply([web(), autoscaler(behavior={"scaleUp": up, "scaleDown": down}), usage(cpu={"constant": "300m"})])
    cluster.run("4m")
    found = sizes(cluster)
    assert [size for _, size in found] == list(range(3, 3 + len(found)))
    gaps = [later - earlier for (earlier, _), (later, _) in zip(found, found[1:], strict=False)]
    assert len(gaps) >= 2
    assert all(60 <= gap < 80 for gap in gaps)
    cluster.patch("usage/load", {"spec": {"cpu": {"constant": "1m"}}})
    before = replicas(cluster)
    cluster.run("12m")
    assert replicas(cluster) == before
    assert conditions(cluster)[2] == ("ScalingLimited", "True", "ScaleDownLimit")


def test_memory_by_average_value_on_a_stateful_set(make: Callable[..., kl.Cluster]) -> None:
    cluster = make(3, seed=7)
    metric = {"type": "Resource", "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "100Mi"}}}
    cluster.apply([statefulset(replicas=2), autoscaler("db", "StatefulSet", [metric]), usage(app="db", memory={"constant": "150Mi"})])
    cluster.run("90s")
    assert replicas(cluster, "sts/db") > 2
    current = cluster["hpa/db"]["status"]["currentMetrics"][0]["resource"]["current"]
    assert current == {"averageValue": "157286400"}


def test_one_container_of_several(make: Callable[..., kl.Cluster]) -> None:
    cluster = make(3, seed=7)
    made = web()
    sidecar = container("redis:7", "sidecar", resources={"requests": {"cpu": "1"}})
    made["spec"]["template"]["spec"]["containers"].append(sidecar)
    metric = {
        "type": "ContainerResource",
        "containerResource": {"name": "cpu", "container": "c", "target": {"type": "Utilization", "averageUtilization": 50}},
    }
    cluster.apply([made, autoscaler(metrics=[metric]), usage(container="c", cpu={"constant": "300m"})])
    cluster.run("90s")
    assert replicas(cluster) > 2
    words = "cpu container resource utilization (percentage of request) above target"
    assert any(words in event["message"] for event in cluster.list("events"))


def test_what_stands_in_the_way_is_said(make: Callable[..., kl.Cluster]) -> None:
    cluster = make(3, seed=7)
    pods = {"type": "Pods", "pods": {"metric": {"name": "qps"}, "target": {"type": "AverageValue", "averageValue": "10"}}}
    bare = deployment("bare", 1)
    cluster.apply([bare, autoscaler("bare"), web(), autoscaler(metrics=[pods]), autoscaler("gone")])
    odd = autoscaler("odd")
    odd["spec"]["scaleTargetRef"] = {"apiVersion": "cheddar/v1", "kind": "Cheese", "name": "odd"}
    alone = autoscaler("alone")
    alone["spec"]["scaleTargetRef"] = {"apiVersion": "v1", "kind": "Pod", "name": "x"}
    cluster.apply([odd, alone])
    cluster.run("2m")
    message = {name: cluster[f"hpa/{name}"]["status"]["conditions"][-1]["message"] for name in ("bare", "web", "gone", "odd", "alone")}
    pod = cluster.list("pods", selector="app=bare")[0]["metadata"]["name"]
    unable, unfound = (
        "the HPA was unable to compute the replica count: ",
        "the HPA controller was unable to get the target's current scale: ",
    )
    assert message == {
        "bare": f"{unable}failed to get cpu utilization: missing request for cpu in container c of Pod {pod}",
        "web": f"{unable}unable to get metric qps: unable to fetch metrics from custom metrics API: "
        "no custom metrics API (custom.metrics.k8s.io) registered",
        "gone": f'{unfound}deployments/scale.apps "gone" not found',
        "odd": f'{unfound}no matches for kind "Cheese" in group "cheddar"',
        "alone": f"{unfound}the server could not find the requested resource",
    }


def test_a_target_at_zero_is_left_alone(make: Callable[..., kl.Cluster]) -> None:
    cluster = make(3, seed=7)
    cluster.apply([web(0), autoscaler()])
    cluster.run("1m")
    assert replicas(cluster) == 0
    assert conditions(cluster)[1] == ("ScalingActive", "False", "ScalingDisabled")
    cluster.scale("deploy/web", 20)
    cluster.run("20s")
    assert replicas(cluster) == 10
    assert cluster["hpa/web"]["status"]["lastScaleTime"]


def test_nothing_new_is_not_written(make: Callable[..., kl.Cluster]) -> None:
    cluster = make(3, seed=7)
    cluster.apply([web(2), autoscaler(), usage(cpu={"constant": "100m"})])
    cluster.run("10m")
    calls = cluster.frames.calls().query("component == 'horizontal-pod-autoscaler'")
    assert len(calls.query("resource == 'pods.metrics.k8s.io'")) == 39
    assert len(calls.query("subresource == 'scale' and verb == 'get'")) == 39
    log = cluster._engine.store.log.commits
    written = [commit.object["status"] for commit in log if commit.key[0] == "horizontalpodautoscalers.autoscaling"]
    assert 1 < len(written) < 39
    assert all(before != after for before, after in zip(written, written[1:], strict=False))
    assert set(calls["user"]) == {"system:serviceaccount:kube-system:horizontal-pod-autoscaler"}


def test_an_autoscaler_does_not_keep_a_world_from_settling(make: Callable[..., kl.Cluster]) -> None:
    cluster = make(3, seed=7)
    cluster.apply([web(2), autoscaler()])
    assert cluster.settle().elapsed < 60


def test_two_futures_and_a_file_agree(make: Callable[..., kl.Cluster], tmp_path: Any) -> None:
    cluster = make(3, seed=7)
    cluster.apply([web(), autoscaler(), usage(cpu={"sine": {"mean": "200m", "amplitude": "150m", "period": "4m"}})])
    cluster.run("95s")
    loaded = kl.load(cluster.save(tmp_path / "x.klab"))
    fork = cluster.fork()
    seen = [sizes(each.run("8m")) for each in (cluster, fork, loaded)]
    assert len(seen[0]) > 2
    assert seen[0] == seen[1] == seen[2]


def test_a_controller_that_starts_again_begins_its_windows_anew(make: Callable[..., kl.Cluster]) -> None:
    cluster = make(3, seed=7)
    cluster.apply([web(8), autoscaler(minReplicas=2), usage(cpu={"constant": "20m"})])
    cluster.run("4m")
    cluster.fault("ComponentCrash", components=["horizontal-pod-autoscaler"], duration="10s")
    cluster.run("4m")
    assert replicas(cluster) == 8
    cluster.run("3m")
    assert replicas(cluster) == 2


def test_a_deleted_autoscaler_is_forgotten(make: Callable[..., kl.Cluster]) -> None:
    cluster = make(3, seed=7)
    cluster.apply([web(), autoscaler()])
    cluster.run("1m")
    memory = cluster._engine.runners["horizontal-pod-autoscaler"].memory
    assert memory["recommendations"]
    cluster.delete("hpa/web")
    cluster.run("30s")
    assert {name: table for name, table in memory.items() if table} == {}
    assert cluster._engine.runners["horizontal-pod-autoscaler"].waiting.keys() <= {("autoscale", "default", "web")}


def test_a_node_metrics_server_cannot_reach_counts_as_missing(make: Callable[..., kl.Cluster]) -> None:
    """Missing pods count nothing on the way up: the crash of a node does not make the others look busier than they are."""
    cluster = make(3, seed=7)
    cluster.apply([web(6), autoscaler(maxReplicas=20), usage(cpu={"constant": "105m"})])
    cluster.run("3m")
    assert replicas(cluster) == 6
    cluster.fault("NodeCrash", nodes=["node-1"], duration="2m")
    cluster.run("2m")
    assert replicas(cluster) == 6


@pytest.mark.parametrize("amount", ["NaN", "lots", float("nan")])
def test_an_amount_that_is_no_number_is_said(amount: Any) -> None:
    usage = {"name": "c", "usage": {"cpu": amount}}
    item = {"metadata": {"name": "p"}, "timestamp": "2026-01-01T00:00:00Z", "window": "15s", "containers": [usage]}
    with pytest.raises(MetricsError) as refused:
        resource_metric([item], "cpu")
    assert "quantities must match the regular expression" in str(refused.value)
