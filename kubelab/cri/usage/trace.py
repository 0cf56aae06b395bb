"""A trace from a CSV file: what ``Usage.spec.cpu.trace`` and its siblings take.

spec: cri-metrics.md section 6; DESIGN section 4.
"""

from __future__ import annotations

import csv
from math import isfinite
from pathlib import Path


def usage_trace(path: str | Path) -> list[list[float]]:
    """``[[seconds, value], …]`` from the first two columns of a CSV file: seconds since the curve began, cores or bytes.

    A first line that holds no numbers is the header. ValueError names file, line and what was found.
    """
    points: list[list[float]] = []
    with open(path, newline="", encoding="utf-8-sig") as file:
        for number, row in enumerate(csv.reader(file), 1):
            if not any(cell.strip() for cell in row):
                continue
            point = _point(row)
            if point is None:
                if number == 1 and not any(_is_number(cell) for cell in row):
                    continue
                raise ValueError(f"{path}, line {number}: {','.join(row)!r} is not seconds and a value, both numbers of at least 0")
            if points and point[0] <= points[-1][0]:
                raise ValueError(f"{path}, line {number}: {point[0]:g} s does not come after {points[-1][0]:g} s")
            points.append(point)
    if not points:
        raise ValueError(f"{path} holds no points: each line is seconds,value")
    return points


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _point(row: list[str]) -> list[float] | None:
    try:
        found = [float(cell) for cell in row[:2]]
    except ValueError:
        return None
    return found if len(found) == 2 and all(isfinite(part) and part >= 0 for part in found) else None
