"""Lease: who holds something, and since when.

upstream: pkg/apis/coordination/validation/validation.go, pkg/registry/coordination/lease/strategy.go, 1.28.
"""

from __future__ import annotations

from kubelab.kinds.columns import AGE, NAME, at
from kubelab.kinds.field import FieldError, invalid
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.names import NEGATIVE, name_is_dns_subdomain


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    spec = obj.get("spec") or {}
    errors: list[FieldError] = []
    seconds, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    if seconds is not None and seconds <= 0:
        errors.append(invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0"))
    if transitions is not None and transitions < 0:
        errors.append(invalid("spec.leaseTransitions", transitions, NEGATIVE))
    return errors


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    return validate(obj, ctx)


KIND = Kind(
    kind="Lease",
    plural="leases",
    group="coordination.k8s.io",
    validate=validate,
    validate_update=validate_update,
    validate_name=name_is_dns_subdomain,
    create_on_update=True,
    update_needs_resource_version=True,
    columns=(NAME, Column("Holder", at("spec", "holderIdentity", default="")), AGE),
)
