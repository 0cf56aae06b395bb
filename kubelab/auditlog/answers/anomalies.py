"""Anomalies: windows in which somebody asks for far more, or far less, than a baseline gives reason to expect; with the rate of false
alarms measured.

The test. For each group (say, user, verb and resource) the calls per window are taken for draws of a negative binomial whose mean and
variance are those of the baseline's windows (a Poisson where they vary no more than chance), the variance widened by 1 + 1/n because n
windows are all that is known. What was never seen in the baseline is held against half a call in all of it. p is two-sided. The correction:
Benjamini and Hochberg over all groups and windows tested, at ``level`` (the expected share of false alarms among the alarms).

Neither assumption need hold of a real log (rates drift, calls come in crowds). So the alarm rate is *measured*: each half of the baseline
is tested, by the same procedure, against the other half; every alarm there is a false one. Read ``frame.attrs["false_alarms"]`` before
believing an alarm.

Sources: Y. Benjamini, Y. Hochberg, "Controlling the False Discovery Rate", 1995; E. B. Wilson, "Probable Inference", 1927 (the bound of the
measured rate).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from kubelab.auditlog.answers.asking import CALLS_MORE, Log, instant, names_of, seconds, selected, span, tidy
from kubelab.auditlog.answers.requests import background

MORE, LESS, NEW = "more", "less", "never seen before"
LEAST_WINDOWS = 4  # of a baseline: two halves of two
MOST_TESTS = 10_000_000  # two tables of four bytes for each: a month of minutes of 450 groups, within the memory of scan
PRIOR = 0.5  # calls in the whole baseline, of a group that it does not know

Instant = str | datetime


class Counted(NamedTuple):
    """Calls per group (rows) and window (columns); ``starts`` are the windows' beginnings in seconds since the epoch."""

    groups: pd.DataFrame
    counts: np.ndarray[Any, Any]
    starts: np.ndarray[Any, Any]


def anomalies(
    log: Log,
    baseline: tuple[Instant, Instant] | Any = None,
    *,
    by: str | Sequence[str] = ("user", "verb", "target"),
    window: float | str = "1m",
    level: float = 0.01,
    counting: str = "calls",
) -> pd.DataFrame:
    """Windows that stand out against a baseline: ``(start, end)`` within this log, or another log; by default the first half of this one.

    ``counting`` is ``calls`` or ``errors`` (codes from 400 on). Background is not counted. Only whole windows are tested.

    Columns: those of ``by``, ``window`` (its start), ``calls``, ``expected``, ``kind`` (``more``, ``less``, ``never seen before``),
    ``times`` (calls for each expected one), ``p``, ``q`` (corrected: of the alarms up to this one, the share expected to be false),
    ``surer`` (than any alarm of the baseline held out). The surest first. ``frame.attrs``: ``test``, ``correction``, ``level``, ``tests``,
    ``windows``, and ``false_alarms``: ``windows`` held out, ``tests``, ``alarms``, ``windows_with_alarm``, ``rate`` (their share),
    ``at_most`` (95 % bound of it), ``per_hour``.
    """
    width = seconds(window, "window")
    if not 0 < level < 1:
        raise ValueError(f"level={level!r}: a share between 0 and 1 is needed")
    if counting not in ("calls", "errors"):
        raise ValueError(f"counting={counting!r}: what would work is 'calls' or 'errors'")
    normal, tested = _parts(log, baseline, by, width, counting)
    if normal.counts.shape[1] < LEAST_WINDOWS:
        raise ValueError(
            f"the baseline has {normal.counts.shape[1]} whole windows of {width:g} s, and {LEAST_WINDOWS} are needed:"
            " give a longer baseline=(start, end) or a shorter window="
        )
    groups, found, tests = _alarms(normal, tested, level)
    false, surest = held_out(normal, level, width)
    found["surer"] = found["p"] < surest
    at, columns = found["at"].to_numpy(), found["column"].to_numpy()
    frame = pd.concat([groups.iloc[at].reset_index(drop=True), found.drop(columns=["at", "column"]).reset_index(drop=True)], axis=1)
    frame.insert(len(groups.columns), "window", pd.to_datetime(np.round(tested.starts[columns] * 1e6).astype("int64"), unit="us"))
    tidy(frame, background(log))
    frame.attrs.update(
        test="negative binomial by the baseline's mean and variance, two-sided; Poisson where the variance is no greater",
        correction="Benjamini-Hochberg over all groups and windows",
        level=level,
        tests=tests,
        windows=tested.counts.shape[1],
        baseline_windows=normal.counts.shape[1],
        false_alarms=false,
    )
    return frame


