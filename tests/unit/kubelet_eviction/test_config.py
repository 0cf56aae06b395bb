"""The kubelet's eviction flags as annotations of a node. upstream: cmd/kubelet/app/options/options.go, 1.28."""

from __future__ import annotations

import pytest

from kubelab.kubelet.eviction.config import PREFIX, Config, config_of
from kubelab.kubelet.eviction.thresholds import ALLOCATABLE, DEFAULT, MEMORY, NODEFS, Amount, Threshold
from kubelab.world.clock import MINUTE, SECOND

MIB = 1 << 20


def configured(**flags: str) -> Config:
    annotations = {PREFIX + name.replace("_", "-"): text for name, text in flags.items()}
    return config_of({"metadata": {"name": "n", "annotations": annotations}})


def test_the_defaults() -> None:
    assert configured() == Config(DEFAULT, 5 * MINUTE, 0)
    assert [(each.signal, each.amount) for each in DEFAULT if each.signal in (MEMORY, ALLOCATABLE)] == [
        (MEMORY, Amount(100 * MIB)),
        (ALLOCATABLE, Amount(100 * MIB)),
    ]


def test_all_flags() -> None:
    found = configured(
        hard="memory.available<500Mi",
        soft="memory.available<1Gi, nodefs.available<20%",
        soft_grace_period="memory.available=1m30s,nodefs.available=2m",
        minimum_reclaim="memory.available=100Mi",
        max_pod_grace_period="30",
        pressure_transition_period="30s",
    )
    reclaim = Amount(100 * MIB)
    assert found.thresholds == (
        Threshold(MEMORY, Amount(500 * MIB), 0, reclaim),
        Threshold(MEMORY, Amount(1024 * MIB), 90 * SECOND, reclaim),
        Threshold(NODEFS, Amount(None, 0.20000000298023224), 120 * SECOND),
        Threshold(ALLOCATABLE, Amount(500 * MIB), 0, reclaim),
    )
    assert (found.transition_ns, found.max_grace_s) == (30 * SECOND, 30)


@pytest.mark.parametrize(("flags", "error"), [
    ({"hard": "memory.available=1Gi"}, "lab.kubelab.dev/eviction-hard: 'memory.available=1Gi' is not of the form SIGNAL<VALUE"),
    ({"hard": "memory<1Gi"}, "unsupported eviction signal memory"),
    ({"soft": "memory.available<1Gi"}, "grace period must be specified for the soft eviction threshold memory.available"),
    ({"hard": "memory.available<lots"}, "quantities must match the regular expression"),
    ({"max_pod_grace_period": "soon"}, "lab.kubelab.dev/eviction-max-pod-grace-period: 'soon' is not a number of seconds"),
])  # fmt: skip
def test_what_cannot_be_followed_is_said_and_the_defaults_hold(flags: dict[str, str], error: str) -> None:
    found = configured(**flags)
    assert found.error.startswith(error)
    assert found.thresholds == DEFAULT
