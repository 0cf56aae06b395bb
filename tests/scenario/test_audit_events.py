"""Audit events of a whole control plane: what each caller's calls leave, at each level, as an API server would write it.

upstream: staging/src/k8s.io/apiserver/pkg/audit/request.go, pkg/endpoints/filters/{audit,authn_audit,impersonation}.go, 1.28.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import kubelab as kl
from kubelab.apiserver import line, raw
from kubelab.apiserver.audit import legacy
from kubelab.apiserver.request import NOBODY
from tests.builders import deployment

NAMESPACE = "/api/v1/namespaces/default/"
RECORDED = Path(__file__).parent.parent / "data" / "audit" / "real-1.20-each-kind.jsonl.gz"
POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "nginx"}]}}


def recorded(cluster: kl.Cluster, *arguments: Any, **more: Any) -> list[dict[str, Any]]:
    """The events of one raw request."""
    before = len(cluster._engine.store.log.calls)
    cluster.request(*arguments, **more)
    return [event for _, event in cluster.audit.since(before)]


@pytest.fixture
def cluster() -> kl.Cluster:
    return kl.Cluster(2, audit_policy="RequestResponse")


def test_without_a_policy_nothing_is_recorded_and_that_is_said() -> None:
    cluster = kl.Cluster(1)
    cluster.create(POD)
    with pytest.warns(UserWarning, match="there is no audit policy, so nothing is recorded"):
        assert cluster.audit_events() == []
    assert all(call.audit is None for call in cluster._engine.store.log.calls)
    assert cluster.audit.counts() == {"level_total": {}, "event_total": 0}


def test_a_create_is_two_events_whose_body_completes_the_reference(cluster: kl.Cluster) -> None:
    first, second = recorded(cluster, "POST", NAMESPACE + "configmaps", {"metadata": {"name": "cm"}, "data": {"a": "1"}})
    assert first == {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "RequestResponse",
        "auditID": second["auditID"],
        "stage": "RequestReceived",
        "requestURI": NAMESPACE + "configmaps",
        "verb": "create",
        "user": {"username": "kubernetes-admin", "groups": ["system:masters", "system:authenticated"]},
        "sourceIPs": ["127.0.0.1"],
        "userAgent": "kubelab",
        "objectRef": {"resource": "configmaps", "namespace": "default", "apiVersion": "v1"},
        "requestReceivedTimestamp": "2026-01-01T00:00:00.000000Z",
        "stageTimestamp": "2026-01-01T00:00:00.000000Z",
    }
    assert second["objectRef"] == {"resource": "configmaps", "namespace": "default", "name": "cm", "apiVersion": "v1"}
    assert second["responseStatus"] == {"metadata": {}, "code": 201}
    metadata = {"name": "cm", "creationTimestamp": None}
    assert second["requestObject"] == {"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata, "data": {"a": "1"}}
    assert second["responseObject"]["metadata"]["managedFields"][0]["manager"] == "kubelab"
    assert second["annotations"] == {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": ""}


def test_a_generated_name_is_never_in_the_reference(cluster: kl.Cluster) -> None:
    pod = {**POD, "metadata": {"generateName": "p-"}}
    *_, event = recorded(cluster, "POST", NAMESPACE + "pods", pod)
    assert "name" not in event["objectRef"]
    assert event["responseObject"]["metadata"]["name"].startswith("p-")


def test_an_update_says_uid_and_the_version_that_was_sent_even_where_nothing_is_found(cluster: kl.Cluster) -> None:
    body = {"metadata": {"name": "none", "uid": "u", "resourceVersion": "7"}}
    *_, event = recorded(cluster, "PUT", NAMESPACE + "configmaps/none", body)
    assert event["objectRef"]["uid"] == "u"
    assert event["objectRef"]["resourceVersion"] == "7"
    assert event["responseStatus"] == {
        "metadata": {},
        "status": "Failure",
        "message": 'configmaps "none" not found',
        "reason": "NotFound",
        "details": {"name": "none", "kind": "configmaps"},
        "code": 404,
    }
    assert event["responseObject"]["kind"] == "Status"


@pytest.mark.parametrize(
    ("body", "content_type", "shown"),
    [
        ('{"data": {"b": "2"}}', "application/merge-patch+json", {"data": {"b": "2"}}),
        ({"data": {"b": "2"}}, "application/strategic-merge-patch+json", {"data": {"b": "2"}}),
        ('[{"op": "test", "path": "/x"}]', "application/json-patch+json", [{"op": "test", "path": "/x"}]),
        ("not json", "application/merge-patch+json", "not json"),
        ("kind: ConfigMap\n", "application/apply-patch+yaml", "kind: ConfigMap\n"),
    ],
)
def test_a_patch_is_kept_raw_and_one_that_is_no_json_as_a_text(cluster: kl.Cluster, body: Any, content_type: str, shown: Any) -> None:
    cluster.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cm"}})
    query = "?fieldManager=me" if "apply" in content_type else ""
    *_, event = recorded(cluster, "PATCH", NAMESPACE + "configmaps/cm" + query, body, content_type=content_type)
    assert event["requestObject"] == shown
    assert event["objectRef"] == {"resource": "configmaps", "namespace": "default", "name": "cm", "apiVersion": "v1"}
    json.dumps(event)


@pytest.mark.parametrize(
    ("method", "path", "body", "more", "code"),
    [
        ("POST", "configmaps", "{", {}, 400),
        ("PATCH", "configmaps/cm", "{}", {"content_type": "text/plain"}, 415),
        ("POST", "configmaps", {"metadata": {"name": "cm"}}, {"user": "alice"}, 403),
        ("POST", "nothings", {"metadata": {"name": "cm"}}, {}, 404),
    ],
)
def test_what_is_refused_before_it_is_decoded_has_no_request_object(
    cluster: kl.Cluster, method: str, path: str, body: Any, more: dict[str, Any], code: int
) -> None:
    *_, event = recorded(cluster, method, NAMESPACE + path, body, **more)
    assert event["responseStatus"]["code"] == code
    assert "requestObject" not in event
    assert event["responseObject"]["code"] == code
    if method == "POST":
        assert "name" not in event["objectRef"]


def test_what_validation_refuses_has_one(cluster: kl.Cluster) -> None:
    *_, event = recorded(cluster, "POST", NAMESPACE + "configmaps", {"metadata": {"name": "NO"}})
    assert event["responseStatus"]["reason"] == "Invalid"
    assert event["requestObject"]["metadata"]["name"] == event["objectRef"]["name"] == "NO"


def test_the_options_of_a_delete_are_there_if_it_had_a_body(cluster: kl.Cluster) -> None:
    for name in ("a", "b", "c"):
        cluster.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})
    options = {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0}
    *_, with_body = recorded(cluster, "DELETE", NAMESPACE + "configmaps/a", options)
    *_, without = recorded(cluster, "DELETE", NAMESPACE + "configmaps/b?gracePeriodSeconds=0")
    *_, generic = recorded(cluster, "DELETE", NAMESPACE + "configmaps/c", {"gracePeriodSeconds": 0})
    assert with_body["requestObject"] == options
    assert "requestObject" not in without
    assert generic["requestObject"]["apiVersion"] == "meta.k8s.io/v1"
    assert with_body["responseStatus"]["status"] == "Success"
    assert with_body["responseStatus"]["details"]["name"] == "a"


def test_a_read_has_no_request_object_and_its_answer_in_the_form_that_was_asked_for(cluster: kl.Cluster) -> None:
    cluster.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cm"}, "data": {"a": "1"}})
    *_, table = recorded(cluster, "GET", NAMESPACE + "configmaps", headers={"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"})
    assert table["responseObject"]["kind"] == "Table"
    *_, listed = recorded(cluster, "GET", NAMESPACE + "configmaps?fieldSelector=metadata.name%3Dcm")
    assert listed["verb"] == "list"
    assert listed["objectRef"]["name"] == "cm"
    assert listed["responseObject"]["items"][0]["metadata"]["managedFields"]
    for path, has_body in (("/api", True), ("/apis/apps/v1", True), ("/version", False), ("/healthz?verbose", False), ("/", False)):
        *_, event = recorded(cluster, "GET", path)
        assert ("responseObject" in event) is has_body, path
        assert "objectRef" not in event
        assert event["requestURI"] == path


def test_long_requests_say_when_they_begin(cluster: kl.Cluster) -> None:
    watched = recorded(cluster, "GET", NAMESPACE + "pods?watch=true")
    assert [event["stage"] for event in watched] == ["RequestReceived", "ResponseStarted", "ResponseComplete"]
    assert len({event["auditID"] for event in watched}) == 1
    assert all("responseObject" not in event for event in watched)
    assert watched[1]["responseStatus"] == {"metadata": {}, "code": 200}
    cluster.create(POD)
    cluster.run(until="pod/p ready")
    before = len(cluster._engine.store.log.calls)
    cluster.exec("pod/p", ["echo", "hi"])
    stages = [event for _, event in cluster.audit.since(before)]
    assert [event["responseStatus"]["code"] for event in stages[1:]] == [101, 101]
    assert stages[0]["requestURI"] == NAMESPACE + "pods/p/exec?command=echo&command=hi&stderr=true&stdout=true"


SHORT, LONG = NAMESPACE + "configmaps/cm", NAMESPACE + "configmaps?watch=true"
READ, WRITTEN, BROKEN = ["RequestReceived", "ResponseComplete"], ["RequestReceived", "ResponseComplete"], ["RequestReceived", "Panic"]
STREAMED = ["RequestReceived", "ResponseStarted", "ResponseComplete"]


@pytest.mark.parametrize(
    ("method", "path", "user", "breaks", "omitted", "stages", "code"),
    [
        ("GET", SHORT, None, False, [], READ, 200),
        ("GET", SHORT, None, True, [], BROKEN, 500),
        ("PUT", SHORT, None, False, [], WRITTEN, 200),
        ("PUT", SHORT, "alice", False, [], WRITTEN, 403),
        ("PUT", SHORT, None, True, [], BROKEN, 500),
        ("GET", LONG, None, False, [], STREAMED, 200),
        ("GET", LONG, "alice", False, [], STREAMED, 403),
        ("GET", LONG, None, True, [], BROKEN, 500),
        ("GET", SHORT, None, False, ["RequestReceived"], READ[1:], 200),
        ("GET", SHORT, None, True, ["RequestReceived"], ["Panic"], 500),
        ("PUT", SHORT, None, True, ["Panic"], ["RequestReceived"], 500),
        ("GET", LONG, None, False, ["RequestReceived"], STREAMED[1:], 200),
        ("GET", LONG, None, False, ["RequestReceived", "ResponseStarted"], STREAMED[2:], 200),
        ("GET", LONG, None, False, ["RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"], [], 200),
    ],
)
def test_stages(
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    path: str,
    user: str | None,
    breaks: bool,
    omitted: list[str],
    stages: list[str],
    code: int,
) -> None:
    """upstream: apiserver/pkg/endpoints/filters/audit_test.go TestAudit; its handlers are ours, its panics a broken step of the line."""
    policy = {"apiVersion": "audit.k8s.io/v1", "omitStages": omitted, "rules": [{"level": "RequestResponse"}]}
    cluster = kl.Cluster(1, audit_policy=policy)
    cluster.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cm"}})
    before, counted = len(cluster._engine.store.log.calls), cluster.audit.counts()["event_total"]
    if breaks:

        def kaboom(*arguments: Any) -> None:
            raise RuntimeError("kaboom")

        monkeypatch.setattr(line, "resolve", kaboom)
        with pytest.raises(RuntimeError, match="kaboom"):
            cluster.request(method, path, {"metadata": {"name": "cm"}} if method == "PUT" else None)
    else:
        cluster.request(method, path, {"metadata": {"name": "cm"}} if method == "PUT" else None, user=user)
    events = [event for _, event in cluster.audit.since(before)]
    assert [event["stage"] for event in events] == stages
    answered = [event["responseStatus"]["code"] for event in events if event["stage"] != "RequestReceived"]
    assert answered == [code] * sum(stage != "RequestReceived" for stage in stages)
    assert cluster.audit.counts()["event_total"] - counted == len(events)
    for event in events:
        if event["stage"] == "Panic":
            message = "APIServer panic'd: kaboom"
            assert event["responseStatus"] == {
                "metadata": {},
                "status": "Failure",
                "message": message,
                "reason": "InternalError",
                "code": 500,
            }
            assert "responseObject" not in event


def test_who_acts_as_somebody_else_stands_under_both_names(cluster: kl.Cluster) -> None:
    first, event = recorded(cluster, "GET", NAMESPACE + "pods", headers={"Impersonate-User": "bob", "Impersonate-Group": "dev"})
    assert "impersonatedUser" not in first
    assert event["user"]["username"] == "kubernetes-admin"
    assert event["impersonatedUser"] == {"username": "bob", "groups": ["dev", "system:authenticated"]}
    assert event["annotations"]["authorization.k8s.io/decision"] == "forbid"


def test_a_refused_impersonation_has_neither_the_other_user_nor_a_decision(cluster: kl.Cluster) -> None:
    *_, event = recorded(cluster, "GET", NAMESPACE + "pods", user="alice", headers={"Impersonate-User": "bob"})
    assert event["responseStatus"]["code"] == 403
    assert event["user"]["username"] == "alice"
    assert "impersonatedUser" not in event
    assert "annotations" not in event


def test_the_policy_looks_at_the_authenticated_user() -> None:
    policy = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "None", "users": ["bob"]}, {"level": "Metadata"}]}
    cluster = kl.Cluster(1, audit_policy=policy)
    assert recorded(cluster, "GET", NAMESPACE + "pods", headers={"Impersonate-User": "bob"})
    assert not recorded(cluster, "GET", NAMESPACE + "pods", user="bob")


def test_a_failed_authentication_is_one_event_at_response_started(cluster: kl.Cluster) -> None:
    engine = cluster._engine
    before = len(engine.store.log.calls)
    answer = raw.ask(engine.server, engine.handle, engine.now_ns, "GET", NAMESPACE + "pods", None, "", NOBODY, {"User-Agent": "curl/8"})
    assert (answer.code, answer.object["message"]) == (401, "Unauthorized")
    (event,) = [event for _, event in cluster.audit.since(before)]
    assert event["stage"] == "ResponseStarted"
    assert event["user"] == {}
    assert event["responseStatus"] == {
        "metadata": {},
        "status": "Failure",
        "message": "Unauthorized",
        "reason": "Unauthorized",
        "code": 401,
    }
    assert event["objectRef"] == {"resource": "pods", "namespace": "default", "apiVersion": "v1"}
    assert "annotations" not in event
    assert event["responseObject"]["kind"] == "Status"


def test_rules_for_users_never_match_nobody() -> None:
    rules = [{"level": "None", "userGroups": ["system:authenticated", "system:masters"]}, {"level": "Metadata"}]
    cluster = kl.Cluster(1, audit_policy={"apiVersion": "audit.k8s.io/v1", "rules": rules})
    engine = cluster._engine
    raw.ask(engine.server, engine.handle, engine.now_ns, "GET", NAMESPACE + "pods", None, "", NOBODY, {})
    cluster.request("GET", NAMESPACE + "pods")
    assert [event["stage"] for event in cluster.audit_events()] == ["ResponseStarted"]


def test_the_reason_names_the_binding_word_for_word(cluster: kl.Cluster) -> None:
    cluster.apply(deployment("web", 1))
    cluster.run(until="deployment/web ready")
    reasons = {
        (event["user"]["username"], event["annotations"]["authorization.k8s.io/reason"])
        for event in cluster.audit_events()
        if "annotations" in event
    }
    name = "replicaset-controller"
    bound = f'RBAC: allowed by ClusterRoleBinding "system:controller:{name}" of ClusterRole "system:controller:{name}" to ServiceAccount "{name}/kube-system"'
    assert (f"system:serviceaccount:kube-system:{name}", bound) in reasons
    scheduler = (
        'RBAC: allowed by ClusterRoleBinding "system:kube-scheduler" of ClusterRole "system:kube-scheduler" to User "system:kube-scheduler"'
    )
    assert ("system:kube-scheduler", scheduler) in reasons
    assert ("system:node:node-1", "") in reasons or ("system:node:node-2", "") in reasons


def test_a_denial_by_the_node_authorizer_says_why(cluster: kl.Cluster) -> None:
    cluster.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}})
    *_, event = recorded(cluster, "GET", NAMESPACE + "secrets/s", user="system:node:node-1", groups=["system:nodes"])
    assert event["annotations"] == {
        "authorization.k8s.io/decision": "forbid",
        "authorization.k8s.io/reason": "no relationship found between node 'node-1' and this object",
    }


@pytest.mark.parametrize(
    ("labels", "notes"),
    [
        ({}, {"enforce-policy": "privileged:latest"}),
        ({"enforce": "baseline", "enforce-version": "v1.25"}, {"enforce-policy": "baseline:v1.25"}),
        (
            {"audit": "restricted"},
            {
                "enforce-policy": "privileged:latest",
                "audit-violations": 'would violate PodSecurity "restricted:latest": allowPrivilegeEscalation',
            },
        ),
        (
            {"audit": "nonsense"},
            {
                "enforce-policy": "privileged:latest",
                "error": 'Failed to parse policy: metadata.labels[pod-security.kubernetes.io/audit]: Invalid value: "nonsense"',
            },
        ),
    ],
)
def test_pod_security_leaves_its_annotations(labels: dict[str, str], notes: dict[str, str]) -> None:
    """upstream: pod-security-admission/admission/admission.go EvaluatePod; the labels come later than the check of labels."""
    cluster = kl.Cluster(1, audit_policy="Metadata")
    cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}})
    cluster.run("5s")
    key = ("namespaces", "", "team")
    store = cluster._engine.store
    obj = dict(store.head.get(*key) or {})
    prefixed = {f"pod-security.kubernetes.io/{name}": text for name, text in labels.items()}
    obj["metadata"] = {**obj["metadata"], "labels": prefixed, "resourceVersion": str(store.revision + 1)}
    store.commit(cluster._engine.now_ns, "MODIFIED", key, obj, store.log.commits[-1].manager, len(store.log.calls) - 1)
    *_, event = recorded(cluster, "POST", "/api/v1/namespaces/team/pods", POD)
    assert event["responseStatus"]["code"] == 201
    found = {
        name.removeprefix("pod-security.kubernetes.io/"): text for name, text in event["annotations"].items() if "pod-security" in name
    }
    assert found.keys() == notes.keys()
    assert all(found[name].startswith(text) for name, text in notes.items())


def test_the_clients_id_and_addresses_are_taken_as_they_are(cluster: kl.Cluster) -> None:
    headers = {"Audit-ID": "mine", "X-Forwarded-For": "10.1.1.1", "X-Real-Ip": "10.1.1.2", "User-Agent": "x" * 1100}
    first, second = recorded(cluster, "GET", NAMESPACE + "pods", headers=headers)
    assert first["auditID"] == second["auditID"] == "mine"
    assert first["sourceIPs"] == ["10.1.1.1", "10.1.1.2", "127.0.0.1"]
    assert first["userAgent"] == "x" * 1024 + "...TRUNCATED"


def test_ids_are_the_same_in_every_run_and_differ_from_call_to_call() -> None:
    ids = []
    for _ in range(2):
        cluster = kl.Cluster(1, seed=5, audit_policy="Metadata")
        cluster.run("1m")
        ids.append([event["auditID"] for event in cluster.audit_events() if event["stage"] == "ResponseComplete"])
    assert ids[0] == ids[1]
    assert len(ids[0]) == len(set(ids[0])) > 5


def test_the_audit_changes_nothing_in_the_world() -> None:
    worlds = []
    for policy in (None, "RequestResponse"):
        cluster = kl.Cluster(2, seed=3, audit_policy=policy)
        cluster.apply(deployment("web", 3))
        cluster.run("1m")
        log = cluster._engine.store.log
        worlds.append((log.commits, [call._replace(audit=None) for call in log.calls]))
    assert worlds[0] == worlds[1]


def test_forks_and_saved_worlds_record_on(tmp_path: Path, cluster: kl.Cluster) -> None:
    cluster.apply(deployment("web", 2))
    cluster.run("30s")
    fork, loaded = cluster.fork(), kl.load(cluster.save(tmp_path / "x.klab"))
    assert fork.audit_events() == loaded.audit_events() == cluster.audit_events()
    for world in (cluster, fork, loaded):
        world.run("1m")
    assert fork.audit_events() == loaded.audit_events() == cluster.audit_events()
    assert fork.audit.counts() == loaded.audit.counts() == cluster.audit.counts()
    fork.create(POD)
    assert len(fork.audit_events()) == len(cluster.audit_events()) + 2


def test_a_policy_is_changed_while_the_cluster_runs_and_a_bad_one_leaves_the_old(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n")
    cluster = kl.Cluster(1)
    cluster.audit.reload(path)
    (_, before) = recorded(cluster, "GET", NAMESPACE + "pods")
    assert before["level"] == "Metadata"
    path.write_text("apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n- level: RequestResponse\n")
    cluster.audit.reload()
    (after,) = recorded(cluster, "GET", NAMESPACE + "pods")
    assert after["level"] == "RequestResponse"
    path.write_text("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: All\n")
    with pytest.raises(ValueError, match=r'rules\[0\].level: Unsupported value: "All".*; the policy in force stays'):
        cluster.audit.reload()
    assert recorded(cluster, "GET", NAMESPACE + "pods")[0]["level"] == "RequestResponse"
    counts = cluster.audit.counts()
    assert counts["level_total"] == {"None": 0, "Metadata": 1, "Request": 0, "RequestResponse": 2}
    assert counts["event_total"] == 4


def test_a_bad_policy_refuses_the_cluster_in_upstreams_words() -> None:
    with pytest.raises(ValueError, match="loaded illegal policy with 0 rules"):
        kl.Cluster(1, audit_policy={"apiVersion": "audit.k8s.io/v1", "kind": "Policy"})


def test_a_field_that_upstream_does_not_know_is_dropped_with_a_warning() -> None:
    policy = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata", "user": "alice"}]}
    with pytest.warns(UserWarning, match=r'falling back to lenient decoding: strict decoding error: unknown field "rules\[0\].user"'):
        cluster = kl.Cluster(1, audit_policy=policy)
    assert cluster.audit.policy == {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata"}]}


def test_managed_fields_are_left_out_of_objects_lists_and_tables_where_the_policy_says_so() -> None:
    cluster = kl.Cluster(
        1, audit_policy={"apiVersion": "audit.k8s.io/v1", "omitManagedFields": True, "rules": [{"level": "RequestResponse"}]}
    )
    cluster.create(POD)
    cluster.run(until="pod/p ready")
    recorded(cluster, "GET", NAMESPACE + "pods")
    recorded(cluster, "GET", NAMESPACE + "pods?includeObject=Object", headers={"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"})
    text = json.dumps(cluster.audit_events())
    assert '"Table"' in text
    assert "managedFields" not in text


def test_subresources_keep_their_own_bodies(cluster: kl.Cluster) -> None:
    cluster.apply(deployment("web", 1))
    cluster.create(POD)
    cluster.run(until="pod/p ready")
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p", "namespace": "default"}}
    *_, evicted = recorded(cluster, "POST", NAMESPACE + "pods/p/eviction", eviction)
    assert evicted["requestObject"]["kind"] == "Eviction"
    assert evicted["responseStatus"] == {"metadata": {}, "status": "Success", "code": 201}
    assert evicted["objectRef"]["subresource"] == "eviction"
    *_, token = recorded(cluster, "POST", NAMESPACE + "serviceaccounts/default/token", {"spec": {}})
    assert token["requestObject"]["kind"] == token["responseObject"]["kind"] == "TokenRequest"
    path = "/apis/apps/v1/namespaces/default/deployments/web/scale"
    scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "web", "namespace": "default"}, "spec": {"replicas": 2}}
    *_, scaled = recorded(cluster, "PUT", path, scale)
    assert scaled["requestObject"]["spec"] == {"replicas": 2}
    assert scaled["responseObject"]["kind"] == "Scale"
    assert scaled["objectRef"]["apiGroup"] == "apps"


def test_the_namespace_of_a_namespace_is_itself_once_its_path_names_it() -> None:
    rules = [{"level": "Metadata", "namespaces": [""]}]
    cluster = kl.Cluster(1, audit_policy={"apiVersion": "audit.k8s.io/v1", "rules": rules})
    first, second = recorded(cluster, "POST", "/api/v1/namespaces", {"metadata": {"name": "team"}})
    assert first["objectRef"] == {"resource": "namespaces", "apiVersion": "v1"}
    assert second["objectRef"] == {"resource": "namespaces", "name": "team", "apiVersion": "v1"}
    assert recorded(cluster, "GET", "/api/v1/namespaces/team") == []
    assert recorded(cluster, "DELETE", "/api/v1/namespaces/team") == []
    assert recorded(cluster, "GET", "/api/v1/pods") != []
    assert recorded(cluster, "GET", NAMESPACE + "pods") == []


def test_paths_are_told_apart_under_a_policy_that_looks_at_names() -> None:
    rules = [
        {"level": "None", "resources": [{"resources": ["pods"], "resourceNames": ["a"]}]},
        {"level": "Metadata", "nonResourceURLs": ["/healthz*"]},
    ]
    cluster = kl.Cluster(1, audit_policy={"apiVersion": "audit.k8s.io/v1", "rules": rules})
    assert [len(recorded(cluster, "GET", path)) for path in ("/healthz", "/version", "/healthz/ping", "/version")] == [2, 0, 2, 0]


def test_a_slow_answer_is_annotated_with_its_time() -> None:
    cluster = kl.Cluster(1, audit_policy="Metadata", timing=kl.Timing.preset("default").with_(write_ns=800_000_000))
    cluster.apply(deployment("web", 1))
    cluster.run("10s")
    slow = [event for event in cluster.audit_events() if "apiserver.latency.k8s.io/total" in event.get("annotations", {})]
    assert slow
    assert all(event["stage"] == "ResponseComplete" for event in slow)


def test_a_refusal_of_an_apply_that_was_tried_first_is_recorded_and_counted(cluster: kl.Cluster) -> None:
    before = cluster.audit.counts()["event_total"]
    with pytest.raises(kl.ApiError):
        cluster.apply([{**POD, "metadata": {"name": "NO"}}, POD])
    assert cluster.audit.counts()["event_total"] == len(cluster.audit_events())
    assert cluster.audit.counts()["event_total"] > before


def test_components_ask_as_their_clients_do(cluster: kl.Cluster) -> None:
    cluster.apply(deployment("web", 2))
    cluster.run("20s")
    cluster.delete("deployment/web")
    cluster.fault("NodeCrash", nodes=["node-2"])
    cluster.run("2m")
    events = [event for event in cluster.audit_events() if event["stage"] == "ResponseComplete"]
    uris = {(event["user"]["username"], event["verb"], event["requestURI"]) for event in events}
    assert ("system:node:node-1", "update", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node-1?timeout=10s") in uris
    assert ("system:serviceaccount:kube-system:node-controller", "get", "/api/v1/nodes/node-2?resourceVersion=0") in uris
    assert any(who == "system:kube-scheduler" and uri == "/apis/events.k8s.io/v1/namespaces/default/events" for who, _, uri in uris)
    collected = [event for event in events if event["user"]["username"].endswith("generic-garbage-collector") and event["verb"] == "get"]
    found = [event["responseObject"]["kind"] for event in collected if event["responseStatus"]["code"] == 200]
    assert found
    assert set(found) == {"PartialObjectMetadata"}
    scheduled = [event for event in events if event["objectRef"].get("apiGroup") == "events.k8s.io" and event["verb"] == "create"]
    assert all(event["requestObject"]["apiVersion"] == event["responseObject"]["apiVersion"] == "events.k8s.io/v1" for event in scheduled)
    assert all("regarding" in event["requestObject"] for event in scheduled)


def test_hostile_values_stay_one_line_of_text(cluster: kl.Cluster) -> None:
    agent = 'x\n2026 AUDIT: id="y" <script>\x1b[31m\u202e'
    *_, event = recorded(cluster, "GET", NAMESPACE + "pods?labelSelector=%0a%3Cb%3E", headers={"User-Agent": agent, "Audit-ID": 'a"\nb'})
    text = legacy.line(event)
    assert "\n" not in text
    assert "\x1b" not in text
    assert text.count(' AUDIT: id="') == 1
    assert json.loads(json.dumps(event))["userAgent"] == agent


@pytest.mark.parametrize(
    ("path", "has_status"),
    [
        ("/nope", False),
        ("/apis/nope", False),
        ("/apis/nope/v1/foos", False),
        ("/apis/apps/v9/foos", True),
        ("/api/v1/foos", True),
        ("/api/v2", True),
    ],
)
def test_where_no_handler_is_the_answer_is_no_status(cluster: kl.Cluster, path: str, has_status: bool) -> None:
    """upstream: apiserver/pkg/util/notfoundhandler/not_found_handler.go answers in plain text; what go-restful refuses is a Status."""
    _, complete = recorded(cluster, "GET", path)
    assert complete["responseStatus"]["code"] == 404
    assert ("reason" in complete["responseStatus"], "responseObject" in complete) == (has_status, has_status)


@pytest.mark.parametrize(
    ("method", "path", "verb"),
    [
        ("HEAD", NAMESPACE + "pods/x", "get"),
        ("HEAD", NAMESPACE + "pods", "list"),
        ("OPTIONS", NAMESPACE + "pods", ""),
        ("TRACE", NAMESPACE + "pods/x", ""),
        ("HEAD", "/healthz", "head"),
    ],
)
def test_the_verbs_of_other_methods(cluster: kl.Cluster, method: str, path: str, verb: str) -> None:
    """upstream: apiserver/pkg/endpoints/request/requestinfo.go NewRequestInfo."""
    assert [event["verb"] for event in recorded(cluster, method, path)] == [verb, verb]


def test_the_names_of_headers_have_no_case_and_an_agent_that_says_nothing_is_left_out(cluster: kl.Cluster) -> None:
    assert recorded(cluster, "GET", "/version", headers={"user-AGENT": "mine"})[0]["userAgent"] == "mine"
    assert all("userAgent" not in event for event in recorded(cluster, "GET", "/version", headers={"User-Agent": ""}))
    assert recorded(cluster, "GET", "/version", headers={"x-forwarded-for": "fe80::1%eth0"})[0]["sourceIPs"] == ["127.0.0.1"]


def test_half_a_character_is_none(cluster: kl.Cluster) -> None:
    """Python's strings can hold what UTF-8 cannot say."""
    for path in ("/api/v1/pods?labelSelector=\ud800", "/api/v1/namespaces/default/pods/\ud800"):
        assert "\ud800" not in json.dumps(recorded(cluster, "GET", path), ensure_ascii=False)
    recorded(cluster, "GET", "/api/v1/pods", user="\ud800", headers={"User-Agent": "\ud800" * 400})
    assert len(kl.auditlog.read(cluster).calls()) == len(cluster.audit_events()) // 2


