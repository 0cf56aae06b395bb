"""ReplicaSet: a number of equal pods.

upstream: pkg/apis/apps/v1/defaults.go, pkg/apis/apps/validation/validation.go, pkg/registry/apps/replicaset/strategy.go, 1.28.
"""

from __future__ import annotations

from kubelab.kinds.apps.counts import validate_at_most, validate_counts, validate_optional_count
from kubelab.kinds.apps.template_selector import compiled_or_error, validate_replicated_template, validate_required_selector
from kubelab.kinds.apps.template_warnings import name_warnings, pod_template_warnings
from kubelab.kinds.columns import AGE, NAME, at, pod_template_columns, selector_cell
from kubelab.kinds.core.pod_template import default_pod_template
from kubelab.kinds.equality import immutable, spec_changed
from kubelab.kinds.field import FieldError
from kubelab.kinds.go_values import label_selector
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.names import name_is_dns_subdomain
from kubelab.kinds.path_copy import keep, own
from kubelab.kinds.podspec.disabled import TEMPLATE, drop_disabled_pod_fields

_COUNTS = ("replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration")


def default(obj: Object, ctx: Context) -> None:
    default_pod_template(own(obj, "spec", "template"))
    obj["spec"].setdefault("replicas", 1)


def prepare_create(obj: Object, ctx: Context) -> None:
    drop_disabled_pod_fields(obj, None, ctx, TEMPLATE)
    obj["status"] = {"replicas": 0}


def prepare_update(obj: Object, old: Object, ctx: Context) -> None:
    drop_disabled_pod_fields(obj, old, ctx, TEMPLATE)
    keep(obj, old, "status")


def prepare_status(obj: Object, old: Object, ctx: Context) -> None:
    keep(obj, old, "spec")
    own(obj, "status").setdefault("replicas", 0)


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
    errors = validate_optional_count(spec, "replicas")
    errors += validate_optional_count(spec, "minReadySeconds")
    # Upstream's message names the deployment here too.
    errors += validate_required_selector(spec.get("selector"), "deployment")
    selector = compiled_or_error(spec.get("selector"), "invalid label selector")
    if isinstance(selector, FieldError):
        return [*errors, selector]
    return errors + validate_replicated_template(spec, old_spec, selector, ctx)


def validate_status(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    status = obj.get("status", {})
    errors = validate_counts(status, _COUNTS)
    errors += validate_at_most(status, ("fullyLabeledReplicas", "readyReplicas", "availableReplicas"), "replicas", "status.replicas")
    return errors + validate_at_most(status, ("availableReplicas",), "readyReplicas", "readyReplicas")


def warnings(obj: Object, old: Object | None, ctx: Context) -> list[str]:
    if old is not None and not spec_changed(obj, old):
        return []
    found = name_warnings(obj) if old is None else []
    return found + pod_template_warnings(obj["spec"].get("template") or {}, "spec.template")


KIND = Kind(
    kind="ReplicaSet",
    plural="replicasets",
    group="apps",
    short_names=("rs",),
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
    spec_changed=spec_changed,
    warnings=warnings,
    columns=(
        NAME,
        Column("Desired", at("spec", "replicas", default=0), "integer"),
        Column("Current", at("status", "replicas", default=0), "integer"),
        Column("Ready", at("status", "readyReplicas", default=0), "integer"),
        AGE,
        *pod_template_columns("spec", "template"),
        Column("Selector", selector_cell("spec", "selector"), priority=1),
    ),
)
