"""Keeps what a benchmark found in ``results/<name>.json`` and writes the table of ``README.md`` again from all that is there."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
PAGE = HERE / "README.md"
BEGIN, END = "<!-- figures: written by ./lab bench -->", "<!-- end of figures -->"

Figures = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: what, how the figure is read from the results, its unit, and the two goals."""

    what: str
    figure: Callable[[Figures], float]
    unit: str
    reach: float | None = None
    beyond: float | None = None


ROWS = (
    Row("wall time per pod from create to Ready, 5,000 pods on 500 nodes", lambda r: per_pod(r, "default 5000"), "ms", 2, 1),
    Row("· processor time of the same (what counts if the machine had other work)", lambda r: cpu_per_pod(r, "default 5000"), "ms"),
    Row("· the same, 500 pods on 50 nodes", lambda r: per_pod(r, "default 500"), "ms"),
    Row("· the same, 20,000 pods on 2,000 nodes", lambda r: per_pod(r, "default 20000"), "ms"),
    Row("· cost per pod, the dearest of the three sizes against the cheapest", lambda r: spread(r, "default", "wall_ms_per_pod"), "×", 1.5),
    Row("wall time per pod with client limits raised, 5,000 pods on 500 nodes", lambda r: per_pod(r, "raised 5000"), "ms", 2, 1),
    Row("· processor time of the same", lambda r: cpu_per_pod(r, "raised 5000"), "ms"),
    Row("· the same, 500 pods on 50 nodes", lambda r: per_pod(r, "raised 500"), "ms"),
    Row("· the same, 20,000 pods on 2,000 nodes", lambda r: per_pod(r, "raised 20000"), "ms"),
    Row("· cost per pod, the dearest of the three sizes against the cheapest", lambda r: spread(r, "raised", "wall_ms_per_pod"), "×", 1.5),
    Row("cost per commit, default limits, dearest size against cheapest", lambda r: spread(r, "default", "wall_us_per_commit"), "×"),
    Row("peak memory at 20,000 pods, default limits", lambda r: r["scale"]["default 20000"]["peak_megabytes"], "MB"),
    Row("150,000 pods on 5,000 nodes, limits raised: wall time per pod", lambda r: r["largest"]["wall_ms_per_pod"], "ms"),
    Row("· processor time of the same", lambda r: r["largest"]["cpu_ms_per_pod"], "ms"),
    Row("· cost per pod against 5,000 pods on 500 nodes beside it, limits raised", lambda r: r["largest"]["wall_ratio"], "×", 1.5, 1.1),
    Row("· peak memory", lambda r: r["largest"]["peak_megabytes"] / 1000, "GB", 12, 6),
    Row("least Python for the same log as 5,000 pods, per pod", lambda r: r["floor"]["ms_per_pod"], "ms"),
    Row("`fork()` of a 5,000-pod world", lambda r: r["fork"]["fork_ms"], "ms", 200, 20),
    Row("a day of 100 nodes with its heartbeats", lambda r: r["day"]["wall_seconds"], "s", 86.4),
    Row("· processor time of the same", lambda r: r["day"]["cpu_seconds"], "s"),
    Row("· times real time", lambda r: r["day"]["times_real_time"], "×"),
    Row("· peak memory", lambda r: r["day"]["peak_megabytes"], "MB"),
    Row("research workload: 1,523 nodes, 8,152 tasks in 162 days", lambda r: r["workload"]["recorded"]["wall_seconds"], "s", 60),
    Row("· processor time of the same", lambda r: r["workload"]["recorded"]["cpu_seconds"], "s"),
    Row("· the same, tasks stay until the GPUs are full", lambda r: r["workload"]["packed"]["wall_seconds"], "s", 60),
    Row("· processor time of the same", lambda r: r["workload"]["packed"]["cpu_seconds"], "s"),
    Row("stats of 1,000 containers, one `list_container_stats` in process", lambda r: r["stats"]["rest_ms"], "ms", 10, 3),
    Row("· the same, each with a constant CPU curve", lambda r: r["stats"]["constant_ms"], "ms"),
    Row("· the same, each with a sine", lambda r: r["stats"]["sine_ms"], "ms"),
    Row("stats of 1,000 containers, one `list_container_stats` over gRPC", lambda r: r["cri_grpc"]["rest_grpc_ms"], "ms", 100, 30),
    Row("· the same, each with a sine", lambda r: r["cri_grpc"]["sine_grpc_ms"], "ms", 100, 30),
    Row("· processor time of the same, client and server together", lambda r: r["cri_grpc"]["sine_grpc_cpu_ms"], "ms"),
    Row(
        "audit log of 580 MB: time of `scan` against DuckDB alone loading the same fields",
        lambda r: rate(r, "engine loads 580") / rate(r, "scan 580"),
        "×",
        2.5,
        1.25,
    ),
    Row("· `scan` and the first answer", lambda r: r["auditlog"]["scan 580"]["seconds"], "s", 5),
    Row("· the same", lambda r: rate(r, "scan 580"), "MB/s"),
    Row("· DuckDB alone, one answer straight from the file", lambda r: rate(r, "engine answers 580"), "MB/s"),
    Row("· peak memory of `scan`", lambda r: r["auditlog"]["scan 580"]["peak_megabytes"], "MB", 500),
    Row("audit log of 100 MB: `read` and its whole frame", lambda r: rate(r, "read 100"), "MB/s"),
    Row("`import kubelab`", lambda r: r["import"]["import_seconds"], "s", 0.3, 0.1),
    Row("first `Cluster(3)` of a process", lambda r: r["import"]["first_cluster_seconds"], "s", 0.2, 0.1),
    Row("· a further `Cluster(3)`", lambda r: r["import"]["next_cluster_seconds"], "s"),
    Row(
        "audit at Metadata, cost to the lab's processor time, 1,000 pods on 100 nodes",
        lambda r: r["audit-cost"]["percent"]["Metadata"],
        "%",
        20,
        5,
    ),
    Row("· the same at RequestResponse", lambda r: r["audit-cost"]["percent"]["RequestResponse"], "%"),
    Row("· an event at Metadata, made when somebody looks", lambda r: r["audit-cost"]["looking_us"]["Metadata"], "µs"),
    Row("prediction of a real control plane's timings, the farthest of the rows below", lambda r: apart(r)[-1], "%", 10, 5),
    Row("· half of the rows are nearer than", lambda r: median(apart(r)), "%", 10, 5),
)


