"""NodeName: a pod that names its node goes nowhere else.

upstream: pkg/scheduler/framework/plugins/nodename/node_name.go, 1.28.
"""

from __future__ import annotations

from kubelab.scheduler.facts import Entry
from kubelab.scheduler.framework import NODE_ADD, NODE_UPDATE, Status
from kubelab.scheduler.node_info import NodeInfo

NAME = "NodeName"
OTHER_NODE = Status(NAME, ("node(s) didn't match the requested node name",), unresolvable=True)
WAKES_ON = (NODE_ADD, *NODE_UPDATE)


def filter(pod: Entry, node: NodeInfo) -> Status | None:
    return None if not pod.node_name or pod.node_name == node.name else OTHER_NODE
