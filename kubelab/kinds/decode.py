"""Decoding a JSON body into the shape of its kind, as Go would: type errors in Go's words, unknown fields, nulls, zero values, quantities, times.

upstream: sigs.k8s.io/json UnmarshalCaseSensitivePreserveInts (field names match by case; the first type error counts, an error of a
type's own decoder ends decoding at once), apimachinery/pkg/runtime/serializer/json/json.go, 1.28.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kubelab.kinds.field import go_quote
from kubelab.kinds.kind import Object
from kubelab.kinds.quantity import QuantityError, parse_json
from kubelab.kinds.schema import Field, Struct, struct

_INT_RANGE = {"int32": 2**31, "int64": 2**63}
MAX_STRICT = 100  # sigs.k8s.io/json reports no more
_SCALARS = {"string", "integer", "boolean", "number", "quantity", "int-or-string", "time", "micro-time", "bytes"}
_CLOCK = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:\d\d)").fullmatch
_UNSET = {"time": None, "micro-time": None, "quantity": "0"}
_LAYOUT = {"time": "2006-01-02T15:04:05Z07:00", "micro-time": "2006-01-02T15:04:05.000000Z07:00"}

Place = tuple[Any, ...]
"""A linked path: (), or (parent, name) with a field name, a list index, or a map key that begins with a dot."""


class Doubled(dict[str, Any]):
    """An object of a text in which a key stood twice; ``order`` has every key as often as it stood there."""

    __slots__ = ("order",)

    def __init__(self, members: dict[str, Any], order: list[str]) -> None:
        super().__init__(members)
        self.order = order


@dataclass(frozen=True, slots=True)
class Decoded:
    """``errors``: what makes the body undecodable, at most one text, as Go reports. ``unknown``: paths of dropped fields, in order.

    ``strict``: what strict decoding says, in order: ``unknown field "spec.foo"``, ``duplicate field "spec.paused"``.
    """

    errors: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    strict: tuple[str, ...] = ()


class _Undecodable(Exception):
    """An error of a type's own decoder, which ends the decoding."""


@dataclass(slots=True)
class _Run:
    """What one decoding has found so far."""

    unknown: list[str]
    strict: list[str]
    error: str = ""


def check(obj: Object, shape: Struct) -> Decoded:
    """Bring a private object into the shape of its struct, in place.

    Unknown fields are dropped and reported (``spec.containers[0].foo``); nulls and zero values vanish as Go's encoder lets them; structs
    that Go always writes appear as ``{}``; quantities, times and bytes get their canonical text.
    """
    run = _Run([], [])
    try:
        _struct(obj, shape, (), run)
    except _Undecodable as error:
        return Decoded((str(error),), tuple(run.unknown))
    if not run.strict and not run.error:
        return _CLEAN
    return Decoded((run.error,) if run.error else (), tuple(run.unknown), tuple(dict.fromkeys(run.strict))[:MAX_STRICT])


_CLEAN = Decoded()


def complete(obj: Object, shape: Struct) -> Object:
    """Add what Go writes even if nobody set it, in place, through all levels.

    ``resources: {}``, ``creationTimestamp: null``, and, which ``check`` leaves out, ``replicas: 0`` of a status, ``endpoints: null`` of a slice.
    """
    _fill(obj, shape)
    for name, zero in shape.zeros:
        obj.setdefault(name, zero)
    for name, value in obj.items():
        field = shape.fields.get(name)
        if field is not None and value is not None:
            _complete_value(value, field)
    return obj


def _complete_value(value: Any, field: Field) -> None:
    if field.type == "struct":
        complete(value, struct(field.ref))
    elif field.items is not None and field.items.type not in _SCALARS:
        for item in value if field.type == "list" else value.values():
            if item is not None:
                _complete_value(item, field.items)


def _fill(obj: Object, shape: Struct) -> None:
    for name, made_of in shape.always:
        if name not in obj:
            obj[name] = _UNSET[made_of] if made_of in _UNSET else _fill_new(made_of)


def _fill_new(ref: str) -> Object:
    made: Object = {}
    _fill(made, struct(ref))
    return made


def _struct(obj: Object, shape: Struct, place: Place, run: _Run) -> None:
    if type(obj) is Doubled:
        _doubled_members(obj, shape, place, run)
    else:
        _members(obj, shape, place, run)
    _fill(obj, shape)


