"""What audit costs (DESIGN section 8): the same rollout without a policy and with one, in turn, in processes of their own; the medians' ratio.

``bench_audit_cost.py Metadata`` measures one rollout at that level once (``none``: without a policy).
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from typing import Any

from figures import keep
from worlds import roll_out

import kubelab as kl

PODS, NODES, TIMES = 1000, 100, 5
LEVELS = ("Metadata", "RequestResponse")


def main(arguments: list[str]) -> int:
    if arguments:
        print(json.dumps(measure(arguments[0])))
        return 0
    runs: dict[str, list[dict[str, Any]]] = {level: [] for level in ("none", *LEVELS)}
    for _ in range(TIMES):
        for level, found in runs.items():
            found.append(alone(level))
    seconds = {level: statistics.median(run["cpu_seconds"] for run in found) for level, found in runs.items()}
    events = {level: found[0]["events"] for level, found in runs.items()}
    looking = {level: statistics.median(run["looking_us_per_event"] for run in found) for level, found in runs.items()}
    shares = {level: 100 * statistics.median(_shares(runs["none"], runs[level])) for level in LEVELS}
    for level in LEVELS:
        print(
            f"audit at {level}: {shares[level]:.1f} % more than {seconds['none']:.2f} s, {events[level]:,} events, {looking[level]:.0f} µs each to look at"
        )
    keep("audit-cost", {"pods": PODS, "nodes": NODES, "cpu_seconds": seconds, "events": events, "looking_us": looking, "percent": shares})
    return 0


def _shares(without: list[dict[str, Any]], others: list[dict[str, Any]]) -> list[float]:
    """Each run against its neighbour: what else the machine does falls upon both."""
    return [other["cpu_seconds"] / plain["cpu_seconds"] - 1 for plain, other in zip(without, others, strict=True)]


def alone(level: str) -> dict[str, Any]:
    done = subprocess.run([sys.executable, __file__, level], stdout=subprocess.PIPE, encoding="utf-8", check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure(level: str) -> dict[str, Any]:
    cluster = kl.Cluster(NODES, audit_policy=None if level == "none" else level)
    begun = time.process_time()
    roll_out(cluster, PODS)
    took = time.process_time() - begun
    events, looked = 0, 0.0
    if level != "none":
        begun = time.process_time()
        events = sum(1 for _ in cluster.audit.since())
        looked = time.process_time() - begun
    return {"cpu_seconds": took, "events": events, "looking_us_per_event": 1e6 * looked / events if events else 0.0}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
