"""Events in the older versions and in the legacy text, addresses, agents and request URIs.

upstream: apiserver/pkg/apis/audit/{v1beta1,v1alpha1}/conversion.go, 1.20; pkg/audit/format.go, apimachinery/pkg/util/net/http_test.go, 1.28.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest

from kubelab.apiserver.audit import agents, bodies, doors, legacy, uri, versions
from kubelab.apiserver.request import ListOptions, Options, Request

EVENT: dict[str, Any] = {
    "kind": "Event",
    "apiVersion": "audit.k8s.io/v1",
    "level": "Metadata",
    "auditID": "fd47c5a6",
    "stage": "ResponseComplete",
    "requestURI": "/apis/apps/v1/namespaces/default/deployments/web",
    "verb": "get",
    "user": {"username": "alice", "groups": ["dev", 'a"b']},
    "sourceIPs": ["10.0.0.1", "127.0.0.1"],
    "userAgent": "kubectl/v1.28.0",
    "objectRef": {"resource": "deployments", "namespace": "default", "name": "web", "apiGroup": "apps", "apiVersion": "v1"},
    "responseStatus": {"metadata": {}, "code": 200},
    "requestReceivedTimestamp": "2026-01-01T00:00:00.120000Z",
    "stageTimestamp": "2026-01-01T00:00:01.999999Z",
    "annotations": {"authorization.k8s.io/decision": "allow"},
}


def test_v1beta1_adds_the_two_old_times_in_whole_seconds() -> None:
    made = versions.converted(EVENT, "audit.k8s.io/v1beta1")
    assert list(made)[:6] == ["kind", "apiVersion", "metadata", "level", "timestamp", "auditID"]
    assert made["metadata"] == {"creationTimestamp": "2026-01-01T00:00:01Z"}
    assert made["timestamp"] == "2026-01-01T00:00:00Z"
    assert made["objectRef"] == EVENT["objectRef"]
    assert made["stageTimestamp"] == EVENT["stageTimestamp"]


def test_v1alpha1_has_the_group_within_the_version() -> None:
    made = versions.converted(EVENT, "v1alpha1")
    assert made["objectRef"] == {"resource": "deployments", "namespace": "default", "name": "web", "apiVersion": "apps/v1"}
    core = versions.converted({**EVENT, "objectRef": {"resource": "pods", "apiVersion": "v1"}}, "v1alpha1")
    assert core["objectRef"] == {"resource": "pods", "apiVersion": "v1"}


def test_v1_stays_and_no_other_version_is_known() -> None:
    assert versions.converted(EVENT, "v1") is EVENT
    with pytest.raises(ValueError, match="use audit.k8s.io/v1, audit.k8s.io/v1beta1, audit.k8s.io/v1alpha1"):
        versions.converted(EVENT, "v2")


def test_the_legacy_line() -> None:
    assert legacy.line(EVENT) == (
        '2026-01-01T00:00:00.12Z AUDIT: id="fd47c5a6" stage="ResponseComplete" ip="10.0.0.1" method="get" user="alice" '
        r'groups="\"dev\",\"a\\\"b\"" as="<self>" asgroups="<lookup>" user-agent="kubectl/v1.28.0" namespace="default" '
        'uri="/apis/apps/v1/namespaces/default/deployments/web" response="200"'
    )


def test_the_legacy_line_of_somebody_who_acts_as_another_in_1_7() -> None:
    event = {**EVENT, "impersonatedUser": {"username": "bob", "groups": ["x"]}, "requestReceivedTimestamp": "2026-01-01T00:00:00.000000Z"}
    del event["responseStatus"], event["objectRef"], event["sourceIPs"]
    assert legacy.line({**event, "user": {}, "stage": "RequestReceived"}, release="1.7") == (
        '2026-01-01T00:00:00Z AUDIT: id="fd47c5a6" stage="RequestReceived" ip="<unknown>" method="get" user="<none>" groups="<none>" as="bob" '
        r'asgroups="\"x\"" namespace="<none>" uri="/apis/apps/v1/namespaces/default/deployments/web" response="<deferred>"'
    )


@pytest.mark.parametrize(
    ("headers", "addresses"),
    [
        ({}, ("127.0.0.1",)),
        ({"X-Forwarded-For": "1.2.3.4"}, ("1.2.3.4", "127.0.0.1")),
        ({"x-forwarded-for": "1.2.3.4, 127.0.0.1"}, ("1.2.3.4", "127.0.0.1")),
        ({"X-Forwarded-For": "1.2.3.4", "X-Real-Ip": "1.2.3.4"}, ("1.2.3.4", "127.0.0.1")),
        ({"X-Forwarded-For": "nonsense, 010.0.0.1", "X-Real-Ip": "2001:db8::1"}, ("10.0.0.1", "2001:db8::1", "127.0.0.1")),
        ({"X-Real-Ip": "127.0.0.1"}, ("127.0.0.1",)),
    ],
)
def test_source_addresses(headers: dict[str, str], addresses: tuple[str, ...]) -> None:
    assert doors.source_ips(headers) == addresses


@pytest.mark.parametrize(
    ("headers", "token", "certificate", "said"),
    [
        ({}, "", False, "Authentication failed, no credentials provided"),
        ({"Authorization": "Bearer x"}, "", False, "Authentication failed, attempted: bearer"),
        ({"authorization": "bearer x"}, "", True, "Authentication failed, attempted: bearer, x509"),
        ({"Authorization": "Basic eA=="}, "t", False, "Authentication failed, attempted: basic, access_token"),
        ({"Authorization": "Bearer"}, "", False, "Authentication failed, no credentials provided"),
    ],
)
def test_what_is_said_of_a_failed_authentication(headers: dict[str, str], token: str, certificate: bool, said: str) -> None:
    """upstream: apiserver/pkg/endpoints/filters/authn_audit.go getAuthMethods."""
    assert doors.failed_authentication(headers, token, certificate=certificate) == said


@pytest.mark.parametrize(
    ("request_", "query"),
    [
        (
            Request("create", "pods", options=Options(field_manager="kubectl-create", field_validation="Strict")),
            "fieldManager=kubectl-create&fieldValidation=Strict",
        ),
        (Request("patch", "pods", patch_type="apply", options=Options(True, "me", "Warn", True)), "dryRun=All&fieldManager=me&force=true"),
        (Request("patch", "pods", patch_type="merge", options=Options(force=False)), ""),
        (
            Request("list", "pods", list_options=ListOptions("a in (b, c)", "spec.nodeName!=", 500)),
            "fieldSelector=spec.nodeName%21%3D&labelSelector=a+in+%28b%2C+c%29&limit=500",
        ),
        (
            Request("watch", "pods", list_options=ListOptions(resource_version="7", allow_watch_bookmarks=True, timeout_seconds=481)),
            "allowWatchBookmarks=true&resourceVersion=7&timeoutSeconds=481&watch=true",
        ),
        (Request("get", "pods", subresource="log", body={"container": "c", "tailLines": 5}), "container=c&tailLines=5"),
        (Request("delete", "pods", body={"gracePeriodSeconds": 0}), ""),
    ],
)
def test_queries_are_those_of_a_client_library(request_: Request, query: str) -> None:
    assert uri.query_of(request_) == query


@pytest.mark.parametrize(
    ("agent", "user", "full"),
    [
        ("kube-scheduler", "system:kube-scheduler", "kube-scheduler/v1.28.0 (linux/amd64) kubernetes/855e7c4/scheduler"),
        ("kubelet", "system:node:n", "kubelet/v1.28.0 (linux/amd64) kubernetes/855e7c4"),
        ("kubectl-patch", "alice", "kubectl/v1.28.0 (linux/amd64) kubernetes/855e7c4"),
        ("kubelab", "alice", "kubelab"),
    ],
)
def test_user_agents(agent: str, user: str, full: str) -> None:
    assert agents.full(agent, user) == full


def test_the_one_client_of_an_older_scheduler_is_named_for_the_election() -> None:
    """upstream: createClient in plugin/cmd/kube-scheduler/app/configurator.go, 1.7."""
    found = agents.full("kube-scheduler", "system:kube-scheduler", release="1.7")
    assert found == "kube-scheduler/v1.7.0 (linux/amd64) kubernetes/d3ada01/leader-election"


ENTRIES = [{"manager": "a", "operation": "Update"}, {"manager": "b", "operation": "Update"}]
STATUS = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "code": 200}


def pod(name: str, *, owned: bool) -> dict[str, Any]:
    return {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": name, **({"managedFields": ENTRIES} if owned else {})}}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (STATUS, STATUS),
        (pod("foo", owned=True), pod("foo", owned=False)),
        (
            {"kind": "PodList", "metadata": {}, "items": [pod("foo", owned=True), pod("bar", owned=True)]},
            {"kind": "PodList", "metadata": {}, "items": [pod("foo", owned=False), pod("bar", owned=False)]},
        ),
        (
            {
                "kind": "Table",
                "metadata": {},
                "rows": [{"cells": [1], "object": pod("foo", owned=True)}, {"cells": [], "object": None}, {"cells": []}],
            },
            {
                "kind": "Table",
                "metadata": {},
                "rows": [{"cells": [1], "object": pod("foo", owned=False)}, {"cells": [], "object": None}, {"cells": []}],
            },
        ),
        ([{"op": "add"}], [{"op": "add"}]),
        ("text", "text"),
    ],
)
def test_managed_fields_are_left_out_of_a_copy(given: Any, wanted: Any) -> None:
    """upstream: apiserver/pkg/audit/request_test.go TestCopyWithoutManagedFields."""
    before = copy.deepcopy(given)
    assert bodies.without_managed_fields(given) == wanted
    assert given == before


def test_a_long_user_agent_is_cut() -> None:
    """upstream: request_test.go TestMaybeTruncateUserAgent."""
    assert agents.cut("short-agent") == "short-agent"
    assert agents.cut("a" * 2048) == "a" * 1024 + "...TRUNCATED"
    assert agents.cut("é" * 512) == "é" * 512
    assert agents.cut("a" + "é" * 512) == "a" + "é" * 511 + "\ufffd...TRUNCATED"
    assert agents.cut("a" * 1021 + "😀") == "a" * 1021 + "\ufffd\ufffd\ufffd...TRUNCATED"  # cut after three of its four bytes
