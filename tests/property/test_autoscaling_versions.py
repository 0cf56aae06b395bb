"""autoscaling/v1 and v2 are two forms of one object: nothing is lost on the way there and back.

upstream: pkg/apis/autoscaling/v1/conversion.go; pkg/api/testing/serialization_test.go TestRoundTripTypes, 1.28.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kubelab.kinds.autoscaling.conversion import from_stored, to_stored

Object = dict[str, Any]
NAMES = st.text('abc<>&"\\é', min_size=1, max_size=6)
AMOUNTS = st.sampled_from(["1", "250m", "1500k", "64Mi"])
PERCENT = st.integers(1, 1000)
SELECTOR = st.fixed_dictionaries({"matchLabels": st.dictionaries(NAMES, NAMES, min_size=1, max_size=2)})
METRIC = st.fixed_dictionaries({"name": NAMES}, optional={"selector": SELECTOR})
UTILIZATION = PERCENT.map(lambda value: {"type": "Utilization", "averageUtilization": value})
AVERAGE = AMOUNTS.map(lambda value: {"type": "AverageValue", "averageValue": value})
VALUE = AMOUNTS.map(lambda value: {"type": "Value", "value": value})
DESCRIBED = st.fixed_dictionaries({"kind": NAMES, "name": NAMES}, optional={"apiVersion": NAMES})


def source(kind: str, **parts: Any) -> st.SearchStrategy[Object]:
    field = kind[0].lower() + kind[1:]
    return st.fixed_dictionaries(parts).map(lambda made: {"type": kind, field: made})


OTHERS = st.one_of(
    source("Resource", name=st.sampled_from(["memory", "example.com/x"]), target=UTILIZATION | AVERAGE),
    source("Resource", name=st.just("cpu"), target=AVERAGE),
    source("ContainerResource", name=st.sampled_from(["cpu", "memory"]), container=NAMES, target=UTILIZATION | AVERAGE),
    source("Pods", metric=METRIC, target=AVERAGE),
    source("External", metric=METRIC, target=AVERAGE | VALUE),
    source("Object", describedObject=DESCRIBED, metric=METRIC, target=VALUE),
)
POLICY = st.fixed_dictionaries({"type": st.sampled_from(["Pods", "Percent"]), "value": PERCENT, "periodSeconds": st.integers(1, 1800)})
RULES = st.fixed_dictionaries(
    {"selectPolicy": st.sampled_from(["Max", "Min", "Disabled"]), "policies": st.lists(POLICY, min_size=1, max_size=3)},
    optional={"stabilizationWindowSeconds": st.integers(0, 3600)},
)
BEHAVIOR = st.fixed_dictionaries({}, optional={"scaleUp": RULES, "scaleDown": RULES}).filter(bool)


@given(st.lists(OTHERS, max_size=4), UTILIZATION, BEHAVIOR | st.none(), st.dictionaries(NAMES, NAMES, max_size=2))
def test_there_and_back(others: list[Object], cpu: Object, behavior: Object | None, annotations: dict[str, str]) -> None:
    """v1's own field comes last in v2's list, where upstream puts it."""
    target = {"kind": "Deployment", "name": "web", "apiVersion": "apps/v1"}
    metrics = [*others, {"type": "Resource", "resource": {"name": "cpu", "target": cpu}}]
    spec: Object = {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 3, "metrics": metrics}
    if behavior is not None:
        spec["behavior"] = behavior
    meta: Object = {"name": "web", **({"annotations": annotations} if annotations else {})}
    stored = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": meta, "spec": spec}
    shown = from_stored(stored)
    assert shown["spec"]["targetCPUUtilizationPercentage"] == cpu["averageUtilization"]
    assert to_stored(shown) == stored
    assert from_stored(to_stored(shown)) == shown
