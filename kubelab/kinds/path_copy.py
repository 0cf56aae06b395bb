"""Changing a part of an object whose inside may be shared with others.

upstream's counterpart is the deep copy before a change; here only the dicts on the way to the change are copied.
"""

from __future__ import annotations

from typing import Any

from kubelab.kinds.kind import Object


def own(obj: Object, *path: str) -> dict[str, Any]:
    """The dict at ``path``, copied into ``obj`` level by level, made where it is missing; ``obj`` itself must be private.

    >>> template = {"a": 1}; obj = {"spec": {"template": template}}
    >>> own(obj, "spec", "template")["b"] = 2
    >>> template, obj["spec"]["template"]
    ({'a': 1}, {'a': 1, 'b': 2})
    """
    for key in path:
        obj[key] = obj = dict(obj.get(key) or {})
    return obj


def keep(obj: Object, old: Object, *names: str) -> None:
    """Take whole top-level fields from ``old``, in place."""
    for name in names:
        if name in old:
            obj[name] = old[name]
        else:
            obj.pop(name, None)
