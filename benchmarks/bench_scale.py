"""What a pod costs from create to Ready, at 500, 5,000 and 20,000 pods (DESIGN section 8, first row; flat within 1.5 ×).

Each size runs in a process of its own, under the default client limits and under raised ones, several times; the median counts.
``bench_scale.py 5000 raised`` measures one of them once; ``bench_scale.py 5000 raised 300`` on so many nodes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from typing import Any

from figures import keep
from worlds import LIMITS, measure

#: pods → how often
SIZES = {500: 5, 5000: 3, 20000: 1}


def main(arguments: list[str]) -> int:
    if arguments:
        _, found = measure(int(arguments[0]), *arguments[1:2], *map(int, arguments[2:]))
        derived = {name: getattr(found, name) for name in ("wall_ms_per_pod", "cpu_ms_per_pod", "wall_us_per_commit")}
        print(json.dumps({**asdict(found), **derived}))
        return 0
    print(
        f"{'limits':<8}{'pods':>7}{'nodes':>7}{'wall ms/pod':>13}{'CPU ms/pod':>12}{'commits/pod':>13}{'calls/pod':>11}{'wakes/pod':>11}",
        end="",
    )
    print(f"{'µs/commit':>11}{'virtual s':>11}{'MB':>7}")
    figures = {}
    for limits in LIMITS:
        for pods, times in SIZES.items():
            runs = sorted((alone(pods, limits) for _ in range(times)), key=lambda run: run["wall_ms_per_pod"])
            median = runs[len(runs) // 2]
            figures[f"{limits} {pods}"] = {**median, "all_wall_ms_per_pod": [round(run["wall_ms_per_pod"], 3) for run in runs]}
            print(f"{limits:<8}{line(median)}", flush=True)
    keep("scale", figures)
    return 0


def alone(pods: int, limits: str, nodes: int = 0) -> dict[str, Any]:
    """One measurement in a fresh process."""
    done = subprocess.run([sys.executable, __file__, str(pods), limits, str(nodes)], stdout=subprocess.PIPE, encoding="utf-8", check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def line(run: dict[str, Any]) -> str:
    pods = run["pods"]
    costs = f"{run['wall_ms_per_pod']:>13.2f}{run['cpu_ms_per_pod']:>12.2f}"
    shares = f"{run['commits'] / pods:>13.1f}{run['calls'] / pods:>11.1f}{run['wakes'] / pods:>11.1f}"
    return f"{pods:>7}{run['nodes']:>7}{costs}{shares}{run['wall_us_per_commit']:>11.0f}{run['virtual_seconds']:>11.1f}{run['peak_megabytes']:>7.0f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
