"""What another policy would have recorded: events, bytes to the byte, and what could no longer be answered."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from kubelab.apiserver.audit.policy import PolicyError
from kubelab.auditlog import AuditLog, read
from tests.unit.auditlog_answers.events import DATA, NODE, event, log


def policy(*rules: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": list(rules), **fields}


COMPLETE_ONLY = {"omitStages": ["RequestReceived", "ResponseStarted"]}


def test_the_policy_that_made_the_log_gives_its_size_to_the_byte(busy: AuditLog) -> None:
    found = busy.what_if(policy({"level": "Metadata"}, **COMPLETE_ONLY))
    with gzip.open(DATA / "busy-seconds.jsonl.gz", "rb") as file:
        lines = [line.rstrip(b"\n") for line in file]
    complete = [line for line in lines if json.loads(line)["stage"] == "ResponseComplete"]
    then = found.totals.iloc[1]
    assert (then["events"], then["bytes"]) == (len(complete), sum(map(len, complete)))
    assert found.totals.iloc[0]["bytes"] == sum(map(len, lines))
    assert found.unpriced.empty


def test_request_received_doubles_the_events(busy: AuditLog) -> None:
    found = busy.what_if("Metadata")
    watches = int(busy.sql("SELECT count(*) AS n FROM calls WHERE long_running").loc[0, "n"])
    assert found.totals.iloc[1]["events"] == 2 * 541 + watches


def test_bodies_that_the_log_lacks_are_not_priced_and_it_says_so(busy: AuditLog) -> None:
    found = busy.what_if(policy({"level": "RequestResponse", "resources": [{"group": "apps"}]}, {"level": "None"}, **COMPLETE_ONLY))
    then = found.totals.iloc[1]
    assert then["unpriced"] == then["calls"] == int(found.unpriced["calls"].sum()) > 0
    assert "are not in this log and not in these bytes" in repr(found)


def test_bodies_that_the_log_has_are_priced(stories: AuditLog) -> None:
    whole = stories.what_if(policy({"level": "RequestResponse"}, **COMPLETE_ONLY)).totals
    assert abs(whole.iloc[1]["bytes"] - whole.iloc[0]["bytes"]) <= 0.001 * whole.iloc[0]["bytes"]
    assert whole.iloc[1]["unpriced"] == 0
    half = stories.what_if(policy({"level": "Request"}, **COMPLETE_ONLY)).totals.iloc[1]
    assert half["bytes_low"] < half["bytes"] < half["bytes_high"]
    # the truth, from the bodies themselves
    with gzip.open(DATA / "stories-workloads.jsonl.gz", "rt") as file:
        events = [json.loads(line) for line in file]
    for each in events:
        each.pop("responseObject", None)
        each["level"] = "Request"
    true = sum(len(json.dumps(each, separators=(",", ":"), ensure_ascii=False).encode()) for each in events)
    assert half["bytes_low"] <= true <= half["bytes_high"]
    assert half["bytes"] == pytest.approx(true, rel=0.15)


def test_answers_that_are_lost_are_named(busy: AuditLog) -> None:
    rules = [
        {"level": "None", "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}]},
        {"level": "None", "users": ["alice"]},
        {"level": "Metadata"},
    ]
    found = busy.what_if(policy(*rules, **COMPLETE_ONLY))
    answers = found.answers.set_index("answer")
    assert dict(answers.loc[["elections", "denied", "conflicts", "who: what was changed", "rollouts"], "verdict"]) == {
        "elections": "lost",
        "denied": "lost",
        "conflicts": "in part",  # of leases none
        "who: what was changed": "lost",
        "rollouts": "whole",
    }
    assert answers.loc["denied", "why"] == "below Metadata: rule 1 (80 calls)"
    assert set(found.unanswerable) >= {"elections", "denied"}


def test_without_the_last_stage_nothing_that_needs_it_is_left(busy: AuditLog) -> None:
    found = busy.what_if(policy({"level": "Metadata", "omitStages": ["ResponseComplete", "ResponseStarted"]})).answers.set_index("answer")
    assert found.loc["latencies", ["verdict", "why"]].tolist() == ["lost", "its stages are omitted"]
    assert found.loc["requests", "verdict"] == "whole"


def test_a_creates_name_comes_from_its_body_and_no_rule_sees_it() -> None:
    found = log(
        event("create", "configmaps", name="leader"),
        event("update", "configmaps", name="leader", at=1),
        event("create", name="web", sub="eviction", at=2),
    )
    rule = {
        "level": "Metadata",
        "resources": [{"group": "", "resources": ["configmaps", "pods/eviction"], "resourceNames": ["leader", "web"]}],
    }
    assert found.volume(policy(rule, **COMPLETE_ONLY))["calls"].tolist() == [2, 1]


def test_the_namespace_is_the_paths_and_the_user_the_authenticated_one() -> None:
    found = log(
        event("create", "namespaces", ns="", name="shop", user="root", as_user="bob"),
        event("get", "namespaces", ns="", name="shop", path="/api/v1/namespaces/shop", at=1),
        event("list", ns="", at=2, user="bob"),
    )
    by_namespace = found.volume(policy({"level": "Metadata", "namespaces": [""]}, **COMPLETE_ONLY))
    assert by_namespace["calls"].tolist() == [2, 1]
    assert found.volume(policy({"level": "Metadata", "users": ["bob"]}, **COMPLETE_ONLY))["calls"].tolist() == [1, 2]


def test_volume_by_rule_sums_to_the_whole(busy: AuditLog) -> None:
    rules = busy.volume(
        policy(
            {"level": "None", "verbs": ["get", "list", "watch"]}, {"level": "Metadata", "namespaces": ["nowhere"]}, {"level": "Metadata"}
        )
    )
    assert rules[["rule", "level"]].to_numpy().tolist() == [[0, "None"], [1, "Metadata"], [2, "Metadata"]]
    assert rules["calls"].tolist() == [141, 0, 400]
    assert rules["events"].tolist() == [0, 0, 2 * 400]
    assert rules["share"].sum() == 1
    plain = busy.volume()
    assert plain["bytes"].sum() == busy.sql("SELECT sum(bytes) AS n FROM calls").loc[0, "n"]


def test_a_policy_that_will_not_do_is_refused_in_upstreams_words(busy: AuditLog) -> None:
    with pytest.raises(PolicyError, match=r"rules\[0\]\.level: Required value"):
        busy.what_if({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"users": ["a"]}]})


def test_cost_of_a_day() -> None:
    found = log(*(event("get", name="a", at=at, took=0) for at in (0, 100)))
    totals = found.what_if(policy({"level": "Metadata"}, **COMPLETE_ONLY), price=2.0).totals.iloc[1]
    assert totals["per_day"] == pytest.approx(totals["bytes"] * 864)
    assert totals["cost"] == pytest.approx(totals["per_day"] / 1e9 * 2)


def test_open_watches_failed_logins_and_panics_have_the_stages_they_had() -> None:
    found = log(
        event("watch", took=0, query="watch=true", stage="ResponseStarted"),
        event("get", name="a", code=401, user=None, decision=None, stage="ResponseStarted", at=1),
        event("get", name="b", code=500, stage="Panic", at=2),
        event("get", name="c", code=None, stage="RequestReceived", at=3),
        event("update", name="d", at=4, **NODE),
    )
    assert found.what_if("Metadata").totals.iloc[1]["events"] == 2 + 1 + 2 + 1 + 2


def test_an_empty_log_costs_nothing() -> None:
    with read([]) as empty:
        found = empty.what_if("Metadata")
        assert found.totals["bytes"].tolist() == [0, 0]
        assert set(found.answers["verdict"]) == {"nothing to answer"}
