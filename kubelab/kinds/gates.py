"""Feature gates that strategies and defaults ask for, with what a release says where a cluster says nothing.

upstream: pkg/features/kube_features.go, 1.28.
"""

from __future__ import annotations

from kubelab.kinds.kind import Context

DEFAULTS_1_28 = {
    "ElasticIndexedJob": True,
    "HPAContainerMetrics": True,
    "HPAScaleToZero": False,
    "JobBackoffLimitPerIndex": False,
    "JobPodFailurePolicy": True,
    "JobPodReplacementPolicy": False,
    "MaxUnavailableStatefulSet": False,
    "PDBUnhealthyPodEvictionPolicy": True,
    "PodHostIPs": False,
    "SELinuxMountReadWriteOncePod": True,
    "SidecarContainers": False,
    "StatefulSetAutoDeletePVC": True,
    "StatefulSetStartOrdinal": True,
    "TopologyAwareHints": True,
}

KNOWN = tuple(sorted(DEFAULTS_1_28))


def enabled(ctx: Context, name: str) -> bool:
    """Whether a gate is on; none of these existed in 1.7."""
    if name in ctx.gates:
        return ctx.gates[name]
    return ctx.release != "1.7" and DEFAULTS_1_28[name]
