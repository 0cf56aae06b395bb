"""The status of a ReplicaSet.

upstream: pkg/controller/replicaset/replica_set_utils.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from kubelab.controllers.common.conditions import find_condition, with_condition, without_condition
from kubelab.engine.plan import Reason
from kubelab.store.log import Object
from kubelab.world.clock import SECOND, parse_rfc3339, rfc3339

REPLICA_FAILURE = "ReplicaFailure"
STATUS = Reason("StatusChanged", "the status of {subject} is out of date")
_NONE: dict[str, Any] = {}
_COUNTS = ("replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas")


class Counts(NamedTuple):
    replicas: int
    fully_labelled: int
    ready: int
    available: int


def count_pods(replica_set: Object, pods: Sequence[Object], now_ns: int) -> Counts:
    """All counts in one pass over the pods."""
    spec = replica_set["spec"]
    wanted = (spec["template"].get("metadata") or _NONE).get("labels") or _NONE
    wanted_items = wanted.items()
    min_ready_ns = (spec.get("minReadySeconds") or 0) * SECOND
    fully_labelled = ready = available = 0
    for pod in pods:
        if wanted_items <= (pod["metadata"].get("labels") or _NONE).items():
            fully_labelled += 1
        for condition in pod["status"].get("conditions") or ():
            if condition["type"] == "Ready":
                if condition["status"] == "True":
                    ready += 1
                    if not min_ready_ns or _since_ns(condition) + min_ready_ns < now_ns:
                        available += 1
                break
    return Counts(len(pods), fully_labelled, ready, available)


def new_status(replica_set: Object, counts: Counts) -> Object:
    """The status after a sync that went well: no failure."""
    old = replica_set.get("status") or _NONE
    conditions = old.get("conditions")
    if conditions and find_condition(conditions, REPLICA_FAILURE) is not None:
        conditions = without_condition(conditions, REPLICA_FAILURE)
    return _status(replica_set, counts, conditions)


def failure_status(replica_set: Object, counts: Counts, now_ns: int) -> Object:
    """The status after a refused call. The condition is set once: a later failure does not change its message."""
    conditions = (replica_set.get("status") or _NONE).get("conditions")
    if find_condition(conditions, REPLICA_FAILURE) is None:
        creating = counts.replicas < replica_set["spec"].get("replicas", 1)
        condition = {
            "type": REPLICA_FAILURE,
            "status": "True",
            "lastTransitionTime": rfc3339(now_ns),
            "reason": "FailedCreate" if creating else "FailedDelete",
            "message": "{error}" if creating else "unable to delete pods: {error}",
        }
        conditions = with_condition(conditions, condition)
    return _status(replica_set, counts, conditions)


def same_status(replica_set: Object, status: Object) -> bool:
    """Whether nothing would change; a spec not yet observed is a change."""
    old = replica_set.get("status") or _NONE
    if (replica_set["metadata"].get("generation") or 0) != (old.get("observedGeneration") or 0):
        return False
    return all((old.get(key) or 0) == status.get(key, 0) for key in _COUNTS) and (old.get("conditions") or []) == status.get(
        "conditions", []
    )


def _status(replica_set: Object, counts: Counts, conditions: Sequence[Object] | None) -> Object:
    status: Object = {"replicas": counts.replicas}
    for key, count in zip(_COUNTS[1:], counts[1:], strict=True):
        if count:
            status[key] = count
    generation = replica_set["metadata"].get("generation")
    if generation:
        status["observedGeneration"] = generation
    if conditions:
        status["conditions"] = list(conditions)
    return status


def _since_ns(condition: Object) -> int:
    since = condition.get("lastTransitionTime")
    return parse_rfc3339(since) if since else 1 << 62
