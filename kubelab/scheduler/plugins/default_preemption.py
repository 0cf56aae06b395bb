"""DefaultPreemption: when no node fits, which pods of lower priority could make room, and on which node; and the words for it if none can.

upstream: pkg/scheduler/framework/{preemption/preemption.go,plugins/defaultpreemption/default_preemption.go},
pkg/scheduler/util/utils.go MoreImportantPod, GetEarliestPodStartTime, 1.28; spec "Priority and preemption".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from kubelab.kinds.selectors import matches_selector
from kubelab.scheduler.cluster import Cluster
from kubelab.scheduler.facts import Entry
from kubelab.scheduler.failure import fit_message
from kubelab.scheduler.framework import Status
from kubelab.scheduler.node_info import NodeInfo

Object = dict[str, Any]
Check = Callable[[Entry, NodeInfo], Status | None]

NAME = "DefaultPreemption"
NEVER = "preemption: not eligible due to preemptionPolicy=Never."
VICTIM_TERMINATING = "preemption: not eligible due to a terminating pod on the nominated node."
NO_CANDIDATE = "no candidate node for preemption"
NOT_HELPFUL = Status(NAME, ("Preemption is not helpful for scheduling",), unresolvable=True)
NO_VICTIMS = Status(NAME, ("No preemption victims found for incoming pod",), unresolvable=True)

LEAST_CANDIDATES = (10, 100)  # percent of the nodes, number
_NOT_STARTED = "~"  # after any time: a pod that has not started counts as starting now
_OFFSET = 2**31  # makes every priority positive


class Candidate(NamedTuple):
    """A node on which the pod would fit without the ``victims``; ``violations`` of them break a disruption budget."""

    node: str
    victims: tuple[Entry, ...]
    violations: int


Amend = Callable[[list[Candidate]], tuple[list[Candidate], str]]  # what is left, and what went wrong


class Outcome(NamedTuple):
    """The answer of the PostFilter stage. ``nominated``: the pod's nominatedNodeName from now on; None: as it was."""

    message: str = ""
    nominated: str | None = None
    victims: tuple[Entry, ...] = ()


