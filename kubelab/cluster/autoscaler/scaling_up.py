"""Scaling up: which pods need a node that is not there, which pools could help, and how many nodes of one of them.

upstream: cluster-autoscaler/core/{static_autoscaler.go,scaleup/orchestrator}, estimator/{binpacking_estimator,decreasing_pod_orderer}.go,
processors/status/eventing_scale_up_processor.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from kubelab.cluster.autoscaler.expander import Option, Situation, choose, requests
from kubelab.cluster.autoscaler.options import AutoscalerOptions
from kubelab.cluster.autoscaler.pools import NodePool
from kubelab.cluster.autoscaler.snapshot import Snapshot
from kubelab.kinds import quantity
from kubelab.scheduler.framework import Status
from kubelab.world.clock import SECOND, parse_rfc3339

Object = dict[str, Any]

YOUNG_NS = 2 * SECOND  # upstream: unschedulablePodTimeBuffer
MOST_PER_SCALE_UP = 1000  # upstream: max-nodes-per-scaleup
BACKOFF = "in backoff after failed scale-up"
MAX_REACHED = "max node group size reached"

NOT_NEEDED, YOUNG, NO_OPTIONS, GROWN = "not needed", "pods are very new", "no options", "successful"


class Request(NamedTuple):
    """``pools``: with how many nodes each shall have now, and until when it backs off (0: does not); ``nodes``: how many there are."""

    pending: tuple[Object, ...]
    pools: tuple[tuple[NodePool, int, int], ...]
    nodes: int
    ready: int
    options: AutoscalerOptions
    priorities: str | None
    draw: int
    now_ns: int


class Growth(NamedTuple):
    """``pool`` grows from ``size`` to ``new_size`` for ``pods``; ``hopeless``: (pod, why no pool would help it)."""

    result: str
    pool: NodePool | None = None
    size: int = 0
    new_size: int = 0
    pods: tuple[Object, ...] = ()
    hopeless: tuple[tuple[Object, str], ...] = ()
    warnings: tuple[tuple[str, str], ...] = ()


def unschedulable(pods: Sequence[Object]) -> list[Object]:
    """Pods of which the scheduler says that they fit nowhere."""
    return [pod for pod in pods if is_unschedulable(pod)]


def is_unschedulable(pod: Object) -> bool:
    if pod["spec"].get("nodeName") or pod["metadata"].get("deletionTimestamp"):
        return False
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(
        each["type"] == "PodScheduled" and each["status"] == "False" and each.get("reason") == "Unschedulable" for each in conditions
    )


def to_help(pending: Sequence[Object], snapshot: Snapshot, options: AutoscalerOptions, now_ns: int) -> list[Object]:
    """Pods for which there is no place, not even on nodes that are on their way; the others are put there in the snapshot."""
    waiting = [pod for pod in pending if (pod["spec"].get("priority") or 0) >= options.expendable_pods_priority_cutoff]
    nodes = [info.name for info in snapshot.cluster.order]
    left: list[Object] = []
    for pod in sorted(waiting, key=lambda pod: -(pod["spec"].get("priority") or 0)):
        nominated = (pod.get("status") or {}).get("nominatedNodeName")
        entry = snapshot.entry(pod)
        node = nominated if nominated in snapshot.cluster.nodes else snapshot.first_fit(entry, nodes)
        if node is not None:
            snapshot.place(entry, node)
        elif now_ns - _created_ns(pod) >= options.new_pod_scale_up_delay:
            left.append(pod)
    return left


def _created_ns(pod: Object) -> int:
    return parse_rfc3339(pod["metadata"]["creationTimestamp"])


def decide(request: Request, snapshot: Snapshot) -> Growth:
    """``snapshot``: with the nodes on their way, and the pods on them that will find a place there."""
    options = request.options
    pods = to_help(request.pending, snapshot, options, request.now_ns)
    if not pods:
        return Growth(NOT_NEEDED)
    if options.max_nodes_total and request.ready >= options.max_nodes_total:
        return Growth(NO_OPTIONS)
    if min(map(_created_ns, pods)) + YOUNG_NS > request.now_ns:
        return Growth(YOUNG)
    skipped = {pool.name: reason for pool, size, until_ns in request.pools if (reason := _skipped(pool, size, until_ns, request.now_ns))}
    refused: dict[str, list[str]] = {pod["metadata"]["uid"]: list(skipped.values()) for pod in pods}
    templates = {pool.name: pool.node(f"template-{pool.name}", number, request.now_ns) for number, (pool, _, _) in enumerate(request.pools)}
    found: list[Option] = []
    helped: dict[str, None] = {}
    for pool, _, _ in request.pools:
        if pool.name in skipped:
            continue
        fitting = _fitting(pods, templates[pool.name], snapshot, refused)
        helped.update(dict.fromkeys(pod["metadata"]["uid"] for pod in fitting))
        limit = options.max_nodes_total - request.nodes if options.max_nodes_total else MOST_PER_SCALE_UP
        nodes, taken = estimate(fitting, templates[pool.name], snapshot, limit)
        if nodes and taken:
            found.append(Option(pool, nodes, tuple(taken)))
    hopeless = tuple((pod, _reasons(refused[pod["metadata"]["uid"]])) for pod in pods if pod["metadata"]["uid"] not in helped)
    choice = choose(found, options.expander, Situation(templates, request.nodes, request.priorities), request.draw)
    if choice.option is None:
        return Growth(NO_OPTIONS, hopeless=hopeless, warnings=choice.warnings)
    pool, nodes, taken_by = choice.option
    size = next(size for each, size, _ in request.pools if each.name == pool.name)
    return Growth(GROWN, pool, size, min(size + nodes, pool.most), taken_by, hopeless, choice.warnings)


def _skipped(pool: NodePool, size: int, backoff_until_ns: int, now_ns: int) -> str:
    if backoff_until_ns > now_ns:
        return BACKOFF
    return MAX_REACHED if size >= pool.most else ""


def _fitting(pods: Sequence[Object], template: Object, snapshot: Snapshot, refused: dict[str, list[str]]) -> list[Object]:
    """The pods that an empty node of a pool would take; why not, for the others. Pods of one owner with one spec are asked once."""
    name = template["metadata"]["name"]
    snapshot.add_node(template)
    answers: dict[str, Status | None] = {}
    fitting: list[Object] = []
    for pod in pods:
        entry = snapshot.entry(pod)
        alike = (
            f"{entry.namespace} {entry.owner.uid} {entry.facts.signature} {sorted(entry.labels.items())}" if entry.owner.uid else entry.uid
        )
        if alike not in answers:
            answers[alike] = snapshot.refusal(entry, name)
        status = answers[alike]
        if status is None:
            fitting.append(pod)
        else:
            refused[entry.uid].extend(status.reasons)
    snapshot.remove_nodes([name])
    return fitting


def _reasons(found: Sequence[str]) -> str:
    """``1 Insufficient cpu, 2 max node group size reached`` (upstream: ReasonsMessage, whose order is that of a Go map)."""
    counts: dict[str, int] = {}
    for reason in found:
        counts[reason] = counts.get(reason, 0) + 1
    return ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()))


def estimate(pods: Sequence[Object], template: Object, snapshot: Snapshot, limit: int) -> tuple[int, list[Object]]:
    """How many nodes of a kind pods need, by first fit, the largest pods first; and which of them find a place then."""
    new: list[str] = []
    used: dict[str, None] = {}
    placed: list[Object] = []
    for pod in _largest_first(pods, template):
        entry = snapshot.entry(pod)
        node = snapshot.first_fit(entry, new)
        if node is None:
            if len(new) >= limit:
                break
            if new and new[-1] not in used:
                continue
            node = f"estimated-{len(new)}"
            meta = template["metadata"]
            labels = {**meta["labels"], "kubernetes.io/hostname": node}
            snapshot.add_node({**template, "metadata": {**meta, "name": node, "labels": labels}})
            new.append(node)
            if snapshot.refusal(entry, node) is not None:
                continue
        snapshot.place(entry, node)
        used[node] = None
        placed.append(pod)
    snapshot.remove_nodes(new)
    return len(used), placed


def _largest_first(pods: Sequence[Object], template: Object) -> list[Object]:
    has: Mapping[str, str] = template["status"]["allocatable"]
    cpu, memory = quantity.milli(has.get("cpu", "0")), quantity.value(has.get("memory", "0"))

    def score(pod: Object) -> float:
        wants_cpu, wants_memory = requests((pod,))
        return (wants_cpu / cpu if cpu else 0.0) + (wants_memory / memory if memory else 0.0)

    return sorted(pods, key=score, reverse=True)
