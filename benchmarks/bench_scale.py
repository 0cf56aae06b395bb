"""What a pod costs from create to Ready, at 500, 5,000 and 20,000 pods (DESIGN section 8, first row; flat within 1.5 ×).

Each size runs in a process of its own, several times; the median counts. ``bench_scale.py 5000`` measures one size once.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from dataclasses import asdict
from typing import Any

from figures import keep
from worlds import measure

#: pods → how often
SIZES = {500: 5, 5000: 3, 20000: 1}


def main(arguments: list[str]) -> int:
    if arguments:
        _, found = measure(int(arguments[0]))
        print(json.dumps({**asdict(found), "wall_ms_per_pod": found.wall_ms_per_pod, "cpu_ms_per_pod": found.cpu_ms_per_pod}))
        return 0
    print(f"{'pods':>7} {'nodes':>6} {'wall ms/pod':>12} {'CPU ms/pod':>11} {'commits/pod':>12} {'calls/pod':>10} {'wakes/pod':>10} {'virtual s':>10} {'MB':>6}")
    figures = {}
    for pods, times in SIZES.items():
        runs = sorted((alone(pods) for _ in range(times)), key=lambda run: run["wall_ms_per_pod"])
        median = runs[len(runs) // 2]
        figures[str(pods)] = {**median, "all_wall_ms_per_pod": [round(run["wall_ms_per_pod"], 3) for run in runs]}
        print(line(median), flush=True)
    keep("scale", figures)
    per_pod = [figure["wall_ms_per_pod"] for figure in figures.values()]
    print(f"dearest against cheapest: {max(per_pod) / min(per_pod):.2f} ×; median {statistics.median(per_pod):.2f} ms per pod")
    return 0


def alone(pods: int) -> dict[str, Any]:
    """One measurement in a fresh process."""
    done = subprocess.run([sys.executable, __file__, str(pods)], stdout=subprocess.PIPE, encoding="utf-8", check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def line(run: dict[str, Any]) -> str:
    pods = run["pods"]
    shares = f"{run['commits'] / pods:>12.1f} {run['calls'] / pods:>10.1f} {run['wakes'] / pods:>10.1f}"
    costs = f"{run['wall_ms_per_pod']:>12.2f} {run['cpu_ms_per_pod']:>11.2f}"
    return f"{pods:>7} {run['nodes']:>6} {costs} {shares} {run['virtual_seconds']:>10.1f} {run['peak_megabytes']:>6.0f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
