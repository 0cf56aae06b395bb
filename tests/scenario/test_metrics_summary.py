"""The kubelet's own endpoints: pkg/kubelet/{stats,server/stats,server}, 1.28; spec/cri-metrics.md sections 4 and 6."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import pytest

from tests import builders
from tests.scenario.metrics import pod, series, usage

LIMITED = {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "500m", "memory": "128Mi"}}
HELP = Path(__file__).parents[1] / "data" / "metrics" / "cadvisor-0.47.3.txt"
NOT_IN_ITS_TEST = ("container_spec_memory_", "container_blkio")  # the fake container of cAdvisor's test has no memory


@pytest.fixture
def running(make):
    cluster = make(1, seed=3)
    cluster.apply([pod("web", **LIMITED), pod("bare")])
    cluster.run("3m")
    return cluster


def pods_of(summary):
    return {one["podRef"]["name"]: one for one in summary["pods"]}


def test_a_summary_has_upstreams_fields(running):
    found = running.summary("node-1")
    node, web = found["node"], pods_of(found)["web"]
    assert list(found) == ["node", "pods"]
    assert list(node) == ["nodeName", "systemContainers", "startTime", "cpu", "memory", "network", "fs", "runtime", "rlimit", "swap"]
    assert [part["name"] for part in node["systemContainers"]] == ["kubelet", "runtime", "misc", "pods"]
    assert list(web) == [
        "podRef", "startTime", "containers", "cpu", "memory", "network", "volume", "ephemeral-storage", "process_stats", "swap"
    ]  # fmt: skip
    (container,) = web["containers"]
    assert list(container) == ["name", "startTime", "cpu", "memory", "rootfs", "logs", "swap"]
    assert list(container["memory"]) == [
        "time", "availableBytes", "usageBytes", "workingSetBytes", "rssBytes", "pageFaults", "majorPageFaults"
    ]  # fmt: skip
    assert "availableBytes" not in pods_of(found)["bare"]["containers"][0]["memory"]
    assert all(re.fullmatch(r"2026-01-01T00:0\d:\d\dZ", time) for time in (container["startTime"], container["cpu"]["time"]))


def test_cpu_and_memory_alone_leave_out_the_rest(running):
    found = running.summary("node-1", only_cpu_and_memory=True)
    assert list(found["node"]) == ["nodeName", "systemContainers", "startTime", "cpu", "memory"]
    assert list(found["node"]["systemContainers"][0]) == ["name", "startTime", "cpu", "memory"]
    assert list(pods_of(found)["web"]) == ["podRef", "startTime", "containers", "cpu", "memory"]
    assert list(pods_of(found)["web"]["containers"][0]) == ["name", "startTime", "cpu", "memory"]


def test_numbers_are_those_of_the_last_look_and_as_old(running):
    container = pods_of(running.summary("node-1"))["web"]["containers"][0]
    age = (running.now - datetime.fromisoformat(container["cpu"]["time"])).total_seconds()
    assert 0 <= age <= 31
    running.run("1s")
    later = pods_of(running.summary("node-1"))["web"]["containers"][0]
    assert later["cpu"] == container["cpu"] or later["cpu"]["usageCoreNanoSeconds"] > container["cpu"]["usageCoreNanoSeconds"]


def test_a_container_looked_at_once_bears_the_runtimes_numbers(make):
    cluster = make(1, seed=3)
    cluster.apply(pod("web", **LIMITED))
    cluster.run(until="pod/web ready")
    container = pods_of(cluster.summary("node-1"))["web"]["containers"][0]
    assert list(container["memory"]) == ["time", "workingSetBytes"]
    assert datetime.fromisoformat(container["cpu"]["time"]) == cluster.now.replace(microsecond=0)
    assert "network" not in pods_of(cluster.summary("node-1"))["web"] or container["cpu"]["usageCoreNanoSeconds"] > 0


def test_the_other_provider_asks_the_runtime_alone(make):
    cluster = make(1, seed=3, feature_gates={"PodAndContainerStatsFromCRI": True})
    cluster.apply([pod("web", **LIMITED), pod("bare")])
    cluster.run("3m")
    found = pods_of(cluster.summary("node-1"))
    now = cluster.now.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert {found["web"]["cpu"]["time"], found["web"]["containers"][0]["cpu"]["time"], found["web"]["network"]["time"]} == {now}
    assert list(found["web"]["containers"][0]["memory"]) == ["time", "workingSetBytes"]
    assert found["bare"]["memory"]["availableBytes"] == 0
    assert "swap" not in found["web"]
    assert pods_of(cluster.summary("node-1", only_cpu_and_memory=True))["web"]["containers"] is None


def test_looking_often_changes_nothing(running):
    once, often = running.fork(), running.fork()
    for _ in range(20):
        often.run("3s")
        often.summary("node-1")
        often.prometheus("node-1", "/metrics/cadvisor")
        often.request("GET", "/apis/metrics.k8s.io/v1beta1/pods")
    once.run("60s")
    assert often.summary("node-1") == once.summary("node-1")
    assert often.prometheus("node-1") == once.prometheus("node-1")
    path = "/apis/metrics.k8s.io/v1beta1/pods"
    assert often.request("GET", path) == once.request("GET", path)


def test_a_gauge_is_the_counters_mean_over_its_window(running):
    running.apply(usage("web", cpu={"sine": {"mean": "200m", "amplitude": "150m", "period": "40s"}}))
    running.run("3m")
    frame = running.frames.stats()
    own = frame[frame["pod"] == "web"].reset_index(drop=True)
    assert len(own) >= 5
    counted = own["cpu_seconds"].diff()[1:] / own["window"][1:]
    assert (abs(counted - own["cpu"][1:]) < 1e-6).all()
    assert own["cpu"][1:].std() > 0.005


def test_throttling_has_series_only_under_a_quota(running):
    running.apply(usage("web", cpu={"constant": "1"}))
    running.run("2m")
    found = series(running.prometheus("node-1", "/metrics/cadvisor"))
    throttled = {name: value for name, (value, _) in found.items() if name.startswith("container_cpu_cfs_throttled_periods_total")}
    assert [re.search('pod="([^"]*)"', name)[1] for name in throttled if 'container="c"' in name] == ["web"]
    assert all(value > 500 for name, value in throttled.items() if 'container="c"' in name)


def test_every_family_of_cadvisor_is_described_in_its_own_words(running):
    known = set(HELP.read_text().splitlines())
    ours = [line for line in running.prometheus("node-1", "/metrics/cadvisor").splitlines() if line.startswith("# ")]
    assert len(ours) > 80
    assert [line for line in ours if line not in known and not line.split()[2].startswith(NOT_IN_ITS_TEST)] == []


def test_a_pods_own_cgroup_counts_its_containers_again(running):
    found = series(running.prometheus("node-1", "/metrics/cadvisor"))
    mine = {name: one for name, one in found.items() if name.startswith("container_memory_working_set_bytes") and 'pod="web"' in name}
    by_kind = {
        re.search('container="([^"]*)",id="([^"]*)",image="([^"]*)"', name).groups()[::2]: value for name, (value, _) in mine.items()
    }
    assert set(by_kind) == {("", ""), ("", "registry.k8s.io/pause:3.9"), ("c", "docker.io/library/nginx:1.25")}
    assert by_kind["", ""] == by_kind["", "registry.k8s.io/pause:3.9"] + by_kind["c", "docker.io/library/nginx:1.25"]
    network = [name for name in found if name.startswith("container_network_receive_bytes_total")]
    assert [re.search('image="([^"]*)"', name)[1] for name in network if 'pod=""' not in name] == ["registry.k8s.io/pause:3.9"] * 2


def test_pages_through_the_api_server(running):
    base = "/api/v1/nodes/node-1/proxy"
    assert running.request("GET", f"{base}/stats/summary") == (200, running.summary("node-1"))
    assert running.request("GET", f"{base}/stats/summary?only_cpu_and_memory=true")[1] == running.summary(
        "node-1", only_cpu_and_memory=True
    )
    assert running.request("GET", f"{base}/metrics/resource") == (200, running.prometheus("node-1", "/metrics/resource"))
    assert running.request("GET", "/api/v1/nodes/https:node-1:10250/proxy/healthz") == (200, "ok")
    assert running.request("GET", f"{base}/nothing") == (404, "404 page not found")
    assert len(running.request("GET", f"{base}/pods/")[1]["items"]) == 2
    code, refusal = running.request("GET", f"{base}/stats/summary", user="bob")
    assert (code, refusal["message"]) == (
        403,
        'nodes "node-1" is forbidden: User "bob" cannot get resource "nodes/proxy" in API group "" at the cluster scope',
    )
    code, refusal = running.request("GET", "/api/v1/nodes/nobody/proxy/healthz")
    assert (code, refusal["message"]) == (404, 'nodes "nobody" not found')


def test_a_kubelet_that_is_down_cannot_be_asked(running):
    running.fault("ComponentCrash", components=["kubelet/node-1"])
    running.run("1s")
    code, refusal = running.request("GET", "/api/v1/nodes/node-1/proxy/metrics/resource")
    assert code == 503
    assert re.fullmatch(r"error trying to reach service: dial tcp [\d.]+:10250: connect: connection refused", refusal["message"])


def test_wrong_names_are_told(running):
    with pytest.raises(ValueError, match="there is no node 'nope': there are node-1"):
        running.summary("nope")
    with pytest.raises(ValueError, match="the kubelet has no page '/metrix': use one of /metrics/resource"):
        running.prometheus("node-1", "/metrix")


def test_behind_the_gate_the_page_is_the_runtimes(make):
    cluster = make(1, seed=3, feature_gates={"PodAndContainerStatsFromCRI": True})
    cluster.apply(pod("web", **LIMITED))
    cluster.run("1m")
    text = cluster.prometheus("node-1", "/metrics/cadvisor")
    assert "# HELP container_memory_working_set_bytes [INTERNAL] " in text
    assert "container_last_seen{" in text or "container_cpu_usage_seconds_total{" in text
    assert "machine_cpu_cores{" in text
    assert "cadvisor_version_info" not in text
    now_ms = round(cluster.now.timestamp() * 1000)
    assert {time for name, (_, time) in series(text).items() if name.startswith("container_")} == {now_ms}


def test_probes_are_counted_by_their_results(make):
    """Also those of a container whose answer cannot change, which the lab does not make."""
    cluster = make(1, seed=3)
    steady = {"readinessProbe": {"httpGet": {"port": 80}, "periodSeconds": 5}}
    failing = {"livenessProbe": {"tcpSocket": {"port": 81}, "periodSeconds": 4, "failureThreshold": 1}}
    good = builders.container("nginx:1.25", ports=[{"containerPort": 80}], **steady)
    cluster.apply([builders.pod("good", good), builders.pod("bad", builders.container(**failing))])
    cluster.run("63s")
    found = series(cluster.prometheus("node-1", "/metrics/probes"))
    totals = {
        re.search('pod="([^"]*)"', name)[1]: (name, value) for name, (value, _) in found.items() if name.startswith("prober_probe_total")
    }
    assert 'probe_type="Readiness",result="successful"' in totals["good"][0]
    ready = next(one for one in cluster["pod/good"]["status"]["containerStatuses"])
    seconds = (cluster.now - datetime.fromisoformat(ready["state"]["running"]["startedAt"])).total_seconds()
    assert seconds / 5 - 1 <= totals["good"][1] <= seconds / 5 + 2
    assert 'probe_type="Liveness",result="failed"' in totals["bad"][0]
    assert totals["bad"][1] >= 2
    counts = [
        value for name, (value, _) in found.items() if name.startswith("prober_probe_duration_seconds_count") and 'pod="good"' in name
    ]
    assert counts == [totals["good"][1]]
    assert cluster.fork().prometheus("node-1", "/metrics/probes") == cluster.prometheus("node-1", "/metrics/probes")


def test_ephemeral_storage_adds_up(make):
    """checkEphemeralStorageStats: writable layers, logs, local volumes, the hosts file; not the volumes of claims."""
    cluster = make(1, seed=3)
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}}
    claim["spec"] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    script = "echo hello > /scratch/a; echo world > /data/b; while true; do echo line; sleep 1; done"
    mounts = [{"name": "scratch", "mountPath": "/scratch"}, {"name": "data", "mountPath": "/data"}]
    writer = builders.container("busybox:1.36", command=["sh", "-c", script], volumeMounts=mounts)
    volumes = [{"name": "scratch", "emptyDir": {}}, {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    cluster.apply(
        [claim, usage("writer", disk={"constant": "5Mi"}), builders.pod("writer", writer, labels={"app": "writer"}, volumes=volumes)]
    )
    cluster.run("3m")
    found = pods_of(cluster.summary("node-1"))["writer"]
    (container,) = found["containers"]
    volume = {one["name"]: one for one in found["volume"]}
    assert container["rootfs"]["usedBytes"] == 5 * 2**20
    lines = len(cluster.logs("pod/writer").splitlines())
    assert container["logs"]["usedBytes"] == -(-lines * (40 + len("line\n")) // 4096) * 4096
    assert volume["scratch"]["usedBytes"] == 8192
    assert volume["data"]["pvcRef"] == {"name": "data", "namespace": "default"}
    assert (volume["data"]["capacityBytes"], volume["data"]["usedBytes"]) == (2**30, 8192)
    assert found["ephemeral-storage"]["usedBytes"] == 5 * 2**20 + container["logs"]["usedBytes"] + 8192 + 4096
    page = series(cluster.prometheus("node-1", "/metrics"))
    assert page['kubelet_volume_stats_used_bytes{namespace="default",persistentvolumeclaim="data"}'] == (8192, None)
    assert page['kubelet_volume_stats_capacity_bytes{namespace="default",persistentvolumeclaim="data"}'] == (2**30, None)


def test_what_lies_in_memory_is_no_local_storage(make):
    """upstream: pkg/volume/util IsLocalEphemeralVolume, pkg/volume/emptydir calculateEmptyDirMemorySize."""
    cluster = make(1, seed=3)
    data = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "b"}}
    volumes = [
        {"name": "tmpfs", "emptyDir": {"medium": "Memory"}},
        {"name": "small", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
        {"name": "settings", "configMap": {"name": "settings"}},
    ]
    limits = {"limits": {"memory": "64Mi"}, "requests": {"memory": "64Mi"}}
    cluster.apply([data, builders.pod("p", builders.container("nginx:1.25", resources=limits), volumes=volumes)])
    cluster.run("2m")
    found = pods_of(cluster.summary("node-1"))["p"]
    volume = {one["name"]: one for one in found["volume"]}
    assert list(volume)[0] == "settings", "local storage stands first"
    assert [volume[name]["capacityBytes"] for name in ("tmpfs", "small")] == [64 << 20, 16 << 20]
    (token,) = (one for name, one in volume.items() if name.startswith("kube-api-access"))
    assert token["capacityBytes"] == 64 << 20
    local = found["containers"][0]["rootfs"]["usedBytes"] + found["containers"][0]["logs"]["usedBytes"] + volume["settings"]["usedBytes"]
    assert found["ephemeral-storage"]["usedBytes"] == local + 4096


def test_runtime_operations_are_counted_since_the_kubelet_began(make):
    """upstream: pkg/kubelet/kuberuntime/instrumented_services.go; PLEG each second, eviction each 10 s, metrics-server each 15 s."""

    def counted(cluster):
        found = series(cluster.prometheus("node-1", "/metrics"))
        name = "kubelet_runtime_operations_total"
        return {key.partition('="')[2][:-2]: value for key, (value, _) in found.items() if key.startswith(name)}

    cluster = make(1, seed=3)
    before = counted(cluster)
    cluster.apply(builders.pod("p", builders.container("nginx:1.25")))
    cluster.run("60s")
    after = counted(cluster)
    assert {name: after[name] for name in ("run_podsandbox", "create_container", "start_container", "pull_image")} == {
        "run_podsandbox": 1,
        "create_container": 1,
        "start_container": 1,
        "pull_image": 1,
    }
    assert after["list_container_stats"] - before["list_container_stats"] == 60 // 10 + 60 // 15
    assert after["list_containers"] - before["list_containers"] == 60 + 60 // 10 + 60 // 15 + 1
    cluster.delete("pod/p")
    cluster.run("60s")
    assert all(counted(cluster)[name] >= count for name, count in after.items()), "counters never fall"
    gated = counted(make(1, seed=3, feature_gates={"PodAndContainerStatsFromCRI": True}))
    assert gated["list_podsandbox_stats"] == before["list_container_stats"]
    assert "list_container_stats" not in gated


def test_a_kubelet_that_does_not_run_answers_nothing(make):
    cluster = make(1, seed=3)
    cluster.fault("NodeCrash", nodes=["node-1"], duration="1m")
    cluster.run("5s")
    for ask in (cluster.summary, cluster.prometheus):
        with pytest.raises(ConnectionRefusedError, match="the kubelet of node-1 does not run"):
            ask("node-1")
    assert cluster.request("GET", "/api/v1/nodes/node-1/proxy/stats/summary")[0] == 503
    cluster.run("5m")
    assert cluster.summary("node-1")["node"]["nodeName"] == "node-1"


def test_a_machine_that_was_off_counts_from_when_it_was_switched_on(make):
    cluster = make(nodes=2)
    cluster.run("5m")
    cluster.fault("NodeCrash", nodes=["node-1"], duration="2m")
    cluster.run("10m")
    node = cluster.summary("node-1")["node"]
    assert node["startTime"] == "2026-01-01T00:07:00Z"
    assert {part["startTime"] for part in node["systemContainers"]} == {"2026-01-01T00:07:00Z"}
    assert 0 < node["cpu"]["usageCoreNanoSeconds"] <= 0.051e9 * 8 * 60
    untouched = cluster.summary("node-2")["node"]
    assert untouched["startTime"] == "2025-12-31T23:59:30Z"
