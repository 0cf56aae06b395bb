"""Service level indicators against the official objectives: of an audit log, and of a cluster of the lab.

upstream: kubernetes/community, sig-scalability/slos; which figures, and what is left out of them, stands in
``kubelab/auditlog/sli/objectives.py``.
"""

from __future__ import annotations

from html import escape
from typing import Any

import pandas as pd

from kubelab.auditlog.answers.asking import one, tidy
from kubelab.auditlog.sli import api, objectives, of_log
from kubelab.auditlog.sli.objectives import QUEUE, WATCH, WIP

_NOT_IN_LOGS = "no audit log tells it"


def slis(log: Any) -> pd.DataFrame:
    """The indicators that an audit log can tell, and a row that says so for each that it cannot.

    Columns: ``sli``, ``resource``, ``scope`` (resource, namespace, cluster), ``verb``, ``count``, ``p50``, ``p90``, ``p99`` (seconds;
    churn: per second), ``objective`` (of the p99; missing: none), ``met`` (missing: nothing to say), ``good_minutes`` (share of minutes
    whose last five kept the objective), ``status`` (official, to be defined upstream), ``note``. All calls count, background too, as they
    do in upstream's metric; long-running requests do not.
    """
    rows = [*api.latencies(log), *of_log.startups(log), api.churn(log)]
    rows.append(objectives.row(WATCH, 0, (None, None, None), None, WIP, _NOT_IN_LOGS, scope="cluster"))
    rows.append(objectives.row(QUEUE, 0, (None, None, None), None, objectives.LAB, _NOT_IN_LOGS, scope="cluster"))
    left_out = one(
        log,
        """SELECT count(*) FILTER (WHERE long_running) AS long_running, count(*) FILTER (WHERE NOT long_running AND latency IS NULL) AS unknown,
          count(*) FILTER (WHERE latency < 0) AS negative, count(*) FILTER (WHERE resource IS NULL) AS non_resource FROM calls""",
    )
    return tidy(objectives.frame(rows), left_out)


def of_cluster(cluster: Any) -> pd.DataFrame:
    """The indicators of a cluster, columns as ``slis``; ``scope`` of delays is the component. Counted from the cluster's start on."""
    from kubelab.auditlog.sli import of_cluster as lab

    engine, start_ns = cluster._engine, cluster._world.start_ns
    log, watch_ns = engine.store.log, engine.timing.watch_ns
    calls = lab.Calls(log, start_ns)
    rows = [*api.latencies(calls), *lab.startups(log, watch_ns), api.churn(calls), *lab.delays(log, start_ns, watch_ns)]
    return tidy(objectives.frame(rows))


def page(report: pd.DataFrame, title: str = "Service level indicators") -> str:
    """A report as one page of HTML that needs nothing else; whatever stands in it is text."""
    cells = ["".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in report.columns)]
    for _, values in report.iterrows():
        cells.append("".join(f"<td class='{_class(name, value)}'>{escape(_word(name, value))}</td>" for name, value in values.items()))
    missed = int((report["met"] == False).sum())  # noqa: E712  a boolean with missing values
    judged = int(report["met"].notna().sum())
    said = f"{judged - missed} of {judged} objectives met" if judged else "no objective could be judged"
    rows = "".join(f"<tr>{row}</tr>" for row in cells)
    head = f"<!doctype html><meta charset='utf-8'><title>{escape(title)}</title><style>{_STYLE}</style>"
    return f"{head}<h1>{escape(title)}</h1><p>{said}</p><table>{rows}</table>"


_STYLE = (
    "body{font:14px sans-serif;margin:2em;color:#333}table{border-collapse:collapse}th,td{padding:.25em .6em;border-bottom:1px solid #ddd;"
    "text-align:left;vertical-align:top}td.number{text-align:right;font-variant-numeric:tabular-nums}td.missed{background:#D55E00;color:#fff}"
    "td.kept{background:#009E73;color:#fff}@media print{body{margin:0;font-size:10px}}"
)


def _class(name: Any, value: Any) -> str:
    if name == "met" and not pd.isna(value):
        return "kept" if value else "missed"
    return "number" if name in ("count", "p50", "p90", "p99", "objective", "good_minutes") else ""


def _word(name: Any, value: Any) -> str:
    if pd.isna(value):
        return ""
    if name == "met":
        return "yes" if value else "no"
    if name == "good_minutes":
        return f"{value:.1%}"
    return f"{value:.4g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
