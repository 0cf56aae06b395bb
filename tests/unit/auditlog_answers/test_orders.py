"""Answers follow from the events, not from the order in which an engine's threads bring them: whatever is equal is told apart by a value."""

from __future__ import annotations

import random

import pandas as pd
import pytest

import kubelab as kl
from kubelab.auditlog import answers

OPTIONS = {"what_if": {"policy": "Metadata"}, "who": {"verb": ["create", "delete"]}, "anomalies": {"window": "1m"}}
NOT_ASKED = {"only", "plot", "rbac"}
USERS = ["alice", "bob", "system:node:n1", "system:serviceaccount:kube-system:replicaset-controller", None]
KINDS = [("pods", ""), ("leases", "coordination.k8s.io"), ("deployments", "apps"), ("events", ""), ("secrets", ""), ("replicasets", "apps")]


def few_values(seed: int, count: int = 1500) -> list[dict[str, object]]:
    """Many events of few values: equal instants, IDs that several calls share, calls without one, clocks that go back."""
    chance = random.Random(seed)

    def instant(second: int, micro: int) -> str:
        return f"2026-01-01T00:{second // 60:02}:{second % 60:02}.{micro:06}Z"

    made = []
    for _ in range(count):
        second, (resource, group) = chance.randrange(60, 600, 45), chance.choice(KINDS)
        name = chance.choice(["", "a", "web-7876b85647-5pgrb", "web"])
        event: dict[str, object] = {
            "kind": "Event",
            "apiVersion": "audit.k8s.io/v1",
            "level": "Metadata",
            "stage": chance.choice(["RequestReceived", "ResponseStarted", "ResponseComplete", "ResponseComplete", "Panic"]),
            "verb": chance.choice("get list watch create update patch delete deletecollection".split()),
            "user": {"username": chance.choice(USERS)},
            "sourceIPs": [chance.choice(["10.0.0.1", "10.0.0.2"])],
            "userAgent": chance.choice(["kubectl/v1", "kube-controller-manager/v1 (linux) kubernetes/a/leader-election"]),
            "requestReceivedTimestamp": instant(second, 0),
            "stageTimestamp": instant(second + chance.choice([0, 0, 0, -1]), chance.choice([0, 100, 123457, 700001])),
            "requestURI": f"/api/v1/{resource}/{name}{chance.choice(['', '?watch=true', '?limit=500'])}",
            "objectRef": {"resource": resource, "apiGroup": group, "apiVersion": "v1", "name": name, "namespace": chance.choice(["", "d"])},
            "responseStatus": {"code": chance.choice([200, 201, 403, 404, 409, 429, 500])},
        }
        if chance.random() < 0.6:
            event["auditID"] = str(chance.randrange(count // 3))
        made.append(event)
    return made


@pytest.fixture(scope="module", params=[1, 2])
def logs(request):
    events = few_values(request.param)
    orders = [events, events[::-1], random.Random(0).sample(events, len(events))]
    return [kl.auditlog.read(each) for each in orders]


@pytest.mark.parametrize("name", sorted({*answers.ANSWERS, "calls"} - NOT_ASKED))
def test_an_answer_is_the_same_in_whatever_order_the_events_come(logs, name):
    first, *others = (getattr(log, name)(**OPTIONS.get(name, {})) for log in logs)
    for other in others:
        if isinstance(first, pd.DataFrame):
            drop = [column for column in ("line",) if column in first]
            pd.testing.assert_frame_equal(other.drop(columns=drop), first.drop(columns=drop), check_exact=True)
            assert other.attrs == first.attrs
        elif isinstance(first, list):
            assert other == first
        else:
            for part in ("totals", "rules", "answers", "unpriced"):
                pd.testing.assert_frame_equal(getattr(other, part), getattr(first, part), check_exact=True)


def test_roles_are_the_same_in_whatever_order_the_events_come(logs):
    first, *others = (log.rbac().yaml() for log in logs)
    assert first and others == [first, first]
