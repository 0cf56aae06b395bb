"""Costs: what the machines of node pools have cost, from being asked for until they went."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from kubelab.cluster.autoscaler.pools import Instance
from kubelab.frames.typed import category, instants, seconds, text

HOUR_NS = 3600 * 10**9


def costs(machines: Mapping[str, Instance], start_ns: int, now_ns: int) -> pd.DataFrame:
    """A row per machine of a node pool, in the order in which they were asked for; nodes that belong to no pool cost nothing.

    Columns: ``pool``, ``node``, ``asked``, ``joined``, ``gone`` (missing if not yet), ``elapsed`` (when it was asked for), ``boot`` (seconds until it
    joined), ``hours`` (until now or until it went), ``price`` (of an hour), ``cost``.
    """
    rows = list(machines.values())
    hours = [((row.gone_ns or now_ns) - row.asked_ns) / HOUR_NS for row in rows]
    asked = [row.asked_ns for row in rows]
    return pd.DataFrame(
        {
            "pool": category([row.pool for row in rows]),
            "node": text([row.name for row in rows]),
            "asked": instants(list(asked)),
            "joined": instants([row.joined_ns or None for row in rows]),
            "gone": instants([row.gone_ns or None for row in rows]),
            "elapsed": seconds(list(asked), start_ns),
            "boot": seconds([row.joined_ns or None for row in rows], list(asked)),
            "hours": pd.Series(hours, dtype="float64"),
            "price": pd.Series([row.price for row in rows], dtype="float64"),
            "cost": pd.Series([row.price * hour for row, hour in zip(rows, hours, strict=True)], dtype="float64"),
        }
    )
