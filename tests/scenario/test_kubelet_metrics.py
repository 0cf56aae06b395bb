"""What a kubelet tells of its own work on ``/metrics``.

upstream: pkg/kubelet/metrics/metrics.go, pkg/kubelet/kuberuntime/instrumented_services_test.go (TestRecordOperation),
pkg/kubelet/pleg/generic.go, 1.28.
"""

from __future__ import annotations

import pytest

import kubelab as kl
from tests import builders
from tests.scenario.metrics import series

OPERATIONS = "kubelet_runtime_operations_duration_seconds"


def told(cluster: kl.Cluster, node: str = "node-1") -> dict[str, float]:
    return {key: value for key, (value, _) in series(cluster.prometheus(node, "/metrics")).items()}


def lasting(found: dict[str, float], operation: str) -> tuple[float, float]:
    """Count and sum of an operation."""
    return tuple(found[f'{OPERATIONS}_{part}{{operation_type="{operation}"}}'] for part in ("count", "sum"))  # type: ignore[return-value]


def test_operations_last_as_long_as_the_timing_says(make) -> None:
    timing = kl.Timing(
        sandbox_ns=400_000_000, container_create_ns=50_000_000, container_start_ns=100_000_000, container_stop_ns=250_000_000
    )
    cluster = make(1, seed=3, timing=timing)
    cluster.apply(builders.pod("p", builders.container("nginx:1.25")))
    cluster.run("60s")
    cluster.delete("pod/p")
    cluster.run("30s")
    found = told(cluster)
    assert lasting(found, "run_podsandbox") == (1, 0.4)
    assert lasting(found, "create_container") == (1, 0.05)
    assert lasting(found, "start_container") == (1, 0.1)
    assert lasting(found, "stop_container") == (1, 0.25)
    assert lasting(found, "list_containers")[1] == 0
    assert found['kubelet_run_podsandbox_duration_seconds_bucket{runtime_handler="",le="0.25"}'] == 0
    assert found['kubelet_run_podsandbox_duration_seconds_bucket{runtime_handler="",le="0.5"}'] == 1
    for name in ("run_podsandbox", "stop_container", "pull_image", "status"):
        assert found[f'kubelet_runtime_operations_total{{operation_type="{name}"}}'] == lasting(found, name)[0]


def test_a_pull_lasts_as_its_size_and_a_failed_one_is_an_error(make) -> None:
    cluster = make(1, seed=3, timing=kl.Timing(pull_ns=1_000_000_000, pull_bytes_per_second=10**15))
    cluster.apply(builders.pod("p", builders.container("nginx:1.25")))
    cluster.run("20s")
    assert lasting(told(cluster), "pull_image") == pytest.approx((1, 1.0), abs=1e-5)
    assert not any(key.startswith("kubelet_runtime_operations_errors_total") for key in told(cluster))
    cluster.apply(builders.pod("q", builders.container("nginx:1.161")))
    cluster.run("5s")
    failed = 'kubelet_runtime_operations_errors_total{operation_type="pull_image"}'
    assert told(cluster)[failed] == told(cluster)['kubelet_runtime_operations_total{operation_type="pull_image"}'] - 1 > 0


def test_a_stop_lasts_until_the_container_has_ended(make) -> None:
    cluster = make(1, seed=3)
    script = "trap '' TERM; while true; do sleep 1; done"
    cluster.create({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "stubborn"},
        "spec": {"terminationGracePeriodSeconds": 7,
                 "containers": [{"name": "c", "image": "busybox:1.36", "command": ["sh", "-c", script]}]},
    })  # fmt: skip
    cluster.run("30s")
    cluster.delete("pod/stubborn")
    cluster.run("3s")
    assert f'{OPERATIONS}_count{{operation_type="stop_container"}}' not in told(cluster)
    cluster.run("10s")
    assert lasting(told(cluster), "stop_container") == pytest.approx((1, 7.1))


def test_pods_that_started_stay_counted_when_they_are_gone(make) -> None:
    cluster = make(1, seed=3)
    cluster.apply(builders.pod("p", builders.container("nginx:1.25")))
    cluster.run("60s")
    took = told(cluster)["kubelet_pod_start_duration_seconds_sum"]
    events = {event["reason"]: event for event in cluster.list("events") if event["involvedObject"]["name"] == "p"}
    assert set(events) >= {"Pulled", "Started"}
    assert 1.0 < took < 10
    cluster.delete("pod/p")
    cluster.run("60s")
    after = told(cluster)
    assert (after["kubelet_pod_start_duration_seconds_count"], after["kubelet_pod_start_duration_seconds_sum"]) == (1, took)
    assert after["kubelet_started_pods_total"] == 1


def test_the_pleg_looks_at_regular_times(make) -> None:
    cluster = make(1, seed=3)
    cluster.run("10s")
    before = told(cluster)
    cluster.run("60s")
    after = told(cluster)
    assert after["kubelet_pleg_relist_duration_seconds_count"] - before["kubelet_pleg_relist_duration_seconds_count"] == 60
    assert after["kubelet_pleg_relist_interval_seconds_sum"] - before["kubelet_pleg_relist_interval_seconds_sum"] == 60
    assert after["kubelet_pleg_last_seen_seconds"] - before["kubelet_pleg_last_seen_seconds"] == pytest.approx(60)
    cluster.fault("RuntimeHang", nodes=["node-1"])
    cluster.run("60s")
    stuck = told(cluster)
    assert 0 <= stuck["kubelet_pleg_last_seen_seconds"] - after["kubelet_pleg_last_seen_seconds"] < 1.5


def test_pods_are_counted_by_where_they_come_from(make) -> None:
    cluster = make(1, seed=3)
    cluster.apply(builders.pod("p", builders.container("nginx:1.25")))
    cluster.run("20s")
    found = told(cluster)
    assert (found['kubelet_desired_pods{static=""}'], found['kubelet_active_pods{static=""}']) == (1, 1)
    assert (found['kubelet_desired_pods{static="true"}'], found["kubelet_mirror_pods"]) == (0, 0)


def test_evictions_and_preemptions_are_counted_by_what_was_short(make) -> None:
    cluster = make(1, seed=3)
    limited = {"name": "c", "image": "nginx:1.25", "resources": {"limits": {"ephemeral-storage": "1Mi"}}}
    cluster.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "full", "labels": {"app": "full"}},
                    "spec": {"containers": [limited]}})  # fmt: skip
    cluster.create({"apiVersion": "lab.kubelab.dev/v1", "kind": "Usage", "metadata": {"name": "u", "namespace": "default"},
                    "spec": {"selector": {"matchLabels": {"app": "full"}}, "disk": {"constant": "5Mi"}}})  # fmt: skip
    asks = {"name": "c", "image": "nginx:1.25", "resources": {"requests": {"cpu": "3"}}}
    cluster.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "big"}, "spec": {"containers": [asks]}})
    cluster.run("2m")
    assert cluster.get("pod", "full")["status"]["reason"] == "Evicted"
    critical = {"nodeName": "node-1", "priorityClassName": "system-node-critical", "containers": [asks]}
    cluster.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "dns", "namespace": "kube-system"}, "spec": critical})
    cluster.run("2m")
    assert cluster.get("pod", "big")["status"]["reason"] == "Preempting"
    assert cluster.get("pod", "dns", namespace="kube-system")["status"]["phase"] == "Running"
    found = told(cluster)
    assert found['kubelet_evictions{eviction_signal="ephemeralpodfs.limit"}'] == 1
    assert found['kubelet_preemptions{preemption_signal="cpu"}'] == 1
