"""A part of a log: the same answers about some of its calls alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from kubelab.auditlog.answers import asking
from kubelab.auditlog.answers.asking import columns, instant
from kubelab.auditlog.schema import ORDER

_WITH = re.compile(r"\s*WITH\s+", re.IGNORECASE)
_PREFIX = "part_"


class Part:
    """What ``log.only(…)`` gives: a log of the calls that fit. It reads from the whole, which has to stay open."""

    def __init__(self, whole: Any, conditions: Sequence[str], params: dict[str, Any]) -> None:
        self._whole = whole
        self._conditions = tuple(conditions)
        self._params = dict(params)

    def __repr__(self) -> str:
        return f"<part of {self._whole!r}>"

    def sql(self, query: str, **params: Any) -> pd.DataFrame:
        """As of the whole log; ``calls`` are those of the part."""
        calls = f"WITH calls AS (SELECT * FROM main.calls WHERE {' AND '.join(self._conditions) or 'true'})"
        found = _WITH.match(query)
        text = f"{calls}, {query[found.end() :]}" if found else f"{calls} {query}"
        return self._whole.sql(text, **self._params, **params)

    def calls(self) -> pd.DataFrame:
        """All calls of the part, in order of receipt."""
        return self.sql(f"SELECT * FROM calls ORDER BY {ORDER}")

    def bodies(self, where: str = "true", **params: Any) -> Iterator[dict[str, Any]]:
        """As of the whole log."""
        yield from self._whole.bodies(" AND ".join([*self._conditions, f"({where})"]), **self._params, **params)

    @property
    def problems(self) -> pd.DataFrame:
        """Those of the whole log."""
        return self._whole.problems

    def __getattr__(self, name: str) -> Any:
        from kubelab.auditlog import answers

        if not name.startswith("_") and name in answers.ANSWERS:
            return answers.bound(name, self)
        raise AttributeError(f"a part of an audit log has no {name!r}")

    def __dir__(self) -> list[str]:
        from kubelab.auditlog import answers

        return [*super().__dir__(), *answers.ANSWERS]


def only(
    log: Any, *, start: str | datetime | None = None, end: str | datetime | None = None, background: bool = True, **fields: Any
) -> Part:
    """The calls received from ``start`` until ``end`` whose ``fields`` have a value, or one of a list: ``log.only(namespace="shop",
    verb=["create", "delete"])``.

    Fields are columns of ``calls`` (also ``user``, ``status``, ``target``, ``role`` and the other ones to group by); ``background=False``
    leaves the background out.
    """
    conditions, params = [], {}
    whole, before = (log._whole, log) if isinstance(log, Part) else (log, None)
    if before is not None:
        conditions, params = list(before._conditions), dict(before._params)
    for name, at, sign in (("start", start, ">="), ("end", end, "<")):
        if at is not None:
            key = f"{_PREFIX}{len(params)}"
            params[key] = instant(at, name)
            conditions.append(f"received {sign} ${key}")
    for name, wanted in fields.items():
        ((_, column),) = columns(name)
        key = f"{_PREFIX}{len(params)}"
        several = isinstance(wanted, Sequence) and not isinstance(wanted, str)
        params[key] = list(wanted) if several else wanted
        text = asking.DERIVED.get(column, f'"{column}"')
        conditions.append(f"list_contains(${key}, ({text}))" if several else f"({text}) IS NOT DISTINCT FROM ${key}")
    if not background:
        conditions.append(f"({asking.APART}) = ''")
    return Part(whole, conditions, params)
