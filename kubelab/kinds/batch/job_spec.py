"""The specification of a Job, alone or as the template of a CronJob: defaults and validation.

upstream: pkg/apis/batch/v1/defaults.go, pkg/apis/batch/validation/validation.go (validateJobSpec and what it calls), 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubelab.kinds.apps.counts import validate_optional_count
from kubelab.kinds.apps.template_warnings import pod_template_warnings
from kubelab.kinds.core.pod_template import default_pod_template, validate_pod_template
from kubelab.kinds.field import FieldError, Go, duplicate, invalid, not_supported, required, too_many
from kubelab.kinds.gates import enabled
from kubelab.kinds.kind import Context, Object
from kubelab.kinds.names import validate_label_name
from kubelab.kinds.path_copy import own

MAX_INT32 = 2**31 - 1
_MAX_INDEXED = 100_000
_SOFT_LIMIT = 100_000
_HIGH_COMPLETIONS_LIMIT = 10_000
_MAX_RULES = 20
_MAX_EXIT_CODES = 255
_MAX_PATTERNS = 20
_ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")
_STATUSES = ("False", "True", "Unknown")
_COUNTS = (
    "parallelism",
    "completions",
    "activeDeadlineSeconds",
    "backoffLimit",
    "ttlSecondsAfterFinished",
    "backoffLimitPerIndex",
    "maxFailedIndexes",
)


def default_job_template(spec: Object) -> None:
    """What a CronJob's template gets: the defaults of its pods, none of the Job itself; in place."""
    default_pod_template(own(spec, "template"))


def default_job_spec(spec: Object, ctx: Context) -> None:
    """In place."""
    default_pod_template(own(spec, "template"))
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = spec["parallelism"] = 1
    spec.setdefault("parallelism", 1)
    spec.setdefault("backoffLimit", 6 if spec.get("backoffLimitPerIndex") is None else MAX_INT32)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("suspend", False)
    policy = spec.get("podFailurePolicy")
    if policy and policy.get("rules"):
        spec["podFailurePolicy"] = {**policy, "rules": [_defaulted_rule(rule) for rule in policy["rules"]]}
    if enabled(ctx, "JobPodReplacementPolicy"):
        spec.setdefault("podReplacementPolicy", "Failed" if policy is not None else "TerminatingOrFailed")


def _defaulted_rule(rule: Object) -> Object:
    patterns = rule.get("onPodConditions")
    if not patterns:
        return rule
    return {**rule, "onPodConditions": [{**pattern, "status": pattern.get("status") or "True"} for pattern in patterns]}


def drop_disabled(spec: Object, old: Object | None, ctx: Context) -> None:
    """Fields behind a gate that is off go, unless the old object has them; in place."""
    old = old or {}
    for field, gate in (
        ("podFailurePolicy", "JobPodFailurePolicy"),
        ("backoffLimitPerIndex", "JobBackoffLimitPerIndex"),
        ("maxFailedIndexes", "JobBackoffLimitPerIndex"),
        ("podReplacementPolicy", "JobPodReplacementPolicy"),
    ):
        if not enabled(ctx, gate) and old.get(field) is None:
            spec.pop(field, None)
    policy = spec.get("podFailurePolicy")
    if policy and not old and not enabled(ctx, "JobBackoffLimitPerIndex"):
        rules = [rule for rule in policy.get("rules") or () if rule.get("action") != "FailIndex"]
        spec["podFailurePolicy"] = {**policy, "rules": rules}


def validate_job_spec(spec: Object, path: str, ctx: Context) -> list[FieldError]:
    """Everything but the selector."""
    errors: list[FieldError] = []
    for name in _COUNTS:
        errors += validate_optional_count(spec, name, path)
    if spec.get("maxFailedIndexes") is not None and spec.get("backoffLimitPerIndex") is None:
        errors.append(required(f"{path}.backoffLimitPerIndex", "when maxFailedIndexes is specified"))
    errors += _validate_completion_mode(spec, path)
    if spec.get("podFailurePolicy") is not None:
        errors += _validate_failure_policy(spec, f"{path}.podFailurePolicy")
    errors += _validate_replacement_policy(spec, f"{path}.podReplacementPolicy")
    template = spec.get("template") or {}
    errors += validate_pod_template(template, f"{path}.template", ctx)
    return errors + _validate_restart_policy(spec, template, f"{path}.template.spec.restartPolicy")


