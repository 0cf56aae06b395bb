"""The status of a StatefulSet.

upstream: computeReplicaStatus, completeRollingUpdate and inconsistentStatus in
pkg/controller/statefulset/{stateful_set_control,stateful_set_utils}.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from kubelab.controllers.statefulset.observe import Seen
from kubelab.controllers.statefulset.slots import Slot
from kubelab.engine.plan import Reason
from kubelab.store.log import Object

STATUS = Reason("StatusChanged", "the status of {subject} is out of date")
_COUNTS = ("replicas", "readyReplicas", "availableReplicas", "currentReplicas", "updatedReplicas")
_NAMES = ("currentRevision", "updateRevision")
_NONE: dict[str, Any] = {}


def new_status(
    seen: Seen, pods: Iterable[Slot], *, deleted_for_update: int = 0, made: Sequence[str] = (), gone: Sequence[str] = ()
) -> Object:
    """The status by ``pods``; what this very sync makes or deletes does not count yet.

    In 1.20 it does: ``made`` and ``gone`` are the revisions of the pods that it makes, and that it deletes as condemned.
    """
    current, wanted = seen.current["metadata"]["name"], seen.update["metadata"]["name"]
    replicas = ready = available = of_current = of_update = 0
    for slot in pods:
        if not slot.phase:
            continue
        replicas += 1
        if slot.ready:
            ready += 1
            available += slot.available
        if not slot.terminating:
            of_current += slot.revision == current
            of_update += slot.revision == wanted
    for revision in made:
        replicas += 1
        of_current += revision == current
        of_update += revision == wanted
    for revision in gone:
        of_current -= revision == current
        of_update -= revision == wanted
    if seen.gates.first_beta:
        available, of_update = 0, of_update if current != wanted else 0
    of_current -= deleted_for_update
    if _is_rolling(seen.set) and of_update == replicas == ready:
        of_current, current = of_update, wanted
    counts = dict(zip(_COUNTS, (replicas, ready, available, of_current, of_update), strict=True))
    return {
        "observedGeneration": seen.set["metadata"].get("generation", 0),
        "replicas": counts["replicas"],
        **{key: count for key, count in counts.items() if count and key not in ("replicas", "availableReplicas")},
        "availableReplicas": counts["availableReplicas"],
        "currentRevision": current,
        "updateRevision": wanted,
        "collisionCount": seen.collision_count,
    }


def is_inconsistent(set_: Object, status: Object) -> bool:
    old = set_.get("status") or _NONE
    if status["observedGeneration"] > (old.get("observedGeneration") or 0):
        return True
    return any(status.get(key, 0) != (old.get(key) or 0) for key in _COUNTS) or any(status[key] != old.get(key) for key in _NAMES)


def _is_rolling(set_: Object) -> bool:
    return (set_["spec"].get("updateStrategy") or _NONE).get("type") == "RollingUpdate"
