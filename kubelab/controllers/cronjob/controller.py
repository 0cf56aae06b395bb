"""The CronJob controller: one sync from top to bottom.

Active jobs ▸ is a start due, and may it be made ▸ make it ▸ past jobs ▸ status; then sleep until the next start. A sync that makes a job looks
once more before it ends, so that the status can name that job.

upstream: pkg/controller/cronjob/cronjob_controllerv2.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple

from kubelab.controllers.common.events import normal, warning
from kubelab.controllers.common.owners import controller_of
from kubelab.controllers.common.refusal import after_refusal
from kubelab.controllers.cronjob.jobs import (
    CRON_JOBS,
    JOBS,
    Activity,
    activity,
    job_name,
    job_reference,
    replace_calls,
    start_call,
    surplus_jobs,
)
from kubelab.controllers.cronjob.schedule import UnknownZone, zone_of
from kubelab.controllers.cronjob.times import NeverDue, latest_due, until_next_ns
from kubelab.engine.component import Change, Controller, Later, Scope, Watch, service_account
from kubelab.engine.plan import Batch, Because, Call, EventDraft, Key, Plan, Reason, update_status
from kubelab.kinds.batch.cron import CronError, Schedule, parse
from kubelab.kinds.field import go_quote
from kubelab.store.log import Object
from kubelab.world.clock import SECOND, rfc3339
from kubelab.world.codec import value

WAITING = "cronjob"  # first element of its keys: waiting for the next start is no movement
STARTED = "started"

STATUS = Reason("StatusChanged", "the status of {subject} is out of date")
DELETING = Reason("OwnerDeleting", "{subject} is being deleted: nothing is started any more")
SUSPENDED = Reason("Suspended", "{subject} is suspended")
BROKEN = Reason("BrokenSchedule", "{subject} starts nothing: {error}")
NOT_DUE = Reason("NotDue", "no start of {subject} is due before {at}")
TOO_LATE = Reason("MissedStart", "the start of {subject} at {at} was missed by more than {deadline}s")
STARTED_ALREADY = Reason("StartedAlready", "the start of {subject} at {at} has been made")
STILL_RUNNING = Reason("StillRunning", "{subject} forbids a second job while one is running")


@value
class StartedJob(NamedTuple):
    """What a sync has made: the start it was for, the job's name, and the uids of the jobs that it took away for it."""

    scheduled_ns: int
    name: str
    replaced: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """``taken``: a name that a due start would use and that a job has already is told by the jobs of the namespace: ``names``."""

    cron_job: Object
    jobs: Sequence[Object]
    now_ns: int
    started: StartedJob | None = None
    made: Object | None = None
    name_taken: bool = False


def observe(scope: Scope, key: Key) -> Seen | None:
    _, namespace, name = key
    cron_job = scope.view.get(CRON_JOBS, namespace, name)
    if cron_job is None:
        return None
    jobs = scope.view.owned(JOBS, cron_job["metadata"]["uid"])
    started: StartedJob | None = scope.memory.get(STARTED, {}).get(key)
    seen = Seen(cron_job, jobs, scope.now_ns, started)
    if started is not None:
        return replace(seen, made=scope.view.get(JOBS, namespace, started.name))
    due_ns = _due_ns(seen)
    return replace(seen, name_taken=due_ns is not None and scope.view.get(JOBS, namespace, job_name(cron_job, due_ns)) is not None)


def _due_ns(seen: Seen) -> int | None:
    try:
        return latest_due(seen.cron_job, schedule_of(seen.cron_job), seen.now_ns, within_deadline=True).latest_ns
    except (CronError, UnknownZone, NeverDue):
        return None


def schedule_of(cron_job: Object) -> Schedule:
    """Its schedule in its time zone. Raises CronError, UnknownZone."""
    text, zone = cron_job["spec"]["schedule"], cron_job["spec"].get("timeZone")
    schedule = parse(f"TZ={zone} {text}" if zone and "TZ" not in text else text)
    zone_of(schedule.zone)
    return schedule