def _validate_completion_mode(spec: Object, path: str) -> list[FieldError]:
    mode = spec.get("completionMode")
    errors: list[FieldError] = []
    if mode not in (None, "NonIndexed", "Indexed"):
        errors.append(not_supported(f"{path}.completionMode", mode, ["NonIndexed", "Indexed"]))
    if mode == "Indexed":
        return errors + _validate_indexed(spec, path)
    if mode in (None, "NonIndexed"):
        for name in ("backoffLimitPerIndex", "maxFailedIndexes"):
            if spec.get(name) is not None:
                errors.append(invalid(f"{path}.{name}", spec[name], "requires indexed completion mode"))
    return errors


def _validate_indexed(spec: Object, path: str) -> list[FieldError]:
    completions, parallelism, failures = spec.get("completions"), spec.get("parallelism"), spec.get("maxFailedIndexes")
    errors: list[FieldError] = []
    if completions is None:
        errors.append(required(f"{path}.completions", "when completion mode is Indexed"))
    if parallelism is not None and parallelism > _MAX_INDEXED:
        detail = f"must be less than or equal to {_MAX_INDEXED} when completion mode is Indexed"
        errors.append(invalid(f"{path}.parallelism", parallelism, detail))
    if completions is not None and failures is not None and failures > completions:
        errors.append(invalid(f"{path}.maxFailedIndexes", failures, "must be less than or equal to completions"))
    if failures is not None and failures > _MAX_INDEXED:
        errors.append(invalid(f"{path}.maxFailedIndexes", failures, f"must be less than or equal to {_MAX_INDEXED}"))
    if completions is None or completions <= _SOFT_LIMIT or spec.get("backoffLimitPerIndex") is None:
        return errors
    if failures is None:
        errors.append(required(f"{path}.maxFailedIndexes", f"must be specified when completions is above {_SOFT_LIMIT}"))
    high = (
        f"must be less than or equal to {_HIGH_COMPLETIONS_LIMIT} when completions are above {_SOFT_LIMIT} "
        "and used with backoff limit per index"
    )
    for name, value in (("parallelism", parallelism), ("maxFailedIndexes", failures)):
        if value is not None and value > _HIGH_COMPLETIONS_LIMIT:
            errors.append(invalid(f"{path}.{name}", value, high))
    return errors


def _validate_restart_policy(spec: Object, template: Object, path: str) -> list[FieldError]:
    policy = (template.get("spec") or {}).get("restartPolicy", "")
    if policy in ("", "Always"):
        return [required(path, 'valid values: "OnFailure", "Never"')]
    if policy not in ("OnFailure", "Never"):
        return [not_supported(path, policy, ["OnFailure", "Never"])]
    if spec.get("podFailurePolicy") is not None and policy != "Never":
        return [invalid(path, policy, 'only "Never" is supported when podFailurePolicy is specified')]
    return []


def _validate_replacement_policy(spec: Object, path: str) -> list[FieldError]:
    policy = spec.get("podReplacementPolicy")
    allowed = ["Failed"] if spec.get("podFailurePolicy") is not None else ["Failed", "TerminatingOrFailed"]
    return [] if policy is None or policy in allowed else [not_supported(path, policy, allowed)]


def _validate_failure_policy(spec: Object, path: str) -> list[FieldError]:
    rules = spec["podFailurePolicy"].get("rules") or []
    errors: list[FieldError] = []
    if len(rules) > _MAX_RULES:
        errors.append(too_many(f"{path}.rules", len(rules), _MAX_RULES))
    pod = (spec.get("template") or {}).get("spec") or {}
    containers = [item.get("name") for group in ("containers", "initContainers") for item in pod.get(group) or ()]
    for index, rule in enumerate(rules):
        errors += _validate_rule(spec, rule, f"{path}.rules[{index}]", containers)
    return errors


