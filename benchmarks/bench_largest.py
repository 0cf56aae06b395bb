"""A cluster of the size that upstream promises to carry: 150,000 pods on 5,000 nodes, beside 5,000 pods on 500 nodes (DESIGN section 8, row 2).

The limits of all clients are raised to 1,000 calls a second, as for a load test. The smaller world is measured before and after the larger, each
in a process of its own; what a pod costs is compared in processor time and in wall time.
"""

from __future__ import annotations

import sys
from statistics import mean

from bench_scale import alone, line
from figures import keep

PODS, NODES = 150_000, 5_000
BESIDE, BESIDE_NODES = 5_000, 500


def main() -> int:
    before = [alone(BESIDE, "raised", BESIDE_NODES) for _ in range(2)]
    largest = alone(PODS, "raised", NODES)
    beside = [*before, *(alone(BESIDE, "raised", BESIDE_NODES) for _ in range(2))]
    ratios = {
        f"{what}_ratio": largest[f"{what}_ms_per_pod"] / mean(run[f"{what}_ms_per_pod"] for run in beside) for what in ("wall", "cpu")
    }
    for run in (*beside, largest):
        print(line(run))
    print(f"a pod of {PODS:,} costs {ratios['wall_ratio']:.2f} × one of {BESIDE:,} ({ratios['cpu_ratio']:.2f} × in processor time)", end="")
    print(f"; at most {largest['peak_megabytes'] / 1000:.1f} GB")
    keep("largest", {**largest, **ratios, "beside_wall_ms_per_pod": [round(run["wall_ms_per_pod"], 3) for run in beside]})
    return 0


if __name__ == "__main__":
    sys.exit(main())
