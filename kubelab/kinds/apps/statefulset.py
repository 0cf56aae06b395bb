"""StatefulSet: pods with names, an order and claims of their own.

upstream: pkg/apis/apps/v1/{defaults,conversion}.go, pkg/apis/apps/validation/validation.go, pkg/registry/apps/statefulset/strategy.go, 1.28.
The template's pod spec is not validated: a bad one fails when its pods are created.
"""

from __future__ import annotations

from typing import Any

from kubelab.kinds.apps.counts import validate_at_most, validate_collision_count, validate_counts, validate_optional_count
from kubelab.kinds.apps.deployment import amount
from kubelab.kinds.apps.template_selector import (
    compiled_or_error,
    validate_required_selector,
    validate_runs_for_ever,
    validate_template_labels,
)
from kubelab.kinds.apps.template_warnings import claim_warnings, pod_template_warnings
from kubelab.kinds.columns import AGE, NAME, pod_template_columns
from kubelab.kinds.core.pod_template import default_pod_template
from kubelab.kinds.equality import same, spec_changed
from kubelab.kinds.field import FieldError, Go, forbidden, invalid, not_supported, required
from kubelab.kinds.gates import enabled
from kubelab.kinds.go_values import pointer, struct
from kubelab.kinds.intstr import go_int_or_string, validate_at_most_100_percent, validate_nonnegative_int_or_percent
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.names import name_is_dns_label, validate_annotations, validate_labels
from kubelab.kinds.path_copy import keep, own
from kubelab.kinds.podspec.disabled import TEMPLATE, drop_disabled_pod_fields
from kubelab.kinds.podspec.validation import validate_pod_annotations

_MUTABLE = ("replicas", "template", "updateStrategy", "minReadySeconds", "ordinals", "persistentVolumeClaimRetentionPolicy")
_IMMUTABLE_REST = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
    "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)
_COUNTS = (
    "replicas",
    "readyReplicas",
    "currentReplicas",
    "updatedReplicas",
    "availableReplicas",
    "observedGeneration",
    "collisionCount",
)


def default(obj: Object, ctx: Context) -> None:
    default_pod_template(own(obj, "spec", "template"))
    spec = obj["spec"]
    if claims := spec.get("volumeClaimTemplates"):
        spec["volumeClaimTemplates"] = [_defaulted_claim_template(claim) for claim in claims]
    if not spec.get("podManagementPolicy"):
        spec["podManagementPolicy"] = "OrderedReady"
    _default_update_strategy(own(spec, "updateStrategy"), ctx)
    if enabled(ctx, "StatefulSetAutoDeletePVC"):
        policy = own(spec, "persistentVolumeClaimRetentionPolicy")
        for when in ("whenDeleted", "whenScaled"):
            if not policy.get(when):
                policy[when] = "Retain"
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("serviceName", "")


def _default_update_strategy(strategy: Object, ctx: Context) -> None:
    if not strategy.get("type"):
        strategy["type"] = "RollingUpdate"
        strategy.setdefault("rollingUpdate", {})
    rolling = strategy.get("rollingUpdate")
    if strategy["type"] == "RollingUpdate" and rolling is not None:
        rolling = own(strategy, "rollingUpdate")
        rolling.setdefault("partition", 0)
        if enabled(ctx, "MaxUnavailableStatefulSet"):
            rolling.setdefault("maxUnavailable", 1)


def _defaulted_claim_template(claim: Object) -> Object:
    """Claims nested in a StatefulSet carry their kind and status, as the server has always printed them."""
    claim = {**claim, "apiVersion": "v1", "kind": "PersistentVolumeClaim"}
    own(claim, "metadata")["creationTimestamp"] = None
    spec = own(claim, "spec")
    spec.setdefault("resources", {})
    spec.setdefault("volumeMode", "Filesystem")
    status = own(claim, "status")
    if not status.get("phase"):
        status["phase"] = "Pending"
    return claim


def prepare_create(obj: Object, ctx: Context) -> None:
    drop_disabled_pod_fields(obj, None, ctx, TEMPLATE)
    obj["status"] = {"replicas": 0, "availableReplicas": 0}
    _drop_disabled(own(obj, "spec"), None, ctx)


def prepare_update(obj: Object, old: Object, ctx: Context) -> None:
    drop_disabled_pod_fields(obj, old, ctx, TEMPLATE)
    keep(obj, old, "status")
    _drop_disabled(own(obj, "spec"), old["spec"], ctx)


def _drop_disabled(spec: Object, old: Object | None, ctx: Context) -> None:
    """Fields behind a gate that is off go, unless the old object has them."""
    old = old or {}
    for field, gate in (
        ("persistentVolumeClaimRetentionPolicy", "StatefulSetAutoDeletePVC"),
        ("ordinals", "StatefulSetStartOrdinal"),
    ):
        if not enabled(ctx, gate) and old.get(field) is None:
            spec.pop(field, None)
    in_use = ((old.get("updateStrategy") or {}).get("rollingUpdate") or {}).get("maxUnavailable") is not None
    rolling = (spec.get("updateStrategy") or {}).get("rollingUpdate")
    if rolling and not in_use and not enabled(ctx, "MaxUnavailableStatefulSet"):
        own(spec, "updateStrategy", "rollingUpdate").pop("maxUnavailable", None)


