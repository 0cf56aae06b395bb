"""ReplicationController.

upstream: pkg/registry/core/replicationcontroller/strategy.go, pkg/apis/core/validation/validation.go (ValidateReplicationController …), 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubelab.kinds.apps.template_warnings import name_warnings, pod_template_warnings
from kubelab.kinds.columns import AGE, NAME, at, labels_text, pod_template_columns
from kubelab.kinds.core.pod_template import default_pod_template, validate_pod_template
from kubelab.kinds.equality import same
from kubelab.kinds.field import FieldError, Go, forbidden, go_string_map, invalid, not_supported, required
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.names import NEGATIVE, name_is_dns_subdomain, validate_kube_finalizers
from kubelab.kinds.podspec.disabled import TEMPLATE, drop_disabled_pod_fields
from kubelab.kinds.selectors import matches_labels

_COUNTS = ("replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration")


def default(obj: Object, ctx: Context) -> None:
    """Selector and labels follow the template's labels."""
    spec = dict(obj.get("spec") or {})
    if spec.get("template") is not None:
        labels = (spec["template"].get("metadata") or {}).get("labels")
        if labels:
            if not spec.get("selector"):
                spec["selector"] = labels
            if not obj["metadata"].get("labels"):
                obj["metadata"] = {**obj["metadata"], "labels": labels}
        template = dict(spec["template"])
        default_pod_template(template)
        spec["template"] = template
    if spec.get("replicas") is None:
        spec["replicas"] = 1
    obj["spec"] = spec


def prepare_create(obj: Object, ctx: Context) -> None:
    drop_disabled_pod_fields(obj, None, ctx, TEMPLATE)
    obj["status"] = {"replicas": 0}


def prepare_update(obj: Object, old: Object, ctx: Context) -> None:
    drop_disabled_pod_fields(obj, old, ctx, TEMPLATE)
    obj["status"] = old.get("status") or {}


def prepare_status(obj: Object, old: Object, ctx: Context) -> None:
    obj["spec"] = old.get("spec") or {}


def spec_changed(obj: Object, old: Object) -> bool:
    return not same(obj.get("spec"), old.get("spec"))


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    return validate_kube_finalizers(obj["metadata"]) + _validate_spec(obj.get("spec") or {}, ctx)


def _validate_spec(spec: Object, ctx: Context) -> list[FieldError]:
    errors: list[FieldError] = []
    if (spec.get("minReadySeconds") or 0) < 0:
        errors.append(invalid("spec.minReadySeconds", spec["minReadySeconds"], NEGATIVE))
    if not spec.get("selector"):
        errors.append(required("spec.selector"))
    if (spec.get("replicas") or 0) < 0:
        errors.append(invalid("spec.replicas", spec["replicas"], NEGATIVE))
    template, path = spec.get("template"), "spec.template"
    if template is None:
        return [*errors, required(path)]
    labels, pod = (template.get("metadata") or {}).get("labels"), template.get("spec") or {}
    if spec.get("selector") and not matches_labels(spec["selector"], labels):
        errors.append(invalid(f"{path}.metadata.labels", Go(go_string_map(labels)), "`selector` does not match template `labels`"))
    errors += validate_pod_template(template, path, ctx)
    if (spec.get("replicas") or 0) > 1:
        errors += _validate_disks(pod, path)
    if pod.get("restartPolicy") != "Always":
        errors.append(not_supported(f"{path}.spec.restartPolicy", pod.get("restartPolicy") or "", ("Always",)))
    if pod.get("activeDeadlineSeconds") is not None:
        detail = "activeDeadlineSeconds in ReplicationController is not Supported"
        errors.append(forbidden(f"{path}.spec.activeDeadlineSeconds", detail))
    return errors


def _validate_disks(pod: Object, path: str) -> list[FieldError]:
    detail = "must be true for replicated pods > 1; GCE PD can only be mounted on multiple machines if it is read-only"
    return [
        invalid(f"{path}.spec.volumes[{index}].gcePersistentDisk.readOnly", False, detail)
        for index, volume in enumerate(pod.get("volumes") or ())
        if volume.get("gcePersistentDisk") is not None and not volume["gcePersistentDisk"].get("readOnly")
    ]


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    """Upstream looks twice, and reports twice."""
    return validate(obj, ctx) + validate(obj, ctx)


def validate_status(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    status = obj.get("status") or {}
    count = {name: status.get(name) or 0 for name in _COUNTS}
    errors = [invalid(f"status.{name}", number, NEGATIVE) for name, number in count.items() if number < 0]
    for name in ("fullyLabeledReplicas", "readyReplicas", "availableReplicas"):
        if count[name] > count["replicas"]:
            errors.append(invalid(f"status.{name}", count[name], "cannot be greater than status.replicas"))
    if count["availableReplicas"] > count["readyReplicas"]:
        errors.append(invalid("status.availableReplicas", count["availableReplicas"], "cannot be greater than readyReplicas"))
    return validate_kube_finalizers(obj["metadata"]) + errors


def warnings(obj: Object, old: Object | None, ctx: Context) -> Sequence[str]:
    if old is not None and not spec_changed(obj, old):
        return ()
    found = name_warnings(obj) if old is None else []
    return found + pod_template_warnings((obj.get("spec") or {}).get("template") or {}, "spec.template")


def selectable(obj: Object) -> dict[str, str]:
    return {"status.replicas": str((obj.get("status") or {}).get("replicas") or 0)}


def _selector(obj: Object, now_ns: int) -> str:
    return labels_text((obj.get("spec") or {}).get("selector"))


KIND = Kind(
    kind="ReplicationController",
    plural="replicationcontrollers",
    singular="replicationcontroller",
    short_names=("rc",),
    categories=("all",),
    subresources=("scale", "status"),
    definition="core.v1.ReplicationController",
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
    selectable=selectable,
    selectable_names=("status.replicas",),
    columns=(
        NAME,
        Column("Desired", at("spec", "replicas", default=0), type="integer"),
        Column("Current", at("status", "replicas", default=0), type="integer"),
        Column("Ready", at("status", "readyReplicas", default=0), type="integer"),
        AGE,
        *pod_template_columns("spec", "template"),
        Column("Selector", _selector, priority=1),
    ),
    orphans_by_default=True,
)
