"""Reviews: asked, answered, never stored.

upstream: pkg/registry/authorization, pkg/apis/authorization/validation, pkg/registry/authentication, 1.28; recorded: core-errors 50.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.apiserver.request import ADMIN, User
from tests.unit.apiserver_authorization import builders as b

Object = dict[str, Any]
ALICE = User("alice", ("dev", "system:authenticated"))
AUTHZ = "authorization.k8s.io"
PODS = {"verb": "get", "resource": "pods", "namespace": "default"}
BY_VIEW = (
    'RBAC: allowed by ClusterRoleBinding "system:kube-scheduler" of ClusterRole "system:kube-scheduler" to User "system:kube-scheduler"'
)
BY_DISCOVERY = 'RBAC: allowed by ClusterRoleBinding "system:discovery" of ClusterRole "system:discovery" to Group "system:authenticated"'
ROLES = b.with_roles()

# kind, namespace, spec, status
ANSWERS = [
    ("SelfSubjectAccessReview", "", {"resourceAttributes": PODS}, {"allowed": False}),
    (
        "SelfSubjectAccessReview",
        "",
        {"nonResourceAttributes": {"verb": "get", "path": "/healthz"}},
        {"allowed": True, "reason": BY_DISCOVERY},
    ),
    ("SubjectAccessReview", "", {"user": "system:kube-scheduler", "resourceAttributes": PODS}, {"allowed": True, "reason": BY_VIEW}),
    ("SubjectAccessReview", "", {"user": "bob", "groups": ["system:masters"], "resourceAttributes": PODS}, {"allowed": True}),
    ("LocalSubjectAccessReview", "default", {"user": "bob", "resourceAttributes": PODS}, {"allowed": False}),
]


def review(kind: str, namespace: str, spec: Object, user: User = ALICE) -> tuple[int, Object]:
    group = "authentication.k8s.io" if kind in ("TokenReview", "SelfSubjectReview") else AUTHZ
    meta = {"namespace": namespace} if namespace else {}
    obj = {"apiVersion": f"{group}/v1", "kind": kind, "metadata": meta, "spec": spec}
    answer = b.send(ROLES, "create", obj, user if kind.startswith("Self") else ADMIN)
    return answer.code, answer.object


@pytest.mark.parametrize("kind, namespace, spec, status", ANSWERS)
def test_an_access_review_answers(kind: str, namespace: str, spec: Object, status: Object) -> None:
    before = ROLES.store.revision
    code, obj = review(kind, namespace, spec)
    assert (code, obj["status"], obj["spec"]) == (201, status, spec)
    assert obj["metadata"]["creationTimestamp"] is None
    assert ROLES.store.revision == before


_ONE = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
# upstream: validation.go ValidateSubjectAccessReviewSpec and its callers
INVALID = [
    ("SelfSubjectAccessReview", {}, f'spec.resourceAttributes: Invalid value: "null": {_ONE}'),
    ("SubjectAccessReview", {"resourceAttributes": PODS}, 'spec.user: Invalid value: "": at least one of user or group must be specified'),
    (
        "LocalSubjectAccessReview",
        {"user": "a", "resourceAttributes": {**PODS, "namespace": "other"}},
        'spec.resourceAttributes.namespace: Invalid value: "other": must match metadata.namespace',
    ),
]


@pytest.mark.parametrize("kind, spec, error", INVALID)
def test_a_bad_question_is_refused(kind: str, spec: Object, error: str) -> None:
    code, status = review(kind, "default" if kind.startswith("Local") else "", spec)
    assert (code, status["message"]) == (422, f'.{AUTHZ} "" is invalid: {error}')


def test_a_rules_review_lists_what_i_may_do() -> None:
    code, obj = review("SelfSubjectRulesReview", "", {"namespace": "default"})
    assert code == 201
    assert obj["spec"] == {}
    assert {"verbs": ["create"], "apiGroups": [AUTHZ], "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"]} in obj[
        "status"
    ]["resourceRules"]
    assert obj["status"]["incomplete"] is False


def test_a_node_does_not_know_all_its_rules() -> None:
    """upstream: node_authorizer.go RulesFor"""
    _, obj = review("SelfSubjectRulesReview", "", {"namespace": "default"}, b.node_user("n0"))
    assert obj["status"]["incomplete"] is True
    assert obj["status"]["evaluationError"] == "node authorizer does not support user rule resolution"


def test_a_rules_review_needs_a_namespace() -> None:
    code, status = review("SelfSubjectRulesReview", "", {})
    assert (code, status["message"]) == (400, "no namespace on request")


def test_who_am_i() -> None:
    code, obj = review("SelfSubjectReview", "", {})
    assert (code, obj["status"]) == (201, {"userInfo": {"username": "alice", "groups": ["dev", "system:authenticated"]}})


def test_a_token_says_whose_it_is() -> None:
    answer = b.call(ROLES, "create", "serviceaccounts", "default", "default", "token", body={"spec": {}})
    code, obj = review("TokenReview", "", {"token": answer.object["status"]["token"]})
    assert code == 201
    assert obj["status"]["authenticated"] is True
    assert obj["status"]["user"]["username"] == "system:serviceaccount:default:default"


def test_a_text_that_is_no_token_authenticates_nobody() -> None:
    assert review("TokenReview", "", {"token": "abc"})[1]["status"] == {"user": {}}
