"""What a call needs: a row per rule of spec/audit.md B3, each with its source."""

from __future__ import annotations

import pytest

from kubelab.auditlog.rbac import rbac
from tests.unit.auditlog_rbac.requests import GROUPS, call, log_of

PODS = "/api/v1/namespaces/shop/pods"


def rules(*events, **options):
    """(kind, namespace, rule) of everything that is made."""
    found = rbac(log_of(*events), **options)
    assert found.replay().denied.empty
    return [(obj["kind"], obj["metadata"].get("namespace", ""), rule) for obj in found.objects if "rules" in obj for rule in obj["rules"]]


def rule(resources, verbs, names=(), groups=("",)):
    made = {"apiGroups": list(groups), "resources": resources.split(), "verbs": verbs.split()}
    return {**made, "resourceNames": list(names)} if names else made


ROWS = {
    # apiserver/pkg/endpoints/request/requestinfo.go: a get has its name
    "get": ([call("get", f"{PODS}/web-0", "pods", ns="shop", name="web-0")], [("Role", "shop", rule("pods", "get", ["web-0"]))]),
    # audit2rbac issue 24: the name of a create comes from its body, the authorizer is asked before
    "create": ([call("create", PODS, "pods", ns="shop", name="web-0", code=201)], [("Role", "shop", rule("pods", "create"))]),
    # a subresource's name stands in the URL
    "create of a subresource": (
        [call("create", f"{PODS}/web-0/exec", "pods", sub="exec", ns="shop", name="web-0", code=101)],
        [("Role", "shop", rule("pods/exec", "create", ["web-0"]))],
    ),
    "deletecollection": ([call("deletecollection", PODS, "pods", ns="shop")], [("Role", "shop", rule("pods", "deletecollection"))]),
    "list": ([call("list", PODS, "pods", ns="shop")], [("Role", "shop", rule("pods", "list"))]),
    # requestinfo.go: list and watch of one name
    "list of one name": (
        [call("list", f"{PODS}?fieldSelector=metadata.name%3Dweb-0", "pods", ns="shop", name="web-0")],
        [("Role", "shop", rule("pods", "list", ["web-0"]))],
    ),
    "list of all namespaces": ([call("list", "/api/v1/pods", "pods")], [("ClusterRole", "", rule("pods", "list"))]),
    "cluster-scoped": ([call("get", "/api/v1/nodes/n1", "nodes", name="n1")], [("ClusterRole", "", rule("nodes", "get", ["n1"]))]),
    # a namespace is asked for in itself: MD, objectRef of namespaces
    "a namespace": (
        [call("get", "/api/v1/namespaces/shop", "namespaces", ns="shop", name="shop")],
        [("ClusterRole", "", rule("namespaces", "get", ["shop"]))],
    ),
    "not found is use": ([call("get", f"{PODS}/x", "pods", ns="shop", name="x", code=404)], [("Role", "shop", rule("pods", "get", ["x"]))]),
    "conflict is use": (
        [call("update", f"{PODS}/x", "pods", ns="shop", name="x", code=409)],
        [("Role", "shop", rule("pods", "update", ["x"]))],
    ),
    "denied is none": ([call("get", f"{PODS}/x", "pods", ns="shop", name="x", code=403, decision="forbid")], []),
    # audit.md B2.7: refused by admission or quota, so let through by the authorizer
    "refused by quota is use": ([call("create", PODS, "pods", ns="shop", code=403)], [("Role", "shop", rule("pods", "create"))]),
    "denied, without annotations": (
        [call("get", PODS, "pods", ns="shop", code=403, decision=None, message='User "alice" cannot get pods in the namespace "shop".')],
        [],
    ),
    "refused by quota, without annotations": (
        [call("create", PODS, "pods", ns="shop", code=403, decision=None, message='pods "a" is forbidden: exceeded quota: q')],
        [("Role", "shop", rule("pods", "create"))],
    ),
    # flow control comes before authorization: audit.md B2.8
    "turned away is none": ([call("list", PODS, "pods", ns="shop", code=429, decision=None)], []),
    "never answered is none": ([call("list", PODS, "pods", ns="shop", code=None, decision=None)], []),
    # endpoints/handlers/create.go withAuthorization: the verb create, under the name in the URL
    "server-side apply that creates": (
        [call("patch", f"{PODS}/a?fieldManager=x", "pods", ns="shop", name="a", code=201)],
        [("Role", "shop", rule("pods", "create patch", ["a"]))],
    ),
    "verbs of one name are one rule": (
        [call(verb, f"{PODS}/a", "pods", ns="shop", name="a") for verb in ("delete", "get", "patch")],
        [("Role", "shop", rule("pods", "get patch delete", ["a"]))],
    ),
    "names of one verb are one rule": (
        [call("get", f"{PODS}/{name}", "pods", ns="shop", name=name) for name in "ba"],
        [("Role", "shop", rule("pods", "get", ["a", "b"]))],
    ),
    "resources are joined, groups of other resources are not": (
        [
            call("list", PODS, "pods", ns="shop"),
            call("list", "/api/v1/namespaces/shop/services", "services", ns="shop"),
            call("list", "/apis/apps/v1/namespaces/shop/deployments", "deployments", group="apps", ns="shop"),
        ],
        [("Role", "shop", rule("pods services", "list")), ("Role", "shop", rule("deployments", "list", groups=["apps"]))],
    ),
    "the same resource in two groups": (
        [call("create", f"/x/{group}", "events", group=group, ns="shop", code=201) for group in ("", "events.k8s.io")],
        [("Role", "shop", rule("events", "create", groups=["", "events.k8s.io"]))],
    ),
    "any name covers a name": (
        [
            call("get", f"{PODS}/a", "pods", ns="shop", name="a"),
            call("list", PODS, "pods", ns="shop"),
            call("list", f"{PODS}?f", "pods", ns="shop", name="a"),
        ],
        [("Role", "shop", rule("pods", "list")), ("Role", "shop", rule("pods", "get", ["a"]))],
    ),
    "all namespaces cover one": (
        [call("list", "/api/v1/pods", "pods"), call("list", PODS, "pods", ns="shop")],
        [("ClusterRole", "", rule("pods", "list"))],
    ),
    # rbac.go: non-resource URLs in ClusterRoles alone; the authorizer sees the path without query, unescaped
    "a path": (
        [call("get", "/metrics/cad%20visor?x=1")],
        [("ClusterRole", "", {"nonResourceURLs": ["/metrics/cad visor"], "verbs": ["get"]})],
    ),
    # bootstrappolicy/policy.go system:discovery
    "discovery is everybody's": ([call("get", "/apis/apps/v1?timeout=32s"), call("get", "/version")], []),
    "a review of oneself is everybody's": (
        [
            call(
                "create",
                "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
                "selfsubjectaccessreviews",
                group="authorization.k8s.io",
                code=201,
            )
        ],
        [],
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_call_needs(name):
    events, expected = ROWS[name]
    assert rules(*events) == expected


def test_discovery_on_request():
    assert rules(call("get", "/version"), discovery=True) == [("ClusterRole", "", {"nonResourceURLs": ["/version"], "verbs": ["get"]})]


def test_without_authentication_only_public_information_is_free():
    anonymous = {"user": "system:anonymous", "groups": ("system:unauthenticated",)}
    assert rules(call("get", "/version", **anonymous)) == []
    assert rules(call("get", "/apis", **anonymous)) == [("ClusterRole", "", {"nonResourceURLs": ["/apis"], "verbs": ["get"]})]


IMPERSONATED = {
    "a user": (
        {"username": "bob", "groups": ["dev", "system:authenticated"]},
        [rule("groups", "impersonate", ["dev"]), rule("users", "impersonate", ["bob"])],
    ),
    # filters/impersonation.go: a service account's own groups are added, not asked for
    "a service account": (
        {
            "username": "system:serviceaccount:ci:bot",
            "groups": ["system:serviceaccounts", "system:serviceaccounts:ci", "system:authenticated"],
        },
        [rule("serviceaccounts", "impersonate", ["bot"])],
    ),
    # filters/impersonation.go: UserExtra is a subresource of userextras, its value the name; UID the name of uids
    "a uid and extra": (
        {"username": "bob", "groups": ["system:authenticated"], "uid": "7", "extra": {"scopes": ["view", "edit"]}},
        [
            rule("users", "impersonate", ["bob"]),
            {**rule("uids", "impersonate", ["7"]), "apiGroups": ["authentication.k8s.io"]},
            {**rule("userextras/scopes", "impersonate", ["edit", "view"]), "apiGroups": ["authentication.k8s.io"]},
        ],
    ),
}


@pytest.mark.parametrize("name", IMPERSONATED)
def test_the_real_user_needs_impersonate_and_the_other_one_the_rest(name):
    other, expected = IMPERSONATED[name]
    log = log_of(call("list", PODS, "pods", ns="shop", as_user=other))
    mine, theirs = rbac(log, "alice"), rbac(log, other["username"])
    assert [rule for obj in mine.objects for rule in obj.get("rules", ())] == expected
    assert [rule for obj in theirs.objects for rule in obj.get("rules", ())] == [rule("pods", "list")]
    assert mine.replay().denied.empty and theirs.replay().denied.empty


def test_impersonation_is_used_even_if_the_other_one_is_denied():
    denied = call(
        "list", PODS, "pods", ns="shop", code=403, decision="forbid", as_user={"username": "bob", "groups": ["system:authenticated"]}
    )
    found = rbac(log_of(denied))
    assert [obj["subjects"][0]["name"] for obj in found.objects if "subjects" in obj] == ["alice"]
    assert found.left_out().values.tolist() == [["bob", "denied", 1]]


def test_a_service_account_is_bound_as_one():
    found = rbac(log_of(call("list", PODS, "pods", ns="shop", user="system:serviceaccount:ci:bot")))
    assert found.objects[1]["subjects"] == [{"kind": "ServiceAccount", "name": "bot", "namespace": "ci"}]


def test_a_group_as_a_whole():
    events = [call("list", PODS, "pods", ns="shop", user=user, groups=("dev", *GROUPS)) for user in ("alice", "bob")]
    found = rbac(log_of(*events, call("get", f"{PODS}/a", "pods", ns="shop", name="a", user="eve")), group="dev")
    assert found.objects[1]["subjects"] == [{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "dev"}]
    assert found.objects[0]["rules"] == [rule("pods", "list")]
    assert found.replay().denied.empty and found.replay().over_grant.empty


def test_a_log_without_groups_and_annotations_is_enough():
    """GKE: neither is told."""
    bare = {"user": "alice@example.com", "groups": (), "decision": None}
    assert rules(call("get", "/apis", **bare), call("list", PODS, "pods", ns="shop", **bare)) == [("Role", "shop", rule("pods", "list"))]


def test_names_and_namespaces_above_a_threshold_are_generalized_and_said():
    events = [
        call("get", f"/api/v1/namespaces/{ns}/pods/{name}", "pods", ns=ns, name=name) for ns in ("a", "b") for name in ("x", "y", "z")
    ]
    assert rules(*events, names_at_most=3) == [("Role", ns, rule("pods", "get", ["x", "y", "z"])) for ns in ("a", "b")]
    assert rules(*events, names_at_most=2) == [("Role", ns, rule("pods", "get")) for ns in ("a", "b")]
    assert rules(*events, namespaces_at_most=1) == [("ClusterRole", "", rule("pods", "get", ["x", "y", "z"]))]
    found = rbac(log_of(*events), names_at_most=2, namespaces_at_most=1)
    assert found.replay().over_grant["why"].tolist() == ["all namespaces: 2 used"]


def test_widening_adds_the_verbs_that_go_together_and_says_so():
    found = rbac(log_of(call("watch", PODS, "pods", ns="shop")), widen=True)
    assert found.objects[0]["rules"] == [rule("pods", "get list watch")]
    assert found.replay().over_grant[["verb", "why"]].values.tolist() == [
        ["get", "the verb was not used"],
        ["list", "the verb was not used"],
    ]


def test_what_rbac_would_read_as_a_wildcard_is_left_out_and_said():
    found = rbac(log_of(call("get", "/metrics*"), call("list", "/apis/x/v1/*", "*", group="x")))
    assert found.objects == []
    assert found.notes == ["left out, as RBAC would read a wildcard: get /metrics*, list *"]


def test_what_is_granted_already_is_left_out():
    events = [call("list", PODS, "pods", ns="shop"), call("get", f"{PODS}/a", "pods", ns="shop", name="a")]
    first = rbac(log_of(events[0]))
    again = rbac(log_of(*events), existing=first.objects)
    assert [rule for obj in again.objects for rule in obj.get("rules", ())] == [rule("pods", "get", ["a"])]
    assert again.objects[0]["metadata"]["name"] == "minimal:alice-2"  # applying it leaves the first one as it is
    assert again.replay().denied.empty


BAD = {
    "an unknown user": ({"user": "alicia"}, "no call by 'alicia' in this log; the busiest users are alice"),
    "an unknown group": ({"group": "ops"}, "no call by a member of the group 'ops' in this log"),
    "a threshold below one": ({"names_at_most": 0}, "names_at_most=0: give a number from 1 on, or None for no limit"),
    "a user and a group": ({"user": "alice", "group": "dev"}, "give a user, users or a group: one of them"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named(name):
    options, message = BAD[name]
    with pytest.raises(ValueError) as error:
        rbac(log_of(call("list", PODS, "pods", ns="shop")), **options)
    assert str(error.value) == message


def test_the_order_does_not_depend_on_the_log_s():
    events = [
        call("get", f"{PODS}/{name}", "pods", ns="shop", name=name, user=user, second=at)
        for at, (user, name) in enumerate(zip("abcabc", "zyxabc", strict=True))
    ]
    assert rbac(log_of(*events)).yaml() == rbac(log_of(*reversed(events))).yaml()


def test_each_rule_shows_the_calls_behind_it():
    events = [call("get", f"{PODS}/{name}", "pods", ns="shop", name=name, second=at) for at, name in enumerate("abca")]
    found = rbac(log_of(*events, call("list", PODS, "pods", ns="shop", second=9)), names_at_most=2)
    frame = found.frame()
    assert frame[["kind", "namespace", "role", "subject", "resources", "verbs", "resourceNames", "kinds", "calls"]].values.tolist() == [
        ["Role", "shop", "minimal:alice", "alice", "pods", "get, list", "", 4, 5]
    ]
    assert [frame.loc[0, name].isoformat() for name in ("first", "last")] == ["2026-01-01T00:00:00+00:00", "2026-01-01T00:00:09+00:00"]
    assert found.notes == ["generalized: any name above 2"] and found.namespaces == ["shop"]
    assert repr(found) == "1 role with 1 rule from 5 calls of 1 user; generalized: any name above 2"
    assert repr(found.replay()) == "5 calls of 4 kinds replayed: none denied; 1 permission that nobody used"


def test_a_log_in_which_nobody_may_do_anything_gives_nothing():
    found = rbac(log_of(call("get", f"{PODS}/x", "pods", ns="shop", name="x", code=403, decision="forbid")))
    assert found.objects == [] and found.yaml() == "" and found.frame().empty and found.replay().denied.empty
    assert found.left_out().values.tolist() == [["alice", "denied", 1]]


def test_who_writes_roles_is_told_what_no_log_tells():
    uri = "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles"
    found = rbac(log_of(call("create", uri, "roles", group="rbac.authorization.k8s.io", ns="shop", code=201)))
    assert found.notes == ["who writes roles must hold what they grant, or the verbs escalate and bind: no log tells that"]