@pytest.mark.parametrize("body", ["\x0b", "- " * 2000 + "x", '{"a":' * 2000])
def test_a_body_that_cannot_be_read_is_refused_and_recorded(cluster: kl.Cluster, body: str) -> None:
    for method, path in (("POST", NAMESPACE + "configmaps"), ("DELETE", NAMESPACE + "configmaps/cm")):
        _, complete = recorded(cluster, method, path, body, content_type="application/yaml")
        assert complete["responseStatus"]["code"] in (400, 500)
        assert "requestObject" not in complete


def test_the_events_are_the_same_under_another_hash_seed() -> None:
    code = "import json, kubelab as kl; c = kl.Cluster(2, seed=4, audit_policy='RequestResponse'); "
    code += "c.create({'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': 'p'}, 'spec': {'containers': [{'name': 'c', 'image': 'nginx'}]}}); "
    code += "c.run('40s'); print(json.dumps(c.audit_events()))"
    texts = [
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("0", "77")
    ]
    assert texts[0] == texts[1]
    assert len(json.loads(texts[0])) > 20


def test_the_frame_has_a_row_per_event(cluster: kl.Cluster) -> None:
    cluster.apply(deployment("web", 2))
    cluster.run(until="deployment/web ready")
    frame, events = cluster.frames.audit(), cluster.audit_events()
    assert len(frame) == len(events)
    assert list(frame["audit_id"]) == [event["auditID"] for event in events]
    done = frame[frame["stage"] == "ResponseComplete"]
    assert done["code"].notna().all()
    assert (done.loc[done["user"] == "system:kube-scheduler", "latency"] > 0).all()
    assert set(done.loc[done["resource"] == "events", "group"]) == {"", "events.k8s.io"}