def plan(seen: Seen) -> Plan:
    if seen.started is not None:
        return _after_start(seen, seen.started)
    cron_job, subject = seen.cron_job, _subject(seen.cron_job)
    found = activity(cron_job, seen.jobs)
    if cron_job["metadata"].get("deletionTimestamp") is not None:
        return _tell(seen, found, DELETING(subject))
    zone = cron_job["spec"].get("timeZone")
    if zone is not None:
        try:
            zone_of(zone)
        except UnknownZone as error:
            return _broken(seen, found, "UnknownTimeZone", f"invalid timeZone: {go_quote(zone)}: {error}")
    if cron_job["spec"].get("suspend"):
        return _tell(seen, found, SUSPENDED(subject))
    text = cron_job["spec"]["schedule"]
    if "TZ" in text:
        found.events.append(warning(cron_job, "UnsupportedSchedule", _unsupported(text)))
    try:
        schedule = schedule_of(cron_job)
    except (CronError, UnknownZone) as error:
        return _broken(seen, found, "UnparseableSchedule", f"unparseable schedule: {go_quote(text)} : {error}")
    try:
        due = latest_due(cron_job, schedule, seen.now_ns, within_deadline=True)
    except NeverDue as error:
        return _broken(seen, found, "InvalidSchedule", f"invalid schedule: {text} : {error}")
    if due.latest_ns is not None and due.too_many_missed:
        many = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew"
        found.events.append(warning(cron_job, "TooManyMissedTimes", many))
    return _start_or_wait(seen, found, schedule, due.latest_ns)


def _start_or_wait(seen: Seen, found: Activity, schedule: Schedule, due_ns: int | None) -> Plan:
    cron_job, subject, spec = seen.cron_job, _subject(seen.cron_job), seen.cron_job["spec"]
    again_ns = until_next_ns(cron_job, schedule, seen.now_ns)
    if due_ns is None:
        return _tell(seen, found, NOT_DUE(subject, at=rfc3339(seen.now_ns + again_ns)), again_ns)
    deadline, at = spec.get("startingDeadlineSeconds"), rfc3339(due_ns)
    if deadline is not None and due_ns + deadline * SECOND < seen.now_ns:
        found.events.append(warning(cron_job, "MissSchedule", f"Missed scheduled time to start a job: {_rfc1123(due_ns)}"))
        return _tell(seen, found, TOO_LATE(subject, at=at, deadline=deadline), again_ns)
    name = job_name(cron_job, due_ns)
    if any(each["name"] == name for each in found.active) or (cron_job.get("status") or {}).get("lastScheduleTime") == at:
        return _tell(seen, found, STARTED_ALREADY(subject, at=at), again_ns)
    if spec.get("concurrencyPolicy") == "Forbid" and found.active:
        text = "Not starting job because prior execution is running and concurrency policy is Forbid"
        found.events.append(normal(cron_job, "JobAlreadyActive", text))
        return _tell(seen, found, STILL_RUNNING(subject), again_ns)
    return _start(seen, found, due_ns)


def _start(seen: Seen, found: Activity, due_ns: int) -> Plan:
    """Take away what is to be replaced, make the job, then look once more; after a refusal only the status is written."""
    cron_job = seen.cron_job
    replaced = found.active if cron_job["spec"].get("concurrencyPolicy") == "Replace" else []
    calls = [*found.reads, *(call for each in replaced for call in replace_calls(cron_job, each))]
    calls.append(start_call(cron_job, due_ns, taken=seen.name_taken))
    batches = tuple(Batch((call,)) for call in calls)
    status = _status_call(seen, found, found.active)
    started = StartedJob(due_ns, job_name(cron_job, due_ns), tuple(each["uid"] for each in replaced))
    return Plan(
        batches + (after_refusal(status) if status is not None and found.changed else ()),
        again_ns=0,
        events=tuple(found.events),
        remember={STARTED: {_key(cron_job): started}},
    )


def _after_start(seen: Seen, started: StartedJob) -> Plan:
    """Name the new job in the status. What was said before it was made is not said again."""
    cron_job, made = seen.cron_job, seen.made
    ignored = (*started.replaced, *((made["metadata"]["uid"],) if made is not None else ()))
    found = activity(cron_job, seen.jobs, ignored)
    active = [*found.active, *([job_reference(made)] if made is not None else [])]
    at = rfc3339(started.scheduled_ns)
    told = replace(found, active=active, changed=True, events=[], reads=[])
    later = {**cron_job, "status": {**(cron_job.get("status") or {}), "lastScheduleTime": at}}
    again_ns = until_next_ns(later, schedule_of(cron_job), seen.now_ns)
    jobs = [job for job in seen.jobs if job["metadata"]["uid"] not in started.replaced]
    done = _tell(replace(seen, jobs=jobs), told, STARTED_ALREADY(_subject(cron_job), at=at), again_ns, last_schedule=at)
    return done._replace(note={STARTED: {_key(cron_job): None}})


