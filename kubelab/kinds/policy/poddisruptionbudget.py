"""PodDisruptionBudget: how many pods of an application must stay up while nodes are drained.

upstream: pkg/apis/policy/validation/validation.go, pkg/registry/policy/poddisruptionbudget/strategy.go,
apimachinery/pkg/apis/meta/v1/validation/validation.go (conditions), 1.28. policy/v1beta1 (until 1.24) differs in nothing checked here.
The strategy leaves names to the generic check, which asks for no more than a segment of a path.
"""

from __future__ import annotations

import re
from typing import Any

from kubelab.kinds.columns import AGE, NAME, at
from kubelab.kinds.equality import spec_changed
from kubelab.kinds.field import FieldError, Go, duplicate, invalid, not_supported, required, too_long
from kubelab.kinds.gates import enabled
from kubelab.kinds.go_values import pointer, struct
from kubelab.kinds.intstr import validate_at_most_100_percent, validate_nonnegative_int_or_percent
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.names import name_is_path_segment, regex_error, validate_label_name, validate_nonnegative
from kubelab.kinds.path_copy import keep, own
from kubelab.kinds.selectors import validate_label_selector

_COUNTS = ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")
_EVICTION_POLICIES = ("AlwaysAllow", "IfHealthyBudget")
_REASON = "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?"
_is_reason = re.compile(_REASON).fullmatch
_REASON_RULE = (
    "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', "
    "and must end with an alphanumeric character or '_'"
)
_REASON_EXAMPLES = ("my_name", "MY_NAME", "MyName", "ReasonA,ReasonB", "ReasonA:ReasonB")
_LONGEST_REASON = 1024
_LONGEST_MESSAGE = 32 * 1024


def default(obj: Object, ctx: Context) -> None:
    obj.setdefault("spec", {})


def prepare_create(obj: Object, ctx: Context) -> None:
    obj["status"] = dict.fromkeys(_COUNTS, 0)
    _drop_disabled(obj, None, ctx)


def prepare_update(obj: Object, old: Object, ctx: Context) -> None:
    keep(obj, old, "status")
    _drop_disabled(obj, old, ctx)


def _drop_disabled(obj: Object, old: Object | None, ctx: Context) -> None:
    in_use = old is not None and old["spec"].get("unhealthyPodEvictionPolicy") is not None
    if not in_use and not enabled(ctx, "PDBUnhealthyPodEvictionPolicy"):
        own(obj, "spec").pop("unhealthyPodEvictionPolicy", None)


def prepare_status(obj: Object, old: Object, ctx: Context) -> None:
    keep(obj, old, "spec")
    status = own(obj, "status")
    for name in _COUNTS:
        status.setdefault(name, 0)


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    return _validate_spec(obj["spec"], strict=True)


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    """Label values that the old selector already had wrong may stay."""
    return _validate_spec(obj["spec"], strict=not validate_label_selector(old["spec"].get("selector"), "spec.selector"))


def _validate_spec(spec: Object, *, strict: bool) -> list[FieldError]:
    errors: list[FieldError] = []
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        errors.append(invalid("spec", _go_spec(spec), "minAvailable and maxUnavailable cannot be both set"))
    for name in ("minAvailable", "maxUnavailable"):
        if spec.get(name) is not None:
            errors += validate_nonnegative_int_or_percent(spec[name], f"spec.{name}")
            errors += validate_at_most_100_percent(spec[name], f"spec.{name}")
    errors += validate_label_selector(spec.get("selector"), "spec.selector", allow_invalid_values=not strict)
    policy = spec.get("unhealthyPodEvictionPolicy")
    if policy is not None and policy not in _EVICTION_POLICIES:
        errors.append(not_supported("spec.unhealthyPodEvictionPolicy", policy, _EVICTION_POLICIES))
    return errors


def _go_spec(spec: Object) -> Go:
    fields = (
        ("MinAvailable", "intstr.IntOrString", "minAvailable"),
        ("Selector", "v1.LabelSelector", "selector"),
        ("MaxUnavailable", "intstr.IntOrString", "maxUnavailable"),
        ("UnhealthyPodEvictionPolicy", "policy.UnhealthyPodEvictionPolicyType", "unhealthyPodEvictionPolicy"),
    )
    return struct("policy.PodDisruptionBudgetSpec", **{go: Go(pointer(kind, spec.get(key))) for go, kind, key in fields})


def validate_status(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    status = obj.get("status", {})
    errors = validate_conditions(status.get("conditions") or [], "status.conditions")
    if obj.get("apiVersion") == "policy/v1beta1":
        return errors
    for name in _COUNTS:
        errors += validate_nonnegative(status.get(name, 0), f"status.{name}")
    return errors


def validate_conditions(conditions: list[Object], path: str) -> list[FieldError]:
    """upstream: metav1 validation ValidateConditions."""
    errors: list[FieldError] = []
    seen: list[Any] = []
    for index, condition in enumerate(conditions):
        kind = condition.get("type", "")
        if kind in seen:
            errors.append(duplicate(f"{path}[{index}].type", kind))
        seen.append(kind)
        errors += _validate_condition(condition, f"{path}[{index}]")
    return errors


def _validate_condition(condition: Object, path: str) -> list[FieldError]:
    errors = validate_label_name(condition.get("type", ""), f"{path}.type")
    status, reason = condition.get("status", ""), condition.get("reason", "")
    if status not in ("True", "False", "Unknown"):
        errors.append(not_supported(f"{path}.status", status, ["False", "True", "Unknown"]))
    generation = condition.get("observedGeneration", 0)
    if generation < 0:
        errors.append(invalid(f"{path}.observedGeneration", generation, "must be greater than or equal to zero"))
    if not condition.get("lastTransitionTime"):
        errors.append(required(f"{path}.lastTransitionTime", "must be set"))
    if not reason:
        errors.append(required(f"{path}.reason", "must be set"))
    else:
        if not _is_reason(reason):
            errors.append(invalid(f"{path}.reason", reason, regex_error(_REASON_RULE, _REASON, *_REASON_EXAMPLES)))
        if len(reason) > _LONGEST_REASON:
            errors.append(too_long(f"{path}.reason", _LONGEST_REASON))
    if len(condition.get("message", "")) > _LONGEST_MESSAGE:
        errors.append(too_long(f"{path}.message", _LONGEST_MESSAGE))
    return errors


def _bound(name: str) -> Any:
    def cell(obj: Object, now_ns: int) -> str:
        value = obj["spec"].get(name)
        return "N/A" if value is None else str(value)

    return cell


KIND = Kind(
    kind="PodDisruptionBudget",
    plural="poddisruptionbudgets",
    group="policy",
    versions=("v1", "v1beta1"),
    short_names=("pdb",),
    subresources=("status",),
    default=default,
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    prepare_status=prepare_status,
    validate=validate,
    validate_update=validate_update,
    validate_status=validate_status,
    validate_name=name_is_path_segment,
    spec_changed=spec_changed,
    update_needs_resource_version=True,
    columns=(
        NAME,
        Column("Min Available", _bound("minAvailable"), description="The minimum number of pods that must be available."),
        Column("Max Unavailable", _bound("maxUnavailable"), description="The maximum number of pods that may be unavailable."),
        Column(
            "Allowed Disruptions",
            at("status", "disruptionsAllowed", default=0),
            "integer",
            description="Calculated number of pods that may be disrupted at this time.",
        ),
        AGE,
    ),
)
