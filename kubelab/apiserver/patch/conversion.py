"""What a strategic merge patch left, made to fit its kind: upstream goes from a map straight to the typed object, and says so in its errors.

upstream: apimachinery/pkg/runtime/converter.go (FromUnstructuredWithValidation), apiserver/pkg/endpoints/handlers/patch.go
applyPatchToObject, 1.28. Spec: apimachinery, section 5.
"""

from __future__ import annotations

from typing import Any

from kubelab.kinds import decode
from kubelab.kinds.schema import Field, Struct, struct

_OWN_DECODERS = ("quantity", "int-or-string", "time", "micro-time", "any")
_SAID_WHOLE = ("string", "boolean", "integer", "number")


class ConversionError(Exception):
    """A value that its field cannot take, in the converter's words."""


def convert(obj: dict[str, Any], shape: Struct) -> list[str]:
    """Bring a private object into its shape, in place; the unknown fields, sorted, as strict decoding names them. Raises ConversionError."""
    _members(obj, shape)
    found = decode.check(obj, shape)
    if found.errors:
        raise ConversionError(found.errors[0])
    return sorted(found.strict)


def _members(obj: dict[str, Any], shape: Struct) -> None:
    for name, field in shape.fields.items():
        if obj.get(name) is not None:
            obj[name] = _value(obj[name], field)


def _value(value: Any, field: Field) -> Any:
    kind = field.type
    if kind in _OWN_DECODERS or value is None:
        return value
    if kind in _SAID_WHOLE:
        return _scalar(value, field)
    if kind == "struct":
        if not isinstance(value, dict):
            raise ConversionError(f"cannot restore struct from: {_go_kind(value)}")
        _members(value, struct(field.ref))
    elif kind == "map":
        if not isinstance(value, dict):
            raise ConversionError(f"cannot restore map from {_go_kind(value)}")
        if field.items is not None:
            return {key: _value(item, field.items) for key, item in value.items()}
    elif kind == "list":
        if not isinstance(value, list):
            raise ConversionError(f"cannot restore slice from {_go_kind(value)}")
        if field.items is not None:
            return [_value(item, field.items) for item in value]
    elif kind == "bytes" and not isinstance(value, str):
        if not isinstance(value, list):
            raise ConversionError(f"cannot restore slice from {_go_kind(value)}")
    return value


def _scalar(value: Any, field: Field) -> Any:
    """Texts, booleans and numbers convert within their own group only; a whole float is an integer."""
    match field.type, value:
        case ("boolean", bool()) | ("string", str()):
            return value
        case "integer", int() if not isinstance(value, bool):
            return value
        case "integer", float() if value == int(value):
            return int(value)
        case "number", (int() | float()) if not isinstance(value, bool):
            return value
    convertible = (field.type == "integer" and isinstance(value, float)) or (field.type == "string" and type(value) is int)
    if convertible:
        raise ConversionError(f"cannot convert {_go_kind(value)} to {field.go}")
    basic = {"string": "string", "boolean": "bool", "number": "float64"}.get(field.type, field.go)
    raise ConversionError(f"unrecognized type: {basic}")


def _go_kind(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case int():
            return "int64"
        case float():
            return "float64"
        case str():
            return "string"
        case list():
            return "slice"
    return "map"
