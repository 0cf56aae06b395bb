"""What the kubelet asks of cgroups, for a container and for a pod.

upstream: pkg/kubelet/kuberuntime/kuberuntime_container_linux_test.go TestCalculateLinuxResources, pkg/kubelet/cm/helpers_linux_test.go
TestResourceConfigForPod, 1.28.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.cri.usage.shares import QUOTA_PERIOD_US, milli_cpu_to_shares
from kubelab.kinds.core.pod import qos_class
from kubelab.kubelet.pod.resources import of_container, of_pod

Object = dict[str, Any]
MIB = 1 << 20


def given(cpu: str | None, memory: str | None) -> Object:
    return {name: text for name, text in (("cpu", cpu), ("memory", memory)) if text is not None}


def container(requests: tuple[str | None, str | None], limits: tuple[str | None, str | None]) -> Object:
    return {"name": "c", "resources": {"requests": given(*requests), "limits": given(*limits)}}


def pod(*containers: Object, **spec: Any) -> Object:
    whole = {"containers": list(containers), **spec}
    return {"metadata": {"uid": "u"}, "spec": whole, "status": {"qosClass": qos_class(whole)}}


NONE = (None, None)


@pytest.mark.parametrize(("name", "request_", "limit", "memory", "shares", "quota", "memory_limit"), [
    ("Request128MBLimit256MB", "1", "2", "128Mi", 1024, 200_000, 134_217_728),
    ("RequestNoMemory", "2", "8", "0", 2048, 800_000, 0),
    ("RequestNilCPU", None, "2", "0", 2048, 200_000, 0),
    ("RequestZeroCPU", "0", "2", "0", 2, 200_000, 0),
    ("neither", None, None, None, 2, 0, 0),
])  # fmt: skip
def test_a_containers_resources(
    name: str, request_: str | None, limit: str | None, memory: str | None, shares: int, quota: int, memory_limit: int
) -> None:
    one = container((request_, None), (limit, memory))
    found = of_container(pod(one), one, None)
    assert (found.cpu_shares, found.cpu_quota, found.memory_limit) == (shares, quota, memory_limit)
    assert found.cpu_period == QUOTA_PERIOD_US


SMALL, BIG = ("100m", "100Mi"), ("200m", "200Mi")
PARTIAL = [container(("100m", "100m"), ("100m", "100Mi")), container(("100m", "100m"), NONE)]


@pytest.mark.parametrize(("name", "whole", "shares", "quota", "memory"), [
    ("besteffort", pod(container(NONE, NONE)), 2, 0, 0),
    ("besteffort, with overhead", pod(container(NONE, NONE), overhead={"cpu": "500m", "memory": "1Gi"}), 2, 0, 0),
    ("burstable-no-limits", pod(container(SMALL, NONE)), milli_cpu_to_shares(100), 0, 0),
    ("burstable-with-limits", pod(container(SMALL, BIG)), milli_cpu_to_shares(100), 20_000, 200 * MIB),
    ("burstable-partial-limits", pod(container(SMALL, BIG), container(SMALL, NONE)), milli_cpu_to_shares(200), 0, 0),
    ("guaranteed", pod(container(SMALL, SMALL)), milli_cpu_to_shares(100), 10_000, 100 * MIB),
    ("burstable-partial-limits-with-init-containers", pod(*PARTIAL, initContainers=PARTIAL), milli_cpu_to_shares(200), 0, 0),
    ("guaranteed, with overhead", pod(container(SMALL, SMALL), overhead={"cpu": "50m", "memory": "10Mi"}), milli_cpu_to_shares(150), 15_000,
     110 * MIB),
])  # fmt: skip
def test_a_pods_resources(name: str, whole: Object, shares: int, quota: int, memory: int) -> None:
    found, parent, _ = of_pod(whole)
    assert (found.cpu_shares, found.cpu_quota, found.memory_limit) == (shares, quota, memory)
    assert parent == {
        "BestEffort": "/kubepods/besteffort/podu", "Burstable": "/kubepods/burstable/podu", "Guaranteed": "/kubepods/podu",
    }[whole["status"]["qosClass"]]  # fmt: skip