def post_filter(
    pod: Entry,
    cluster: Cluster,
    statuses: Mapping[str, Status],
    check: Check,
    draw: int,
    nominated: str = "",
    *,
    alone: bool = True,
    candidates: tuple[int, int] = LEAST_CANDIDATES,
    amend: Amend | None = None,
) -> Outcome:
    """What preemption can do for a pod that fits nowhere.

    ``check`` runs the filters for the pod on a node as it then stands; ``alone``: they look at nothing but the node, so that a copy of it
    will do. ``draw``: 64 random bits for where the search begins. ``candidates``: how many nodes to find at least, in percent and in number.
    ``amend``: what extenders make of the candidates.
    """
    if pod.facts.spec.get("preemptionPolicy") == "Never":
        return Outcome(NEVER)
    if nominated and _waits_for_victims(pod, cluster, statuses.get(nominated), nominated):
        return Outcome(VICTIM_TERMINATING)
    helpful = [node for node in cluster.order if not _is_unresolvable(statuses.get(node.name))]
    answers = dict.fromkeys([node.name for node in cluster.order], NOT_HELPFUL)
    first = (draw * len(helpful)) >> 64
    wanted = min(len(helpful), max(len(helpful) * candidates[0] // 100, candidates[1]))
    found: list[Candidate] = []
    budgets: list[Object] | None = None
    for node in helpful[first:] + helpful[:first]:
        if not any(each < pod.facts.priority for each in node.priorities):
            answers[node.name] = NO_VICTIMS
            continue
        if budgets is None:
            budgets = cluster.view.list("poddisruptionbudgets.policy")
        answer = _on_copy(pod, cluster, node, budgets, check) if alone else _in_place(pod, cluster, node, budgets, check)
        if isinstance(answer, Status):
            answers[node.name] = answer
            continue
        found.append(answer)
        if len(found) >= wanted and any(not each.violations for each in found):
            break
    if not found:
        return Outcome(f"preemption: {fit_message(len(answers), answers.values())}", "")
    if amend is not None:
        found, problem = amend(found)
        if not found:
            return Outcome(f"preemption: {problem or NO_CANDIDATE}", None)
    best = choose(found, cluster)
    return Outcome("", best.node, best.victims)


def _is_unresolvable(status: Status | None) -> bool:
    return status is not None and status.unresolvable


def _waits_for_victims(pod: Entry, cluster: Cluster, status: Status | None, nominated: str) -> bool:
    """Whether a victim of an earlier preemption still terminates on the node that the pod was promised."""
    info = cluster.nodes.get(nominated)
    if info is None or _is_unresolvable(status):
        return False
    return any(
        each.terminating and each.facts.priority < pod.facts.priority and _is_preempted(_object(each, cluster))
        for each in info.pods.values()
    )


def _is_preempted(pod: Object) -> bool:
    target = next((each for each in (pod.get("status") or {}).get("conditions") or () if each["type"] == "DisruptionTarget"), None)
    return target is not None and target["status"] == "True" and target.get("reason") == "PreemptionByScheduler"


# -- the victims of one node ---------------------------------------------------------------------------------------------
def _on_copy(pod: Entry, cluster: Cluster, node: NodeInfo, budgets: list[Object], check: Check) -> Candidate | Status:
    copy = node.copy()
    return _victims(pod, cluster, copy, budgets, check, copy.remove, copy.add)


def _in_place(pod: Entry, cluster: Cluster, node: NodeInfo, budgets: list[Object], check: Check) -> Candidate | Status:
    """On the cluster itself, for filters that look beyond the node; everything is put back."""
    away: dict[str, Entry] = {}

    def remove(uid: str) -> None:
        away[uid] = node.pods[uid]
        cluster.remove(uid)

    def add(entry: Entry) -> None:
        del away[entry.uid]
        cluster.place(entry, node.name)

    answer = _victims(pod, cluster, node, budgets, check, remove, add)
    for entry in list(away.values()):
        cluster.place(entry, node.name)
    return answer


def _victims(
    pod: Entry,
    cluster: Cluster,
    node: NodeInfo,
    budgets: list[Object],
    check: Check,
    remove: Callable[[str], None],
    add: Callable[[Entry], None],
) -> Candidate | Status:
    """The fewest pods whose loss lets the pod in: all of lower priority leave, then those come back that still can, budgets first."""
    lower = sorted((each for each in node.pods.values() if each.facts.priority < pod.facts.priority), key=lambda each: _rank(each, cluster))
    for each in lower:
        remove(each.uid)
    status = check(pod, node)
    if status is not None:
        return status
    violating, others = by_budget(lower, budgets)
    victims: list[Entry] = []
    violations = 0
    for each in (*violating, *others):
        add(each)
        if check(pod, node) is None:
            continue
        remove(each.uid)
        victims.append(each)
        violations += each in violating
    return Candidate(node.name, tuple(victims), violations) if victims else NO_VICTIMS


def _rank(pod: Entry, cluster: Cluster) -> tuple[int, str, str, str]:
    """More important pods come first: of higher priority, then those that have run for longer."""
    return (-pod.facts.priority, _started(pod, cluster), pod.namespace, pod.name)


def _object(pod: Entry, cluster: Cluster) -> Object:
    return cluster.view.get("pods", pod.namespace, pod.name) or {}


def _started(pod: Entry, cluster: Cluster) -> str:
    return (_object(pod, cluster).get("status") or {}).get("startTime") or _NOT_STARTED


def by_budget(pods: Sequence[Entry], budgets: list[Object]) -> tuple[list[Entry], list[Entry]]:
    """The pods whose loss breaks a PodDisruptionBudget, counting down in the given order, and the others."""
    violating: list[Entry] = []
    others: list[Entry] = []
    allowed = [(budget.get("status") or {}).get("disruptionsAllowed") or 0 for budget in budgets]
    for pod in pods:
        is_violated = False
        for at, budget in enumerate(budgets):
            if _covers(budget, pod):
                allowed[at] -= 1
                is_violated = is_violated or allowed[at] < 0
        (violating if is_violated else others).append(pod)
    return violating, others


def _covers(budget: Object, pod: Entry) -> bool:
    selector = budget["spec"].get("selector")
    if budget["metadata"]["namespace"] != pod.namespace or not pod.labels or not selector:
        return False
    if not selector.get("matchLabels") and not selector.get("matchExpressions"):
        return False
    return pod.name not in ((budget.get("status") or {}).get("disruptedPods") or {}) and matches_selector(selector, pod.labels)


# -- the node ------------------------------------------------------------------------------------------------------------
def choose(candidates: Sequence[Candidate], cluster: Cluster) -> Candidate:
    """Fewest broken budgets ▸ least highest priority ▸ least sum of priorities ▸ fewest victims ▸ the latest to start ▸ the first.

    Candidates without broken budgets stand before the others, as in upstream's list.
    """
    ordered = sorted(candidates, key=lambda each: each.violations > 0)
    by_rank = {each.node: _cost(each) for each in ordered}
    least = min(by_rank.values())
    ties = [each for each in ordered if by_rank[each.node] == least]
    return max(ties, key=lambda each: _earliest_start(each, cluster))


def _cost(candidate: Candidate) -> tuple[int, int, int, int]:
    priorities = [each.facts.priority for each in candidate.victims]
    return (candidate.violations, priorities[0], sum(each + _OFFSET for each in priorities), len(priorities))


def _earliest_start(candidate: Candidate, cluster: Cluster) -> str:
    """When the first of the victims with the highest priority started."""
    highest = max(each.facts.priority for each in candidate.victims)
    return min(_started(each, cluster) for each in candidate.victims if each.facts.priority == highest)
