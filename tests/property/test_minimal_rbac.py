"""Whatever was called: roles made from it allow it all again, and, unless they are widened, nothing else."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from kubelab.auditlog.rbac import rbac
from tests.unit.auditlog_rbac.requests import call, log_of

WORDS = st.sampled_from(["a", "b", "web-0", "1e3"])
VERBS = st.sampled_from(["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "use"])
USERS = st.sampled_from(["alice", "bob", "system:serviceaccount:a:bot"])
CODES = st.sampled_from([(200, "allow"), (201, "allow"), (404, "allow"), (409, "allow"), (403, "allow"), (403, "forbid"), (429, None)])
OTHERS = st.none() | st.builds(
    lambda name, groups: {"username": name, "groups": [*groups, "system:authenticated"]}, USERS, st.lists(WORDS, max_size=2, unique=True)
)


@st.composite
def requests(draw):
    code, decision = draw(CODES)
    user, other, second = draw(USERS), draw(OTHERS), draw(st.integers(0, 3000))
    common = {"user": user, "code": code, "decision": decision, "as_user": other, "second": second}
    if draw(st.integers(0, 5)) == 0:
        return call("get", draw(st.sampled_from(["/metrics", "/logs/a", "/apis", "/healthz/etcd"])), **common)
    resource = draw(st.sampled_from(["pods", "services", "namespaces", "nodes", "deployments"]))
    namespace = "" if resource in ("nodes", "namespaces") else draw(st.sampled_from(["", "a", "b", "c"]))
    verb, sub = draw(VERBS), draw(st.sampled_from(["", "", "status", "log"]))
    name = draw(WORDS) if verb not in ("list", "watch", "deletecollection") or draw(st.booleans()) else ""
    group = "apps" if resource == "deployments" else ""
    return call(verb, f"/{resource}/{namespace}/{name}/{sub}", resource, group=group, sub=sub, ns=namespace, name=name, **common)


@settings(max_examples=40, deadline=None)
@given(st.lists(requests(), min_size=1, max_size=25))
def test_without_widening_everything_is_allowed_again_and_nothing_else(events):
    found = rbac(log_of(*events))
    proof = found.replay()
    assert proof.denied.empty
    assert proof.over_grant.empty
    assert "*" not in str([obj.get("rules") for obj in found.objects])


@settings(max_examples=40, deadline=None)
@given(st.lists(requests(), min_size=1, max_size=25), st.booleans(), st.none() | st.integers(1, 3), st.none() | st.integers(1, 3))
def test_widened_roles_deny_nothing_either_and_each_rule_has_calls_behind_it(events, widen, names, namespaces):
    found = rbac(log_of(*events), widen=widen, names_at_most=names, namespaces_at_most=namespaces)
    assert found.replay().denied.empty
    if not widen:
        assert (found.frame()["calls"] > 0).all()
