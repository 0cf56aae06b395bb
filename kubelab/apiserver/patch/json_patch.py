"""JSON patch (RFC 6902) as the API server's library applies it, its departures from the RFC included.

upstream: github.com/evanphx/json-patch v5.6.0+incompatible (patch.go) and applyJSPatch in
staging/src/k8s.io/apiserver/pkg/endpoints/handlers/patch.go, 1.28. Spec: apimachinery, section 5.

Departures: ``replace``, ``test`` and ``copy`` take a missing key of an object for null; array indices may count from the end; the whole
document cannot be addressed.
"""

from __future__ import annotations

from typing import Any

from kubelab.apiserver.patch.errors import PatchError

MAX_OPERATIONS = 10_000
OPERATION_FIELDS = ("op", "path", "from", "value")


def apply(doc: Any, ops: Any) -> Any:
    """The document after all operations of ``ops`` (a decoded JSON patch). Neither argument is changed; untouched parts are shared.

    Raises PatchError: ``decode`` if ``ops`` is no patch, ``too_many`` over 10,000 operations, ``apply`` if an operation does not fit.
    """
    if ops is None:
        return doc
    _check_shape(ops)
    if len(ops) > MAX_OPERATIONS:
        raise PatchError("too_many", f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(ops)}")
    for op in ops:
        doc = _OPERATIONS.get(_kind(op), _unexpected)(doc, op or {})
    return doc


def unknown_fields(ops: Any) -> list[str]:
    """What strict decoding says about operations with fields that no JSON patch has; Warn and Strict validation report it."""
    if not isinstance(ops, list):
        return []
    operations = ((index, op) for index, op in enumerate(ops) if isinstance(op, dict))
    return [f'json patch unknown field "[{index}].{name}"' for index, op in operations for name in op if name not in OPERATION_FIELDS]


def _check_shape(ops: Any) -> None:
    if not isinstance(ops, list):
        raise _undecodable(f"json: cannot unmarshal {_json_type(ops)} into Go value of type []handlers.jsonPatchOp")
    for op in ops:
        if op is None:
            continue
        if not isinstance(op, dict):
            raise _undecodable(f"json: cannot unmarshal {_json_type(op)} into Go value of type handlers.jsonPatchOp")
        for name in ("op", "path", "from"):
            value = op.get(name)
            if value is not None and not isinstance(value, str):
                raise _undecodable(f"json: cannot unmarshal {_json_type(value)} into Go struct field jsonPatchOp.{name} of type string")


def _undecodable(cause: str) -> PatchError:
    return PatchError("decode", f"error decoding patch: {cause}")


