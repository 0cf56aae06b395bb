"""The rolling update: pods of the wrong revision are deleted from the top down to the partition.

upstream: the last part of updateStatefulSet, and updateStatefulSetAfterInvariantEstablished, in
pkg/controller/statefulset/stateful_set_control.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubelab.controllers.statefulset.observe import Seen
from kubelab.controllers.statefulset.pods import delete_call
from kubelab.controllers.statefulset.slots import Slot
from kubelab.engine.plan import Batch, Plan, Reason, step, wait
from kubelab.kinds.intstr import scaled

OUTDATED = Reason("PodOutdated", "{subject} has revision {revision}, the set wants {wanted}")
UNHEALTHY = Reason("PodUnhealthy", "{subject} must be healthy before the next pod is updated")
TOO_MANY_UNAVAILABLE = Reason("TooManyUnavailable", "{unavailable} pods of {subject} are unavailable, at most {limit} may be")
ON_DELETE = Reason("UpdateOnDelete", "pods of {subject} are updated when somebody deletes them")
SETTLED = Reason("Settled", "{subject} is as it should be")


def update_pods(seen: Seen, slots: Sequence[Slot]) -> Plan:
    """The deletions of one sync: one pod, unless the gate MaxUnavailableStatefulSet allows more."""
    strategy = seen.set["spec"].get("updateStrategy") or {}
    if strategy.get("type") == "OnDelete":
        return wait(ON_DELETE(_subject(seen)))
    rolling = strategy.get("rollingUpdate") or {}
    partition = rolling.get("partition") or 0
    if seen.gates.max_unavailable:
        return _several(seen, slots, partition, rolling.get("maxUnavailable", 1))
    wanted = seen.update["metadata"]["name"]
    for slot in reversed(slots[partition:]):
        if slot.pod is not None and slot.revision != wanted and not slot.terminating:
            return step(delete_call(seen, slot, OUTDATED(slot.subject, revision=slot.revision, wanted=wanted)))
        if not slot.healthy:
            return wait(UNHEALTHY(slot.subject))
    return wait(SETTLED(_subject(seen)))


def max_unavailable(value: int | str, replicas: int) -> int:
    """A percentage rounds down; at least one (upstream: getStatefulSetMaxUnavailable)."""
    return max(1, scaled(value, replicas, round_up=False))


def _several(seen: Seen, slots: Sequence[Slot], partition: int, allowed: int | str) -> Plan:
    """Every unhealthy pod counts, outdated or not."""
    limit = max_unavailable(allowed, len(slots))
    unavailable = sum(not slot.healthy for slot in slots)
    if unavailable >= limit:
        return wait(TOO_MANY_UNAVAILABLE(_subject(seen), unavailable=unavailable, limit=limit))
    wanted = seen.update["metadata"]["name"]
    outdated = [slot for slot in reversed(slots[partition:]) if slot.pod is not None and slot.revision != wanted and not slot.terminating]
    if not outdated:
        return wait(SETTLED(_subject(seen)))
    calls = (
        delete_call(seen, slot, OUTDATED(slot.subject, revision=slot.revision, wanted=wanted)) for slot in outdated[: limit - unavailable]
    )
    return Plan(tuple(Batch((call,)) for call in calls))


def _subject(seen: Seen) -> str:
    return f"statefulset/{seen.set['metadata']['name']}"
