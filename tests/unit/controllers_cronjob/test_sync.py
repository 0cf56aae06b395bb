"""One sync of a CronJob. Rows: upstream pkg/controller/cronjob/{cronjob_controllerv2,utils}_test.go, 1.28."""

from __future__ import annotations

import pytest

from kubelab.world.clock import MILLISECOND, MINUTE, SECOND, parse_rfc3339
from tests.unit.controllers_cronjob.builders import KEY, TOP, at, cron_job, job, status, synced

A, F, R = "Allow", "Forbid", "Replace"
HOURLY, NEVER = "0 * * * ?", "59 23 31 2 *"
DONE = job("mycronjob-24393660", "Complete", completed="9:05")
RUNS = job("mycronjob-24393660")
RAN = {"last": "9:00", "success": "9:05"}
ACTIVE = {"last": "9:00", "active": ["mycronjob-24393660"]}
WEEK_LATER = "2016-05-26T10:00:00Z"


@pytest.mark.parametrize(
    ("options", "jobs", "now", "made", "reasons"),
    [
        # TestControllerV2SyncCronJob: never ran
        ({"zone": "bad zone"}, [], "9:01", False, ["UnknownTimeZone"]),
        ({"policy": A}, [], "9:59", False, []),
        ({"policy": F}, [], "9:59", False, []),
        ({"policy": A}, [], "10:01", True, ["SuccessfulCreate"]),
        ({"policy": F}, [], "10:01", True, ["SuccessfulCreate"]),
        ({"policy": R}, [], "10:01", True, ["SuccessfulCreate"]),
        ({"zone": "Pacific/Honolulu", "created": "9:00"}, [], "10:01", True, ["SuccessfulCreate"]),
        ({"suspend": True}, [], "10:01", False, []),
        ({"deadline": 10}, [], "10:01", False, []),
        ({"deadline": 100}, [], "10:01", True, ["SuccessfulCreate"]),
        ({"schedule": f"TZ=America/New_York {HOURLY}"}, [], "10:01", True, ["UnsupportedSchedule", "SuccessfulCreate"]),
        ({"schedule": NEVER}, [], "10:01", False, ["InvalidSchedule"]),
        # ran before, and ended
        (RAN, [DONE], "9:59", False, []),
        ({**RAN, "policy": A}, [DONE], "10:01", True, ["SuccessfulCreate"]),
        ({**RAN, "policy": F}, [DONE], "10:01", True, ["SuccessfulCreate"]),
        ({**RAN, "policy": R}, [DONE], "10:01", True, ["SuccessfulCreate"]),
        ({**RAN, "suspend": True}, [DONE], "10:01", False, []),
        ({**RAN, "deadline": 10}, [DONE], "10:01", False, []),
        # still active
        ({**ACTIVE}, [RUNS], "9:59", False, []),
        ({**ACTIVE, "policy": A}, [RUNS], "10:01", True, ["SuccessfulCreate"]),
        ({**ACTIVE, "policy": F}, [RUNS], "10:01", False, ["JobAlreadyActive"]),
        ({**ACTIVE, "policy": R}, [RUNS], "10:01", True, ["SuccessfulDelete", "SuccessfulCreate"]),
        ({**ACTIVE, "suspend": True}, [RUNS], "10:01", False, []),
        # long overdue: one start, not all that were missed
        (RAN, [DONE], WEEK_LATER, True, ["TooManyMissedTimes", "SuccessfulCreate"]),
        ({**RAN, "deadline": 500 * 3600}, [DONE], WEEK_LATER, True, ["TooManyMissedTimes", "SuccessfulCreate"]),
        ({**RAN, "deadline": 3600}, [DONE], WEEK_LATER, True, ["SuccessfulCreate"]),
        # done, and the clock drifted back
        ({"last": "10:00", "created": "9:00", "success": "9:05"}, [DONE], "9:59", False, []),
        # in the list of active jobs, but gone
        ({"last": "9:00", "active": ["mycronjob-24393660"]}, [], "9:59", False, ["MissingJob"]),
        # not in the list of active jobs, but there
        ({"last": "9:00"}, [RUNS], "9:59", False, ["UnexpectedJob"]),
        # ended since
        (ACTIVE, [DONE], "9:59", False, ["SawCompletedJob"]),
        # @every: from the last start on
        ({"schedule": "@every 1h", "created": "9:00"}, [], "9:59", False, []),
        ({"schedule": "@every 1h", "created": "9:00"}, [], "10:01", True, ["SuccessfulCreate"]),
        ({**RAN, "schedule": "@every 1h", "deadline": 4000}, [DONE], "10:00:09", True, ["SuccessfulCreate"]),
        # a deadline shorter than the interval counts from the deadline on, so that nothing ever comes due
        ({**RAN, "schedule": "@every 1h", "deadline": 10}, [DONE], "10:00:09", False, []),
    ],
)
def test_a_start_is_made_or_not(options, jobs, now, made, reasons):
    after = synced(now, cron_job(**options), *jobs)
    assert [reason.split(" ")[1] for reason, _ in after.events] == reasons
    assert any(call.startswith("create jobs") for call in after.calls) is made


