"""How many replicas a metric asks for: pods sorted into ready, unready, missing and ignored ones, and what each counts for.

upstream: pkg/controller/podautoscaler/replica_calculator.go, 1.28; spec/cri-metrics.md section 4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from kubelab.controllers.common.pod_facts import is_ready, is_terminating, phase, ready_condition
from kubelab.controllers.podautoscaler.metrics import (
    MetricsError,
    PodMetric,
    PodMetrics,
    resource_metric,
    usage_ratio,
    utilization_ratio,
)
from kubelab.kinds.quantity import milli
from kubelab.store.log import Object
from kubelab.world.clock import SECOND, parse_rfc3339

_NO_PODS = "no pods returned by selector while calculating replica count"
_UNREADY = "did not receive metrics for targeted pods (pods might be unready)"
_LOWEST = -(2**63)  # what Go makes of an infinite or undefined float


@dataclass(frozen=True, slots=True)
class Settings:
    """The controller manager's flags ``--horizontal-pod-autoscaler-…`` with their defaults, and the limit of one step up."""

    tolerance: float = 0.1
    cpu_initialization_ns: int = 300 * SECOND
    initial_readiness_ns: int = 30 * SECOND
    downscale_stabilization_ns: int = 300 * SECOND
    scale_up_factor: float = 2.0
    scale_up_least: float = 4.0


DEFAULT = Settings()


class Calculation(NamedTuple):
    """The pods behind the selector, the present replicas, and when: what every rule starts from."""

    pods: Sequence[Object]
    replicas: int
    now_ns: int
    settings: Settings


class Groups(NamedTuple):
    ready: int
    unready: tuple[str, ...]
    missing: tuple[str, ...]
    ignored: tuple[str, ...]


