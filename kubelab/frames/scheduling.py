"""Scheduling: what each plug-in says of each node for one pod, filter by filter and score by score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from kubelab.frames.typed import category, count, text
from kubelab.scheduler.explain import NodeVerdict

STAGES = ("filter", "score")


def scheduling(verdicts: Sequence[NodeVerdict], weights: Mapping[str, int]) -> pd.DataFrame:
    """A row per node, stage and plug-in, in the scheduler's order; unlike the scheduler, every filter is asked of every node.

    Columns: ``node``, ``fits`` (passes all filters), ``total`` (the node's score; missing if it does not fit), ``stage`` (filter, score), ``plugin``,
    ``passed`` and ``reasons`` (of a filter; upstream's words), ``raw`` (what a scoring plug-in found), ``weight``, ``score`` (0 to 100, comparable
    between plug-ins), ``weighted`` (what it adds to the total).
    """
    rows: list[tuple[NodeVerdict, str, str, bool | None, str | None, int | None, int | None, int | None, int | None]] = []
    for verdict in verdicts:
        for plugin, reasons in verdict.filters:
            rows.append((verdict, "filter", plugin, not reasons, ", ".join(reasons), None, None, None, None))
        for (plugin, weighted), (_, raw) in zip(verdict.scores, verdict.raw, strict=True):
            weight = weights.get(plugin, 1)
            rows.append((verdict, "score", plugin, None, None, raw, weight, weighted // weight, weighted))
    return pd.DataFrame(
        {
            "node": category([row[0].node for row in rows], None),
            "fits": pd.array([row[0].fits for row in rows], dtype="boolean"),
            "total": count([row[0].total for row in rows]),
            "stage": category([row[1] for row in rows], STAGES),
            "plugin": category([row[2] for row in rows]),
            "passed": pd.array([row[3] for row in rows], dtype="boolean"),
            "reasons": text([row[4] for row in rows]),
            "raw": count([row[5] for row in rows]),
            "weight": count([row[6] for row in rows]),
            "score": count([row[7] for row in rows]),
            "weighted": count([row[8] for row in rows]),
        }
    )
