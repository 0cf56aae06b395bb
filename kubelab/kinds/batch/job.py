"""Job: pods that run to completion.

upstream: pkg/apis/batch/v1/{defaults,conversion}.go, pkg/apis/batch/validation/validation.go, pkg/registry/batch/job/strategy.go, 1.28.
"""

from __future__ import annotations

from kubelab.kinds.apps.counts import validate_counts
from kubelab.kinds.apps.template_selector import MISMATCH
from kubelab.kinds.apps.template_warnings import name_warnings
from kubelab.kinds.batch.job_spec import default_job_spec, drop_disabled, job_spec_warnings, validate_job_spec
from kubelab.kinds.columns import AGE, NAME, human_duration, pod_template_columns, selector_cell
from kubelab.kinds.equality import immutable, same, spec_changed
from kubelab.kinds.field import FieldError, Go, duplicate, invalid, required
from kubelab.kinds.gates import enabled
from kubelab.kinds.go_values import POINTER, label_selector, string_map
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.names import IMMUTABLE, is_dns1123_label, name_is_dns_subdomain
from kubelab.kinds.path_copy import keep, own
from kubelab.kinds.podspec.disabled import TEMPLATE, drop_disabled_pod_fields
from kubelab.kinds.selectors import SelectorError, compile_selector, matches_selector, validate_label_selector
from kubelab.world.clock import parse_rfc3339

JOB_NAME = "batch.kubernetes.io/job-name"
CONTROLLER_UID = "batch.kubernetes.io/controller-uid"
LEGACY_JOB_NAME = "job-name"
LEGACY_CONTROLLER_UID = "controller-uid"
_COUNTS = ("active", "succeeded", "failed", "ready", "terminating")
_SCHEDULING = ("nodeSelector", "tolerations", "schedulingGates")


def default(obj: Object, ctx: Context) -> None:
    spec = own(obj, "spec")
    default_job_spec(spec, ctx)
    labels = (spec["template"].get("metadata") or {}).get("labels")
    if labels and not obj["metadata"].get("labels"):
        own(obj, "metadata")["labels"] = dict(labels)


def prepare_create(obj: Object, ctx: Context) -> None:
    drop_disabled_pod_fields(obj, None, ctx, TEMPLATE)
    obj["status"] = {}
    drop_disabled(own(obj, "spec"), None, ctx)
    if not obj["spec"].get("manualSelector"):
        _generate_selector(obj)


def _generate_selector(obj: Object) -> None:
    """Labels of the template and the selector come from the Job's name and uid.

    A Job without labels shows its template's, the generated ones included: upstream lets both share one map.
    """
    metadata, spec = own(obj, "metadata"), own(obj, "spec")
    template_metadata = own(spec, "template", "metadata")
    before = template_metadata.get("labels") or {}
    labels = dict(before)
    for key in (LEGACY_JOB_NAME, JOB_NAME):
        labels.setdefault(key, metadata.get("name", ""))
    for key in (LEGACY_CONTROLLER_UID, CONTROLLER_UID):
        labels.setdefault(key, metadata.get("uid", ""))
    template_metadata["labels"] = labels
    if (metadata.get("labels") or {}) == before:
        metadata["labels"] = dict(labels)
    selector = spec.get("selector") or {}
    wanted = {CONTROLLER_UID: metadata.get("uid", ""), **(selector.get("matchLabels") or {})}
    spec["selector"] = {**selector, "matchLabels": wanted}


def prepare_update(obj: Object, old: Object, ctx: Context) -> None:
    drop_disabled_pod_fields(obj, old, ctx, TEMPLATE)
    keep(obj, old, "status")
    drop_disabled(own(obj, "spec"), old["spec"], ctx)


def prepare_status(obj: Object, old: Object, ctx: Context) -> None:
    keep(obj, old, "spec")
    obj.setdefault("status", {})


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    return _validate(obj, ctx, prefixed=True)


def validate_unprefixed(obj: Object, ctx: Context) -> list[FieldError]:
    """Of a release whose Jobs have the two short labels alone."""
    return _validate(obj, ctx, prefixed=False)


def _validate(obj: Object, ctx: Context, *, prefixed: bool) -> list[FieldError]:
    errors = _validate_generated_selector(obj, prefixed=prefixed)
    errors += _validate_spec(obj["spec"], ctx)
    spec, name = obj["spec"], obj["metadata"].get("name", "")
    if spec.get("completionMode") == "Indexed" and (spec.get("completions") or 0) > 0:
        host = f"{name}-{spec['completions'] - 1}"
        if is_dns1123_label(host):
            errors.append(invalid("metadata.name", name, f"will not able to create pod with invalid DNS label: {host}"))
    return errors


def _validate_generated_selector(obj: Object, *, prefixed: bool) -> list[FieldError]:
    metadata, spec = obj["metadata"], obj["spec"]
    selector = spec.get("selector")
    if spec.get("manualSelector") or selector is None:
        return []
    name, uid = metadata.get("name", ""), metadata.get("uid", "")
    expected = {LEGACY_CONTROLLER_UID: uid, LEGACY_JOB_NAME: name}
    if prefixed:
        expected |= {CONTROLLER_UID: uid, JOB_NAME: name}
    errors = [] if uid else [required("metadata.uid")]
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    for key, value in expected.items():
        path = f"spec.template.metadata.labels[{key}]"
        if key not in labels:
            errors.append(required(path, f"must be '{value}'"))
        elif labels[key] != value:
            errors.append(invalid(path, string_map(labels), f"must be '{value}'"))
    if _is_selector(selector) and not matches_selector(selector, expected):
        errors.append(invalid("spec.selector", label_selector(selector), "`selector` not auto-generated"))
    return errors


