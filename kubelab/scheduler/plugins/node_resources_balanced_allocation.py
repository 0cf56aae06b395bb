"""NodeResourcesBalancedAllocation: prefer nodes whose cpu and memory would be used in equal shares.

upstream: pkg/scheduler/framework/plugins/noderesources/balanced_allocation.go, 1.28.
"""

from __future__ import annotations

from kubelab.scheduler.facts import Entry
from kubelab.scheduler.framework import MAX_NODE_SCORE
from kubelab.scheduler.node_info import NodeInfo

NAME = "NodeResourcesBalancedAllocation"
WEIGHT = 1


def score(pod: Entry, node: NodeInfo) -> int:
    request, cpu, memory = pod.facts.request, node.has_milli_cpu, node.has_memory
    if not cpu or not memory:
        return MAX_NODE_SCORE
    cpu_share = min((node.milli_cpu + request.milli_cpu) / cpu, 1.0)
    memory_share = min((node.memory + request.memory) / memory, 1.0)
    return int((1 - abs((cpu_share - memory_share) / 2)) * MAX_NODE_SCORE)
