"""How long things took: histograms as values, in buckets of upstream's bounds.

upstream: pkg/kubelet/metrics/metrics.go (RuntimeOperationsDuration), component-base/metrics DefBuckets, 1.28.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate, repeat
from operator import mul
from typing import Any, NamedTuple

from kubelab.world.clock import SECOND
from kubelab.world.codec import value

DEFAULT_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
OPERATION_BOUNDS = tuple(accumulate(repeat(2.5, 13), mul, initial=0.005))  # upstream: ExponentialBuckets(.005, 2.5, 14)
OPERATIONS = "operation_durations"  # of a machine: the runtime's operations that last as long as what they wait for, by name
ERRORS = "operation_errors"  # of a machine: name → how many have failed
STARTS = "pod_starts"  # of the kubelet's memory: uid → how long the pod took to run; "" → the histogram of those that are gone
_NO_COUNTS: tuple[int, ...] = ()


@value
class Histogram(NamedTuple):
    """``counts`` per bucket, the last beyond all bounds; none yet: empty."""

    counts: tuple[int, ...] = _NO_COUNTS
    sum_ns: int = 0

    @property
    def number(self) -> int:
        return sum(self.counts)

    def with_(self, duration_ns: int, bounds: tuple[float, ...], times: int = 1) -> Histogram:
        """The histogram with more of one duration.

        >>> Histogram().with_(30_000_000, (0.01, 0.1)).with_(SECOND, (0.01, 0.1), 2)
        Histogram(counts=(0, 1, 2), sum_ns=2030000000)
        """
        counts = list(self.counts or (0,) * (len(bounds) + 1))
        counts[bisect_left(bounds, duration_ns / SECOND)] += times
        return Histogram(tuple(counts), self.sum_ns + times * duration_ns)


def of(durations_ns: Iterable[int], bounds: tuple[float, ...], known: Histogram | None = None) -> Histogram:
    found = known or Histogram()
    for duration_ns in durations_ns:
        found = found.with_(duration_ns, bounds)
    return found


def took(tables: dict[str, dict[Any, Any]], operation: str, duration_ns: int) -> None:
    """Write down how long an operation of the runtime took (in place on a machine's tables)."""
    table = tables.setdefault(OPERATIONS, {})
    table[operation] = table.get(operation, Histogram()).with_(duration_ns, OPERATION_BOUNDS)


def failed(tables: dict[str, dict[Any, Any]], operation: str) -> None:
    table = tables.setdefault(ERRORS, {})
    table[operation] = table.get(operation, 0) + 1


def gone(table: dict[str, Any], uid: str) -> None:
    """A pod is gone: what is known of its start goes into the histogram of those before it."""
    took_ns = table.pop(uid, None)
    if took_ns is not None:
        table[""] = table.get("", Histogram()).with_(took_ns, DEFAULT_BOUNDS)
