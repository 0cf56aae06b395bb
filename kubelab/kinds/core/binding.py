"""Binding: a pod's node, created only.

upstream: pkg/registry/core/pod/storage/storage.go (BindingREST), pkg/apis/core/validation/validation.go (ValidatePodBinding), 1.28.
"""

from __future__ import annotations

from kubelab.kinds.field import FieldError, not_supported, required
from kubelab.kinds.kind import Context, Kind, Object


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    target = obj.get("target") or {}
    kind = target.get("kind") or ""
    errors = [not_supported("target.kind", kind, ("Node", "<empty>"))] if kind not in ("", "Node") else []
    return errors if target.get("name") else [*errors, required("target.name")]


KIND = Kind(
    kind="Binding",
    plural="bindings",
    singular="binding",
    verbs=("create",),
    definition="core.v1.Binding",
    validate=validate,
)
