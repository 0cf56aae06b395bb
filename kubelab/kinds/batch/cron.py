"""Cron schedules: five fields or a descriptor, read as the library that upstream uses reads them, errors included.

upstream: github.com/robfig/cron/v3 parser.go (ParseStandard), called by pkg/apis/batch/validation/validation.go, 1.28.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from kubelab.kinds.field import go_quote
from kubelab.world.clock import SECOND, parse_duration

_MONTHS = {name: number for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
_DAYS = {name: number for number, name in enumerate("sun mon tue wed thu fri sat".split())}
_BOUNDS: tuple[tuple[int, int, dict[str, int]], ...] = ((0, 59, {}), (0, 23, {}), (1, 31, {}), (1, 12, _MONTHS), (0, 6, _DAYS))
_DESCRIPTORS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


class CronError(ValueError):
    """A schedule that cannot be read, in the library's words."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Bit masks of the allowed minutes, hours, days of the month, months and days of the week.

    ``day_starred``, ``weekday_starred``: the field was ``*``; a day must satisfy both day fields if one of them is starred, else either.
    ``every_ns`` is the period of ``@every``, and 0 for all other schedules. ``zone`` is the name after ``TZ=``.
    """

    minutes: int = 0
    hours: int = 0
    days: int = 0
    months: int = 0
    weekdays: int = 0
    day_starred: bool = False
    weekday_starred: bool = False
    every_ns: int = 0
    zone: str = ""


@lru_cache(maxsize=1024)
def parse(text: str) -> Schedule:
    """Read a schedule. Raises CronError.

    >>> parse("*/15 9-17 * * mon-fri").hours == sum(1 << hour for hour in range(9, 18))
    True
    """
    if not text:
        raise CronError("empty spec string")
    zone, spec = "", text
    if spec.startswith(("TZ=", "CRON_TZ=")):
        head, _, spec = spec.partition(" ")
        zone, spec = head.partition("=")[2], spec.strip()
    if spec.startswith("@"):
        return _descriptor(spec, zone)
    fields = spec.split()
    if len(fields) != 5:
        raise CronError(f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]")
    masks = [_field(field, *bounds) for field, bounds in zip(fields, _BOUNDS, strict=True)]
    (minutes, _), (hours, _), (days, day_starred), (months, _), (weekdays, weekday_starred) = masks
    return Schedule(minutes, hours, days, months, weekdays, day_starred, weekday_starred, zone=zone)


def _descriptor(spec: str, zone: str) -> Schedule:
    if spec in _DESCRIPTORS:
        return parse(f"TZ={zone} {_DESCRIPTORS[spec]}" if zone else _DESCRIPTORS[spec])
    if spec.startswith("@every "):
        duration = spec.removeprefix("@every ")
        try:
            every_ns = max(SECOND, parse_duration(duration))  # Every: less than a second is a second, fractions are cut off
            return Schedule(every_ns=every_ns - every_ns % SECOND, zone=zone)
        except ValueError:
            raise CronError(f"failed to parse duration {spec}: time: invalid duration {go_quote(duration)}") from None
    raise CronError(f"unrecognized descriptor: {spec}")


def _field(text: str, low: int, high: int, names: dict[str, int]) -> tuple[int, bool]:
    mask, starred = 0, False
    for part in filter(None, text.split(",")):
        bits, star = _range(part, low, high, names)
        mask, starred = mask | bits, starred or star
    return mask, starred


def _range(text: str, low: int, high: int, names: dict[str, int]) -> tuple[int, bool]:
    span, *steps = text.split("/")
    ends = span.split("-")
    starred = ends[0] in ("*", "?")
    if starred:
        start, end = low, high
    else:
        start = _number(ends[0], names)
        if len(ends) > 2:
            raise CronError(f"too many hyphens: {text}")
        end = _number(ends[1], names) if len(ends) == 2 else start
    step = 1
    if len(steps) > 1:
        raise CronError(f"too many slashes: {text}")
    if steps:
        step = _number(steps[0], {})
        end = high if len(ends) == 1 else end
        starred = starred and step <= 1
    if start < low:
        raise CronError(f"beginning of range ({start}) below minimum ({low}): {text}")
    if end > high:
        raise CronError(f"end of range ({end}) above maximum ({high}): {text}")
    if start > end:
        raise CronError(f"beginning of range ({start}) beyond end of range ({end}): {text}")
    if step == 0:
        raise CronError(f"step of range should be a positive number: {text}")
    return sum(1 << value for value in range(start, end + 1, step)), starred


def _number(text: str, names: dict[str, int]) -> int:
    if text.lower() in names:
        return names[text.lower()]
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not (digits.isascii() and digits.isdigit()):
        raise CronError(f"failed to parse int from {text}: strconv.Atoi: parsing {go_quote(text)}: invalid syntax")
    if int(text) < 0:
        raise CronError(f"negative number ({int(text)}) not allowed: {text}")
    return int(text)
