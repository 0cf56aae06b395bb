"""Conservation of usage as a user reads it: random pods, curves, crashes, deletions and forks, looked at through `c.cri`, the summary, the
metrics RPCs and the pages of the kubelet.

The laws are those of spec/cri-metrics.md section 6, points 4 and 7.
"""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import kubelab as kl
from tests.property.test_usage_conservation import CPU, MEMORY

CORES, NODE, PERIOD_S = 4, "node-1", 0.1
MIB = 1 << 20
SLACK_NS = 2  # each division rounds down

QUANTITIES = st.sampled_from(("", "50m", "250m", "1", "2"))
LIMITS = st.sampled_from(("", "64Mi", "300Mi"))
PODS = st.tuples(st.just("pod"), st.sampled_from("abcd"), QUANTITIES, QUANTITIES, LIMITS)
USES = st.tuples(st.just("use"), st.sampled_from("abcd"), CPU, MEMORY)
STEPS = st.lists(
    st.one_of(
        PODS,
        PODS,
        USES,
        USES,
        st.tuples(st.just("delete"), st.sampled_from("abcd")),
        st.tuples(st.just("unuse"), st.sampled_from("abcd")),
        st.tuples(st.just("kubelet crash")),
        st.tuples(st.just("power cut")),
        st.tuples(st.just("run"), st.sampled_from((1.7, 8.0, 33.0, 120.0))),
        st.tuples(st.just("run"), st.sampled_from((1.7, 8.0, 33.0, 120.0))),
    ),
    min_size=2,
    max_size=10,
)
# Two pods that use CPU and memory are there from the start, so that the node's cores are often too few.
CROWDS = st.tuples(*(st.tuples(QUANTITIES, QUANTITIES, LIMITS, CPU, MEMORY) for _ in "ab")).map(
    lambda crowd: [
        step
        for name, (request, limit, memory_limit, cpu, memory) in zip("ab", crowd, strict=True)
        for step in (("pod", name, request, limit, memory_limit), ("use", name, cpu, memory))
    ]
)


def as_quantities(curve: dict[str, Any]) -> dict[str, Any]:
    """A curve as a manifest writes it: amounts and lengths as text; a trace has numbers."""
    (name, fields), lengths = next(iter(curve.items())), ("over", "period", "every", "length")
    if name == "constant":
        return {name: f"{fields:f}"}
    if name == "trace":
        return {name: [[seconds, float(amount)] for seconds, amount in fields]}
    return {name: {field: f"{value}s" if field in lengths else f"{value:f}" for field, value in fields.items()}}


def do(cluster: kl.Cluster, step: tuple[Any, ...]) -> None:
    match step:
        case ("pod", name, request, limit, memory):
            if cluster.list("pods", selector=f"app={name}"):
                return
            limits = {"cpu": limit, "memory": memory}
            requests = {"cpu": request if not limit or not request or _milli(request) <= _milli(limit) else limit}
            resources = {
                kind: {key: value for key, value in amounts.items() if value}
                for kind, amounts in (("limits", limits), ("requests", requests))
            }
            container = {"name": "c", "image": "app:1", "resources": resources}
            spec = {"containers": [container, {"name": "side", "image": "side:1"}], "terminationGracePeriodSeconds": 1}
            cluster.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": spec})
        case ("use", name, cpu, memory):
            do(cluster, ("unuse", name))
            spec = {
                "selector": {"matchLabels": {"app": name}},
                "container": "c",
                "cpu": as_quantities(cpu),
                "memory": as_quantities(memory),
            }
            cluster.create({"apiVersion": "lab.kubelab.dev/v1", "kind": "Usage", "metadata": {"name": name}, "spec": spec})
        case ("unuse", name):
            if any(usage["metadata"]["name"] == name for usage in cluster.list("usages")):
                cluster.delete(f"usage/{name}")
        case ("delete", name):
            if cluster.list("pods", selector=f"app={name}"):
                cluster.delete(f"pod/{name}")
        case ("kubelet crash",):
            cluster.fault("ComponentCrash", components=[f"kubelet/{NODE}"], duration="3s")
        case ("power cut",):
            cluster.fault("NodeCrash", nodes=[NODE], duration="5s")
            cluster.run("20s")
        case ("run", seconds):
            cluster.run(seconds)


def _milli(text: str) -> int:
    return int(text[:-1]) if text.endswith("m") else int(text) * 1000


def value(part: dict[str, Any], *path: str) -> int:
    for name in path:
        part = part[name]
    return int(part["value"])


