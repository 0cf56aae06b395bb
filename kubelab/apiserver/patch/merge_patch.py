"""JSON merge patch (RFC 7386): applying one, and making one from two documents.

upstream: github.com/evanphx/json-patch v5.6.0+incompatible (merge.go) and applyJSPatch in
staging/src/k8s.io/apiserver/pkg/endpoints/handlers/patch.go, 1.28. Spec: apimachinery, section 5.
"""

from __future__ import annotations

from typing import Any

from kubelab.apiserver.patch.errors import PatchError
from kubelab.apiserver.patch.json_patch import same

Object = dict[str, Any]


def apply(doc: Object, patch: Any) -> Object:
    """``doc`` with ``patch`` laid over it: null removes, objects merge, everything else replaces. Unchanged parts are shared.

    Raises PatchError ``decode`` if the patch is no object.
    """
    if patch is None:
        raise PatchError("decode", "Invalid JSON Patch")
    if not isinstance(patch, dict):
        kind = {bool: "bool", int: "number", float: "number", str: "string", list: "array"}[type(patch)]
        raise PatchError("decode", f"error decoding patch: json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}")
    return _merged(doc, patch)


def _merged(doc: Object, patch: Object) -> Object:
    merged = dict(doc)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
            continue
        current = merged.get(key)
        if not isinstance(current, dict):
            merged[key] = without_nulls(value)
        elif isinstance(value, dict):
            merged[key] = _merged(current, value)
        else:
            merged[key] = value
    return merged


def without_nulls(value: Any) -> Any:
    """A new value without null members; null items of lists stay."""
    if isinstance(value, dict):
        return {key: without_nulls(member) for key, member in value.items() if member is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def diff(old: Object, new: Object) -> Object:
    """The merge patch that makes ``new`` of ``old``."""
    patch: Object = {}
    for key, value in new.items():
        if key not in old:
            patch[key] = value
        elif isinstance(value, dict) and isinstance(old[key], dict):
            if inner := diff(old[key], value):
                patch[key] = inner
        elif not same(old[key], value):
            patch[key] = value
    patch.update({key: None for key in old if key not in new})
    return patch
