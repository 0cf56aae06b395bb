"""Fault: something that breaks on purpose, from a start and for a while (DESIGN section 4)."""

from __future__ import annotations

from kubelab.kinds.columns import AGE, NAME, at, dig, shortened
from kubelab.kinds.equality import spec_changed
from kubelab.kinds.field import FieldError, forbidden, not_supported, required
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.lab.durations import validate_duration, validate_start
from kubelab.kinds.lab.fault_parameters import validate_parameters
from kubelab.kinds.lab.schema import GROUP
from kubelab.kinds.names import name_is_dns_subdomain
from kubelab.kinds.path_copy import keep, own
from kubelab.kinds.selectors import validate_label_selector

_NODES = ("nodes", "selector")
TARGETS: dict[str, tuple[str, ...]] = {
    "ApiError": (),
    "ApiSlow": (),
    "ComponentCrash": ("components",),
    "DiskFull": _NODES,
    "DiskLost": _NODES,
    "ImageBroken": ("images",),
    "NodeCrash": _NODES,
    "NodePartition": _NODES,
    "NodeShutdown": _NODES,
    "RuntimeHang": _NODES,
    "WatchLag": (),
    "WebhookDown": (),
}
"""The types, and the fields of which one must say what is hit; none: without a target all is hit."""

_CALLS = ("resources", "components")
TAKES: dict[str, tuple[str, ...]] = {
    **TARGETS,
    "ApiError": _CALLS,
    "ApiSlow": _CALLS,
    "WatchLag": ("components",),
    "WebhookDown": ("resources",),
}
"""The types, and the fields that may say what is hit."""

_FIXED = ("nodes", "images", "components", "resources", "selector", "parameters", "start")
PHASES = ("Pending", "Active", "Ended")


def prepare_create(obj: Object, ctx: Context) -> None:
    obj["status"] = {"phase": "Pending"}


def prepare_update(obj: Object, old: Object, ctx: Context) -> None:
    keep(obj, old, "status")


def prepare_status(obj: Object, old: Object, ctx: Context) -> None:
    keep(obj, old, "spec")
    own(obj, "status").setdefault("phase", "Pending")


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    spec = obj.get("spec") or {}
    kind = spec.get("type", "")
    errors: list[FieldError] = []
    if not kind:
        errors.append(required("spec.type", f"one of {', '.join(TARGETS)}"))
    elif kind not in TARGETS:
        errors.append(not_supported("spec.type", kind, tuple(TARGETS)))
    wanted = TARGETS.get(kind, ())
    if wanted and not any(spec.get(field) for field in wanted):
        errors.append(required(f"spec.{wanted[0]}", f"{kind} needs {' or '.join(wanted)} to say what it hits"))
    errors += validate_label_selector(spec.get("selector"), "spec.selector")
    if spec.get("start") is not None:
        errors += validate_start(spec["start"], "spec.start")
    if spec.get("duration") is not None:
        errors += validate_duration(spec["duration"], "spec.duration")
    if kind in TARGETS:
        given = (field for field in ("nodes", "images", "components", "resources", "selector") if spec.get(field) is not None)
        errors += [forbidden(f"spec.{field}", f"{kind} takes {' or '.join(TAKES[kind])}") for field in given if field not in TAKES[kind]]
        errors += validate_parameters(kind, spec.get("parameters") or {}, "spec.parameters")
    return errors


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    """What a Fault hits, and how, stands once it has begun; its duration may change."""
    errors = validate(obj, ctx)
    phase = dig(old, ("status", "phase"), "Pending")
    if phase == "Pending":
        return errors
    new, before = obj.get("spec") or {}, old.get("spec") or {}
    fixed = [field for field in ("type", *_FIXED) if new.get(field) != before.get(field)]
    return errors + [forbidden(f"spec.{field}", f"the fault is {phase}: delete it and make another") for field in fixed]


def validate_status(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    phase = dig(obj, ("status", "phase"), "")
    return [] if phase in PHASES else [not_supported("status.phase", phase, PHASES)]


def _targets(obj: Object, now_ns: int) -> str:
    spec = obj.get("spec") or {}
    named = [name for field in ("nodes", "images", "components", "resources") for name in spec.get(field) or ()]
    return shortened(named) if named else "<all>" if spec.get("selector") is None else "<selected>"


KIND = Kind(
    kind="Fault",
    plural="faults",
    group=GROUP,
    namespaced=False,
    subresources=("status",),
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    prepare_status=prepare_status,
    validate=validate,
    validate_update=validate_update,
    validate_status=validate_status,
    validate_name=name_is_dns_subdomain,
    spec_changed=spec_changed,
    columns=(
        NAME,
        Column("Type", at("spec", "type", default=""), description="What breaks"),
        Column("Targets", _targets, description="What is hit"),
        Column("Phase", at("status", "phase", default=""), description="Pending, Active or Ended"),
        AGE,
    ),
)
