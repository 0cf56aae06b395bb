"""The binding cycle: what an assumed pod's volumes need, then the binding itself; if it fails, the assumption is taken back.

upstream: pkg/scheduler/schedule_one.go bindingCycle, handleBindingCycleError; plugins/{defaultbinder,volumebinding}, 1.28.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kubelab.engine.component import Scope
from kubelab.engine.plan import NOTHING, Batch, Call, EventDraft, Key, Nudge, Plan, Reason, in_turn, reference, update, wait
from kubelab.scheduler.extender import ExtenderError, Known
from kubelab.scheduler.failure import SCHEDULER_ERROR, condition_patch, failed_event, reporter
from kubelab.scheduler.framework import POD_DELETE
from kubelab.scheduler.memory import ASSUMED, CYCLE_KEY, FLUSH_KEY, TOUCHED, Assumed, flush_after_ns, note_moves
from kubelab.scheduler.plugins.volume_binding import BOUND_BY_CONTROLLER, SELECTED_NODE, is_bound, is_for, reaches
from kubelab.scheduler.queue import BACKOFF, UNSCHEDULABLE, Queued, moved
from kubelab.scheduler.setup import DEFAULT_SETUP, Setup
from kubelab.world.clock import SECOND, rfc3339

Object = dict[str, Any]

NAME = "scheduler"
BIND_TIMEOUT_NS = 600 * SECOND
POLL_NS = SECOND
SCHEDULED = "Successfully assigned {namespace}/{name} to {node}"
BIND_ERROR = 'running Bind plugin "DefaultBinder": {error}'
VOLUME_ERROR = 'running PreBind plugin "VolumeBinding": {error}'

DECIDED = Reason("decided", "{subject} was assumed on {node}, the best of {feasible} feasible nodes with score {score}")
VOLUMES = Reason("volumes-first", "{subject} needs its claims bound on {node} before it can be bound itself")
VOLUMES_PENDING = Reason("volumes-pending", "{subject} waits until its claims are bound")
REFUSED = Reason("binding-refused", "{subject} goes back to the queue: its binding was refused")


class Binding(NamedTuple):
    """What a binding cycle knows. ``claims`` and ``volumes``: by name, those of the assumption. ``others``: the unschedulable pods, if the
    cycle may fail.
    """

    assumed: Assumed
    pod: Object | None
    claims: dict[str, Object | None]
    volumes: dict[str, Object | None]
    node: Object | None
    has_failed: bool
    now_ns: int
    others: tuple[Queued, ...]
    flush_after_ns: int
    timeout_ns: int = BIND_TIMEOUT_NS
    binder: Known | None = None


def observe(scope: Scope, key: Key, setup: Setup = DEFAULT_SETUP) -> Binding | None:
    _, namespace, name, uid = key
    assumed: Assumed | None = scope.table(ASSUMED).get(uid)
    if assumed is None:
        return None
    view = scope.view
    pod = view.get("pods", namespace, name)
    if pod is not None and pod["metadata"]["uid"] != uid:
        pod = None
    claims: dict[str, Object | None] = {}
    volumes: dict[str, Object | None] = {}
    if assumed.static or assumed.provision:
        for claim in (*(each for each, _ in assumed.static), *assumed.provision):
            claims[claim] = found = view.get("persistentvolumeclaims", namespace, claim)
            volume = found["spec"].get("volumeName") if found else None
            if volume:
                volumes[volume] = view.get("persistentvolumes", "", volume)
        for _, volume in assumed.static:
            volumes[volume] = view.get("persistentvolumes", "", volume)
    node = view.get("nodes", "", assumed.node)
    failed = scope.attempt > 0
    may_fail = failed or pod is None or claims
    others = tuple(scope.table(UNSCHEDULABLE).values()) if may_fail else ()
    back = assumed.queued._replace(timestamp_ns=scope.now_ns, plugins=())
    return Binding(
        assumed, pod, claims, volumes, node, failed, scope.now_ns, others, flush_after_ns(scope, back.backoff_until_ns), *_ways(setup, pod)
    )


def _ways(setup: Setup, pod: Object | None) -> tuple[int, Known | None]:
    """How long volumes may take, and the extender that binds."""
    if pod is None or setup is DEFAULT_SETUP:
        return BIND_TIMEOUT_NS, None
    profile = setup.profile_of(pod)
    binder = next((each for each in setup.concerned(pod) if each.declared.get("bindVerb")), None)
    return BIND_TIMEOUT_NS if profile is None else profile.bind_timeout_ns, binder


def plan(seen: Binding | None) -> Plan:
    if seen is None:
        return NOTHING
    if seen.has_failed or seen.pod is None:
        return _take_back(seen, "")
    if seen.pod["spec"].get("nodeName"):
        return NOTHING
    if seen.assumed.static or seen.assumed.provision:
        if not seen.assumed.since_ns:
            return _ask_for_volumes(seen, seen.pod)
        problem = _volume_problem(seen)
        if problem:
            return _take_back(seen, VOLUME_ERROR.format(error=f"binding volumes: {problem}"))
        if not _are_bound(seen):
            return wait(VOLUMES_PENDING(f"pod/{seen.assumed.queued.name}"), again_ns=POLL_NS)
    return _bind(seen, seen.pod)


def _bind(seen: Binding, pod: Object) -> Plan:
    assumed, queued = seen.assumed, seen.assumed.queued
    if seen.binder is not None:
        try:
            problem = seen.binder.ask("bind", pod, assumed.node)
        except ExtenderError as error:
            problem = str(error)
        if problem:
            return _take_back(seen, str(problem))
    regarding, teller = reference(pod), reporter(pod)
    words = SCHEDULED.format(namespace=queued.namespace, name=queued.name, node=assumed.node)
    call = Call(
        "create",
        "pods",
        queued.namespace,
        queued.name,
        "binding",
        body={
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": queued.name, "namespace": queued.namespace, "uid": queued.uid},
            "target": {"kind": "Node", "name": assumed.node},
        },
        on_success=(EventDraft(regarding, "Normal", "Scheduled", words, "Binding", teller),),
        on_refusal=(EventDraft(regarding, "Warning", "FailedScheduling", BIND_ERROR, "Scheduling", teller),),
        because=DECIDED(f"pod/{queued.name}", node=assumed.node, score=assumed.score, feasible=assumed.feasible),
    )
    told = condition_patch(pod, SCHEDULER_ERROR, BIND_ERROR, rfc3339(seen.now_ns), REFUSED(f"pod/{queued.name}"))
    return Plan((Batch((call,)), *((Batch((told,), refused=True),) if told else ())))


# -- volumes -------------------------------------------------------------------------------------------------------------
def _ask_for_volumes(seen: Binding, pod: Object) -> Plan:
    """Bind the chosen volumes to their claims, and mark the other claims for provisioning on the node."""
    assumed, queued = seen.assumed, seen.assumed.queued
    refused = (EventDraft(reference(pod), "Warning", "FailedScheduling", VOLUME_ERROR, "Scheduling", reporter(pod)),)
    because = VOLUMES(f"pod/{queued.name}", node=assumed.node)
    calls: list[Call] = []
    for claim_name, volume_name in assumed.static:
        claim, volume = seen.claims.get(claim_name), seen.volumes.get(volume_name)
        if claim is None or volume is None:
            return _take_back(seen, VOLUME_ERROR.format(error=f'failed to get volume "{volume_name}" for claim "{claim_name}"'))
        calls.append(update("persistentvolumes", _bound_to(volume, claim), on_refusal=refused, because=because))
    for claim_name in assumed.provision:
        claim = seen.claims.get(claim_name)
        if claim is None:
            return _take_back(seen, VOLUME_ERROR.format(error=f'persistentvolumeclaim "{claim_name}" not found'))
        marked = _annotated(claim, SELECTED_NODE, assumed.node)
        calls.append(update("persistentvolumeclaims", marked, on_refusal=refused, because=because))
    asked = {ASSUMED: {queued.uid: assumed._replace(since_ns=seen.now_ns)}}
    return in_turn(*calls).then(Plan(again_ns=POLL_NS, remember=asked))


def _bound_to(volume: Object, claim: Object) -> Object:
    if is_for(volume, claim):
        out = volume
    else:
        out = _annotated(volume, BOUND_BY_CONTROLLER, "yes")
    return {**out, "spec": {**out["spec"], "claimRef": reference(claim)}}


def _annotated(obj: Object, key: str, text: str) -> Object:
    meta = obj["metadata"]
    return {**obj, "metadata": {**meta, "annotations": {**(meta.get("annotations") or {}), key: text}}}


def _volume_problem(seen: Binding) -> str:
    """Why waiting for the volumes is in vain (upstream: checkBindings)."""
    assumed = seen.assumed
    if seen.now_ns - assumed.since_ns >= seen.timeout_ns:
        return "context deadline exceeded"
    labels = ((seen.node or {}).get("metadata") or {}).get("labels") or {}
    for _, name in assumed.static:
        volume = seen.volumes.get(name)
        if volume is None:
            return f'failed to check binding: could not find v1.PersistentVolume "{name}"'
        if not (volume["spec"].get("claimRef") or {}).get("uid"):
            return f'ClaimRef got reset for pv "{name}"'
    for name in assumed.provision:
        claim = seen.claims.get(name)
        if claim is None:
            return f'failed to check provisioning pvc: could not find v1.PersistentVolumeClaim "{assumed.queued.namespace}/{name}"'
        annotations = claim["metadata"].get("annotations")
        if annotations is None:
            return f'selectedNode annotation reset for PVC "{name}"'
        if annotations.get(SELECTED_NODE) != assumed.node:
            return f'provisioning failed for PVC "{name}"'
        volume = seen.volumes.get(claim["spec"].get("volumeName") or "")
        if volume is not None and not reaches(volume, labels, assumed.node):
            return f'pv "{volume["metadata"]["name"]}" node affinity doesn\'t match node "{assumed.node}": no matching NodeSelectorTerms'
    return ""


def _are_bound(seen: Binding) -> bool:
    return all(claim is not None and is_bound(claim) for claim in seen.claims.values())


# -- failure -------------------------------------------------------------------------------------------------------------
def _take_back(seen: Binding, message: str) -> Plan:
    """Forget the assumption; the pod backs off, unless it is gone or bound; other pods may now fit.

    ``message`` is empty if the refusal has spoken for itself.
    """
    queued = seen.assumed.queued._replace(timestamp_ns=seen.now_ns, plugins=())
    moves = moved(seen.others, POD_DELETE, seen.now_ns)
    keys: list[Key] = [CYCLE_KEY] if moves.active else []
    note = note_moves(moves)
    note[ASSUMED] = {queued.uid: None}
    note[TOUCHED] = {**note.get(TOUCHED, {}), queued.uid: 1}
    base = Plan(note=note, follow_up=tuple(keys), because=(REFUSED(f"pod/{queued.name}"),))
    pod = seen.pod
    if pod is None or pod["spec"].get("nodeName"):
        return base
    note[BACKOFF] = {**note.get(BACKOFF, {}), queued.uid: queued}
    back = Plan(nudge=(Nudge(NAME, FLUSH_KEY, seen.flush_after_ns),))
    if not message:
        return base.then(back)
    patched = condition_patch(pod, SCHEDULER_ERROR, message, rfc3339(seen.now_ns), REFUSED(f"pod/{queued.name}"))
    told = Plan(() if patched is None else (Batch((patched,)),), events=(failed_event(pod, message),))
    return base.then(back).then(told)
