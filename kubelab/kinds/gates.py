"""Feature gates that strategies and defaults ask for, with what a release says where a cluster says nothing.

upstream: pkg/features/kube_features.go, 1.28.
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


@cache
def upstream_defaults() -> dict[str, bool]:
    """All gates of 1.28 with their defaults, also those that decide nothing here (data/gates-1.28.json)."""
    table = json.loads((Path(__file__).parent / "data" / "gates-1.28.json").read_text(encoding="utf-8"))
    return {**dict.fromkeys(table["on"], True), **dict.fromkeys(table["off"], False)}


def refuse(gates: Mapping[str, bool]) -> str:
    """Why gates cannot be set so; "" if they can: what decides nothing here may be named at its default."""
    for name, on in gates.items():
        if name in DEFAULTS_1_28:
            continue
        default = upstream_defaults().get(name)
        if default is None:
            return f"unrecognized feature gate: {name}"
        if default != on:
            deciding = ", ".join(sorted(DEFAULTS_1_28))
            return f"{name}={str(on).lower()} decides nothing here: the gates that do are {deciding}"
    return ""


def enabled(ctx: Context, name: str) -> bool:
    """Whether a gate is on; none of these existed in 1.7."""
    if name in ctx.gates:
        return ctx.gates[name]
    return ctx.release != "1.7" and DEFAULTS_1_28[name]
