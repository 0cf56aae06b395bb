"""RBAC decisions, their reasons and their refusals.

upstream: plugin/pkg/auth/authorizer/rbac/rbac_test.go, pkg/registry/rbac/validation/rule_test.go, 1.28;
recorded: core-errors 46 to 50 (a real API server).
"""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.apiserver.authorization import check, rules
from kubelab.apiserver.request import ADMIN, ListOptions, User
from tests.unit.apiserver_authorization import builders as b

Object = dict[str, Any]
ALICE = User("alice", ("dev", "system:authenticated"))

# upstream: rbac_test.go TestAuthorizer: roles, bindings, then (user, groups, verb, resource, subresource, namespace) that pass and that fail
WHOLE_NAMESPACE = (
    [b.role("admin", b.rule("*", "*", "*"))],
    [b.binding("b", "admin", "User:admin", "Group:admins", namespace="ns1")],
    [
        ("admin", "", "get", "Pods", "", "ns1"),
        ("admin", "", "watch", "Pods", "", "ns1"),
        ("admin", "group1", "watch", "Foobar", "", "ns1"),
        ("joe", "admins", "watch", "Foobar", "", "ns1"),
        ("joe", "group1,admins", "watch", "Foobar", "", "ns1"),
    ],
    [
        ("admin", "", "GET", "Pods", "", "ns2"),
        ("admin", "", "GET", "Nodes", "", ""),
        ("admin", "admins", "GET", "Pods", "", "ns2"),
        ("admin", "admins", "GET", "Nodes", "", ""),
    ],
)
WITHOUT_SUBRESOURCES = (
    [b.role("admin", b.rule("*", "*", "pods"))],
    [b.binding("b", "admin", "User:admin", "Group:admins", namespace="ns1")],
    [("admin", "", "get", "pods", "", "ns1")],
    [("admin", "", "get", "pods", "status", "ns1")],
)
SUBRESOURCES_ALONE = (
    [b.role("admin", b.rule("*", "*", "pods/status"), b.rule("*", "*", "*/scale"))],
    [b.binding("b", "admin", "User:admin", "Group:admins", namespace="ns1")],
    [
        ("admin", "", "get", "pods", "status", "ns1"),
        ("admin", "", "get", "pods", "scale", "ns1"),
        ("admin", "", "get", "deployments", "scale", "ns1"),
        ("admin", "", "get", "anything", "scale", "ns1"),
    ],
    [("admin", "", "get", "pods", "", "ns1")],
)


@pytest.mark.parametrize("roles, bindings, passing, failing", [WHOLE_NAMESPACE, WITHOUT_SUBRESOURCES, SUBRESOURCES_ALONE])
def test_rules_let_through_what_upstream_lets_through(roles: list[Object], bindings: list[Object], passing: Any, failing: Any) -> None:
    server = b.with_namespaces("ns1", "ns2")
    for obj in (*roles, *bindings):
        b.create(server, obj)

    def allowed(name: str, groups: str, verb: str, resource: str, subresource: str, namespace: str) -> bool:
        user = User(name, tuple(groups.split(",")))
        return check.can(server, user, verb, resource, subresource, namespace, "").allowed

    assert [row for row in passing if not allowed(*row)] == []
    assert [row for row in failing if allowed(*row)] == []


# upstream: rbac_test.go TestAuthorizer, non-resource-url tests: (user, groups, verb, path, allowed)
PATHS = [
    ("foo", "", "get", "/apis", True),
    ("", "bar", "get", "/apis", True),
    ("admin", "", "get", "/apis", True),
    ("", "admin", "watch", "/apis", True),
    ("prefixed", "", "get", "/apis/v1", True),
    ("", "prefixed", "get", "/apis/v1/foobar", True),
    ("foo", "", "watch", "/apis", False),
    ("foo", "", "get", "/api/v1", False),
    ("admin", "", "get", "/api/v1", False),
    ("prefixed", "", "get", "/api/v1", False),
]


