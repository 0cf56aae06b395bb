"""RollingUpdate: the new ReplicaSet grows as far as the surge allows, or the old ones shrink as far as availability allows; not both in one sync.

upstream: pkg/controller/deployment/rolling.go, 1.28.
"""

from __future__ import annotations

from kubelab.controllers.deployment.amounts import counted, min_available, new_replicas, replicas, total, total_counted
from kubelab.controllers.deployment.draft import Draft, clean_up, scale_to, sync_revision, sync_rollout_status
from kubelab.controllers.deployment.replica_sets import active
from kubelab.controllers.deployment.status import is_complete
from kubelab.engine.plan import Reason
from kubelab.store.log import Object

WAITING = Reason("RolloutWaits", "{subject} waits for pods of {replica_set}: {available} of {replicas} are available")
COMPLETE = Reason("RolloutComplete", "{subject} is complete")


def roll_out(draft: Draft) -> None:
    if not sync_revision(draft, create_missing=True) or draft.new is None:
        return
    before = len(draft.batches)
    grow_new(draft, draft.new)
    if len(draft.batches) == before:
        shrink_old(draft, draft.new)
    if len(draft.batches) == before and is_complete(draft.deployment, draft.deployment.get("status") or {}):
        clean_up(draft, draft.old)
    _explain(draft, draft.new)
    sync_rollout_status(draft)


def grow_new(draft: Draft, new: Object) -> None:
    """Towards the Deployment's size, within the surge (upstream: reconcileNewReplicaSet)."""
    wanted, own = replicas(draft.deployment), replicas(new)
    if own >= wanted:
        scale_to(draft, new, wanted)
        return
    scale_to(draft, new, new_replicas(draft.deployment, total(draft.old), own))


def shrink_old(draft: Draft, new: Object) -> None:
    """Unhealthy pods first, then what is available beyond the promise (upstream: reconcileOldReplicaSets)."""
    old = active(draft.old)
    if not old:
        return
    kept = min_available(draft.deployment)
    most = total(draft.all) - kept - (replicas(new) - counted(new, "availableReplicas"))
    if most <= 0:
        return
    left = clean_up_unhealthy(draft, old, most)
    if left is not None:
        shrink_available(draft, left, total_counted([*left, new], "availableReplicas") - kept)


def clean_up_unhealthy(draft: Draft, old: list[Object], most: int) -> list[Object] | None:
    """Take from each old ReplicaSet, oldest first, the pods that are not available; what is left of them.

    None: the status of one still counts more available pods than it is to have. Nothing shrinks before it is told.
    """
    left: list[Object] = []
    for replica_set in old:
        going = min(most, replicas(replica_set) - counted(replica_set, "availableReplicas"))
        if most > 0 and going < 0:
            return None
        if most > 0 and going:
            replica_set = scale_to(draft, replica_set, replicas(replica_set) - going, tolerant=True)
            most -= going
        left.append(replica_set)
    return left


def shrink_available(draft: Draft, old: list[Object], most: int) -> None:
    """Oldest first; bounded by what is available beyond the promise alone (upstream: scaleDownOldReplicaSetsForRollingUpdate)."""
    for replica_set in old:
        if most <= 0:
            return
        going = min(most, replicas(replica_set))
        if going:
            scale_to(draft, replica_set, replicas(replica_set) - going, tolerant=True)
            most -= going


def _explain(draft: Draft, new: Object) -> None:
    if draft.batches:
        return
    if counted(new, "availableReplicas") >= replicas(draft.deployment) and not active(draft.old):
        draft.because.append(COMPLETE(draft.subject))
        return
    facts = {"available": counted(new, "availableReplicas"), "replicas": replicas(new), "replica_set": new["metadata"]["name"]}
    draft.because.append(WAITING(draft.subject, **facts))
