"""Messages of the CRI as plain dicts: bytes of the wire out of them, and dicts out of bytes.

The wire knows numbers, not names. So the descriptors that are built here from the table call each field by its JSON name, and a dict in the JSON names
*is* a message's keyword arguments: protobuf's C code takes it as it is. The way back is a function for each message, written from the table: about five
times as fast as ``json_format``. A dict from the wire has every scalar, enum, list and map of its message (zero and empty ones too); a message that was
not sent is not there, since absent means unknown. 64-bit numbers are integers, enums are names (the number, where the name is not known), bytes are bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from kubelab.cri.grpc.table import Field, api

__all__ = ["DecodeError", "NotSuch", "decode", "decode_given", "encode", "message_class"]

Object = dict[str, Any]
Reader = Callable[[Any], Object]
_FIELD = descriptor_pb2.FieldDescriptorProto


class NotSuch(ValueError):
    """A dict that is no such message: an unknown key, a value of another type."""


def encode(message: str, content: Object) -> bytes:
    """The wire form of a dict. Raises NotSuch."""
    try:
        return bytes(message_class(message)(**content).SerializeToString())
    except (TypeError, ValueError, AttributeError) as error:
        raise NotSuch(f"{message}: {error}") from None


def decode(message: str, wire: bytes) -> Object:
    """The dict of a message. Raises DecodeError."""
    return _readers()[message](message_class(message).FromString(wire))


def decode_given(message: str, wire: bytes) -> Object:
    """The dict of a message with what was set in it alone: zero and empty values are left out."""
    return _givers()[message](message_class(message).FromString(wire))


# -- descriptors ------------------------------------------------------------------------------------------------------------------
@cache
def message_class(message: str) -> Any:
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{api().package}.{message}"))


@cache
def _pool() -> Any:
    table = api()
    file = descriptor_pb2.FileDescriptorProto(name="api.proto", package=table.package, syntax="proto3")
    made = {name: file.message_type.add(name=name) for name in table.messages}
    for name, values in table.enums.items():
        outer, _, own = name.rpartition(".")
        enum = (made[outer] if outer else file).enum_type.add(name=own)
        for value, number in values.items():
            enum.value.add(name=value, number=number)
    for name, fields in table.messages.items():
        for field in fields:
            _add(made[name], field)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def _add(message: Any, field: Field) -> None:
    package = api().package
    if field.map:
        entry = message.nested_type.add(name=f"{field.name[0].upper()}{field.name[1:]}Entry")
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, type=_FIELD.TYPE_STRING, label=_FIELD.LABEL_OPTIONAL)
        _typed(entry.field.add(name="value", number=2, label=_FIELD.LABEL_OPTIONAL), field.kind)
        type_name = f".{package}.{message.name}.{entry.name}"
        message.field.add(
            name=field.name,
            number=field.number,
            label=_FIELD.LABEL_REPEATED,
            type=_FIELD.TYPE_MESSAGE,
            type_name=type_name,
            json_name=field.name,
        )
        return
    label = _FIELD.LABEL_REPEATED if field.repeated else _FIELD.LABEL_OPTIONAL
    _typed(message.field.add(name=field.name, number=field.number, label=label, json_name=field.name), field.kind)


def _typed(field: Any, kind: str) -> None:
    if kind in api().messages or kind in api().enums:
        field.type = _FIELD.TYPE_MESSAGE if kind in api().messages else _FIELD.TYPE_ENUM
        field.type_name = f".{api().package}.{kind}"
    else:
        field.type = _FIELD.Type.Value(f"TYPE_{kind.upper()}")


# -- dicts out of messages --------------------------------------------------------------------------------------------------------
@cache
def _readers() -> dict[str, Reader]:
    return _functions(_reader)


@cache
def _givers() -> dict[str, Reader]:
    return _functions(_giver)


def _functions(write: Callable[[str], str]) -> dict[str, Reader]:
    """A function for each message, written out field by field: a loop over descriptors would take three times as long."""
    table = api()
    known: dict[str, Any] = {
        f"names_{_ident(name)}": {number: value for value, number in values.items()} for name, values in table.enums.items()
    }
    exec(compile("\n".join(map(write, table.messages)), "<messages of the CRI>", "exec"), known)
    return {name: known[f"read_{name}"] for name in table.messages}


def _reader(message: str) -> str:
    fields = api().messages[message]
    always = ", ".join(f"{field.name!r}: {_value(field, f'm.{field.name}')}" for field in fields if not _is_message(field))
    lines = [f"def read_{message}(m):", "    has = m.HasField", f"    found = {{{always}}}"]
    for field in filter(_is_message, fields):
        lines.append(f"    if has({field.name!r}): found[{field.name!r}] = {_value(field, f'm.{field.name}')}")
    return "\n".join([*lines, "    return found"])


def _giver(message: str) -> str:
    lines = [f"def read_{message}(m):", "    found = {}"]
    for field in api().messages[message]:
        test = f"m.HasField({field.name!r})" if _is_message(field) else f"m.{field.name}"
        lines.append(f"    if {test}: found[{field.name!r}] = {_value(field, f'm.{field.name}')}")
    return "\n".join([*lines, "    return found"])


def _is_message(field: Field) -> bool:
    return field.kind in api().messages and not (field.repeated or field.map)


def _value(field: Field, source: str) -> str:
    if field.map:
        return f"dict({source})"
    if field.repeated:
        one = _one(field.kind, "each")
        return f"list({source})" if one == "each" else f"[{one} for each in {source}]"
    return _one(field.kind, source)


def _one(kind: str, source: str) -> str:
    if kind in api().messages:
        own = api().messages[kind]
        if len(own) == 1 and own[0].name == "value":  # UInt64Value, Int64Value
            return f"{{'value': {source}.value}}"
        return f"read_{kind}({source})"
    return f"names_{_ident(kind)}.get({source}, {source})" if kind in api().enums else source


def _ident(name: str) -> str:
    return name.replace(".", "_")
