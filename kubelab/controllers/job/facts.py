"""What a job and its pods say of themselves: tracked, failed, finished, suspended.

upstream: isPodFailed, onlyReplaceFailedPods, IsJobFinished, hasJobTrackingFinalizer in pkg/controller/job, 1.28.
"""

from __future__ import annotations

from typing import Any

from kubelab.controllers.common.pod_facts import is_terminating, phase
from kubelab.store.log import Object

FINALIZER = "batch.kubernetes.io/job-tracking"
_NONE: dict[str, Any] = {}


def is_tracked(pod: Object) -> bool:
    return FINALIZER in (pod["metadata"].get("finalizers") or ())


def is_finished(job: Object) -> bool:
    conditions = (job.get("status") or _NONE).get("conditions") or ()
    return any(each["type"] in ("Complete", "Failed") and each["status"] == "True" for each in conditions)


def is_suspended(job: Object) -> bool:
    return bool(job["spec"].get("suspend"))


def replaces_only_failed(job: Object) -> bool:
    """Whether a pod that terminates keeps its place until it has ended: by podReplacementPolicy, or since there is a failure policy.

    (podReplacementPolicy is there only where the gate JobPodReplacementPolicy is on.)
    """
    return job["spec"].get("podReplacementPolicy") == "Failed" or job["spec"].get("podFailurePolicy") is not None


def is_failed(pod: Object, job: Object) -> bool:
    """A pod that is being deleted counts as failed, unless its end is waited for."""
    if phase(pod) == "Failed":
        return True
    return not replaces_only_failed(job) and is_terminating(pod) and phase(pod) != "Succeeded"


def has_limit_per_index(job: Object) -> bool:
    """(The field is there only where the gate JobBackoffLimitPerIndex is on.)"""
    return job["spec"].get("backoffLimitPerIndex") is not None and job["spec"].get("completionMode") == "Indexed"
