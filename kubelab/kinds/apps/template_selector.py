"""What the workload kinds share: a selector that is required and must match the labels of its template.

upstream: pkg/apis/apps/validation/validation.go, pkg/apis/core/validation/validation.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable

from kubelab.kinds.core.pod_template import validate_pod_template
from kubelab.kinds.field import FieldError, forbidden, invalid, not_supported, required
from kubelab.kinds.go_values import label_selector, string_map
from kubelab.kinds.kind import Context, Object
from kubelab.kinds.selectors import LabelSelector, SelectorError, compile_selector, validate_label_selector

MISMATCH = "`selector` does not match template `labels`"


def validate_required_selector(selector: Object | None, kind: str) -> list[FieldError]:
    """``spec.selector`` of a workload: there, well formed and not empty."""
    if selector is None:
        return [required("spec.selector")]
    errors = validate_label_selector(selector, "spec.selector")
    if not selector.get("matchLabels") and not selector.get("matchExpressions"):
        errors.append(invalid("spec.selector", label_selector(selector), f"empty selector is invalid for {kind}"))
    return errors


def compiled_or_error(selector: Object | None, detail: str) -> LabelSelector | FieldError:
    try:
        return compile_selector(selector)
    except SelectorError:
        return invalid("spec.selector", label_selector(selector), detail)


def validate_template_labels(template: Object, selector: LabelSelector, path: str = "spec.template") -> list[FieldError]:
    """An empty selector is complained about elsewhere; one that is absent matches nothing."""
    labels = (template.get("metadata") or {}).get("labels")
    if selector.empty or selector.matches(labels):
        return []
    return [invalid(f"{path}.metadata.labels", string_map(labels), MISMATCH)]


def validate_replicated_template(spec: Object, old_spec: Object | None, selector: LabelSelector, ctx: Context) -> list[FieldError]:
    """The template of a ReplicaSet or Deployment (upstream: ValidatePodTemplateSpecForReplicaSet)."""
    template, path = spec.get("template") or {}, "spec.template"
    errors = validate_template_labels(template, selector)
    errors += validate_pod_template(template, path, ctx)
    if spec.get("replicas", 0) > 1:
        errors += validate_read_only_disks(template, (old_spec or {}).get("template"), path)
    return errors + validate_runs_for_ever(template, "ReplicaSet")


def validate_runs_for_ever(template: Object, kind: str) -> list[FieldError]:
    """Pods of these kinds are restarted always and have no deadline."""
    pod = template.get("spec") or {}
    errors = []
    if pod.get("restartPolicy", "") != "Always":
        errors.append(not_supported("spec.template.spec.restartPolicy", pod.get("restartPolicy", ""), ["Always"]))
    if pod.get("activeDeadlineSeconds") is not None:
        errors.append(
            forbidden("spec.template.spec.activeDeadlineSeconds", f"activeDeadlineSeconds in {kind} is not Supported"),
        )
    return errors


def validate_read_only_disks(template: Object, old_template: Object | None, path: str) -> list[FieldError]:
    """upstream: ValidateReadOnlyPersistentDisks."""
    if any(_is_writable_disk(volume) for volume in _volumes(old_template)):
        return []
    detail = "must be true for replicated pods > 1; GCE PD can only be mounted on multiple machines if it is read-only"
    return [
        invalid(f"{path}.spec.volumes[{index}].gcePersistentDisk.readOnly", False, detail)
        for index, volume in enumerate(_volumes(template))
        if _is_writable_disk(volume)
    ]


def _volumes(template: Object | None) -> Iterable[Object]:
    return ((template or {}).get("spec") or {}).get("volumes") or ()


def _is_writable_disk(volume: Object) -> bool:
    disk = volume.get("gcePersistentDisk")
    return disk is not None and not disk.get("readOnly", False)
