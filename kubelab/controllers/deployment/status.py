"""The status of a Deployment, and how its conditions tell of progress.

upstream: calculateStatus in pkg/controller/deployment/sync.go, progress.go, util/deployment_util.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubelab.controllers.common.conditions import find_condition, with_condition, without_condition
from kubelab.controllers.deployment.amounts import counted, max_unavailable, replicas, total, total_counted
from kubelab.store.log import Object
from kubelab.world.clock import MILLISECOND, SECOND, parse_rfc3339, rfc3339

AVAILABLE, PROGRESSING, REPLICA_FAILURE = "Available", "Progressing", "ReplicaFailure"

NEW_REPLICA_SET_CREATED = "NewReplicaSetCreated"
FOUND_NEW_REPLICA_SET = "FoundNewReplicaSet"
REPLICA_SET_UPDATED = "ReplicaSetUpdated"
NEW_REPLICA_SET_AVAILABLE = "NewReplicaSetAvailable"
TIMED_OUT = "ProgressDeadlineExceeded"
CREATE_ERROR = "ReplicaSetCreateError"
PAUSED, RESUMED = "DeploymentPaused", "DeploymentResumed"

NO_LIMIT = 2147483647


def condition(type_: str, status: str, reason: str, message: str, now_ns: int) -> Object:
    now = rfc3339(now_ns)
    return {"type": type_, "status": status, "lastUpdateTime": now, "lastTransitionTime": now, "reason": reason, "message": message}


def has_progress_deadline(deployment: Object) -> bool:
    return deployment["spec"].get("progressDeadlineSeconds") not in (None, NO_LIMIT)


def progressing(deployment: Object) -> Object | None:
    return find_condition((deployment.get("status") or {}).get("conditions"), PROGRESSING)


def with_progress(deployment: Object, progress: Object) -> Object:
    """The Deployment with a Progressing condition set in its status."""
    status = deployment.get("status") or {}
    return {**deployment, "status": {**status, "conditions": with_condition(status.get("conditions"), progress)}}


def calculate_status(deployment: Object, new: Object | None, old: Sequence[Object], now_ns: int) -> Object:
    """Counts from the ReplicaSets' statuses, and whether enough is available."""
    sets = [*old, new] if new is not None else old
    available = total_counted(sets, "availableReplicas")
    counts = {
        "observedGeneration": deployment["metadata"].get("generation", 0),
        "replicas": total_counted(sets, "replicas"),
        "updatedReplicas": counted(new, "replicas") if new is not None else 0,
        "readyReplicas": total_counted(sets, "readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(0, total(sets) - available),
    }
    status: Object = {key: count for key, count in counts.items() if count}
    before = deployment.get("status") or {}
    if before.get("collisionCount") is not None:
        status["collisionCount"] = before["collisionCount"]
    if available >= replicas(deployment) - max_unavailable(deployment):
        verdict = condition(AVAILABLE, "True", "MinimumReplicasAvailable", "Deployment has minimum availability.", now_ns)
    else:
        verdict = condition(AVAILABLE, "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.", now_ns)
    status["conditions"] = with_condition(before.get("conditions"), verdict)
    return status


def rollout_status(deployment: Object, new: Object | None, old: Sequence[Object], now_ns: int) -> Object:
    """``calculate_status`` with what the rollout says about its progress and failures."""
    status = calculate_status(deployment, new, old, now_ns)
    conditions = status["conditions"]
    current = progressing(deployment)
    if not has_progress_deadline(deployment):
        conditions = without_condition(conditions, PROGRESSING)
    elif not _is_over(status, current):
        conditions = _progressed(deployment, new, status, current, now_ns)
    failure = replica_failure(new, old)
    if failure is not None:
        conditions = with_condition(conditions, failure)
    elif find_condition(conditions, REPLICA_FAILURE) is not None:
        conditions = without_condition(conditions, REPLICA_FAILURE)
    return {**status, "conditions": conditions}


def _is_over(status: Object, current: Object | None) -> bool:
    """Once complete, a Deployment never times out until its next rollout."""
    return (
        status.get("replicas", 0) == status.get("updatedReplicas", 0)
        and current is not None
        and current["reason"] == NEW_REPLICA_SET_AVAILABLE
    )


def _progressed(deployment: Object, new: Object | None, status: Object, current: Object | None, now_ns: int) -> list[Object]:
    conditions: list[Object] = status["conditions"]
    who = f'ReplicaSet "{new["metadata"]["name"]}"' if new is not None else f'Deployment "{deployment["metadata"]["name"]}"'
    if is_complete(deployment, status):
        done = condition(PROGRESSING, "True", NEW_REPLICA_SET_AVAILABLE, f"{who} has successfully progressed.", now_ns)
        return with_condition(conditions, done)
    if is_progressing(deployment, status):
        moving = condition(PROGRESSING, "True", REPLICA_SET_UPDATED, f"{who} is progressing.", now_ns)
        if current is not None and current["status"] == "True":
            moving["lastTransitionTime"] = current.get("lastTransitionTime")
        return [*without_condition(conditions, PROGRESSING), moving]
    if is_timed_out(deployment, current, now_ns):
        return with_condition(conditions, condition(PROGRESSING, "False", TIMED_OUT, f"{who} has timed out progressing.", now_ns))
    return conditions


def is_complete(deployment: Object, status: Object) -> bool:
    """All pods are of the new template and available, and the newest spec was observed."""
    wanted = replicas(deployment)
    return (
        status.get("updatedReplicas", 0) == wanted
        and status.get("replicas", 0) == wanted
        and status.get("availableReplicas", 0) == wanted
        and status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
    )


def is_progressing(deployment: Object, status: Object) -> bool:
    """More updated, fewer old, more ready or more available pods than before."""
    before = deployment.get("status") or {}

    def grew(field: str) -> bool:
        return bool(status.get(field, 0) > before.get(field, 0))

    old_now = status.get("replicas", 0) - status.get("updatedReplicas", 0)
    old_before = before.get("replicas", 0) - before.get("updatedReplicas", 0)
    return grew("updatedReplicas") or old_now < old_before or grew("readyReplicas") or grew("availableReplicas")


def is_timed_out(deployment: Object, current: Object | None, now_ns: int) -> bool:
    if current is None or current["reason"] == NEW_REPLICA_SET_AVAILABLE:
        return False
    return current["reason"] == TIMED_OUT or _deadline_ns(deployment, current) < now_ns


def deadline_check_ns(deployment: Object, status: Object, now_ns: int, *, waiting: bool = False) -> int | None:
    """When to look whether the deadline passed, from now: a second after it (upstream: requeueStuckDeployment).

    A rollout that was complete once cannot time out. Upstream looks at it again and again, every 5 ms, without ever writing, unless it is
    ``waiting`` for old pods to be gone: see ``looks_on``.
    """
    current = progressing(deployment)
    if not has_progress_deadline(deployment) or current is None or is_complete(deployment, status):
        return None
    complete_once = current["reason"] == NEW_REPLICA_SET_AVAILABLE
    if current["reason"] == TIMED_OUT or (complete_once and not waiting):
        return None
    rest_ns = _deadline_ns(deployment, current) - now_ns
    if rest_ns >= SECOND:
        return rest_ns + SECOND
    return None if complete_once else max(rest_ns, 0) + 5 * MILLISECOND


def looks_on(deployment: Object, now_ns: int) -> bool:
    """Whether upstream looks at the Deployment again and again: the deadline of a rollout that was complete once is over."""
    current = progressing(deployment)
    if not has_progress_deadline(deployment) or current is None or current["reason"] != NEW_REPLICA_SET_AVAILABLE:
        return False
    return _deadline_ns(deployment, current) - now_ns < SECOND


def _deadline_ns(deployment: Object, current: Object) -> int:
    since = current.get("lastUpdateTime")
    return (parse_rfc3339(since) if since else 0) + int(deployment["spec"]["progressDeadlineSeconds"]) * SECOND


def replica_failure(new: Object | None, old: Sequence[Object]) -> Object | None:
    """The ReplicaFailure of the new ReplicaSet, else of any, as a condition of the Deployment."""
    for replica_set in [new, *old] if new is not None else old:
        found = find_condition((replica_set.get("status") or {}).get("conditions"), REPLICA_FAILURE)
        if found is not None:
            return {
                "type": REPLICA_FAILURE,
                "status": found["status"],
                "lastUpdateTime": found.get("lastTransitionTime"),
                "lastTransitionTime": found.get("lastTransitionTime"),
                "reason": found.get("reason", ""),
                "message": found.get("message", ""),
            }
    return None


def same_status(old: Object | None, new: Object) -> bool:
    """Equal as Go's structs are: an absent number is 0, an absent list is empty."""
    before = {key: part for key, part in (old or {}).items() if part or key == "collisionCount"}
    return before == {key: part for key, part in new.items() if part or key == "collisionCount"}