def _parts(log: Log, baseline: Any, by: str | Sequence[str], width: float, counting: str) -> tuple[Counted, Counted]:
    first, last, _ = span(log)
    if first is None or last is None:
        raise ValueError("the log is empty: there is nothing to compare")
    if baseline is not None and not isinstance(baseline, tuple | list):
        start, end, _ = span(baseline)
        if start is None or end is None:
            raise ValueError("the log given as baseline is empty")
        return _counted(baseline, by, start, end, width, counting), _counted(log, by, first, last, width, counting)
    if baseline is None:
        middle = first + (last - first) / 2
        start, end = first, middle
    elif len(baseline) != 2:
        raise ValueError(f"baseline={baseline!r}: a pair (start, end) or another log is needed")
    else:
        start, end = instant(baseline[0], "baseline"), instant(baseline[1], "baseline")
        if start >= end:
            raise ValueError(f"baseline={baseline!r}: its start is not before its end")
    normal = _counted(log, by, start, end, width, counting)
    before = _counted(log, by, first, start, width, counting)
    after = _counted(log, by, end, last, width, counting)
    return normal, _joined(before, after)


def _counted(log: Log, by: str | Sequence[str], start: datetime, end: datetime, width: float, counting: str) -> Counted:
    windows = int((end - start).total_seconds() // width)
    wrong = " AND code >= 400" if counting == "errors" else ""
    frame = log.sql(
        f"""SELECT {selected(by)}, floor((epoch(received) - epoch($start::TIMESTAMP)) / $width)::BIGINT AS slot, count(*) AS counted
          FROM {CALLS_MORE} WHERE apart = '' AND received >= $start AND received < $end{wrong} GROUP BY {names_of(by)}, slot ORDER BY {names_of(by)}, slot""",
        start=start,
        end=end,
        width=width,
    )
    names = [name for name in frame.columns if name not in ("slot", "counted")]
    rows = frame.groupby(names, sort=False, dropna=False, observed=True).ngroup().to_numpy()
    groups = frame[names].drop_duplicates(ignore_index=True)
    if len(groups) * windows > MOST_TESTS:
        raise ValueError(
            f"{len(groups):,} groups by {by!r} in {windows:,} windows are {len(groups) * windows:,} tests, and {MOST_TESTS:,} are the most:"
            " name fewer columns in by=, or give a longer window="
        )
    counts = np.zeros((len(groups), windows), dtype=np.int32)
    at = frame["slot"].to_numpy()
    whole = (at >= 0) & (at < windows)
    np.add.at(counts, (rows[whole], at[whole]), frame["counted"].to_numpy(dtype=np.int32)[whole])
    epoch = pd.Timestamp(start).timestamp()
    return Counted(groups, counts, epoch + width * np.arange(windows))


def _joined(first: Counted, second: Counted) -> Counted:
    """Two stretches as one, over the groups of both."""
    if not first.counts.shape[1]:
        return second
    known, left, right = _aligned(first, second)
    return Counted(known, np.hstack([left, right]), np.concatenate([first.starts, second.starts]))


def _aligned(first: Counted, second: Counted) -> tuple[pd.DataFrame, np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """All groups of the two, and the counts of each over them."""
    known = pd.concat([first.groups, second.groups]).drop_duplicates(ignore_index=True)
    order = {key: at for at, key in enumerate(map(tuple, known.astype(object).fillna("").to_numpy()))}
    tables = []
    for part in (first, second):
        table = np.zeros((len(known), part.counts.shape[1]), dtype=np.int32)
        rows = [order[tuple(key)] for key in part.groups.astype(object).fillna("").to_numpy()]
        table[rows] = part.counts
        tables.append(table)
    return known, tables[0], tables[1]


def _alarms(normal: Counted, tested: Counted, level: float) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """The groups of both, the alarms (``at`` a group, ``column`` a window), and how many tests there were."""
    groups, base, seen = _aligned(normal, tested)
    expected = np.zeros(len(groups))
    doubtful, kept = [np.zeros(0, dtype=np.int64)], [np.zeros(0)]
    for row in range(len(groups)):
        p, expected[row] = _tested(base[row], seen[row])
        doubtful.append(np.flatnonzero(p <= level))  # a larger p is no alarm, and makes none of another
        kept.append(p[doubtful[-1]])
    at, column, p = np.repeat(np.arange(len(groups)), [len(each) for each in doubtful[1:]]), np.concatenate(doubtful), np.concatenate(kept)
    q = corrected(p, seen.size)
    order = np.lexsort((column, at, p))
    order = order[q[order] <= level]
    at, column, p, q = at[order], column[order], p[order], q[order]
    calls, mean = seen[at, column].astype("int64"), expected[at]
    unknown = base[at].sum(axis=1) == 0 if len(at) else np.zeros(0, bool)
    kind = np.where(unknown, NEW, np.where(calls > mean, MORE, LESS)) if len(at) else np.array([], dtype=object)
    found = pd.DataFrame({"at": at, "column": column, "calls": calls, "expected": mean, "kind": pd.array(kind, dtype="str")})
    found["times"] = np.where(unknown, np.nan, calls / np.where(mean > 0, mean, 1))
    found["p"], found["q"] = p, q
    return groups, found, int(seen.size)


def held_out(normal: Counted, level: float, width: float) -> tuple[dict[str, float], float]:
    """How often the same procedure raises an alarm on windows of the baseline that it has not seen (each half against the other), and the
    least p of these."""
    half = normal.counts.shape[1] // 2
    parts = [Counted(normal.groups, normal.counts[:, cut], normal.starts[cut]) for cut in (slice(0, half), slice(half, None))]
    alarms = tests = windows = touched = 0
    surest = 1.0
    for base, tested in ((parts[0], parts[1]), (parts[1], parts[0])):
        _, found, count = _alarms(base, tested, level)
        alarms, tests, windows = alarms + len(found), tests + count, windows + tested.counts.shape[1]
        touched += found["column"].nunique()
        surest = min(surest, float(found["p"].min())) if len(found) else surest
    rate = touched / windows
    measured = {
        "windows": windows,
        "tests": tests,
        "alarms": alarms,
        "windows_with_alarm": touched,
        "rate": rate,
        "at_most": wilson(touched, windows),
        "per_hour": alarms / (windows * width / 3600),
    }
    return measured, surest


def wilson(found: int, of: int, z: float = 1.96) -> float:
    """The upper end of Wilson's 95 % interval of a share.

    >>> round(wilson(0, 100), 3), round(wilson(5, 100), 3)
    (0.037, 0.112)
    """
    share = found / of
    middle, spread = share + z * z / (2 * of), z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return (middle + spread) / (1 + z * z / of)


def _tested(base: np.ndarray[Any, Any], seen: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], float]:
    """Two-sided p of each window of a group, and what was expected."""
    n = len(base)
    mean = float(base.mean())
    expected = mean if mean > 0 else PRIOR / n
    spread = float(base.var(ddof=1)) if n > 1 else expected
    variance = max(spread, expected) * (1 + 1 / n)
    lower, upper = tails(expected, variance, int(seen.max(initial=0)))
    counts = seen.astype("int64")
    return np.minimum(1.0, 2 * np.minimum(lower[counts], upper[counts])), mean


def tails(mean: float, variance: float, most: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """P(X <= k) and P(X >= k) for k = 0 … ``most`` of a negative binomial with that mean and variance (a Poisson if they are equal).

    >>> lower, upper = tails(2.0, 2.0, 3)
    >>> [round(float(p), 4) for p in lower], [round(float(p), 4) for p in upper]
    ([0.1353, 0.406, 0.6767, 0.8571], [1.0, 0.8647, 0.594, 0.3233])
    """
    last = int(max(most, mean) + 12 * math.sqrt(variance) + 30)
    k = np.arange(1, last + 1, dtype=np.float64)
    if variance <= mean * (1 + 1e-9):
        logs = -mean + np.concatenate([[0.0], np.cumsum(math.log(mean) - np.log(k))])
    else:
        size = mean * mean / (variance - mean)
        failing = math.log1p(-mean / variance)
        logs = size * math.log(mean / variance) + np.concatenate([[0.0], np.cumsum(np.log(k - 1 + size) - np.log(k) + failing)])
    mass = np.exp(logs)
    lower = np.minimum(np.cumsum(mass), 1.0)
    upper = np.minimum(np.cumsum(mass[::-1])[::-1], 1.0)
    upper[0] = 1.0
    return lower[: most + 1], upper[: most + 1]


def corrected(p: np.ndarray[Any, Any], tests: int | None = None) -> np.ndarray[Any, Any]:
    """Benjamini and Hochberg's q of each p; ``tests``: how many there were, if these are only the least p of them.

    >>> [round(float(q), 3) for q in corrected(np.array([0.01, 0.02, 0.5]))]
    [0.03, 0.03, 0.5]
    >>> [round(float(q), 3) for q in corrected(np.array([0.01, 0.02]), 3)]
    [0.03, 0.03]
    """
    if not p.size:
        return p
    order = np.argsort(p, kind="stable")
    scaled = p[order] * (tests or p.size) / np.arange(1, p.size + 1)
    q = np.empty_like(p)
    q[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return q
