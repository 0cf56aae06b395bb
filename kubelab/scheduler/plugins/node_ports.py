"""NodePorts: two pods of a node cannot have the same host port.

upstream: pkg/scheduler/framework/plugins/nodeports/node_ports.go, framework/types.go HostPortInfo.CheckConflict, 1.28.
"""

from __future__ import annotations

from kubelab.scheduler.facts import Entry
from kubelab.scheduler.framework import NODE_ADD, NODE_UPDATE, POD_DELETE, Status
from kubelab.scheduler.node_info import NodeInfo

NAME = "NodePorts"
TAKEN = Status(NAME, ("node(s) didn't have free ports for the requested pod ports",))
WAKES_ON = (POD_DELETE, NODE_ADD, *NODE_UPDATE)

_ALL = "0.0.0.0"


def filter(pod: Entry, node: NodeInfo) -> Status | None:
    ports = pod.facts.ports
    if not ports or not node.ports:
        return None
    return TAKEN if any(_conflicts(port, node.ports) for port in ports) else None


def _conflicts(wanted: tuple[str, str, int], used: dict[tuple[str, str, int], int]) -> bool:
    address, protocol, number = wanted
    if address != _ALL:
        return wanted in used or (_ALL, protocol, number) in used
    return any(port[1:] == (protocol, number) for port in used)
