"""Evictions with the outcomes that upstream's node tests expect: of the pods of a test, who goes before whom, and who never.

upstream: test/e2e_node/eviction_test.go, 1.28. Thresholds are set so that a little consumption meets them, as there; sizes of files in volumes
are a thousandth of upstream's. Not here: inode and process hogs (no curve of ``Usage`` makes files or processes).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import kubelab as kl
from kubelab.cri.usage.demand import IDLE_DISK
from tests.scenario.test_evictions import events, node, pressures, usage

Object = dict[str, Any]
Make = Callable[..., kl.Cluster]
HIGH = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "high"}, "value": 999999999}


def pod(name: str, *, resources: Object | None = None, script: str = "sleep 1d", volume: Object | None = None, **spec: Any) -> Object:
    container = {"name": "c", "image": "busybox:1.36", "command": ["sh", "-c", script], "resources": resources or {}}
    if volume is not None:
        container["volumeMounts"] = [{"name": "v", "mountPath": "/v"}]
        spec["volumes"] = [{"name": "v", "emptyDir": volume}]
    whole = {"nodeName": "small", "restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [container], **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": whole}


def writes(kib: int) -> str:
    """A shell line that fills a file of so many KiB in the volume."""
    chunk = "x" * 1024
    return f"i=0; while [ $i -lt {kib} ]; do printf {chunk} >> /v/file; i=$((i+1)); done; sleep 1d"


def begin(make: Make, small: Object, **eviction: str) -> kl.Cluster:
    small["metadata"]["annotations"] = {f"lab.kubelab.dev/eviction-{name.replace('_', '-')}": text for name, text in eviction.items()}
    cluster = make([small], seed=7)
    cluster.apply(HIGH)
    cluster.run("30s")
    return cluster


def gone(cluster: kl.Cluster, *names: str) -> dict[str, int]:
    """When each of the pods was evicted, in seconds of virtual time."""
    found = {}
    for event in cluster.list("events"):
        if event["reason"] == "Evicted" and event["involvedObject"]["name"] in names:
            found[event["involvedObject"]["name"]] = event["firstTimestamp"]
    return found


def disk_left(cluster: kl.Cluster, mib: int) -> str:
    """So much less than is free now (upstream: availableBytes - diskConsumed)."""
    return str(cluster.summary("small")["node"]["fs"]["availableBytes"] - mib * 2**20)


def test_local_storage_eviction(make: Make) -> None:
    """LocalStorageEviction."""
    cluster = begin(make, node())
    cluster.patch("node/small", {"metadata": {"annotations": {
        "lab.kubelab.dev/eviction-hard": f"nodefs.available<{disk_left(cluster, 4096)}"}}})  # fmt: skip
    cluster.apply([pod("container-disk-hog"), pod("innocent-pod"), usage("container-disk-hog", disk={"ramp": {
        "from": "0", "to": "10Gi", "over": "10m"}})])  # fmt: skip
    cluster.run(until=lambda c: "DiskPressure" in pressures(c), timeout="15m")
    cluster.run("1m")
    assert set(gone(cluster, "container-disk-hog", "innocent-pod")) == {"container-disk-hog"}
    cluster.run(until=lambda c: not pressures(c), timeout="10m")
    assert cluster["pod/innocent-pod"]["status"]["phase"] == "Running"


def test_local_storage_soft_eviction(make: Make) -> None:
    """LocalStorageSoftEviction: soft grace 1m, max pod grace 30, ``memory.available<0%`` switches hard thresholds off."""
    cluster = begin(make, node())
    cluster.patch("node/small", {"metadata": {"annotations": {f"lab.kubelab.dev/eviction-{name}": text for name, text in (
        ("hard", "memory.available<0%"), ("soft", f"nodefs.available<{disk_left(cluster, 4096)}"),
        ("soft-grace-period", "nodefs.available=1m"), ("max-pod-grace-period", "30"))}}})  # fmt: skip
    cluster.apply([pod("container-disk-hog"), pod("innocent-pod"), usage("container-disk-hog", disk={"ramp": {
        "from": "0", "to": "10Gi", "over": "10m"}})])  # fmt: skip
    cluster.run(until=lambda c: "DiskPressure" in pressures(c), timeout="15m")
    cluster.run("40s")
    assert gone(cluster, "container-disk-hog") == {}
    cluster.run("1m")
    assert set(gone(cluster, "container-disk-hog", "innocent-pod")) == {"container-disk-hog"}


LIMIT = {"limits": {"ephemeral-storage": "100Ki"}}
OVER, UNDER = 101, 80  # KiB: a directory takes a block of its own


@pytest.mark.parametrize(("name", "kib", "volume", "resources", "evicted"), [
    # LocalStorageCapacityIsolationEviction
    ("emptydir-disk-sizelimit", OVER, {"sizeLimit": "100Ki"}, {}, True),
    ("container-emptydir-disk-limit", OVER, {}, LIMIT, True),
    ("emptydir-disk-below-sizelimit", UNDER, {"sizeLimit": "100Ki"}, {}, False),
    # LocalStorageCapacityIsolationMemoryBackedVolumeEviction
    ("emptydir-memory-over-volume-sizelimit", 2 * OVER, {"medium": "Memory", "sizeLimit": "100Ki"}, {}, True),
    ("emptydir-memory-over-container-sizelimit", 2 * OVER, {"medium": "Memory"}, LIMIT, False),
    ("emptydir-memory-innocent", UNDER, {"medium": "Memory", "sizeLimit": "100Ki"}, {}, False),
])  # fmt: skip
def test_volumes_against_limits(make: Make, name: str, kib: int, volume: Object, resources: Object, evicted: bool) -> None:
    cluster = begin(make, node(), hard="memory.available<0%")
    cluster.apply(pod(name, script=writes(kib), volume=volume, resources=resources))
    cluster.run("3m")
    assert (name in gone(cluster, name)) is evicted
    assert pressures(cluster) == []


@pytest.mark.parametrize(("mib", "evicted"), [(101, True), (99, False)])
def test_a_writable_layer_against_a_limit(make: Make, mib: int, evicted: bool) -> None:
    """LocalStorageCapacityIsolationEviction: container-disk-limit, container-disk-below-sizelimit."""
    cluster = begin(make, node(), hard="memory.available<0%")
    limits = {"limits": {"ephemeral-storage": "100Mi"}}
    cluster.apply([pod("writer", resources=limits), usage("writer", disk={"ramp": {"from": "0", "to": f"{mib}Mi", "over": "1m"}})])
    cluster.run("3m")
    assert ("writer" in gone(cluster, "writer")) is evicted


def test_priority_memory_eviction_ordering(make: Make) -> None:
    """PriorityMemoryEvictionOrdering."""
    cluster = begin(make, node(memory="4Gi"))
    available = cluster.summary("small")["node"]["memory"]["availableBytes"] - 600 * 2**20
    cluster.patch("node/small", {"metadata": {"annotations": {"lab.kubelab.dev/eviction-hard": f"memory.available<{available}"}}})
    both = {"memory": "300Mi"}
    hog = {"ramp": {"from": "10Mi", "to": "2Gi", "over": "10m"}}
    cluster.apply([
        pod("memory-hog-pod"), pod("high-priority-memory-hog-pod", priorityClassName="high"),
        pod("guaranteed-pod", resources={"requests": {**both, "cpu": "100m"}, "limits": {**both, "cpu": "100m"}}),
        usage("memory-hog-pod", memory=hog), usage("high-priority-memory-hog-pod", memory=hog),
        usage("guaranteed-pod", memory={"ramp": {"from": "10Mi", "to": "280Mi", "over": "5m"}}),
    ])  # fmt: skip
    cluster.run("20m")
    when = gone(cluster, "memory-hog-pod", "high-priority-memory-hog-pod", "guaranteed-pod")
    assert sorted(when, key=when.__getitem__) == ["memory-hog-pod", "high-priority-memory-hog-pod"]
    assert events(cluster, "EvictionThresholdMet")[0] == "Attempting to reclaim memory"


def test_priority_local_storage_eviction_ordering(make: Make) -> None:
    """PriorityLocalStorageEvictionOrdering."""
    cluster = begin(make, node())
    cluster.patch("node/small", {"metadata": {"annotations": {
        "lab.kubelab.dev/eviction-hard": f"nodefs.available<{disk_left(cluster, 4096)}"}}})  # fmt: skip
    both = {"ephemeral-storage": "300Mi"}
    hog = {"ramp": {"from": "0", "to": "10Gi", "over": "10m"}}
    cluster.apply([
        pod("best-effort-disk"), pod("high-priority-disk", priorityClassName="high"),
        pod("guaranteed-disk", resources={"requests": both, "limits": both}),
        usage("best-effort-disk", disk=hog), usage("high-priority-disk", disk=hog), usage("guaranteed-disk", disk={"constant": "297Mi"}),
    ])  # fmt: skip
    cluster.run("20m")
    when = gone(cluster, "best-effort-disk", "high-priority-disk", "guaranteed-disk")
    assert sorted(when, key=when.__getitem__) == ["best-effort-disk", "high-priority-disk"]


def test_memory_allocatable_eviction(make: Make) -> None:
    """MemoryAllocatableEviction: what pods may have together runs out long before the node does."""
    small = node(memory="8Gi")
    small["status"]["allocatable"] = {**small["status"]["capacity"], "memory": "50Mi"}
    cluster = begin(make, small)
    cluster.apply([pod("memory-hog-pod"), pod("innocent-pod"), usage("memory-hog-pod", memory={"ramp": {
        "from": "5Mi", "to": "1Gi", "over": "10m"}})])  # fmt: skip
    cluster.run("3m")
    assert set(gone(cluster, "memory-hog-pod", "innocent-pod")) == {"memory-hog-pod"}
    message = cluster["pod/memory-hog-pod"]["status"]["message"]
    assert message.startswith("The node was low on resource: memory. Threshold quantity: 100Mi, available: ")
    assert cluster.summary("small")["node"]["memory"]["availableBytes"] > 4 * 2**30


def test_a_log_against_a_limit(make: Make) -> None:
    """upstream: containerEphemeralStorageLimitEviction, podEphemeralStorageLimitEviction: logs count as a container's, the old ones too."""
    cluster = begin(make, node(), hard="memory.available<0%")
    talks = "i=0; while true; do echo talk $i; i=$((i+1)); sleep 1; done"
    cluster.apply(pod("talker", script=talks, resources={"limits": {"ephemeral-storage": f"{IDLE_DISK // 1024 + 16}Ki"}}))
    cluster.run("2m")
    assert gone(cluster, "talker") == {}
    cluster.run("6m")
    assert set(gone(cluster, "talker")) == {"talker"}
    told = f"Pod ephemeral local storage usage exceeds the total limit of containers {IDLE_DISK // 1024 + 16}Ki. "
    assert cluster["pod/talker"]["status"]["message"] == told
