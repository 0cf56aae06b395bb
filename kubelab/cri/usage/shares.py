"""CPU by weight: the numbers that the kubelet gives to cgroups, and how a scarce CPU is shared down the tree of weights.

upstream: pkg/kubelet/cm/helpers_linux.go (MilliCPUToShares, MilliCPUToQuota), pkg/kubelet/kuberuntime/kuberuntime_container_linux.go
calculateLinuxResources, pkg/kubelet/qos/policy.go GetContainerOOMScoreAdjust, opencontainers/runc libcontainer/cgroups/utils.go
ConvertCPUSharesToCgroupV2Value, 1.28; spec: cri-metrics.md sections 1 and 6.
"""

from __future__ import annotations

from collections.abc import Sequence

MIN_SHARES, MAX_SHARES, SHARES_PER_CPU = 2, 262144, 1024
QUOTA_PERIOD_US, MIN_QUOTA_US = 100_000, 1_000
GUARANTEED_OOM_SCORE_ADJ, BEST_EFFORT_OOM_SCORE_ADJ = -997, 1000


def milli_cpu_to_shares(milli: int) -> int:
    """upstream: MilliCPUToShares.

    >>> [milli_cpu_to_shares(milli) for milli in (0, 1, 1000, 2000, 999999999)]
    [2, 2, 1024, 2048, 262144]
    """
    return min(max(milli * SHARES_PER_CPU // 1000, MIN_SHARES), MAX_SHARES)


def milli_cpu_to_quota(milli: int, period_us: int = QUOTA_PERIOD_US) -> int:
    """Microseconds of CPU per period; 0: no quota. upstream: MilliCPUToQuota."""
    return max(milli * period_us // 1000, MIN_QUOTA_US) if milli else 0


def weight_of(shares: int) -> int:
    """cgroup v2's ``cpu.weight`` for shares.

    >>> [weight_of(shares) for shares in (2, 512, 1024, 2048, 262144)]
    [1, 20, 39, 79, 10000]
    """
    return 1 + (min(max(shares, MIN_SHARES), MAX_SHARES) - 2) * 9999 // 262142 if shares else 0


def oom_score_adj(qos: str, memory_request: int, memory_capacity: int, *, critical: bool = False) -> int:
    """How readily the kernel kills a container: upstream GetContainerOOMScoreAdjust.

    >>> oom_score_adj("Burstable", 4000000000 // 2, 4000000000), oom_score_adj("Burstable", 0, 4000000000)
    (500, 999)
    """
    if critical or qos == "Guaranteed":
        return GUARANTEED_OOM_SCORE_ADJ
    if qos == "BestEffort" or not memory_capacity:
        return BEST_EFFORT_OOM_SCORE_ADJ
    adjust = 1000 - 1000 * memory_request // memory_capacity
    least = 1000 + GUARANTEED_OOM_SCORE_ADJ
    return least if adjust < least else adjust - 1 if adjust == BEST_EFFORT_OOM_SCORE_ADJ else adjust


def share_out(capacity: int, wants: Sequence[int], weights: Sequence[int]) -> list[int]:
    """What each child of a cgroup gets: by weight, but nobody more than it wants; what it leaves goes to the others.

    The sum never exceeds ``capacity``, and reaches it (but for rounding down) where the wants do.

    >>> share_out(90, [10, 100, 100], [1, 1, 3])
    [10, 20, 60]
    """
    if sum(wants) <= capacity:
        return list(wants)
    out = [0] * len(wants)
    rest, total = capacity, sum(weights)
    hungry = sorted(range(len(wants)), key=lambda child: (wants[child] / weights[child], child))
    for child in hungry:  # who wants least for its weight leaves first
        out[child] = min(wants[child], rest * weights[child] // total)
        rest -= out[child]
        total -= weights[child]
    return out