def per_pod(results: Figures, run: str) -> float:
    return float(results["scale"][run]["wall_ms_per_pod"])


def rate(results: Figures, run: str) -> float:
    return float(results["auditlog"][run]["megabytes_per_second"])


def cpu_per_pod(results: Figures, run: str) -> float:
    return float(results["scale"][run]["cpu_ms_per_pod"])


def apart(results: Figures) -> list[float]:
    """How far each prediction is from the measurement, in percent, the farthest last."""
    return sorted(100 * abs(row["error"]) for row in results["prediction"]["rows"])


def spread(results: Figures, limits: str, figure: str) -> float:
    """The dearest size of a set of runs against the cheapest."""
    found = [run[figure] for name, run in results["scale"].items() if name.startswith(f"{limits} ")]
    if not found:
        raise KeyError(limits)
    return float(max(found) / min(found))


def keep(name: str, figures: dict[str, Any]) -> None:
    """Keep a benchmark's figures, and bring the table up to date."""
    RESULTS.mkdir(exist_ok=True)
    kept = {**figures, "machine": machine(), "date": date.today().isoformat()}
    (RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    write_table()


def write_table() -> None:
    """Write the table again from the results that are there."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{table(read())}{END}{after}", encoding="utf-8")


def read() -> Figures:
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*.json"))}


def table(results: Figures) -> str:
    """The rows whose figures are there, as Markdown."""
    lines = ["| what | measured | reach | beyond | |", "|---|---|---|---|---|"]
    for row in ROWS:
        try:
            found = row.figure(results)
        except KeyError:
            continue
        goals = [f"≤ {goal:g} {row.unit}" if goal is not None else "" for goal in (row.reach, row.beyond)]
        lines.append(f"| {row.what} | {shown(found)} {row.unit} | {goals[0]} | {goals[1]} | {verdict(found, row)} |")
    last = max((result["date"] for result in results.values()), default="never")
    return "\n".join([*lines, "", f"Last measured {last} on {machine()}.", ""])


def verdict(found: float, row: Row) -> str:
    if row.beyond is not None and found <= row.beyond:
        return "beyond"
    if row.reach is not None:
        return "reached" if found <= row.reach else f"{found / row.reach:.2f} × the goal"
    return ""


def shown(found: float) -> str:
    return f"{found:,.0f}" if found >= 100 else f"{found:.3g}"


def machine() -> str:
    return f"{os.cpu_count()} cores, Python {platform.python_version()}"
