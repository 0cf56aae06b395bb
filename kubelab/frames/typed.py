"""Typed columns: lists of plain values to pandas columns. One word per type: instants, seconds, text, category, count.

Every frame of kubelab is made of these five, so that an empty log gives the same dtypes as a full one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

NOT_A_TIME = np.iinfo(np.int64).min


def instants(times_ns: Sequence[int | None]) -> pd.DatetimeIndex:
    """``datetime64[ns, UTC]``; None is NaT.

    >>> instants([1767225600_000000000, None]).dtype
    datetime64[ns, UTC]
    """
    raw = np.array([NOT_A_TIME if each is None else each for each in times_ns], dtype=np.int64)
    return pd.DatetimeIndex(raw.view("datetime64[ns]")).tz_localize("UTC")


def seconds(times_ns: Sequence[int | None], since_ns: int | Sequence[int | None] = 0) -> np.ndarray[Any, Any]:
    """``float64`` seconds since an instant, or each since its own; NaN where one of the two is None.

    >>> seconds([1_500_000_000, None])
    array([1.5, nan])
    """
    origins = [since_ns] * len(times_ns) if isinstance(since_ns, int) else since_ns
    pairs = zip(times_ns, origins, strict=True)
    return np.array([np.nan if time is None or origin is None else (time - origin) / 1e9 for time, origin in pairs], dtype=np.float64)


def text(words: Sequence[str | None]) -> Any:
    """``string``; None is missing."""
    return pd.array(list(words), dtype="string")


def category(words: Sequence[str], order: Sequence[str] | None = None) -> pd.Categorical:
    """``category``; ``order`` fixes the categories, and makes them ordered."""
    if order is None:
        return pd.Categorical(list(words), categories=list(dict.fromkeys(words)) or None)
    return pd.Categorical(list(words), categories=list(order), ordered=True)


def count(numbers: Sequence[int | None]) -> Any:
    """``Int64``; None is missing."""
    return pd.array(list(numbers), dtype="Int64")
