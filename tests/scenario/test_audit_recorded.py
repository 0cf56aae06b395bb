"""The calls of a real control plane, asked again here: each leaves the audit event that it left there.

Recorded: the audit log of three rollout stories on 1.20.2, whose calls ``recorded.py`` replays. What 1.28 writes otherwise is named here.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from kubelab.cluster import bootstrap
from kubelab.kinds.rbac import bootstrap as rbac
from tests.scenario.recorded import FOLDER, SLICES, Translation, ask, bare_cluster, shown, slice_of_1_28, without

EVENTS = Path(__file__).parent.parent / "data" / "audit" / "real-1.20-stories.jsonl.gz"
POLICY = {"apiVersion": "audit.k8s.io/v1", "omitManagedFields": False, "rules": [{"level": "RequestResponse"}]}
NEW = "pod-security.kubernetes.io/"  # annotations of PodSecurity, which is there since 1.22
Object = dict[str, Any]


class Pair(NamedTuple):
    """A recorded call, what its event said, and our two events of it beside our answer."""

    record: Object
    model: Object
    received: Object
    event: Object
    answer: Any
    sent: Any


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    records = [json.loads(line) for line in gzip.decompress((FOLDER / "stories.jsonl.gz").read_bytes()).splitlines()]
    models = [json.loads(line) for line in gzip.decompress(EVENTS.read_bytes()).splitlines()]
    cluster, known = bare_cluster("2026-11-24T17:35:20Z"), Translation()
    cluster.audit.reload(POLICY)
    found = []
    for record, model in zip(records, models, strict=True):
        before = len(cluster._engine.store.log.calls)
        sent = as_sent(known.of(record["body"]))
        code, answer = ask(cluster, known, record)
        received, event = (event for _, event in cluster.audit.since(before))
        if code < 300 and record["code"] < 300:
            known.learn(record["response"], answer)
        found.append(Pair(record, known.of(model), received, event, answer, sent))
        if record["method"] == "POST" and record["path"] == "/api/v1/namespaces" and record["response"]["metadata"]["name"] == "default":
            for obj in rbac.objects():
                if "namespace" in obj["metadata"]:
                    bootstrap.create(cluster._engine, obj)
    return found


def as_sent(body: Any) -> Any:
    """What ``ask`` makes of a recorded body."""
    if not isinstance(body, dict):
        return body
    if body.get("kind") == "EndpointSlice":
        return slice_of_1_28(body)
    if (body.get("spec") or {}).get("clusterIP") == "10.0.0.1":
        return {**body, "spec": {**body["spec"], "clusterIP": "10.96.0.1"}}
    return body


def differing(pairs: list[Pair], theirs: Any, ours: Any) -> list[tuple[Any, ...]]:
    return [(pair.record["method"], pair.record["path"], theirs(pair), ours(pair)) for pair in pairs if theirs(pair) != ours(pair)]


def test_verbs_and_users(pairs: list[Pair]) -> None:
    assert differing(pairs, lambda pair: pair.model["verb"], lambda pair: pair.event["verb"]) == []
    who = differing(
        pairs,
        lambda pair: (pair.record["user"], pair.record["groups"], pair.record["agent"]),
        lambda pair: (pair.event["user"]["username"], pair.event["user"]["groups"], pair.event["userAgent"]),
    )
    assert [row for row in who if set(row[2][1]) | {"system:authenticated"} != set(row[3][1])] == []  # the raw door adds that group


def test_references(pairs: list[Pair]) -> None:
    """Everything but the values of uid and resourceVersion, which are the body's own."""

    def plain(reference: Object) -> Object:
        values = {name: None if name in ("uid", "resourceVersion") else text for name, text in reference.items()}
        if "apiVersion" in values and values.get("apiGroup") == "discovery.k8s.io":
            values["apiVersion"] = SLICES[1].partition("/")[2]
        return values

    assert differing(pairs, lambda pair: plain(pair.model["objectRef"]), lambda pair: plain(pair.event["objectRef"])) == []
    for pair in pairs:
        if pair.record["method"] in ("POST", "PUT") and pair.sent:
            meta = pair.sent["metadata"]
            for name in ("uid", "resourceVersion"):
                assert pair.event["objectRef"].get(name) == meta.get(name)
        assert not {"uid", "resourceVersion"} & pair.received["objectRef"].keys()


def test_statuses(pairs: list[Pair]) -> None:
    """1.28 has message and details too."""
    names = ("metadata", "status", "reason", "code")
    found = differing(
        pairs,
        lambda pair: {name: pair.model["responseStatus"].get(name) for name in names},
        lambda pair: {name: pair.event["responseStatus"].get(name) for name in names},
    )
    assert found == []
    for pair in pairs:
        if pair.record["code"] >= 400:
            assert pair.event["responseStatus"]["message"] == pair.answer["message"]


def test_annotations(pairs: list[Pair]) -> None:
    """The authorizer's reasons, word for word."""

    def said(event: Object) -> Object:
        return {name: text for name, text in event["annotations"].items() if not name.startswith(NEW)}

    assert differing(pairs, lambda pair: pair.model["annotations"], lambda pair: said(pair.event)) == []


def test_which_bodies_there_are(pairs: list[Pair]) -> None:
    """A token's request was lost in 1.20, which encoded it in the version of its account (fixed by objGV in LogRequestObject)."""
    found = differing(
        [pair for pair in pairs if not pair.record["path"].endswith("/token")],
        lambda pair: pair.model["bodies"],
        lambda pair: [name for name in ("requestObject", "responseObject") if name in pair.event],
    )
    assert found == []


def test_request_objects(pairs: list[Pair]) -> None:
    """A body that was recorded, and so is defaulted, comes out as it went in, but for what 1.28 adds."""

    def added(obj: Object) -> Object:
        return {key: value for key, value in json.loads(json.dumps(obj)).items() if key != "status"}

    others = []
    for pair in pairs:
        method, path = pair.record["method"], pair.record["path"]
        if "requestObject" not in pair.model["bodies"] or path.endswith("/token"):
            continue
        ours, theirs = pair.event["requestObject"], pair.sent
        if method in ("POST", "PUT") and isinstance(theirs, dict) and theirs.get("kind") not in ("Binding",):
            ours, theirs = added(without(shown_body(ours), ("metadata", "managedFields"))), added(shown_body(theirs))
        if ours != theirs:
            others.append((method, path, theirs, ours))
    assert others == []


def shown_body(obj: Object) -> Object:
    """A request's body without what 1.28 adds."""
    if obj.get("kind") == "Namespace":
        return without(obj, ("metadata", "labels"))
    return shown(obj) if obj.get("kind") != "Pod" else obj


def test_response_objects_are_the_answers_themselves(pairs: list[Pair]) -> None:
    assert differing(pairs, lambda pair: pair.answer, lambda pair: pair.event.get("responseObject")) == []
