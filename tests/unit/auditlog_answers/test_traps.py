"""A test for each trap of spec/audit.md B2."""

from __future__ import annotations

import pytest

from tests.unit.auditlog_answers.events import NODE, event, log

CONTROLLER = {
    "user": "system:kube-controller-manager",
    "agent": "kube-controller-manager/v1.28.0 (linux/amd64) kubernetes/abc/leader-election",
}


def test_long_running_requests_are_not_in_the_quantiles() -> None:
    found = log(
        event("get", name="a"), event("watch", took=300, query="watch=true"), event("get", name="a", sub="log", took=90, at=1)
    ).latencies("verb")
    row = found.set_index("verb").loc["get"]
    assert (row["calls"], row["long_running"], row["max"]) == (1, 1, 0.002)
    assert found.attrs["beside"]["long_running"] == 2


def test_a_clock_that_goes_back_is_flagged_and_kept() -> None:
    found = log(event("get", name="a"), event("get", name="b", took=-1, at=5))
    row = found.latencies("verb").iloc[0]
    assert (row["calls"], row["negative"], row["p50"]) == (1, 1, 0.002)
    assert found.requests("verb").loc[0, "calls"] == 2
    assert found.slis().attrs["beside"]["negative"] == 1


def test_calls_that_were_never_answered_are_counted_apart() -> None:
    found = log(event("get", name="a"), event("get", name="b", at=1, code=None, stage="RequestReceived"))
    assert found.requests("verb").loc[0, ["calls", "unanswered"]].tolist() == [2, 1]
    assert found.latencies("verb").loc[0, ["calls", "unknown"]].tolist() == [1, 1]


def test_background_is_apart_and_never_dropped() -> None:
    lease = {"what": "leases.coordination.k8s.io", "ns": "kube-system", "name": "kube-controller-manager", **CONTROLLER}
    found = log(
        event("update", **lease),
        event("update", at=2, **lease),
        event("get", "", path="/readyz", agent="kube-probe/1.28", user="system:anonymous"),
        event("create", "events", **NODE),
        event("list", "secrets", user="system:apiserver", agent="kube-apiserver/v1.28.0"),
        event("create", "pods"),
    )
    requests = found.requests("user")
    assert requests["calls"].sum() == 1
    assert requests["background"].sum() == 5
    assert requests.attrs["beside"] == {"election": 2, "events": 1, "probe": 1, "server": 1}


def test_pages_are_one_list_and_a_list_of_everything_is_the_expensive_one() -> None:
    found = log(
        event("list", query="limit=500"),
        event("list", query="continue=abc&limit=500", at=1),
        event("list", query="continue=abd&limit=500", at=2),
        event("list", query="resourceVersion=0", at=3),
        event("list", query="labelSelector=app%3Dweb", at=4),
        event("list", query="limit=0", at=5),
        event("list", query="fieldSelector=metadata.name%3Da", name="a", at=6),
        event("list", "secrets", at=7, code=403, decision="forbid"),
    ).noisy_clients()
    assert found.loc[0, ["lists", "pages", "unlimited"]].tolist() == [6, 2, 2]


def test_watches_that_end_with_the_log_are_not_called_short() -> None:
    calm = log(event("watch", took=50, query="watch=true"), event("get", name="a", at=51))
    assert calm.noisy_clients().loc[0, ["watches", "short_watches"]].tolist() == [1, 0]
    restless = log(*(event("watch", at=at, took=2, query=f"watch=true&n={at}") for at in range(5)), event("get", name="a", at=100))
    assert restless.noisy_clients().loc[0, ["watches", "short_watches"]].tolist() == [5, 5]


def test_the_effective_user_is_who_was_checked() -> None:
    found = log(event("delete", name="web", user="root", as_user="bob"))
    assert found.requests("user").loc[0, "user"] == "bob"
    row = found.who("pod/web").iloc[0]
    assert (row["who"], row["really"]) == ("bob", "root")
    assert len(found.who("pod/web", user="root")) == 1
    assert found.sensitive()["kind"].tolist() == ["impersonation"]


def test_why_a_call_was_denied() -> None:
    found = log(
        event("create", code=403, at=1),  # allowed by the authorizer, refused by admission or quota
        event("get", name="a", code=403, decision="forbid", at=2),
        event("get", name="b", code=401, user=None, decision=None, stage="ResponseStarted", at=3),
        event("get", name="c", code=403, decision=None, at=4),
        event("get", name="d", code=429, decision=None, at=5),
    ).denied("verb")
    assert dict(zip(found["why"], found["calls"], strict=True)) == {
        "admission or quota": 1,
        "authorization": 1,
        "authentication": 1,
        "not on record": 1,
    }
    assert found.attrs["beside"]["throttled"] == 1


