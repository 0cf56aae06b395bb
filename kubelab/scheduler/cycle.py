"""One scheduling cycle: which node a pod goes to, or why to none. A pure function of the cluster, the pod, the start index and a draw.

upstream: pkg/scheduler/schedule_one.go schedulePod, findNodesThatFitPod, prioritizeNodes, selectHost, 1.28; spec "Scheduling cycle".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from kubelab.scheduler.cluster import Cluster, taker
from kubelab.scheduler.extender import ExtenderError, Extending
from kubelab.scheduler.facts import Entry
from kubelab.scheduler.failure import NO_NODES, SCHEDULER_ERROR, UNSCHEDULABLE, fit_message
from kubelab.scheduler.framework import MAX_NODE_SCORE, Skip, Status
from kubelab.scheduler.node_info import NodeInfo
from kubelab.scheduler.plugins import (
    default_preemption,
    inter_pod_affinity,
    node_affinity,
    pod_topology_spread,
    taint_toleration,
    volume_binding,
)
from kubelab.scheduler.profile import DEFAULT, Profile
from kubelab.scheduler.table import Table, table_for

Rows = list[tuple[Callable[[Any, NodeInfo], Status | None], Any]]


class Decision(NamedTuple):
    """``node``: where to ("" if nowhere); ``score`` its total, ``feasible`` of ``evaluated`` nodes passed. ``start``: next start index.

    Of a failure: ``reason`` and ``message`` of the condition, the ``plugins`` that refused, and ``statuses`` by node.
    ``bindings``: what is to be bound and provisioned for its claims. ``nominated``: the pod's nominatedNodeName after a failure (None: as
    it was), where it will fit once its ``victims`` are gone.
    """

    node: str
    start: int
    score: int = 0
    feasible: int = 0
    evaluated: int = 0
    bindings: volume_binding.Bindings = volume_binding.Bindings()
    reason: str = ""
    message: str = ""
    plugins: tuple[str, ...] = ()
    statuses: tuple[tuple[str, Status], ...] = ()
    nominated: str | None = ""
    victims: tuple[Entry, ...] = ()


class Prepared(NamedTuple):
    """The pre-filter stage: the wide filters that matter with their states, the only nodes to look at, or a refusal."""

    rows: Rows
    nodes: tuple[str, ...] | None = None
    refusal: Status | None = None


class Run(NamedTuple):
    """What one cycle works with. ``draw``: 64 random bits for a tie. ``nominated``: the pod's nominatedNodeName."""

    cluster: Cluster
    pod: Entry
    profile: Profile
    draw: int
    nominated: str
    extending: Extending | None


def decide(
    cluster: Cluster,
    pod: Entry,
    start: int,
    draw: int,
    nominated: str = "",
    profile: Profile = DEFAULT,
    extending: Extending | None = None,
) -> Decision:
    """``start``: the rotating start index. ``draw``: 64 random bits for a tie. ``nominated``: the pod's nominatedNodeName."""
    cluster.refresh()
    order = cluster.order
    if not order:
        return Decision("", start, reason=UNSCHEDULABLE, message=NO_NODES)
    run = Run(cluster, pod, profile, draw, nominated, extending)
    prepared = prepare(cluster, pod, profile)
    if prepared.refusal is not None:
        statuses = {node.name: prepared.refusal for node in order}
        return _failed(run, start, statuses, prepared.refusal)
    if prepared.nodes is not None:
        missing = next((name for name in prepared.nodes if name not in cluster.nodes or cluster.nodes[name].node is None), None)
        if missing is not None:
            return Decision("", start, reason=SCHEDULER_ERROR, message=f'nodeinfo not found for node name "{missing}"')
        if len(prepared.nodes) == 1:
            return _on_one(run, prepared.rows, prepared.nodes[0])
    return _on_best(run, prepared, start)