def prepare_status(obj: Object, old: Object, ctx: Context) -> None:
    keep(obj, old, "spec")
    status = own(obj, "status")
    status.setdefault("replicas", 0)
    status.setdefault("availableReplicas", 0)


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    spec = obj["spec"]
    errors = _validate_policy(spec.get("podManagementPolicy", ""))
    errors += _validate_update_strategy(spec.get("updateStrategy") or {})
    errors += _validate_retention(spec.get("persistentVolumeClaimRetentionPolicy"))
    errors += validate_optional_count(spec, "replicas")
    errors += validate_optional_count(spec, "minReadySeconds")
    if spec.get("ordinals") is not None:
        errors += validate_optional_count(spec["ordinals"], "start", "spec.ordinals")
    errors += validate_required_selector(spec.get("selector"), "statefulset")
    selector = compiled_or_error(spec.get("selector"), "")
    template = spec.get("template") or {}
    if isinstance(selector, FieldError):
        errors.append(selector)
    else:
        errors += validate_template_labels(template, selector)
        errors += _validate_template_metadata(template, ctx)
    return errors + validate_runs_for_ever(template, "StatefulSet")


def _validate_template_metadata(template: Object, ctx: Context) -> list[FieldError]:
    metadata = template.get("metadata") or {}
    errors: list[FieldError] = []
    if labels := metadata.get("labels"):
        errors += validate_labels(labels, "spec.template.labels")
    if annotations := metadata.get("annotations"):
        errors += validate_annotations(annotations, "spec.template.annotations")
        errors += validate_pod_annotations(annotations, template.get("spec") or {}, "spec.template.annotations", ctx)
    return errors


def _validate_policy(policy: str) -> list[FieldError]:
    if policy in ("OrderedReady", "Parallel"):
        return []
    path = "spec.podManagementPolicy"
    return [invalid(path, policy, "must be 'OrderedReady' or 'Parallel'")] if policy else [required(path)]


def _validate_update_strategy(strategy: Object) -> list[FieldError]:
    path, rolling = "spec.updateStrategy", strategy.get("rollingUpdate")
    match strategy.get("type", ""):
        case "":
            return [required(path)]
        case "OnDelete":
            detail = "only allowed for updateStrategy 'RollingUpdate'"
            return [] if rolling is None else [invalid(f"{path}.rollingUpdate", _go_rolling(rolling), detail)]
        case "RollingUpdate":
            return [] if rolling is None else _validate_rolling_update(rolling, f"{path}.rollingUpdate")
    shown = struct(
        "apps.StatefulSetUpdateStrategy",
        Type=strategy["type"],
        RollingUpdate=Go(pointer("apps.RollingUpdateStatefulSetStrategy", rolling)),
    )
    return [invalid(path, shown, "must be 'RollingUpdate' or 'OnDelete'")]


def _go_rolling(rolling: Object) -> Go:
    return struct(
        "apps.RollingUpdateStatefulSetStrategy",
        Partition=rolling.get("partition", 0),
        MaxUnavailable=Go(pointer("intstr.IntOrString", rolling.get("maxUnavailable"))),
    )


def _validate_rolling_update(rolling: Object, path: str) -> list[FieldError]:
    errors = validate_optional_count(rolling, "partition", path)
    limit: Any = rolling.get("maxUnavailable")
    if limit is None:
        return errors
    errors += validate_nonnegative_int_or_percent(limit, f"{path}.maxUnavailable")
    if amount(limit) == 0:
        errors.append(invalid(f"{path}.maxUnavailable", go_int_or_string(limit), "cannot be 0"))
    return errors + validate_at_most_100_percent(limit, f"{path}.maxUnavailable")


def _validate_retention(policy: Object | None) -> list[FieldError]:
    if policy is None:
        return []
    path = "spec.persistentVolumeClaimRetentionPolicy"
    return [
        not_supported(f"{path}.{when}", policy.get(when, ""), ["Retain", "Delete"])
        for when in ("whenDeleted", "whenScaled")
        if policy.get(when, "") not in ("Retain", "Delete")
    ]


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    errors = validate(obj, ctx)
    new_rest = {key: value for key, value in obj["spec"].items() if key not in _MUTABLE}
    old_rest = {key: value for key, value in old["spec"].items() if key not in _MUTABLE}
    if not same(new_rest, old_rest):
        errors.append(forbidden("spec", _IMMUTABLE_REST))
    return errors


def validate_status(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    status = obj.get("status", {})
    bounded = ("readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas")
    errors = validate_counts(status, _COUNTS)
    errors += validate_at_most(status, bounded, "replicas", "status.replicas")
    errors += validate_at_most(status, ("availableReplicas",), "readyReplicas", "status.readyReplicas")
    return errors + validate_collision_count(status, old.get("status", {}))


def warnings(obj: Object, old: Object | None, ctx: Context) -> list[str]:
    """Upstream names the claims' specs differently on create and on update."""
    spec = obj["spec"]
    found: list[str] = []
    if old is None or spec_changed(obj, old):
        found += pod_template_warnings(spec.get("template") or {}, "spec.template")
    suffix = "" if old is None else ".Spec"
    for index, claim in enumerate(spec.get("volumeClaimTemplates") or ()):
        found += claim_warnings(claim.get("spec") or {}, f"spec.volumeClaimTemplates[{index}]{suffix}")
    return found


def _ready(obj: Object, now_ns: int) -> str:
    return f"{obj.get('status', {}).get('readyReplicas', 0)}/{obj['spec'].get('replicas', 0)}"


KIND = Kind(
    kind="StatefulSet",
    plural="statefulsets",
    group="apps",
    short_names=("sts",),
    categories=("all",),
    subresources=("status", "scale"),
    default=default,
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    prepare_status=prepare_status,
    validate=validate,
    validate_update=validate_update,
    validate_status=validate_status,
    validate_name=name_is_dns_label,
    spec_changed=spec_changed,
    warnings=warnings,
    columns=(
        NAME,
        Column("Ready", _ready, description="Number of the pod with ready state"),
        AGE,
        *pod_template_columns("spec", "template"),
    ),
)
