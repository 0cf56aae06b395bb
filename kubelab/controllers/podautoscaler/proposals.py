"""What each metric of an autoscaler proposes, and which proposal holds: the highest, unless what is unknown could be higher.

upstream: computeReplicasForMetric… and computeStatusFor… in pkg/controller/podautoscaler/horizontal.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from kubelab.controllers.common.selector_text import selector_text
from kubelab.controllers.podautoscaler.metrics import MetricsError, MetricsSource
from kubelab.controllers.podautoscaler.replicas import Calculation, by_metric, by_share, by_total, by_usage, by_utilization
from kubelab.kinds.quantity import DECIMAL_SI, parse, render
from kubelab.kinds.selectors import EVERYTHING, LabelSelector, SelectorError, compile_selector
from kubelab.store.log import Object

_MILLI = 1_000_000  # nano units


@dataclass(frozen=True, slots=True)
class Question:
    """What a proposal is computed from. ``status_replicas``: how many pods the target says it has."""

    given: Calculation
    namespace: str
    status_replicas: int
    source: MetricsSource
    container_metrics: bool = True


class Proposal(NamedTuple):
    """Replicas, what the metric is called in reasons, its status."""

    replicas: int
    metric: str
    status: Object


class Refused(Exception):
    """A metric without a proposal: the reason of the condition and of its event ("" : neither), what they say, what the sync says."""

    def __init__(self, reason: str, inner: str, outer: str) -> None:
        super().__init__(outer)
        self.reason, self.inner, self.outer = reason, inner, outer


class Outcome(NamedTuple):
    """``replicas`` is None if nothing may be done. ``condition`` (reason, message) of ScalingActive, False if ``error`` leaves no number.

    ``statuses``: one per metric; ``warnings``: (reason, message) of events.
    """

    replicas: int | None
    metric: str
    statuses: tuple[Object, ...]
    condition: tuple[str, str]
    error: str
    warnings: tuple[tuple[str, str], ...]


def propose(question: Question, metrics: Sequence[Object]) -> Outcome:
    """All metrics together (upstream: computeReplicasForMetrics, once the selector is known to be good)."""
    best: Proposal | None = None
    refusals: list[Refused] = []
    statuses: list[Object] = []
    for metric in metrics:
        try:
            proposal = _PROPOSERS.get(metric.get("type", ""), _unknown)(question, metric)
        except Refused as refusal:
            refusals.append(refusal)
            statuses.append({"type": ""})
            continue
        statuses.append(proposal.status)
        if best is None or not best.replicas or proposal.replicas > best.replicas:
            best = proposal
    warnings = tuple((each.reason, each.inner) for each in refusals if each.reason)
    error = ""
    if refusals:
        error = f"invalid metrics ({len(refusals)} invalid out of {len(metrics)}), first error is: {refusals[0].outer}"
    if len(refusals) >= len(metrics) or best is None or (refusals and best.replicas < question.given.replicas):
        first = refusals[0] if refusals else Refused("", "", "")
        words = f"the HPA was unable to compute the replica count: {first.inner}" if first.reason else ""
        return Outcome(None, "", tuple(statuses), (first.reason, words), error, warnings)
    words = f"the HPA was able to successfully calculate a replica count from {best.metric}"
    return Outcome(best.replicas, best.metric, tuple(statuses), ("ValidMetricFound", words), error, warnings)


# -- by type --------------------------------------------------------------------------------------------------------------------
def _of_resource(question: Question, metric: Object) -> Proposal:
    source = metric["resource"]
    name = source["name"]
    try:
        replicas, words, current = _generic(question, source, "")
    except MetricsError as error:
        raise Refused("FailedGetResourceMetric", str(error), f"failed to get {name} resource metric value: {error}") from error
    return Proposal(replicas, words, {"type": "Resource", "resource": {"name": name, "current": current}})


def _of_container(question: Question, metric: Object) -> Proposal:
    if not question.container_metrics:
        raise Refused("", "", "ContainerResource metric type is not supported: disabled by the feature gate")
    source = metric["containerResource"]
    name, container = source["name"], source["container"]
    try:
        replicas, words, current = _generic(question, source, container)
    except MetricsError as error:
        outer = f"failed to get {container} container metric value: {error}"
        raise Refused("FailedGetContainerResourceMetric", str(error), outer) from error
    status = {"name": name, "current": current, "container": container}
    return Proposal(replicas, words, {"type": "ContainerResource", "containerResource": status})


def _generic(question: Question, source: Object, container: str) -> tuple[int, str, Object]:
    """upstream: computeStatusForResourceMetricGeneric."""
    name, target, given = source["name"], source.get("target") or {}, question.given
    average, percent = target.get("averageValue"), target.get("averageUtilization")
    kind = "usage" if average is not None else "utilization"
    if average is None and percent is None:
        raise MetricsError(
            "invalid resource metric source: neither an average utilization target nor an average value (usage) target was set"
        )
    try:
        try:
            items = question.source.pods()
        except MetricsError as error:
            raise MetricsError(f"unable to get metrics for resource {name}: {error}") from error
        if average is not None:
            replicas, usage = by_usage(given, items, name, parse(average).milli(), container)
            return replicas, f"{name} resource", {"averageValue": _quantity(usage)}
        replicas, utilization, usage = by_utilization(given, items, name, int(percent or 0), container)
    except MetricsError as error:
        raise MetricsError(f"failed to get {name} {kind}: {error}") from error
    of = "container resource" if container else "resource"
    words = f"{name} {of} utilization (percentage of request)"
    return replicas, words, {"averageValue": _quantity(usage), "averageUtilization": utilization}


def _of_pods(question: Question, metric: Object) -> Proposal:
    source = metric["pods"]
    name = source["metric"]["name"]
    selector = _metric_selector(source, "FailedGetPodsMetric", "failed to get pods metric value")
    try:
        try:
            values = question.source.per_pod(name, selector)
        except MetricsError as error:
            raise MetricsError(f"unable to get metric {name}: {error}") from error
        replicas, usage = by_metric(question.given, values, parse(source["target"]["averageValue"]).milli())
    except MetricsError as error:
        raise Refused("FailedGetPodsMetric", str(error), f"failed to get pods metric value: {error}") from error
    status = {"metric": source["metric"], "current": {"averageValue": _quantity(usage)}}
    return Proposal(replicas, f"pods metric {name}", {"type": "Pods", "pods": status})


def _of_object(question: Question, metric: Object) -> Proposal:
    source = metric["object"]
    name, described, target = source["metric"]["name"], source["describedObject"], source.get("target") or {}
    selector = _metric_selector(source, "FailedGetObjectMetric", "failed to get object metric value")
    kind = target.get("type")
    if kind not in ("Value", "AverageValue"):
        words = "invalid object metric source: neither a value target nor an average value target was set"
        raise Refused("FailedGetObjectMetric", words, f"failed to get object metric value: {words}")
    try:
        usage = question.source.of_object(described, name, selector)
        if kind == "Value":
            replicas = by_total(question.given, usage, parse(target["value"]).milli())
    except MetricsError as error:
        place = f"{described.get('kind', '')} {question.namespace}/{described.get('name', '')}"
        inner = str(error) if str(error).startswith("unable to calculate") else f"unable to get metric {name}: {error} on {place}"
        returned = inner if kind == "Value" else f"failed to get {name} object metric: {inner}"
        raise Refused("FailedGetObjectMetric", inner, f"failed to get object metric value: {returned}") from error
    if kind == "Value":
        status = {"metric": source["metric"], "current": {"value": _quantity(usage)}, "describedObject": described}
        return Proposal(replicas, f"{described.get('kind', '')} metric {name}", {"type": "Object", "object": status})
    target_milli = parse(target["averageValue"]).milli()
    replicas, share = by_share(question.status_replicas, usage, target_milli, question.given.settings)
    status = {"metric": source["metric"], "current": {"averageValue": _quantity(share)}, "describedObject": {"kind": "", "name": ""}}
    return Proposal(replicas, _external_words(source), {"type": "Object", "object": status})


def _of_external(question: Question, metric: Object) -> Proposal:
    source = metric["external"]
    name, target = source["metric"]["name"], source.get("target") or {}
    failed = f"failed to get {name} external metric value"
    average, total = target.get("averageValue"), target.get("value")
    if average is None and total is None:
        words = "invalid external metric source: neither a value target nor an average value target was set"
        raise Refused("FailedGetExternalMetric", words, f"{failed}: {words}")
    returned = f"failed to get {name} external metric" if average is not None else f"failed to get external metric {name}"
    try:
        usage = _external_usage(question, source)
        if total is not None and average is None:
            replicas = by_total(question.given, usage, parse(total).milli())
    except MetricsError as error:
        raise Refused("FailedGetExternalMetric", str(error), f"{failed}: {returned}: {error}") from error
    if average is None:
        current = {"value": _quantity(usage)}
    else:
        replicas, share = by_share(question.status_replicas, usage, parse(average).milli(), question.given.settings)
        current = {"averageValue": _quantity(share)}
    return Proposal(replicas, _external_words(source), {"type": "External", "external": {"metric": source["metric"], "current": current}})


def _external_usage(question: Question, source: Object) -> int:
    name, selector = source["metric"]["name"], source["metric"].get("selector")
    try:
        compiled = _compiled(selector)
    except SelectorError as error:
        raise MetricsError(str(error)) from error
    try:
        return sum(question.source.external(name, compiled))
    except MetricsError as error:
        raise MetricsError(f"unable to get external metric {question.namespace}/{name}/{selector_text(selector)}: {error}") from error


def _unknown(question: Question, metric: Object) -> Proposal:
    words = f'unknown metric source type "{metric.get("type", "")}"'
    raise Refused("InvalidMetricSourceType", words, words)


_PROPOSERS: dict[str, Callable[[Question, Object], Proposal]] = {
    "Object": _of_object,
    "Pods": _of_pods,
    "Resource": _of_resource,
    "ContainerResource": _of_container,
    "External": _of_external,
}


# -- parts ----------------------------------------------------------------------------------------------------------------------
def _metric_selector(source: Object, reason: str, failed: str) -> LabelSelector:
    try:
        return _compiled(source["metric"].get("selector"))
    except SelectorError as error:
        raise Refused(reason, str(error), f"{failed}: {error}") from error


def _compiled(selector: Object | None) -> LabelSelector:
    """An absent metric selector restricts nothing in effect: its text, which is what is asked with, is empty."""
    return EVERYTHING if selector is None else compile_selector(selector)


def _external_words(source: Object) -> str:
    return f"external metric {source['metric']['name']}({selector_text(source['metric'].get('selector'))})"


def _quantity(thousandths: int) -> str:
    """upstream: NewMilliQuantity(…, DecimalSI)."""
    return render(thousandths * _MILLI, DECIMAL_SI)
