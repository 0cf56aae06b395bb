"""Deployment: ReplicaSets that replace each other.

upstream: pkg/apis/apps/v1/{defaults,conversion}.go, pkg/apis/apps/validation/validation.go, pkg/registry/apps/deployment/strategy.go, 1.28.
"""

from __future__ import annotations

from kubelab.kinds.apps.counts import validate_at_most, validate_collision_count, validate_counts, validate_optional_count
from kubelab.kinds.apps.template_selector import compiled_or_error, validate_replicated_template, validate_required_selector
from kubelab.kinds.apps.template_warnings import name_warnings, pod_template_warnings
from kubelab.kinds.columns import AGE, NAME, at, pod_template_columns
from kubelab.kinds.core.pod_template import default_pod_template
from kubelab.kinds.equality import immutable, same
from kubelab.kinds.field import FieldError, Go, forbidden, invalid, not_supported
from kubelab.kinds.go_values import label_selector, pointer, struct
from kubelab.kinds.intstr import (
    as_int,
    go_int_or_string,
    percent_of,
    validate_at_most_100_percent,
    validate_nonnegative_int_or_percent,
)
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.names import name_is_dns_subdomain
from kubelab.kinds.path_copy import keep, own
from kubelab.kinds.podspec.disabled import TEMPLATE, drop_disabled_pod_fields
from kubelab.kinds.selectors import SelectorError, compile_selector

ROLLBACK_TO = "deprecated.deployment.rollback.to"
_COUNTS = (
    "observedGeneration",
    "replicas",
    "updatedReplicas",
    "readyReplicas",
    "availableReplicas",
    "unavailableReplicas",
    "collisionCount",
)


def default(obj: Object, ctx: Context) -> None:
    default_pod_template(own(obj, "spec", "template"))
    spec = obj["spec"]
    spec.setdefault("replicas", 1)
    strategy = own(spec, "strategy")
    if not strategy.get("type"):
        strategy["type"] = "RollingUpdate"
    if strategy["type"] == "RollingUpdate":
        rolling = own(strategy, "rollingUpdate")
        rolling.setdefault("maxUnavailable", "25%")
        rolling.setdefault("maxSurge", "25%")
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)


def prepare_create(obj: Object, ctx: Context) -> None:
    drop_disabled_pod_fields(obj, None, ctx, TEMPLATE)
    obj["status"] = {}


def prepare_update(obj: Object, old: Object, ctx: Context) -> None:
    drop_disabled_pod_fields(obj, old, ctx, TEMPLATE)
    keep(obj, old, "status")


def prepare_status(obj: Object, old: Object, ctx: Context) -> None:
    """Spec and labels stay; annotations pass, which is how the controller writes its revision."""
    keep(obj, old, "spec")
    keep(own(obj, "metadata"), old["metadata"], "labels")
    obj.setdefault("status", {})


def generation_changed(obj: Object, old: Object) -> bool:
    """Annotations count too: they are copied to the ReplicaSets."""
    if not same(obj["spec"], old["spec"]):
        return True
    return not same(obj["metadata"].get("annotations") or {}, old["metadata"].get("annotations") or {})


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    return _validate_spec(obj, None, ctx)


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    selector = obj["spec"].get("selector")
    errors = _validate_spec(obj, old["spec"], ctx)
    return errors + immutable("spec.selector", selector, old["spec"].get("selector"), label_selector(selector))