@pytest.mark.parametrize("name, groups, verb, path, allowed", PATHS)
def test_paths_are_allowed_by_cluster_roles_with_urls(name: str, groups: str, verb: str, path: str, allowed: bool) -> None:
    server = b.empty()
    for kind, verbs, url, subjects in (
        ("getter", "get", "/apis", ("User:foo", "Group:bar")),
        ("all", "*", "/apis", ("User:admin", "Group:admin")),
        ("prefix", "get", "/apis/*", ("User:prefixed", "Group:prefixed")),
    ):
        b.create(server, b.role(kind, b.rule(verbs, urls=url)))
        b.create(server, b.binding(kind, kind, *subjects))
    assert check.can_path(server, User(name, (groups,)), verb, path).allowed is allowed


# upstream: rbac_test.go TestRuleMatches: rule, then (verb, group, resource, subresource, name) → expected
MATCHES = [
    (b.rule("*", "group1", "resource1"), ("verb2", "group1", "resource1", "", ""), True),
    (b.rule("*", "group1", "resource1"), ("verb1", "group2", "resource1", "", ""), False),
    (b.rule("verb1", "*", "resource1"), ("verb1", "group2", "resource1", "", ""), True),
    (b.rule("verb1", "*", "resource1"), ("verb2", "group1", "resource1", "", ""), False),
    (b.rule("verb1", "group1", "*"), ("verb1", "group1", "resource2", "", ""), True),
    (b.rule("verb1", "group1", "*"), ("verb1", "group1", "resource2", "status", ""), True),
    (b.rule("*", "*", "resource1/subresource1"), ("verb1", "group1", "resource1", "subresource1", ""), True),
    (b.rule("*", "*", "resource1/subresource1"), ("verb1", "group1", "resource1", "subresource2", ""), False),
    (b.rule("*", "*", "resource1/subresource1"), ("verb1", "group1", "resource1", "", ""), False),
    (b.rule("*", "*", "*/scale"), ("verb1", "group1", "resource1", "scale", ""), True),
    (b.rule("*", "*", "*/scale"), ("verb1", "group1", "resource1", "", ""), False),
    (b.rule("get", "", "pods", names="web"), ("get", "", "pods", "", "web"), True),
    (b.rule("get", "", "pods", names="web"), ("get", "", "pods", "", "other"), False),
    (b.rule("get", "", "pods", names="web"), ("get", "", "pods", "", ""), False),
]


@pytest.mark.parametrize("rule, asked, expected", MATCHES)
def test_a_rule_matches_as_upstream_says(rule: Object, asked: tuple[str, str, str, str, str], expected: bool) -> None:
    assert rules.allows(rule, *asked) is expected


# recorded: core-errors 46 to 48: (verb, resource, namespace, name, message)
REFUSALS = [
    (
        "list",
        "secrets",
        "default",
        "",
        'secrets is forbidden: User "alice" cannot list resource "secrets" in API group "" in the namespace "default"',
    ),
    (
        "create",
        "pods",
        "default",
        "",
        'pods is forbidden: User "alice" cannot create resource "pods" in API group "" in the namespace "default"',
    ),
    ("get", "nodes", "", "n0", 'nodes "n0" is forbidden: User "alice" cannot get resource "nodes" in API group "" at the cluster scope'),
    (
        "get",
        "namespaces",
        "",
        "x",
        'namespaces "x" is forbidden: User "alice" cannot get resource "namespaces" in API group "" in the namespace "x"',
    ),
    (
        "list",
        "widgets.example.com",
        "default",
        "",
        'widgets.example.com is forbidden: User "alice" cannot list resource "widgets" in API group "example.com" in the namespace "default"',
    ),
]


@pytest.mark.parametrize("verb, resource, namespace, name, message", REFUSALS)
def test_a_refusal_says_who_cannot_do_what_and_where(verb: str, resource: str, namespace: str, name: str, message: str) -> None:
    answer = b.call(b.with_roles(), verb, resource, namespace, name, user=ALICE, body={})
    assert (answer.code, answer.object["reason"], answer.object["message"]) == (403, "Forbidden", message)
    plural, _, group = resource.partition(".")
    assert answer.object["details"] == {**({"name": name} if name else {}), **({"group": group} if group else {}), "kind": plural}