def test_a_conflict_on_create_is_that_it_exists_and_of_a_binding_a_conflict() -> None:
    found = log(
        event("create", "configmaps", name="a", code=409),
        event("update", "configmaps", name="a", code=409, at=1),
        event("update", "configmaps", name="a", at=2),
        event("create", name="web", sub="binding", code=409, at=3, reason="Conflict"),
        event("create", "configmaps", code=429, decision=None, at=4),
    ).conflicts("target")
    rows = {(row.target, row.kind): (row.conflicts, row.resolved) for row in found.itertuples()}
    assert rows == {("configmaps", "AlreadyExists"): (1, 1), ("configmaps", "Conflict"): (1, 1), ("pods/binding", "Conflict"): (1, 0)}
    assert found.attrs["beside"]["throttled"] == 1


def test_a_retry_counts_within_its_time_and_chains_are_told() -> None:
    lost = [event("update", "configmaps", name="a", code=409, at=at) for at in (0, 1, 2)]
    found = log(*lost, event("update", "configmaps", name="a", at=100)).conflicts(within="30s").iloc[0]
    assert (found["conflicts"], found["retried"], found["resolved"], found["longest_chain"]) == (3, 2, 0, 3)
    patient = log(*lost, event("update", "configmaps", name="a", at=100)).conflicts(within="5m").iloc[0]
    assert (patient["retried"], patient["resolved"]) == (3, 3)


def test_leaders_change_and_fall_silent() -> None:
    lease = {"what": "leases.coordination.k8s.io", "ns": "kube-system", "name": "kube-scheduler"}
    first = {"user": "system:kube-scheduler", "agent": "kube-scheduler/v1.28.0 (linux/amd64) kubernetes/abc/leader-election"}
    second = {**first, "sourceIPs": ["10.0.0.8"]}
    found = log(
        *(event("update", at=at, **lease, **first) for at in (0, 2, 4)),
        event("update", at=60, **lease, **second),
        event("update", at=61, code=409, **lease, **first),
    ).elections()
    row = found.iloc[0]
    assert (row["kind"], row["holders"], row["changes"], row["renewals"], row["refused"], row["late"]) == ("leader", 2, 1, 4, 1, 1)
    assert (row["interval"], row["longest_gap"]) == (2.0, 56.0)
    assert "10.0.0.8" in row["holder"]


def test_scopes_are_those_of_the_metrics() -> None:
    """upstream: CleanScope, staging/src/k8s.io/apiserver/pkg/endpoints/metrics/metrics.go, 1.28"""
    rows = (
        (event("list", name="web-0", query="fieldSelector=metadata.name%3Dweb-0"), "resource"),
        (event("create"), "resource"),
        (event("list"), "namespace"),
        (event("list", ns=""), "cluster"),
    )
    for made, scope in rows:
        assert log(made).requests("scope")["scope"].tolist() == [scope]


def test_the_holder_of_a_lock_is_the_identity_in_it_where_bodies_tell_it() -> None:
    """Two replicas with one user, agent and address (a proxy in front): upstream: client-go/tools/leaderelection, 1.28"""
    leases = "leases.coordination.k8s.io"
    writes = [
        event(
            "update",
            leases,
            at=2 * turn,
            ns="kube-system",
            name="kube-scheduler",
            requestObject={"spec": {"holderIdentity": identity}},
            **CONTROLLER,
        )
        for turn, identity in enumerate(["m1_a", "m1_a", "m2_b", "m2_b", "m1_c"])
    ]
    told = log(*writes).elections().iloc[0]
    assert (told["holder"], told["holders"], told["changes"], told["renewals"]) == ("m1_c", 3, 2, 5)
    bare = log(*[{key: value for key, value in write.items() if key != "requestObject"} for write in writes]).elections().iloc[0]
    assert (bare["holders"], bare["changes"]) == (1, 0)


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_equals_the_same_is_named_whatever_the_order_of_the_events(turned: bool) -> None:
    made = [
        event("update", "configmaps", name="hot", user="zoe"),
        event("update", "configmaps", name="hot", user="amy"),
        event("get", "secrets", name="db", user="eve", code=403, decision="forbid", why="no rule of two", query="a=1"),
        event("get", "secrets", name="db", user="eve", code=403, decision="forbid", why="no rule of one"),
    ]
    found = log(*(reversed(made) if turned else made))
    assert found.hot_objects().set_index("name").loc["hot", "writer"] == "amy"
    assert found.denied()["reason"].tolist() == ["no rule of two"]
