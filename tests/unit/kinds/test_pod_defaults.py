"""upstream: pkg/apis/core/v1/defaults_test.go, pkg/apis/core/helper/qos/qos_test.go, 1.28; recorded: defaults.jsonl, objects.json.gz."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from kubelab.kinds.core.pod import qos_class
from kubelab.kinds.core.pod_template import default_pod_template
from tests.unit.kinds.builders import CONTEXT, container, created, kind_named, pod, settled

WHOLE = {
    "containers": [
        {
            "name": "c",
            "image": "nginx:1",
            "resources": {},
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
            "imagePullPolicy": "IfNotPresent",
        }
    ],
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "securityContext": {},
    "schedulerName": "default-scheduler",
    "enableServiceLinks": True,
}


def test_the_smallest_pod() -> None:
    assert settled(pod())["spec"] == WHOLE


def test_a_template_gets_all_but_what_only_pods_get() -> None:
    template: dict[str, Any] = {"spec": {"containers": [container(resources={})]}}
    default_pod_template(template)
    assert template["spec"] == {key: value for key, value in WHOLE.items() if key != "enableServiceLinks"}


def test_defaulting_twice_changes_nothing() -> None:
    once = settled(pod(volumes=[{"name": "v", "secret": {"secretName": "s"}}]))
    again = copy.deepcopy(once)
    kind_named("Pod").default(again, CONTEXT)
    assert again == once


def test_what_lies_deeper_is_never_changed_itself() -> None:
    given = pod(containers=[container(ports=[{"containerPort": 80}], livenessProbe={"httpGet": {"port": 80}})])
    before = copy.deepcopy(given)
    kind_named("Pod").default(dict(given), CONTEXT)
    assert given == before


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1", "IfNotPresent"),
        ("registry:5000/a/b", "Always"),
        ("registry:5000/a/b:2", "IfNotPresent"),
        ("a@sha256:" + "0" * 64, "IfNotPresent"),
        ("not an image", "IfNotPresent"),
        ("", "IfNotPresent"),
    ],
)  # TestSetDefaultImagePullPolicy…; pkg/util/parsers/parsers.go
def test_pull_policy(image: str, policy: str) -> None:
    assert settled(pod(containers=[container(image=image)]))["spec"]["containers"][0]["imagePullPolicy"] == policy


CONTAINERS = [
    ({"ports": [{"containerPort": 80}]}, "ports", [{"containerPort": 80, "protocol": "TCP"}]),
    (
        {"livenessProbe": {"httpGet": {"port": 80}}},
        "livenessProbe",
        {
            "httpGet": {"path": "/", "port": 80, "scheme": "HTTP"},
            "timeoutSeconds": 1,
            "periodSeconds": 10,
            "successThreshold": 1,
            "failureThreshold": 3,
        },
    ),
    (
        {"startupProbe": {"grpc": {"port": 1}, "periodSeconds": 3}},
        "startupProbe",
        {"grpc": {"port": 1, "service": ""}, "timeoutSeconds": 1, "periodSeconds": 3, "successThreshold": 1, "failureThreshold": 3},
    ),
    (
        {"lifecycle": {"preStop": {"httpGet": {"port": "p"}}}},
        "lifecycle",
        {"preStop": {"httpGet": {"path": "/", "port": "p", "scheme": "HTTP"}}},
    ),
    (
        {"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]},
        "env",
        [{"name": "A", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}}],
    ),
    (
        {"env": [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}]},
        "env",
        [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "0"}}}],
    ),
    (
        {"resources": {"limits": {"cpu": "1", "memory": "100u"}}},
        "resources",
        {"limits": {"cpu": "1", "memory": "1m"}, "requests": {"cpu": "1", "memory": "1m"}},
    ),
    (
        {"resources": {"limits": {"cpu": "2"}, "requests": {"cpu": "1"}}},
        "resources",
        {"limits": {"cpu": "2"}, "requests": {"cpu": "1"}},
    ),
]


@pytest.mark.parametrize(("fields", "name", "value"), CONTAINERS)
def test_containers(fields: dict[str, Any], name: str, value: Any) -> None:
    assert settled(pod(containers=[container(**fields)]))["spec"]["containers"][0][name] == value


VOLUMES = [
    ({}, {"emptyDir": {}}),
    ({"secret": {"secretName": "s"}}, {"secret": {"secretName": "s", "defaultMode": 420}}),
    ({"configMap": {"name": "m", "defaultMode": 0}}, {"configMap": {"name": "m", "defaultMode": 0}}),
    ({"hostPath": {"path": "/x"}}, {"hostPath": {"path": "/x", "type": ""}}),
    (
        {"projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
        {"projected": {"sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 3600}}], "defaultMode": 420}},
    ),
    (
        {"downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
        {"downwardAPI": {"items": [{"path": "l", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.labels"}}], "defaultMode": 420}},
    ),
]


@pytest.mark.parametrize(("source", "defaulted"), VOLUMES)
def test_volumes(source: dict[str, Any], defaulted: dict[str, Any]) -> None:
    assert settled(pod(volumes=[{"name": "v", **source}]))["spec"]["volumes"] == [{"name": "v", **defaulted}]


def test_host_network_and_service_account() -> None:
    spec = settled(pod(hostNetwork=True, serviceAccountName="sa", containers=[container(ports=[{"containerPort": 80}])]))["spec"]
    assert spec["containers"][0]["ports"] == [{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}]
    assert spec["serviceAccount"] == "sa"
    assert settled(pod(serviceAccount="old"))["spec"]["serviceAccountName"] == "old"


def resources(requests: Any = None, limits: Any = None) -> dict[str, Any]:
    return container(resources={key: value for key, value in (("requests", requests), ("limits", limits)) if value})


BOTH = {"cpu": "100m", "memory": "100Mi"}
QOS = [  # TestComputePodQOS
    ([resources(BOTH, BOTH)], "Guaranteed"),
    ([resources(BOTH, BOTH), resources(BOTH, BOTH)], "Guaranteed"),
    ([resources()], "BestEffort"),
    ([resources({"cpu": "0"}, {"memory": "0"})], "BestEffort"),
    ([resources(BOTH, BOTH), resources()], "Burstable"),
    ([resources({"cpu": "100m"}, None)], "Burstable"),
    ([resources({"cpu": "1m", "memory": "1"}, {"cpu": "2m", "memory": "1"})], "Burstable"),
    ([resources({"cpu": "0.1", "memory": "100Mi"}, BOTH)], "Guaranteed"),
    ([resources(None, {"ephemeral-storage": "1Gi"})], "BestEffort"),
]


@pytest.mark.parametrize(("containers", "qos"), QOS)
def test_qos_class(containers: list[dict[str, Any]], qos: str) -> None:
    assert qos_class({"containers": containers}) == qos


def test_a_new_pod_is_pending_and_a_gated_one_says_so() -> None:  # registry/core/pod/strategy.go
    assert created(pod())["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
    condition = created(pod(schedulingGates=[{"name": "a/b"}]))["status"]["conditions"][0]
    assert (condition["reason"], condition["message"]) == ("SchedulingGated", "Scheduling is blocked due to non-empty scheduling gates")
