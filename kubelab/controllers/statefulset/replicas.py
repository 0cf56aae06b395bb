"""The slots of a StatefulSet, filled one after the other, or all at once (Parallel).

upstream: processReplica and runForAll in pkg/controller/statefulset/stateful_set_control.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import NamedTuple

from kubelab.controllers.common.events import warning
from kubelab.controllers.common.slow_start import slow_start
from kubelab.controllers.statefulset.claims import is_stale, make_claims, retention_calls, storage_matches
from kubelab.controllers.statefulset.observe import Seen
from kubelab.controllers.statefulset.pods import create_call, delete_call, mend_call, pod_event
from kubelab.controllers.statefulset.slots import POD_NAME_LABEL, Slot
from kubelab.engine.plan import NOTHING, Batch, Because, Call, EventDraft, Plan, Reason

MAX_BATCH_SIZE = 500

MISSING = Reason("PodMissing", "{subject} does not exist")
FAILED = Reason("PodFailed", "{subject} has failed and is made anew")
STALE_CLAIM = Reason("ClaimStale", "{subject} must wait until the claim of an older pod of its name is gone")
CLAIM_GOING = Reason("ClaimTerminating", "{subject} needs a claim that is being deleted")
TERMINATING = Reason("PodTerminating", "{subject} is terminating; it must be gone first")
UNREADY = Reason("PodNotReady", "{subject} must be Running and Ready first")
UNAVAILABLE = Reason("PodNotAvailable", "{subject} must be available first: ready for {seconds} s")
MISMATCH = Reason("PodMismatch", "identity or storage of {subject} is not what it should be")


class Stage(NamedTuple):
    """What one part of the loop wants: a plan; whether the loop ends here; which failed pods were replaced (they count no more)."""

    plan: Plan = NOTHING
    ends: bool = False
    replaced: tuple[Slot, ...] = ()


@dataclass(frozen=True, slots=True)
class Work:
    """What one slot needs: calls, one after the other, and why nothing comes after it when pods are made in order."""

    calls: tuple[Call, ...] = ()
    ends: bool = False
    because: tuple[Because, ...] = ()
    events: tuple[EventDraft, ...] = ()
    error: str = ""


IDLE = Work()


def process_replicas(seen: Seen, slots: Sequence[Slot], *, monotonic: bool) -> Stage:
    if not seen.set["spec"].get("volumeClaimTemplates") and all(slot.settled for slot in slots):
        return Stage()
    if monotonic:
        return _in_order(seen, slots)
    return _in_bursts(seen, slots)


def _in_order(seen: Seen, slots: Sequence[Slot]) -> Stage:
    """Up to the first slot that must be waited for."""
    calls: list[Call] = []
    for slot in slots:
        work = process_replica(seen, slot, monotonic=True)
        if work is IDLE:
            continue
        calls.extend(work.calls)
        if work.ends:
            plan = Plan(tuple(Batch((call,)) for call in calls), because=work.because, events=work.events, error=work.error)
            return Stage(plan, True, (slot,) if slot.phase == "Failed" else ())
    return Stage(Plan(tuple(Batch((call,)) for call in calls)))


def _in_bursts(seen: Seen, slots: Sequence[Slot]) -> Stage:
    """All slots, in batches that double (1.7: one by one); within a batch each slot's first calls go together, then the second ones."""
    plan, replaced = NOTHING, []
    for batch in slow_start(slots, cap=MAX_BATCH_SIZE if seen.gates.slow_start else 1):
        works = [work for slot in batch if (work := process_replica(seen, slot, monotonic=False)) is not IDLE]
        if not works:
            continue
        replaced += [slot for slot in batch if slot.phase == "Failed"]
        rounds = zip_longest(*(work.calls for work in works))
        errors = [work.error for work in works if work.error]
        plan = plan.then(
            Plan(
                tuple(Batch(tuple(call for call in calls if call is not None)) for calls in rounds),
                because=tuple(because for work in works for because in work.because),
                events=tuple(event for work in works for event in work.events),
                error=", ".join(errors),
            )
        )
        if errors:
            return Stage(plan, True, tuple(replaced))
    return Stage(plan, False, tuple(replaced))


