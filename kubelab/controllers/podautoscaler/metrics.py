"""Where an autoscaler's metrics come from, and how the answers of the metrics APIs become one number per pod.

No custom and no external metrics API is served here: what asks for them fails in upstream's words (``Served``).

upstream: pkg/controller/podautoscaler/metrics/{client,interfaces}.go, staging/src/k8s.io/metrics/pkg/client/custom_metrics/discovery.go, 1.28;
spec/cri-metrics.md section 4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from kubelab.kinds.quantity import QuantityError, parse_json
from kubelab.kinds.selectors import LabelSelector
from kubelab.store.log import Object
from kubelab.world.clock import parse_duration, parse_rfc3339


class MetricsError(Exception):
    """Why there is no number, in upstream's words."""


class PodMetric(NamedTuple):
    """``value`` in thousandths (millicores, millibytes), measured over ``window_ns`` up to ``time_ns``."""

    time_ns: int
    window_ns: int
    value: int


PodMetrics = Mapping[str, PodMetric]


class MetricsSource(Protocol):
    """The three metrics APIs, asked for one autoscaler's namespace at one instant."""

    def pods(self) -> Sequence[Object]:
        """The PodMetrics of the autoscaler's pods, as metrics.k8s.io lists them. Raises MetricsError."""

    def per_pod(self, metric: str, selector: LabelSelector) -> PodMetrics:
        """A custom metric of each of the autoscaler's pods. Raises MetricsError."""

    def of_object(self, described: Object, metric: str, selector: LabelSelector) -> int:
        """A custom metric of one object, in thousandths. Raises MetricsError."""

    def external(self, metric: str, selector: LabelSelector) -> Sequence[int]:
        """The values of an external metric, in thousandths. Raises MetricsError."""


class Served(NamedTuple):
    """The source of a cluster with a metrics-server and no adapter: ``items`` are the PodMetrics, ``error`` says why there are none."""

    items: tuple[Object, ...] = ()
    error: str = ""

    def pods(self) -> Sequence[Object]:
        if self.error:
            raise MetricsError(f"unable to fetch metrics from resource metrics API: {self.error}")
        return self.items

    def per_pod(self, metric: str, selector: LabelSelector) -> PodMetrics:
        raise MetricsError(f"unable to fetch metrics from custom metrics API: {_NO_CUSTOM_METRICS}")

    def of_object(self, described: Object, metric: str, selector: LabelSelector) -> int:
        raise MetricsError(f"unable to fetch metrics from custom metrics API: {_NO_CUSTOM_METRICS}")

    def external(self, metric: str, selector: LabelSelector) -> Sequence[int]:
        words = f"the server could not find the requested resource (get {metric}.external.metrics.k8s.io)"
        raise MetricsError(f"unable to fetch metrics from external metrics API: {words}")


_NO_CUSTOM_METRICS = "no custom metrics API (custom.metrics.k8s.io) registered"


def resource_metric(items: Sequence[Object], resource: str, container: str = "") -> dict[str, PodMetric]:
    """One number per pod: the sum over its containers, or that of one container. Raises MetricsError (upstream: GetResourceMetric)."""
    if not items:
        raise MetricsError("no metrics returned from resource metrics API")
    out: dict[str, PodMetric] = {}
    for item in items:
        try:
            value = _of_container(item, resource, container) if container else _of_pod(item, resource)
        except (QuantityError, TypeError) as error:
            raise MetricsError(f"unable to fetch metrics from resource metrics API: {error}") from error
        if value is not None:
            window_ns = parse_duration(item.get("window") or 0)
            out[item["metadata"]["name"]] = PodMetric(parse_rfc3339(item["timestamp"]), window_ns, value)
    return out


def _of_pod(item: Object, resource: str) -> int | None:
    """None if one of the containers lacks the resource, or there is none."""
    total = 0
    for container in item.get("containers") or ():
        amount = (container.get("usage") or {}).get(resource)
        if amount is None:
            return None
        total += parse_json(amount).milli()
    return total if item.get("containers") else None


def _of_container(item: Object, resource: str, name: str) -> int | None:
    for container in item.get("containers") or ():
        if container["name"] == name:
            amount = (container.get("usage") or {}).get(resource)
            return None if amount is None else parse_json(amount).milli()
    meta = item["metadata"]
    words = f"container {name} not present in metrics for pod {meta.get('namespace', '')}/{meta['name']}"
    raise MetricsError(f"failed to get container metrics: {words}")


def utilization_ratio(metrics: PodMetrics, requests: Mapping[str, int], target: int) -> tuple[float, int, int]:
    """Ratio of present to wanted utilization, present utilization in percent of the requests, mean usage per pod. Raises MetricsError."""
    known = [(metric.value, requests[name]) for name, metric in metrics.items() if name in requests]
    requested = sum(request for _, request in known)
    if not requested:
        raise MetricsError("no metrics returned matched known pods")
    used = sum(value for value, _ in known)
    utilization = used * 100 // requested
    return utilization / target, utilization, used // len(known)


def usage_ratio(metrics: PodMetrics, target: int) -> tuple[float, int]:
    """Ratio of the mean usage per pod to the wanted one, and that mean."""
    usage = sum(metric.value for metric in metrics.values()) // len(metrics)
    return usage / target, usage