def _is_selector(selector: Object | None) -> bool:
    try:
        compile_selector(selector)
    except SelectorError:
        return False
    return True


def _validate_spec(spec: Object, ctx: Context) -> list[FieldError]:
    errors = validate_job_spec(spec, "spec", ctx)
    selector = spec.get("selector")
    if selector is None:
        errors.append(required("spec.selector"))
    else:
        errors += validate_label_selector(selector, "spec.selector")
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    if _is_selector(selector) and not matches_selector(selector, labels):
        errors.append(invalid("spec.template.metadata.labels", string_map(labels), MISMATCH))
    return errors


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    """Upstream validates the object once as a new one and once as an update."""
    spec, old_spec = obj["spec"], old["spec"]
    old_labels = ((old_spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    errors = _validate(obj, ctx, prefixed=JOB_NAME in old_labels and CONTROLLER_UID in old_labels)
    if errors:
        errors = errors + _validate_spec(spec, ctx)
    errors += _validate_completions(spec, old_spec, ctx)
    selector = spec.get("selector")
    errors += immutable("spec.selector", selector, old_spec.get("selector"), label_selector(selector))
    errors += _validate_template_update(spec, old)
    errors += immutable("spec.completionMode", spec.get("completionMode"), old_spec.get("completionMode"))
    policy = spec.get("podFailurePolicy")
    shown = None if policy is None else Go(f"batch.PodFailurePolicy{{{POINTER}}}")
    errors += immutable("spec.podFailurePolicy", policy, old_spec.get("podFailurePolicy"), shown)
    return errors + immutable("spec.backoffLimitPerIndex", spec.get("backoffLimitPerIndex"), old_spec.get("backoffLimitPerIndex"))


def _validate_completions(spec: Object, old_spec: Object, ctx: Context) -> list[FieldError]:
    """An Indexed Job may grow and shrink if its parallelism follows."""
    completions = spec.get("completions")
    if spec.get("completionMode") != "Indexed" or not enabled(ctx, "ElasticIndexedJob"):
        return immutable("spec.completions", completions, old_spec.get("completions"))
    if completions is None or completions in (old_spec.get("completions"), spec.get("parallelism")):
        return []
    return [invalid("spec.completions", completions, "can only be modified in tandem with spec.parallelism")]


def _validate_template_update(spec: Object, old: Object) -> list[FieldError]:
    """A suspended Job that never started may change where its pods go."""
    template, old_template = spec.get("template") or {}, old["spec"].get("template") or {}
    if old["spec"].get("suspend") and not (old.get("status") or {}).get("startTime"):
        old_template = _with_scheduling_of(template, old_template)
    if same(template, old_template):
        return []
    return [invalid("spec.template", Go(f"core.PodTemplateSpec{{{POINTER}}}"), IMMUTABLE)]


def _with_scheduling_of(template: Object, old: Object) -> Object:
    metadata, pod, old_pod = template.get("metadata") or {}, template.get("spec") or {}, old.get("spec") or {}
    merged_pod = {**old_pod, **{key: pod.get(key) for key in _SCHEDULING}}
    affinity, old_affinity = pod.get("affinity"), old_pod.get("affinity")
    if affinity is not None or old_affinity is not None:
        node = (affinity or {}).get("nodeAffinity")
        rest = {key: value for key, value in (old_affinity or {}).items() if key != "nodeAffinity"}
        merged = rest if node is None else {**rest, "nodeAffinity": node}
        merged_pod["affinity"] = merged if merged or affinity is not None else None
    merged_metadata = {**(old.get("metadata") or {}), **{key: metadata.get(key) for key in ("annotations", "labels")}}
    return {**old, "metadata": merged_metadata, "spec": merged_pod}


def validate_status(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    status = obj.get("status", {})
    errors = validate_counts(status, _COUNTS)
    seen: list[str] = []
    uncounted = status.get("uncountedTerminatedPods") or {}
    for group in ("succeeded", "failed"):
        for index, uid in enumerate(uncounted.get(group) or ()):
            path = f"status.uncountedTerminatedPods.{group}[{index}]"
            if not uid:
                errors.append(invalid(path, uid, "must not be empty"))
            elif uid in seen:
                errors.append(duplicate(path, uid))
            else:
                seen.append(uid)
    return errors


def warnings(obj: Object, old: Object | None, ctx: Context) -> list[str]:
    if old is None:
        return name_warnings(obj) + job_spec_warnings(obj["spec"], "spec")
    return job_spec_warnings(obj["spec"], "spec") if spec_changed(obj, old) else []


def selectable(obj: Object) -> dict[str, str]:
    return {"status.successful": str(obj.get("status", {}).get("succeeded", 0))}


def _completions(obj: Object, now_ns: int) -> str:
    spec, succeeded = obj["spec"], obj.get("status", {}).get("succeeded", 0)
    if spec.get("completions") is not None:
        return f"{succeeded}/{spec['completions']}"
    parallelism = spec.get("parallelism") or 0
    return f"{succeeded}/1 of {parallelism}" if parallelism > 1 else f"{succeeded}/1"


def _duration(obj: Object, now_ns: int) -> str:
    status = obj.get("status", {})
    if not status.get("startTime"):
        return ""
    end = status.get("completionTime")
    return human_duration((parse_rfc3339(end) if end else now_ns) - parse_rfc3339(status["startTime"]))


KIND = Kind(
    kind="Job",
    plural="jobs",
    group="batch",
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
    selectable=selectable,
    selectable_names=("status.successful",),
    orphans_by_default=True,
    columns=(
        NAME,
        Column("Completions", _completions),
        Column("Duration", _duration, description="Time required to complete the job."),
        AGE,
        *pod_template_columns("spec", "template"),
        Column("Selector", selector_cell("spec", "selector"), priority=1),
    ),
)
