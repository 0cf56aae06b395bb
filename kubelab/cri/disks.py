"""Disks of a machine that are full or lost: what can no longer be written, and how much room the node has.

The table ``disk_faults`` of a machine: fault → ``("full", share)`` of the node's filesystem that is taken, or ``("lost", which)`` volumes,
``local`` (local and hostPath ones), ``emptyDir`` or ``all``. Volumes under ``/mnt`` of the host are disks of their own; everything else of a node
lies on its one filesystem. Errors are the C library's.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

TABLE = "disk_faults"
NO_SPACE = "No space left on device"
IO_ERROR = "Input/output error"
_NONE: dict[str, Any] = {}
Tables = Mapping[str, Mapping[Any, Any]]


def is_full(tables: Tables) -> bool:
    """Whether nothing more fits on the node's filesystem."""
    faults = tables.get(TABLE)
    return faults is not None and any(kind == "full" and detail >= 1 for kind, detail in faults.values())


def filled(tables: Tables, capacity: int, used: int) -> int:
    """What is used of the node's filesystem, with what fills it up."""
    faults = tables.get(TABLE)
    if not faults:
        return used
    return max([used, *(int(capacity * detail) for kind, detail in faults.values() if kind == "full")])


def lost(tables: Tables) -> tuple[str, ...]:
    """The beginnings of the names of volumes that are lost."""
    which = [detail for kind, detail in tables.get(TABLE, _NONE).values() if kind == "lost"]
    prefixes = {"local": ("host/",), "emptyDir": ("pod/",), "all": ("host/", "pod/")}
    return tuple(dict.fromkeys(prefix for one in which for prefix in prefixes[one]))


def refusal(tables: Tables, volume: str) -> str:
    """Why a write to a volume ("": a container's own layer) fails; "" if it does not."""
    if not tables.get(TABLE):
        return ""
    if volume and volume.startswith(lost(tables)):
        return IO_ERROR
    inside = not volume or volume.startswith("pod/") or (volume.startswith("host/") and "/mnt/" not in volume)
    return NO_SPACE if inside and is_full(tables) else ""


def pull_error(reference: str) -> str:
    """What containerd says of a layer that does not fit any more (core/remotes, content/local: the ingest is named by the reference's digest)."""
    ingest = sha256(f"layer-{reference}".encode()).hexdigest()
    return (
        f'rpc error: code = Unknown desc = failed to pull and unpack image "{reference}": failed to copy: '
        f"write /var/lib/containerd/io.containerd.content.v1.content/ingest/{ingest}/data: no space left on device"
    )


def create_error(container: str) -> str:
    """What containerd says of a container whose snapshot cannot be made (snapshots/overlay)."""
    number = int(sha256(container.encode()).hexdigest()[:8], 16)
    return (
        "failed to create containerd container: failed to create prepare snapshot dir: failed to create temp dir: "
        f"mkdir /var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/new-{number}: no space left on device"
    )
