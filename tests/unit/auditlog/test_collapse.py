"""Stages and duplicates of calls: the traps of spec/audit.md B2."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

import kubelab as kl
from tests.unit.auditlog.wrappings import LINES, subscription

T = "2026-01-01T00:00:{:09.6f}Z"


def event(stage="ResponseComplete", at=0.0, ended=None, audit_id="a", uri="/api/v1/pods", code=200, **more):
    """An event received at ``at`` seconds, its stage at ``ended``."""
    made = {"kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": audit_id, "stage": stage, "requestURI": uri}
    made |= {"verb": "list", "user": {"username": "alice"}, "requestReceivedTimestamp": T.format(at), **more}
    made["stageTimestamp"] = T.format(at if ended is None else ended)
    return made if stage == "RequestReceived" else {**made, "responseStatus": {"metadata": {}, "code": code}}


def calls(*events):
    return kl.auditlog.read(list(events)).calls()


STAGES = [
    event("RequestReceived"),
    event("ResponseStarted", ended=0.1),
    event("ResponseComplete", ended=0.5, objectRef={"resource": "pods"}),
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_last_stage_speaks_in_whatever_order_they_come(order):
    found = calls(*(STAGES[index] for index in order))
    assert len(found) == 1
    row = found.iloc[0]
    assert (row.stage, row.stages, row.resource, row.code) == (
        "ResponseComplete",
        "RequestReceived,ResponseStarted,ResponseComplete",
        "pods",
        200,
    )
    assert (row.latency, str(row.started)[17:23]) == (0.5, "00.100")


@pytest.mark.parametrize(
    ("stages", "stage", "code", "answered"),
    [
        (["RequestReceived"], "RequestReceived", None, False),
        (["RequestReceived", "ResponseStarted"], "ResponseStarted", 200, False),
        (["RequestReceived", "Panic"], "Panic", 200, True),
        (["RequestReceived", "ResponseStarted", "Panic"], "Panic", 200, True),
    ],
)
def test_calls_that_did_not_complete(stages, stage, code, answered):
    (row,) = calls(*(event(each, ended=1.0) for each in stages)).itertuples()
    assert (row.stage, row.latency == 1.0) == (stage, answered)
    assert row.code == code if code else row.code is kl.auditlog.read([]).calls().code.dtype.na_value


def test_exact_duplicates_are_dropped_and_counted():
    log = kl.auditlog.read([*STAGES, *STAGES, event(audit_id="b"), event(audit_id="b")])
    assert (log.counts.events, log.counts.calls, log.counts.duplicates) == (8, 2, 4)
    size = len(json.dumps(STAGES[0], separators=(",", ":")))
    assert size < log.calls().bytes[0] < 4 * size, "a duplicate's bytes count once"


def test_overlapping_exports_and_the_file_itself(tmp_path):
    (tmp_path / "audit.log").write_text("\n".join(LINES) + "\n", encoding="utf-8")
    (tmp_path / "export.json").write_text(subscription(LINES[10:20]), encoding="utf-8")
    log = kl.auditlog.read(tmp_path)
    assert (log.counts.events, log.counts.duplicates, log.counts.calls) == (len(LINES) + 10, 10, 30)


def test_one_id_with_two_uris_stays_apart():
    assert len(calls(event(uri="/a"), event(uri="/b"))) == 2


def test_a_client_that_sends_one_id_with_all_its_calls():
    events = [each for at in (0, 2, 4) for each in (event("RequestReceived", at), event(at=at, ended=at + 0.25))]
    found = calls(*events)
    assert found.latency.tolist() == [0.25, 0.25, 0.25]


def test_servers_that_share_an_id_stay_apart():
    rows = [
        json.loads(subscription([json.dumps(event(ended=ended))])) | {"logStream": stream} for stream, ended in (("a", 0.1), ("b", 0.2))
    ]
    log = kl.auditlog.read(rows)
    assert sorted(log.calls().server) == ["a", "b"]


def test_the_received_stage_lends_the_time_that_the_last_one_lacks():
    last = {key: value for key, value in event(ended=2.0).items() if key != "requestReceivedTimestamp"}
    (row,) = calls(event("RequestReceived"), last).itertuples()
    assert row.latency == 2.0


def test_events_without_an_id_are_calls_of_their_own():
    bare = {key: value for key, value in event().items() if key != "auditID"}
    assert len(calls(bare, bare)) == 2


def test_who_really_acts_and_what_the_agent_says():
    agent = "kube-controller-manager/v1.20.2 (linux/amd64) kubernetes/none/leader-election"
    (row,) = calls(event(impersonatedUser={"username": "bob"}, userAgent=agent, sourceIPs=["9.9.9.9", "10.0.0.1"])).itertuples()
    assert (row.username, row.impersonated, row.effective) == ("alice", "bob", "bob")
    assert (row.client, row.component, row.source_ip) == ("kube-controller-manager", "leader-election", "10.0.0.1")


@pytest.mark.parametrize(
    ("more", "long"),
    [
        ({"verb": "watch"}, True),
        ({"verb": "proxy"}, True),
        ({"verb": "get", "objectRef": {"resource": "pods", "subresource": "log"}}, True),
        ({"verb": "create", "objectRef": {"resource": "pods", "subresource": "portforward"}}, True),
        ({"verb": "get", "requestURI": "/debug/pprof/profile?seconds=30"}, True),
        ({"verb": "get", "objectRef": {"resource": "pods", "subresource": "status"}}, False),
        ({"verb": "list"}, False),
    ],
)
def test_long_running_requests_are_known(more, long):
    """upstream: pkg/controlplane/apiserver/config.go, 1.28"""
    assert calls(event() | more).long_running[0] == long


@pytest.mark.parametrize(
    ("more", "apart"),
    [
        ({"objectRef": {"resource": "leases", "apiGroup": "coordination.k8s.io", "namespace": "kube-node-lease"}}, "election"),
        ({"objectRef": {"resource": "endpoints"}, "userAgent": "x/v1 (linux/amd64) kubernetes/none/leader-election"}, "election"),
        ({"objectRef": {"resource": "endpoints"}}, ""),
        ({"user": {"username": "system:apiserver"}}, "server"),
        ({"requestURI": "/readyz?verbose"}, "probe"),
        ({"requestURI": "/livez/etcd"}, "probe"),
        ({"userAgent": "kube-probe/1.28"}, "probe"),
        ({"objectRef": {"resource": "events", "apiGroup": "events.k8s.io"}}, "events"),
        ({"objectRef": {"resource": "events"}}, "events"),
        ({"objectRef": {"resource": "events", "apiGroup": "example.com"}}, ""),
        ({}, ""),
    ],
)
def test_background_is_set_apart(more, apart):
    from kubelab.auditlog.who import APART

    log = kl.auditlog.read([event() | more])
    assert log.sql(f"SELECT {APART} AS apart FROM calls").apart.tolist() == [apart]


@pytest.mark.parametrize("files", [("a.log", "b.log"), ("b.log", "a.log")])
def test_of_overlapping_exports_the_first_file_is_named_whatever_is_read_first(tmp_path, files):
    for name in files:
        (tmp_path / name).write_text("".join(f"{line}\n" for line in LINES), encoding="utf-8")
    found = kl.auditlog.read([tmp_path / name for name in files]).calls()
    assert len(found) == len({row.audit_id for row in found.itertuples()})
    assert {Path(name).name for name in found["file"]} == {"a.log"}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_of_equal_stages_the_same_one_speaks_in_whatever_order_they_come(order):
    """A gateway in front that answers again: three ends of one call."""
    ends = [event(ended=ended, code=code) for ended, code in ((0.5, 200), (0.6, 504), (0.7, 499))]
    (row,) = calls(*(ends[index] for index in order)).itertuples()
    (other,) = calls(*ends).itertuples()
    assert (row.code, row.completed) == (other.code, other.completed)
