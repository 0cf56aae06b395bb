"""Recreate: all old pods go, and must be gone, before the first new one comes.

upstream: pkg/controller/deployment/recreate.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Mapping

from kubelab.controllers.deployment.amounts import replicas, total_counted
from kubelab.controllers.deployment.draft import Draft, clean_up, scale_to, sync_revision, sync_rollout_status
from kubelab.controllers.deployment.replica_sets import active
from kubelab.controllers.deployment.status import is_complete
from kubelab.engine.plan import Reason

OLD_PODS = Reason("OldPodsRunning", "{subject} waits until the pods of its old ReplicaSets are gone")


def recreate(draft: Draft, running: Mapping[str, int]) -> None:
    """``running``: pods that are not finished, by their ReplicaSet's uid; terminating ones count."""
    if not sync_revision(draft, create_missing=False):
        return
    old = active(draft.old)
    for replica_set in old:
        scale_to(draft, replica_set, 0)
    if not old and not old_pods_running(draft, running):
        if not sync_revision(draft, create_missing=draft.new is None) or draft.new is None:
            return
        scale_to(draft, draft.new, replicas(draft.deployment))
        if is_complete(draft.deployment, draft.deployment.get("status") or {}):
            clean_up(draft, draft.old)
    elif not old:
        draft.because.append(OLD_PODS(draft.subject))
        draft.waiting = True
    sync_rollout_status(draft)


def old_pods_running(draft: Draft, running: Mapping[str, int]) -> bool:
    if total_counted(draft.old, "replicas") > 0:
        return True
    new_uid = draft.new["metadata"].get("uid") if draft.new is not None else None
    return any(count for uid, count in running.items() if uid != new_uid)