def metrics(cluster: kl.Cluster) -> dict[tuple[str, str], int]:
    """Values of the metrics RPC by container id and name, summed over labels."""
    found: dict[tuple[str, str], int] = {}
    for sandbox in cluster.cri(NODE).list_pod_sandbox_metrics():
        for container in sandbox["containerMetrics"]:
            for metric in container["metrics"]:
                key = (container["containerId"], metric["name"])
                found[key] = found.get(key, 0) + int(metric["value"]["value"])
    return found


def check(cluster: kl.Cluster, before: dict[str, int], elapsed: float) -> dict[str, int]:
    """The laws at one instant, and against the instant before; returns the counters."""
    door = cluster.cri(NODE)
    containers = {stats["attributes"]["id"]: stats for stats in door.list_container_stats()}
    counters: dict[str, int] = {}
    for sandbox in door.list_pod_sandbox_stats():
        inside = [containers[stats["attributes"]["id"]] for stats in sandbox["linux"]["containers"]]
        for path in (("cpu", "usageCoreNanoSeconds"), ("memory", "workingSetBytes"), ("memory", "usageBytes")):
            assert value(sandbox["linux"], *path) >= sum(value(stats, *path) for stats in inside)
        counters[sandbox["attributes"]["id"]] = value(sandbox["linux"], "cpu", "usageCoreNanoSeconds")
    for name, stats in containers.items():
        memory = stats["memory"]
        assert value(memory, "workingSetBytes") <= value(memory, "usageBytes")
        counters[name] = value(stats, "cpu", "usageCoreNanoSeconds")
        limit = door.container_status(name).get("resources", {}).get("linux", {}).get("memoryLimitInBytes", 0)
        assert not limit or value(memory, "usageBytes") <= int(limit)
    grown = {name: counters[name] - before[name] for name in counters if name in before}
    assert all(amount >= 0 for amount in grown.values())
    assert sum(amount for name, amount in grown.items() if name in containers) <= CORES * elapsed * 1e9 + SLACK_NS * len(grown)
    node = cluster.summary(NODE)["node"]
    assert node["memory"]["workingSetBytes"] <= node["memory"]["usageBytes"] <= 16 << 30
    assert node["cpu"].get("usageNanoCores", 0) <= CORES * 10**9 + SLACK_NS
    return counters


def check_throttling(cluster: kl.Cluster) -> None:
    """nr_throttled <= nr_periods; throttled_time <= nr_throttled x period x cores: seconds are whole in the RPC, exact on the page."""
    found = metrics(cluster)
    for container_id, name in found:
        if name == "container_cpu_cfs_periods_total":
            assert found[(container_id, "container_cpu_cfs_throttled_periods_total")] <= found[(container_id, name)]
    page = cluster.prometheus(NODE, "/metrics/cadvisor")
    lines = dict(re.findall(r"^container_cpu_cfs_(\w+_total\{[^}]*\}) (\S+)", page, re.MULTILINE))
    for key, seconds in lines.items():
        if key.startswith("throttled_seconds_total"):
            labels = key.partition("{")[2]
            assert float(seconds) <= float(lines[f"throttled_periods_total{{{labels}"]) * PERIOD_S * CORES + 1e-6


@settings(max_examples=25, deadline=None)
@given(CROWDS, STEPS)
def test_nothing_is_lost_invented_or_counted_twice(crowd: list[tuple[Any, ...]], steps: list[tuple[Any, ...]]) -> None:
    cluster = kl.Cluster(1, seed=5)
    before: dict[str, int] = {}
    looked = cluster.elapsed
    for step in [*crowd, ("run", 33.0), *steps]:
        do(cluster, step)
        node = next(iter(cluster.list("nodes")))
        ready = {condition["type"]: condition["status"] for condition in node["status"]["conditions"]}["Ready"]
        if ready != "True" or step[0] == "kubelet crash":
            cluster.run("60s")
        before = check(cluster, before, cluster.elapsed - looked)
        looked = cluster.elapsed
    check_throttling(cluster)
    often, once = cluster.fork(), cluster.fork()
    for _ in range(6):
        often.run("5s")
        check(often, {}, 0)
    once.run("30s")
    assert often.cri(NODE).list_container_stats() == once.cri(NODE).list_container_stats()
    assert often.summary(NODE) == once.summary(NODE)
    assert often.prometheus(NODE, "/metrics/resource") == once.prometheus(NODE, "/metrics/resource")
