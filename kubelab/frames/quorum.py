"""Quorum: of a workload whose members vote (ZooKeeper, etcd), how many are ready over time, against the majority."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from kubelab.frames.typed import category, count


def quorum(rollouts: pd.DataFrame, bounds: pd.DataFrame, workload: str) -> pd.DataFrame:
    """A row each time that the ready members or the wanted ones change, from the two frames of one namespace.

    Columns: ``time``, ``elapsed``, ``ready`` (members), ``members`` (wanted), ``majority`` (members // 2 + 1), ``verdict``: ``quorum``, ``lost``, or
    ``forming`` before the first quorum.
    """
    counts = rollouts[rollouts["workload"] == workload]
    wanted = bounds[bounds["workload"] == workload]
    ready: dict[str, int] = {}
    rows: dict[pd.Timestamp, list[int]] = {}
    members = total = 0
    steps: Sequence[tuple[pd.Timestamp, int, str, int]] = sorted(
        [(time, 0, "", int(desired)) for time, desired in zip(wanted["time"], wanted["desired"], strict=True)]
        + [
            (time, 1, str(revision), int(number))
            for time, revision, number in zip(counts["time"], counts["revision"], counts["ready"], strict=True)
        ]
    )
    elapsed = dict(zip([*wanted["time"], *counts["time"]], [*wanted["elapsed"], *counts["elapsed"]], strict=True))
    for time, what, revision, number in steps:
        if what == 0:
            members = number
        else:
            ready[revision] = number
            total = sum(ready.values())
        rows[time] = [total, members]
    verdicts, formed = [], False
    for now, of in rows.values():
        has = of > 0 and now >= of // 2 + 1
        formed = formed or has
        verdicts.append("quorum" if has else "lost" if formed else "forming")
    return pd.DataFrame(
        {
            "time": pd.DatetimeIndex(list(rows), tz="UTC").as_unit("ns") if rows else rollouts["time"][:0],
            "elapsed": pd.array([elapsed[time] for time in rows], dtype="float64"),
            "ready": count([row[0] for row in rows.values()]),
            "members": count([row[1] for row in rows.values()]),
            "majority": count([row[1] // 2 + 1 for row in rows.values()]),
            "verdict": category(verdicts, ("forming", "quorum", "lost")),
        }
    )
