"""Where the time of a rollout goes: writes ``profile.md`` with the functions and packages that take the most time of their own.

cProfile makes every call dearer than it is, so small functions look larger than they are; compare shares, not milliseconds.
"""

from __future__ import annotations

import cProfile
import json
import pstats
import sys
from datetime import date
from pathlib import Path

from figures import RESULTS, machine
from worlds import PODS_PER_NODE, counts, roll_out

import kubelab as kl

HERE = Path(__file__).resolve().parent
HOUSE = Path(kl.__file__).resolve().parent
PODS, FUNCTIONS = 2000, 25

FLOORS = {
    "cluster": "4 front door",
    "controllers": "3 components",
    "scheduler": "3 components",
    "kubelet": "3 components",
    "storage": "3 components",
    "cri": "3 runtime",
    "engine": "2 engine",
    "apiserver": "2 request line",
    "kinds": "1 kinds",
    "store": "1 store",
    "world": "0 world",
}


def main() -> int:
    cluster = kl.Cluster(PODS // PODS_PER_NODE)
    before = counts(cluster)
    profile = cProfile.Profile()
    profile.runcall(roll_out, cluster, PODS)
    commits, calls, wakes = (now - then for now, then in zip(counts(cluster), before, strict=True))
    rows = [(own, number, where) for where, (_, number, own, _, _) in pstats.Stats(profile).stats.items()]
    rows.sort(key=lambda row: -row[0])
    total = sum(own for own, _, _ in rows)
    work = f"{PODS} pods, {commits / PODS:.1f} commits, {calls / PODS:.1f} calls and {wakes / PODS:.1f} wakes per pod"
    text = [
        "# Where the time goes",
        "",
        f"A rollout of {work}, from create to Ready, under cProfile ({total * 1000 / PODS:.2f} ms per pod with the profiler's own cost),",
        f"{machine()}, {date.today().isoformat()}. Written by `benchmarks/profile_scale.py`. {beside_floor()}",
        "",
        *by_package(rows, total),
        *by_function(rows, total),
    ]
    (HERE / "profile.md").write_text("\n".join(text) + "\n", encoding="utf-8")
    print("\n".join(text))
    return 0


def beside_floor() -> str:
    """What `bench_floor` found, if it has run."""
    kept = RESULTS / "floor.json"
    if not kept.exists():
        return ""
    found = json.loads(kept.read_text(encoding="utf-8"))
    return f"The least Python for such a log is {found['ms_per_pod']:.3f} ms per pod (`bench_floor.py`): {found['factor']:.0f} times less than the run took."


def by_package(rows: list, total: float) -> list[str]:
    """Own time by floor and package; what runs inside Python's own functions is counted apart."""
    shares: dict[str, float] = {}
    for own, _, (file, _, _) in rows:
        name = package(file)
        shares[name] = shares.get(name, 0.0) + own
    lines = ["| floor | package | share of own time | ms per pod |", "|---|---|---|---|"]
    for name, own in sorted(shares.items(), key=lambda item: -item[1]):
        lines.append(f"| {FLOORS.get(name, '')} | `{name}` | {100 * own / total:.1f} % | {1000 * own / PODS:.3f} |")
    return [*lines, ""]


def by_function(rows: list, total: float) -> list[str]:
    lines = ["| function | share of own time | µs per pod | times per pod |", "|---|---|---|---|"]
    for own, number, (file, _, name) in rows[:FUNCTIONS]:
        path = Path(file)
        place = str(path.relative_to(HOUSE)) if path.is_relative_to(HOUSE) else "Python"
        shown = f"`{place}` {name}" if place != "Python" else f"`{name.strip('<>')}`"
        lines.append(f"| {shown} | {100 * own / total:.1f} % | {1e6 * own / PODS:.0f} | {number / PODS:.1f} |")
    return lines


def package(file: str) -> str:
    path = Path(file)
    return path.relative_to(HOUSE).parts[0] if path.is_relative_to(HOUSE) else "Python's own functions"


if __name__ == "__main__":
    sys.exit(main())
