"""Nodes that run short of something, as a user sees them. Facts: upstream's pkg/kubelet/eviction, pkg/kubelet/images, 1.28."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import kubelab as kl
from tests.builders import deployment

Object = dict[str, Any]


def node(name: str = "small", memory: str = "8Gi", disk: str = "100Gi") -> Object:
    capacity = {"cpu": "4", "memory": memory, "ephemeral-storage": disk, "pods": "110"}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "status": {"capacity": capacity}}


def pod(
    name: str, image: str = "nginx:1.25", *, on: str = "small", priority: str = "", limits: Object | None = None, **requests: str
) -> Object:
    resources = {"requests": requests, "limits": limits or {}}
    spec: Object = {"nodeName": on, "containers": [{"name": "c", "image": image, "resources": resources}]}
    if priority:
        spec["priorityClassName"] = priority
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": spec}


def usage(app: str, **curves: Any) -> Object:
    spec = {"selector": {"matchLabels": {"app": app}}, **curves}
    return {"apiVersion": "lab.kubelab.dev/v1", "kind": "Usage", "metadata": {"name": app}, "spec": spec}


def ramp(first: str, last: str, over: str) -> Object:
    return {"ramp": {"from": first, "to": last, "over": over}}


def pressures(cluster: kl.Cluster, name: str = "small") -> list[str]:
    return [
        each["type"] for each in cluster[f"node/{name}"]["status"]["conditions"] if each["status"] == "True" and each["type"] != "Ready"
    ]


def events(cluster: kl.Cluster, reason: str) -> list[str]:
    return [event["message"] for event in cluster.list("events") if event["reason"] == reason]


def verdict(cluster: kl.Cluster, name: str) -> tuple[str, str]:
    status = cluster[f"pod/{name}"]["status"]
    return status["phase"], status.get("reason", "")


def test_the_pod_beyond_its_request_goes_and_the_node_recovers(make: Callable[..., kl.Cluster]) -> None:
    cluster = make([node(memory="1Gi"), node("other")], seed=7)
    cluster.apply([pod("leak", memory="100Mi"), pod("calm", memory="200Mi"), pod("free"), usage("leak", memory=ramp("10Mi", "2Gi", "10m"))])
    cluster.run("5m")
    assert verdict(cluster, "leak") == ("Failed", "Evicted")
    assert verdict(cluster, "calm") == verdict(cluster, "free") == ("Running", "")
    message = cluster["pod/leak"]["status"]["message"]
    assert message.startswith("The node was low on resource: memory. Threshold quantity: 100Mi, available: ")
    (event,) = [each for each in cluster.list("events") if each["reason"] == "Evicted"]
    notes = event["metadata"]["annotations"]  # upstream: evictionMessage's annotations
    assert (notes["offending_containers"], notes["starved_resource"]) == ("c", "memory")
    assert f"Container c was using {notes['offending_containers_usage']}, request is 100Mi" in message
    assert message.endswith(", request is 100Mi, has larger consumption of memory. ")
    assert events(cluster, "Evicted") == [message]
    (target,) = [each for each in cluster["pod/leak"]["status"]["conditions"] if each["type"] == "DisruptionTarget"]
    assert (target["status"], target["reason"], target["message"]) == ("True", "TerminationByKubelet", message)
    assert events(cluster, "EvictionThresholdMet") == ["Attempting to reclaim memory"]
    assert pressures(cluster) == ["MemoryPressure"]
    assert [taint["key"] for taint in cluster["node/small"]["spec"]["taints"]] == ["node.kubernetes.io/memory-pressure"]
    cluster.apply([pod("late"), pod("asks", memory="10Mi")])
    cluster.run("5s")
    assert verdict(cluster, "late") == ("Failed", "Evicted")
    assert cluster["pod/late"]["status"]["message"] == "Pod was rejected: The node had condition: [MemoryPressure]. "
    cluster.run("10s")
    assert verdict(cluster, "asks") == ("Running", "")
    cluster.run("5m")
    assert pressures(cluster) == []
    assert not cluster["node/small"]["spec"].get("taints")


def test_images_and_dead_containers_go_before_pods(make: Callable[..., kl.Cluster]) -> None:
    cluster = make([node(disk="10Gi")], seed=7)
    cluster.apply(pod("old", "postgres:16"))
    cluster.run("1m").delete("pod/old")
    cluster.run("5m")
    cluster.apply([pod("writer"), pod("calm"), usage("writer", disk=ramp("10Mi", "12Gi", "20m"))])
    cluster.run(until=lambda c: pressures(c) == ["DiskPressure"], timeout="20m")
    assert events(cluster, "EvictionThresholdMet") == ["Attempting to reclaim ephemeral-storage"]
    assert verdict(cluster, "writer") == ("Running", "")
    assert [image["names"][-1] for image in cluster["node/small"]["status"]["images"]] == ["docker.io/library/nginx:1.25"]
    cluster.run("2m")
    assert verdict(cluster, "writer") == ("Failed", "Evicted")
    assert verdict(cluster, "calm") == ("Running", "")
    assert "has larger consumption of ephemeral-storage. " in cluster["pod/writer"]["status"]["message"]


def test_low_priorities_go_first_and_critical_pods_stay(make: Callable[..., kl.Cluster]) -> None:
    cluster = make([node(memory="1Gi")], seed=7)
    cluster.apply({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "low"}, "value": -5})
    cluster.apply([pod("critical", priority="system-node-critical"), pod("low", priority="low"), pod("plain")])
    cluster.apply(
        [
            usage("critical", memory=ramp("600Mi", "2Gi", "30m")),
            usage("plain", memory={"constant": "100Mi"}),
            usage("low", memory={"constant": "20Mi"}),
        ]
    )
    cluster.run(until=lambda c: verdict(c, "low")[0] == "Failed", timeout="10m")
    assert verdict(cluster, "plain") == ("Running", "")
    cluster.run(until=lambda c: verdict(c, "plain")[0] == "Failed", timeout="10m")
    assert verdict(cluster, "critical") == ("Running", "")


def test_a_limit_on_local_storage(make: Callable[..., kl.Cluster]) -> None:
    cluster = make([node()], seed=7)
    cluster.apply([pod("writer", limits={"ephemeral-storage": "1Gi"}), usage("writer", disk=ramp("1Mi", "2Gi", "5m"))])
    cluster.run("4m")
    assert verdict(cluster, "writer") == ("Failed", "Evicted")
    assert cluster["pod/writer"]["status"]["message"] == "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. "
    assert not [each for each in cluster["pod/writer"]["status"]["conditions"] if each["type"] == "DisruptionTarget"]
    assert pressures(cluster) == []


def test_a_volume_that_outgrows_its_size_limit(make: Callable[..., kl.Cluster]) -> None:
    cluster = make([node()], seed=7)
    script = "while true; do printf 0123456789012345678901234567890123456789 >> /data/log; sleep 1; done"
    for name, medium in (("disk", {}), ("memory", {"medium": "Memory"})):
        writer = pod(name, "busybox:1.36")
        writer["spec"]["containers"][0] |= {"command": ["sh", "-c", script], "volumeMounts": [{"name": "data", "mountPath": "/data"}]}
        writer["spec"]["volumes"] = [{"name": "data", "emptyDir": {"sizeLimit": "1Ki", **medium}}]
        cluster.apply(writer)
    cluster.run("20s")
    assert verdict(cluster, "disk") == verdict(cluster, "memory") == ("Running", "")
    cluster.run("90s")
    assert verdict(cluster, "disk") == verdict(cluster, "memory") == ("Failed", "Evicted")
    assert cluster["pod/disk"]["status"]["message"] == 'Usage of EmptyDir volume "data" exceeds the limit "1Ki". '
    cluster.delete("pod/disk")
    cluster.delete("pod/memory")
    cluster.run("1m")
    assert cluster._engine.machines["small"]["bounded"] == {}


def test_images_that_nobody_uses_are_collected_at_85_percent(make: Callable[..., kl.Cluster]) -> None:
    cluster = make([node(disk="980Mi")], seed=7)
    cluster.apply(pod("first", "redis:7"))
    cluster.run("1m").delete("pod/first")
    cluster.apply(pod("second", "mongo:7"))
    cluster.run(until="pod/second ready", timeout="5m")
    cluster.run("11m")
    assert pressures(cluster) == []
    assert [image["names"][-1] for image in cluster["node/small"]["status"]["images"]] == ["docker.io/library/mongo:7"]
    assert events(cluster, "EvictionThresholdMet") == []


def test_a_collection_that_finds_too_little_is_told(make: Callable[..., kl.Cluster]) -> None:
    cluster = make([node(disk="497Mi")], seed=7)
    cluster.apply(pod("db", "postgres:16"))
    cluster.run("12m")
    assert pressures(cluster) == []
    found = events(cluster, "FreeDiskSpaceFailed")
    assert len(found) == 1
    assert found[0].startswith("Failed to garbage collect required amount of images. Attempted to free ")
    assert found[0].endswith(" bytes, but only found 0 bytes eligible to free.")
    assert events(cluster, "ImageGCFailed") == found


def test_a_workload_moves_to_where_there_is_room(make: Callable[..., kl.Cluster]) -> None:
    cluster = make([node(memory="1Gi"), node("roomy")], seed=7)
    cluster.apply([deployment(replicas=4), usage("web", memory=ramp("10Mi", "600Mi", "5m"))])
    cluster.run("20m")
    pods = cluster.list("pods", selector="app=web")
    assert len([each for each in pods if each["status"]["phase"] == "Running"]) == 4
    assert any(each["status"].get("reason") == "Evicted" for each in pods)


def test_a_roomy_node_never_looks(make: Callable[..., kl.Cluster]) -> None:
    cluster = make(3, seed=7)
    cluster.apply([deployment(replicas=30), usage("web", cpu={"constant": "10m"}, memory={"constant": "50Mi"})])
    cluster.run("10m")
    runners = [cluster._engine.runners[f"kubelet/node-{number}"] for number in (1, 2, 3)]
    assert not any("eviction" in runner.memory for runner in runners)


def test_soft_thresholds_wait_and_give_grace(make: Callable[..., kl.Cluster]) -> None:
    soft = node(memory="2Gi")
    flags = {"soft": "memory.available<1Gi", "soft-grace-period": "memory.available=1m", "max-pod-grace-period": "20"}
    flags["pressure-transition-period"] = "30s"
    soft["metadata"]["annotations"] = {f"lab.kubelab.dev/eviction-{name}": text for name, text in flags.items()}
    cluster = make([soft], seed=7)
    sleeper = pod("busy", "busybox:1.36")
    sleeper["spec"]["containers"][0]["command"] = ["sh", "-c", "trap '' TERM; while true; do sleep 1; done"]
    cluster.apply([sleeper, usage("busy", memory={"constant": "1200Mi"})])
    cluster.run(until=lambda c: pressures(c) == ["MemoryPressure"], timeout="1m")
    assert verdict(cluster, "busy") == ("Running", "")
    seen = cluster.run(until=lambda c: events(c, "Evicted") != [], timeout="2m").elapsed
    assert seen > 60
    cluster.run(until=lambda c: verdict(c, "busy")[0] == "Failed", timeout="1m")
    assert 20 <= cluster.elapsed - seen < 22
    cluster.run("1m")
    assert pressures(cluster) == []


def test_a_hard_threshold_leaves_a_pod_its_own_grace(make: Callable[..., kl.Cluster]) -> None:
    """upstream: calculateEffectiveGracePeriod makes of an override of 0 what the pod asks for (1.28; mended later)."""
    cluster = make([node(memory="1Gi")], seed=7)
    stubborn = pod("stubborn", "busybox:1.36")
    stubborn["spec"]["containers"][0]["command"] = ["sh", "-c", "trap '' TERM; while true; do sleep 1; done"]
    cluster.apply([stubborn, usage("stubborn", memory={"constant": "700Mi"})])
    cluster.run(until="pod/stubborn ready", timeout="1m")
    cluster.apply([pod("full"), usage("full", memory={"constant": "130Mi"})])
    seen = cluster.run(until=lambda c: events(c, "Evicted") != [], timeout="2m").elapsed
    cluster.run(until=lambda c: verdict(c, "stubborn")[0] == "Failed", timeout="2m")
    assert 30 <= cluster.elapsed - seen < 32
    assert events(cluster, "ExceededGracePeriod") == ["Container runtime did not kill the pod within specified grace period."]
    assert verdict(cluster, "full") == ("Running", "")


def test_a_configuration_that_cannot_be_followed_is_told(make: Callable[..., kl.Cluster]) -> None:
    wrong = node()
    wrong["metadata"]["annotations"] = {"lab.kubelab.dev/eviction-hard": "memory<1Gi"}
    cluster = make([wrong], seed=7)
    cluster.run("6m")
    assert events(cluster, "InvalidEvictionConfiguration") == ["unsupported eviction signal memory; the defaults hold"]


def test_two_futures_and_a_file_agree(make: Callable[..., kl.Cluster], tmp_path: Any) -> None:
    cluster = make([node(memory="1Gi", disk="10Gi"), node("other")], seed=7)
    cluster.apply(
        [pod("leak"), pod("writer"), usage("leak", memory=ramp("10Mi", "2Gi", "8m")), usage("writer", disk=ramp("1Mi", "12Gi", "8m"))]
    )
    cluster.run(until=lambda c: pressures(c) != [], timeout="10m")
    loaded = kl.load(cluster.save(tmp_path / "x.klab"))
    fork = cluster.fork()
    logs = []
    for each in (cluster, fork, loaded):
        each.run("15m")
        logs.append(
            [(call.time_ns, call.component, call.verb, call.resource, call.name, call.code) for call in each._engine.store.log.calls]
        )
    assert logs[0] == logs[1] == logs[2]
    assert verdict(cluster, "leak") == verdict(cluster, "writer") == ("Failed", "Evicted")
