"""Figures of a real control plane's log, counted from its lines by hand (tests/data/auditlog/busy-seconds.jsonl.gz, 1.20.2)."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kubelab.auditlog import AuditLog
from kubelab.auditlog.answers import ANSWERS
from tests.unit.auditlog_answers.events import DATA


def lines() -> list[dict[str, Any]]:
    with gzip.open(DATA / "busy-seconds.jsonl.gz", "rt") as file:
        return [json.loads(line) for line in file]


def test_requests_are_those_of_the_lines(busy: AuditLog) -> None:
    counted = Counter(event["verb"] for event in lines() if event["stage"] == "ResponseComplete")
    found = busy.requests("verb").set_index("verb")
    assert {verb: int(row.calls + row.background) for verb, row in found.iterrows()} == dict(counted)
    assert counted["delete"] == 84 == found.loc["delete", "calls"]
    assert (found.loc["create", "calls"], found.loc["create", "background"]) == (94, 72)


def test_background_is_counted_beside(busy: AuditLog) -> None:
    found = busy.requests("apart").set_index("apart")
    assert dict(found["background"]) == {"": 0, "events": 81, "election": 24}
    assert found.loc["", "calls"] == 436
    assert busy.requests().attrs["beside"] == {"election": 24, "events": 81}


def test_denied(busy: AuditLog) -> None:
    found = busy.denied()
    assert list(found[["user", "verb", "target", "namespace", "why", "calls"]].itertuples(index=False, name=None)) == [
        ("alice", "list", "pods", "default", "authorization", 40),
        ("alice", "list", "secrets", "default", "authorization", 40),
    ]


def test_conflicts_and_their_retries(busy: AuditLog) -> None:
    found = busy.conflicts("target").set_index("target")
    wanted = {"daemonsets.apps/status": 5, "deployments.apps/status": 4, "replicasets.apps/status": 2, "statefulsets.apps/status": 2}
    assert dict(found["conflicts"]) == wanted
    assert dict(found["resolved"]) == wanted
    assert found.loc["deployments.apps/status", "longest"] == pytest.approx(1.439, abs=0.001)


def test_latencies_are_numpys(busy: AuditLog) -> None:
    times = [
        (pd.Timestamp(event["stageTimestamp"]) - pd.Timestamp(event["requestReceivedTimestamp"])).total_seconds()
        for event in lines()
        if (event["verb"], event["objectRef"].get("resource"), event["objectRef"].get("subresource")) == ("delete", "pods", None)
    ]
    row = busy.latencies().set_index(["verb", "target"]).loc[("delete", "pods")]
    assert row["calls"] == len(times) == 84
    assert [row["p50"], row["p95"], row["p99"]] == pytest.approx(list(np.quantile(times, [0.5, 0.95, 0.99])), rel=1e-6)


def test_deprecated(busy: AuditLog) -> None:
    found = busy.deprecated()
    assert list(found[["api", "resource", "client", "removed", "known_by"]].itertuples(index=False, name=None)) == [
        ("extensions/v1beta1", "ingresses", "kube-controller-manager", "1.22", "annotation")
    ]
    assert found.loc[0, "instead"] == "networking.k8s.io/v1 Ingress"
    assert busy.deprecated(before="1.21").empty


def test_amplification(busy: AuditLog) -> None:
    found = busy.write_amplification().set_index("writer")
    assert busy.write_amplification().attrs["beside"]["asked"] == 4  # admin's four patches
    controller = found.loc["system:serviceaccount:kube-system:statefulset-controller"]
    assert (controller["writes"], controller["status_writes"], controller["objects"]) == (42, 21, 12)
    assert controller["amplification"] == 10.5


def test_who_changed_a_workload(busy: AuditLog) -> None:
    found = busy.who("deployment/app0")
    people = found[found["role"] == "person"]
    assert list(people[["who", "verb", "code", "source_ip"]].itertuples(index=False, name=None)) == [("admin", "patch", 200, "127.0.0.1")]
    assert set(found["how"]) == {"by name"}


def test_every_answer_is_a_documented_method(busy: AuditLog) -> None:
    for name in ANSWERS:
        if name not in ("plot", "rollouts", "rollout_pods", "rollout_phases", "rollout_steps", "rollout_notes", "rbac"):
            assert getattr(busy, name).__doc__, name


def test_a_part_answers_about_its_calls_alone(busy: AuditLog) -> None:
    part = busy.only(namespace="default", verb=["create", "delete"], background=False).only(user="admin")
    assert part.requests("verb").empty
    mine = busy.only(user="alice")
    assert mine.requests("user")[["user", "calls"]].to_numpy().tolist() == [["alice", 80]]
    assert mine.slis().attrs["beside"]["non_resource"] == 0
    assert len(mine.calls()) == 80
