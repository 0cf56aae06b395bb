"""What changed between two values, in the manner of the diffs that upstream appends to "immutable" messages.

Upstream prints go-cmp's report over its internal Go structs, whose layout is not stable by design; here the changed fields stand one below
the other with ``-`` and ``+``, by their JSON paths.

upstream: github.com/google/go-cmp cmp.Diff, as used in pkg/apis/core/validation/validation.go, 1.28.
"""

from __future__ import annotations

import json
from typing import Any

from kubelab.kinds.equality import same


def spec_diff(type_name: str, old: Any, new: Any) -> str:
    r"""A few lines: the type, then each changed field with its old and new value.

    >>> spec_diff("core.PodSpec", {"a": 1, "b": 2}, {"a": 1, "b": 3}).splitlines()
    ['  core.PodSpec{', '- \tb: 2,', '+ \tb: 3,', '  }']
    """
    lines = [f"  {type_name}{{"]
    _walk(old, new, "", lines)
    return "\n".join([*lines, "  }", ""])


def _walk(old: Any, new: Any, path: str, lines: list[str]) -> None:
    if same(new, old):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys((*old, *new)):
            _walk(old.get(key), new.get(key), f"{path}.{key}" if path else key, lines)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            _walk(before, after, f"{path}[{index}]", lines)
    else:
        if old is not None:
            lines.append(f"- \t{path}: {json.dumps(old)},")
        if new is not None:
            lines.append(f"+ \t{path}: {json.dumps(new)},")
