"""Clock: virtual time as an object. There is one, named ``lab``; ``spec.advance`` lets time pass, ``status.now`` tells it.

``spec.pace`` is for a cluster that is served: from Python time passes by ``run`` alone.
"""

from __future__ import annotations

from kubelab.kinds.columns import AGE, NAME, at
from kubelab.kinds.equality import spec_changed
from kubelab.kinds.field import FieldError, invalid
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.lab.durations import shown, validate_duration
from kubelab.kinds.lab.schema import GROUP
from kubelab.kinds.names import name_is_dns_subdomain
from kubelab.kinds.path_copy import keep, own

ONLY_NAME = "lab"
PACES = ("paused", "max")


def default(obj: Object, ctx: Context) -> None:
    own(obj, "spec").setdefault("pace", "paused")


def prepare_create(obj: Object, ctx: Context) -> None:
    obj["status"] = {"now": ctx.now}


def prepare_update(obj: Object, old: Object, ctx: Context) -> None:
    keep(obj, old, "status")


def prepare_status(obj: Object, old: Object, ctx: Context) -> None:
    keep(obj, old, "spec")


def as_read(obj: Object, ctx: Context) -> Object:
    """The time is that of the read, not of the last write."""
    return {**obj, "status": {**(obj.get("status") or {}), "now": ctx.now}}


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    spec, name = obj["spec"], obj["metadata"].get("name", "")
    errors: list[FieldError] = []
    if name != ONLY_NAME:
        errors.append(invalid("metadata.name", name, f"must be '{ONLY_NAME}': there is one clock"))
    pace = spec.get("pace")
    is_number = isinstance(pace, (int, float)) and not isinstance(pace, bool)
    if pace not in PACES and not (is_number and pace > 0):
        errors.append(invalid("spec.pace", shown(pace), "must be 'paused', 'max' or virtual seconds per second, greater than 0"))
    if spec.get("advance") is not None:
        errors += validate_duration(spec["advance"], "spec.advance", positive=False)
    return errors


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    return validate(obj, ctx)


KIND = Kind(
    kind="Clock",
    plural="clocks",
    group=GROUP,
    namespaced=False,
    subresources=("status",),
    default=default,
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    prepare_status=prepare_status,
    validate=validate,
    validate_update=validate_update,
    validate_name=name_is_dns_subdomain,
    spec_changed=spec_changed,
    as_read=as_read,
    columns=(
        NAME,
        Column("Pace", at("spec", "pace", default=""), description="paused, max or virtual seconds per second"),
        Column("Now", at("status", "now", default=""), description="The virtual time"),
        AGE,
    ),
)
