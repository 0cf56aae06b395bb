"""Words for sentences that say what a frame or a picture found."""

from __future__ import annotations


def many(number: int, word: str) -> str:
    """A number of things.

    >>> many(1, "pod"), many(2000, "pod")
    ('1 pod', '2,000 pods')
    """
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"