def _on_best(run: Run, prepared: Prepared, start: int) -> Decision:
    cluster, pod, profile, draw, nominated, extending = run
    table, order, rows = table_for(cluster, pod, profile), cluster.order, prepared.rows
    statuses: dict[str, Status] = {}
    if nominated in cluster.nodes and cluster.nodes[nominated].node is not None:
        status = _check(table, rows, run, cluster.nodes[nominated])
        if status is not None:
            statuses[nominated] = status
        elif extending is None or extending.welcomes(cluster.nodes[nominated], statuses):
            return _placed(pod, rows, Decision(nominated, start, feasible=1, evaluated=1), cluster)
    indices: Sequence[int] = range(len(order)) if prepared.nodes is None else [cluster.nodes[name].index for name in prepared.nodes]
    if prepared.nodes is None and not rows and not cluster.nominated and not nominated:
        if table.failing == len(order):
            return _all_refuse(run, table, start)
        window, evaluated = _feasible_alone(table, start % len(order), nodes_to_find(len(order), profile.percentage))
    else:
        window = _feasible(run, table, rows, indices, start, statuses)
        evaluated = len(window) + len(statuses)
    next_start = (start + evaluated) % len(indices)
    if extending is not None and window:
        if not statuses and table.failing:
            seen = [(start + step) % len(order) for step in range(evaluated)]
            statuses = {order[index].name: status for index in seen if (status := table.status[index]) is not None}
        try:
            window = extending.filter(order, window, statuses)
        except ExtenderError as error:
            return Decision("", next_start, reason=SCHEDULER_ERROR, message=str(error))
    if not window:
        return _failed(run, next_start, statuses, None, alone=not rows)
    best, score = choose(run, table, window) if len(window) > 1 else (window[0], 0)
    return _placed(pod, rows, Decision(order[best].name, next_start, score, len(window), evaluated), cluster)


def _on_one(run: Run, rows: Rows, name: str) -> Decision:
    """A pod that is confined to one node, as those of a DaemonSet are: no other is asked. The start index comes out as 0, as upstream's."""
    cluster, pod = run.cluster, run.pod
    node = cluster.nodes[name]
    status = check_alone(pod, node, run.profile) or next(filter(None, (ask(state, node) for ask, state in rows)), None)
    status = status or _with_nominated(run, node)
    statuses = {} if status is None else {name: status}
    if status is None and run.extending is not None:
        try:
            left = run.extending.filter(cluster.order, (node.index,), statuses)
        except ExtenderError as error:
            return Decision("", 0, reason=SCHEDULER_ERROR, message=str(error))
        if not left:
            return _failed(run, 0, statuses, None, alone=not rows)
    if status is not None:
        return _failed(run, 0, statuses, None, alone=not rows)
    return _placed(pod, rows, Decision(name, 0, feasible=1, evaluated=1), cluster)


def prepare(cluster: Cluster, pod: Entry, profile: Profile = DEFAULT) -> Prepared:
    """The pre-filter stage."""
    rows: Rows = []
    only = node_affinity.pre_filter(pod) if profile.confines else None
    if isinstance(only, Status):
        return Prepared(rows, refusal=only)
    limiting = [] if only is None else [node_affinity.NAME]
    for name, pre_filter, ask in profile.wide:
        state = pre_filter(pod, cluster)
        if isinstance(state, Status):
            return Prepared(rows, refusal=state)
        if isinstance(state, Skip):
            continue
        rows.append((ask, state))
        here = state.only_nodes if isinstance(state, volume_binding.State) else None
        if here is None:
            continue
        limiting.append(name)
        only = here if only is None else tuple(node for node in only if node in here)
        if not only:
            return Prepared(rows, refusal=_nowhere(limiting))
    return Prepared(rows, only)


def _nowhere(plugins: list[str]) -> Status:
    words = f"plugin {plugins[0]}" if len(plugins) == 1 else f"plugin(s) [{' '.join(plugins)}] simultaneously"
    return Status(plugins[-1], (f"node(s) didn't satisfy {words}",))


