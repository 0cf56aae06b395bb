"""metrics.k8s.io and ``kubectl top``: kubernetes-sigs/metrics-server 0.7, kubectl/pkg/cmd/top, 1.28; spec/cri-metrics.md section 4."""

from __future__ import annotations

import pytest

from kubelab.cluster import metrics_server
from kubelab.cluster.node_metrics import machine_of
from kubelab.cluster.top import MetricsUnavailable
from kubelab.kubelet.stats.scrapes import scraped
from kubelab.world.clock import MILLISECOND, SECOND
from tests import builders
from tests.scenario.metrics import pod, series, usage

PODS = "/apis/metrics.k8s.io/v1beta1/namespaces/default/pods"
NODES = "/apis/metrics.k8s.io/v1beta1/nodes"
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}


@pytest.fixture
def running(make):
    cluster = make(2, seed=5)
    cluster.apply([pod("web", requests={"cpu": "100m"}), usage("web", cpu={"constant": "250m"}, memory={"constant": "64Mi"})])
    cluster.run("2m")
    return cluster


def test_the_group_is_discovered_as_metrics_server_announces_it(running):
    code, found = running.request("GET", "/apis/metrics.k8s.io/v1beta1")
    verbs = ["get", "list"]
    assert (code, found["resources"]) == (
        200,
        [
            {"name": "nodes", "singularName": "", "namespaced": False, "kind": "NodeMetrics", "verbs": verbs},
            {"name": "pods", "singularName": "", "namespaced": True, "kind": "PodMetrics", "verbs": verbs},
        ],
    )


def test_a_pods_metrics(running):
    code, found = running.request("GET", f"{PODS}/web")
    assert (code, found["kind"], found["apiVersion"]) == (200, "PodMetrics", "metrics.k8s.io/v1beta1")
    assert list(found["metadata"]) == ["name", "namespace", "creationTimestamp", "labels"]
    (container,) = found["containers"]
    assert container["usage"]["memory"] == "64Mi"
    assert (
        abs(int(container["usage"]["cpu"].rstrip("num") or 0) * {"n": 1, "u": 1e3, "m": 1e6}[container["usage"]["cpu"][-1]] - 250e6) < 1e5
    )
    assert 0 < float(found["window"].rstrip("s")) < 45
    assert found["timestamp"] < found["metadata"]["creationTimestamp"]


def test_lists_and_selectors(running):
    running.apply(pod("other"))
    running.run("1m")
    code, found = running.request("GET", PODS)
    assert (code, found["kind"], found["metadata"]) == (200, "PodMetricsList", {})
    assert [one["metadata"]["name"] for one in found["items"]] == ["other", "web"]
    assert [one["metadata"]["name"] for one in running.request("GET", f"{PODS}?labelSelector=app%3Dweb")[1]["items"]] == ["web"]
    assert [one["metadata"]["name"] for one in running.request("GET", f"{PODS}?fieldSelector=metadata.name%3Dother")[1]["items"]] == [
        "other"
    ]
    assert running.request("GET", "/apis/metrics.k8s.io/v1beta1/namespaces/kube-system/pods")[1]["items"] == []
    assert len(running.request("GET", "/apis/metrics.k8s.io/v1beta1/pods")[1]["items"]) == 2
    assert [one["metadata"]["name"] for one in running.list("nodemetrics")] == ["node-1", "node-2"]


def test_a_table_adds_up_the_containers(make):
    cluster = make(1, seed=5)
    body = builders.pod("two", builders.container(name="a"), builders.container(name="b"), labels={"app": "two"})
    cluster.apply([body, usage("two", cpu={"constant": "100m"}, memory={"constant": "10Mi"})])
    cluster.run("2m")
    code, table = cluster.request("GET", PODS, headers=TABLE)
    assert [(each["name"], each["format"]) for each in table["columnDefinitions"]] == [
        ("Name", "name"), ("cpu", "quantity"), ("memory", "quantity"), ("Window", "duration")
    ]  # fmt: skip
    (row,) = table["rows"]
    assert (row["cells"][0], row["cells"][2]) == ("two", "20Mi")
    assert row["object"]["kind"] == "PartialObjectMetadata"


