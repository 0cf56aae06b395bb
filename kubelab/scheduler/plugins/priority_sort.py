"""PrioritySort: the queue's order, higher priority first, then who has waited longer.

upstream: pkg/scheduler/framework/plugins/queuesort/priority_sort.go, 1.28.
"""

from __future__ import annotations

NAME = "PrioritySort"


def rank(priority: int, timestamp_ns: int, sequence: int) -> tuple[int, int, int]:
    """Smaller comes first; ``sequence`` decides where upstream leaves it to the heap."""
    return (-priority, timestamp_ns, sequence)
