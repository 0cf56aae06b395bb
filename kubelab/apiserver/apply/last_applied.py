"""How ``kubectl apply --server-side`` takes over what ``kubectl apply`` left: the annotation with the last applied configuration.

upstream: staging/src/k8s.io/apimachinery/pkg/util/managedfields/internal (lastappliedmanager.go, lastappliedupdater.go, lastapplied.go),
1.28. Spec: apimachinery, sections 5 and 6.
"""

from __future__ import annotations

import json
from typing import Any

from kubelab.apiserver.apply.conflicts import Conflicts
from kubelab.apiserver.apply.field_set import FieldSet, difference, go_json, has
from kubelab.apiserver.apply.shapes import Shape
from kubelab.apiserver.apply.typed import TypedError, compare, field_set
from kubelab.apiserver.apply.validate import check

Object = dict[str, Any]

KUBECTL = "kubectl"
ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"
MAX_ANNOTATIONS_BYTES = 256 * 1024


def refused_beyond_last_applied(shape: Shape, live: Object, conflicts: Conflicts, api_version: str) -> Conflicts | None:
    """The conflicts that the annotation does not excuse: a field is free if it still is as ``kubectl apply`` last wrote it.

    None if all are excused.
    """
    excused = _excused(shape, live, api_version)
    if excused is None:
        return conflicts
    left = [conflict for conflict in conflicts.conflicts if not has(excused, conflict.path)]
    return Conflicts(left) if left else None


def _excused(shape: Shape, live: Object, api_version: str) -> FieldSet | None:
    text = ((live.get("metadata") or {}).get("annotations") or {}).get(ANNOTATION)
    if not text:
        return None
    try:
        last = json.loads(text)
        if not isinstance(last, dict) or last.get("apiVersion") != api_version:
            return None
        check(shape, last)
        change = compare(shape, last, live)
        fields = field_set(shape, last)
    except (ValueError, TypedError):
        return None
    return difference(difference(difference(fields, change.modified), change.added), change.removed)


def with_last_applied(merged: Object, applied: Object) -> Object:
    """``merged`` with the annotation brought up to date, if it has one; too long a value removes it."""
    meta = merged.get("metadata") or {}
    annotations = meta.get("annotations") or {}
    if not annotations.get(ANNOTATION):
        return merged
    value = last_applied(applied)
    if annotations[ANNOTATION] == value:
        return merged
    annotations = {**annotations, ANNOTATION: value}
    if sum(len(key.encode()) + len(text.encode()) for key, text in annotations.items()) > MAX_ANNOTATIONS_BYTES:
        del annotations[ANNOTATION]
    return {**merged, "metadata": {**meta, "annotations": annotations}}


def last_applied(applied: Object) -> str:
    """The annotation's value for an applied object: compact sorted JSON without the annotation itself, and a newline."""
    meta = applied.get("metadata") or {}
    annotations = meta.get("annotations")
    if isinstance(annotations, dict) and ANNOTATION in annotations:
        rest = {key: value for key, value in annotations.items() if key != ANNOTATION}
        applied = {**applied, "metadata": {**meta, "annotations": rest}}
    return go_json(applied) + "\n"


def with_configuration(obj: Object) -> Object:
    """``obj`` as ``kubectl apply`` sends it: with itself, less the annotation, as the annotation.

    upstream: GetModifiedConfiguration in staging/src/k8s.io/kubectl/pkg/util/apply.go, 1.28.
    """
    meta = obj.get("metadata") or {}
    annotations = {key: value for key, value in (meta.get("annotations") or {}).items() if key != ANNOTATION}
    bare = {**obj, "metadata": {**meta, "annotations": annotations}}
    return {**obj, "metadata": {**meta, "annotations": {**annotations, ANNOTATION: go_json(bare) + "\n"}}}


def configuration_of(live: Object) -> Object:
    """What ``kubectl apply`` last applied, from the annotation of a live object; ``{}`` if it never did. Raises ValueError."""
    text = ((live.get("metadata") or {}).get("annotations") or {}).get(ANNOTATION)
    configuration = json.loads(text) if text else {}
    if not isinstance(configuration, dict):
        raise ValueError("invalid JSON document")
    return configuration
