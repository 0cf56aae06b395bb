"""DaemonSet: one pod on each fitting node.

upstream: pkg/apis/apps/v1/{defaults,conversion}.go, pkg/apis/apps/validation/validation.go, pkg/registry/apps/daemonset/strategy.go, 1.28.
The template's generation, a field of upstream's internal type, lives in an annotation of the served one.
"""

from __future__ import annotations

from kubelab.kinds.apps.counts import validate_collision_count, validate_counts, validate_optional_count
from kubelab.kinds.apps.deployment import amount
from kubelab.kinds.apps.template_selector import MISMATCH, validate_read_only_disks, validate_runs_for_ever
from kubelab.kinds.apps.template_warnings import pod_template_warnings
from kubelab.kinds.columns import AGE, NAME, at, dig, labels_text, pod_template_columns, selector_cell
from kubelab.kinds.core.pod_template import default_pod_template, validate_pod_template
from kubelab.kinds.equality import immutable, same, spec_changed
from kubelab.kinds.field import FieldError, Go, invalid, not_supported, required
from kubelab.kinds.go_values import label_selector, pointer, string_map, struct
from kubelab.kinds.intstr import go_int_or_string, validate_at_most_100_percent, validate_nonnegative_int_or_percent
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.names import name_is_dns_subdomain
from kubelab.kinds.path_copy import keep, own
from kubelab.kinds.podspec.disabled import TEMPLATE, drop_disabled_pod_fields
from kubelab.kinds.selectors import SelectorError, compile_selector, validate_label_selector

TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"
_COUNTS = (
    "currentNumberScheduled",
    "numberMisscheduled",
    "desiredNumberScheduled",
    "numberReady",
    "observedGeneration",
    "updatedNumberScheduled",
    "numberAvailable",
    "numberUnavailable",
    "collisionCount",
)
_ALWAYS_PRESENT = ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady")


def default(obj: Object, ctx: Context) -> None:
    default_pod_template(own(obj, "spec", "template"))
    spec = obj["spec"]
    strategy = own(spec, "updateStrategy")
    if not strategy.get("type"):
        strategy["type"] = "RollingUpdate"
    if strategy["type"] == "RollingUpdate":
        rolling = own(strategy, "rollingUpdate")
        rolling.setdefault("maxUnavailable", 1)
        rolling.setdefault("maxSurge", 0)
    spec.setdefault("revisionHistoryLimit", 10)
    if TEMPLATE_GENERATION not in (obj["metadata"].get("annotations") or {}):
        _set_template_generation(obj, 0)  # upstream's conversion always writes it, so whoever creates owns it


def template_generation(obj: Object) -> int:
    text = (obj["metadata"].get("annotations") or {}).get(TEMPLATE_GENERATION, "")
    return int(text) if text.removeprefix("-").isdecimal() else 0


def _set_template_generation(obj: Object, generation: int) -> None:
    own(obj, "metadata", "annotations")[TEMPLATE_GENERATION] = str(generation)


def prepare_create(obj: Object, ctx: Context) -> None:
    drop_disabled_pod_fields(obj, None, ctx, TEMPLATE)
    obj["status"] = dict.fromkeys(_ALWAYS_PRESENT, 0)
    _set_template_generation(obj, max(1, template_generation(obj)))


def prepare_update(obj: Object, old: Object, ctx: Context) -> None:
    drop_disabled_pod_fields(obj, old, ctx, TEMPLATE)
    keep(obj, old, "status")
    changed = not same(obj["spec"]["template"], old["spec"]["template"])
    _set_template_generation(obj, template_generation(old) + changed)


def prepare_status(obj: Object, old: Object, ctx: Context) -> None:
    keep(obj, old, "spec")
    _set_template_generation(obj, template_generation(old))
    status = own(obj, "status")
    for name in _ALWAYS_PRESENT:
        status.setdefault(name, 0)


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    return _validate_spec(obj["spec"], None, ctx)


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    """Upstream validates the object once as a new one and once as an update."""
    spec, old_spec = obj["spec"], old["spec"]
    errors = _validate_spec(spec, None, ctx)
    if errors:
        errors = errors + _validate_spec(spec, old_spec, ctx)
    selector = spec.get("selector")
    return errors + immutable("spec.selector", selector, old_spec.get("selector"), label_selector(selector))


