"""The research workload of ``data/openb``: as recorded, and with tasks that stay until the GPUs are full. From the files to the last task.

    .venv/bin/python benchmarks/bench_workload.py [nodes.csv tasks.csv]

With two files it measures these (the published ones, say), and keeps nothing.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from figures import keep
from worlds import peak_megabytes

import kubelab as kl

SAMPLE = Path(__file__).parents[1] / "data" / "openb"
MANNERS: dict[str, dict[str, Any]] = {"recorded": {}, "packed": {"stay": True, "pace": 5000}}


def measure(nodes: str | Path, tasks: str | Path, manner: dict[str, Any]) -> dict[str, Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    workload = kl.workload.read(nodes, tasks)
    cluster = workload.cluster()
    became = cluster.replay(workload, **manner)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    log = cluster._engine.store.log
    return {"wall_seconds": wall, "cpu_seconds": cpu, "commits": len(log.commits), "calls": len(log.calls), **became._asdict()}


def main() -> int:
    given = sys.argv[1:3]
    nodes, tasks = given if len(given) == 2 else (SAMPLE / "nodes.csv.gz", SAMPLE / "tasks.csv.gz")
    figures: dict[str, Any] = {}
    for name, manner in MANNERS.items():
        found = figures[name] = measure(nodes, tasks, manner)
        print(f"{name}: {found['wall_seconds']:.1f} s ({found['cpu_seconds']:.1f} s of processor time), {found}")
    figures["peak_megabytes"] = peak_megabytes()
    if len(given) != 2:
        keep("workload", figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
