"""The scale subresource: a workload seen as an autoscaling/v1 Scale, and back.

upstream: pkg/registry/apps/{deployment,replicaset,statefulset}/storage/storage.go (scaleFrom…), pkg/apis/autoscaling/validation, 1.28.
"""

from __future__ import annotations

from kubelab.kinds.field import FieldError, invalid, required
from kubelab.kinds.kind import Kind, Object
from kubelab.kinds.selectors import compile_selector


def scale_of(obj: Object, kind: Kind) -> Object:
    """The Scale of a stored workload: its metadata, desired and present replicas, its selector as text."""
    metadata = obj["metadata"]
    status: Object = {"replicas": obj.get("status", {}).get("replicas", 0)}
    if text := _selector_of(obj, kind):
        status["selector"] = text
    spec: Object = {}
    if replicas := obj.get("spec", {}).get("replicas", 0):
        spec["replicas"] = replicas
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: metadata[key] for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp") if key in metadata},
        "spec": spec,
        "status": status,
    }


def _selector_of(obj: Object, kind: Kind) -> str:
    selector = obj.get("spec", {}).get("selector")
    if kind.resource == "replicationcontrollers":
        return ",".join(f"{key}={value}" for key, value in sorted((selector or {}).items()))
    return str(compile_selector(selector))


def with_replicas(obj: Object, n: int) -> Object:
    """The workload with ``n`` desired replicas; the given one is left as it was."""
    return {**obj, "spec": {**obj.get("spec", {}), "replicas": n}}


def validate_scale(scale: Object) -> list[FieldError]:
    """upstream: ValidateScale; the generic metadata errors included, in its order."""
    errors: list[FieldError] = []
    if not scale.get("metadata", {}).get("namespace"):
        errors.append(required("metadata.namespace"))
    replicas = scale.get("spec", {}).get("replicas", 0)
    if replicas < 0:
        errors.append(invalid("spec.replicas", replicas, "must be greater than or equal to 0"))
    return errors
