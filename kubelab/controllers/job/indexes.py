"""The completion indexes of an Indexed job: those that are done, those that are next, and how they are written.

upstream: pkg/controller/job/indexed_job_utils.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kubelab.controllers.common.deletion_order import youngest_first
from kubelab.store.log import Object

INDEX = "batch.kubernetes.io/job-completion-index"
ENVIRONMENT = "JOB_COMPLETION_INDEX"
MAX_GENERATED_NAME = 58
UNKNOWN = -1


def is_indexed(job: Object) -> bool:
    return bool(job["spec"].get("completionMode") == "Indexed")


def index_of(pod: Object) -> int:
    """The index that a pod works on; -1 if it says none."""
    text = (pod["metadata"].get("annotations") or {}).get(INDEX, "")
    return int(text) if text.isascii() and text.isdigit() else UNKNOWN


def parse(text: str | None, completions: int) -> list[int]:
    """``"1,3-5"`` → [1, 3, 4, 5], without those that are no longer asked for."""
    found: list[int] = []
    for part in (text or "").split(",") if text else ():
        first, _, last = part.partition("-")
        if first.isdigit() and (not last or last.isdigit()):
            found.extend(range(int(first), min(int(last or first), completions - 1) + 1))
    return found


def written(indexes: Iterable[int]) -> str:
    """
    >>> written([1, 3, 4, 6, 7, 8])
    '1,3,4,6-8'
    """
    runs: list[list[int]] = []
    for index in sorted(indexes):
        if runs and runs[-1][1] == index - 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    parts = []
    for first, last in runs:
        parts.append(str(first) if first == last else f"{first},{last}" if last == first + 1 else f"{first}-{last}")
    return ",".join(parts)


def next_indexes(done: Iterable[int], active: Iterable[Object], count: int, completions: int) -> list[int]:
    """The lowest indexes that are neither done (or failed) nor being worked on."""
    taken = dict.fromkeys([*done, *(index_of(pod) for pod in active)])
    found: list[int] = []
    for index in range(completions):
        if len(found) >= count:
            break
        if index not in taken:
            found.append(index)
    return found


def duplicates(pods: Sequence[Object], completions: int) -> list[Object]:
    """Active pods without an index, of one out of range, or of one that another works on too: of these the furthest one stays."""
    of_index: dict[int, list[Object]] = {}
    for pod in sorted(pods, key=index_of):
        of_index.setdefault(index_of(pod), []).append(pod)
    surplus: list[Object] = []
    for index, rivals in of_index.items():
        if index == UNKNOWN or index >= completions:
            surplus += rivals
        elif len(rivals) > 1:
            surplus += youngest_first(rivals)[:-1]
    return surplus


def with_index(pod: Object, job_name: str, index: int) -> Object:
    """The pod for one index: annotation, label, host name, generated name, and the variable that tells its containers."""
    suffix = f"-{index}-"
    prefix = f"{job_name}{suffix}"
    if len(prefix) > MAX_GENERATED_NAME:
        prefix = prefix[: MAX_GENERATED_NAME - len(suffix)] + suffix
    meta, spec = pod["metadata"], dict(pod["spec"])
    for field in ("initContainers", "containers"):
        if spec.get(field):
            spec[field] = [_with_variable(container) for container in spec[field]]
    spec["hostname"] = f"{job_name}-{index}"
    marked = {
        **meta,
        "generateName": prefix,
        "labels": {**(meta.get("labels") or {}), INDEX: str(index)},
        "annotations": {**(meta.get("annotations") or {}), INDEX: str(index)},
    }
    return {**pod, "metadata": marked, "spec": spec}


def _with_variable(container: Object) -> Object:
    present = container.get("env") or []
    if any(each["name"] == ENVIRONMENT for each in present):
        return container
    source = {"fieldRef": {"fieldPath": f"metadata.labels['{INDEX}']"}}
    return {**container, "env": [*present, {"name": ENVIRONMENT, "valueFrom": source}]}
