"""backoffLimitPerIndex: every index has failures of its own, told from a failed pod to the one that replaces it by an annotation.

So a failed pod stays uncounted until its replacement is made; an index that has failed too often is listed as failed, the others go on.

upstream: pkg/controller/job/{indexed_job_utils,backoff_utils}.go, getPodCreationInfoForIndependentIndexes in job_controller.go, 1.28.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kubelab.controllers.job.backoff import JobBackoff, finished_ns, remaining_ns
from kubelab.controllers.job.facts import has_limit_per_index, is_failed, is_tracked
from kubelab.controllers.job.failure_policy import judge
from kubelab.controllers.job.indexes import UNKNOWN, index_of, parse
from kubelab.store.log import Object

FAILURES = "batch.kubernetes.io/job-index-failure-count"
IGNORED = "batch.kubernetes.io/job-index-ignored-failure-count"
_INTEGER = re.compile(r"[+-]?[0-9]+")
_NONE: dict[str, Any] = {}


def failed_indexes(job: Object, pods: Iterable[Object]) -> tuple[int, ...] | None:
    """Those listed in the status and those that the pods show; None where failures are not counted per index."""
    if not has_limit_per_index(job):
        return None
    completions = job["spec"].get("completions") or 0
    found = parse((job.get("status") or _NONE).get("failedIndexes"), completions)
    found += [index_of(pod) for pod in pods if is_tracked(pod) and 0 <= index_of(pod) < completions and fails_index(job, pod)]
    return tuple(sorted(dict.fromkeys(found)))


def fails_index(job: Object, pod: Object) -> bool:
    if not is_failed(pod, job):
        return False
    verdict = judge(job["spec"].get("podFailurePolicy"), pod)
    return verdict.fails_index or (verdict.counts and _count(pod, FAILURES) >= job["spec"]["backoffLimitPerIndex"])


def awaiting_replacement(
    job: Object, pods: Iterable[Object], active: Iterable[Object], done: Sequence[int], failed: Sequence[int] | None
) -> dict[int, Object]:
    """Per index that nobody works on the failed pod that its replacement is told of: it keeps its finalizer until then."""
    if failed is None:
        return {}
    settled = dict.fromkeys([*done, *failed, *(index_of(pod) for pod in active)])
    completions = job["spec"].get("completions") or 0
    last: dict[int, Object] = {}
    for pod in pods:
        index = index_of(pod)
        if not is_tracked(pod) or index == UNKNOWN or index >= completions or index in settled or not is_failed(pod, job):
            continue
        known = last.get(index)
        if known is None or (failures(known) <= failures(pod) and finished_ns(pod) >= finished_ns(known)):
            last[index] = pod
    return last


def ready_indexes(indexes: Sequence[int], awaiting: Mapping[int, Object], now_ns: int) -> tuple[list[int], int]:
    """The indexes whose back-off is over; if there is none, how long the first must still wait."""
    waits = [(index, _remaining_ns(awaiting.get(index), now_ns)) for index in indexes]
    ready = [index for index, wait_ns in waits if not wait_ns]
    return ready, 0 if ready else min((wait_ns for _, wait_ns in waits), default=0)


def _remaining_ns(failed: Object | None, now_ns: int) -> int:
    return 0 if failed is None else remaining_ns(JobBackoff(failures(failed) + 1, finished_ns(failed)), now_ns)


def with_failures(pod: Object, job: Object, replaced: Object | None) -> Object:
    """The pod of an index, annotated with the failures so far."""
    counted = ignored = 0
    if replaced is not None:
        counts = judge(job["spec"].get("podFailurePolicy"), replaced).counts
        counted, ignored = _count(replaced, FAILURES) + counts, _count(replaced, IGNORED) + (not counts)
    notes = {**(pod["metadata"].get("annotations") or {}), FAILURES: str(counted), **({IGNORED: str(ignored)} if ignored else {})}
    return {**pod, "metadata": {**pod["metadata"], "annotations": notes}}


def failures(pod: Object) -> int:
    """All failures of the index before this pod's own, those that a policy ignores too."""
    return _count(pod, FAILURES) + _count(pod, IGNORED)


def _count(pod: Object, annotation: str) -> int:
    text = (pod["metadata"].get("annotations") or _NONE).get(annotation, "")
    number = int(text) if _INTEGER.fullmatch(text) else 0
    return number if 0 <= number < 2**31 else 0
