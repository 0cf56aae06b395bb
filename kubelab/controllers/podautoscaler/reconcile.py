"""From what a sync sees to its plan: the scale, the status, the events.

upstream: reconcileAutoscaler in pkg/controller/podautoscaler/horizontal.go, 1.28.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kubelab.controllers.podautoscaler import behavior, first
from kubelab.controllers.podautoscaler.asking import ANSWERS, get_scale, list_metrics
from kubelab.controllers.podautoscaler.behavior import Bounds, Limited, Recommendation, Recommendations, Stable
from kubelab.controllers.podautoscaler.observe import DOWNS, RECOMMENDATIONS, RESOURCE, SELECTORS, UPS, Gone, Seen
from kubelab.controllers.podautoscaler.proposals import Outcome, Question, propose
from kubelab.controllers.podautoscaler.replicas import Calculation
from kubelab.controllers.podautoscaler.status import ABLE, ACTIVE, LIMITED, same, status_of, with_condition
from kubelab.engine.plan import Batch, Because, Call, EventDraft, Plan, Reason, reference, step, update_status
from kubelab.store.log import Object
from kubelab.world.clock import SECOND, parse_rfc3339, rfc3339

_NONE: dict[str, Any] = {}
_GET_FAILED = "the HPA controller was unable to get the target's current scale: "

LOOK = Reason("GetScale", "{subject} reads the scale of {target}")
MEASURE = Reason("GetMetrics", "{subject} asks for the metrics of the pods {selector}")
NO_TARGET = Reason("NoScaleTarget", "{subject} finds no scale of {target}: {error}")
UNMEASURED = Reason("NoReplicaCount", "{subject} cannot tell how many replicas there should be: {error}")
DISABLED = Reason("ScalingDisabled", "{subject} is off: its target has no replicas")
RESCALE = Reason("Rescale", "{subject} scales {target} from {current} to {desired}: {why}")
STEADY = Reason("NoRescale", "{subject} leaves {target} at {current}: {why}")


class Decision(NamedTuple):
    """How many replicas there shall be and why; the conditions so far; the metrics' statuses (None: none were asked for)."""

    desired: int
    why: str
    conditions: list[Object]
    metrics: tuple[Object, ...] | None
    rescale: bool
    recommendations: Recommendations
    error: str = ""
    warnings: tuple[tuple[str, str], ...] = ()


def forget(gone: Gone) -> Plan:
    return Plan(remember={table: {gone.place: None} for table in (SELECTORS, RECOMMENDATIONS, UPS, DOWNS, ANSWERS)})


def first_asked(seen: Seen) -> Plan | None:
    """The next question that this sync must ask, or None if it has been told all it needs."""
    target = seen.target
    if not seen.asked[0]:
        because = LOOK(_subject(seen), target=_target_words(seen))
        return step(get_scale(seen.place, target.resource, target.name, seen.read_ns, because))._replace(again_ns=0)
    if not seen.asked[1]:
        because = MEASURE(_subject(seen), selector=seen.selector)
        return step(list_metrics(seen.place, seen.selector, seen.read_ns, because))._replace(again_ns=0)
    return None


def reconcile(seen: Seen) -> Plan:
    """One sync, once everything is known."""
    planned = _reconcile(seen)
    return planned._replace(note={**planned.note, ANSWERS: {seen.place: None}})


def _reconcile(seen: Seen) -> Plan:
    if seen.target.scale is None:
        return _no_target(seen)
    now = rfc3339(seen.now_ns)
    current = seen.target.scale["spec"].get("replicas", 0)
    known = seen.recommendations if seen.recommendations is not None else (Recommendation(current, seen.now_ns),)
    able = "the HPA controller was able to get the target's current scale"
    conditions = with_condition(_conditions(seen), ABLE, "True", "SucceededGetScale", able, now)
    decision = _decide(seen, current, conditions, known)
    remembered = Plan(note={RECOMMENDATIONS: {seen.place: decision.recommendations}, **_known_selector(seen, current)})
    warnings = tuple(_event(seen, "Warning", reason, words) for reason, words in decision.warnings)
    if decision.metrics is None and decision.error:
        return _unmeasured(seen, current, decision, warnings, remembered)
    written = _rescale(seen, current, decision) if decision.rescale else _steady(seen, current, decision)
    return remembered._replace(events=warnings).then(written)


