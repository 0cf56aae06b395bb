"""Feature gates that strategies and defaults ask for, with what a release says where a cluster says nothing.

upstream: pkg/features/kube_features.go, 1.28 and 1.7.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

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
    "PodAndContainerStatsFromCRI": False,
    "PodHostIPs": False,
    "SELinuxMountReadWriteOncePod": True,
    "SidecarContainers": False,
    "StatefulSetAutoDeletePVC": True,
    "StatefulSetStartOrdinal": True,
    "TopologyAwareHints": True,
}


DEFAULTS_1_7 = {
    "Accelerators": False,
    "AdvancedAuditing": False,
    "AffinityInAnnotations": False,
    "AppArmor": True,
    "DynamicKubeletConfig": False,
    "DynamicVolumeProvisioning": True,
    "ExperimentalCriticalPodAnnotation": False,
    "ExperimentalHostUserNamespaceDefaulting": False,
    "ExternalTrafficLocalOnly": True,
    "LocalStorageCapacityIsolation": False,
    "PersistentLocalVolumes": False,
    "RotateKubeletClientCertificate": False,
    "RotateKubeletServerCertificate": False,
    "StreamingProxyRedirects": True,
    "TaintBasedEvictions": False,
}
DECIDING_1_7 = ("AdvancedAuditing",)


@cache
def upstream_defaults() -> dict[str, bool]:
    """All gates of 1.28 with their defaults, also those that decide nothing here (data/gates-1.28.json)."""
    table = json.loads((Path(__file__).parent / "data" / "gates-1.28.json").read_text(encoding="utf-8"))
    return {**dict.fromkeys(table["on"], True), **dict.fromkeys(table["off"], False)}


def refuse(gates: Mapping[str, bool], release: str = "1.28") -> str:
    """Why gates cannot be set so; "" if they can: what decides nothing here may be named at its default."""
    deciders, defaults = (DEFAULTS_1_28, upstream_defaults()) if release == "1.28" else (DECIDING_1_7, DEFAULTS_1_7)
    for name, on in gates.items():
        if name in deciders:
            continue
        default = defaults.get(name)
        if default is None:
            return f"unrecognized feature gate: {name}"
        if default != on:
            deciding = ", ".join(sorted(deciders))
            return f"{name}={str(on).lower()} decides nothing here: the gates that do are {deciding}"
    return ""


def enabled(ctx: Context, name: str) -> bool:
    """Whether a gate is on; none of these existed in 1.7."""
    if name in ctx.gates:
        return ctx.gates[name]
    return ctx.release != "1.7" and DEFAULTS_1_28[name]