def _validate_rule(spec: Object, rule: Object, path: str, containers: Sequence[Any]) -> list[FieldError]:
    errors: list[FieldError] = []
    action = rule.get("action", "")
    if not action:
        errors.append(required(f"{path}.action", f"valid values: {_listed(_ACTIONS)}"))
    elif action == "FailIndex":
        if spec.get("backoffLimitPerIndex") is None:
            errors.append(invalid(f"{path}.action", action, "requires the backoffLimitPerIndex to be set"))
    elif action not in _ACTIONS:
        errors.append(not_supported(f"{path}.action", action, _ACTIONS))
    exit_codes, conditions = rule.get("onExitCodes"), rule.get("onPodConditions") or []
    if exit_codes is not None:
        errors += _validate_exit_codes(exit_codes, f"{path}.onExitCodes", containers)
    if conditions:
        errors += _validate_conditions(conditions, f"{path}.onPodConditions")
    if exit_codes is not None and conditions:
        errors.append(_without_value(path, "specifying both OnExitCodes and OnPodConditions is not supported"))
    if exit_codes is None and not conditions:
        errors.append(_without_value(path, "specifying one of OnExitCodes and OnPodConditions is required"))
    return errors


def _without_value(path: str, detail: str) -> FieldError:
    """An invalid field whose value upstream leaves out (field.OmitValueType)."""
    return FieldError("FieldValueInvalid", path, Go(detail))


def _listed(names: Sequence[str]) -> str:
    return "[" + " ".join(f'"{name}"' for name in names) + "]"


def _validate_exit_codes(rule: Object, path: str, containers: Sequence[Any]) -> list[FieldError]:
    errors: list[FieldError] = []
    operator, values, container = rule.get("operator", ""), rule.get("values") or [], rule.get("containerName")
    if not operator:
        errors.append(required(f"{path}.operator", f"valid values: {_listed(('In', 'NotIn'))}"))
    elif operator not in ("In", "NotIn"):
        errors.append(not_supported(f"{path}.operator", operator, ["In", "NotIn"]))
    if container is not None and container not in containers:
        detail = "must be one of the container or initContainer names in the pod template"
        errors.append(invalid(f"{path}.containerName", container, detail))
    shown = Go(f"[]int32{{{', '.join(str(value) for value in values)}}}") if "values" in rule else Go("[]int32(nil)")
    if not values:
        errors.append(invalid(f"{path}.values", shown, "at least one value is required"))
    elif len(values) > _MAX_EXIT_CODES:
        errors.append(too_many(f"{path}.values", len(values), _MAX_EXIT_CODES))
    for index, value in enumerate(values):
        if operator == "In" and value == 0:
            errors.append(invalid(f"{path}.values[{index}]", value, "must not be 0 for the In operator"))
        if value in values[:index]:
            errors.append(duplicate(f"{path}.values[{index}]", value))
    if values != sorted(values):
        errors.append(invalid(f"{path}.values", shown, "must be ordered"))
    return errors


def _validate_conditions(patterns: Sequence[Object], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    if len(patterns) > _MAX_PATTERNS:
        errors.append(too_many(path, len(patterns), _MAX_PATTERNS))
    for index, pattern in enumerate(patterns):
        at, status = f"{path}[{index}]", pattern.get("status", "")
        errors += validate_label_name(pattern.get("type", ""), f"{at}.type")
        if not status:
            errors.append(required(f"{at}.status", f"valid values: {_listed(_STATUSES)}"))
        elif status not in _STATUSES:
            errors.append(not_supported(f"{at}.status", status, _STATUSES))
    return errors


def job_spec_warnings(spec: Object, path: str) -> list[str]:
    found: list[str] = []
    many = (spec.get("completions") or 0) > _SOFT_LIMIT and (spec.get("parallelism") or 0) > _HIGH_COMPLETIONS_LIMIT
    if spec.get("completionMode") == "Indexed" and many:
        found.append(
            f"{path}: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not "
            "be able to track completedIndexes when a big number of indexes fail"
        )
    return found + pod_template_warnings(spec.get("template") or {}, f"{path}.template")
