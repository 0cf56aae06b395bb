"""How a patch can be refused, and Go's way to print the values that stand in those messages.

upstream: staging/src/k8s.io/apimachinery/pkg/util/mergepatch/errors.go and interpretStrategicMergePatchError in
staging/src/k8s.io/apiserver/pkg/endpoints/handlers/patch.go, 1.28. Spec: apimachinery, section 5.
"""

from __future__ import annotations

from typing import Any, Literal

Object = dict[str, Any]

Kind = Literal["decode", "apply", "too_many", "internal"]

NO_LIST_OF_LISTS = "lists of lists are not supported"
BAD_PRIMITIVE_LIST = "invalid patch format of primitive list"
BAD_RETAIN_KEYS = "invalid patch format of retainKeys"
BAD_SET_ELEMENT_ORDER = "invalid patch format of setElementOrder list"
UNSUPPORTED_FORMAT = "strategic merge patch format is not supported"


class PatchError(Exception):
    """A patch that cannot be read or does not fit its document.

    ``kind`` says which answer a server gives. ``decode``: 400 with the message. ``apply``: 422 ``the server rejected our request due to an
    error in our request``; the message stays in the server. ``too_many``: 413, ``Request entity too large: `` before the message.
    ``internal``: 500 with the message and no reason.
    """

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind: Kind = kind
        self.message = message


class PatchConflict(Exception):
    """A three-way patch without ``overwrite`` that would change what somebody else changed since."""


def go_type(value: Any) -> str:
    """Go's name for the type of a decoded JSON value, as ``reflect.TypeOf`` prints it with ``%s``."""
    match value:
        case None:
            return "%!s(<nil>)"
        case bool():
            return "bool"
        case int():
            return "int64"
        case float():
            return "float64"
        case str():
            return "string"
        case list():
            return "[]interface {}"
        case _:
            return "map[string]interface {}"


def go_value(value: Any) -> str:
    """A decoded JSON value as Go prints it with ``%v``: ``map[a:1 b:[x y]]``, keys sorted."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case float():
            return _go_float(value)
        case list():
            return "[" + " ".join(go_value(item) for item in value) + "]"
        case dict():
            return "map[" + " ".join(f"{key}:{go_value(value[key])}" for key in sorted(value)) + "]"
        case _:
            return str(value)


def _go_float(value: float) -> str:
    """``%v`` of a float64: shortest digits, exponent form from 1e21 on and below 1e-4."""
    if value == int(value) and abs(value) < 1e21:
        return str(int(value))
    text = repr(value)
    if "e" not in text:
        return text
    mantissa, exponent = text.split("e")
    return f"{mantissa}e{exponent[0] if exponent[0] in '+-' else '+'}{exponent.lstrip('+-').zfill(2)}"


def bad_argument(expected: Any, actual: Any) -> PatchError:
    return PatchError("internal", f"expected a {go_type(expected)}, but received a {go_type(actual)}")


def no_merge_key(item: Object, key: str) -> PatchError:
    return PatchError("internal", f"map: {go_value(item)} does not contain declared merge key: {key}")


def bad_patch_type(directive: Any, item: Object) -> PatchError:
    shown = directive if isinstance(directive, str) else f"%!s({go_type(directive)}={go_value(directive)})"
    return PatchError("internal", f"unknown patch type: {shown} in map: {go_value(item)}")
