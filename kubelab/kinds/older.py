"""Dropping what an older release's schema does not know, without changing anything that may be shared.

upstream has no counterpart: an older binary never had those fields. Used by ``kinds/release.py``.
"""

from __future__ import annotations

import marshal
from typing import Any

from kubelab.kinds.kind import Object
from kubelab.kinds.schema import Field, Struct, struct

_DEEP = ("struct", "list", "map")


def drop_unknown(obj: Object, shape: Struct) -> None:
    """In place at the top; parts that hold an unknown field are replaced by copies without it."""
    for name in list(obj):
        field = shape.fields.get(name)
        if field is None:
            del obj[name]
        elif field.type in _DEEP:
            obj[name] = _known(obj[name], field)


def own_copy(obj: Object) -> Object:
    """A deep copy."""
    copied: Object = marshal.loads(marshal.dumps(obj))
    return copied


def without_unknown(obj: Object, shape: Struct | None) -> Object:
    """The same, or where it holds something unknown a copy without it."""
    return obj if shape is None else _known_struct(obj, shape)


def _known(value: Any, field: Field) -> Any:
    if not value:
        return value
    if field.type == "struct":
        return _known_struct(value, struct(field.ref))
    items = field.items
    if items is None or items.type not in _DEEP:
        return value
    if field.type == "list":
        kept = [_known(item, items) for item in value]
        return value if all(new is old for new, old in zip(kept, value, strict=True)) else kept
    made = {name: _known(item, items) for name, item in value.items()}
    return value if all(made[name] is item for name, item in value.items()) else made


def _known_struct(value: Object, shape: Struct) -> Object:
    made: Object = {}
    changed = False
    for name, item in value.items():
        field = shape.fields.get(name)
        if field is None:
            changed = True
            continue
        made[name] = _known(item, field) if field.type in _DEEP else item
        changed = changed or made[name] is not item
    return made if changed else value
