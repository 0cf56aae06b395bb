"""Roles as YAML: every value stays the text that it is, and a cluster under these roles lets the same calls through."""

from __future__ import annotations

import pytest
import yaml

import kubelab as kl
from kubelab.auditlog import read
from kubelab.auditlog.rbac import rbac
from kubelab.auditlog.rbac.manifests import name_for
from tests.unit.auditlog_rbac.requests import call, log_of

HOSTILE = [
    "1e3",
    "on",
    "2026-01-01",
    "0x1f",
    "null",
    "012",
    "<script>alert(1)</script>",
    "=cmd()",
    "\x1b[31m",
    "a\nb: c",
    "$x$",
    "\u202etxt",
    "#",
    "x" * 5000,
    "- a",
    "'",
    '"',
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(name):
    text = rbac(log_of(call("get", "/api/v1/namespaces/a/pods/x", "pods", ns="a", name=name, user=name))).yaml()
    documents = list(yaml.safe_load_all(text))
    assert text.isascii()
    assert documents[0]["rules"][0]["resourceNames"] == [name]
    assert documents[1]["subjects"][0]["name"] == name


def test_numbers_and_words_are_quoted_for_readers_of_yaml_1_2_as_well():
    text = rbac(log_of(*(call("get", f"/x/{name}", "pods", ns="a", name=name) for name in ("1e3", "y", "web-0")))).yaml()
    assert '  - "1e3"\n  - web-0\n  - "y"\n' in text


def test_two_users_never_share_a_name():
    users = ["alice", "Alice", "a.lice", "system:serviceaccount:a:lice", "a-lice", "ä", "ö", "system:serviceaccount:a:b"]
    assert len({name_for(user) for user in users}) == len(users)


def test_a_cluster_under_these_roles_lets_the_calls_through_and_no_others():
    # given: what alice did as an administrator
    c = kl.Cluster(nodes=1, seed=1, audit_policy="Metadata")
    alice = c.as_user("alice", groups=["system:masters"])
    web = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}, "data": {"a": "1"}}
    alice.apply(web)
    alice.apply({**web, "data": {"a": "2"}})
    alice.list("pods")
    alice.list("nodes")
    made = rbac(read(c), "alice")
    events = [event for event in c.audit_events() if event["user"].get("username") == "alice" and event["stage"] == "ResponseComplete"]
    # when: another cluster has the roles, and alice is nobody special
    other = kl.Cluster(nodes=1, seed=2)
    other.apply(made.yaml())
    kinds = {"get": "GET", "list": "GET", "create": "POST", "patch": "PATCH"}
    for event in events:
        body = web if event["verb"] == "create" else {"data": {"a": "2"}} if event["verb"] == "patch" else None
        kind = "application/merge-patch+json" if event["verb"] == "patch" else ""
        code, answer = other.request(
            kinds[event["verb"]],
            event["requestURI"].partition("?")[0],
            body,
            content_type=kind,
            user="alice",
            groups=["system:authenticated"],
        )
        # then
        assert code != 403, (event["requestURI"], answer)
    for reference in ("secrets", "services", "configmaps"):
        with pytest.raises(kl.ApiError, match="is forbidden"):
            other.as_user("alice").list(reference)
    with pytest.raises(kl.ApiError, match="is forbidden"):
        other.as_user("alice").get("configmap", "other")
