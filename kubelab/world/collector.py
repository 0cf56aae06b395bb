"""Python's cycle collector, held off while a world runs or is copied.

A world is a large heap of values without cycles: each full collection walks all of it and frees nothing, which would make the cost of a pod
grow with the size of the world. Reference counting frees what is dropped all the same.

What was made meanwhile joins the oldest generation unexamined, which is where it would end up: handing it to the youngest would have all of
it walked at the next allocation.
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
            _age()
            gc.enable()


def _age() -> None:
    """Move every object to the oldest generation. Where somebody has frozen objects for good, they stay so, and nothing is moved."""
    if not gc.get_freeze_count():
        gc.freeze()
        gc.unfreeze()
