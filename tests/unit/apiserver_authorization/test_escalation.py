"""Nobody grants what they do not hold.

upstream: test/integration/auth/rbac_test.go, pkg/registry/rbac/*/policybased/storage.go, 1.28; recorded: security-errors 6.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.apiserver.request import User
from kubelab.apiserver.server import ApiServer
from tests.unit.apiserver_authorization import builders as b

Object = dict[str, Any]
ALICE = User("alice", ("dev", "system:authenticated"))
KINDS = "roles,rolebindings,clusterroles,clusterrolebindings"
HEAD = 'user "alice" (groups=["dev" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n'


def held_by_alice(*rules: Object) -> ApiServer:
    """Alice may write RBAC objects, and what the rules say."""
    server = b.with_namespaces("default")
    b.create(server, b.role("held", b.rule("create,update,patch", b.RBAC, KINDS), *rules))
    b.create(server, b.binding("held", "held", "User:alice"))
    b.create(server, b.role("pod-reader", b.rule("get,list", "", "pods"), b.rule("get", "", "secrets")))
    return server


PODS = '{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}'
SECRETS = '{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}'
BINDING = b.binding("esc", "pod-reader", "User:alice", namespace="default")
ROLE = b.role("esc", b.rule("get,list", "", "pods"), namespace="default")

# rules that alice holds besides, what she writes, what is missing (None: nothing)
ROWS = [
    ((), BINDING, f"{PODS}\n{SECRETS}"),
    ((b.rule("*", "", "pods"),), BINDING, SECRETS),
    ((b.rule("get,list", "", "*"),), BINDING, None),
    ((b.rule("bind", b.RBAC, "clusterroles", names="pod-reader"),), BINDING, None),
    ((b.rule("bind", b.RBAC, "clusterroles", names="other"),), BINDING, f"{PODS}\n{SECRETS}"),
    ((), ROLE, PODS),
    ((b.rule("escalate", b.RBAC, "roles"),), ROLE, None),
    ((b.rule("get,list", "", "pods"),), ROLE, None),
    ((), b.binding("esc", "pod-reader", "User:alice"), f"{PODS}\n{SECRETS}"),
    ((), b.role("esc", b.rule("get", urls="/metrics")), '{NonResourceURLs:["/metrics"], Verbs:["get"]}'),
]


@pytest.mark.parametrize("rules, obj, missing", ROWS)
def test_only_what_is_held_may_be_granted(rules: tuple[Object, ...], obj: Object, missing: str | None) -> None:
    answer = b.send(held_by_alice(*rules), "create", obj, ALICE)
    if missing is None:
        assert answer.code == 201, answer.object
    else:
        plural = f"{obj['kind'].lower()}s"
        assert answer.code == 403
        assert answer.object["message"] == f'{plural}.{b.RBAC} "esc" is forbidden: {HEAD}{missing}'


def test_a_role_must_be_there_to_be_checked() -> None:
    answer = b.send(held_by_alice(), "create", b.binding("esc", "gone", "User:bob"), ALICE)
    assert (answer.code, answer.object["message"]) == (404, f'clusterrole.{b.RBAC} "gone" not found')


def test_an_aggregation_rule_takes_everything() -> None:
    gathering = {**b.role("esc"), "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}}
    answer = b.send(held_by_alice(), "create", gathering, ALICE)
    assert answer.object["message"].endswith("must have cluster-admin privileges to use the aggregationRule")


def test_owner_references_may_change_without_the_rights() -> None:
    """upstream: pkg/registry/rbac/helpers.go IsOnlyMutatingGCFields"""
    server = held_by_alice()
    b.create(server, b.binding("esc", "pod-reader", "User:bob", namespace="default"))
    path = (f"rolebindings.{b.RBAC}", "default", "esc")
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u"}
    assert b.merge(server, *path, {"metadata": {"ownerReferences": [owner]}}, ALICE).code == 200
    assert b.merge(server, *path, {"metadata": {"labels": {"a": "b"}}}, ALICE).code == 403
