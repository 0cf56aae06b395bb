"""JSON and YAML texts as a Go server reads them: keys said twice, broken UTF-8, numbers as they were written, errors in the decoder's words.

upstream: sigs.k8s.io/json, sigs.k8s.io/yaml (YAMLToJSON, YAMLToJSONStrict) over go-yaml, 1.28.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import partial
from typing import Any

from kubelab.kinds.decode import Doubled

_SURROGATE = re.compile(r"\\[uU][dD][89a-fA-F]").search
MOST_LEVELS = 200


def text_of(raw: str | bytes) -> str:
    """The text of a body; bytes that are no UTF-8 become the replacement character."""
    if isinstance(raw, bytes):
        return raw.decode("utf-8", "replace")
    return raw if raw.isascii() else raw.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def json_copy(value: Any, place: str = "body") -> Any:
    """A deep copy of a Python value in JSON's shapes; tuples become lists and plain keys text, as a JSON encoder has it. Raises TypeError."""
    if isinstance(value, str):
        return value if value.isascii() else text_of(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, dict):
        return {_key(name, place): json_copy(item, f"{place}.{name}") for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_copy(item, f"{place}[{index}]") for index, item in enumerate(value)]
    raise TypeError(f"{place}: a {type(value).__name__} is no JSON value: use dict, list, str, int, float, bool or None")


def _key(name: Any, place: str) -> str:
    if isinstance(name, str):
        return name
    if isinstance(name, bool) or not isinstance(name, int):
        raise TypeError(f"{place}: the key {name!r} is no text")
    return str(name)


# -- JSON -----------------------------------------------------------------------------------------------------------------
class TooDeep(ValueError):
    """More levels than a decoder takes."""


def json_value(text: str) -> Any:
    """The value of a JSON text; raises ValueError. If any key stands twice, its object and the outermost one are ``Doubled``."""
    try:
        value = _json_value(text)
    except RecursionError:
        raise TooDeep("exceeded max depth") from None
    if _is_too_deep(value, text):
        raise TooDeep("exceeded max depth")
    return value


def _is_too_deep(value: Any, text: str) -> bool:
    """Whether a value has more levels than what merges, copies and compares them here could go down; upstream's decoders take 10,000."""
    if text.count("{") + text.count("[") <= MOST_LEVELS:
        return False
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MOST_LEVELS:
            return True
        level = [item for each in level if isinstance(each, (dict, list)) for item in (each.values() if isinstance(each, dict) else each)]
    return False


def _json_value(text: str) -> Any:
    value = json.loads(text, parse_constant=partial(_no_constant, text))
    if _SURROGATE(text):
        value = without_surrogates(value)
    if text.count(":") == _members(value):
        return value
    reader = _Doubles()
    again = json.loads(text, object_pairs_hook=reader.pairs)
    if not reader.found:
        return value
    if _SURROGATE(text):
        again = without_surrogates(again)
    return again if not isinstance(again, dict) or type(again) is Doubled else Doubled(again, list(again))


def _no_constant(text: str, name: str) -> Any:
    """NaN and Infinity are Python's, not JSON's."""
    raise json.JSONDecodeError("Expecting value", text, text.find(name))


def _members(value: Any) -> int:
    """How many members the objects of a value have: as many as colons, unless a text holds one or a key stands twice."""
    if isinstance(value, dict):
        return len(value) + sum(map(_members, value.values()))
    return sum(map(_members, value)) if isinstance(value, list) else 0


class _Doubles:
    """Builds objects and remembers whether a key stood twice; of two objects under one key Go fills one after the other."""

    def __init__(self) -> None:
        self.found = False

    def pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) == len(pairs):
            return made
        self.found = True
        merged: dict[str, Any] = {}
        for name, value in pairs:
            merged[name] = _filled(merged.get(name), value)
        return Doubled(merged, [name for name, _ in pairs])


def _filled(first: Any, second: Any) -> Any:
    if not isinstance(first, dict) or not isinstance(second, dict):
        return second
    merged = dict(first)
    for name, value in second.items():
        merged[name] = _filled(merged.get(name), value)
    orders = [each.order if isinstance(each, Doubled) else list(each) for each in (first, second)]
    return Doubled(merged, list(dict.fromkeys(orders[0])) + [name for name in orders[1] if name not in first])


def without_surrogates(value: Any) -> Any:
    """Half of a surrogate pair is no character."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, list):
        return [without_surrogates(item) for item in value]
    if not isinstance(value, dict):
        return value
    clean = {without_surrogates(name): without_surrogates(item) for name, item in value.items()}
    return Doubled(clean, [without_surrogates(name) for name in value.order]) if isinstance(value, Doubled) else clean


class Literal(float):
    """A number that prints as it was written."""

    text: str

    def __format__(self, spec: str) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text

    __str__ = __repr__


def _literal(text: str) -> Literal:
    made = Literal(text)
    made.text = text
    return made


def json_literals(text: str) -> Any:
    """A JSON value whose numbers with a point or an exponent print as they were written; for error messages."""
    return json.loads(text, parse_float=_literal)


def doubles(value: Any, place: str = "") -> list[str]:
    """What strict decoding into maps says of keys that stand twice, in the order of the text."""
    found: list[str] = []
    if isinstance(value, dict):
        seen: dict[str, bool] = {}
        for name in value.order if isinstance(value, Doubled) else list(value):
            path = f"{place}.{name}" if place else name
            if name in seen:
                found.append(f'duplicate field "{path}"')
            else:
                seen[name] = True
                found += doubles(value[name], path)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found += doubles(item, f"{place}[{index}]")
    return list(dict.fromkeys(found))


def plain(value: Any) -> Any:
    """The same value of plain dicts."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


# -- YAML -----------------------------------------------------------------------------------------------------------------
class YamlError(ValueError):
    """A YAML text that cannot be read, in go-yaml's words."""


def yaml_value(text: str) -> tuple[Any, list[str]]:
    """The first document of a YAML text, and what strict reading says of its repeated keys. Raises YamlError."""
    from kubelab.apiserver import go_yaml  # most worlds never read YAML here

    return go_yaml.value(text)


def yaml_repeats(repeated: Sequence[str]) -> str:
    """Repeated keys as one error."""
    return "yaml: unmarshal errors:\n" + "\n".join(f"  {line}" for line in repeated)


def sorted_keys(value: Any) -> Any:
    """As YAML becomes JSON on its way: keys in order."""
    if isinstance(value, dict):
        return {name: sorted_keys(value[name]) for name in sorted(value)}
    return [sorted_keys(item) for item in value] if isinstance(value, list) else value