def test_what_is_not_there(running):
    assert running.request("GET", f"{PODS}/nobody")[1]["message"] == 'pods "nobody" not found'
    assert running.request("GET", f"{NODES}/nobody")[1]["message"] == 'nodes "nobody" not found'
    running.apply(pod("new"))
    running.run(until="pod/new ready")
    code, refusal = running.request("GET", f"{PODS}/new")
    assert (code, refusal["reason"], refusal["message"]) == (404, "NotFound", 'podmetrics.metrics.k8s.io "default/new" not found')
    assert running.request("DELETE", f"{PODS}/web")[0] == 405
    assert running.request("GET", f"{PODS}?watch=true")[0] == 405


def test_a_new_pod_shows_within_a_minute(make):
    cluster = make(1, seed=5)
    cluster.apply(pod("web"))
    cluster.run(until="pod/web ready")
    started = cluster.elapsed
    while cluster.request("GET", f"{PODS}/web")[0] == 404:
        cluster.run("1s")
    assert 10 <= cluster.elapsed - started <= 60


def test_a_container_that_uses_nothing_hides_its_pod(make):
    cluster = make(1, seed=5)
    cluster.apply([usage("idle", cpu={"constant": "0"}), pod("idle")])
    cluster.run("3m")
    assert cluster["pod/idle"]["status"]["phase"] == "Running"
    assert cluster.request("GET", f"{PODS}/idle")[0] == 404


def test_a_restarted_container_leaves_a_gap(make):
    """Killed at 256Mi after 54 s: metrics are gone while the new container has but one point."""
    cluster = make(1, seed=5)
    ramp = {"ramp": {"from": "40Mi", "to": "1Gi", "over": "4m"}}
    cluster.apply([usage("leak", memory=ramp), pod("leak", limits={"memory": "256Mi"})])
    seen = []
    for _ in range(40):
        cluster.run("5s")
        seen.append(cluster.request("GET", f"{PODS}/leak")[0])
    first = seen.index(200)
    assert 404 in seen[first:]
    assert seen[-1] == 200 or 200 in seen[first + seen[first:].index(404) :]


def test_a_node_that_is_down_has_none(make):
    cluster = make(2, seed=5)
    cluster.run("1m")
    cluster.fault("NodeCrash", nodes=["node-2"])
    cluster.run("10s")
    assert [one["metadata"]["name"] for one in cluster.request("GET", NODES)[1]["items"]] == ["node-1"]
    assert cluster.request("GET", f"{NODES}/node-2")[1]["message"] == 'nodemetrics.metrics.k8s.io "node-2" not found'
    assert cluster.top("nodes").splitlines()[-1].split() == ["node-2", "<unknown>", "<unknown>", "<unknown>", "<unknown>"]


def test_who_may_read_them(running):
    code, refusal = running.request("GET", PODS, user="bob")
    assert code == 403
    assert refusal["message"] == (
        'pods.metrics.k8s.io is forbidden: User "bob" cannot list resource "pods" in API group "metrics.k8s.io" in the namespace "default"'
    )
    hpa = "system:serviceaccount:kube-system:horizontal-pod-autoscaler"
    assert running.request("GET", PODS, user=hpa, groups=["system:serviceaccounts"])[0] == 200


def test_top_rounds_cores_up_and_memory_down(running):
    lines = [line.split() for line in running.top("pods").splitlines()]
    assert lines[0] == ["NAME", "CPU(cores)", "MEMORY(bytes)"]
    assert lines[1][0] == "web"
    assert lines[1][1] in ("250m", "251m")
    assert lines[1][2] == "64Mi"
    assert running.top("po", namespace=None, containers=True).splitlines()[0].split() == [
        "NAMESPACE",
        "POD",
        "NAME",
        "CPU(cores)",
        "MEMORY(bytes)",
    ]
    head, *nodes = running.top("nodes").splitlines()
    assert head.split() == ["NAME", "CPU(cores)", "CPU%", "MEMORY(bytes)", "MEMORY%"]
    assert [line.split()[0] for line in nodes] == ["node-1", "node-2"]
    assert running.top("pods", selector="app=none") == "No resources found in default namespace."


