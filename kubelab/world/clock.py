"""Instants and durations: integer nanoseconds inside, RFC 3339 and Go durations at the edges.

upstream: apimachinery/pkg/apis/meta/v1/{time,micro_time,duration}.go, Go's time.ParseDuration.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

SECOND = 1_000_000_000
MILLISECOND = 1_000_000
MICROSECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 3600 * SECOND
LONGEST_S = 1e15

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"h": HOUR, "m": MINUTE, "s": SECOND, "ms": MILLISECOND, "us": MICROSECOND, "µs": MICROSECOND, "μs": MICROSECOND, "ns": 1}
_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?(ns|us|µs|μs|ms|s|m|h)")


@lru_cache(maxsize=4096)
def _rfc3339_of_second(second: int) -> str:
    return (_EPOCH + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%SZ")


def rfc3339(ns: int) -> str:
    """An instant at second resolution, as metav1.Time prints it.

    >>> rfc3339(1767225600_000000000)
    '2026-01-01T00:00:00Z'
    """
    return _rfc3339_of_second(ns // SECOND)


def rfc3339_micro(ns: int) -> str:
    """An instant with six decimals, as metav1.MicroTime prints it.

    >>> rfc3339_micro(1767225600_000000000)
    '2026-01-01T00:00:00.000000Z'
    """
    return f"{_rfc3339_of_second(ns // SECOND)[:-1]}.{ns % SECOND // 1000:06d}Z"


@lru_cache(maxsize=4096)
def parse_rfc3339(text: str) -> int:
    """RFC 3339 text to nanoseconds since the epoch; ValueError names what was found.

    >>> parse_rfc3339("2026-01-01T00:00:00Z") == 1767225600 * SECOND
    True
    """
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)", text)
    if not match:
        raise ValueError(f'parsing time "{text}" as "2006-01-02T15:04:05Z07:00": cannot parse "{text}" as RFC 3339')
    zone = "+00:00" if match[3] in "Zz" else match[3]
    delta = datetime.fromisoformat(match[1].upper() + zone) - _EPOCH
    return (delta.days * 86400 + delta.seconds) * SECOND + int((match[2] or "0").ljust(9, "0"))


def parse_duration(value: str | int | float) -> int:
    """Seconds, or a Go duration such as ``1m30s``, in nanoseconds; ValueError says what would work.

    >>> parse_duration("1m30s") // SECOND, parse_duration(2.5) // MILLISECOND
    (90, 2500)
    """
    if isinstance(value, bool):
        raise ValueError(f"invalid duration {value!r}: give seconds or text such as '1m30s'")
    if isinstance(value, (int, float)):
        if not abs(value) <= LONGEST_S:
            raise ValueError(f"invalid duration {value!r}: give a finite number of seconds, at most {LONGEST_S:.0e}")
        return round(value * SECOND)
    if not isinstance(value, str):
        raise ValueError(f"invalid duration {value!r}: give seconds or text such as '1m30s', '500ms', '2h'")
    text = value.strip()
    sign = -1 if text.startswith("-") else 1
    body = text.lstrip("+-") if text[:1] in ("+", "-") else text
    if body == "0":
        return 0
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", body):
        if not float(body) <= LONGEST_S:
            raise ValueError(f"invalid duration {value!r}: give at most {LONGEST_S:.0e} seconds")
        return sign * round(float(body) * SECOND)
    total, at = 0, 0
    while at < len(body):
        match = _PART.match(body, at)
        if not match or not (match[1] or match[2]):
            raise ValueError(f"invalid duration {value!r}: give seconds or text such as '1m30s', '500ms', '2h'")
        unit = _UNITS[match[3]]
        total += int(match[1] or 0) * unit
        if match[2]:
            total += int(match[2]) * unit // 10 ** len(match[2])
        at = match.end()
    if not body:
        raise ValueError(f"invalid duration {value!r}: give seconds or text such as '1m30s', '500ms', '2h'")
    return sign * total


def format_duration(ns: int) -> str:
    """A duration as Go's time.Duration prints it.

    >>> format_duration(90 * SECOND), format_duration(1_500_000), format_duration(0)
    ('1m30s', '1.5ms', '0s')
    """
    if ns == 0:
        return "0s"
    sign, ns = ("-", -ns) if ns < 0 else ("", ns)
    if ns < SECOND:
        for unit, name in ((MILLISECOND, "ms"), (MICROSECOND, "µs"), (1, "ns")):
            if ns >= unit:
                return f"{sign}{_decimal(ns, unit)}{name}"
    hours, rest = divmod(ns, HOUR)
    minutes, rest = divmod(rest, MINUTE)
    text = f"{_decimal(rest, SECOND)}s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    if hours:
        text = f"{hours}h{text}"
    return sign + text


def _decimal(ns: int, unit: int) -> str:
    whole, part = divmod(ns, unit)
    if not part:
        return str(whole)
    return f"{whole}.{str(part).rjust(len(str(unit)) - 1, '0').rstrip('0')}"


def to_datetime(ns: int) -> datetime:
    """The instant as an aware datetime in UTC (microseconds; the rest is cut)."""
    return _EPOCH + timedelta(microseconds=ns // 1000)