def process_replica(seen: Seen, slot: Slot, *, monotonic: bool) -> Work:
    if slot.settled and not seen.set["spec"].get("volumeClaimTemplates"):
        return IDLE
    if slot.pod is None or slot.phase in ("Failed", ""):
        return _make(seen, slot, monotonic=monotonic)
    pending = _claims_of_pending(seen, slot) if slot.phase == "Pending" else IDLE
    if pending.error:
        return pending
    if monotonic:
        waits = _must_wait(seen, slot)
        if waits is not None:
            return Work(pending.calls, ends=True, because=(waits,))
    return _mended(seen, slot, pending.calls)


def _make(seen: Seen, slot: Slot, *, monotonic: bool) -> Work:
    """A new pod, its claims first. A failed one is deleted before; a finished one (Succeeded) is left as it is."""
    calls: tuple[Call, ...] = ()
    events: tuple[EventDraft, ...] = ()
    because = MISSING(slot.subject)
    candidate = slot
    if slot.phase == "Failed":
        because = FAILED(slot.subject)
        meta = seen.set["metadata"]
        text = f"StatefulSet {meta['namespace']}/{meta['name']} is recreating failed Pod {slot.name}"
        events = () if seen.gates.first_beta else (warning(seen.set, "RecreatingFailedPod", text),)
        calls = (delete_call(seen, slot, because),)
        candidate = slot._replace(pod=None)
    if seen.gates.auto_delete_claims and is_stale(seen.set, candidate, seen.claims):
        return Work(calls, ends=True, because=(STALE_CLAIM(slot.subject),), events=events)
    failure = pod_event(seen.set, slot, "create", failed=True)
    claims = make_claims(seen.set, slot, seen.claims, failure)
    if claims.error:
        failed = EventDraft(failure.regarding, failure.type, failure.reason, failure.message.replace("{error}", claims.error))
        return Work(calls + claims.calls, True, (CLAIM_GOING(slot.subject),), (*events, failed), claims.error)
    calls += (*claims.calls, create_call(seen, slot, because))
    if seen.gates.auto_delete_claims:
        calls += retention_calls(seen.set, candidate, seen.claims, condemned=False)
    return Work(calls, ends=monotonic, because=(because,), events=events)


def _claims_of_pending(seen: Seen, slot: Slot) -> Work:
    if not seen.set["spec"].get("volumeClaimTemplates"):
        return IDLE
    claims = make_claims(seen.set, slot, seen.claims, None)
    if claims.error:
        return Work(claims.calls, True, (CLAIM_GOING(slot.subject),), error=claims.error)
    if seen.gates.auto_delete_claims:
        return Work(claims.calls + retention_calls(seen.set, slot, seen.claims, condemned=False))
    return Work(claims.calls)


def _must_wait(seen: Seen, slot: Slot) -> Because | None:
    """Why the slots after this one must wait, if they must."""
    if slot.terminating:
        return TERMINATING(slot.subject)
    if not slot.ready:
        return UNREADY(slot.subject)
    if not slot.available:
        return UNAVAILABLE(slot.subject, seconds=seen.set["spec"].get("minReadySeconds", 0))
    return None


def _mended(seen: Seen, slot: Slot, calls: tuple[Call, ...]) -> Work:
    """Repairs of claim owners, identity and volumes; a pod is written again also when only its claims were wrong."""
    retention: tuple[Call, ...] = ()
    if seen.claims and seen.gates.auto_delete_claims and not calls:
        retention = retention_calls(seen.set, slot, seen.claims, condemned=False)
    labels = slot.pod["metadata"].get("labels") if slot.pod is not None else None
    stored = storage_matches(seen.set, slot)
    if not retention and stored and labels is not None and (seen.gates.first_beta or labels.get(POD_NAME_LABEL) == slot.name):
        return Work(calls) if calls else IDLE
    claims = make_claims(seen.set, slot, seen.claims, None).calls if not stored and not calls else ()
    because = MISMATCH(slot.subject)
    return Work((*calls, *claims, *retention, mend_call(seen, slot, because)), because=(because,))
