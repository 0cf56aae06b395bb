"""Secret.

upstream: pkg/registry/core/secret/strategy.go, pkg/apis/core/validation/validation.go (ValidateSecret), 1.28.
"""

from __future__ import annotations

import base64
import binascii
import json

from kubelab.kinds.columns import AGE, NAME
from kubelab.kinds.core.configmap import IMMUTABLE_DATA, MAX_DATA_BYTES, decoded_length
from kubelab.kinds.field import FieldError, forbidden, invalid, required, too_long
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.names import IMMUTABLE, is_config_map_key, name_is_dns_subdomain, validate_kube_finalizers

_ACCOUNT_NAME = "kubernetes.io/service-account.name"
_DOCKER_KEYS = {"kubernetes.io/dockercfg": ".dockercfg", "kubernetes.io/dockerconfigjson": ".dockerconfigjson"}


def default(obj: Object, ctx: Context) -> None:
    """The type, and ``stringData`` merged into ``data``, which never comes back (upstream: conversion of Secret)."""
    if not obj.get("type"):
        obj["type"] = "Opaque"
    texts = obj.pop("stringData", None)
    if texts:
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
        obj["data"] = {**(obj.get("data") or {}), **encoded}


def prepare_update(obj: Object, old: Object, ctx: Context) -> None:
    if not obj.get("type"):
        obj["type"] = old.get("type") or ""


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    errors = validate_kube_finalizers(obj["metadata"])
    data = obj.get("data") or {}
    for key in data:
        errors += (invalid(f"data[{key}]", key, each) for each in is_config_map_key(key))
    if sum(map(decoded_length, data.values())) > MAX_DATA_BYTES:
        errors.append(too_long("data", MAX_DATA_BYTES))
    return errors + _validate_type(obj, data)


def _validate_type(obj: Object, data: dict[str, str]) -> list[FieldError]:
    kind = obj.get("type") or ""
    match kind:
        case "kubernetes.io/service-account-token":
            if not (obj["metadata"].get("annotations") or {}).get(_ACCOUNT_NAME):
                return [required(f"metadata.annotations[{_ACCOUNT_NAME}]")]
        case "kubernetes.io/dockercfg" | "kubernetes.io/dockerconfigjson":
            return _validate_docker(data, _DOCKER_KEYS[kind])
        case "kubernetes.io/basic-auth":
            if "username" not in data and "password" not in data:
                return [required("data[username]"), required("data[password]")]
        case "kubernetes.io/ssh-auth":
            if not data.get("ssh-privatekey"):
                return [required("data[ssh-privatekey]")]
        case "kubernetes.io/tls":
            return [required(f"data[{key}]") for key in ("tls.crt", "tls.key") if key not in data]
    return []


def _validate_docker(data: dict[str, str], key: str) -> list[FieldError]:
    if key not in data:
        return [required(f"data[{key}]")]
    try:
        text = base64.b64decode(data[key]).decode()
        found = json.loads(text)
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return [invalid(f"data[{key}]", "<secret contents redacted>", _json_complaint(data[key]))]
    if isinstance(found, dict) or found is None:
        return []
    kind = {bool: "bool", str: "string", list: "array"}.get(type(found), "number")
    detail = f"json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"
    return [invalid(f"data[{key}]", "<secret contents redacted>", detail)]


def _json_complaint(encoded: str) -> str:
    """Go's words for a text that is no JSON at all."""
    text = base64.b64decode(encoded).decode(errors="replace").lstrip(" \t\r\n")
    if not text or text[0] in '{["':
        return "unexpected end of JSON input"
    return f"invalid character '{text[0]}' looking for beginning of value"


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    errors: list[FieldError] = []
    if (obj.get("type") or "") != (old.get("type") or ""):
        errors.append(invalid("type", obj.get("type") or "", IMMUTABLE))
    if old.get("immutable"):
        if not obj.get("immutable"):
            errors.append(forbidden("immutable", IMMUTABLE_DATA))
        if (obj.get("data") or {}) != (old.get("data") or {}):
            errors.append(forbidden("data", IMMUTABLE_DATA))
    return errors + validate(obj, ctx)


def _type(obj: Object, now_ns: int) -> str:
    return obj.get("type") or ""


def _count(obj: Object, now_ns: int) -> int:
    return len(obj.get("data") or ())


def selectable(obj: Object) -> dict[str, str]:
    return {"type": obj.get("type") or ""}


KIND = Kind(
    kind="Secret",
    plural="secrets",
    singular="secret",
    definition="core.v1.Secret",
    default=default,
    prepare_update=prepare_update,
    validate=validate,
    validate_update=validate_update,
    validate_name=name_is_dns_subdomain,
    selectable=selectable,
    selectable_names=("type",),
    columns=(NAME, Column("Type", _type), Column("Data", _count), AGE),
)
