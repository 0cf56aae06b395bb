"""The StatefulSet controller: one sync from top to bottom.

Adopt revisions and claim pods ▸ revisions ▸ slots in order ▸ condemned pods ▸ update ▸ status ▸ history. Scaling goes before updating:
an update waits until every slot is filled by a healthy pod. That is also the forced-rollback trap: with ordered pods a broken one is
waited for, and the update that would mend it is never reached.

upstream: pkg/controller/statefulset/{stateful_set,stateful_set_control}.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kubelab.controllers.common.claiming import claiming_plan
from kubelab.controllers.common.dependents import itself, manager_keys, managers
from kubelab.controllers.common.history import HISTORY_LIMIT, REVISIONS
from kubelab.controllers.statefulset.condemned import keep_claims, process_condemned
from kubelab.controllers.statefulset.observe import COLLISIONS, RESOURCE, Seen, observe
from kubelab.controllers.statefulset.replicas import Stage, process_replicas
from kubelab.controllers.statefulset.slots import REVISION_LABEL, Slot, by_ordinal, first_unhealthy
from kubelab.controllers.statefulset.status import STATUS, is_inconsistent, new_status
from kubelab.controllers.statefulset.update import update_pods
from kubelab.engine.component import Change, Controller, Later, Scope, Watch, service_account
from kubelab.engine.plan import NOTHING, Batch, Call, Key, Plan, Reason, delete, step, update_status, wait
from kubelab.store.log import Object
from kubelab.world.clock import SECOND

DELETING = Reason("OwnerDeleting", "{subject} is being deleted: its pods are left to the garbage collector")


def plan(seen: Seen) -> Plan:
    if seen.claiming:
        return claiming_plan(seen.claiming)
    if seen.revising:
        return _revising_plan(seen)
    slots, condemned = by_ordinal(seen.set, seen.pods, seen.min_ready_ns, seen.now_ns)
    stage, deleted_for_update = next_step(seen, slots, condemned)
    counted = [slot for slot in (*slots, *condemned) if slot not in stage.replaced] if stage.replaced else [*slots, *condemned]
    made, gone = _made(seen, stage), _gone(seen, condemned, stage)
    status = new_status(seen, counted, deleted_for_update=deleted_for_update, made=made, gone=gone)
    whole = stage.plan.then(status_plan(seen, status)).then(truncate_history(seen))
    again_ns = _availability_check_ns(seen, slots, status)
    return whole if again_ns is None else whole.then(Plan(again_ns=again_ns))


def next_step(seen: Seen, slots: Sequence[Slot], condemned: Sequence[Slot]) -> tuple[Stage, int]:
    """What to do with the pods now, and how many of them are deleted for an update."""
    if seen.set["metadata"].get("deletionTimestamp") is not None:
        return Stage(wait(DELETING(_subject(seen.set)))), 0
    monotonic = seen.set["spec"].get("podManagementPolicy") != "Parallel"
    stage = process_replicas(seen, slots, monotonic=monotonic)
    if stage.ends:
        return stage, 0
    before = stage.plan.then(keep_claims(seen, condemned))
    removed = process_condemned(seen, condemned, first_unhealthy(slots, condemned), monotonic=monotonic)
    before = before.then(removed.plan)
    if removed.ends:
        return Stage(before, True, stage.replaced), 0
    candidates = (
        [slot._replace(pod=None, phase="", ready=False) if slot in stage.replaced else slot for slot in slots] if stage.replaced else slots
    )
    updated = update_pods(seen, candidates)
    return Stage(before.then(updated), True, stage.replaced), len(updated.calls)


def status_plan(seen: Seen, status: Object) -> Plan:
    """The status is written also after a refused call (1.20: not)."""
    if not is_inconsistent(seen.set, status):
        return NOTHING
    call = update_status(RESOURCE, {**seen.set, "status": status}, because=STATUS(_subject(seen.set)), on_conflict="retry")
    return step(call, always=not seen.gates.counts_made)


def _made(seen: Seen, stage: Stage) -> list[str]:
    """The revisions of the pods that this sync makes, where they count at once."""
    if not seen.gates.counts_made:
        return []
    made = (call.body["metadata"]["labels"] for call in stage.plan.calls if isinstance(call, Call) and call.verb == "create")
    return [labels[REVISION_LABEL] for labels in made if REVISION_LABEL in labels]


def _gone(seen: Seen, condemned: Sequence[Slot], stage: Stage) -> list[str]:
    """The revisions of the condemned pods that this sync deletes, where they count no more at once."""
    if not seen.gates.counts_made or not condemned:
        return []
    deleted = [call.name for call in stage.plan.calls if isinstance(call, Call) and call.verb == "delete"]
    return [slot.revision for slot in condemned if slot.name in deleted]


def truncate_history(seen: Seen) -> Plan:
    """Delete the oldest revisions beyond the limit; those in use are live and do not count."""
    limit = seen.set["spec"].get("revisionHistoryLimit", 10)
    if len(seen.revisions) <= limit:
        return NOTHING
    live = {seen.current["metadata"]["name"]: True, seen.update["metadata"]["name"]: True}
    for pod in seen.pods:
        live[(pod["metadata"].get("labels") or {}).get(REVISION_LABEL, "")] = True
    old = [revision for revision in seen.revisions if revision["metadata"]["name"] not in live]
    surplus = old[: max(0, len(old) - limit)]
    calls = (delete(REVISIONS, old, because=HISTORY_LIMIT(f"controllerrevision/{old['metadata']['name']}", limit=limit)) for old in surplus)
    return Plan(tuple(Batch((call,), always=True) for call in calls))


def _revising_plan(seen: Seen) -> Plan:
    """Write the revision, then go on at once: what follows needs it."""
    plan_ = Plan(tuple(Batch((call,)) for call in seen.revising), again_ns=0)
    if seen.collision_count == ((seen.set.get("status") or {}).get("collisionCount") or 0):
        return plan_
    meta = seen.set["metadata"]
    return plan_.then(Plan(remember={COLLISIONS: {(meta["namespace"], meta["name"]): seen.collision_count}}))


def _availability_check_ns(seen: Seen, slots: Sequence[Slot], status: Object) -> int | None:
    """While pods are ready but not yet available, look again after minReadySeconds."""
    min_ready = seen.set["spec"].get("minReadySeconds") or 0
    if not min_ready or status["availableReplicas"] == seen.set["spec"].get("replicas", 1):
        return None
    return min_ready * SECOND if any(slot.ready and not slot.available for slot in slots) else None


def _subject(set_: Object) -> str:
    return f"statefulset/{set_['metadata']['name']}"


# -- what wakes it ----------------------------------------------------------------------------------------------------------
def pod_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    return manager_keys(change, scope, "StatefulSet", RESOURCE)


def revision_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    """Revisions wake nobody; orphaned ones are noted, to be adopted at the next sync."""
    managers(change, scope, "StatefulSet", RESOURCE)
    return ()


def claim_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    """A claim that belonged to a pod is gone: a pod that waited for that can be made."""
    if change.type != "DELETED":
        return ()
    namespace = change.object["metadata"]["namespace"]
    owners = change.object["metadata"].get("ownerReferences") or ()
    return [(namespace, owner["name"].rpartition("-")[0]) for owner in owners if owner["kind"] == "Pod"]


CONTROLLER = Controller(
    name="statefulset-controller",
    identity=service_account("statefulset-controller"),
    watches=(
        Watch(RESOURCE, itself),
        Watch("pods", pod_keys),
        Watch(REVISIONS, revision_keys),
        Watch("persistentvolumeclaims", claim_keys),
    ),
    observe=observe,
    plan=plan,
    workers=5,
)