def nodes_to_find(nodes: int, percentage: int = 0) -> int:
    """How many feasible nodes end the search (upstream: numFeasibleNodesToFind). ``percentage`` 0: the more nodes, the fewer of them.

    >>> nodes_to_find(99), nodes_to_find(500), nodes_to_find(5000), nodes_to_find(5000, 40)
    (99, 230, 500, 2000)
    """
    if nodes < 100:
        return nodes
    return max(100, nodes * (percentage or max(5, 50 - nodes // 125)) // 100)


def _feasible_alone(table: Table, at: int, wanted: int) -> tuple[Sequence[int], int]:
    """Where the nodes decide alone: the indices of the feasible ones, searched from ``at``, and how many were looked at.

    The search ends where upstream's does: where it finds one too many.
    """
    status, size = table.status, len(table.status)
    if not table.failing:
        return range(at, at + wanted) if at + wanted <= size else [*range(at, size), *range(at + wanted - size)], wanted
    steps = [step for step, each in enumerate(status[at:] + status[:at]) if each is None]
    return [(step + at) % size for step in steps[:wanted]], steps[wanted] if len(steps) > wanted else size


def _feasible(run: Run, table: Table, rows: Rows, indices: Sequence[int], start: int, statuses: dict[str, Status]) -> list[int]:
    """The same through all filters; the statuses of the other nodes are noted."""
    order, found = run.cluster.order, list[int]()
    size, wanted = len(indices), nodes_to_find(len(indices), run.profile.percentage)
    for step in range(size):
        index = indices[(start + step) % size]
        node = order[index]
        status = _check(table, rows, run, node)
        if status is not None:
            statuses[node.name] = status
        elif len(found) == wanted:
            break
        else:
            found.append(index)
    return found


def _check(table: Table, rows: Rows, run: Run, node: NodeInfo) -> Status | None:
    status = table.status[node.index]
    if status is not None:
        return status
    for ask, state in rows:
        status = ask(state, node)
        if status is not None:
            return status
    return _with_nominated(run, node) if run.cluster.nominated else None


def _with_nominated(run: Run, node: NodeInfo) -> Status | None:
    """The node's own filters, with the pods of equal or higher priority that are nominated to it."""
    pod = run.pod
    guests = [
        entry
        for uid, entry in run.cluster.nominated.get(node.name, {}).items()
        if uid != pod.uid and entry.facts.priority >= pod.facts.priority
    ]
    if not guests:
        return None
    fuller = node.copy()
    for entry in guests:
        fuller.add(entry)
    return check_alone(pod, fuller, run.profile)


def check_alone(pod: Entry, node: NodeInfo, profile: Profile = DEFAULT) -> Status | None:
    """The filters that the node alone decides, in the profile's order."""
    for _, ask in profile.own:
        status = ask(pod, node)
        if status is not None:
            return status
    return None


def choose(run: Run, table: Table, window: Sequence[int]) -> tuple[int, int]:
    """The index of the best of the feasible nodes and its total score; of equal ones, one at random."""
    cluster, pod, profile, draw, _, extending = run
    take = taker(window)
    totals = take(table.score)
    constant = 0
    if profile.weights == {}:
        constant = 1  # upstream: without scoring plug-ins every node scores one
    elif not table.tainted:
        constant = MAX_NODE_SCORE * profile.weight(taint_toleration.NAME)
    elif weight := profile.weight(taint_toleration.NAME):
        totals = _plus(totals, taint_toleration.normalize(take(table.taints)), weight)
    if (pod.facts.node_preferences or profile.added) and (weight := profile.weight(node_affinity.NAME)):
        totals = _plus(totals, node_affinity.normalize(take(table.preference)), weight)
    if weight := profile.weight(pod_topology_spread.NAME):
        spread = pod_topology_spread.pre_score(pod, cluster, window, profile.spread)
        if not isinstance(spread, Skip):
            totals = _plus(totals, pod_topology_spread.scores(spread, cluster, window), weight)
    if weight := profile.weight(inter_pod_affinity.NAME):
        near = inter_pod_affinity.pre_score(pod, cluster, profile.hard_affinity_weight, ignores_preferences=profile.ignores_preferences)
        if not isinstance(near, Skip):
            totals = _plus(totals, inter_pod_affinity.scores(near, cluster, window), weight)
    if extending is not None:
        totals = _plus(totals, extending.scores(cluster.order, window), 1)
    best = max(totals)
    ties = [index for index, total in zip(window, totals, strict=True) if total == best]
    return ties[(draw * len(ties)) >> 64], best + constant


def _plus(totals: Sequence[int], scores: Sequence[int], weight: int) -> list[int]:
    return [total + weight * score for total, score in zip(totals, scores, strict=True)]


def _placed(pod: Entry, rows: Rows, decision: Decision, cluster: Cluster) -> Decision:
    for _, state in rows:
        if isinstance(state, volume_binding.State):
            found = volume_binding.find(state, cluster.nodes[decision.node])
            if isinstance(found, volume_binding.Bindings):
                return decision._replace(bindings=found)
    return decision


def _all_refuse(run: Run, table: Table, start: int) -> Decision:
    """Every node refuses the pod by itself: the next replica hears the same as long as nothing changes, and nobody has to make room."""
    order, facts = run.cluster.order, run.pod.facts
    key = (table.epoch, table.seen, facts.priority, facts.spec.get("preemptionPolicy"))
    if table.refusal is None or table.refusal[0] != key:
        statuses = {node.name: status for node, status in zip(order, table.status, strict=True) if status is not None}
        failed = _failed(run._replace(nominated=""), start, statuses, None, alone=True)
        if failed.victims:
            return failed._replace(start=start % len(order))
        table.refusal = (key, failed)
    decision: Decision = table.refusal[1]
    return decision._replace(start=start % len(order))


def _failed(run: Run, start: int, statuses: dict[str, Status], pre_filter: Status | None, *, alone: bool = False) -> Decision:
    cluster, pod = run.cluster, run.pod

    def check(pod: Entry, node: NodeInfo) -> Status | None:
        return _check_now(run, node, alone=alone)

    after = default_preemption.Outcome(nominated=None)
    if run.profile.candidates is not None:
        amend = None if run.extending is None else run.extending.amender(cluster.nodes)
        after = default_preemption.post_filter(
            pod, cluster, statuses, check, run.draw, run.nominated, alone=alone, candidates=run.profile.candidates, amend=amend
        )
    words = ", ".join(pre_filter.reasons) if pre_filter else ""
    if run.profile.first:
        message = _first_message(run, pre_filter)
    else:
        message = fit_message(len(cluster.order), statuses.values(), words, after.message)
    plugins = tuple(sorted(dict.fromkeys(status.plugin for status in statuses.values() if status.plugin)))
    return Decision(
        "",
        start,
        evaluated=len(statuses),
        reason=UNSCHEDULABLE,
        message=message,
        plugins=plugins,
        statuses=tuple(statuses.items()),
        nominated=after.nominated,
        victims=after.victims,
    )


def _first_message(run: Run, refusal: Status | None) -> str:
    from kubelab.scheduler import first

    rows = () if refusal is not None else prepare(run.cluster, run.pod, run.profile).rows
    return first.fit_message(run.profile, run.pod, run.cluster.order, rows, refusal)


def _check_now(run: Run, node: NodeInfo, *, alone: bool) -> Status | None:
    """All filters on one node as it stands at this moment of a preemption's dry run; ``alone``: the wide ones do not matter for the pod."""
    status = check_alone(run.pod, node, run.profile)
    if status is None and not alone:
        prepared = prepare(run.cluster, run.pod, run.profile)
        status = prepared.refusal or next(filter(None, (ask(state, node) for ask, state in prepared.rows)), None)
    return status or _with_nominated(run, node)
