"""Python's cycle collector, held off while a world runs or is copied.

A world is a large heap of values without cycles: each full collection walks all of it and frees nothing, which would make the cost of a pod
grow with the size of the world. Reference counting frees what is dropped all the same.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_off() -> Iterator[None]:
    """No automatic cycle collection inside; as before afterwards."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
