"""Events as bytes.

upstream: staging/src/k8s.io/apiserver/plugin/pkg/audit/log/backend_test.go (TestLogEventsLegacy, TestLogEventsJson), 1.28, and recorded lines.
"""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from kubelab.cluster.auditing.formats import V1, event_list, json_line, legacy_line

RECORDED = Path(__file__).parents[2] / "data" / "audit" / "real-1.20-each-kind.jsonl.gz"
ID = "6dc23143-e57b-45da-a60e-fd5e65d657c1"
EMPTY: dict[str, Any] = {
    "level": "",
    "auditID": ID,
    "stage": "",
    "requestURI": "",
    "verb": "",
    "user": {},
    "requestReceivedTimestamp": "2026-01-01T00:00:00.000000Z",
    "stageTimestamp": "2026-01-01T00:00:00.000000Z",
}
FULL = {
    **EMPTY,
    "stage": "RequestReceived",
    "requestURI": "/apis/rbac.authorization.k8s.io/v1/roles",
    "verb": "get",
    "user": {"username": "admin", "groups": ["system:masters", "system:authenticated"]},
    "sourceIPs": ["127.0.0.1"],
    "userAgent": "kube-admin",
    "objectRef": {"namespace": "default"},
    "responseStatus": {"metadata": {}, "code": 200},
}
WITHOUT = {**EMPTY, "level": "Metadata", "objectRef": {"resource": "foo", "apiVersion": "v1", "subresource": "bar"}}
NOBODY = (
    r'[\d\:\-\.\+TZ]+ AUDIT: id="[\w-]+" stage="" ip="<unknown>" method="" user="<none>" groups="<none>" as="<self>" asgroups="<lookup>" '
    r'user-agent="" namespace="<none>" uri="" response="<deferred>"'
)
SOMEBODY = (
    r'[\d\:\-\.\+TZ]+ AUDIT: id="[\w-]+" stage="RequestReceived" ip="127.0.0.1" method="get" user="admin" '
    r'groups="\\"system:masters\\",\\"system:authenticated\\"" as="<self>" asgroups="<lookup>" user-agent="kube-admin" namespace="default" '
    r'uri="/apis/rbac.authorization.k8s.io/v1/roles" response="200"'
)


@pytest.mark.parametrize(("event", "expected"), [(EMPTY, NOBODY), (FULL, SOMEBODY), (WITHOUT, NOBODY)])
def test_the_legacy_line(event: dict[str, Any], expected: str):
    """TestLogEventsLegacy"""
    assert re.fullmatch(expected + "\n", legacy_line(event).decode())


@pytest.mark.parametrize("event", [EMPTY, FULL, WITHOUT])
def test_the_json_line_reads_as_it_was(event: dict[str, Any]):
    """TestLogEventsJson"""
    assert json.loads(json_line(event, V1)) == {"kind": "Event", "apiVersion": V1, **event}


def test_recorded_events_are_written_as_they_were_recorded():
    with gzip.open(RECORDED) as file:
        for line in file:
            made = json_line(json.loads(line), V1)
            assert made.replace(b"\\u0026", b"&") == line.replace(b"\\u0026", b"&")


@pytest.mark.parametrize("version", ["audit.k8s.io/v1beta1", "audit.k8s.io/v1alpha1"])
def test_an_event_list_says_the_version_once(version: str):
    found = json.loads(event_list([{"kind": "Event", "apiVersion": V1, **FULL}], version))
    assert (found["kind"], found["apiVersion"], found["metadata"]) == ("EventList", version, {})
    assert "kind" not in found["items"][0] and found["items"][0]["timestamp"] == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    "text", ["<script>&</script>", "\u2028\u2029", "\ud800 alone", "\x00\x1b[31m", "\u202eright to left", "é 漢 🚀", '"\\']
)
def test_hostile_text_is_text(text: str):
    line = json_line({**EMPTY, "userAgent": text}, V1)
    assert line.count(b"\n") == 1 and not re.search(rb"[<>&\x00-\x09\x0b-\x1f]", line)
    assert json.loads(line)["userAgent"] == text.replace("\ud800", "\ufffd")


@pytest.mark.parametrize("body", [float("nan"), float("inf"), b"bytes", {"a": object()}])
def test_what_has_no_json_form_is_an_error(body: Any):
    with pytest.raises((TypeError, ValueError)):
        json_line({**EMPTY, "requestObject": body}, V1)
