"""Deletions, bindings and evictions through the raw door.

upstream: apiserver/pkg/endpoints/handlers/delete.go and delete_test.go, registry/rest/delete_test.go,
pkg/registry/core/pod/storage/storage_test.go (TestBindPod), 1.28.
"""

from __future__ import annotations

from typing import Any

import pytest

import kubelab as kl
from tests.scenario.api import APPS, CORE, Object, ask, config_map, deployment, pod, refusal

MAP = f"{CORE}/configmaps/a"
READ = "couldn't get version/kind; json parse error: "
META = 'in scheme "k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27"'


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{a", READ + "invalid character 'a' looking for beginning of object key string"),
        ({"gracePeriodSeconds": "x"}, "json: cannot unmarshal string into Go struct field DeleteOptions.gracePeriodSeconds of type int64"),
        ({"kind": "Pod", "apiVersion": "v1"}, f'no kind "Pod" is registered for version "v1" {META}'),
    ],
    ids=str,
)
def test_options_that_cannot_be_read_are_an_error_without_a_reason(cluster: kl.Cluster, body: Any, message: str) -> None:
    cluster.create(config_map("a"))
    assert refusal(cluster, "DELETE", MAP, body) == (500, "", message)
    assert cluster.request("GET", MAP)[0] == 200


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"propagationPolicy": "Foo"},
            'propagationPolicy: Unsupported value: "Foo": supported values: "Foreground", "Background", "Orphan", "nil"',
        ),
        (
            {"propagationPolicy": "Orphan", "orphanDependents": True},
            'propagationPolicy: Invalid value: "Orphan": orphanDependents and deletionPropagation cannot be both set',
        ),
        ({"dryRun": ["x"]}, 'dryRun: Unsupported value: []string{"x"}: supported values: "All"'),
    ],
    ids=str,
)
def test_options_are_validated(cluster: kl.Cluster, options: Any, text: str) -> None:
    cluster.create(config_map("a"))
    assert refusal(cluster, "DELETE", MAP, options) == (422, "Invalid", f'DeleteOptions.meta.k8s.io "" is invalid: {text}')


@pytest.mark.parametrize(
    ("query", "body", "content_type", "there"),
    [
        ("dryRun=All", None, "", True),
        ("", {"dryRun": ["All"]}, "", True),
        ("", {"kind": "DeleteOptions", "apiVersion": "apps/v1", "dryRun": ["All"]}, "", True),
        ("", "dryRun: [All]", "application/yaml", True),
        ("dryRun=All", {"kind": "DeleteOptions", "apiVersion": "v1"}, "", False),
    ],
)
def test_the_body_counts_and_the_query_only_without_one(cluster: kl.Cluster, query: str, body: Any, content_type: str, there: bool) -> None:
    cluster.create(config_map("a"))
    code, answer = cluster.request("DELETE", f"{MAP}?{query}", body, content_type=content_type)
    assert (code, answer["status"]) == (200, "Success")
    assert (cluster.request("GET", MAP)[0] == 200) is there


def test_an_object_that_stays_by_orphan_dependents_false_is_202(cluster: kl.Cluster) -> None:
    cluster.create(config_map("a", metadata={"name": "a", "finalizers": ["x/y"]}))
    assert cluster.request("DELETE", MAP, {"orphanDependents": False})[0] == 202
    assert cluster.request("DELETE", MAP)[0] == 200
    cluster.request("PATCH", MAP, {"metadata": {"finalizers": None}}, content_type="application/merge-patch+json")
    assert cluster.request("GET", MAP)[0] == 404


def test_a_status_cannot_be_deleted(cluster: kl.Cluster) -> None:
    cluster.create(deployment("web", replicas=0))
    assert refusal(cluster, "DELETE", f"{APPS}/deployments/web/status")[0] == 405
    assert cluster["deploy/web"]