def by_utilization(given: Calculation, items: Sequence[Object], resource: str, target: int, container: str = "") -> tuple[int, int, int]:
    """Replicas, present utilization in percent, mean usage in thousandths. Raises MetricsError (upstream: GetResourceReplicas)."""
    metrics = _measured(items, resource, container)
    if not given.pods:
        raise MetricsError(_NO_PODS)
    groups = group_pods(given, metrics, resource)
    kept = _without(metrics, groups)
    requests = _requests(given.pods, container, resource)
    ratio, utilization, raw = utilization_ratio(kept, requests, target)
    up_with_unready = bool(groups.unready) and ratio > 1.0
    if not up_with_unready and not groups.missing:
        return _plain(given, groups, ratio), utilization, raw
    filled = dict(kept)
    if groups.missing and ratio < 1.0:
        fallback = max(100, target)
        filled.update((name, PodMetric(0, 0, requests[name] * fallback // 100)) for name in groups.missing)
    elif groups.missing and ratio > 1.0:
        filled.update((name, PodMetric(0, 0, 0)) for name in groups.missing)
    if up_with_unready:
        filled.update((name, PodMetric(0, 0, 0)) for name in groups.unready)
    again = utilization_ratio(filled, requests, target)[0]
    return _reconsidered(given, ratio, again, len(filled)), utilization, raw


def by_usage(given: Calculation, items: Sequence[Object], resource: str, target: int, container: str = "") -> tuple[int, int]:
    """Replicas and mean usage in thousandths, for a wanted mean usage. Raises MetricsError (upstream: GetRawResourceReplicas)."""
    return by_metric(given, _measured(items, resource, container), target, resource)


def by_metric(given: Calculation, metrics: PodMetrics, target: int, resource: str = "") -> tuple[int, int]:
    """Replicas and mean of any metric that each pod has. Raises MetricsError (upstream: calcPlainMetricReplicas)."""
    if not given.pods:
        raise MetricsError(_NO_PODS)
    groups = group_pods(given, metrics, resource)
    kept = _without(metrics, groups)
    ratio, usage = usage_ratio(kept, target)
    up_with_unready = bool(groups.unready) and ratio > 1.0
    if not up_with_unready and not groups.missing:
        return _plain(given, groups, ratio), usage
    filled = dict(kept)
    if groups.missing and ratio != 1.0:
        filled.update((name, PodMetric(0, 0, target if ratio < 1.0 else 0)) for name in groups.missing)
    if up_with_unready:
        filled.update((name, PodMetric(0, 0, 0)) for name in groups.unready)
    again = usage_ratio(filled, target)[0]
    return _reconsidered(given, ratio, again, len(filled)), usage


def by_total(given: Calculation, usage: int, target: int) -> int:
    """Replicas for one number that shall be ``target``. Raises MetricsError (upstream: getUsageRatioReplicaCount)."""
    ratio = usage / target
    if not given.replicas:
        return math.ceil(ratio)
    if abs(1.0 - ratio) <= given.settings.tolerance:
        return given.replicas
    if not given.pods:
        raise MetricsError(f"unable to calculate ready pods: {_NO_PODS}")
    return math.ceil(ratio * sum(1 for pod in given.pods if phase(pod) == "Running" and is_ready(pod)))


def by_share(replicas: int, usage: int, target: int, settings: Settings) -> tuple[int, int]:
    """Replicas for one number of which each of the ``replicas`` shall have ``target``, and the present share of each.

    upstream: GetObjectPerPodMetricReplicas, GetExternalPerPodMetricReplicas.
    """
    ratio = _over(usage, target * replicas)
    share = _over(usage, replicas)
    wanted = math.ceil(usage / target) if abs(1.0 - ratio) > settings.tolerance else replicas
    return wanted, math.ceil(share) if math.isfinite(share) else _LOWEST


def _over(number: int, divisor: int) -> float:
    if divisor:
        return number / divisor
    return math.inf if number else math.nan


# -- parts ----------------------------------------------------------------------------------------------------------------------
def _measured(items: Sequence[Object], resource: str, container: str) -> dict[str, PodMetric]:
    try:
        return resource_metric(items, resource, container)
    except MetricsError as error:
        raise MetricsError(f"unable to get metrics for resource {resource}: {error}") from error


def _without(metrics: PodMetrics, groups: Groups) -> dict[str, PodMetric]:
    """What the ready pods measured. Raises MetricsError if nothing is left."""
    apart = dict.fromkeys((*groups.ignored, *groups.unready))
    kept = {name: metric for name, metric in metrics.items() if name not in apart}
    if not kept:
        raise MetricsError(_UNREADY)
    return kept


def _plain(given: Calculation, groups: Groups, ratio: float) -> int:
    if abs(1.0 - ratio) <= given.settings.tolerance:
        return given.replicas
    return math.ceil(ratio * groups.ready)


def _reconsidered(given: Calculation, before: float, ratio: float, count: int) -> int:
    """With what is not measured filled in: the new number, unless it is too small a change or turns the direction round."""
    present = given.replicas
    if abs(1.0 - ratio) <= given.settings.tolerance or (before < 1.0 < ratio) or (ratio < 1.0 < before):
        return present
    wanted = math.ceil(ratio * count)
    turned = (ratio < 1.0 and wanted > present) or (ratio > 1.0 and wanted < present)
    return present if turned else wanted


def group_pods(given: Calculation, metrics: PodMetrics, resource: str) -> Groups:
    """Who counts: terminating and failed pods are ignored, pending ones unready, and of a pod's CPU only what it used since it is ready."""
    ready = 0
    unready, missing, ignored = [], [], []
    for pod in given.pods:
        name = pod["metadata"]["name"]
        if is_terminating(pod) or phase(pod) == "Failed":
            ignored.append(name)
        elif phase(pod) == "Pending":
            unready.append(name)
        elif name not in metrics:
            missing.append(name)
        elif resource == "cpu" and _starting(given, pod, metrics[name]):
            unready.append(name)
        else:
            ready += 1
    return Groups(ready, tuple(unready), tuple(missing), tuple(ignored))


def _starting(given: Calculation, pod: Object, metric: PodMetric) -> bool:
    condition, started = ready_condition(pod), pod["status"].get("startTime")
    if condition is None or started is None:
        return True
    started_ns, settings = parse_rfc3339(started), given.settings
    since = condition.get("lastTransitionTime")
    since_ns = parse_rfc3339(since) if since else 0
    not_ready = condition["status"] == "False"
    if started_ns + settings.cpu_initialization_ns > given.now_ns:
        return not_ready or metric.time_ns < since_ns + metric.window_ns
    return not_ready and started_ns + settings.initial_readiness_ns > since_ns


def _requests(pods: Sequence[Object], container: str, resource: str) -> dict[str, int]:
    """What each pod requests, in thousandths. Raises MetricsError for a container without a request (upstream: calculatePodRequests)."""
    out: dict[str, int] = {}
    for pod in pods:
        name, total = pod["metadata"]["name"], 0
        for each in pod["spec"]["containers"]:
            if container and container != each["name"]:
                continue
            requested = ((each.get("resources") or {}).get("requests") or {}).get(resource)
            if requested is None:
                raise MetricsError(f"missing request for {resource} in container {each['name']} of Pod {name}")
            total += milli(requested)
        out[name] = total
    return out
