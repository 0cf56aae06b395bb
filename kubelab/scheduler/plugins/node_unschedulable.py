"""NodeUnschedulable: no pods for a cordoned node, unless they bear the taint that cordoning sets.

upstream: pkg/scheduler/framework/plugins/nodeunschedulable/node_unschedulable.go, 1.28.
"""

from __future__ import annotations

from kubelab.kinds.core.node_selectors import tolerates
from kubelab.scheduler.facts import Entry
from kubelab.scheduler.framework import NODE_ADD, NODE_TAINT, Status
from kubelab.scheduler.node_info import NodeInfo

NAME = "NodeUnschedulable"
UNSCHEDULABLE = Status(NAME, ("node(s) were unschedulable",), unresolvable=True)
WAKES_ON = (NODE_ADD, NODE_TAINT)

TAINT = "node.kubernetes.io/unschedulable"


def filter(pod: Entry, node: NodeInfo) -> Status | None:
    if not node.unschedulable or tolerates(pod.facts.spec.get("tolerations") or (), TAINT, "", "NoSchedule"):
        return None
    return UNSCHEDULABLE
