"""autoscaling/v1 beside autoscaling/v2: one stored object in two forms.

upstream: pkg/apis/autoscaling/v1/conversion.go, pkg/apis/autoscaling/annotations.go, 1.28.
"""

import json

import pytest

import kubelab as kl
from kubelab.kinds.autoscaling.conversion import ANNOTATIONS, BEHAVIOR, CONDITIONS, CURRENT, METRICS, from_stored, to_stored

TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
SELECTOR = {"matchLabels": {"queue": "a<b"}}
PLACE = "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers"


def old(**spec):
    spec = {"scaleTargetRef": TARGET, "maxReplicas": 5, **spec}
    return {"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"}, "spec": spec}


def new(metrics, **more):
    spec = {"scaleTargetRef": TARGET, "minReplicas": 1, "maxReplicas": 5, "metrics": metrics, **more.pop("spec", {})}
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"}, "spec": spec, **more}


def resource(name, type_="Utilization", **target):
    return {"type": "Resource", "resource": {"name": name, "target": {"type": type_, **target}}}


CPU = resource("cpu", averageUtilization=50)
OTHERS = [  # a metric of v2, and what v1's annotation says of it
    (
        resource("memory", averageUtilization=70),
        '{"type":"Resource","resource":{"name":"memory","targetAverageUtilization":70}}',
    ),
    (
        resource("cpu", "AverageValue", averageValue="300m"),
        '{"type":"Resource","resource":{"name":"cpu","targetAverageValue":"300m"}}',
    ),
    (
        {
            "type": "ContainerResource",
            "containerResource": {"name": "cpu", "container": "c", "target": {"type": "Utilization", "averageUtilization": 20}},
        },
        '{"type":"ContainerResource","containerResource":{"name":"cpu","targetAverageUtilization":20,"container":"c"}}',
    ),
    (
        {"type": "Pods", "pods": {"metric": {"name": "qps"}, "target": {"type": "AverageValue", "averageValue": "1k"}}},
        '{"type":"Pods","pods":{"metricName":"qps","targetAverageValue":"1k"}}',
    ),
    (
        {
            "type": "External",
            "external": {"metric": {"name": "depth", "selector": SELECTOR}, "target": {"type": "Value", "value": "30"}},
        },
        '{"type":"External","external":{"metricName":"depth","metricSelector":{"matchLabels":{"queue":"a\\u003cb"}},"targetValue":"30"}}',
    ),
    (
        {
            "type": "Object",
            "object": {
                "describedObject": {"kind": "Service", "name": "front", "apiVersion": "v1"},
                "target": {"type": "Value", "value": "2k"},
                "metric": {"name": "hits"},
            },
        },
        '{"type":"Object","object":{"target":{"kind":"Service","name":"front","apiVersion":"v1"},"metricName":"hits","targetValue":"2k"}}',
    ),
]


@pytest.mark.parametrize(("metric", "text"), OTHERS, ids=[f"{metric['type']}-{number}" for number, (metric, _) in enumerate(OTHERS)])
def test_what_v1_has_no_field_for_travels_in_an_annotation_and_back(metric, text):
    stored = new([metric, CPU])
    shown = from_stored(stored)
    assert shown["spec"] == {"scaleTargetRef": TARGET, "minReplicas": 1, "maxReplicas": 5, "targetCPUUtilizationPercentage": 50}
    assert shown["metadata"]["annotations"] == {METRICS: f"[{text}]"}
    assert to_stored(shown) == stored


def test_behavior_is_the_internal_type_with_capitals_and_nulls():
    rules = {"policies": [{"type": "Percent", "value": 10, "periodSeconds": 60}], "stabilizationWindowSeconds": 30}
    shown = from_stored(new([CPU], spec={"behavior": {"scaleDown": rules}}))
    text = (
        '{"ScaleUp":null,"ScaleDown":{"StabilizationWindowSeconds":30,"SelectPolicy":null,'
        '"Policies":[{"Type":"Percent","Value":10,"PeriodSeconds":60}]}}'
    )
    assert shown["metadata"]["annotations"] == {BEHAVIOR: text}
    assert to_stored(shown)["spec"]["behavior"] == {"scaleDown": rules}
    lower = {"metadata": {"annotations": {BEHAVIOR: text.lower().replace('"percent"', '"Percent"')}}, "spec": {}}
    assert to_stored(lower)["spec"]["behavior"] == {"scaleDown": rules}, "Go reads names in any case"


def test_status_keeps_raw_values_and_conditions_in_annotations():
    current = {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 12, "averageValue": "12m"}}}
    condition = {"type": "AbleToScale", "status": "True", "lastTransitionTime": "2026-01-01T00:00:15Z", "reason": "R", "message": "m"}
    status = {"observedGeneration": 1, "currentReplicas": 2, "desiredReplicas": 2, "currentMetrics": [current], "conditions": [condition]}
    shown = from_stored(new([CPU], status=status))
    assert shown["status"] == {
        "observedGeneration": 1,
        "currentReplicas": 2,
        "desiredReplicas": 2,
        "currentCPUUtilizationPercentage": 12,
    }
    assert shown["metadata"]["annotations"] == {
        CURRENT: '[{"type":"Resource","resource":{"name":"cpu","currentAverageUtilization":12,"currentAverageValue":"12m"}}]',
        CONDITIONS: "[" + json.dumps(condition, separators=(",", ":")) + "]",
    }
    assert to_stored(shown)["status"] == status


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[1]",
        "{}",
        "null",
        '[{"type":"Resource","resource":5}]',
        '{"ScaleUp":5}',
        '[{"type":"Pods","pods":{"metricName":7}}]',
        "[" * 9999,
    ],
)
def test_an_annotation_that_holds_something_else_is_passed_over(text):
    stored = to_stored({**old(), "metadata": {"name": "web", "annotations": dict.fromkeys(ANNOTATIONS, text)}})
    assert stored["spec"]["metrics"] == [resource("cpu", averageUtilization=80)]
    assert "behavior" not in stored["spec"]
    assert "annotations" not in stored["metadata"]


