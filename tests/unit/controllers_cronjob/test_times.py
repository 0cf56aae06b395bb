"""When schedules come due. Rows: upstream pkg/controller/cronjob/utils_test.go, 1.28, and robfig/cron v3 spec_test.go."""

from __future__ import annotations

import pytest

from kubelab.controllers.cronjob.schedule import UnknownZone, in_zone, next_ns, zone_of
from kubelab.controllers.cronjob.times import NeverDue, latest_due, until_next_ns
from kubelab.kinds.batch.cron import parse
from kubelab.world.clock import HOUR, MILLISECOND, MINUTE, SECOND, parse_rfc3339
from tests.unit.controllers_cronjob.builders import TOP, cron_job

DAY = 24 * HOUR
HALF_PAST = "2016-05-19T10:30:00Z"


@pytest.mark.parametrize(
    ("schedule", "options", "within", "now", "since", "latest", "many"),
    [
        # TestMostRecentScheduleTime, times relative to 10:00
        ("0 * * * *", {"created": "10:00"}, False, 30 * SECOND, 0, None, False),
        ("0 * * * *", {"created": "10:00"}, False, 61 * MINUTE, 0, 60 * MINUTE, False),
        ("0 * * * *", {"created": "10:00:10"}, False, 301 * MINUTE, 10 * SECOND, 300 * MINUTE, False),
        ("30 6-16/4 * * 1-5", {"created": "10:00", "last": HALF_PAST}, False, DAY + 31 * MINUTE, 30 * MINUTE, DAY + 30 * MINUTE, False),
        ("30 10,11,12 * * 1-5", {"created": "10:00", "last": HALF_PAST}, False, 30 * HOUR + 30 * MINUTE, 30 * MINUTE, None, False),
        (
            "30 6-16/4 * * 1-5",
            {"created": "10:00", "last": HALF_PAST},
            False,
            4 * DAY + 31 * MINUTE,
            30 * MINUTE,
            4 * DAY + 30 * MINUTE,
            False,
        ),
        ("30 6-16/4 * * 1-5", {"created": "10:00"}, False, DAY + 31 * MINUTE, 0, DAY + 30 * MINUTE, False),
        ("@every 1h", {"created": "9:01", "last": "10:01", "deadline": 10}, False, 7 * DAY, MINUTE, 6 * DAY + 23 * HOUR + MINUTE, True),
        ("0 * * * *", {"created": "10:00", "last": "10:00"}, False, 30 * SECOND, 0, None, False),
        ("*/5 * * * *", {"created": "10:00", "last": HALF_PAST}, False, 31 * MINUTE, 30 * MINUTE, None, False),
        ("*/5 * * * *", {"created": "10:00", "last": HALF_PAST, "deadline": 60}, False, 31 * MINUTE, 30 * MINUTE, None, False),
        ("*/5 * * * *", {"created": "10:00", "last": HALF_PAST, "deadline": 60}, True, 32 * MINUTE, 31 * MINUTE, None, False),
    ],
)
def test_the_latest_start_that_is_due(schedule, options, within, now, since, latest, many):
    due = latest_due(cron_job(schedule, **options), parse(schedule), TOP + now, within_deadline=within)
    assert due == (TOP + since, None if latest is None else TOP + latest, many)


def test_a_schedule_that_never_comes_due_says_so():
    with pytest.raises(NeverDue, match="time difference between two schedules is less than 1 second"):
        latest_due(cron_job("59 23 31 2 *"), parse("59 23 31 2 *"), TOP, within_deadline=False)
    assert until_next_ns(cron_job("59 23 31 2 *"), parse("59 23 31 2 *"), TOP) == 100 * MILLISECOND


@pytest.mark.parametrize(
    ("schedule", "zone", "after", "expected"),
    [
        # robfig/cron v3 TestNext
        ("0/15 * * * *", "", "2012-07-09T14:45:00Z", ["2012-07-09T15:00:00Z"]),
        ("0/15 * * * *", "", "2012-07-09T14:59:59Z", ["2012-07-09T15:00:00Z"]),
        ("20-35/15 * * * *", "", "2012-07-09T15:45:00Z", ["2012-07-09T16:20:00Z"]),
        ("*/15 * * * *", "", "2012-12-31T23:59:45Z", ["2013-01-01T00:00:00Z"]),
        ("0 0 29 2 ?", "", "2012-07-09T23:35:00Z", ["2016-02-29T00:00:00Z"]),
        ("0 0 9 4,10 ?", "", "2012-07-09T23:35:00Z", ["2012-10-09T00:00:00Z"]),
        ("0 0 * feb mon", "", "2012-07-09T23:35:00Z", ["2013-02-04T00:00:00Z"]),
        ("0 0 30 feb ?", "", "2012-07-09T23:35:00Z", [None]),
        ("0 0 31 apr ?", "", "2012-07-09T23:35:00Z", [None]),
        # both day fields given: either will do
        ("0 0 1,15 * fri", "", "2026-01-02T10:00:00Z", ["2026-01-09T00:00:00Z", "2026-01-15T00:00:00Z", "2026-01-16T00:00:00Z"]),
        # clocks put forward: an hour that does not exist is passed over; hourly ones go on in real time
        ("30 2 11 mar ?", "America/New_York", "2012-03-11T05:00:00Z", ["2013-03-11T02:30:00-04:00"]),
        ("0 * * * ?", "America/New_York", "2012-03-11T06:00:00Z", ["2012-03-11T03:00:00-04:00", "2012-03-11T04:00:00-04:00"]),
        # put back: the hour comes twice
        ("0 1 * * ?", "America/New_York", "2012-11-04T04:00:00Z", ["2012-11-04T01:00:00-04:00", "2012-11-04T01:00:00-05:00"]),
        ("0 3 * * ?", "America/New_York", "2012-11-04T07:00:00Z", ["2012-11-04T03:00:00-05:00"]),
        # a day without midnight
        ("0 0 * * ?", "America/Sao_Paulo", "2018-11-03T12:00:00Z", ["2018-11-05T00:00:00-02:00"]),
        # TestNextWithTz
        ("14 14 * * *", "America/New_York", "2016-01-03T13:09:03Z", ["2016-01-03T14:14:00-05:00"]),
        ("0 9 * * mon-fri", "Europe/Berlin", "2026-01-02T10:00:00Z", ["2026-01-05T09:00:00+01:00"]),
        # constantdelay_test.go
        ("@every 1h30m", "", "2012-07-09T14:45:00.5Z", ["2012-07-09T16:15:00Z"]),
        ("@every 100ms", "", "2012-07-09T14:45:00Z", ["2012-07-09T14:45:01Z"]),
        ("@every 0s", "", "2012-07-09T14:45:00Z", ["2012-07-09T14:45:01Z"]),
        ("@every -1h", "", "2012-07-09T14:45:00Z", ["2012-07-09T14:45:01Z"]),
        ("@every 1.9s", "", "2012-07-09T14:45:00Z", ["2012-07-09T14:45:01Z"]),
    ],
)
def test_the_next_times(schedule, zone, after, expected):
    found, parsed, time_ns = [], parse(f"TZ={zone} {schedule}" if zone else schedule), parse_rfc3339(after)
    for _ in expected:
        later_ns = next_ns(parsed, time_ns)
        found.append(None if later_ns is None else in_zone(later_ns, zone))
        time_ns = later_ns or time_ns
    assert found == expected


def test_a_zone_that_does_not_exist_is_named():
    with pytest.raises(UnknownZone, match="unknown time zone Moon/Sea"):
        zone_of("Moon/Sea")