def _doubled_members(obj: Doubled, shape: Struct, place: Place, run: _Run) -> None:
    """Member by member, so that what is said twice is reported where it stands."""
    seen: dict[str, bool] = {}
    for name in obj.order:
        if name not in seen:
            seen[name] = True
            part = {name: obj.pop(name)}
            _members(part, shape, place, run)
            obj.update(part)
        elif name in shape.fields:
            run.strict.append(f'duplicate field "{_path((place, name))}"')


def _members(obj: Object, shape: Struct, place: Place, run: _Run) -> None:
    fields = shape.fields
    for name in list(obj):
        field = fields.get(name)
        if field is None:
            path = _path((place, name))
            run.unknown.append(path)
            run.strict.append(f'unknown field "{path}"')
            del obj[name]
            continue
        value = obj[name]
        kind = field.type
        if kind == "string" and type(value) is str:
            if not value and field.omit_empty and not field.pointer:
                del obj[name]
            continue
        if value is None:
            if kind not in ("time", "micro-time") or field.pointer:
                del obj[name]
            continue
        value = _value(value, field, (place, name), shape, run)
        if value is None or (not field.pointer and field.omit_empty and kind not in ("struct", "any") and _is_zero(value)):
            del obj[name]
        else:
            obj[name] = value


def _is_zero(value: Any) -> bool:
    return not value and value is not None


def _value(value: Any, field: Field, place: Place, owner: Struct, run: _Run) -> Any:
    """The decoded value, None if it is to be dropped."""
    match field.type:
        case "struct":
            if not isinstance(value, dict):
                return _mismatch(value, field.go, place, owner, run)
            _struct(value, struct(field.ref), place, run)
            return value
        case "list":
            if not isinstance(value, list):
                return _mismatch(value, field.go, place, owner, run)
            return _list(value, field, place, owner, run)
        case "map":
            if not isinstance(value, dict):
                return _mismatch(value, field.go, place, owner, run)
            return _map(value, field, place, owner, run)
        case "any":
            return value
    return _scalar(value, field, place, owner, run)


def _list(items: list[Any], field: Field, place: Place, owner: Struct, run: _Run) -> list[Any]:
    inner = field.items
    if inner is None:
        return items
    if inner.type == "string":
        for item in items:
            if type(item) is not str:
                break
        else:
            return items
    out = []
    for index, item in enumerate(items):
        made = _zero(inner) if item is None else _value(item, inner, (place, index), owner, run)
        out.append(_zero(inner) if made is None else made)
    return out


def _map(values: dict[str, Any], field: Field, place: Place, owner: Struct, run: _Run) -> dict[str, Any]:
    inner = field.items
    if inner is None:
        return values
    if type(values) is Doubled:
        _doubled_keys(values, place, run)
    for key, value in values.items():
        if inner.type == "string" and type(value) is str:
            continue
        made = _zero(inner) if value is None else _value(value, inner, (place, f".{key}"), owner, run)
        values[key] = _zero(inner) if made is None else made
    return values


def _doubled_keys(values: Doubled, place: Place, run: _Run) -> None:
    seen: dict[str, bool] = {}
    for key in values.order:
        if key in seen:
            run.strict.append(f'duplicate field "{_path((place, f".{key}"))}"')
        seen[key] = True


def _zero(field: Field) -> Any:
    match field.type:
        case "struct":
            return _fill_new(field.ref)
        case "string" | "bytes":
            return ""
        case "integer" | "number" | "int-or-string":
            return 0
        case "boolean":
            return False
        case "quantity":
            return "0"
    return None


def _scalar(value: Any, field: Field, place: Place, owner: Struct, run: _Run) -> Any:
    kind = field.type
    match kind:
        case "string" if isinstance(value, str):
            return value
        case "boolean" if isinstance(value, bool):
            return value
        case "integer":
            if isinstance(value, int) and not isinstance(value, bool):
                bound = _INT_RANGE.get(field.go, 2**63)
                if -bound <= value < bound:
                    return value
            return _mismatch(value, field.go, place, owner, run, exact=True)
        case "number" if isinstance(value, (int, float)) and not isinstance(value, bool):
            return value
        case "quantity":
            try:
                return parse_json(value).text
            except QuantityError as error:
                raise _Undecodable(str(error)) from None
        case "int-or-string":
            if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool) and -(2**31) <= value < 2**31):
                return value
            raise _Undecodable(_mismatch_text(value, "int32", place, owner, exact=True))
        case "time" | "micro-time":
            if not isinstance(value, str):
                raise _Undecodable(_mismatch_text(value, "string", place, owner))
            return _time(value, kind)
        case "bytes" if isinstance(value, str):
            return _bytes(value, run)
    return _mismatch(value, field.go, place, owner, run)