def _json_type(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _kind(op: dict[str, Any] | None) -> str:
    kind = (op or {}).get("op")
    return "unknown" if kind is None else kind


def _unexpected(doc: Any, op: dict[str, Any]) -> Any:
    raise PatchError("apply", f"Unexpected kind: {_kind(op)}")


def _add(doc: Any, op: dict[str, Any]) -> Any:
    path = _path(op, "add operation failed to decode path")
    parts = _parts(doc, path, f'add operation does not apply: doc is missing path: "{path}"')
    return _changed(doc, parts, lambda holder, key: _added(holder, key, op.get("value"), f"error in add for path: '{path}'"))


def _remove(doc: Any, op: dict[str, Any]) -> Any:
    path = _path(op, "remove operation failed to decode path")
    parts = _parts(doc, path, f'remove operation does not apply: doc is missing path: "{path}"')
    return _changed(doc, parts, lambda holder, key: _removed(holder, key, f"error in remove for path: '{path}'"))


def _replace(doc: Any, op: dict[str, Any]) -> Any:
    path = _path(op, "replace operation failed to decode path: operation missing path field")
    parts = _parts(doc, path, f"replace operation does not apply: doc is missing path: {path}")
    missing = f"replace operation does not apply: doc is missing key: {path}: missing value"
    _value_at(doc, parts, missing, wrap=False)
    return _changed(doc, parts, lambda holder, key: _set(holder, key, op.get("value")))


def _move(doc: Any, op: dict[str, Any]) -> Any:
    source = _source(op, "move")
    parts = _parts(doc, source, f"move operation does not apply: doc is missing from path: {source}")
    failed = f"error in move for path: '{parts[-1]}'"
    value = _value_at(doc, parts, failed)
    doc = _changed(doc, parts, lambda holder, key: _removed(holder, key, failed))
    path = _path(op, "move operation failed to decode path: operation missing path field")
    parts = _parts(doc, path, f"move operation does not apply: doc is missing destination path: {path}")
    return _changed(doc, parts, lambda holder, key: _added(holder, key, value, f"error in move for path: '{path}'"))


def _copy(doc: Any, op: dict[str, Any]) -> Any:
    source = _source(op, "copy")
    parts = _parts(doc, source, f"copy operation does not apply: doc is missing from path: {source}")
    value = _value_at(doc, parts, f"error in copy for from: '{source}'")
    path = _path(op, "copy operation failed to decode path")
    parts = _parts(doc, path, f"copy operation does not apply: doc is missing destination path: {path}")
    return _changed(doc, parts, lambda holder, key: _added(holder, key, value, "error while adding value during copy"))


def _test(doc: Any, op: dict[str, Any]) -> Any:
    path = _path(op, "test operation failed to decode path: operation missing path field")
    parts = _parts(doc, path, f"test operation does not apply: is missing path: {path}")
    found = _value_at(doc, parts, f"error in test for path: '{path}'")
    if not same(found, op.get("value")):
        raise PatchError("apply", f"testing value {path} failed: test failed")
    return doc


_OPERATIONS = {"add": _add, "remove": _remove, "replace": _replace, "move": _move, "test": _test, "copy": _copy}


def same(left: Any, right: Any) -> bool:
    """Equality of JSON values that keeps ``1``, ``1.0`` and ``true`` apart, as a comparison of their texts does."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return len(left) == len(right) and all(key in right and same(value, right[key]) for key, value in left.items())
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def _path(op: dict[str, Any], failed: str) -> str:
    path = op.get("path")
    if path is None:
        raise PatchError("apply", f"{failed}: missing value")
    return str(path)


def _source(op: dict[str, Any], kind: str) -> str:
    source = op.get("from")
    if source is None:
        raise PatchError("apply", f"{kind} operation failed to decode from: operation, missing from field: missing value")
    return str(source)


def _parts(doc: Any, path: str, missing: str) -> list[str]:
    """The decoded reference tokens of a path whose last holder exists in the document."""
    tokens = path.split("/")
    if len(tokens) < 2:
        raise PatchError("apply", f"{missing}: missing value")
    parts = [_unescape(token) for token in tokens[1:]]
    holder = doc
    for part in parts[:-1]:
        holder = _child(holder, part)
        if not isinstance(holder, (dict, list)):
            raise PatchError("apply", f"{missing}: missing value")
    return parts


def _unescape(token: str) -> str:
    """One pass from left to right: ``~01`` is ``~1``, never ``/``."""
    return "~".join(part.replace("~1", "/") for part in token.split("~0"))


def _child(holder: Any, part: str) -> Any:
    """The value at ``part``, or None where upstream's search gives up."""
    if isinstance(holder, dict):
        return holder.get(part)
    index = _index(part)
    if index is None or not -len(holder) <= index < len(holder):
        return None
    return holder[index]


def _value_at(doc: Any, parts: list[str], failed: str, *, wrap: bool = True) -> Any:
    holder = doc
    for part in parts[:-1]:
        holder = _child(holder, part)
    key = parts[-1]
    if isinstance(holder, dict):
        return holder.get(key)
    index = _index(key)
    if index is None:
        raise PatchError("apply", f"{failed}: {_no_number(key)}" if wrap else failed)
    if not -len(holder) <= index < len(holder):
        raise PatchError("apply", f"{failed}: {_no_index(index)}" if wrap else failed)
    return holder[index]


def _changed(doc: Any, parts: list[str], change: Any) -> Any:
    """A copy of the path down to the last holder, changed there; everything beside the path is shared."""
    if len(parts) == 1:
        return change(doc, parts[0])
    part = parts[0]
    if isinstance(doc, dict):
        return {**doc, part: _changed(doc[part], parts[1:], change)}
    index = int(part)
    copied = list(doc)
    copied[index] = _changed(doc[index], parts[1:], change)
    return copied


def _added(holder: Any, key: str, value: Any, failed: str) -> Any:
    if isinstance(holder, dict):
        return {**holder, key: value}
    if key == "-":
        return [*holder, value]
    index = _index(key)
    if index is None:
        raise PatchError("apply", f"{failed}: value was not a proper array index: '{key}': {_no_number(key)}")
    size = len(holder) + 1
    if not -size <= index < size:
        raise PatchError("apply", f"{failed}: {_no_index(index)}")
    place = index + size if index < 0 else index
    return [*holder[:place], value, *holder[place:]]


def _removed(holder: Any, key: str, failed: str) -> Any:
    if isinstance(holder, dict):
        if key not in holder:
            raise PatchError("apply", f"{failed}: Unable to remove nonexistent key: {key}: missing value")
        return {name: value for name, value in holder.items() if name != key}
    index = _index(key)
    if index is None:
        raise PatchError("apply", f"{failed}: {_no_number(key)}")
    if not -len(holder) <= index < len(holder):
        raise PatchError("apply", f"{failed}: {_no_index(index)}")
    copied = list(holder)
    del copied[index]
    return copied


def _set(holder: Any, key: str, value: Any) -> Any:
    if isinstance(holder, dict):
        return {**holder, key: value}
    copied = list(holder)
    copied[int(key)] = value
    return copied


def _index(text: str) -> int | None:
    """A decimal integer as Go's Atoi reads it: an optional sign and ASCII digits."""
    digits = text[1:] if text[:1] in ("+", "-") else text
    return int(text) if digits.isascii() and digits.isdigit() else None


def _no_number(text: str) -> str:
    return f'strconv.Atoi: parsing "{text}": invalid syntax'


def _no_index(index: int) -> str:
    return f"Unable to access invalid index: {index}: invalid index referenced"
