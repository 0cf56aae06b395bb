"""CronJob: Jobs on a schedule.

upstream: pkg/apis/batch/v1/defaults.go, pkg/apis/batch/validation/validation.go, pkg/registry/batch/cronjob/strategy.go, 1.28.
"""

from __future__ import annotations

import re

from kubelab.kinds.apps.counts import validate_optional_count
from kubelab.kinds.apps.template_warnings import name_warnings
from kubelab.kinds.batch import cron
from kubelab.kinds.batch.job_spec import default_job_template, job_spec_warnings, validate_job_spec
from kubelab.kinds.columns import AGE, NAME, at, dig, pod_template_columns, selector_cell, since, yes_no
from kubelab.kinds.equality import spec_changed
from kubelab.kinds.field import FieldError, invalid, not_supported, required
from kubelab.kinds.go_values import label_selector
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.names import name_is_dns_subdomain
from kubelab.kinds.path_copy import keep, own
from kubelab.kinds.podspec.disabled import JOB_TEMPLATE, drop_disabled_pod_fields

_POLICIES = ("Allow", "Forbid", "Replace")
_ZONE_PART = re.compile(r"[A-Za-z.\-_0-9+]{1,14}")


def default(obj: Object, ctx: Context) -> None:
    spec = own(obj, "spec")
    own(spec, "jobTemplate", "metadata").setdefault("creationTimestamp", None)
    default_job_template(own(spec, "jobTemplate", "spec"))
    if not spec.get("concurrencyPolicy"):
        spec["concurrencyPolicy"] = "Allow"
    spec.setdefault("suspend", False)
    spec.setdefault("successfulJobsHistoryLimit", 3)
    spec.setdefault("failedJobsHistoryLimit", 1)


def prepare_create(obj: Object, ctx: Context) -> None:
    drop_disabled_pod_fields(obj, None, ctx, JOB_TEMPLATE)
    obj["status"] = {}


def prepare_update(obj: Object, old: Object, ctx: Context) -> None:
    drop_disabled_pod_fields(obj, old, ctx, JOB_TEMPLATE)
    keep(obj, old, "status")


def prepare_status(obj: Object, old: Object, ctx: Context) -> None:
    keep(obj, old, "spec")
    obj.setdefault("status", {})


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    errors = _validate_spec(obj["spec"], None, ctx)
    name = obj["metadata"].get("name", "")
    if len(name) > 52:
        # The controller appends eleven characters to name its Jobs.
        errors.append(invalid("metadata.name", name, "must be no more than 52 characters"))
    return errors


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    return _validate_spec(obj["spec"], old["spec"], ctx)


def _validate_spec(spec: Object, old_spec: Object | None, ctx: Context) -> list[FieldError]:
    zone = spec.get("timeZone")
    errors = _validate_schedule(spec.get("schedule", ""), zone)
    errors += validate_optional_count(spec, "startingDeadlineSeconds")
    if old_spec is None or old_spec.get("timeZone") != zone:
        errors += _validate_time_zone(zone)
    errors += _validate_concurrency(spec.get("concurrencyPolicy", ""))
    errors += _validate_job_template((spec.get("jobTemplate") or {}).get("spec") or {}, ctx)
    errors += validate_optional_count(spec, "successfulJobsHistoryLimit")
    return errors + validate_optional_count(spec, "failedJobsHistoryLimit")


def _validate_schedule(schedule: str, zone: str | None) -> list[FieldError]:
    if not schedule:
        return [required("spec.schedule")]
    errors: list[FieldError] = []
    named = schedule.partition(" ")[0].partition("=")[2] if schedule.startswith(("TZ=", "CRON_TZ=")) else ""
    try:
        if named and not _zone_exists(named):
            raise cron.CronError(f"provided bad location {named}: unknown time zone {named}")
        cron.parse(schedule)
    except cron.CronError as error:
        errors.append(invalid("spec.schedule", schedule, str(error)))
    if "TZ" in schedule and zone is not None:
        errors.append(invalid("spec.schedule", schedule, "cannot use both timeZone field and TZ or CRON_TZ in schedule"))
    return errors


def _validate_time_zone(zone: str | None) -> list[FieldError]:
    path = "spec.timeZone"
    if zone is None:
        return []
    if not zone:
        return [invalid(path, zone, "timeZone must be nil or non-empty string")]
    unknown = invalid(path, zone, f"unknown time zone {zone}")
    for part in zone.split("/"):
        if part in (".", "..") or part.startswith("-") or not _ZONE_PART.fullmatch(part):
            return [unknown]
    if zone.lower() == "local":
        detail = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
        local = [invalid(path, zone, detail)]
        return local if zone == "Local" else [*local, unknown]
    return [] if _zone_exists(zone) else [unknown]


def _zone_exists(zone: str) -> bool:
    if zone == "UTC":
        return True
    # The time zone machinery is slow to load and rarely asked for.
    import zoneinfo

    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _validate_concurrency(policy: str) -> list[FieldError]:
    if policy in _POLICIES:
        return []
    path = "spec.concurrencyPolicy"
    return [not_supported(path, policy, _POLICIES)] if policy else [required(path)]


def _validate_job_template(spec: Object, ctx: Context) -> list[FieldError]:
    path, selector = "spec.jobTemplate.spec", spec.get("selector")
    errors = validate_job_spec(spec, path, ctx)
    if selector is not None:
        errors.append(invalid(f"{path}.selector", label_selector(selector), "`selector` will be auto-generated"))
    if spec.get("manualSelector"):
        errors.append(not_supported(f"{path}.manualSelector", True, ["nil", "false"]))
    return errors


def warnings(obj: Object, old: Object | None, ctx: Context) -> list[str]:
    found = name_warnings(obj) if old is None else []
    if old is None or spec_changed(obj, old):
        found += job_spec_warnings((obj["spec"].get("jobTemplate") or {}).get("spec") or {}, "spec.jobTemplate.spec")
    if "TZ" in obj["spec"].get("schedule", ""):
        found.append(
            "CRON_TZ or TZ used in spec.spec.schedule is not officially supported, see "
            "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
        )
    return found


def _suspend(obj: Object, now_ns: int) -> str:
    return yes_no(obj["spec"].get("suspend"))


def _active(obj: Object, now_ns: int) -> int:
    return len(dig(obj, ("status", "active"), ()))


def _last_schedule(obj: Object, now_ns: int) -> str:
    last = dig(obj, ("status", "lastScheduleTime"))
    return since(last, now_ns) if last else "<none>"


KIND = Kind(
    kind="CronJob",
    plural="cronjobs",
    group="batch",
    short_names=("cj",),
    categories=("all",),
    subresources=("status",),
    default=default,
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    prepare_status=prepare_status,
    validate=validate,
    validate_update=validate_update,
    validate_name=name_is_dns_subdomain,
    spec_changed=spec_changed,
    warnings=warnings,
    columns=(
        NAME,
        Column("Schedule", at("spec", "schedule", default="")),
        Column("Suspend", _suspend, "boolean"),
        Column("Active", _active, "integer"),
        Column("Last Schedule", _last_schedule),
        AGE,
        *pod_template_columns("spec", "jobTemplate", "spec", "template"),
        Column("Selector", selector_cell("spec", "jobTemplate", "spec", "selector"), priority=1),
    ),
)
