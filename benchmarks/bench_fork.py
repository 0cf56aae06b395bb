"""How long ``fork()`` of a 5,000-pod world takes, and running on in the fork (DESIGN section 8)."""

from __future__ import annotations

import statistics
import sys
import time

from figures import keep
from worlds import measure

PODS, TIMES = 5000, 15


def main() -> int:
    cluster, _ = measure(PODS)
    forks, took = [], []
    for _ in range(TIMES):
        begun = time.perf_counter()
        forks.append(cluster.fork())
        took.append(1000 * (time.perf_counter() - begun))
    begun = time.perf_counter()
    forks[0].scale("deployment/web-000", 110)
    forks[0].run(until="deployment/web-000 ready", timeout="10m")
    then = time.perf_counter() - begun
    assert cluster["deployment/web-000"]["status"]["readyReplicas"] == 100, "the fork's future must not be the original's"
    figures = {"pods": PODS, "fork_ms": statistics.median(took), "slowest_ms": max(took), "ten_more_pods_ms": 1000 * then}
    print(f"fork of {PODS} pods: median {figures['fork_ms']:.1f} ms, slowest of {TIMES} {figures['slowest_ms']:.1f} ms")
    print(f"ten more pods in the fork until ready: {figures['ten_more_pods_ms']:.0f} ms; the original still has its 100")
    keep("fork", figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
