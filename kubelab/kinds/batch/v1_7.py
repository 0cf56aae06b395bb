"""Job as 1.7 had it: its pods and its selector carry the two short labels alone, and a restart policy is named with its finding.

upstream: pkg/registry/batch/job/strategy.go generateSelector, pkg/apis/batch/validation/validation.go ValidateJobSpec, 1.7.
"""

from __future__ import annotations

from kubelab.kinds.batch import job
from kubelab.kinds.field import FieldError, not_supported
from kubelab.kinds.kind import Context, Object
from kubelab.kinds.path_copy import own

_LATER = (job.JOB_NAME, job.CONTROLLER_UID)
_RESTARTS = "spec.template.spec.restartPolicy"
_ALLOWED = ("OnFailure", "Never")


def prepare_job(obj: Object, ctx: Context) -> None:
    job.prepare_create(obj, ctx)
    if obj["spec"].get("manualSelector"):
        return
    template_metadata = own(obj, "spec", "template", "metadata")
    template_metadata["labels"] = _without_later(template_metadata.get("labels"))
    metadata = own(obj, "metadata")
    if metadata.get("labels"):
        metadata["labels"] = _without_later(metadata["labels"])
    selector = own(obj, "spec", "selector")
    selector["matchLabels"] = {job.LEGACY_CONTROLLER_UID: metadata.get("uid", ""), **_without_later(selector.get("matchLabels"))}


def _without_later(labels: Object | None) -> Object:
    return {key: text for key, text in (labels or {}).items() if key not in _LATER}


def validate_job(obj: Object, ctx: Context) -> list[FieldError]:
    policy = ((obj["spec"].get("template") or {}).get("spec") or {}).get("restartPolicy", "")
    return [
        not_supported(_RESTARTS, policy, _ALLOWED) if error.field == _RESTARTS and error.reason == "FieldValueRequired" else error
        for error in job.validate_unprefixed(obj, ctx)
    ]
