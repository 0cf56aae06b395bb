"""The scheduling cycle as the engine runs it: the head of the queue is looked at, decided on, and assumed or put back.

upstream: pkg/scheduler/schedule_one.go scheduleOne, handleSchedulingFailure, 1.28; spec "Scheduling cycle", "Failure".
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kubelab.engine.component import Scope
from kubelab.engine.plan import NOTHING, Act, Batch, Call, EventDraft, Key, Nudge, Plan, Reason, reference
from kubelab.scheduler.cluster import Cluster
from kubelab.scheduler.cycle import Decision, decide
from kubelab.scheduler.extender import Extending
from kubelab.scheduler.facts import Entry
from kubelab.scheduler.failure import condition_patch, failed_event, reporter
from kubelab.scheduler.framework import SCHEDULER_NAME
from kubelab.scheduler.memory import (
    ASSUMED,
    CYCLE,
    CYCLE_KEY,
    LEFTOVER_KEY,
    NOMINATED,
    TOUCHED,
    Assumed,
    derived,
    head,
)
from kubelab.scheduler.profile import DEFAULT, Profile
from kubelab.scheduler.queue import ACTIVE, LEFTOVER_NS, LONGEST_UNSCHEDULABLE_NS, UNSCHEDULABLE, Queued, next_tick_ns
from kubelab.scheduler.setup import DEFAULT_SETUP, Setup
from kubelab.world.clock import rfc3339

Object = dict[str, Any]

NAME = "scheduler"
FIELD_MANAGER = "KubeScheduler"
PREEMPTED_BY = "Preempted by a pod on node {node}"
SKIP_DELETING = "skip schedule deleting pod: {namespace}/{name}"

PLACED = Reason("placed", "{subject} goes to {node}: the best of {feasible} feasible nodes, score {score}")
ONLY_ONE = Reason("only-feasible-node", "{subject} goes to {node}: the only feasible node")
PREEMPTED = Reason("preempted", "{subject} needs the place of {victims} pods of lower priority on {node}")
UNFIT = Reason("no-node-fits", "{subject} waits: {message}")
GONE = Reason("nothing-to-schedule", "{subject} is gone, bound or being deleted")


class Cycle(NamedTuple):
    """What one cycle knows. ``pod`` is None if the pod is gone or has a node. ``draw``: chance for a tie."""

    queued: Queued
    pod: Object | None
    entry: Entry | None
    cluster: Cluster
    start: int
    draw: int
    has_more: bool
    now_ns: int
    schedule_ns: int
    sync_ns: int
    born_ns: int
    profile: Profile = DEFAULT
    extending: Extending | None = None


def observe(scope: Scope, setup: Setup = DEFAULT_SETUP) -> Cycle | None:
    box, cluster = derived(scope)
    queued = head(scope, box)
    if queued is None:
        return None
    cluster.refresh()
    pod = scope.view.get("pods", queued.namespace, queued.name)
    if pod is not None and (pod["metadata"]["uid"] != queued.uid or pod["spec"].get("nodeName")):
        pod = None
    box.recent = entry = None if pod is None else cluster.entry_of(pod)
    memory = scope.table(CYCLE)
    profile, extending = DEFAULT, None
    if pod is not None and setup is not DEFAULT_SETUP:
        profile = setup.profile_of(pod) or DEFAULT
        concerned = setup.concerned(pod)
        extending = Extending(pod, concerned) if concerned else None
    return Cycle(
        queued,
        pod,
        entry,
        cluster,
        memory.get("start", 0),
        scope.streams.next(NAME),
        len(scope.table(ACTIVE)) > 1,
        scope.now_ns,
        scope.timing.schedule_ns + scope.timing.node_sync_ns * len(cluster.nodes),
        scope.timing.sync_ns,
        memory.get("born_ns", 0),
        profile,
        extending,
    )


def plan(seen: Cycle | None) -> Plan:
    if seen is None:
        return NOTHING
    pod, queued = seen.pod, seen.queued
    next_cycle: tuple[Key, ...] = (CYCLE_KEY,) if seen.has_more else ()
    if pod is None or seen.entry is None:
        return Plan(follow_up=next_cycle, note={ACTIVE: {queued.uid: None}}, because=(GONE(f"pod/{queued.name}"),))
    if pod["metadata"].get("deletionTimestamp"):
        words = SKIP_DELETING.format(namespace=queued.namespace, name=queued.name)
        note = {ACTIVE: {queued.uid: None}}
        return Plan(follow_up=next_cycle, note=note, events=(failed_event(pod, words),), because=(GONE(f"pod/{queued.name}"),))
    nominated = (pod.get("status") or {}).get("nominatedNodeName") or ""
    decision = decide(seen.cluster, seen.entry, seen.start, seen.draw, nominated, seen.profile, seen.extending)
    return _assume(seen, decision, next_cycle) if decision.node else _put_back(seen, pod, decision, next_cycle)


def _assume(seen: Cycle, decision: Decision, next_cycle: tuple[Key, ...]) -> Plan:
    queued = seen.queued._replace(attempts=seen.queued.attempts + 1)
    uid, rule = queued.uid, PLACED if decision.feasible > 1 else ONLY_ONE
    assumed = Assumed(queued, decision.node, decision.score, decision.feasible, decision.evaluated, *decision.bindings)
    return Plan(
        _takes_time(seen),
        because=(rule(f"pod/{queued.name}", node=decision.node, score=decision.score, feasible=decision.feasible),),
        note={ACTIVE: {uid: None}, ASSUMED: {uid: assumed}, NOMINATED: {uid: None}, TOUCHED: {uid: 1}, CYCLE: {"start": decision.start}},
        follow_up=(("bind", queued.namespace, queued.name, uid), *next_cycle),
    )


def _put_back(seen: Cycle, pod: Object, decision: Decision, next_cycle: tuple[Key, ...]) -> Plan:
    failed_ns = seen.now_ns + seen.schedule_ns
    queued = seen.queued._replace(
        attempts=seen.queued.attempts + 1,
        timestamp_ns=failed_ns,
        plugins=decision.plugins,
        near=bool(seen.entry and seen.entry.facts.affinity),
    )
    leftover_ns = next_tick_ns(seen.born_ns, LEFTOVER_NS, failed_ns + LONGEST_UNSCHEDULABLE_NS + 1)
    because = UNFIT(f"pod/{queued.name}", message=decision.message)
    patched = condition_patch(pod, decision.reason, decision.message, rfc3339(failed_ns), because, decision.nominated)
    event = failed_event(pod, decision.message)
    batches = _takes_time(seen, event)
    note: dict[str, dict[Any, Any]] = {
        ACTIVE: {queued.uid: None},
        UNSCHEDULABLE: {queued.uid: queued},
        CYCLE: {"start": decision.start},
    }
    if decision.nominated:
        note[NOMINATED] = {queued.uid: (queued.namespace, queued.name, decision.nominated)}
        note[TOUCHED] = {queued.uid: 1}
    making_room = _making_room(seen, pod, decision) if decision.victims else ()
    return Plan(
        (*batches, *making_room, *(() if patched is None else (Batch((patched,)),))),
        follow_up=next_cycle,
        because=(because,),
        events=() if batches else (event,),
        note=note,
        nudge=(Nudge(NAME, LEFTOVER_KEY, leftover_ns - seen.now_ns),),
    )


def _making_room(seen: Cycle, pod: Object, decision: Decision) -> tuple[Batch, ...]:
    """The victims are told why and deleted; pods of lower priority that were promised the node lose the promise.

    upstream: pkg/scheduler/framework/preemption/preemption.go prepareCandidate.
    """
    node = decision.nominated or ""
    because = PREEMPTED(f"pod/{seen.queued.name}", node=node, victims=len(decision.victims))
    target = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "PreemptionByScheduler",
        "message": f"{pod['spec'].get('schedulerName', SCHEDULER_NAME)}: preempting to accommodate a higher priority pod",
        "lastTransitionTime": rfc3339(seen.now_ns),
    }
    told: list[Call | Act] = []
    deleted: list[Call | Act] = []
    for victim in decision.victims:
        where = (victim.namespace, victim.name)
        meta = {"name": victim.name, "namespace": victim.namespace}
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "status": {"conditions": [target]}}
        told.append(Call("patch", "pods", *where, "status", body, "apply", (404,), because=because, manager=FIELD_MANAGER))
        found = seen.cluster.view.get("pods", *where)
        event = (
            (EventDraft(reference(found), "Normal", "Preempted", PREEMPTED_BY.format(node=node), "Preempting", reporter(pod)),)
            if found
            else ()
        )
        deleted.append(Call("delete", "pods", *where, accept=(404,), on_success=event, because=because))
    guests = seen.cluster.nominated.get(node, {}).values()
    displaced: list[Call | Act] = [
        Call("patch", "pods", each.namespace, each.name, "status", {"status": {"nominatedNodeName": None}}, "strategic", (404,))
        for each in guests
        if seen.entry is not None and each.facts.priority < seen.entry.facts.priority
    ]
    return (Batch(tuple(told)), Batch(tuple(deleted)), *((Batch(tuple(displaced)),) if displaced else ()))


def _takes_time(seen: Cycle, *events: EventDraft) -> tuple[Batch, ...]:
    """The cycle's own time, at whose end events are told; a sync's usual time, which comes before any first batch, is part of it."""
    arguments = (seen.queued.namespace, seen.queued.name, *events)
    spent = Act("cycle", arguments, max(0, seen.schedule_ns - seen.sync_ns), computing=True)
    return (Batch((spent,)),) if seen.schedule_ns else ()


def act(done: Act) -> Plan:
    """The end of a cycle."""
    return Plan(events=done.arguments[2:]) if len(done.arguments) > 2 else NOTHING
