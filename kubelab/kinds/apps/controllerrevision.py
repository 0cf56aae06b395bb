"""ControllerRevision: a state that a StatefulSet or DaemonSet once had.

upstream: pkg/apis/apps/validation/validation.go, pkg/registry/apps/controllerrevision/strategy.go, 1.28.
"""

from __future__ import annotations

import json
from typing import Any

from kubelab.kinds.columns import AGE, NAME, at
from kubelab.kinds.equality import same
from kubelab.kinds.field import FieldError, Go, invalid, required
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.names import IMMUTABLE, name_is_dns_subdomain, validate_nonnegative


def default(obj: Object, ctx: Context) -> None:
    obj.setdefault("revision", 0)


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    errors = [] if obj.get("data") is not None else [required("data", "data is mandatory")]
    return errors + validate_nonnegative(obj.get("revision", 0), "revision")


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    errors = validate(obj, ctx)
    if not same(obj.get("data"), old.get("data")):
        errors.append(invalid("data", _go_unknown(obj.get("data")), IMMUTABLE))
    return errors


def _go_unknown(data: Any) -> Go:
    """The data as upstream holds it: bytes that it does not read."""
    raw = b"null" if data is None else json.dumps(data, separators=(",", ":")).encode()
    listed = ", ".join(f"{byte:#x}" for byte in raw)
    return Go(
        f'runtime.Unknown{{TypeMeta:runtime.TypeMeta{{APIVersion:"", Kind:""}}, Raw:[]uint8{{{listed}}}, '
        'ContentEncoding:"", ContentType:"application/json"}'
    )


def _controller(obj: Object, now_ns: int) -> str:
    for reference in obj["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            group, slash, _ = reference["apiVersion"].rpartition("/")
            kind = reference["kind"].lower()
            return f"{kind}.{group}/{reference['name']}" if slash else f"{kind}/{reference['name']}"
    return "<none>"


KIND = Kind(
    kind="ControllerRevision",
    plural="controllerrevisions",
    group="apps",
    default=default,
    validate=validate,
    validate_update=validate_update,
    validate_name=name_is_dns_subdomain,
    columns=(
        NAME,
        Column("Controller", _controller, description="Controller of the object"),
        Column("Revision", at("revision", default=0)),
        AGE,
    ),
)