def _mismatch(value: Any, go: str, place: Place, owner: Struct, run: _Run, *, exact: bool = False) -> None:
    run.error = run.error or _mismatch_text(value, go, place, owner, exact=exact)


def _mismatch_text(value: Any, go: str, place: Place, owner: Struct, *, exact: bool = False) -> str:
    """``exact``: the target is a whole number, so a number that does not fit is quoted."""
    stack = []
    while place:
        place, name = place
        if isinstance(name, str) and not name.startswith("."):
            stack.append(name)
    field = ".".join(reversed(stack))
    return f"json: cannot unmarshal {_json_type(value, exact)} into Go struct field {owner.go_name}.{field} of type {go}"


def _json_type(value: Any, exact: bool) -> str:
    match value:
        case bool():
            return "bool"
        case int() | float():
            return f"number {value}" if exact else "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"


def _path(place: Place) -> str:
    parts: list[str] = []
    while place:
        place, name = place
        parts.append(f"[{name}]" if isinstance(name, int) else name if name.startswith(".") else f".{name}")
    return "".join(reversed(parts)).removeprefix(".")


def _bytes(text: str, run: _Run) -> str:
    stripped = text.replace("\n", "").replace("\r", "")
    try:
        return base64.b64encode(base64.b64decode(stripped, validate=True)).decode()
    except (binascii.Error, ValueError):
        run.error = run.error or f"illegal base64 data at input byte {_corrupt_at(text)}"
        return ""


def _corrupt_at(text: str) -> int:
    """Where Go's decoder gives up."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    seen = 0
    for index, char in enumerate(text):
        if char in "\r\n":
            continue
        if char == "=":
            rest = [(at, other) for at, other in enumerate(text[index + 1 :], index + 1) if other not in "\r\n"]
            if seen % 4 in (0, 1):
                return index
            if seen % 4 == 2:
                if not rest:
                    return len(text)
                if rest[0][1] != "=":
                    return rest[0][0]
                rest = rest[1:]
            return rest[0][0] if rest else index
        if char not in alphabet:
            return index
        seen += 1
    return len(text) - seen % 4


def _time(text: str, kind: str) -> str:
    """A time in UTC, whole seconds or six decimals."""
    found = _CLOCK(text)
    if found is None or (kind == "micro-time" and len(found[7] or "") != 6):
        layout = _LAYOUT[kind]
        at, wanted = _first_difference(text)
        raise _Undecodable(f"parsing time {go_quote(text)} as {go_quote(layout)}: cannot parse {go_quote(at)} as {go_quote(wanted)}")
    zone = "+00:00" if found[8] == "Z" else found[8]
    micros = (found[7] or "0")[:6].ljust(6, "0")
    try:
        moment = datetime.fromisoformat(f"{found[1]}-{found[2]}-{found[3]}T{found[4]}:{found[5]}:{found[6]}.{micros}{zone}").astimezone(UTC)
    except ValueError as error:
        part = next((word for word in ("month", "day", "hour", "minute", "second") if word in str(error)), "day")
        raise _Undecodable(f"parsing time {go_quote(text)}: {part} out of range") from None
    stamp = f"{moment.year:04}-{moment.month:02}-{moment.day:02}T{moment.hour:02}:{moment.minute:02}:{moment.second:02}"
    return f"{stamp}.{moment.microsecond:06}Z" if kind == "micro-time" else f"{stamp}Z"


_ELEMENTS = (
    (r"\d{4}", "2006"),
    ("-", "-"),
    (r"\d\d", "01"),
    ("-", "-"),
    (r"\d\d", "02"),
    ("T", "T"),
    (r"\d\d", "15"),
    (":", ":"),
    (r"\d\d", "04"),
    (":", ":"),
    (r"\d\d(?:\.\d+)?", "05"),
    (r"Z|[+-]\d\d:\d\d", "Z07:00"),
)


def _first_difference(text: str) -> tuple[str, str]:
    """What is left of the text where it stops fitting, and the layout element that was due."""
    for pattern, element in _ELEMENTS:
        found = re.match(pattern, text)
        if found is None:
            return text, element
        text = text[found.end() :]
    return text, ""