def _validate_spec(spec: Object, old_spec: Object | None, ctx: Context) -> list[FieldError]:
    selector, template = spec.get("selector"), spec.get("template") or {}
    errors = validate_label_selector(selector, "spec.selector")
    errors += _validate_match(selector, template)
    if selector is not None and not selector.get("matchLabels") and not selector.get("matchExpressions"):
        errors.append(invalid("spec.selector", label_selector(selector), "empty selector is invalid for daemonset"))
    errors += validate_pod_template(template, "spec.template", ctx)
    errors += validate_read_only_disks(template, (old_spec or {}).get("template"), "spec.template")
    errors += validate_runs_for_ever(template, "DaemonSet")
    errors += validate_optional_count(spec, "minReadySeconds")
    errors += _validate_update_strategy(spec.get("updateStrategy") or {})
    return errors + validate_optional_count(spec, "revisionHistoryLimit")


def _validate_match(selector: Object | None, template: Object) -> list[FieldError]:
    labels = (template.get("metadata") or {}).get("labels")
    try:
        matches = compile_selector(selector).matches(labels)
    except SelectorError:
        return []
    return [] if matches else [invalid("spec.template.metadata.labels", string_map(labels), MISMATCH)]


def _validate_update_strategy(strategy: Object) -> list[FieldError]:
    path, rolling = "spec.updateStrategy", strategy.get("rollingUpdate")
    match strategy.get("type"):
        case "OnDelete":
            return []
        case "RollingUpdate":
            if rolling is None:
                return [required(f"{path}.rollingUpdate")]
            return _validate_rolling_update(rolling, f"{path}.rollingUpdate")
    shown = struct(
        "apps.DaemonSetUpdateStrategy",
        Type=strategy.get("type", ""),
        RollingUpdate=Go(pointer("apps.RollingUpdateDaemonSet", rolling)),
    )
    return [not_supported(path, shown, ["RollingUpdate", "OnDelete"])]


def _validate_rolling_update(rolling: Object, path: str) -> list[FieldError]:
    unavailable, surge = rolling.get("maxUnavailable", 0), rolling.get("maxSurge", 0)
    errors = validate_nonnegative_int_or_percent(unavailable, f"{path}.maxUnavailable")
    errors += validate_nonnegative_int_or_percent(surge, f"{path}.maxSurge")
    errors += validate_at_most_100_percent(unavailable, f"{path}.maxUnavailable")
    errors += validate_at_most_100_percent(surge, f"{path}.maxSurge")
    if amount(unavailable) and amount(surge):
        errors.append(invalid(f"{path}.maxSurge", go_int_or_string(surge), "may not be set when maxUnavailable is non-zero"))
    elif not amount(unavailable) and not amount(surge):
        errors.append(required(f"{path}.maxUnavailable", "cannot be 0 when maxSurge is 0"))
    return errors


def validate_status(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    status = obj.get("status", {})
    return validate_counts(status, _COUNTS) + validate_collision_count(status, old.get("status", {}))


def warnings(obj: Object, old: Object | None, ctx: Context) -> list[str]:
    template = obj["spec"].get("template") or {}
    if old is not None and same(template, old["spec"].get("template") or {}):
        return []
    return pod_template_warnings(template, "spec.template")


def _node_selector(obj: Object, now_ns: int) -> str:
    return labels_text(dig(obj, ("spec", "template", "spec", "nodeSelector")))


KIND = Kind(
    kind="DaemonSet",
    plural="daemonsets",
    group="apps",
    short_names=("ds",),
    categories=("all",),
    subresources=("status",),
    default=default,
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    prepare_status=prepare_status,
    validate=validate,
    validate_update=validate_update,
    validate_status=validate_status,
    validate_name=name_is_dns_subdomain,
    spec_changed=spec_changed,
    warnings=warnings,
    columns=(
        NAME,
        Column("Desired", at("status", "desiredNumberScheduled", default=0), "integer"),
        Column("Current", at("status", "currentNumberScheduled", default=0), "integer"),
        Column("Ready", at("status", "numberReady", default=0), "integer"),
        Column("Up-to-date", at("status", "updatedNumberScheduled", default=0), "integer"),
        Column("Available", at("status", "numberAvailable", default=0), "integer"),
        Column("Node Selector", _node_selector),
        AGE,
        *pod_template_columns("spec", "template"),
        Column("Selector", selector_cell("spec", "selector"), priority=1),
    ),
)
