"""Lists, chunks, watches and routes through the raw door.

upstream: apiserver/pkg/storage/{continue_test.go,etcd3/store_test.go}, apimachinery/pkg/apis/meta/internalversion/validation/validation_test.go,
apiserver/pkg/endpoints/{apiserver_test.go,request/requestinfo_test.go}, test/e2e/apimachinery/chunking.go, 1.28.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

import kubelab as kl
from tests.scenario.api import APPS, CORE, STRATEGIC, Object, ask, config_map, deployment, pod, refusal

MAPS = f"{CORE}/configmaps"
GONE = (404, "NotFound", "the server could not find the requested resource")
NOT_ALLOWED = (405, "MethodNotAllowed", "the server does not allow this method on the requested resource")


def token(**fields: Any) -> str:
    text = json.dumps(fields, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decoded(text: str) -> Object:
    return dict(json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))))


@pytest.fixture
def maps(cluster: kl.Cluster) -> kl.Cluster:
    for index in range(5):
        cluster.create(config_map(f"m{index}", metadata={"name": f"m{index}", "labels": {"mine": "yes"}}))
    return cluster


def test_chunks_are_of_one_revision(maps: kl.Cluster) -> None:
    _, first = maps.request("GET", f"{MAPS}?limit=2")
    meta = first["metadata"]
    at = decoded(meta["continue"])
    assert at == {"v": "meta.k8s.io/v1", "rv": int(meta["resourceVersion"]), "start": f"default/{first['items'][-1]['metadata']['name']}\0"}
    assert meta["remainingItemCount"] == 4
    maps.create(config_map("m9"))
    _, rest = maps.request("GET", f"{MAPS}?continue={meta['continue']}")
    assert rest["metadata"] == {"resourceVersion": meta["resourceVersion"]}
    assert [item["metadata"]["name"] for item in rest["items"]] == ["m1", "m2", "m3", "m4"]


def test_a_selector_hides_how_many_remain(maps: kl.Cluster) -> None:
    _, found = maps.request("GET", f"{MAPS}?limit=2&labelSelector=mine=yes")
    assert "continue" in found["metadata"] and "remainingItemCount" not in found["metadata"]


def test_a_token_without_revision_goes_on_at_the_newest(maps: kl.Cluster) -> None:
    _, found = maps.request("GET", f"{MAPS}?continue={token(v='meta.k8s.io/v1', rv=-1, start='default/m3' + chr(0))}")
    assert [item["metadata"]["name"] for item in found["items"]] == ["m4"]


def test_an_old_token_comes_with_one_to_go_on_inconsistently(maps: kl.Cluster) -> None:
    """upstream: etcd3/store.go handleCompactedErrorForPaging."""
    _, first = maps.request("GET", f"{MAPS}?limit=2")
    maps.run("30m")
    code, status = maps.request("GET", f"{MAPS}?continue={first['metadata']['continue']}")
    assert (code, status["reason"]) == (410, "Expired")
    assert status["message"].endswith("now may show up in the list.")
    assert decoded(status["metadata"]["continue"]) == {"v": "meta.k8s.io/v1", "rv": -1, "start": "default/m0\0"}
    _, rest = maps.request("GET", f"{MAPS}?continue={status['metadata']['continue']}")
    assert [item["metadata"]["name"] for item in rest["items"]] == ["m1", "m2", "m3", "m4"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (token(v="v2", rv=1, start="a"), "server does not recognize this encoded version v2"),
        (token(v="meta.k8s.io/v1", rv=0, start="a"), "incorrect encoded start resourceVersion (version meta.k8s.io/v1)"),
        (token(v="meta.k8s.io/v1", rv=1, start=""), "encoded start key empty (version meta.k8s.io/v1)"),
        (token(v="meta.k8s.io/v1", rv=1, start="../x"), "../x"),
        ("!!", "illegal base64 data at input byte 0"),
        ("abc", "invalid character 'i' looking for beginning of value"),
    ],
)
def test_a_bad_token_is_refused(cluster: kl.Cluster, text: str, why: str) -> None:
    message = f"invalid continue token: continue key is not valid: {why}"
    assert refusal(cluster, "GET", f"{MAPS}?continue={text}") == (400, "BadRequest", message)


FORBIDDEN = "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden"


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("resourceVersionMatch=Exact", f"{FORBIDDEN} unless resourceVersion is provided"),
        (
            "resourceVersionMatch=Exact&resourceVersion=0",
            'resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
        ),
        (
            "resourceVersionMatch=x&resourceVersion=1",
            'resourceVersionMatch: Unsupported value: "x": supported values: "Exact", "NotOlderThan", ""',
        ),
        ("sendInitialEvents=true", "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list"),
        ("watch=1&resourceVersionMatch=NotOlderThan", f"{FORBIDDEN} for watch unless sendInitialEvents is provided"),
        (
            "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan",
            "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled",
        ),
    ],
)
def test_list_options_are_validated(cluster: kl.Cluster, query: str, text: str) -> None:
    assert refusal(cluster, "GET", f"{MAPS}?{query}") == (422, "Invalid", f'ListOptions.meta.k8s.io "" is invalid: {text}')


def test_a_watch_may_wait_for_a_revision_that_a_list_may_not_ask_for(cluster: kl.Cluster) -> None:
    assert cluster.request("GET", f"{MAPS}?watch=1&resourceVersion=999999") == (200, [])
    code, status = cluster.request("GET", f"{MAPS}?resourceVersion=999999")
    assert (code, status["reason"], status["details"]["causes"][0]["reason"]) == (504, "Timeout", "ResourceVersionTooLarge")


@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [
        ("GET", "/api/v1/pods/p", GONE),
        ("PUT", "/api/v1/pods/p", GONE),
        ("POST", "/api/v1/pods", NOT_ALLOWED),
        ("DELETE", "/api/v1/pods", NOT_ALLOWED),
        ("GET", f"{CORE}/nodes", GONE),
        ("GET", f"{CORE}/nodes/node-1", GONE),
        ("GET", f"{CORE}/things", GONE),
        ("GET", "/api/v2/pods", GONE),
        ("GET", "/apis/apps/v2/deployments", GONE),
        ("GET", f"{CORE}/pods/p/things", GONE),
        ("PUT", f"{CORE}/pods", NOT_ALLOWED),
        ("PATCH", f"{CORE}/pods", NOT_ALLOWED),
        ("POST", f"{CORE}/pods/p", NOT_ALLOWED),
        ("DELETE", "/api/v1/namespaces", NOT_ALLOWED),
        ("HEAD", f"{CORE}/pods", NOT_ALLOWED),
        ("OPTIONS", f"{CORE}/pods", NOT_ALLOWED),
        ("DELETE", f"{APPS}/deployments/web/status", NOT_ALLOWED),
        ("POST", f"{APPS}/deployments/web/status", NOT_ALLOWED),
        ("POST", f"{APPS}/deployments/web/scale", NOT_ALLOWED),
        ("DELETE", f"{APPS}/deployments/web/scale", NOT_ALLOWED),
        ("GET", f"{APPS}/daemonsets/web/scale", GONE),
        ("GET", f"{CORE}/pods/p/binding", NOT_ALLOWED),
        ("GET", f"{CORE}/pods/p/eviction", NOT_ALLOWED),
        ("PATCH", "/api/v1/namespaces/default/finalize", NOT_ALLOWED),
    ],
)
def test_what_has_no_route_is_told_from_what_has_another_method(cluster: kl.Cluster, method: str, path: str, answer: Any) -> None:
    cluster.create(deployment("web", replicas=0))
    before = cluster["deploy/web"]
    content = "application/merge-patch+json" if method == "PATCH" else ""
    assert refusal(cluster, method, path, {} if method in ("POST", "PUT", "PATCH") else None, content) == answer
    assert cluster["deploy/web"] == before


@pytest.mark.parametrize(
    ("method", "path", "verb", "resource"),
    [
        ("POST", f"{CORE}/pods/p", "create", "pods"),
        ("PATCH", f"{CORE}/pods/p", "patch", "pods"),
        ("GET", f"{CORE}/things/x", "get", "things"),
    ],
)
def test_who_may_not_is_told_so_before_anything_else(cluster: kl.Cluster, method: str, path: str, verb: str, resource: str) -> None:
    """upstream: server/config.go DefaultBuildHandlerChain: authorization comes before the router."""
    code, _, message = refusal(cluster, method, path, "{", "text/plain", user="bob")
    assert code == 403
    assert f'User "bob" cannot {verb} resource "{resource}" in API group "" in the namespace "default"' in message
    call = cluster._engine.store.log.calls[-1]
    assert (call.user, call.verb, call.code) == ("bob", verb, 403), "a refused call has its record"


def test_impersonation_acts_and_is_refused(cluster: kl.Cluster) -> None:
    """upstream: apiserver/pkg/endpoints/filters/impersonation_test.go."""
    bob = {"Impersonate-User": "bob"}
    assert refusal(cluster, "GET", f"{CORE}/pods", headers=bob)[2].startswith('pods is forbidden: User "bob" cannot list resource "pods"')
    assert cluster.request("GET", f"{CORE}/pods", headers={**bob, "Impersonate-Group": "system:masters"})[0] == 200
    text = 'users "bob" is forbidden: User "alice" cannot impersonate resource "users" in API group "" at the cluster scope'
    assert refusal(cluster, "GET", f"{CORE}/pods", user="alice", headers=bob) == (403, "Forbidden", text)
    found = refusal(cluster, "GET", f"{CORE}/pods", headers={"Impersonate-Group": "dev"})
    assert found == (500, "", "requested [{Group  dev    }] without impersonating a user")
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    _, review = cluster.request("POST", path, {}, headers={**bob, "Impersonate-Extra-Team": "blue", "Impersonate-Uid": "7"})
    groups = ["system:authenticated"]
    assert review["status"]["userInfo"] == {"username": "bob", "uid": "7", "groups": groups, "extra": {"team": ["blue"]}}


def test_metadata_alone_is_served_to_those_who_ask(maps: kl.Cluster) -> None:
    accept = {"Accept": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"}
    _, found = maps.request("GET", f"{MAPS}?labelSelector=mine=yes", headers=accept)
    assert (found["kind"], found["apiVersion"]) == ("PartialObjectMetadataList", "meta.k8s.io/v1")
    assert [list(item) for item in found["items"]] == [["metadata"]] * 5


def test_a_table_of_what_is_unknown_is_refused(cluster: kl.Cluster) -> None:
    accept = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    text = "Unable to convert to Table as requested: includeObject: Invalid value: \"x\": must be 'Metadata', 'Object', 'None', or empty"
    assert refusal(cluster, "GET", f"{MAPS}?includeObject=x", headers=accept) == (400, "BadRequest", text)
    assert refusal(cluster, "GET", MAPS, headers={"Accept": "text/html"})[:2] == (406, "NotAcceptable")


def test_events_of_the_new_group_are_selected_by_its_names(cluster: kl.Cluster) -> None:
    cluster.create(pod("p"))
    cluster.run("5s")
    path = "/apis/events.k8s.io/v1/namespaces/default/events"
    _, found = cluster.request("GET", f"{path}?fieldSelector=regarding.name=p")
    assert found["items"] and all(item["regarding"]["name"] == "p" for item in found["items"])


def test_events_of_the_new_group_are_held_to_its_rules(cluster: kl.Cluster) -> None:
    """upstream: pkg/apis/core/validation/events.go (ValidateEventCreate, ValidateEventUpdate)."""
    path = "/apis/events.k8s.io/v1/namespaces/default/events"
    event = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "e", "namespace": "default"},
        "eventTime": "2026-01-01T00:00:00.000001Z",
        "regarding": {"kind": "Pod", "name": "p", "namespace": "default"},
        "reason": "Tried",
        "action": "Trying",
        "type": "Normal",
        "reportingController": "example.com/c",
        "reportingInstance": "c-1",
    }
    assert refusal(cluster, "POST", path, {**event, "type": "x", "deprecatedCount": 3})[2] == (
        'Event "e" is invalid: [type: Invalid value: "": has invalid value: x, count: Invalid value: "": needs to be unset]'
    )
    assert cluster.request("POST", path, event)[0] == 201
    assert refusal(cluster, "PUT", f"{path}/e", {**event, "reason": "Failed"})[2] == (
        'Event "e" is invalid: reason: Invalid value: "Failed": field is immutable'
    )
    assert cluster.request("PUT", f"{path}/e", {**event, "series": {"count": 2, "lastObservedTime": event["eventTime"]}})[0] == 200


def test_a_watch_sees_what_enters_and_leaves_its_selector(cluster: kl.Cluster) -> None:
    """upstream: storage/cacher/cache_watcher.go convertToWatchEvent."""
    created = cluster.create(config_map("w", metadata={"name": "w", "labels": {"a": "1"}}))
    for labels in ({"a": "2"}, {"a": "1"}):
        cluster.request("PATCH", f"{MAPS}/w", {"metadata": {"labels": labels}}, content_type="application/merge-patch+json")
    cluster.request("DELETE", f"{MAPS}/w")
    since = created["metadata"]["resourceVersion"]
    for selector, types in (
        ("labelSelector=a=1", ["DELETED", "ADDED", "DELETED"]),
        ("labelSelector=a=2", ["ADDED", "DELETED"]),
        ("fieldSelector=metadata.name=w", ["MODIFIED", "MODIFIED", "DELETED"]),
        ("fieldSelector=metadata.name=x", []),
    ):
        _, events = cluster.request("GET", f"{MAPS}?watch=1&resourceVersion={since}&{selector}")
        assert [event["type"] for event in events] == types
        assert all("managedFields" in event["object"]["metadata"] for event in events)


def test_a_watch_from_too_long_ago_ends_in_an_error_event(cluster: kl.Cluster) -> None:
    cluster.run("1h")
    code, events = cluster.request("GET", f"{MAPS}?watch=1&resourceVersion=5")
    (event,) = events
    assert (code, event["type"]) == (200, "ERROR")
    assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")
    assert event["object"]["message"].startswith("too old resource version: 5 (")


def test_a_watch_gives_tables_whose_first_defines_the_columns(cluster: kl.Cluster) -> None:
    """upstream: apiserver/pkg/endpoints/handlers/watch.go (NoHeaders once they are sent), response.go; what ``kubectl get -w`` asks for."""
    accept = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    for name in ("a", "b"):
        cluster.create(config_map(name, data={"k": "v"}))
    _, events = cluster.request("GET", f"{CORE}/configmaps?watch=1&fieldSelector=metadata.name!%3Dkube-root-ca.crt", headers=accept)
    tables = [event["object"] for event in events]
    assert [(event["type"], event["object"]["kind"]) for event in events] == [("ADDED", "Table")] * 2
    assert [table["rows"][0]["cells"] for table in tables] == [["a", 1, "0s"], ["b", 1, "0s"]]
    assert [column["name"] for column in tables[0]["columnDefinitions"]] == ["Name", "Data", "Age"]
    assert tables[1]["columnDefinitions"] is None


def test_a_write_answers_as_a_table_where_asked(cluster: kl.Cluster) -> None:
    """upstream: apiserver/pkg/endpoints/handlers/response.go transformResponseObject serves all verbs."""
    accept = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    code, table = cluster.request("POST", f"{CORE}/configmaps", config_map("a"), headers=accept)
    assert (code, table["kind"], table["rows"][0]["cells"]) == (201, "Table", ["a", 0, "0s"])
    code, refused = cluster.request("POST", f"{CORE}/configmaps", config_map("a"), headers=accept)
    assert (code, refused["kind"]) == (409, "Status")


def test_a_tables_rows_hold_the_whole_metadata(cluster: kl.Cluster) -> None:
    """upstream: apiserver/pkg/endpoints/handlers/response.go asTable."""
    ask(cluster, "POST", f"{CORE}/pods", pod("a", nodeName="node-1"))
    deleted = ask(cluster, "DELETE", f"{CORE}/pods/a")
    _, table = cluster.request("GET", f"{CORE}/pods", headers={"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"})
    assert table["rows"][0]["object"]["metadata"] == deleted["metadata"]


OVER = [("Running", None), ("Succeeded", "The pod has completed successfully."), ("Failed", "The pod failed.")]


@pytest.mark.parametrize(("phase", "message"), OVER)
def test_a_tables_row_says_that_a_pod_is_over(cluster: kl.Cluster, phase: str, message: str | None) -> None:
    """upstream: pkg/printers/internalversion/printers_test.go TestPrintPodConditions."""
    ask(cluster, "POST", f"{CORE}/pods", pod("a"))
    ask(cluster, "PATCH", f"{CORE}/pods/a/status", {"status": {"phase": phase}}, STRATEGIC)
    _, table = cluster.request("GET", f"{CORE}/pods/a", headers={"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"})
    expected = [{"type": "Completed", "status": "True", "reason": phase, "message": message}] if message else None
    assert table["rows"][0].get("conditions") == expected
