"""The audit widget's model: a window of a log, and who or what its calls were. It knows nothing of a browser."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from kubelab.auditlog.answers.asking import span
from kubelab.auditlog.read import read

STEPS = 168  # an hour each of a week
SHOWN = 12
BY = ("user", "target", "verb", "role", "namespace", "status", "client", "source_ip")


@dataclass(frozen=True, slots=True)
class AuditFrame:
    """``counts``: calls per step of the whole log; ``chosen``: the steps of the window, the last included; ``rows``: (label, calls, errors)."""

    start: datetime
    end: datetime
    counts: tuple[int, ...]
    chosen: tuple[int, int]
    calls: int
    rows: tuple[tuple[str, int, int], ...]
    hidden: int


class AuditModel:
    """``source``: an audit log, or what is read as one. Background is not counted."""

    def __init__(self, source: Any, by: str = "user") -> None:
        self.log = source if hasattr(source, "requests") else read(source)
        first, last, length = span(self.log)
        if first is None or last is None:
            raise ValueError("the log is empty: there is nothing to choose from")
        self.first, self.last, self.step = first, last, timedelta(seconds=max(length, 1e-6) / STEPS)
        self.by = by
        self.chosen = (0, STEPS - 1)
        at = self.log.sql(
            "SELECT least(floor((epoch(received) - epoch($first)) / $step), $most)::INTEGER AS at, count(*) AS calls FROM calls GROUP BY 1",
            first=first,
            step=self.step.total_seconds(),
            most=STEPS - 1,
        )
        found = dict(zip(at["at"].tolist(), at["calls"].tolist(), strict=True))
        self._counts = tuple(int(found.get(number, 0)) for number in range(STEPS))

    def instant(self, step: int) -> datetime:
        """When a step begins."""
        return self.first + self.step * step

    def frame(self) -> AuditFrame:
        """What is to be seen now."""
        begin, end = self.instant(self.chosen[0]), self.instant(self.chosen[1] + 1)
        if self.chosen[1] == STEPS - 1:
            end = self.last + timedelta(microseconds=1)
        found = self.log.only(start=begin, end=end).requests([self.by])
        found = found[found["calls"] > 0]
        shown = found.head(SHOWN)
        rows = tuple(
            ("(none)" if pd.isna(value) or value == "" else str(value), int(calls), int(errors))
            for value, calls, errors in zip(shown[self.by], shown["calls"], shown["errors"], strict=True)
        )
        return AuditFrame(begin, end, self._counts, self.chosen, int(found["calls"].sum()), rows, len(found) - len(shown))
