"""One scan: grow a pool for pods that find no place, or else see which nodes are not needed, and take those away that have not been for long.

upstream: cluster-autoscaler/core/static_autoscaler.go RunOnce, core/scaledown/actuation/{actuator,softtaint}.go, clusterstate, 1.28.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from kubelab.cluster.autoscaler import removal, scaling_down, scaling_up, status
from kubelab.cluster.autoscaler.expander import CONFIG_KEY, CONFIG_MAP
from kubelab.cluster.autoscaler.options import AutoscalerOptions, options
from kubelab.cluster.autoscaler.pools import Instance, NodePool, instances, pools
from kubelab.cluster.autoscaler.removal import CANDIDATE, REMOVING, TO_BE_DELETED, Removal
from kubelab.cluster.autoscaler.scaling_up import Growth
from kubelab.cluster.autoscaler.snapshot import Snapshot
from kubelab.engine.component import Scope
from kubelab.engine.plan import NOTHING, Act, Batch, Call, EventDraft, Nudge, Plan, Reason, reference, update
from kubelab.store.view import View
from kubelab.world.clock import SECOND

Object = dict[str, Any]
Notes = dict[str, dict[Any, Any]]

NAME = "cluster-autoscaler"
AGAIN_NS = 300 * SECOND  # an event is not told twice in five minutes
LONG_AGO_NS = -3600 * SECOND

GROW = Reason("PodsNeedNodes", "{subject} grows from {size} to {new_size}: {pods} pods find no place")
SPARE = Reason("NodeCandidate", "{subject} is not needed now")
NEEDED = Reason("NodeNeeded", "{subject} is needed again")


class Scan(NamedTuple):
    """What a scan knows. ``is_tick``: the clock's own; ``is_done``: this instant's scan has been.

    ``idle``: the mark of the cluster when no node could be spared last; as long as it stands, none can.
    """

    view: View
    pools: dict[str, NodePool]
    instances: dict[str, Instance]
    options: AutoscalerOptions
    clock: dict[str, int]
    unneeded: dict[str, int]
    recent: dict[str, int]
    removing: dict[str, Removal]
    backoff: dict[str, tuple[int, int]]
    told: dict[tuple[str, str, str], int]
    idle: tuple[int, ...] | None
    draw: int
    now_ns: int
    is_tick: bool
    is_done: bool


def observe_scan(scope: Scope, *, is_tick: bool) -> Scan:
    clock = scope.table("clock")
    is_done = clock.get("scanned_ns") == scope.now_ns
    return Scan(
        scope.view,
        pools(scope.local),
        instances(scope.local),
        options(scope.local),
        dict(clock),
        dict(scope.table("unneeded")),
        dict(scope.table("unremovable")),
        dict(scope.table(REMOVING)),
        dict(scope.table("backoff")),
        dict(scope.table("told")),
        scope.table("idle").get(""),
        0 if is_done else scope.streams.next(NAME),
        scope.now_ns,
        is_tick,
        is_done,
    )


def plan_scan(seen: Scan) -> Plan:
    again_ns = seen.options.scan_interval if seen.is_tick else None
    if seen.is_done:
        return Plan(again_ns=again_ns)
    done: Notes = {"clock": {"scanned_ns": seen.now_ns}}
    config_map = seen.view.get("configmaps", status.NAMESPACE, status.NAME)
    if _is_unhealthy(seen):
        return _unhealthy(seen, config_map)._replace(again_ns=again_ns)
    late = _late(seen, config_map)
    pods = seen.view.list("pods")
    snapshot = cache(lambda: _snapshot(seen))
    growth = _growth(seen, pods, snapshot)
    found = late if late is not None else _grow(seen, growth, config_map)
    if found is None:
        found = _shrink(seen, snapshot, config_map, is_young=growth.result == scaling_up.YOUNG)
        found = Plan(events=_told_hopeless(seen, growth)).then(found)
        if growth.result == scaling_up.YOUNG:
            found = found.then(Plan(nudge=(Nudge(NAME, ("help",), seen.options.scan_interval),)))
    found = found.then(Plan(_status(seen, config_map), note=done))
    return found._replace(again_ns=again_ns, note={**found.note, "told": _told(seen, found.events)})


def _is_unhealthy(seen: Scan) -> bool:
    """Too many nodes are not ready to trust what is seen (upstream: IsClusterHealthy)."""
    nodes = seen.view.list("nodes")
    young = seen.options.max_node_provision_time
    starting = [name for name, each in seen.instances.items() if not each.joined_ns or seen.now_ns - each.joined_ns < young]
    unready = sum(not scaling_down.is_ready(node) and node["metadata"]["name"] not in starting for node in nodes)
    return unready > seen.options.ok_total_unready_count and unready * 100 > seen.options.max_total_unready_percentage * len(nodes)


def _unhealthy(seen: Scan, config_map: Object | None) -> Plan:
    about = () if config_map is None else (EventDraft(reference(config_map), "Warning", "ClusterUnhealthy", "Cluster is unhealthy"),)
    events = _fresh(seen, list(about))
    note: Notes = {"clock": {"scanned_ns": seen.now_ns}, "unneeded": dict.fromkeys(seen.unneeded), "told": _told(seen, events)}
    return Plan(_status(seen, config_map), events=events, note=note)


def _snapshot(seen: Scan) -> Snapshot:
    """The cluster with the machines on their way as if they were there, and without nodes that are on their way out."""
    snapshot = Snapshot(seen.view)
    for number, instance in enumerate(seen.instances.values()):
        node = seen.view.get("nodes", "", instance.name)
        if node is None or (not scaling_down.is_ready(node) and seen.now_ns - instance.joined_ns < seen.options.max_node_provision_time):
            snapshot.remove_nodes([instance.name] if node is not None else [])
            snapshot.add_node(seen.pools[instance.pool].node(instance.name, number, seen.now_ns))
        elif any(taint["key"].startswith("node.kubernetes.io/not-ready") for taint in node["spec"].get("taints") or ()):
            snapshot.cluster.set_node(removal.without_taint(node, "node.kubernetes.io/not-ready"))
    return snapshot


def _growth(seen: Scan, pods: list[Object], snapshot: Callable[[], Snapshot]) -> Growth:
    pending = tuple(scaling_up.unschedulable(pods))
    if not pending:
        return Growth(scaling_up.NOT_NEEDED)
    nodes = seen.view.list("nodes")
    priorities = seen.view.get("configmaps", status.NAMESPACE, CONFIG_MAP)
    upcoming = sum(seen.view.get("nodes", "", name) is None for name in seen.instances)
    request = scaling_up.Request(
        pending,
        tuple((pool, _size(seen, name), seen.backoff.get(name, (0, 0))[0]) for name, pool in seen.pools.items()),
        len(nodes) + upcoming,
        sum(map(scaling_down.is_ready, nodes)),
        seen.options,
        None if priorities is None else (priorities.get("data") or {}).get(CONFIG_KEY, ""),
        seen.draw,
        seen.now_ns,
    )
    return scaling_up.decide(request, snapshot())


def _size(seen: Scan, pool: str) -> int:
    return sum(each.pool == pool for each in seen.instances.values())


# -- growing -------------------------------------------------------------------------------------------------------------
def _grow(seen: Scan, growth: Growth, config_map: Object | None) -> Plan | None:
    if growth.result != scaling_up.GROWN or growth.pool is None:
        return None
    pool, size, new = growth.pool.name, growth.size, growth.new_size
    because = GROW(f"node pool {pool}", size=size, new_size=new, pods=len(growth.pods))
    most = growth.pool.most
    info = f"[{{{pool} {size}->{new} (max: {most})}}]"
    events = [EventDraft(reference(pod), "Normal", "TriggeredScaleUp", f"pod triggered scale-up: {info}") for pod in growth.pods]
    if config_map is not None:
        about, tail = reference(config_map), f"{new} instead of {size} (max: {most})"
        events += [
            EventDraft(about, "Normal", "ScaledUpGroup", f"Scale-up: setting group {pool} size to {tail}"),
            EventDraft(about, "Normal", "ScaledUpGroup", f"Scale-up: group {pool} size set to {tail}"),
            *(EventDraft(about, "Warning", reason, words) for reason, words in growth.warnings),
        ]
    grow = Batch((Act("grow", (pool, new - size), because=because),))
    return Plan((grow,), events=_fresh(seen, events), because=(because,), remember={"clock": {"grown_ns": seen.now_ns}})


def _told_hopeless(seen: Scan, growth: Growth) -> tuple[EventDraft, ...]:
    events = [
        EventDraft(reference(pod), "Normal", "NotTriggerScaleUp", f"pod didn't trigger scale-up: {reasons}")
        for pod, reasons in growth.hopeless
    ]
    return _fresh(seen, events)


def _fresh(seen: Scan, events: list[EventDraft]) -> tuple[EventDraft, ...]:
    """Events that have not been told in the last five minutes."""
    return tuple(each for each in events if seen.told.get(_mark(each), LONG_AGO_NS) + AGAIN_NS <= seen.now_ns)


def _mark(event: EventDraft) -> tuple[str, str, str]:
    return (event.regarding.get("uid", ""), event.reason, event.message)


def _told(seen: Scan, events: tuple[EventDraft, ...]) -> dict[Any, Any]:
    old = {mark: None for mark, at_ns in seen.told.items() if at_ns + AGAIN_NS <= seen.now_ns}
    return {**old, **{_mark(each): seen.now_ns for each in events}}


def _late(seen: Scan, config_map: Object | None) -> Plan | None:
    """Machines that have not come in time are given up, and their pools left alone for a while."""
    limit_ns = seen.options.max_node_provision_time
    late = [each for each in seen.instances.values() if not each.joined_ns and seen.now_ns - each.asked_ns > limit_ns]
    if not late:
        return None
    calls = tuple(Act("end", (each.name,)) for each in late)
    events: list[EventDraft] = []
    backoff: dict[str, tuple[int, int]] = {}
    for pool in dict.fromkeys(each.pool for each in late):
        until_ns, length_ns = seen.backoff.get(pool, (0, 0))
        longer = min(length_ns * 2, seen.options.max_node_group_backoff_duration) if length_ns else 0
        length_ns = longer or seen.options.initial_node_group_backoff_duration
        backoff[pool] = (max(until_ns, seen.now_ns + length_ns), length_ns)
        if config_map is not None:
            words = f"Nodes added to group {pool} failed to register within {_go(limit_ns)}"
            events.append(EventDraft(reference(config_map), "Warning", "ScaleUpTimedOut", words))
    return Plan((Batch(calls),), events=tuple(events), remember={"backoff": backoff})


def _go(length_ns: int) -> str:
    minutes, seconds = divmod(length_ns // SECOND, 60)
    return f"{minutes}m{seconds}s"


# -- shrinking -----------------------------------------------------------------------------------------------------------
def _shrink(seen: Scan, snapshot: Callable[[], Snapshot], config_map: Object | None, *, is_young: bool) -> Plan:
    mark = _mark_of(seen)
    if not seen.options.scale_down_enabled or seen.idle == mark:
        return NOTHING
    candidates = [
        node
        for name, instance in seen.instances.items()
        if instance.joined_ns and name not in seen.removing and (node := seen.view.get("nodes", "", name)) is not None
        if scaling_down.is_ready(node) or seen.now_ns - instance.joined_ns >= seen.options.max_node_provision_time
    ]
    found = scaling_down.picture(candidates, seen.view, snapshot, seen.options, seen.recent, seen.now_ns)
    names = [each.node for each in found.unneeded]
    since = {name: seen.unneeded.get(name, seen.now_ns) for name in names}
    unremovable: dict[str, int | None] = {name: None for name, until in seen.recent.items() if until <= seen.now_ns}
    for name, reason in found.unremovable:
        if not reason.startswith(("recently", "cpu", "memory", "scale-down")):
            unremovable[name] = seen.now_ns + seen.options.unremovable_node_recheck_timeout
    note: Notes = {"unneeded": {**{name: None for name in seen.unneeded if name not in since}, **since}, "unremovable": unremovable}
    if is_young or _is_cooling(seen):
        return Plan(note=note)
    sizes = {
        name: (_size(seen, name) - sum(each.pool == name for each in seen.removing.values()), pool.least)
        for name, pool in seen.pools.items()
    }
    ready = {node["metadata"]["name"]: scaling_down.is_ready(node) for node in candidates}
    of_pool = {name: (seen.instances[name].pool, ready[name]) for name in names}
    draining = sum(bool(each.pods) for each in seen.removing.values())
    go = scaling_down.going(found.unneeded, since, of_pool, sizes, draining, seen.options, seen.now_ns)
    if go.empty or go.drained:
        return _remove(seen, go, since, config_map)._replace(note=note)
    taints = _soft_taints(seen, candidates, names)
    return Plan(taints, note={**note, "idle": {"": None if taints or names else mark}})


def _mark_of(seen: Scan) -> tuple[int, ...]:
    """Numbers that change with any pod, with what matters of the nodes, and every few minutes."""
    period_ns = seen.options.unremovable_node_recheck_timeout or seen.options.scan_interval
    pods, nodes = seen.view.list("pods"), seen.view.list("nodes")
    versions = sum(int(pod["metadata"]["resourceVersion"]) for pod in pods)
    ready, taints = sum(map(scaling_down.is_ready, nodes)), sum(len(node["spec"].get("taints") or ()) for node in nodes)
    notes = sum(len(node["metadata"].get("annotations") or ()) + len(node["metadata"].get("labels") or ()) for node in nodes)
    return seen.now_ns // period_ns, len(pods), versions, len(nodes), ready, taints, notes


def _is_cooling(seen: Scan) -> bool:
    settings, clock, now_ns = seen.options, seen.clock, seen.now_ns
    return (
        clock.get("grown_ns", LONG_AGO_NS) + settings.scale_down_delay_after_add > now_ns
        or clock.get("failed_ns", LONG_AGO_NS) + settings.scale_down_delay_after_failure > now_ns
        or clock.get("removed_ns", LONG_AGO_NS) + settings.scale_down_delay_after_delete > now_ns
    )


def _remove(seen: Scan, go: scaling_down.Going, since: dict[str, int], config_map: Object | None) -> Plan:
    marks: list[Call | Act] = []
    removing: dict[str, Removal] = {}
    events: list[EventDraft] = []
    for name, pods in (*((name, ()) for name in go.empty), *((each.node, each.pods) for each in go.drained)):
        node = seen.view.get("nodes", "", name)
        if node is None:
            continue
        because = removal.UNNEEDED(f"node/{name}", minutes=(seen.now_ns - since[name]) // (60 * SECOND))
        marks.append(removal.mark(node, because, seen.now_ns))
        places = tuple((pod["metadata"]["namespace"], pod["metadata"]["name"], pod["metadata"]["uid"]) for pod in pods)
        removing[name] = Removal(seen.instances[name].pool, seen.now_ns, since[name], places)
        if config_map is not None:
            events.append(EventDraft(reference(config_map), "Normal", *_announced(seen, node, pods)))
    delay_ns = seen.options.node_delete_delay_after_taint
    nudges = tuple(Nudge(NAME, ("remove", name), delay_ns) for name in removing)
    remember: Notes = {REMOVING: dict(removing), "clock": {"removed_ns": seen.now_ns}}
    return Plan((Batch(tuple(marks)),), events=tuple(events), remember=remember, nudge=nudges)


def _announced(seen: Scan, node: Object, pods: tuple[Object, ...]) -> tuple[str, str]:
    name = node["metadata"]["name"]
    if not pods:
        return "ScaleDownEmpty", f'Scale-down: removing empty node "{name}"'
    on_node = seen.view.on_node(name)
    share, resource = scaling_down.utilization(node, on_node, seen.now_ns)
    names = ",".join(f"{pod['metadata']['namespace']}/{pod['metadata']['name']}" for pod in pods)
    return "ScaleDown", f"Scale-down: removing node {name}, utilization: {{{resource} {share:g}}}, pods to reschedule: {names}"


def _soft_taints(seen: Scan, candidates: list[Object], unneeded: list[str]) -> tuple[Batch, ...]:
    """Nodes that are not needed are made less welcome to new pods, others welcome again."""
    calls: list[Call | Act] = []
    for node in candidates:
        name = node["metadata"]["name"]
        if removal.has_taint(node, TO_BE_DELETED):
            continue
        marked = removal.has_taint(node, CANDIDATE)
        if marked and name not in unneeded:
            calls.append(update("nodes", removal.without_taint(node, CANDIDATE), because=NEEDED(f"node/{name}")))
        elif not marked and name in unneeded:
            tainted = removal.with_taint(node, CANDIDATE, "PreferNoSchedule", seen.now_ns)
            calls.append(update("nodes", tainted, because=SPARE(f"node/{name}")))
    calls = calls[: seen.options.max_bulk_soft_taint_count]
    return (Batch(tuple(calls)),) if calls else ()


def _status(seen: Scan, config_map: Object | None) -> tuple[Batch, ...]:
    nodes = {node["metadata"]["name"]: node for node in seen.view.list("nodes")}
    groups = []
    for name, pool in seen.pools.items():
        own = [each.name for each in seen.instances.values() if each.pool == name]
        registered = [nodes[each] for each in own if each in nodes]
        spare = sum(each in seen.unneeded for each in own)
        groups.append(status.Group(pool, sum(map(scaling_down.is_ready, registered)), len(registered), len(own), spare))
    words = status.text(groups, (sum(map(scaling_down.is_ready, nodes.values())), len(nodes)), seen.now_ns)
    return status.written(config_map, words, seen.now_ns)