def _known_selector(seen: Seen, current: int) -> dict[str, dict[Any, Any]]:
    """The selector, once a sync has come to use it, is known to the syncs of other autoscalers."""
    spec = seen.autoscaler["spec"]
    used = seen.selector and not seen.selector_error and spec.get("minReplicas", 1) <= current <= spec["maxReplicas"]
    return {SELECTORS: {seen.place: seen.selector}} if used else {}


# -- deciding -------------------------------------------------------------------------------------------------------------------
def _decide(seen: Seen, current: int, conditions: list[Object], recommendations: Recommendations) -> Decision:
    spec, now = seen.autoscaler["spec"], rfc3339(seen.now_ns)
    least, most = spec.get("minReplicas", 1), spec["maxReplicas"]
    if current == 0 and least != 0:
        words = "scaling is disabled since the replica count of the target is zero"
        conditions = with_condition(conditions, ACTIVE, "False", "ScalingDisabled", words, now)
        return Decision(0, "", conditions, None, False, recommendations)
    if current > most:
        return Decision(most, "Current number of replicas above Spec.MaxReplicas", conditions, None, True, recommendations)
    if current < least:
        return Decision(least, "Current number of replicas below Spec.MinReplicas", conditions, None, True, recommendations)
    outcome = _propose(seen, current)
    if outcome.replicas is None:
        conditions = with_condition(
            conditions, ACTIVE if outcome.condition[0] else "", "False" if outcome.condition[0] else "", *outcome.condition, now
        )
        return Decision(current, "", conditions, None, False, recommendations, outcome.error, outcome.warnings)
    found = outcome.condition[1].replace("successfully", "succesfully") if seen.is_first else outcome.condition[1]
    conditions = with_condition(conditions, ACTIVE, "True", outcome.condition[0], found, now)
    proposed = max(outcome.replicas, 0)
    why = ""
    if proposed > current:
        why = f"{outcome.metric if proposed else ''} above target"
    elif proposed < current:
        why = "All metrics below target"
    if seen.is_first:
        return _steadied(
            seen, current, proposed, Decision(proposed, why, conditions, outcome.statuses, False, (), outcome.error, outcome.warnings)
        )
    stable, limited = _normalized(seen, current, proposed, Bounds(least, most), recommendations)
    ready = ("ReadyForNewScale", "recommended size matches current size")
    conditions = with_condition(conditions, ABLE, "True", *(ready if stable.replicas == proposed else stable[1:3]), now)
    is_limited = "False" if limited.replicas == stable.replicas else "True"
    conditions = with_condition(conditions, LIMITED, is_limited, limited.reason, limited.message, now)
    rescale = limited.replicas != current
    return Decision(limited.replicas, why, conditions, outcome.statuses, rescale, stable.recommendations, outcome.error, outcome.warnings)


def _steadied(seen: Seen, current: int, proposed: int, decision: Decision) -> Decision:
    """What 1.7 made of a proposal: bounded, and put off for a while after a change."""
    spec, now, last = seen.autoscaler["spec"], rfc3339(seen.now_ns), _status(seen).get("lastScaleTime")
    desired, limited = first.bounded(current, proposed, Bounds(spec.get("minReplicas", 1), spec["maxReplicas"]))
    scaled_ns = None if last is None else parse_rfc3339(last)
    conditions = with_condition(decision.conditions, LIMITED, *limited, now)
    conditions = with_condition(conditions, ABLE, *first.readiness(scaled_ns, seen.now_ns), now)
    return decision._replace(desired=desired, conditions=conditions, rescale=first.may_scale(current, desired, scaled_ns, seen.now_ns))


