"""A day of 100 nodes with nothing on them but heartbeats: leases every ten seconds, looks at the nodes' status, the node controller's rounds."""

from __future__ import annotations

import sys
import time

from figures import keep
from worlds import counts, peak_megabytes

import kubelab as kl

NODES, HOURS = 100, 24


def main() -> int:
    cluster = kl.Cluster(NODES)
    before = counts(cluster)
    wall, cpu = time.perf_counter(), time.process_time()
    cluster.run(f"{HOURS}h")
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    commits, calls, wakes = (now - then for now, then in zip(counts(cluster), before, strict=True))
    figures = {
        "nodes": NODES,
        "hours": HOURS,
        "wall_seconds": wall,
        "cpu_seconds": cpu,
        "times_real_time": HOURS * 3600 / wall,
        "commits": commits,
        "calls": calls,
        "wakes": wakes,
        "peak_megabytes": peak_megabytes(),
    }
    print(f"{HOURS} h of {NODES} nodes: {wall:.1f} s ({cpu:.1f} s of processor time), {HOURS * 3600 / wall:,.0f} × real time")
    print(f"{commits:,} commits, {1e6 * cpu / commits:.0f} µs each; at most {figures['peak_megabytes']:,.0f} MB")
    keep("day", figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
