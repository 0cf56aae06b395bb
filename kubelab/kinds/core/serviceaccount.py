"""ServiceAccount.

upstream: pkg/registry/core/serviceaccount/strategy.go, 1.28.
"""

from __future__ import annotations

from kubelab.kinds.columns import AGE, NAME
from kubelab.kinds.field import FieldError
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.names import name_is_dns_subdomain, validate_kube_finalizers


def prepare_create(obj: Object, ctx: Context) -> None:
    """Of secret references only the names count."""
    if obj.get("secrets"):
        obj["secrets"] = [{"name": secret["name"]} if secret.get("name") else {} for secret in obj["secrets"]]


def prepare_update(obj: Object, old: Object, ctx: Context) -> None:
    prepare_create(obj, ctx)


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    return validate_kube_finalizers(obj["metadata"])


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    return validate(obj, ctx)


def _secrets(obj: Object, now_ns: int) -> int:
    return len(obj.get("secrets") or ())


KIND = Kind(
    kind="ServiceAccount",
    plural="serviceaccounts",
    singular="serviceaccount",
    short_names=("sa",),
    subresources=("token",),
    definition="core.v1.ServiceAccount",
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    validate=validate,
    validate_update=validate_update,
    validate_name=name_is_dns_subdomain,
    columns=(NAME, Column("Secrets", _secrets), AGE),
    delete_returns_object=True,
)
