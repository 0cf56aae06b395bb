"""What an image takes on disk once it is unpacked: more than its packed size, in many files. The factors are the lab's own."""

from __future__ import annotations

UNPACKED_PERCENT = 250
BYTES_PER_FILE = 24 << 10


def unpacked_bytes(packed: int) -> int:
    """Bytes on the image filesystem."""
    return packed * UNPACKED_PERCENT // 100


def inodes_of(packed: int) -> int:
    """Files and directories on the image filesystem."""
    return max(1, unpacked_bytes(packed) // BYTES_PER_FILE)