@pytest.fixture
def cluster():
    return kl.Cluster(1)


def test_one_object_in_both_versions(cluster):
    code, made = cluster.request("POST", PLACE, old(targetCPUUtilizationPercentage=50))
    assert (code, made["apiVersion"], made["status"]) == (201, "autoscaling/v1", {"currentReplicas": 0, "desiredReplicas": 0})
    assert cluster["hpa/web"]["spec"]["metrics"] == [CPU]
    patch = {"spec": {"targetCPUUtilizationPercentage": 70}}
    code, patched = cluster.request("PATCH", f"{PLACE}/web", patch, content_type="application/strategic-merge-patch+json")
    assert (code, patched["spec"]["targetCPUUtilizationPercentage"]) == (200, 70)
    code, put = cluster.request("PUT", f"{PLACE}/web", {**patched, "spec": {**patched["spec"], "maxReplicas": 9}})
    assert (code, put["spec"]["maxReplicas"]) == (200, 9)
    assert cluster["hpa/web"]["spec"]["metrics"] == [resource("cpu", averageUtilization=70)]
    _, listed = cluster.request("GET", PLACE)
    assert (listed["apiVersion"], listed["items"][0]["spec"]) == ("autoscaling/v1", put["spec"])
    assert "apiVersion" not in listed["items"][0]
    _, watched = cluster.request("GET", f"{PLACE}?watch=true")
    assert watched[0]["object"]["spec"] == put["spec"]


def test_who_writes_by_v1_owns_the_fields_of_v1(cluster):
    cluster.request(
        "PATCH", f"{PLACE}/web?fieldManager=me", old(targetCPUUtilizationPercentage=50), content_type="application/apply-patch+yaml"
    )
    _, shown = cluster.request("GET", PLACE.replace("v1", "v2") + "/web")
    (entry,) = shown["metadata"]["managedFields"]
    assert (entry["manager"], entry["apiVersion"]) == ("me", "autoscaling/v1")
    assert entry["fieldsV1"] == {"f:spec": {"f:maxReplicas": {}, "f:scaleTargetRef": {}, "f:targetCPUUtilizationPercentage": {}}}
    wanted = {**shown, "metadata": {"name": "web"}, "spec": {"metrics": [resource("cpu", averageUtilization=60)]}}
    wanted.pop("status")
    code, answer = cluster.request(
        "PATCH", PLACE.replace("v1", "v2") + "/web?fieldManager=you", wanted, content_type="application/apply-patch+yaml"
    )
    assert code == 409, answer
    assert "me" in answer["message"]


def test_apply_of_an_old_manifest_and_again(cluster):
    cluster.apply(old(targetCPUUtilizationPercentage=50))
    again = cluster.apply(old(targetCPUUtilizationPercentage=60, minReplicas=2))
    assert again["spec"]["metrics"] == [resource("cpu", averageUtilization=60)]
    assert again["spec"]["minReplicas"] == 2
    before = again["metadata"]["resourceVersion"]
    assert cluster.apply(old(targetCPUUtilizationPercentage=60, minReplicas=2))["metadata"]["resourceVersion"] == before


def test_refusals_name_the_stored_fields_and_unknown_ones_those_of_v1(cluster):
    code, refused = cluster.request("POST", PLACE, old(targetCPUUtilizationPercentage=0))
    assert code == 422
    assert "spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater than 0" in refused["message"]
    code, refused = cluster.request("POST", f"{PLACE}?fieldValidation=Strict", old(metrics=[]))
    assert code == 400
    assert refused["message"].endswith('strict decoding error: unknown field "spec.metrics"')


def test_cells_are_of_what_is_stored_and_objects_of_what_is_asked(cluster):
    cluster.apply(new([resource("memory", averageUtilization=70), CPU]))
    accept = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    _, found = cluster.request("GET", f"{PLACE}?includeObject=Object", headers=accept)
    assert found["rows"][0]["cells"][2] == "<unknown>/70%, <unknown>/50%"
    assert found["rows"][0]["object"]["apiVersion"] == "autoscaling/v1"
    assert METRICS in found["rows"][0]["object"]["metadata"]["annotations"]


def test_both_versions_are_announced(cluster):
    _, group = cluster.request("GET", "/apis/autoscaling")
    assert [each["version"] for each in group["versions"]] == ["v2", "v1"]


def test_the_audit_shows_the_version_that_was_sent():
    cluster = kl.Cluster(1, audit_policy={"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "RequestResponse"}]})
    cluster.request("POST", PLACE, old(targetCPUUtilizationPercentage=50))
    (event,) = [each for each in cluster.audit_events() if each["requestURI"] == PLACE and each["stage"] == "ResponseComplete"]
    assert event["requestObject"]["spec"]["targetCPUUtilizationPercentage"] == 50
    assert event["responseObject"]["spec"]["targetCPUUtilizationPercentage"] == 50
