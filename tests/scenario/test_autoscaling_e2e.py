"""upstream's end-to-end tests of autoscaling behaviour: a load shared by all replicas, and how long it takes to follow it.

upstream: test/e2e/autoscaling/horizontal_pod_autoscaling_behavior.go, test/e2e/framework/autoscaling/autoscaling_utils.go, 1.28. The consumer
shares its load among the pods that are ready; its usage is a ``Usage`` object that is set anew when their number changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import kubelab as kl
from tests.builders import container, deployment

Object = dict[str, Any]
REQUEST_MILLI, TARGET_PERCENT = 500, 25
POLL_S = 5
MINUTE = 60
REACTION_S = 75 + 15 + 10  # maxHPAReactionTime
CONSUMER_S = 30 + 20  # maxResourceConsumerDelay


class Consumer:
    """A Deployment ``consumer`` under a load in millicores, and its autoscaler."""

    def __init__(self, cluster: kl.Cluster, pods: int, low: int, high: int, **behavior: Object) -> None:
        self.cluster, self.milli = cluster, 0
        made = deployment("consumer", replicas=pods)
        made["spec"]["template"]["spec"]["containers"] = [container(resources={"requests": {"cpu": f"{REQUEST_MILLI}m"}})]
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "consumer"}
        cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": TARGET_PERCENT}}
        spec = {"scaleTargetRef": target, "minReplicas": low, "maxReplicas": high, "metrics": [{"type": "Resource", "resource": cpu}]}
        if behavior:
            spec["behavior"] = behavior
        cluster.apply(made)
        cluster.run(until="deploy/consumer ready", timeout="2m")
        self.consume(usage_for(pods))
        self.run(90)  # until metrics-server tells of this load
        cluster.apply({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "consumer"}, "spec": spec})
        self.run(30)

    @property
    def ready(self) -> int:
        return int(self.cluster["deploy/consumer"]["status"].get("readyReplicas", 0))

    def consume(self, milli: int) -> None:
        self.milli = milli
        self._share()

    def _share(self) -> None:
        spec = {"selector": {"matchLabels": {"app": "consumer"}}, "cpu": {"constant": f"{self.milli * 1000 // max(1, self.ready)}u"}}
        self.cluster.apply({"apiVersion": "lab.kubelab.dev/v1", "kind": "Usage", "metadata": {"name": "load"}, "spec": spec})

    def run(self, seconds: int) -> None:
        before = self.ready
        for _ in range(seconds // POLL_S):
            self.cluster.run(POLL_S)
            if self.ready != before:
                before = self.ready
                self._share()

    def wait_for(self, replicas: int, most_s: int) -> int:
        """Seconds until so many replicas are ready."""
        for waited in range(0, most_s, POLL_S):
            if self.ready == replicas:
                return waited
            self.run(POLL_S)
        raise AssertionError(f"{self.ready} replicas after {most_s} s, wanted {replicas}")

    def stays(self, low: int, high: int, seconds: int) -> None:
        """EnsureDesiredReplicasInRange."""
        for _ in range(0, seconds, POLL_S):
            self.run(POLL_S)
            wanted = self.cluster["hpa/consumer"]["status"]["desiredReplicas"]
            assert low <= wanted <= high, self.cluster.elapsed


def usage_for(replicas: int) -> int:
    each = REQUEST_MILLI * TARGET_PERCENT // 100
    return replicas * each - each // 2


def window(seconds: int) -> Object:
    return {"stabilizationWindowSeconds": seconds}


def limited(kind: str, value: int) -> Object:
    policies = [{"type": kind, "value": value, "periodSeconds": MINUTE}]
    return {"policies": policies, "selectPolicy": "Max", "stabilizationWindowSeconds": 0}


Make = Callable[..., kl.Cluster]


def test_should_scale_down_soon_after_the_stabilization_period(make: Make) -> None:
    consumer = Consumer(make(3, seed=1), 1, 1, 5, scaleUp=window(0), scaleDown=window(MINUTE))
    consumer.consume(usage_for(3))
    consumer.wait_for(3, REACTION_S + CONSUMER_S + MINUTE)
    consumer.consume(usage_for(2))
    waited = consumer.wait_for(2, MINUTE + REACTION_S + CONSUMER_S + MINUTE)
    assert MINUTE < waited < MINUTE + REACTION_S + CONSUMER_S


def test_should_scale_up_only_after_the_stabilization_period(make: Make) -> None:
    consumer = Consumer(make(3, seed=1), 2, 1, 10, scaleUp=window(3 * MINUTE), scaleDown=window(0))
    consumer.consume(usage_for(1))
    consumer.wait_for(1, REACTION_S + CONSUMER_S + MINUTE)
    consumer.consume(usage_for(3))
    waited = consumer.wait_for(3, 3 * MINUTE + REACTION_S + CONSUMER_S + MINUTE)
    assert 3 * MINUTE < waited < 3 * MINUTE + REACTION_S + CONSUMER_S


@pytest.mark.parametrize(("direction", "pods", "load", "seconds"), [
    ("scaleUp", 1, 8, REACTION_S + CONSUMER_S + MINUTE),
    ("scaleDown", 3, 1, REACTION_S + CONSUMER_S + 5 * MINUTE),
])  # fmt: skip
def test_should_not_scale_where_it_is_disabled(make: Make, direction: str, pods: int, load: int, seconds: int) -> None:
    consumer = Consumer(make(3, seed=1), pods, 1, 10, **{direction: {"selectPolicy": "Disabled"}})
    consumer.consume(usage_for(load))
    consumer.stays(pods, pods, seconds)
    assert consumer.ready == pods


@pytest.mark.parametrize(("direction", "rule", "pods", "load", "sizes"), [
    ("scaleUp", limited("Pods", 1), 1, 3, (2, 3)),
    ("scaleDown", limited("Pods", 1), 3, 1, (2, 1)),
    ("scaleUp", limited("Percent", 50), 2, 8, (3, 5)),
    ("scaleDown", limited("Percent", 25), 7, 1, (5, 3)),
])  # fmt: skip
def test_should_scale_no_more_than_the_given_rate(
    make: Make, direction: str, rule: Object, pods: int, load: int, sizes: tuple[int, int]
) -> None:
    consumer = Consumer(make(4, seed=1), pods, 1, 10, **{direction: rule})
    consumer.consume(usage_for(load))
    most_s = REACTION_S + CONSUMER_S + MINUTE
    assert consumer.wait_for(sizes[0], most_s) < most_s
    waited = consumer.wait_for(sizes[1], most_s)
    assert MINUTE - POLL_S <= waited < most_s


def test_should_keep_recommendation_within_the_range_over_two_stabilization_windows(make: Make) -> None:
    consumer = Consumer(make(3, seed=1), 1, 1, 5, scaleUp=window(3 * MINUTE), scaleDown=window(3 * MINUTE))
    consumer.consume(usage_for(3))
    consumer.stays(1, 1, 3 * MINUTE)
    consumer.wait_for(3, REACTION_S + CONSUMER_S + 2 * MINUTE)
    consumer.consume(usage_for(2))
    consumer.stays(3, 3, 3 * MINUTE)
    consumer.wait_for(2, REACTION_S + CONSUMER_S + 2 * MINUTE)


def test_should_keep_recommendation_within_the_range_with_stabilization_window_and_pod_limit_rate(make: Make) -> None:
    policy = {
        "policies": [{"type": "Pods", "value": 1, "periodSeconds": 2 * MINUTE}],
        "selectPolicy": "Max",
        "stabilizationWindowSeconds": 0,
    }
    consumer = Consumer(make(3, seed=1), 2, 2, 5, scaleUp=policy, scaleDown=window(3 * MINUTE))
    consumer.consume(usage_for(4))
    consumer.stays(2, 3, 2 * MINUTE)
    consumer.wait_for(4, 2 * MINUTE + REACTION_S + CONSUMER_S + 2 * MINUTE)
    consumer.consume(usage_for(2))
    consumer.stays(4, 4, 3 * MINUTE)
    consumer.wait_for(2, REACTION_S + CONSUMER_S + 2 * MINUTE)
