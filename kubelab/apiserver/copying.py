"""Copies of JSON-shaped data."""

from __future__ import annotations

import marshal
from typing import Any


def private(obj: Any) -> Any:
    """A deep copy of JSON-shaped data. ``marshal`` is the fastest copier in the standard library; it sees only our own bytes."""
    return marshal.loads(marshal.dumps(obj))