def test_a_new_job_is_the_templates_and_named_in_the_status():
    # TestGetJobFromTemplate2
    after = synced("10:01", cron_job())
    body = next(body for call, body in zip(after.calls, after.bodies, strict=True) if call.startswith("create"))
    meta = body["metadata"]
    assert meta["name"] == f"mycronjob-{TOP // MINUTE}"
    assert (meta["labels"], meta["annotations"]["x"]) == ({"a": "b"}, "y")
    assert meta["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"] == "2016-05-19T10:00:00Z"
    assert meta["ownerReferences"][0]["controller"] is True
    assert status(after)["lastScheduleTime"] == "2016-05-19T10:00:00Z"
    assert [(each["name"], each["kind"], each["apiVersion"]) for each in status(after)["active"]] == [(meta["name"], "Job", "batch/v1")]
    assert after.calls[-1] == "update cronjobs.batch mycronjob/status"
    assert after.plans[-1].again_ns == 59 * MINUTE + 100 * MILLISECOND


@pytest.mark.parametrize(
    ("zone", "text"),
    [("Asia/Kolkata", "2016-05-19T15:30:00+05:30"), ("Etc/UTC", "2016-05-19T10:00:00Z"), ("America/New_York", "2016-05-19T06:00:00-04:00")],
)
def test_the_annotation_speaks_the_time_zone(zone, text):
    schedule = "30 * * * ?" if zone == "Asia/Kolkata" else "0 * * * ?"
    after = synced("10:01", cron_job(schedule, zone=zone))
    body = next(body for call, body in zip(after.calls, after.bodies, strict=True) if call.startswith("create"))
    assert body["metadata"]["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"] == text


def test_replace_takes_the_running_job_away_first():
    after = synced("10:01", cron_job(policy=R, **ACTIVE), RUNS)
    name = f"mycronjob-{TOP // MINUTE}"
    assert after.calls == [
        "get jobs.batch mycronjob-24393660",
        "delete jobs.batch mycronjob-24393660",
        f"create jobs.batch {name}",
        "update cronjobs.batch mycronjob/status",
    ]
    assert after.bodies[1] == {"propagationPolicy": "Background"}
    assert [each["name"] for each in status(after)["active"]] == [name]


def test_the_success_of_a_job_is_noted_once_it_is_no_longer_active():
    after = synced("9:30", cron_job(**ACTIVE), job("mycronjob-24393660", "Complete", completed="9:05"))
    assert "active" not in status(after) and "lastSuccessfulTime" not in status(after)
    after.sync(*KEY)
    assert status(after)["lastSuccessfulTime"] == at("9:05")


def test_the_oldest_jobs_beyond_the_limits_go():
    # cleanupFinishedJobs, TestByJobStartTime
    jobs = [job(f"j{number}", "Complete", start=f"{number}:00", completed=f"{number}:05") for number in (3, 1, 2)]
    failed = [job(f"f{number}", "Failed", start=f"{number}:00") for number in (2, 1)]
    after = synced("9:30", cron_job(last="9:00", success="3:05", limits=(2, 0)), *jobs, *failed)
    assert [call for call in after.calls if call.startswith("delete")] == [f"delete jobs.batch {name}" for name in ("j1", "f1", "f2")]
    assert ("Normal SuccessfulDelete", "Deleted job j1") in after.events


def test_a_missed_start_says_when_it_was():
    after = synced("10:01", cron_job("*/30 * * * *", deadline=7200, created="9:59"))
    assert any(call.startswith("create") for call in after.calls)
    after = synced("10:00:20", cron_job(deadline=15, last="9:00"))
    assert (after.calls, after.because) == ([], ["NotDue"])


def test_nothing_starts_while_it_is_deleted():
    after = synced("10:01", cron_job(deleting=True))
    assert (after.calls, after.because) == ([], ["OwnerDeleting"])


def test_a_changed_schedule_is_looked_at_when_it_comes_due():
    # TestControllerV2UpdateCronJob
    after = synced("9:59", cron_job())
    after.queued = []
    after.put(cron_job("*/30 * * * *", created="9:45"))
    assert [(each.key, each.after_ns) for each in after.queued] == [(KEY, MINUTE + 100 * MILLISECOND)]
    after.queued = []
    after.put(cron_job("*/30 * * * *", created="9:45", suspend=True))
    assert after.queued == [KEY]


def test_it_sleeps_until_a_little_after_the_next_start():
    after = synced("9:59:30", cron_job())
    assert after.plans[-1].again_ns == 30 * SECOND + 100 * MILLISECOND


def test_a_start_that_was_made_is_not_made_again():
    after = synced("10:01", cron_job())
    before = len(after.calls)
    after.now_ns = parse_rfc3339(at("10:02"))
    after.sync(*KEY)
    assert len(after.calls) == before
