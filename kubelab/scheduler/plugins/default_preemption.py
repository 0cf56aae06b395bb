"""DefaultPreemption: when no node fits, whether taking lower-priority pods off some node would help, and the words for it if not.

upstream: pkg/scheduler/framework/{preemption/preemption.go,plugins/defaultpreemption/default_preemption.go}, 1.28.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kubelab.scheduler.cluster import Cluster
from kubelab.scheduler.facts import Entry
from kubelab.scheduler.failure import fit_message
from kubelab.scheduler.framework import Status
from kubelab.scheduler.node_info import NodeInfo

NAME = "DefaultPreemption"
NEVER = "preemption: not eligible due to preemptionPolicy=Never."
NOT_HELPFUL = Status(NAME, ("Preemption is not helpful for scheduling",), unresolvable=True)
NO_VICTIMS = Status(NAME, ("No preemption victims found for incoming pod",), unresolvable=True)


def post_filter(pod: Entry, cluster: Cluster, statuses: Mapping[str, Status], check: Callable[[Entry, NodeInfo], Status | None]) -> str:
    """The message of the PostFilter stage; empty if some node would fit the pod without its lower-priority pods.

    ``check`` runs the node's own filters for the pod.
    """
    if pod.facts.spec.get("preemptionPolicy") == "Never":
        return NEVER
    answers = {node.name: _answer(pod, node, statuses.get(node.name), check) for node in cluster.order}
    if any(answer is None for answer in answers.values()):
        return ""
    return f"preemption: {fit_message(len(answers), [answer for answer in answers.values() if answer])}"


def _answer(pod: Entry, node: NodeInfo, status: Status | None, check: Callable[[Entry, NodeInfo], Status | None]) -> Status | None:
    if status is not None and status.unresolvable:
        return NOT_HELPFUL
    priority = pod.facts.priority
    if not any(each < priority for each in node.priorities):
        return NO_VICTIMS
    emptied = node.copy()
    for uid in [uid for uid, entry in node.pods.items() if entry.facts.priority < priority]:
        emptied.remove(uid)
    return check(pod, emptied)
