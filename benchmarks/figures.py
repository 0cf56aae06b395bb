"""Keeps what a benchmark found in ``results/<name>.json`` and writes the table of ``README.md`` again from all that is there."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
PAGE = HERE / "README.md"
BEGIN, END = "<!-- figures: written by ./lab bench -->", "<!-- end of figures -->"

Figures = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: what, the figure out of the results (as a text and as the number compared), and the two goals."""

    what: str
    figure: Callable[[Figures], float]
    unit: str
    reach: float | None = None
    beyond: float | None = None


ROWS = (
    Row("wall time per pod from create to Ready, 5,000 pods on 500 nodes", lambda r: r["scale"]["5000"]["wall_ms_per_pod"], "ms", 2, 1),
    Row("· the same, 500 pods on 50 nodes", lambda r: r["scale"]["500"]["wall_ms_per_pod"], "ms"),
    Row("· the same, 20,000 pods on 2,000 nodes", lambda r: r["scale"]["20000"]["wall_ms_per_pod"], "ms"),
    Row("cost per pod, 20,000 pods against 500", lambda r: ratio(r, "20000", "500"), "×", 1.5),
    Row("· 20,000 pods against 5,000", lambda r: ratio(r, "20000", "5000"), "×", 1.5),
    Row("· peak memory at 20,000 pods", lambda r: r["scale"]["20000"]["peak_megabytes"], "MB"),
    Row("least Python for the same log, per pod", lambda r: r["floor"]["ms_per_pod"], "ms"),
    Row("`fork()` of a 5,000-pod world", lambda r: r["fork"]["fork_ms"], "ms", 200, 20),
    Row("`import kubelab`", lambda r: r["import"]["import_seconds"], "s", 0.3, 0.1),
    Row("first `Cluster(3)` of a process", lambda r: r["import"]["first_cluster_seconds"], "s", 0.2, 0.1),
    Row("· a further `Cluster(3)`", lambda r: r["import"]["next_cluster_seconds"], "s"),
)


def ratio(results: Figures, large: str, small: str) -> float:
    return float(results["scale"][large]["wall_ms_per_pod"] / results["scale"][small]["wall_ms_per_pod"])


def keep(name: str, figures: dict[str, Any]) -> None:
    """Keep a benchmark's figures, and bring the table up to date."""
    RESULTS.mkdir(exist_ok=True)
    kept = {**figures, "machine": machine(), "date": date.today().isoformat()}
    (RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
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
        return "reached" if found <= row.reach else f"{found / row.reach:.2g} × the goal"
    return ""


def shown(found: float) -> str:
    return f"{found:,.0f}" if found >= 100 else f"{found:.3g}"


def machine() -> str:
    return f"{os.cpu_count()} cores, Python {platform.python_version()}"
