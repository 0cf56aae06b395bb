"""Namespace.

upstream: pkg/registry/core/namespace/strategy.go, 1.28. The subresource ``finalize`` is validated by ``validate_finalize``.
"""

from __future__ import annotations

from kubelab.kinds.columns import AGE, NAME
from kubelab.kinds.field import FieldError, invalid
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.names import is_kube_finalizer, is_qualified_name, name_is_dns_label, validate_kube_finalizers

NAME_LABEL = "kubernetes.io/metadata.name"
_NOT_QUALIFIED = "name is neither a standard finalizer name nor is it fully qualified"


def default(obj: Object, ctx: Context) -> None:
    """The label with the name, and the phase. A name that is still to be generated gets its label in ``prepare_create``."""
    _label(obj)
    status = obj.get("status") or {}
    if not status.get("phase"):
        obj["status"] = {**status, "phase": "Active"}


def _label(obj: Object) -> None:
    meta = obj["metadata"]
    name = meta.get("name")
    labels = meta.get("labels") or {}
    if name and labels.get(NAME_LABEL) != name:
        obj["metadata"] = {**meta, "labels": {**labels, NAME_LABEL: name}}


def prepare_create(obj: Object, ctx: Context) -> None:
    _label(obj)
    spec = obj.get("spec") or {}
    finalizers = spec.get("finalizers") or []
    if "kubernetes" not in finalizers:
        spec = {**spec, "finalizers": [*finalizers, "kubernetes"]}
    obj["spec"] = spec
    obj["status"] = {"phase": "Active"}


def prepare_update(obj: Object, old: Object, ctx: Context) -> None:
    _label(obj)
    spec, finalizers = dict(obj.get("spec") or {}), (old.get("spec") or {}).get("finalizers")
    spec.pop("finalizers", None)
    if finalizers:
        spec["finalizers"] = finalizers
    obj["spec"] = spec
    obj["status"] = old.get("status") or {}


def prepare_status(obj: Object, old: Object, ctx: Context) -> None:
    obj["spec"] = old.get("spec") or {}


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    errors = validate_kube_finalizers(obj["metadata"])
    for finalizer in (obj.get("spec") or {}).get("finalizers") or ():
        errors += _validate_finalizer(finalizer, "spec.finalizers")
    return errors


def _validate_finalizer(finalizer: str, path: str) -> list[FieldError]:
    errors = [invalid(path, finalizer, each) for each in is_qualified_name(finalizer)]
    return errors if is_kube_finalizer(finalizer) else [*errors, invalid(path, finalizer, _NOT_QUALIFIED)]


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    return validate(obj, ctx)


def validate_status(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    errors = validate_kube_finalizers(obj["metadata"])
    phase = (obj.get("status") or {}).get("phase") or ""
    deleting = bool(obj["metadata"].get("deletionTimestamp"))
    if deleting and phase != "Terminating":
        errors.append(invalid("status.Phase", phase, "may only be 'Terminating' if `deletionTimestamp` is not empty"))
    if not deleting and phase != "Active":
        errors.append(invalid("status.Phase", phase, "may only be 'Active' if `deletionTimestamp` is empty"))
    return errors


def validate_finalize(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    errors = validate_kube_finalizers(obj["metadata"])
    for index, finalizer in enumerate((obj.get("spec") or {}).get("finalizers") or ()):
        errors += _validate_finalizer(finalizer, f"spec.finalizers[{index}]")
    return errors


def _phase(obj: Object, now_ns: int) -> str:
    return (obj.get("status") or {}).get("phase") or ""


def selectable(obj: Object) -> dict[str, str]:
    return {"status.phase": _phase(obj, 0)}


KIND = Kind(
    kind="Namespace",
    plural="namespaces",
    singular="namespace",
    short_names=("ns",),
    namespaced=False,
    subresources=("finalize", "status"),
    verbs=("create", "delete", "get", "list", "patch", "update", "watch"),
    definition="core.v1.Namespace",
    default=default,
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    prepare_status=prepare_status,
    validate=validate,
    validate_update=validate_update,
    validate_status=validate_status,
    validate_name=name_is_dns_label,
    selectable=selectable,
    selectable_names=("status.phase",),
    columns=(NAME, Column("Status", _phase, description="The status of the namespace"), AGE),
    delete_returns_object=True,
)
