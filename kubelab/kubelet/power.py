"""A machine loses power: every process on it ends at once, files stay.

upstream: containerd's recovery after a reboot (internal/cri/server/restart.go, 1.7: a task that is gone counts as exited, code 255, reason
Unknown; its sandbox is not ready).
"""

from __future__ import annotations

from dataclasses import replace

from kubelab.cri.api import EXITED, NOTREADY, READY, RUNNING
from kubelab.engine.component import Tables
from kubelab.engine.plan import Nudge

UNKNOWN_EXIT = 255
VOLATILE = ("states", "wakes", "kills", "groups", "exits", "addresses", "stops", "finite")


def cut(machines: dict[str, Tables], node: str, now_ns: int) -> tuple[Nudge, ...]:
    """End all containers of a node (in place on its tables). The nudges let the peers of its programs notice."""
    tables = machines[node]
    groups = dict.fromkeys(tables.get("groups", {}).values())
    containers = tables.get("containers", {})
    for container_id, container in list(containers.items()):
        if container.state == RUNNING:
            containers[container_id] = replace(container, state=EXITED, finished_ns=now_ns, exit_code=UNKNOWN_EXIT, reason="Unknown")
    sandboxes = tables.get("sandboxes", {})
    for sandbox_id, sandbox in list(sandboxes.items()):
        if sandbox.state == READY:
            sandboxes[sandbox_id] = replace(sandbox, state=NOTREADY)
    addresses = machines.get("", {}).get("pod_ips", {})
    for ip in tables.get("addresses", {}):
        addresses.pop(ip, None)
    for table in VOLATILE:
        tables.get(table, {}).clear()
    return tuple(
        Nudge(f"containerd/{other}", ("poke", group))
        for group in groups
        for other, theirs in machines.items()
        if other and other != node and group in theirs.get("groups", {}).values()
    )
