"""Values of a world to JSON and back, without ever running code: what ``Cluster.save`` writes and ``kl.load`` reads.

JSON carries strings, numbers, booleans, null, lists and string-keyed dicts as they are. The rest is tagged:
``{"$t": [...]}`` a tuple, ``{"$m": [[key, value], ...]}`` a dict with other keys, ``{"$v": ["Name", field, ...]}`` a registered frozen dataclass.
A dict that has one of the tags as a key is written as ``$m``, so that no user's object can pose as something else.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

_CLASSES: dict[str, type] = {}
_FIELDS: dict[type, tuple[str, ...]] = {}
_TAGS = ("$t", "$m", "$v")
T = TypeVar("T", bound=type)


def value(cls: T) -> T:
    """Class decorator: instances of this frozen dataclass (or NamedTuple) may stand in a world's state."""
    if cls.__name__ in _CLASSES and _CLASSES[cls.__name__].__module__ != cls.__module__:
        raise ValueError(f"two value classes are called {cls.__name__}")
    _CLASSES[cls.__name__] = cls
    _FIELDS[cls] = tuple(getattr(cls, "_fields", ())) or tuple(item.name for item in fields(cls))
    return cls


def encode(item: Any) -> Any:
    """To what ``json.dumps`` takes; TypeError names a value that has no place in a world's state."""
    if item is None or isinstance(item, (str, int, float, bool)):
        return item
    kind = type(item)
    if kind is list:
        return [encode(part) for part in item]
    if kind is dict:
        if all(type(key) is str and key not in _TAGS for key in item):
            return {key: encode(part) for key, part in item.items()}
        return {"$m": [[encode(key), encode(part)] for key, part in item.items()]}
    if kind is tuple:
        return {"$t": [encode(part) for part in item]}
    if kind in _FIELDS:
        return {"$v": [kind.__name__, *(encode(getattr(item, name)) for name in _FIELDS[kind])]}
    raise TypeError(f"a {kind.__module__}.{kind.__qualname__} cannot stand in a world's state: {item!r}")


def decode(item: Any) -> Any:
    """From what ``json.loads`` gave; ValueError names an unknown class."""
    if isinstance(item, list):
        return [decode(part) for part in item]
    if not isinstance(item, dict):
        return item
    if len(item) == 1:
        tag, body = next(iter(item.items()))
        if tag == "$t":
            return tuple(decode(part) for part in body)
        if tag == "$m":
            return {decode(key): decode(part) for key, part in body}
        if tag == "$v":
            cls = _CLASSES.get(body[0])
            if cls is None:
                raise ValueError(f"the file holds a {body[0]!r}, which this version does not know")
            return cls(*(decode(part) for part in body[1:]))
    return {key: decode(part) for key, part in item.items()}