@pytest.fixture
def waiting(cluster: kl.Cluster) -> kl.Cluster:
    cluster.create(pod("p", schedulerName="nobody"))
    return cluster


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (
            '{"target":{"name":5}}',
            (
                400,
                "BadRequest",
                'Binding in version "v1" cannot be handled as a Binding: json: cannot unmarshal number into Go struct field '
                "ObjectReference.target.name of type string",
            ),
        ),
        (
            {"metadata": {"name": "q"}, "target": {"name": "node-1"}},
            (400, "BadRequest", "name in URL does not match name in Binding object"),
        ),
        ({"metadata": {"name": "p"}, "target": {}}, (500, "", "target.name: Required value")),
        (
            {"metadata": {"name": "p"}, "target": {"kind": "Pod"}},
            (500, "", '[target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>", target.name: Required value]'),
        ),
    ],
    ids=str,
)
def test_a_binding_that_does_not_fit(waiting: kl.Cluster, body: Any, answer: Any) -> None:
    assert refusal(waiting, "POST", f"{CORE}/pods/p/binding", body) == answer
    assert not waiting["pod/p"]["spec"].get("nodeName")


@pytest.mark.parametrize("path", [f"{CORE}/pods/p/binding", f"{CORE}/bindings"])
def test_a_pod_is_bound_once_by_either_path(waiting: kl.Cluster, path: str) -> None:
    body = '{"metadata":{"name":"p"},"target":{"kind":"Node","name":"node-2"}}'
    code, answer = waiting.request("POST", path, body)
    assert (code, answer["status"]) == (201, "Success")
    assert waiting["pod/p"]["spec"]["nodeName"] == "node-2"
    text = 'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "node-2"'
    assert refusal(waiting, "POST", path, body) == (409, "Conflict", text)
    assert waiting.request("GET", f"{CORE}/bindings")[0] == 405, "a binding is not kept"


GRACES = [
    pytest.param({"terminationGracePeriodSeconds": 0, "nodeName": "node-1"}, {}, id="no grace in the pod"),
    pytest.param({"nodeName": "node-1"}, {"gracePeriodSeconds": 0}, id="no grace in the options"),
    pytest.param({"nodeSelector": {"no": "node"}}, {}, id="not on a node"),
]


@pytest.mark.parametrize(("spec", "options"), GRACES)
def test_a_pod_that_goes_at_once_is_marked_first(cluster: kl.Cluster, spec: Object, options: Object) -> None:
    """upstream: registry/rest/delete.go BeforeDelete; recorded: watch of a StatefulSet's pods, MODIFIED and then DELETED."""
    ask(cluster, "POST", f"{CORE}/pods", pod("a", **spec))
    version = ask(cluster, "GET", f"{CORE}/pods")["metadata"]["resourceVersion"]
    answer = ask(cluster, "DELETE", f"{CORE}/pods/a", options)
    marks = {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 0}
    assert answer["kind"] == "Pod" and answer["metadata"].items() >= marks.items()
    _, events = cluster.request("GET", f"{CORE}/pods?watch=1&resourceVersion={version}")
    assert [event["type"] for event in events] == ["MODIFIED", "DELETED"]
    assert all(event["object"]["metadata"].items() >= marks.items() for event in events)


def test_the_kubelet_takes_the_grace_away_before_the_pod_goes(cluster: kl.Cluster) -> None:
    ask(cluster, "POST", f"{CORE}/pods", pod("a"))
    cluster.run("20s")
    version = ask(cluster, "DELETE", f"{CORE}/pods/a")["metadata"]["resourceVersion"]
    cluster.run("40s")
    _, events = cluster.request("GET", f"{CORE}/pods?watch=1&resourceVersion={version}")
    left = [(event["type"], event["object"]["metadata"]["deletionGracePeriodSeconds"]) for event in events]
    assert left[-2:] == [("MODIFIED", 0), ("DELETED", 0)]
    assert events[-1]["object"]["metadata"]["deletionTimestamp"] == "2026-01-01T00:00:20Z"
