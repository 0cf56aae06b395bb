"""The usage widget's model: what nodes and containers use, over the last two minutes of a cluster that goes on. It knows nothing of a browser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from kubelab.frames import Frames

if TYPE_CHECKING:
    from kubelab.cluster.handle import Cluster

SPAN = 120.0  # seconds shown
POINTS = 40
MOST_LINES = 8
Curve = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class NodeBar:
    """A node now: CPU, memory and filesystem in use, as shares of what it has."""

    name: str
    cpu: float
    memory: float
    filesystem: float


@dataclass(frozen=True, slots=True)
class Line:
    """A container over the time shown: (elapsed, cores) and (elapsed, bytes), with what it asked for and may have (0: nothing said)."""

    name: str
    cpu: Curve
    memory: Curve
    cpu_request: float
    cpu_limit: float
    memory_request: float
    memory_limit: float
    throttled: float


@dataclass(frozen=True, slots=True)
class UsageFrame:
    """What is to be seen at an instant: all nodes, and the containers that use most CPU."""

    elapsed: float
    nodes: tuple[NodeBar, ...]
    lines: tuple[Line, ...]
    hidden: int


class UsageModel:
    """Follows a cluster. ``pace``: virtual seconds that each beat lets pass in it; 0: it only looks, and somebody else moves time."""

    def __init__(self, cluster: Cluster, reference: str | None = None, *, namespace: str = "default", pace: float = 0) -> None:
        if pace < 0:
            raise ValueError(f"pace={pace!r}: give virtual seconds per beat, from 0")
        self.cluster = cluster
        self.reference = reference
        self.namespace = namespace
        self.pace = pace
        self.frame()  # refused at once if the reference names nothing

    def step(self) -> None:
        """One beat."""
        if self.pace > 0:
            self.cluster.run(self.pace)

    def frame(self) -> UsageFrame:
        """What is to be seen now."""
        frames, elapsed = Frames(self.cluster), self.cluster.elapsed
        nodes = frames.node_usage(since=elapsed, every=1)
        usage = frames.usage(self.reference, namespace=self.namespace, since=max(0.0, elapsed - SPAN), every=SPAN / POINTS)
        running = usage[usage["ended"].isna()]
        lines = sorted((_line(own) for _, own in running.groupby("id", sort=False)), key=lambda line: -line.cpu[-1][1])
        bars = tuple(NodeBar(row.node, row.cpu_share, row.memory_share, row.filesystem_share) for row in nodes.itertuples())
        return UsageFrame(elapsed, bars, tuple(lines[:MOST_LINES]), max(0, len(lines) - MOST_LINES))


def _line(own: pd.DataFrame) -> Line:
    last, before = own.iloc[-1], own.iloc[max(0, len(own) - 6)]
    periods = float(last["periods"] - before["periods"])
    return Line(
        f"{last['pod']}/{last['container']}",
        tuple(zip(own["elapsed"], own["cpu"], strict=True)),
        tuple(zip(own["elapsed"], own["working_set"].astype(float), strict=True)),
        *(0.0 if pd.isna(last[name]) else float(last[name]) for name in ("cpu_request", "cpu_limit", "memory_request", "memory_limit")),
        throttled=float(last["throttled_periods"] - before["throttled_periods"]) / periods if periods else 0.0,
    )
