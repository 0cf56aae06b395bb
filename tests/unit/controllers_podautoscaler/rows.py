"""Upstream's rows as what the controller sees: pods, metrics, autoscalers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kubelab.controllers.podautoscaler.behavior import Recommendation
from kubelab.controllers.podautoscaler.metrics import MetricsError, PodMetric
from kubelab.controllers.podautoscaler.observe import Seen, Target
from kubelab.controllers.podautoscaler.replicas import Settings
from kubelab.kinds import registry
from kubelab.kinds.kind import Context
from kubelab.kinds.quantity import milli
from kubelab.world.clock import SECOND, rfc3339

Row = dict[str, Any]
NOW_NS = 1_767_225_600 * SECOND
NAMESPACE = "test-namespace"
# upstream's tests: defaultTesting…, scaleUpLimitFactor = 8
SETTINGS = Settings(cpu_initialization_ns=120 * SECOND, initial_readiness_ns=10 * SECOND, scale_up_factor=8.0)
DATA = Path(__file__).parents[2] / "data" / "podautoscaler"


def rows(name: str) -> list[Row]:
    return [json.loads(line) for line in (DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def at(seconds: float) -> str:
    return rfc3339(NOW_NS + int(seconds * SECOND))


def pod(index: int, row: Row, requests: list[Row], *, zero_transition: bool = False) -> Row:
    """Pod number ``index`` of a row; without a start time it started at the beginning of time, as Go's zero time."""

    def given(field: str, default: Any) -> Any:
        known = row.get(field)
        return known[index] if known is not None and index < len(known) else default

    seconds = given("started", None)
    started = rfc3339(0) if seconds is None else at(seconds)
    meta: Row = {"name": f"test-pod-{index}", "namespace": NAMESPACE, "labels": {"name": "test-pod"}}
    if given("deleted", False):
        meta["deletionTimestamp"] = at(0)
    transition = rfc3339(0) if zero_transition else started
    condition = {"type": "Ready", "status": given("ready", "True"), "lastTransitionTime": transition}
    containers = [
        {"name": f"container{number}", "resources": {"requests": each} if each else {}} for number, each in enumerate(requests, 1)
    ]
    return {
        "metadata": meta,
        "spec": {"containers": containers},
        "status": {"phase": given("phase", "Running"), "startTime": started, "conditions": [condition]},
    }


def pod_metrics(name: str, *usages: Row, time: str = "") -> Row:
    containers = [{"name": f"container{number}", "usage": usage} for number, usage in enumerate(usages, 1)]
    meta = {"name": name, "namespace": NAMESPACE}
    return {"metadata": meta, "timestamp": time or at(0), "window": "1m0s", "containers": containers}


class Source:
    """Metrics APIs that give the levels of a row, or fail."""

    def __init__(self, items: list[Row], levels: list[int], *, broken: tuple[str, ...] = (), error: str = "") -> None:
        self.items, self.levels, self.broken, self.error = items, levels, broken, error

    def _check(self, api: str) -> None:
        if api in self.broken:
            raise MetricsError(self.error)

    def pods(self) -> list[Row]:
        self._check("resource")
        return self.items

    def per_pod(self, metric: str, selector: object) -> dict[str, PodMetric]:
        self._check("custom")
        return {f"test-pod-{index}": PodMetric(NOW_NS, 60 * SECOND, level) for index, level in enumerate(self.levels)}

    def of_object(self, described: Row, metric: str, selector: object) -> int:
        self._check("custom")
        return self.levels[0]

    def external(self, metric: str, selector: object) -> list[int]:
        self._check("external")
        return self.levels


def rules(row: Row | None) -> Row | None:
    """upstream: generateScalingRules."""
    if row is None:
        return None
    pods, pods_period, percent, percent_period, window = row["rules"]
    policies = [{"type": "Pods", "value": pods, "periodSeconds": pods_period}] if pods else []
    policies += [{"type": "Percent", "value": percent, "periodSeconds": percent_period}] if percent else []
    return {"stabilizationWindowSeconds": window, "selectPolicy": "Max", "policies": policies}


def behavior(row: Row) -> Row | None:
    """The behavior of a row with its defaults; None without rules."""
    given = {name: rules(row[short]) for name, short in (("scaleUp", "up"), ("scaleDown", "down")) if row.get(short)}
    if not given:
        return None
    return defaulted(given)


def defaulted(given: Row) -> Row:
    obj = {"spec": {"behavior": given}}
    kind = registry.by_kind("HorizontalPodAutoscaler", "autoscaling")
    assert kind is not None and kind.default is not None
    kind.default(obj, Context(now=rfc3339(NOW_NS), now_ns=NOW_NS))
    found = obj["spec"]["behavior"]
    assert isinstance(found, dict)
    return found


def autoscaler(row: Row) -> Row:
    metrics: list[Row] = []
    if row.get("cpu"):
        target = {"type": "Utilization", "averageUtilization": row["cpu"]}
        metrics.append({"type": "Resource", "resource": {"name": "cpu", "target": target}})
    metrics += row.get("metrics") or []
    if not metrics:
        metrics = [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": ""}}}]
    target_row = row.get("resource") or {"kind": "ReplicationController", "name": "test-rc", "apiVersion": "v1"}
    spec: Row = {"scaleTargetRef": target_row, "minReplicas": row["min"], "maxReplicas": row["max"], "metrics": metrics}
    rules_ = behavior(row)
    if rules_ is not None:
        spec["behavior"] = rules_
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "test-hpa", "namespace": NAMESPACE, "uid": "u", "resourceVersion": "1"},
        "spec": spec,
        "status": {"currentReplicas": row["spec"], "desiredReplicas": row["spec"], "currentMetrics": None},
    }


def seen(row: Row, **more: Any) -> Seen:
    """A row of horizontal.jsonl as a sync sees it."""
    hpa = autoscaler(row)
    requests, levels = row.get("requests"), row.get("levels") or []
    count = row["status"] if requests is None else len(requests)
    pods = []
    for index in range(count):
        half = milli(requests[index] if requests is not None else "1.0") // 2
        pods.append(pod(index, row, [{"cpu": f"{half}m"}, {"cpu": f"{half}m"}]))
    usage = [{"cpu": f"{level // 2}m", "memory": str(1024 * 1024 // 2)} for level in levels]
    items = [pod_metrics(f"test-pod-{index}", each, each) for index, each in enumerate(usage)]
    scale = {
        "metadata": {"name": hpa["spec"]["scaleTargetRef"]["name"], "namespace": NAMESPACE},
        "spec": {"replicas": row["spec"]} if row["spec"] else {},
        "status": {"replicas": row["status"], "selector": more.pop("selector", "name=test-pod")},
    }
    known = row.get("recommendations")
    target = Target(more.pop("resource", "replicationcontrollers"), scale["metadata"]["name"], scale)
    values: Row = {
        "autoscaler": hpa,
        "target": target,
        "selector": scale["status"]["selector"],
        "selector_error": "",
        "pods": tuple(pods),
        "rivals": ((NAMESPACE, "test-hpa"),) if pods else (),
        "source": more.pop("source", None) or Source(items, levels),
        "recommendations": None if known is None else tuple(Recommendation(n, NOW_NS + seconds * SECOND) for n, seconds in known),
        "ups": (),
        "downs": (),
        "now_ns": NOW_NS,
        "container_metrics": bool(row.get("gate")),
        "settings": SETTINGS,
        **more,
    }
    return Seen(**values)
