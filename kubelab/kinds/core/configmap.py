"""ConfigMap.

upstream: pkg/registry/core/configmap/strategy.go, pkg/apis/core/validation/validation.go (ValidateConfigMap), 1.28.
"""

from __future__ import annotations

from kubelab.kinds.columns import AGE, NAME
from kubelab.kinds.field import FieldError, forbidden, invalid, too_long
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.names import byte_length, is_config_map_key, name_is_dns_subdomain, validate_kube_finalizers

MAX_DATA_BYTES = 1024 * 1024
IMMUTABLE_DATA = "field is immutable when `immutable` is set"


def decoded_length(text: str) -> int:
    """How many bytes a canonical base64 text stands for."""
    return len(text) // 4 * 3 - text.count("=")


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    errors = validate_kube_finalizers(obj["metadata"])
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    for key in data:
        errors += (invalid(f"data[{key}]", key, each) for each in is_config_map_key(key))
        if key in binary:
            errors.append(invalid(f"data[{key}]", key, "duplicate of key present in binaryData"))
    for key in binary:
        errors += (invalid(f"binaryData[{key}]", key, each) for each in is_config_map_key(key))
    if sum(map(byte_length, data.values())) + sum(map(decoded_length, binary.values())) > MAX_DATA_BYTES:
        errors.append(too_long("[]", MAX_DATA_BYTES))
    return errors


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    errors: list[FieldError] = []
    if old.get("immutable"):
        if not obj.get("immutable"):
            errors.append(forbidden("immutable", IMMUTABLE_DATA))
        for field in ("data", "binaryData"):
            if (obj.get(field) or {}) != (old.get(field) or {}):
                errors.append(forbidden(field, IMMUTABLE_DATA))
    return errors + validate(obj, ctx)


def _count(obj: Object, now_ns: int) -> int:
    return len(obj.get("data") or ()) + len(obj.get("binaryData") or ())


KIND = Kind(
    kind="ConfigMap",
    plural="configmaps",
    singular="configmap",
    short_names=("cm",),
    definition="core.v1.ConfigMap",
    validate=validate,
    validate_update=validate_update,
    validate_name=name_is_dns_subdomain,
    columns=(NAME, Column("Data", _count), AGE),
)
