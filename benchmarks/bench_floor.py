"""The least that Python must do for the same log: the yardstick beside ``bench_scale``.

A 5,000-pod rollout is run once. Then its log is made again with everything that decides left out: per processed wake one push and one pop of
the heap, per commit a new object by copying the touched paths, an entry of the log and of the index by name, per call a record. No
scheduling, no defaults, no validation, no watching.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from heapq import heappop, heappush
from typing import Any

from figures import keep
from worlds import counts, measure

PODS, TIMES = 5000, 5

Step = tuple[tuple[str, str, str], dict[str, Any], dict[str, Any] | None, tuple[str, ...]]


def main() -> int:
    cluster, rollout = measure(PODS)
    log = cluster._engine.store.log
    commits = log.commits[-rollout.commits :]
    steps: list[Step] = [(commit.key, commit.object, commit.old, touched(commit.old, commit.object)) for commit in commits]
    pending = list(cluster._engine.wakes.heap)
    assert counts(cluster)[0] == len(log.commits)
    gc.disable()  # as a running world does
    took = [least(steps, pending, rollout.wakes, rollout.calls) for _ in range(TIMES)]
    per_pod = 1000 * statistics.median(took) / PODS
    factor = rollout.wall_ms_per_pod / per_pod
    print(f"least Python for the log of {PODS} pods ({rollout.commits} commits, {rollout.calls} calls, {rollout.wakes} wakes): ", end="")
    print(f"{per_pod:.3f} ms per pod; the control plane in this run: {rollout.wall_ms_per_pod:.2f} ms, {factor:.0f} × that")
    keep("floor", {"pods": PODS, "ms_per_pod": per_pod, "run_ms_per_pod": rollout.wall_ms_per_pod, "factor": factor})
    return 0


def touched(old: dict[str, Any] | None, new: dict[str, Any]) -> tuple[str, ...]:
    """The top-level parts that a commit changed."""
    return tuple(name for name, part in new.items() if isinstance(part, dict) and (old is None or part is not old.get(name)))


def least(steps: list[Step], pending: list[tuple], wakes: int, calls: int) -> float:
    """Seconds for the same number of wakes, commits and calls, with objects of the same shape."""
    heap, log, records = list(pending), [], []
    objects: dict[str, dict[tuple[str, str], Any]] = {}
    begun = time.perf_counter()
    for number in range(wakes):
        heappush(heap, (number, number, "component", ("call", 0, number)))
        heappop(heap)
    for number, (key, new, old, parts) in enumerate(steps):
        made = {**(new if old is None else old)}
        for part in parts:
            made[part] = {**new[part]}
        log.append((number, number, "MODIFIED", key, made, old))
        objects.setdefault(key[0], {})[key[1:]] = made
    for number in range(calls):
        records.append((number, "user", "agent", "update", "pods", "", "default", "name", 200, "", "", 0, 0, "component", number))
    return time.perf_counter() - begun


if __name__ == "__main__":
    sys.exit(main())
