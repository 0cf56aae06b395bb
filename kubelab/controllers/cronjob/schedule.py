"""When a schedule comes due: the next time after a given one, in the schedule's time zone.

Times are nanoseconds since the epoch; ``None`` stands for a time that never comes (none within five years). Clocks that are put forward or
back are met as upstream meets them: hours are counted in real time, days by the calendar.

upstream: github.com/robfig/cron/v3 spec.go (Next, dayMatches), constantdelay.go, 1.28.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

from kubelab.kinds.batch.cron import Schedule
from kubelab.world.clock import SECOND

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_YEARS = 5


class UnknownZone(ValueError):
    """A time zone that does not exist, in Go's words."""


@lru_cache(maxsize=256)
def zone_of(name: str) -> tzinfo:
    """The time zone of a name; "" and UTC are UTC. Raises UnknownZone."""
    if name in ("", "UTC"):
        return UTC
    # The time zone machinery is slow to load and rarely asked for.
    import zoneinfo

    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise UnknownZone(f"unknown time zone {name}") from None


def next_ns(schedule: Schedule, after_ns: int) -> int | None:
    """The first time later than ``after_ns``.

    >>> from kubelab.kinds.batch.cron import parse
    >>> next_ns(parse("*/5 * * * *"), 0) == 300 * SECOND, next_ns(parse("0 0 31 2 *"), 0)
    (True, None)
    """
    if schedule.every_ns:
        return after_ns - after_ns % SECOND + schedule.every_ns
    second = _next_second(schedule, after_ns // SECOND)
    return None if second is None else second * SECOND


@lru_cache(maxsize=4096)
def _next_second(schedule: Schedule, after: int) -> int | None:
    zone = zone_of(schedule.zone)
    second = after + 1
    last_year = _local(second, zone).year + _YEARS
    while True:
        local = _local(second, zone)
        if local.year > last_year:
            return None
        found = _next_day(schedule, second, local, zone)
        if found is None:
            return None
        second = found if found != second else second
        in_day = _in_day(schedule, second, zone)
        if in_day is not None:
            return in_day
        second = _next_midnight(second, zone)


def _next_day(schedule: Schedule, second: int, local: datetime, zone: tzinfo) -> int | None:
    """``second`` itself if its day is allowed, else the start of the next allowed day."""
    if _is_allowed(schedule, local):
        return second
    day = local.date()
    last_year = day.year + _YEARS
    while day.year <= last_year:
        if not schedule.months >> day.month & 1:
            day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        else:
            day += timedelta(days=1)
        if schedule.months >> day.month & 1 and _is_allowed(schedule, datetime(day.year, day.month, day.day)):
            return _start_of(day, zone)
    return None


def _is_allowed(schedule: Schedule, local: datetime) -> bool:
    """Both day fields must allow the day if one of them is a star, else either."""
    if not schedule.months >> local.month & 1:
        return False
    of_month = bool(schedule.days >> local.day & 1)
    of_week = bool(schedule.weekdays >> (local.isoweekday() % 7) & 1)
    if schedule.day_starred or schedule.weekday_starred:
        return of_month and of_week
    return of_month or of_week


def _in_day(schedule: Schedule, second: int, zone: tzinfo) -> int | None:
    """The first allowed minute from ``second`` on within its day, hours counted in real time."""
    local = _local(second, zone)
    day = local.day
    if local.second:
        second += 60 - local.second
        local = _local(second, zone)
    while local.day == day:
        if not schedule.hours >> local.hour & 1:
            second += 3600 - local.minute * 60
        elif not schedule.minutes >> local.minute & 1:
            later = schedule.minutes >> (local.minute + 1)
            second += 60 * (_lowest(later) + 1 if later else 60 - local.minute)
        else:
            return second
        local = _local(second, zone)
    return None


def _lowest(bits: int) -> int:
    """The place of the lowest bit."""
    return (bits & -bits).bit_length() - 1


def _next_midnight(second: int, zone: tzinfo) -> int:
    return _start_of(_local(second, zone).date() + timedelta(days=1), zone)


def _start_of(day: date, zone: tzinfo) -> int:
    """Midnight; where the clocks skip it, the hour after it."""
    second = _instant(datetime(day.year, day.month, day.day), zone)
    hour = _local(second, zone).hour
    if hour > 12:
        return second + (24 - hour) * 3600
    return second - hour * 3600


def _local(second: int, zone: tzinfo) -> datetime:
    return (_EPOCH + timedelta(seconds=second)).astimezone(zone)


def _instant(local: datetime, zone: tzinfo) -> int:
    """The instant of a local time; one that the clocks skip is told by the offset that holds around it (upstream: Go's time.Date)."""
    naive = int((local.replace(tzinfo=UTC) - _EPOCH).total_seconds())
    guess = naive - _offset(naive, zone)
    return naive - _offset(guess, zone)


def _offset(second: int, zone: tzinfo) -> int:
    offset = _local(second, zone).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


def in_zone(time_ns: int, name: str) -> str:
    """A time as RFC 3339 text in a time zone.

    >>> in_zone(0, "")
    '1970-01-01T00:00:00Z'
    """
    local = _local(time_ns // SECOND, zone_of(name))
    offset = local.utcoffset() or timedelta()
    text = local.replace(tzinfo=None if not offset else timezone(offset)).isoformat()
    return text if offset else f"{text}Z"
