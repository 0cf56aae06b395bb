"""GKE's entries as calls; upstream: falcosecurity/plugins plugins/k8saudit-gke/pkg/k8sauditgke/convert.go (names, references, inferred codes)."""

from __future__ import annotations

import base64
import copy
import json

import pytest

import kubelab as kl

ENTRY = {
    "insertId": "insert-1",
    "protoPayload": {
        "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
        "authenticationInfo": {"principalEmail": "alice@example.com"},
        "methodName": "io.k8s.core.v1.pods.get",
        "requestMetadata": {"callerIp": "203.0.113.7", "callerSuppliedUserAgent": "kubectl/v1.28.0 (linux/amd64) kubernetes/855e7c4"},
        "resourceName": "core/v1/namespaces/shop/pods/web-0",
        "serviceName": "k8s.io",
    },
    "resource": {"type": "k8s_cluster", "labels": {"cluster_name": "europe-1"}},
    "timestamp": "2026-01-01T10:00:00.123456Z",
    "labels": {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": "access granted by IAM permissions."},
}


def entry(method="io.k8s.core.v1.pods.get", name="core/v1/namespaces/shop/pods/web-0", code=None, **more):
    made = copy.deepcopy(ENTRY)
    made["protoPayload"].update(methodName=method, resourceName=name, **more)
    if code is not None:
        made["protoPayload"]["status"] = {"code": code, "message": "no"}
    return made


def call(made):
    return kl.auditlog.read([made]).calls().iloc[0]


@pytest.mark.parametrize(
    ("method", "name", "verb", "group", "resource", "subresource", "namespace", "own", "uri"),
    [
        (
            "io.k8s.core.v1.pods.get",
            "core/v1/namespaces/shop/pods/web-0",
            "get",
            "",
            "pods",
            "",
            "shop",
            "web-0",
            "/api/v1/namespaces/shop/pods/web-0",
        ),
        ("io.k8s.core.v1.pods.list", "core/v1/namespaces/shop/pods", "list", "", "pods", "", "shop", "", "/api/v1/namespaces/shop/pods"),
        ("io.k8s.core.v1.nodes.list", "core/v1/nodes", "list", "", "nodes", "", "", "", "/api/v1/nodes"),
        ("io.k8s.core.v1.nodes.get", "core/v1/nodes/n-1", "get", "", "nodes", "", "", "n-1", "/api/v1/nodes/n-1"),
        (
            "io.k8s.core.v1.nodes.status.patch",
            "core/v1/nodes/n-1/status",
            "patch",
            "",
            "nodes",
            "status",
            "",
            "n-1",
            "/api/v1/nodes/n-1/status",
        ),
        (
            "io.k8s.core.v1.namespaces.get",
            "core/v1/namespaces/shop",
            "get",
            "",
            "namespaces",
            "",
            "shop",
            "shop",
            "/api/v1/namespaces/shop",
        ),
        (
            "io.k8s.core.v1.pods.exec.create",
            "core/v1/namespaces/shop/pods/web-0/exec",
            "create",
            "",
            "pods",
            "exec",
            "shop",
            "web-0",
            "/api/v1/namespaces/shop/pods/web-0/exec",
        ),
        (
            "io.k8s.apps.v1.deployments.create",
            "apps/v1/namespaces/shop/deployments/web",
            "create",
            "apps",
            "deployments",
            "",
            "shop",
            "web",
            "/apis/apps/v1/namespaces/shop/deployments",
        ),
        (
            "com.example.stable.v1.crontabs.delete",
            "stable.example.com/v1/namespaces/shop/crontabs/c",
            "delete",
            "stable.example.com",
            "crontabs",
            "",
            "shop",
            "c",
            "/apis/stable.example.com/v1/namespaces/shop/crontabs/c",
        ),
    ],
)
def test_names_become_a_reference(method, name, verb, group, resource, subresource, namespace, own, uri):
    found = call(entry(method, name))
    assert (found.verb, found.api_group, found.resource, found.subresource) == (verb, group, resource, subresource)
    assert (found.namespace, found["name"], found.uri) == (namespace, own, uri)


@pytest.mark.parametrize(
    ("code", "http", "reason"),
    [
        (3, 400, "BadRequest"),
        (5, 404, "NotFound"),
        (6, 409, "AlreadyExists"),
        (7, 403, "Forbidden"),
        (8, 429, "TooManyRequests"),
        (10, 409, "Conflict"),
        (13, 500, "InternalError"),
        (16, 401, "Unauthorized"),
    ],
)
def test_codes_of_grpc_become_codes_of_http(code, http, reason):
    found = call(entry(code=code))
    assert (found.code, found.reason, found.message) == (http, reason, "no")


def test_no_status_and_status_0_are_fine():
    assert call(entry()).code == 200
    assert call(entry(code=0)).code == 200
    assert call(entry("io.k8s.core.v1.pods.create")).code == 201


def test_what_an_entry_does_not_tell_is_missing_and_not_nought():
    found = call(entry())
    assert found[["stage", "latency", "completed", "groups"]].isna().all()
    assert str(found.received) == "2026-01-01 10:00:00.123456+00:00"
    assert (found.username, found.source_ip, found.client, found.server) == ("alice@example.com", "203.0.113.7", "kubectl", "europe-1")
    assert (found.audit_id, found.decision, found.level) == ("insert-1", "allow", "Metadata")


def test_bodies_and_the_operation_are_kept():
    made = entry(
        request={"kind": "Pod"}, response={"@type": "core.k8s.io/v1.Status", "code": 409, "reason": "AlreadyExists", "status": "Failure"}
    )
    made["operation"] = {"id": "op-1", "first": True, "last": True}
    log = kl.auditlog.read([made])
    assert log.calls()[["audit_id", "level", "code", "has_request"]].values.tolist() == [["op-1", "RequestResponse", 409, True]]
    assert [body["request_object"] for body in log.bodies()] == [{"kind": "Pod"}]


def test_entries_of_the_container_service_are_skipped():
    log = kl.auditlog.read([entry(serviceName="container.googleapis.com")])
    assert (log.counts.skipped, log.counts.calls) == (1, 0)
    assert "container.googleapis.com" in log.problems.what[0]


def test_entries_as_pub_sub_hands_them_on():
    """cloud.google.com/pubsub: ``gcloud pubsub subscriptions pull --format=json``, and what is pushed: the entry in base64 under message.data."""
    data = base64.b64encode(json.dumps(entry()).encode()).decode()
    pulled = [{"ackId": "a", "message": {"data": data, "messageId": "1", "attributes": {}}}]
    pushed = {"message": {"data": data, "messageId": "2"}, "subscription": "projects/p/subscriptions/s"}
    log = kl.auditlog.read([*pulled, pushed])
    assert (log.counts.skipped, log.counts.damaged) == (0, 0)
    assert log.sql("SELECT DISTINCT server, username, name FROM calls").values.tolist() == [["europe-1", "alice@example.com", "web-0"]]


def test_a_path_that_is_no_resource():
    """elastic/integrations packages/gcp/data_stream/audit/_dev/test/pipeline/test-k8s-nonmatching-resourcename.log"""
    row = call(entry("io.k8s.get", "HNAP1", 7, authorizationInfo=[{"granted": False, "permission": "io.k8s.get"}]))
    assert (row.verb, row.uri, row.code, row.resource is None or row.resource != row.resource) == ("get", "/HNAP1", 403, True)