def _broken(seen: Seen, found: Activity, reason: str, message: str) -> Plan:
    """Nothing is started until somebody changes the CronJob."""
    found.events.append(warning(seen.cron_job, reason, message))
    return _tell(seen, found, BROKEN(_subject(seen.cron_job), error=message))


def _tell(seen: Seen, found: Activity, because: Because, again_ns: int | None = None, *, last_schedule: str | None = None) -> Plan:
    """Past jobs, the status, and when to look again."""
    batches = [Batch((call,)) for call in (*found.reads, *surplus_jobs(seen.cron_job, seen.jobs))]
    if found.changed or len(batches) > len(found.reads):
        batches.append(Batch((_status_call(seen, found, found.active, last_schedule),), always=True))
    events: tuple[EventDraft, ...] = tuple(found.events)
    return Plan(tuple(batches), again_ns=again_ns, because=() if batches else (because,), events=events)


def _status_call(seen: Seen, found: Activity, active: Sequence[Object], last_schedule: str | None = None) -> Call:
    old = seen.cron_job.get("status") or {}
    times = {"lastScheduleTime": last_schedule or old.get("lastScheduleTime"), "lastSuccessfulTime": found.last_success}
    status = {**({"active": list(active)} if active else {}), **{name: time for name, time in times.items() if time}}
    return update_status(CRON_JOBS, {**seen.cron_job, "status": status}, because=STATUS(_subject(seen.cron_job)))


def _unsupported(text: str) -> str:
    page = "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/"
    return f"CRON_TZ or TZ used in schedule {go_quote(text)} is not officially supported, see {page} for more details"


def _rfc1123(time_ns: int) -> str:
    moment = datetime.fromtimestamp(time_ns // SECOND, UTC)
    days, months = "Mon Tue Wed Thu Fri Sat Sun".split(), "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
    return f"{days[moment.weekday()]}, {moment:%d} {months[moment.month - 1]} {moment:%Y %H:%M:%S} UTC"


def _subject(cron_job: Object) -> str:
    return f"cronjob/{cron_job['metadata']['name']}"


def _key(cron_job: Object) -> Key:
    return WAITING, cron_job["metadata"]["namespace"], cron_job["metadata"]["name"]


# -- what wakes it --------------------------------------------------------------------------------------------------------------
def cron_job_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    """A changed schedule is looked at when its next start comes, anything else at once."""
    cron_job, old, key = change.object, change.old, _key(change.object)
    if change.type == "DELETED":
        scope.table(STARTED).pop(key, None)
        return (key,)
    if change.type != "MODIFIED" or old is None or _timing(old) == _timing(cron_job):
        return (key,)
    try:
        return (Later(until_next_ns(cron_job, schedule_of(cron_job), scope.now_ns), key),)
    except (CronError, UnknownZone):
        return (key,)


def _timing(cron_job: Object) -> tuple[str, str | None]:
    return cron_job["spec"]["schedule"], cron_job["spec"].get("timeZone")


def job_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    keys: dict[Key, None] = {}
    for job in (change.old, change.object):
        reference = controller_of(job) if job is not None else None
        if job is not None and reference is not None and reference["kind"] == "CronJob":
            owner = scope.view.get(CRON_JOBS, job["metadata"]["namespace"], reference["name"])
            if owner is not None and owner["metadata"]["uid"] == reference["uid"]:
                keys[_key(owner)] = None
    return tuple(keys)


CONTROLLER = Controller(
    name="cronjob-controller",
    identity=service_account("cronjob-controller"),
    watches=(Watch(CRON_JOBS, cron_job_keys), Watch(JOBS, job_keys)),
    observe=observe,
    plan=plan,
    workers=5,
    background=frozenset((WAITING,)),
)
