"""Values that clients chose, of the wrong type, of half a character, of any length: they are text, and stop nothing."""

from __future__ import annotations

import json

import pytest

import kubelab as kl
from tests.unit.auditlog.wrappings import EVENTS

BASE = next(event for event in EVENTS if event["stage"] == "ResponseComplete" and event["verb"] == "update")
FIELDS = (
    "user",
    "objectRef",
    "responseStatus",
    "verb",
    "sourceIPs",
    "annotations",
    "requestReceivedTimestamp",
    "stage",
    "requestURI",
    "level",
)


def written(path, events):
    path.write_text("".join(f"{json.dumps(event)}\n" for event in events))
    return path


@pytest.mark.parametrize("value", [3, "x", [1], {"a": 1}, True, 1.5, None])
def test_fields_of_another_type_are_read_alike_from_dicts_files_and_wrappings(tmp_path, value):
    events = [BASE | {"auditID": name, name: value} for name in FIELDS]
    counted = "SELECT audit_id, effective, resource, code, verb, received FROM calls ORDER BY ALL"
    first = kl.auditlog.read(events).sql(counted)
    assert len(first) == len(FIELDS)
    assert kl.auditlog.read(written(tmp_path / "a.log", events)).sql(counted).equals(first)
    assert kl.auditlog.read(written(tmp_path / "b.log", [{"message": event} for event in events])).sql(counted).equals(first)


@pytest.mark.parametrize("place", ["first", "last"])
def test_half_a_character_is_no_reason_to_lose_a_log(tmp_path, place):
    odd = BASE | {"auditID": "odd", "user": {"username": "a\ud800b"}, "requestObject": {"x": "\udc00"}}
    rest = [BASE | {"auditID": f"n{number}"} for number in range(60)]
    log = kl.auditlog.read(written(tmp_path / "a.log", [odd, *rest] if place == "first" else [*rest, odd]))
    assert (log.counts.calls, log.counts.damaged) == (61, 0)
    assert log.sql("SELECT username FROM calls WHERE audit_id = 'odd'")["username"].tolist() == ["a?b"]
    assert [each["request_object"] for each in log.bodies("audit_id = 'odd'")] == [{"x": "?"}]
    assert len(log.calls()) == 61


def test_bodies_that_are_no_objects_of_their_kind_tell_nothing_and_stop_nothing():
    # a strategic merge patch names a condition without its status: GoogleCloudPlatform/khi test/logs/k8s_audit/container_recorder_test_1_2.yaml
    status = {"conditions": [{"type": "Ready", "lastTransitionTime": "2024-01-01T01:00:00Z"}, {"type": "Ready"}]}
    ref = {"resource": "pods", "namespace": "shop", "name": "web-1", "apiVersion": "v1", "subresource": "status"}
    patch = BASE | {"verb": "patch", "objectRef": ref, "responseStatus": {"code": 200}, "user": {"username": "system:node:n1"}}
    bodies = [{"status": status}, {"status": {"conditions": "Ready"}}, {"status": {"conditions": [3, None]}}, [1], "text", {"status": []}]
    pod = {
        "kind": "Pod",
        "metadata": {"name": [1], "labels": 3, "ownerReferences": "x"},
        "spec": {"containers": {"a": 1}},
        "status": {"phase": 4},
    }
    events = [patch | {"auditID": f"p{number}", "requestObject": body} for number, body in enumerate(bodies)]
    events += [patch | {"auditID": f"q{number}", "responseObject": body} for number, body in enumerate([pod, {"metadata": {}}, *bodies])]
    log = kl.auditlog.read(events)
    assert log.rollout_pods()["name"].tolist() == ["web-1"]