def test_a_path_that_no_rule_names_is_refused_as_recorded() -> None:
    answer = b.call(b.with_roles(), "get", "", user=ALICE, uri="/metrics?x=1")
    assert answer.object["message"] == 'forbidden: User "alice" cannot get path "/metrics"'  # core-errors 49
    assert answer.object["details"] == {}


def test_html_in_a_user_name_is_made_harmless() -> None:
    """upstream: responsewriters/errors.go sanitizer"""
    answer = b.call(b.with_roles(), "list", "pods", "default", user=User("<b>&", GROUPS))
    assert '"&lt;b&gt;&amp;"' in answer.object["message"]


GROUPS = ("system:authenticated",)


def test_masters_may_do_anything_without_a_reason() -> None:
    assert check.can(b.empty(), ADMIN, "delete", "nodes", "", "", "n0") == (True, "")


def test_a_decision_names_the_binding_that_made_it() -> None:
    server = b.with_namespaces("default")
    b.create(server, b.role("reader", b.rule("get", "", "pods"), namespace="default"))
    b.create(server, b.binding("read", "reader", "ServiceAccount:builder", namespace="default", kind="Role"))
    user = User("system:serviceaccount:default:builder")
    reason = 'RBAC: allowed by RoleBinding "read/default" of Role "reader" to ServiceAccount "builder/default"'
    assert check.can(server, user, "get", "pods", "", "default", "x") == (True, reason)


def test_a_binding_to_a_missing_role_is_told() -> None:
    server = b.with_namespaces("default")
    b.create(server, b.binding("a", "gone", "User:alice", namespace="default", kind="Role"))
    decision = check.can(server, ALICE, "get", "pods", "", "default", "")
    assert decision == (False, 'RBAC: role.rbac.authorization.k8s.io "gone" not found')


def test_a_field_selector_names_the_object_of_a_list() -> None:
    server = b.with_namespaces("default")
    b.create(server, b.role("one", b.rule("list,watch", "", "pods", names="web")))
    b.create(server, b.binding("one", "one", "User:alice"))
    one = ListOptions(field_selector="metadata.name=web")
    assert b.call(server, "list", "pods", "default", user=ALICE, list_options=one).code == 200
    assert b.call(server, "list", "pods", "default", user=ALICE).code == 403


def test_a_decision_is_forgotten_when_a_rule_changes() -> None:
    server = b.with_namespaces("default")
    assert b.call(server, "list", "pods", "default", user=ALICE).code == 403
    b.create(server, b.role("reader", b.rule("list", "", "pods")))
    b.create(server, b.binding("read", "reader", "Group:dev"))
    assert b.call(server, "list", "pods", "default", user=ALICE).code == 200
    b.call(server, "delete", f"clusterrolebindings.{b.RBAC}", name="read")
    assert b.call(server, "list", "pods", "default", user=ALICE).code == 403


def test_putting_what_is_not_there_needs_the_verb_create() -> None:
    """upstream: endpoints/handlers/update.go withAuthorization; Endpoints are created by PUT."""
    server = b.with_namespaces("default")
    b.create(server, b.role("writer", b.rule("update", "", "endpoints")))
    b.create(server, b.binding("write", "writer", "User:alice"))
    endpoints = {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "e", "namespace": "default"}}
    refused = b.send(server, "update", endpoints, ALICE)
    assert (refused.code, refused.object["message"]) == (403, 'endpoints "e" is forbidden: ')
    assert b.send(server, "update", endpoints).code == 201
    assert b.send(server, "update", {**endpoints, "subsets": []}, ALICE).code == 200


