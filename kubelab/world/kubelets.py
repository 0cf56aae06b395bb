"""Kubelet-side presets: what a node's runtime, registry and API limits cost, as somebody has published it. Each is a handful of figures for ``Timing``.

upstream: pkg/kubelet/apis/config/v1beta1/defaults.go, 1.20 and 1.28; the other sources stand in the table. See docs/timing.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from kubelab.world.clock import MILLISECOND


class KubeletPreset(NamedTuple):
    """``figures``: those of ``Timing`` that it changes. ``source``: who measured what, where and when."""

    figures: Mapping[str, int | float]
    source: str


KUBELETS: dict[str, KubeletPreset] = {
    "cri-containerd-1.0": KubeletPreset(
        {
            "sandbox_ns": 780 * MILLISECOND,
            "container_create_ns": 0,
            "container_start_ns": 170 * MILLISECOND,
            "container_stop_ns": 120 * MILLISECOND,
        },
        "github.com/kunalkushwaha/ctr-powertest, issue 3 (2018-02-07): cri-containerd 1.0.0-beta.1 through CRI, averages of 50 containers: create 0.78 s, "
        "start 0.17 s, stop 0.12 s. Its create is RunPodSandbox, on the host's network, and CreateContainer; it stands at the sandbox.",
    ),
    "docker-azure-ssd": KubeletPreset(
        {"container_create_ns": 0, "container_start_ns": 568 * MILLISECOND},
        "Khan, Decomposing Docker Container Startup Performance, arXiv 2602.15214 (2026): start of a container by Docker on Azure Premium SSD, 568 ms, "
        "50 iterations. One figure for creating and starting; it stands at the start.",
    ),
    "docker-azure-hdd": KubeletPreset(
        {"container_create_ns": 0, "container_start_ns": 1157 * MILLISECOND},
        "Khan, Decomposing Docker Container Startup Performance, arXiv 2602.15214 (2026): start of a container by Docker on Azure Standard HDD, 1157 ms, "
        "50 iterations. One figure for creating and starting; it stands at the start.",
    ),
    "pull-containerd-2.1": KubeletPreset(
        {"pull_bytes_per_second": 50_581_000, "pull_ns": 0},
        "github.com/containerd/containerd, issue 11775 (2025-04-30): a kubelet with containerd 2.1.0-rc.0 pulled 4,149,299,364 bytes in 1m22.032s.",
    ),
    "pull-containerd-2.1-multipart": KubeletPreset(
        {"pull_bytes_per_second": 94_949_000, "pull_ns": 0},
        "github.com/containerd/containerd, issue 11775 (2025-04-30): containerd 2.1.0-rc.0 pulled the same 4,149,299,364 bytes in 43.7s with multipart "
        "layer fetch, outside of the kubelet.",
    ),
    "pull-registry": KubeletPreset(
        {"pull_bytes_per_second": 25_000_000},
        "github.com/containerd/containerd, issue 8160 (2023-02-24): about 25 MB/s per layer from a registry that limits bandwidth.",
    ),
    "pull-cache": KubeletPreset(
        {"pull_bytes_per_second": 130_000_000},
        "github.com/containerd/containerd, issue 8160 (2023-02-24): about 130 MB/s from a cache near the node.",
    ),
    "kubelet-1.20": KubeletPreset(
        {"kubelet_qps": 5.0, "kubelet_burst": 10, "kubelet_event_qps": 5.0, "kubelet_event_burst": 10},
        "kubernetes/kubernetes 1.20, pkg/kubelet/apis/config/v1beta1/defaults.go: kubeAPIQPS 5, kubeAPIBurst 10, eventRecordQPS 5, eventBurst 10.",
    ),
    "kubelet-1.28": KubeletPreset(
        {"kubelet_qps": 50.0, "kubelet_burst": 100, "kubelet_event_qps": 50.0, "kubelet_event_burst": 100},
        "kubernetes/kubernetes 1.28, pkg/kubelet/apis/config/v1beta1/defaults.go: kubeAPIQPS 50, kubeAPIBurst 100, eventRecordQPS 50, eventBurst 100.",
    ),
}
