"""The pods beyond the wanted ordinals, removed from the highest down.

upstream: processCondemned and fixPodClaim in pkg/controller/statefulset/stateful_set_control.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubelab.controllers.common.slow_start import slow_start
from kubelab.controllers.statefulset.claims import retention_calls
from kubelab.controllers.statefulset.observe import Seen
from kubelab.controllers.statefulset.pods import delete_call
from kubelab.controllers.statefulset.replicas import MAX_BATCH_SIZE, TERMINATING, UNAVAILABLE, UNREADY, Stage
from kubelab.controllers.statefulset.slots import Slot
from kubelab.engine.plan import Batch, Plan, Reason, step, wait

CONDEMNED = Reason("PodCondemned", "{subject} is beyond the {replicas} wanted replicas")


def keep_claims(seen: Seen, condemned: Sequence[Slot]) -> Plan:
    """Give the claims of condemned pods the owners that the retention policy wants."""
    if not seen.claims or not seen.gates.auto_delete_claims:
        return Plan()
    calls = [call for slot in condemned for call in retention_calls(seen.set, slot, seen.claims, condemned=True)]
    return Plan(tuple(Batch((call,)) for call in calls))


def process_condemned(seen: Seen, condemned: Sequence[Slot], first_unhealthy: Slot | None, *, monotonic: bool) -> Stage:
    if not condemned:
        return Stage()
    replicas = seen.set["spec"].get("replicas", 1)
    if monotonic:
        return Stage(_remove_highest(seen, condemned[0], first_unhealthy, replicas), ends=True)
    calls = [delete_call(seen, slot, CONDEMNED(slot.subject, replicas=replicas)) for slot in condemned if not slot.terminating]
    return Stage(Plan(tuple(Batch(tuple(batch)) for batch in slow_start(calls, cap=MAX_BATCH_SIZE if seen.gates.slow_start else 1))))


def _remove_highest(seen: Seen, slot: Slot, first_unhealthy: Slot | None, replicas: int) -> Plan:
    """Delete the pod, or wait. One that is broken goes only if no lower pod is broken too."""
    if slot.terminating:
        return wait(TERMINATING(slot.subject))
    if slot is not first_unhealthy:
        blocking = first_unhealthy.subject if first_unhealthy is not None else slot.subject
        if not slot.ready:
            return wait(UNREADY(blocking))
        if not slot.available:
            return wait(UNAVAILABLE(slot.subject, seconds=seen.set["spec"].get("minReadySeconds", 0)))
    return step(delete_call(seen, slot, CONDEMNED(slot.subject, replicas=replicas)))