# upstream: bootstrappolicy/controller_policy.go, policy.go: what the components of a cluster live from
COMPONENTS = [
    ("system:kube-scheduler", "", "create", "pods", "binding", "default"),
    ("system:kube-scheduler", "", "patch", "pods", "status", "default"),
    ("system:kube-scheduler", "", "create", "events.events.k8s.io", "", "default"),
    ("system:serviceaccount:kube-system:replicaset-controller", "", "create", "pods", "", "default"),
    ("system:serviceaccount:kube-system:deployment-controller", "", "update", "deployments.apps", "status", "default"),
    ("system:serviceaccount:kube-system:statefulset-controller", "", "create", "persistentvolumeclaims", "", "default"),
    ("system:serviceaccount:kube-system:namespace-controller", "", "update", "namespaces", "finalize", "x"),
    ("system:serviceaccount:kube-system:generic-garbage-collector", "", "delete", "pods", "", "default"),
    ("system:serviceaccount:kube-system:disruption-controller", "", "update", "poddisruptionbudgets.policy", "status", "default"),
    ("system:node:n0", "system:nodes", "patch", "pods", "status", "default"),
    ("system:node:n0", "system:nodes", "create", "events", "", "default"),
    ("alice", "", "create", "selfsubjectaccessreviews.authorization.k8s.io", "", ""),
]


@pytest.mark.parametrize("name, groups, verb, resource, subresource, namespace", COMPONENTS)
def test_components_may_do_their_work(name: str, groups: str, verb: str, resource: str, subresource: str, namespace: str) -> None:
    user = User(name, (*filter(None, [groups]), "system:authenticated"))
    assert check.can(ROLES, user, verb, resource, subresource, namespace, "x").allowed


ROLES = b.with_roles()
NOT_THEIRS = [
    ("system:kube-scheduler", "create", "pods", "", "default"),
    ("system:serviceaccount:kube-system:replicaset-controller", "delete", "nodes", "", ""),
    ("system:serviceaccount:default:default", "list", "pods", "", "default"),
]


@pytest.mark.parametrize("name, verb, resource, subresource, namespace", NOT_THEIRS)
def test_components_may_do_no_more(name: str, verb: str, resource: str, subresource: str, namespace: str) -> None:
    assert not check.can(ROLES, User(name, GROUPS), verb, resource, subresource, namespace, "x").allowed


# upstream: policy_comparator_test.go TestCoversExactMatch and its neighbours: owned, wanted, what is missing
COVERS = [
    ([b.rule("get", "v1", "roles")], [b.rule("get", "v1", "roles")], []),
    ([b.rule("get,delete", "v1", "roles")], [b.rule("delete", "v1", "roles")], []),
    ([b.rule("get", "v1", "roles")], [b.rule("delete", "v1", "roles")], ['{APIGroups:["v1"], Resources:["roles"], Verbs:["delete"]}']),
    ([b.rule("*", "v1", "*")], [b.rule("watch,delete", "v1", "roles,resourcegroups")], []),
    ([b.rule("get", "", "*/scale")], [b.rule("get", "", "pods/scale")], []),
    ([b.rule("get", "", "*/scale")], [b.rule("get", "", "pods")], ['{APIGroups:[""], Resources:["pods"], Verbs:["get"]}']),
    ([b.rule("get", "", "pods", names="a,b")], [b.rule("get", "", "pods", names="a")], []),
    (
        [b.rule("get", "", "pods", names="a")],
        [b.rule("get", "", "pods", names="a,b")],
        ['{APIGroups:[""], Resources:["pods"], ResourceNames:["b"], Verbs:["get"]}'],
    ),
    ([b.rule("get", urls="/foo/*")], [b.rule("get", urls="/foo/bar")], []),
    ([b.rule("get", urls="/foo")], [b.rule("get", urls="/foo/*")], ['{NonResourceURLs:["/foo/*"], Verbs:["get"]}']),
]


@pytest.mark.parametrize("owned, wanted, missing", COVERS)
def test_rules_cover_others_as_upstream_says(owned: list[Object], wanted: list[Object], missing: list[str]) -> None:
    assert [rules.compact_text(part) for part in rules.compact(rules.uncovered(owned, wanted))] == missing
