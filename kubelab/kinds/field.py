"""Field errors: what is wrong, where, with which value, and the words that upstream uses for it.

upstream: staging/src/k8s.io/apimachinery/pkg/util/validation/field/errors.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

REASON_BODY = {
    "FieldValueNotFound": "Not found",
    "FieldValueRequired": "Required value",
    "FieldValueDuplicate": "Duplicate value",
    "FieldValueInvalid": "Invalid value",
    "FieldValueTypeInvalid": "Invalid value",
    "FieldValueNotSupported": "Unsupported value",
    "FieldValueForbidden": "Forbidden",
    "FieldValueTooLong": "Too long",
    "FieldValueTooMany": "Too many",
    "InternalError": "Internal error",
}
_WITHOUT_VALUE = {"FieldValueRequired", "FieldValueForbidden", "FieldValueTooLong", "InternalError"}


@dataclass(frozen=True, slots=True)
class Go:
    """A value that prints as Go's ``%#v`` of upstream's internal type, given as text."""

    text: str


@dataclass(frozen=True, slots=True)
class FieldError:
    """One finding of validation. ``reason`` is the cause reason of the Status (``FieldValueInvalid`` …)."""

    reason: str
    field: str
    value: Any = None
    detail: str = ""

    def body(self) -> str:
        """The message without its field, as it stands in ``causes[].message``."""
        head = REASON_BODY[self.reason]
        if self.reason not in _WITHOUT_VALUE:
            head = f"{head}: {go_value(self.value)}"
        return f"{head}: {self.detail}" if self.detail else head

    def text(self) -> str:
        return f"{self.field}: {self.body()}"


def go_value(value: Any) -> str:
    """A JSON value as Go prints it in a field error.

    >>> go_value("a"), go_value(None), go_value(True), go_value(["a", "b"])
    ('"a"', '"null"', 'true', '[]string{"a", "b"}')
    """
    if isinstance(value, Go):
        return value.text
    if value is None:
        return '"null"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return go_quote(value)
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "[]string{" + ", ".join(go_quote(str(item)) for item in value) + "}"
    return go_string_map(value)


def go_quote(text: str) -> str:
    """Go's ``%q``.

    >>> print(go_quote('a"b'))
    "a\\"b"
    """
    out = []
    for char in text:
        if char in '"\\':
            out.append("\\" + char)
        elif char in "\n\t\r":
            out.append({"\n": "\\n", "\t": "\\t", "\r": "\\r"}[char])
        elif not char.isprintable():
            code = ord(char)
            out.append(f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
        else:
            out.append(char)
    return '"' + "".join(out) + '"'


def go_string_map(value: dict[str, Any] | None) -> str:
    if value is None:
        return "map[string]string(nil)"
    return "map[string]string{" + ", ".join(f"{go_quote(k)}:{go_quote(str(v))}" for k, v in sorted(value.items())) + "}"


def required(field: str, detail: str = "") -> FieldError:
    return FieldError("FieldValueRequired", field, None, detail)


def invalid(field: str, value: Any, detail: str) -> FieldError:
    return FieldError("FieldValueInvalid", field, value, detail)


def not_supported(field: str, value: Any, supported: Iterable[str]) -> FieldError:
    """``supported`` in the order in which upstream prints it (sets sorted, literal lists not)."""
    names = ", ".join(go_quote(name) for name in supported)
    return FieldError("FieldValueNotSupported", field, value, f"supported values: {names}" if names else "")


def duplicate(field: str, value: Any) -> FieldError:
    return FieldError("FieldValueDuplicate", field, value)


def not_found(field: str, value: Any) -> FieldError:
    return FieldError("FieldValueNotFound", field, value)


def forbidden(field: str, detail: str) -> FieldError:
    return FieldError("FieldValueForbidden", field, None, detail)


def too_long(field: str, max_length: int) -> FieldError:
    return FieldError("FieldValueTooLong", field, None, f"must have at most {max_length} bytes")


def too_many(field: str, count: int, max_count: int) -> FieldError:
    return FieldError("FieldValueTooMany", field, count, f"must have at most {max_count} items")