def _validate_spec(obj: Object, old_spec: Object | None, ctx: Context) -> list[FieldError]:
    spec = obj["spec"]
    errors = validate_optional_count(spec, "replicas")
    errors += validate_required_selector(spec.get("selector"), "deployment")
    selector = compiled_or_error(spec.get("selector"), "invalid label selector")
    if isinstance(selector, FieldError):
        errors.append(selector)
    else:
        errors += validate_replicated_template(spec, old_spec, selector, ctx)
    errors += _validate_strategy(spec.get("strategy") or {})
    errors += validate_optional_count(spec, "minReadySeconds")
    errors += validate_optional_count(spec, "revisionHistoryLimit")
    errors += _validate_rollback(obj)
    deadline = spec.get("progressDeadlineSeconds")
    if deadline is not None:
        errors += validate_optional_count(spec, "progressDeadlineSeconds")
        if deadline <= spec.get("minReadySeconds", 0):
            errors.append(invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds"))
    return errors


def _validate_strategy(strategy: Object) -> list[FieldError]:
    path, rolling = "spec.strategy", strategy.get("rollingUpdate")
    match strategy.get("type"):
        case "Recreate":
            detail = "may not be specified when strategy `type` is 'Recreate'"
            return [forbidden(f"{path}.rollingUpdate", detail)] if rolling is not None else []
        case "RollingUpdate":
            return _validate_rolling_update(rolling or {}, f"{path}.rollingUpdate")
    shown = struct(
        "apps.DeploymentStrategy",
        Type=strategy.get("type", ""),
        RollingUpdate=Go(pointer("apps.RollingUpdateDeployment", rolling)),
    )
    return [not_supported(path, shown, ["Recreate", "RollingUpdate"])]


def _validate_rolling_update(rolling: Object, path: str) -> list[FieldError]:
    unavailable, surge = rolling.get("maxUnavailable", 0), rolling.get("maxSurge", 0)
    errors = validate_nonnegative_int_or_percent(unavailable, f"{path}.maxUnavailable")
    errors += validate_nonnegative_int_or_percent(surge, f"{path}.maxSurge")
    if amount(unavailable) == 0 and amount(surge) == 0:
        errors.append(invalid(f"{path}.maxUnavailable", go_int_or_string(unavailable), "may not be 0 when `maxSurge` is 0"))
    return errors + validate_at_most_100_percent(unavailable, f"{path}.maxUnavailable")


def amount(value: int | str) -> int:
    """The percentage or the number, whichever is meant (upstream: getIntOrPercentValue)."""
    percent = percent_of(value)
    return as_int(value) if percent is None else percent


def _validate_rollback(obj: Object) -> list[FieldError]:
    """The annotation that stands for extensions/v1beta1's spec.rollbackTo."""
    revision = (obj["metadata"].get("annotations") or {}).get(ROLLBACK_TO, "")
    if not revision.removeprefix("-").isdecimal() or int(revision) >= 0:
        return []
    return [invalid("spec.rollback.version", int(revision), "must be greater than or equal to 0")]


def validate_status(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    status = obj.get("status", {})
    errors = validate_counts(status, _COUNTS)
    errors += validate_at_most(status, ("updatedReplicas", "readyReplicas", "availableReplicas"), "replicas", "status.replicas")
    errors += validate_at_most(status, ("availableReplicas",), "readyReplicas", "readyReplicas")
    return errors + validate_collision_count(status, old.get("status", {}))


def warnings(obj: Object, old: Object | None, ctx: Context) -> list[str]:
    if old is not None and not generation_changed(obj, old):
        return []
    found = name_warnings(obj) if old is None else []
    return found + pod_template_warnings(obj["spec"].get("template") or {}, "spec.template")


def _ready(obj: Object, now_ns: int) -> str:
    return f"{obj.get('status', {}).get('readyReplicas', 0)}/{obj['spec'].get('replicas', 0)}"


def _selector(obj: Object, now_ns: int) -> str:
    try:
        return str(compile_selector(obj["spec"].get("selector")))
    except SelectorError:
        return "<invalid>"


KIND = Kind(
    kind="Deployment",
    plural="deployments",
    group="apps",
    short_names=("deploy",),
    categories=("all",),
    subresources=("status", "scale"),
    default=default,
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    prepare_status=prepare_status,
    validate=validate,
    validate_update=validate_update,
    validate_status=validate_status,
    validate_name=name_is_dns_subdomain,
    spec_changed=generation_changed,
    warnings=warnings,
    columns=(
        NAME,
        Column("Ready", _ready, description="Number of the pod with ready state"),
        Column("Up-to-date", at("status", "updatedReplicas", default=0)),
        Column("Available", at("status", "availableReplicas", default=0)),
        AGE,
        *pod_template_columns("spec", "template"),
        Column("Selector", _selector, priority=1),
    ),
)