def _propose(seen: Seen, current: int) -> Outcome:
    """What the metrics say, if the selector is good for them (upstream: computeReplicasForMetrics)."""
    if not seen.selector:
        return _bad_selector("InvalidSelector", "SelectorRequired", "the HPA target's scale is missing a selector", "selector is required")
    if seen.selector_error:
        return _bad_selector("InvalidSelector", "InvalidSelector", seen.selector_error, seen.selector_error)
    if len(seen.rivals) > 1:
        names = " ".join(f"{namespace}/{name}" for namespace, name in seen.rivals)
        words = f"pods by selector {seen.selector} are controlled by multiple HPAs: [{names}]"
        return _bad_selector("AmbiguousSelector", "AmbiguousSelector", words, words)
    scale = seen.target.scale or _NONE
    given = Calculation(seen.pods, current, seen.now_ns, seen.settings)
    question = Question(given, seen.place[0], scale["status"].get("replicas", 0), seen.source, seen.container_metrics)
    return propose(question, seen.autoscaler["spec"].get("metrics") or ())


def _bad_selector(reason: str, event: str, condition: str, error: str) -> Outcome:
    return Outcome(None, "", (), (reason, condition), error, ((event, error),))


def _normalized(seen: Seen, current: int, proposed: int, bounds: Bounds, recommendations: Recommendations) -> tuple[Stable, Limited]:
    rules = seen.autoscaler["spec"].get("behavior")
    if rules is None:
        stable = behavior.stabilized(recommendations, proposed, seen.now_ns, seen.settings.downscale_stabilization_ns)
        return stable, behavior.within_rules(current, stable.replicas, bounds, seen.settings)
    down = rules["scaleDown"]
    if down.get("stabilizationWindowSeconds") is None:
        rules = {**rules, "scaleDown": {**down, "stabilizationWindowSeconds": seen.settings.downscale_stabilization_ns // SECOND}}
    stable = behavior.stabilized_both_ways(recommendations, current, proposed, rules, seen.now_ns)
    return stable, behavior.within_rate(current, stable.replicas, bounds, rules, seen.ups, seen.downs, seen.now_ns)


# -- writing --------------------------------------------------------------------------------------------------------------------
def _no_target(seen: Seen) -> Plan:
    """Nothing to scale: the API server, or the REST mapper, has said why."""
    error, old = seen.target.error, _status(seen)
    conditions = with_condition(_conditions(seen), ABLE, "False", "FailedGetScale", _GET_FAILED + error, rfc3339(seen.now_ns))
    status = {**old, "conditions": conditions}
    because = NO_TARGET(_subject(seen), target=_target_words(seen), error=error)
    written = () if same(old, status) else (Batch((_status_call(seen, status, because),)),)
    return Plan(written, because=(because,), events=(_event(seen, "Warning", "FailedGetScale", error),), error=_get_error(seen))


def _get_error(seen: Seen) -> str:
    error = seen.target.error
    if seen.target.resource:
        return f"failed to query scale subresource for {_reference(seen)}: {error}"
    if error.startswith("unexpected GroupVersion"):
        return f"invalid API version in scale target reference: {error}"
    return f"unable to determine resource for scale target reference: {error}"


def _unmeasured(seen: Seen, current: int, decision: Decision, warnings: tuple[EventDraft, ...], remembered: Plan) -> Plan:
    """No number: the status keeps what it last said of metrics and desired replicas."""
    old = _status(seen)
    status = status_of(decision.conditions, current, old.get("desiredReplicas", 0), old.get("currentMetrics"), old.get("lastScaleTime"))
    because = UNMEASURED(_subject(seen), error=decision.error)
    failed = _event(seen, "Warning", "FailedComputeMetricsReplicas", decision.error)
    calls = () if same(old, status) else (Batch((_status_call(seen, status, because),)),)
    error = f"failed to compute desired number of replicas based on listed metrics for {_reference(seen)}: {decision.error}"
    return remembered.then(Plan(calls, because=(because,), events=(*warnings, failed), error=error))


def _steady(seen: Seen, current: int, decision: Decision) -> Plan:
    old = _status(seen)
    status = status_of(decision.conditions, current, current, decision.metrics, old.get("lastScaleTime"))
    last = decision.conditions[-1]
    because = STEADY(_subject(seen), target=_target_words(seen), current=current, why=last.get("message", ""))
    calls = () if same(old, status) else (Batch((_status_call(seen, status, because),)),)
    return Plan(calls, because=(because,))


def _rescale(seen: Seen, current: int, decision: Decision) -> Plan:
    old, now, desired = _status(seen), rfc3339(seen.now_ns), decision.desired
    because = RESCALE(_subject(seen), target=_target_words(seen), current=current, desired=desired, why=decision.why)
    words = f"New size: {desired}; reason: {decision.why}"
    call = _set_scale(seen, desired, because)._replace(
        on_success=(_event(seen, "Normal", "SuccessfulRescale", words),),
        on_refusal=(_event(seen, "Warning", "FailedRescale", f"{words}; error: {{error}}"),),
    )
    able = f"the HPA controller was able to update the target scale to {desired}"
    conditions = with_condition(decision.conditions, ABLE, "True", "SucceededRescale", able, now)
    done = status_of(conditions, current, desired, decision.metrics, now)
    unable = "the HPA controller was unable to update the target scale: {error}"
    conditions = with_condition(decision.conditions, ABLE, "False", "FailedUpdateScale", unable, now)
    failed = status_of(conditions, current, old.get("desiredReplicas", 0), old.get("currentMetrics"), old.get("lastScaleTime"))
    batches = (
        Batch((call,)),
        Batch((_status_call(seen, done, because),)),
        Batch((_status_call(seen, failed, because),), refused=True),
    )
    return Plan(batches, because=(because,), remember=_scale_event(seen, current, desired))


def _scale_event(seen: Seen, current: int, desired: int) -> dict[str, dict[Any, Any]]:
    rules = seen.autoscaler["spec"].get("behavior")
    if rules is None:
        return {}
    if desired > current:
        return {UPS: {seen.place: behavior.with_scale_event(seen.ups, desired - current, rules["scaleUp"], seen.now_ns)}}
    return {DOWNS: {seen.place: behavior.with_scale_event(seen.downs, current - desired, rules["scaleDown"], seen.now_ns)}}


# -- parts ----------------------------------------------------------------------------------------------------------------------
def _set_scale(seen: Seen, replicas: int, because: Because) -> Call:
    scale = seen.target.scale or _NONE
    body = {**scale, "spec": {"replicas": replicas} if replicas else {}}
    return Call("update", seen.target.resource, seen.place[0], seen.target.name, "scale", body=body, because=because)


def _status_call(seen: Seen, status: Object, because: Because) -> Call:
    failed = _event(seen, "Warning", "FailedUpdateStatus", "{error}")
    return update_status(RESOURCE, {**seen.autoscaler, "status": status}, because=because, on_refusal=(failed,))


def _event(seen: Seen, type_: str, reason: str, message: str) -> EventDraft:
    return EventDraft(reference(seen.autoscaler), type_, reason, message)


def _status(seen: Seen) -> Object:
    return seen.autoscaler.get("status") or _NONE


def _conditions(seen: Seen) -> list[Object]:
    return _status(seen).get("conditions") or []


def _subject(seen: Seen) -> str:
    return f"horizontalpodautoscaler/{seen.place[1]}"


def _target_words(seen: Seen) -> str:
    target = seen.autoscaler["spec"]["scaleTargetRef"]
    return f"{target.get('kind', '').lower()}/{target.get('name', '')}"


def _reference(seen: Seen) -> str:
    target = seen.autoscaler["spec"]["scaleTargetRef"]
    return f"{target.get('kind', '')}/{seen.place[0]}/{target.get('name', '')}"
