"""The disruption controller: keeps each budget's status, and clears the marks of disruptions that did not happen.

upstream: pkg/controller/disruption/disruption.go, component-helpers/apps/poddisruptionbudget/helpers.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from kubelab.controllers.common.conditions import find_condition
from kubelab.controllers.common.pod_facts import is_ready, is_terminating, phase
from kubelab.controllers.common.selector_text import selector_text
from kubelab.controllers.disruption.scale import Expected, expected
from kubelab.engine.component import Change, Controller, Later, Scope, Watch, service_account
from kubelab.engine.plan import NOTHING, Call, EventDraft, Key, Plan, Reason, reference, step, update_status
from kubelab.kinds.selectors import matches_selector
from kubelab.store.log import Object
from kubelab.world.clock import SECOND, parse_rfc3339, rfc3339

RESOURCE = "poddisruptionbudgets.policy"
DELETION_TIMEOUT_NS = 120 * SECOND
CONDITION = "DisruptionAllowed"
TARGET = "DisruptionTarget"
FIELD_MANAGER = "DisruptionController"
STALE_POD, SEVERAL_BUDGETS = "stale pod", "pod of several budgets"  # no namespace can be called so
_NONE: dict[str, Any] = {}

CHANGED = Reason("BudgetChanged", "{subject} allows {allowed} disruptions: {healthy} of {expected} pods are healthy, {desired} must be")
CURRENT = Reason("BudgetCurrent", "the status of {subject} is up to date")
STALE = Reason("StaleDisruption", "{subject} was to be disrupted two minutes ago and was not")


@dataclass(frozen=True, slots=True)
class Budget:
    budget: Object
    pods: tuple[Object, ...]
    expected: Expected
    now_ns: int


@dataclass(frozen=True, slots=True)
class Pod:
    """``budgets``: the names of those that match it, where they are too many; none where its disruption is to be looked at."""

    pod: Object
    budgets: tuple[str, ...]
    now_ns: int


def observe(scope: Scope, key: Key) -> Budget | Pod | None:
    view = scope.view
    if key[0] in (STALE_POD, SEVERAL_BUDGETS):
        pod = view.get("pods", key[1], key[2])
        return None if pod is None else Pod(pod, tuple(_budgets_of(scope, pod)) if key[0] == SEVERAL_BUDGETS else (), scope.now_ns)
    budget = view.get(RESOURCE, key[0], key[1])
    if budget is None:
        return None
    pods = _pods_of(scope, budget)
    return Budget(budget, tuple(pods), expected(view, budget, pods), scope.now_ns)


def _pods_of(scope: Scope, budget: Object) -> list[Object]:
    selector, namespace = budget["spec"].get("selector"), budget["metadata"]["namespace"]
    if selector is None:
        return []
    labels = selector.get("matchLabels")
    candidates = scope.view.labelled(namespace, labels) if labels else scope.view.list("pods", namespace)
    if labels and not selector.get("matchExpressions"):
        return candidates
    return [pod for pod in candidates if matches_selector(selector, pod["metadata"].get("labels") or _NONE)]


def plan(seen: Budget | Pod) -> Plan:
    if isinstance(seen, Budget):
        return _sync(seen)
    return _too_many(seen) if seen.budgets else _clear_stale(seen)


# -- a budget -------------------------------------------------------------------------------------------------------------------
def _sync(seen: Budget) -> Plan:
    budget, events = seen.budget, []
    if not seen.pods:
        events.append(EventDraft(reference(budget), "Normal", "NoPods", "No matching pods found"))
    if seen.expected.error:
        return _failed(seen, events, seen.expected.error)
    if seen.expected.unmanaged:
        events.append(EventDraft(reference(budget), "Warning", "UnmanagedPods", _unmanaged_words(budget["spec"].get("selector") or {})))
    disrupted, recheck_ns, overdue = _disrupted_pods(seen)
    events += overdue
    healthy = sum(1 for pod in seen.pods if not is_terminating(pod) and pod["metadata"]["name"] not in disrupted and is_ready(pod))
    status = _new_status(seen, healthy, disrupted)
    told = Plan(events=tuple(events), again_ns=recheck_ns)
    subject = f"poddisruptionbudget/{budget['metadata']['name']}"
    if status is None:
        return told.then(Plan(because=(CURRENT(subject),)))
    because = CHANGED(
        subject,
        allowed=status["disruptionsAllowed"],
        healthy=healthy,
        expected=seen.expected.pods,
        desired=seen.expected.healthy,
    )
    return told.then(step(update_status(RESOURCE, {**budget, "status": status}, because=because)))


def _disrupted_pods(seen: Budget) -> tuple[dict[str, str], int | None, list[EventDraft]]:
    """The pods whose eviction was granted less than two minutes ago and that are still there; when to look again; the overdue ones."""
    granted = (seen.budget.get("status") or _NONE).get("disruptedPods") or _NONE
    kept: dict[str, str] = {}
    recheck_ns, overdue = None, []
    for pod in seen.pods if granted else ():
        since = granted.get(pod["metadata"]["name"])
        if since is None or is_terminating(pod):
            continue
        due_ns = parse_rfc3339(since) + DELETION_TIMEOUT_NS
        if due_ns < seen.now_ns:
            namespace = seen.budget["metadata"]["namespace"]
            words = f"Pod was expected by PDB {namespace}/{namespace} to be deleted but it wasn't"
            overdue.append(EventDraft(reference(pod), "Warning", "NotDeleted", words))
        else:
            kept[pod["metadata"]["name"]] = since
            left_ns = max(1, due_ns - seen.now_ns + 1)
            recheck_ns = left_ns if recheck_ns is None else min(recheck_ns, left_ns)
    return kept, recheck_ns, overdue


def _new_status(seen: Budget, healthy: int, disrupted: dict[str, str]) -> Object | None:
    budget, old = seen.budget, seen.budget.get("status") or _NONE
    allowed = max(0, healthy - seen.expected.healthy) if seen.expected.pods > 0 else 0
    generation = budget["metadata"].get("generation") or 0
    counts = {
        "disruptionsAllowed": allowed,
        "currentHealthy": healthy,
        "desiredHealthy": seen.expected.healthy,
        "expectedPods": seen.expected.pods,
    }
    present = find_condition(old.get("conditions"), CONDITION) or _NONE
    verdict = ("True", "SufficientPods") if allowed > 0 else ("False", "InsufficientPods")
    same = (
        all((old.get(field) or 0) == count for field, count in counts.items())
        and (old.get("disruptedPods") or {}) == disrupted
        and (old.get("observedGeneration") or 0) == generation
        and (present.get("status"), present.get("reason")) == verdict
    )
    if same:
        return None
    status: Object = {"observedGeneration": generation} if generation else {}
    if disrupted:
        status["disruptedPods"] = disrupted
    status.update(counts)
    condition = _condition(*verdict, "", generation, rfc3339(seen.now_ns))
    status["conditions"] = [condition]
    return status


def _condition(status: str, reason: str, message: str, generation: int, since: str) -> Object:
    condition: Object = {"type": CONDITION, "status": status}
    if generation:
        condition["observedGeneration"] = generation
    condition.update({"lastTransitionTime": since, "reason": reason, "message": message})
    return condition


def _failed(seen: Budget, events: list[EventDraft], error: str) -> Plan:
    """Nothing may be disrupted while it is not known what would follow (upstream: failSafe)."""
    budget, old = seen.budget, seen.budget.get("status") or _NONE
    words = f"Failed to calculate the number of expected pods: {error}"
    events.append(EventDraft(reference(budget), "Warning", "CalculateExpectedPodCountFailed", words))
    present = find_condition(old.get("conditions"), CONDITION)
    since = present["lastTransitionTime"] if present is not None and present["status"] == "False" else rfc3339(seen.now_ns)
    condition = _condition("False", "SyncFailed", error, old.get("observedGeneration") or 0, since)
    others = [each for each in old.get("conditions") or () if each["type"] != CONDITION]
    status = {**old, "disruptionsAllowed": 0, "conditions": [*others, condition]}
    subject = f"poddisruptionbudget/{budget['metadata']['name']}"
    because = CHANGED(subject, allowed=0, healthy=0, expected=0, desired=0)
    written = step(update_status(RESOURCE, {**budget, "status": status}, because=because)) if status != old else NOTHING
    return written.then(Plan(events=tuple(events), error=error))


def _unmanaged_words(selector: Object) -> str:
    return (
        f"Pods selected by this PodDisruptionBudget (selector: {selector_text(selector)}) were found to be unmanaged. As a result, the status "
        "of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set "
        '".spec.minAvailable" field of the PDB to an integer value.'
    )


# -- a pod ------------------------------------------------------------------------------------------------------------------------
def _too_many(seen: Pod) -> Plan:
    if len(seen.budgets) < 2:
        return NOTHING
    meta = seen.pod["metadata"]
    words = f'Pod "{meta["namespace"]}"/"{meta["name"]}" matches multiple PodDisruptionBudgets.  Chose "{seen.budgets[0]}" arbitrarily.'
    return Plan(events=(EventDraft(reference(seen.pod), "Warning", "MultiplePodDisruptionBudgets", words),))


def _clear_stale(seen: Pod) -> Plan:
    condition = _pending_disruption(seen.pod)
    if condition is None:
        return NOTHING
    left_ns = parse_rfc3339(condition["lastTransitionTime"]) + DELETION_TIMEOUT_NS - seen.now_ns
    if left_ns > 0:
        return Plan(again_ns=left_ns)
    meta = seen.pod["metadata"]
    cleared = {"type": TARGET, "status": "False", "lastTransitionTime": rfc3339(seen.now_ns)}
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": meta["name"], "namespace": meta["namespace"], "resourceVersion": meta["resourceVersion"]},
        "status": {"conditions": [cleared]},
    }
    because = STALE(f"pod/{meta['name']}")
    return step(
        Call("patch", "pods", meta["namespace"], meta["name"], "status", body, "apply", (404,), because=because, manager=FIELD_MANAGER)
    )


def _pending_disruption(pod: Object) -> Object | None:
    if is_terminating(pod) or phase(pod) in ("Succeeded", "Failed"):
        return None
    condition = find_condition((pod.get("status") or _NONE).get("conditions"), TARGET)
    if condition is None or condition["status"] != "True" or condition.get("reason") == "TerminationByKubelet":
        return None
    return condition


# -- what wakes it ----------------------------------------------------------------------------------------------------------------
def _budgets_of(scope: Scope, pod: Object) -> Sequence[str]:
    meta = pod["metadata"]
    labels = meta.get("labels")
    if not labels or (RESOURCE, meta["namespace"]) not in scope.view.state.by_namespace:
        return ()
    budgets = scope.view.list(RESOURCE, meta["namespace"])
    return [
        each["metadata"]["name"]
        for each in budgets
        if each["spec"].get("selector") is not None and matches_selector(each["spec"]["selector"], labels)
    ]


def budget_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    meta = change.object["metadata"]
    return () if change.type == "DELETED" else ((meta["namespace"], meta["name"]),)


def pod_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    """The budget of a pod whose readiness, deletion or labels changed: nothing else of it is counted."""
    pod, old = change.object, change.old
    if change.type == "MODIFIED" and old is not None and _counts_the_same(old, pod):
        return ()
    meta = pod["metadata"]
    keys: list[Key | Later] = []
    if change.type != "DELETED" and _pending_disruption(pod) is not None:
        keys.append((STALE_POD, meta["namespace"], meta["name"]))
    budgets = _budgets_of(scope, pod)
    if budgets:
        keys.append((meta["namespace"], budgets[0]))
    if len(budgets) > 1:
        keys.append((SEVERAL_BUDGETS, meta["namespace"], meta["name"]))
    return keys


def _counts_the_same(old: Object, new: Object) -> bool:
    before, after = old["metadata"], new["metadata"]
    if before.get("deletionTimestamp") != after.get("deletionTimestamp"):
        return False
    if before.get("labels") is not after.get("labels") and before.get("labels") != after.get("labels"):
        return False
    if old.get("status") is new.get("status"):
        return True
    return is_ready(old) == is_ready(new) and (_pending_disruption(old) is None) == (_pending_disruption(new) is None)


CONTROLLER = Controller(
    name="disruption-controller",
    identity=service_account("disruption-controller", source="controllermanager"),
    watches=(Watch("pods", pod_keys), Watch(RESOURCE, budget_keys)),
    observe=observe,
    plan=plan,
    workers=1,
    background=frozenset({STALE_POD}),
)
