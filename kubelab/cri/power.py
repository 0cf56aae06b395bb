"""A power cut: everything that ran on a node has ended; disks, images and logs are still there.

After a reboot containerd lists the dead containers as exited and their sandboxes as not ready (internal/cri/server/restart.go).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kubelab.cri.api import CREATED, EXITED, NOTREADY, RUNNING
from kubelab.cri.usage import ledger
from kubelab.cri.usage.epoch import SYSTEM
from kubelab.cri.usage.machine import Boot, system_served
from kubelab.cri.usage.reading import ended

EXIT_UNKNOWN = 255  # upstream: containerd internal/cri/server/helpers.go unknownExitCode


def power_cut(tables: dict[str, dict[Any, Any]], now_ns: int) -> None:
    """End all that runs, in place."""
    containers, sandboxes = tables.get("containers", {}), tables.get("sandboxes", {})
    for name, container in containers.items():
        if container.state in (RUNNING, CREATED):
            containers[name] = replace(container, state=EXITED, finished_ns=now_ns, exit_code=EXIT_UNKNOWN, reason="Unknown")
    for name, sandbox in sandboxes.items():
        sandboxes[name] = replace(sandbox, state=NOTREADY, stopped_ns=sandbox.stopped_ns or now_ns)
    ledger.turn(tables, now_ns)
    tables.setdefault("boots", {})[now_ns] = Boot(now_ns, _used(tables, now_ns), ended(tables, now_ns))
    tables.setdefault("off", {})[""] = now_ns
    for table in ("states", "wakes", "kills", "groups", "addresses", "ooms"):
        tables.get(table, {}).clear()


def power_on(tables: dict[str, dict[Any, Any]], now_ns: int) -> None:
    """The machine starts, if it was cut off: its counters begin now, and what its system would have used meanwhile is not counted."""
    cut_ns = tables.get("off", {}).pop("", None)
    if cut_ns is not None:
        boots = tables["boots"]
        cut = boots.pop(cut_ns)
        boots[now_ns] = cut._replace(at_ns=now_ns, system=_used(tables, now_ns))


def _used(tables: dict[str, dict[Any, Any]], now_ns: int) -> int:
    """What the system has been served so far; −1: all it ever wanted."""
    capacity = tables.get("capacity", {}).get("")
    return system_served(tables, capacity, now_ns) if capacity is not None and SYSTEM in tables.get("accounts", {}) else -1
