"""CronJobs and their Jobs in one line each. The times are upstream's: a CronJob of 9:00, to start at each full hour; "now" is around 10:00."""

from __future__ import annotations

from typing import Any

from kubelab.controllers.common.owners import controller_reference
from kubelab.controllers.cronjob import CONTROLLER
from kubelab.store.log import Object
from kubelab.world.clock import parse_rfc3339
from tests.unit.storage.harness import World

DAY = "2016-05-19"
TOP = parse_rfc3339(f"{DAY}T10:00:00Z")
KEY = ("cronjob", "default", "mycronjob")


def at(clock: str) -> str:
    """``9:59`` of that day, or a full time."""
    if "T" in clock:
        return clock
    hour, _, rest = clock.partition(":")
    return f"{DAY}T{int(hour):02d}:{rest if ':' in rest else rest + ':00'}Z"


def cron_job(schedule: str = "0 * * * ?", policy: str = "Allow", **more: Any) -> Object:
    """``more``: deadline, suspend, zone, created, last, active (jobs), success, limits (successful, failed), status."""
    spec: Object = {"schedule": schedule, "concurrencyPolicy": policy, "suspend": more.get("suspend", False)}
    for name, field in (("deadline", "startingDeadlineSeconds"), ("zone", "timeZone")):
        if name in more:
            spec[field] = more[name]
    if "limits" in more:
        spec["successfulJobsHistoryLimit"], spec["failedJobsHistoryLimit"] = more["limits"]
    spec["jobTemplate"] = {
        "metadata": {"labels": {"a": "b"}, "annotations": {"x": "y"}},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "foo/bar"}]}}},
    }
    active = [
        {"kind": "Job", "namespace": "default", "name": name, "uid": f"uid-{name}", "apiVersion": "batch/v1"}
        for name in more.get("active", ())
    ]
    times = {"lastScheduleTime": more.get("last"), "lastSuccessfulTime": more.get("success")}
    status = {**({"active": active} if active else {}), **{key: at(time) for key, time in times.items() if time}}
    meta = {"name": "mycronjob", "namespace": "default", "uid": "uid-mycronjob", "creationTimestamp": at(more.get("created", "9:00"))}
    if more.get("deleting"):
        meta["deletionTimestamp"] = at("9:30")
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": meta, "spec": spec, "status": status}


def job(name: str, ended: str = "", *, start: str = "9:00", completed: str | None = None) -> Object:
    """``ended``: Complete, Failed or "" while it runs."""
    status: Object = {"startTime": at(start), **({"completionTime": at(completed)} if completed else {})}
    if ended:
        status["conditions"] = [{"type": ended, "status": "True"}]
    meta = {"name": name, "namespace": "default", "uid": f"uid-{name}", "ownerReferences": [controller_reference(cron_job())]}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": {}, "status": status}


def synced(now: str, *objects: Object) -> World:
    return World(CONTROLLER, *objects, now_ns=parse_rfc3339(at(now))).sync(*KEY)


def status(of: World) -> Object:
    found = of.get("cronjobs.batch", "mycronjob")
    assert found is not None
    return dict(found["status"])