def test_top_before_there_is_anything(make):
    cluster = make(1, seed=5)
    cluster.apply(pod("web"))
    with pytest.raises(MetricsUnavailable, match="metrics not available yet"):
        cluster.top()
    with pytest.raises(ValueError, match="top 'services': use pods or nodes"):
        cluster.top("services")


def test_scrapes_tell_what_the_page_says(make):
    """The short way to a container's numbers gives those of ``/metrics/resource`` at every instant."""
    cluster = make(1, seed=9)
    ramp = {"ramp": {"from": "40Mi", "to": "1Gi", "over": "4m"}}
    cluster.apply([usage("leak", memory=ramp, cpu={"constant": "0"}), pod("leak", limits={"memory": "200Mi"}), pod("web")])
    for _ in range(30):
        cluster.run("4s")
        machine = machine_of(cluster._engine, "node-1")
        page = series(cluster.prometheus("node-1"))
        for container in machine.tables["containers"].values():
            (one,) = scraped(machine, container, [cluster._engine.now_ns])
            labels = f'container="c",namespace="default",pod="{container.spec.pod_name}"'
            if one is not None:
                assert page[f"container_cpu_usage_seconds_total{{{labels}}}"] == (one.cpu_ns / SECOND, one.time_ns // MILLISECOND)
                assert page[f"container_memory_working_set_bytes{{{labels}}}"][0] == one.working_set


def test_five_rounds_tell_as_much_as_all(make, monkeypatch):
    cluster = make(2, seed=11)
    ramp = {"ramp": {"from": "40Mi", "to": "1Gi", "over": "3m"}}
    cluster.apply([usage("leak", memory=ramp), pod("leak", limits={"memory": "200Mi"}), pod("web")])
    for _ in range(40):
        cluster.run("7s")
        pods, nodes = list(cluster._engine.store.head.all("pods").values()), list(cluster._engine.store.head.all("nodes").values())
        door = metrics_server.Door(cluster._engine)
        monkeypatch.setattr(metrics_server, "ROUNDS", 5)
        short = door.kept(pods, nodes)
        monkeypatch.setattr(metrics_server, "ROUNDS", 15)
        assert door.kept(pods, nodes) == short


def test_top_sorts_and_sums(make):
    """upstream: kubectl/pkg/cmd/top/top_pod_test.go TestTopPod (sort-by, sum), kubectl/pkg/metricsutil/metrics_printer.go."""
    cluster = make(1, seed=3)
    containers = [{"name": name, "image": "nginx:1.25"} for name in ("c", "d")]
    cluster.apply([builders.pod(name, *containers, labels={"app": name}) for name in ("a", "b")])
    cluster.apply([usage("a", memory={"constant": "100Mi"}), usage("b", container="d", cpu={"constant": "300m"})])
    cluster.run("70s")

    def rows(**flags):
        return [line.split() for line in cluster.top(**flags).splitlines()[1:]]

    assert [row[0] for row in rows()] == ["a", "b"]
    assert [row[0] for row in rows(sort_by="cpu")] == ["b", "a"]
    assert [row[0] for row in rows(sort_by="memory")] == ["a", "b"]
    assert [row[:2] for row in rows(sort_by="cpu", containers=True)] == [["b", "d"], ["b", "c"], ["a", "c"], ["a", "d"]]
    line, (cpu, memory) = rows(total=True)[-2:]
    assert (line, memory) == (["________", "________"], "208Mi")
    assert cpu in ("303m", "304m")
    with pytest.raises(ValueError, match="--sort-by accepts only cpu or memory"):
        cluster.top(sort_by="name")
