"""Prometheus pages of a kubelet: families from rows, in the order in which the client library gathers them.

upstream: github.com/prometheus/client_golang/prometheus/{registry.go, internal/metric.go} (MetricSorter), 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from kubelab.apiserver.exposition import Family, Labels, Sample
from kubelab.world.clock import MILLISECOND

COUNTER, GAUGE = "counter", "gauge"


class Metric(NamedTuple):
    """A metric's description: name, counter or gauge, stability level ("": none is written), help, the names of its labels."""

    name: str
    type: str
    level: str
    help: str
    labels: tuple[str, ...] = ()


class Row(NamedTuple):
    """One value of a metric: label values in the order of the description, and when it was read (None: no timestamp is written)."""

    metric: Metric
    value: float
    labels: Sequence[str] = ()
    time_ns: int | None = None


def families(rows: Iterable[Row]) -> list[Family]:
    """Rows by metric, each metric's rows by their label values."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.metric.name, []).append(row)
    made = []
    for name, of_one in found.items():
        metric = of_one[0].metric
        samples = sorted((_sample(row) for row in of_one), key=_order)
        made.append(Family(name, metric.type, metric.level, metric.help, tuple(samples)))
    return made


def _sample(row: Row) -> Sample:
    labels: Labels = dict(zip(row.metric.labels, row.labels, strict=True))
    return Sample(labels, row.value, None if row.time_ns is None else row.time_ns // MILLISECOND)


def _order(sample: Sample) -> tuple[list[str], int]:
    return [sample.labels[name] for name in sorted(sample.labels)], sample.time_ms or 0
