"""Patches through the raw door: their form, their result, and what may not change.

upstream: apiserver/pkg/endpoints/handlers/{patch,rest}.go and rest_test.go, apimachinery/pkg/runtime/converter.go,
test/integration/apiserver/{patch_test.go,apply/apply_test.go}, 1.28.
"""

from __future__ import annotations

from typing import Any

import pytest

import kubelab as kl
from tests.scenario.api import APPLY, APPS, CORE, JSON, MERGE, STRATEGIC, config_map, deployment, refusal

MAP = f"{CORE}/configmaps/a"
WEB = f"{APPS}/deployments/web"
NO_MAP = "cannot unmarshal array into Go value of type map[string]interface {}"
SERVER = "the server rejected our request due to an error in our request"


@pytest.fixture
def objects(cluster: kl.Cluster) -> kl.Cluster:
    cluster.create(config_map("a", data={"k": "v"}))
    cluster.create(deployment("web", replicas=0))
    return cluster


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (MERGE, "{a", "error decoding patch: invalid character 'a' looking for beginning of object key string"),
        (JSON, "{a", "error decoding patch: invalid character 'a' looking for beginning of object key string"),
        (STRATEGIC, "{a", "invalid character 'a' looking for beginning of object key string"),
        (APPLY, "{a: b", "error decoding YAML: error converting YAML to JSON: yaml: did not find expected ',' or '}'"),
        (MERGE, "", "error decoding patch: unexpected end of JSON input"),
        (MERGE, "[]", f"error decoding patch: json: {NO_MAP}"),
        (STRATEGIC, "[]", f"json: {NO_MAP}"),
        (APPLY, "[]", f"error decoding YAML: error unmarshaling JSON: while decoding JSON: json: {NO_MAP}"),
        (JSON, "{}", "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp"),
        (MERGE, "null", "Invalid JSON Patch"),
        (APPLY, "{}", "invalid object type: /, Kind="),
        (APPLY, "{apiVersion: v1, kind: Pod, metadata: {name: a}}", "invalid object type: /v1, Kind=Pod"),
        (APPLY, "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, managedFields: []}}", "metadata.managedFields must be nil"),
    ],
)
def test_a_patch_of_the_wrong_form_is_a_bad_request(objects: kl.Cluster, kind: str, text: str, message: str) -> None:
    assert refusal(objects, "PATCH", f"{MAP}?fieldManager=me", text, kind) == (400, "BadRequest", message)


@pytest.mark.parametrize("kind", [MERGE, STRATEGIC])
@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ({"name": "b"}, "the name of the object (b) does not match the name on the URL (a)"),
        ({"namespace": "b"}, "the namespace of the provided object does not match the namespace sent on the request"),
        (None, "the name of the object (a based on URL) was undeterminable: name must be provided"),
    ],
)
def test_a_patch_cannot_move_its_object(objects: kl.Cluster, kind: str, meta: Any, message: str) -> None:
    before = objects["cm/a"]
    assert refusal(objects, "PATCH", MAP, {"metadata": meta}, kind) == (400, "BadRequest", message)
    assert objects["cm/a"] == before


def test_a_patch_cannot_make_another_kind_of_its_object(objects: kl.Cluster) -> None:
    code, _, message = refusal(objects, "PATCH", MAP, {"kind": "Pod"}, MERGE)
    assert code == 422 and message.endswith(": converting (v1.Pod) to (core.ConfigMap): unknown conversion")
    code, _, message = refusal(objects, "PATCH", MAP, {"apiVersion": "v2"}, MERGE)
    assert code == 422 and ': no kind "ConfigMap" is registered for version "v2" in scheme' in message
    code, found = objects.request("PATCH", MAP, {"kind": "Pod", "apiVersion": "v2"}, content_type=STRATEGIC)
    assert (code, found["kind"], found["apiVersion"]) == (200, "ConfigMap", "v1"), "a typed object keeps its type"
    assert objects["cm/a"]["kind"] == "ConfigMap"


@pytest.mark.parametrize(
    ("path", "patch", "shown", "cause"),
    [
        (WEB, {"spec": {"replicas": "three"}}, "map[spec:map[replicas:three]]", "unrecognized type: int32"),
        (WEB, {"spec": {"replicas": 1.5}}, "map[spec:map[replicas:1.5]]", "cannot convert float64 to int32"),
        (WEB, {"spec": {"paused": "x"}}, "map[spec:map[paused:x]]", "unrecognized type: bool"),
        (WEB, {"spec": []}, "map[spec:[]]", "cannot restore struct from: slice"),
        (MAP, {"data": 5}, "map[data:5]", "cannot restore map from int64"),
        (MAP, {"data": {"a": 1}}, "map[data:map[a:1]]", "cannot convert int64 to string"),
        (MAP, {"data": {"a": True}}, "map[data:map[a:true]]", "unrecognized type: string"),
        (MAP, {"metadata": {"finalizers": "x"}}, "map[metadata:map[finalizers:x]]", "cannot restore slice from string"),
    ],
)
def test_a_strategic_patch_is_converted_without_a_text_between(objects: kl.Cluster, path: str, patch: Any, shown: str, cause: str) -> None:
    message = f' "" is invalid: patch: Invalid value: "{shown}": {cause}'
    assert refusal(objects, "PATCH", path, patch, STRATEGIC) == (422, "Invalid", message)


def test_a_whole_float_is_an_integer_to_a_strategic_patch_alone(objects: kl.Cluster) -> None:
    assert objects.request("PATCH", WEB, '{"spec":{"minReadySeconds":7.0}}', content_type=STRATEGIC)[1]["spec"]["minReadySeconds"] == 7
    assert refusal(objects, "PATCH", WEB, '{"spec":{"minReadySeconds":7.0}}', MERGE)[0] == 422


@pytest.mark.parametrize(
    "operations",
    [
        [{"op": "test", "path": "/data/k", "value": "other"}],
        [{"op": "remove", "path": "/data/none"}],
        [{"op": "bogus", "path": "/data/k"}],
        [{"op": "add", "value": "x"}],
    ],
    ids=str,
)
def test_an_operation_that_fails_gives_no_details(objects: kl.Cluster, operations: Any) -> None:
    code, status = objects.request("PATCH", MAP, operations, content_type=JSON)
    assert (code, status["reason"], status["message"], status["details"]) == (422, "Invalid", SERVER, {})


def test_ten_thousand_operations_are_the_most(objects: kl.Cluster) -> None:
    operations = [{"op": "test", "path": "/data/k", "value": "v"}] * 10_001
    message = "Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001"
    assert refusal(objects, "PATCH", MAP, operations, JSON) == (413, "RequestEntityTooLarge", message)
    assert objects.request("PATCH", MAP, operations[1:], content_type=JSON)[0] == 200


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/json"])
def test_the_router_refuses_foreign_patch_types(objects: kl.Cluster, content_type: str) -> None:
    assert refusal(objects, "PATCH", MAP, {}, content_type) == (415, "UnsupportedMediaType", "415: Unsupported Media Type")


@pytest.mark.parametrize(
    ("kind", "query", "text"),
    [
        (MERGE, "force=true", "force: Forbidden: may not be specified for non-apply patch"),
        (APPLY, "", "fieldManager: Required value: is required for apply patch"),
    ],
)
def test_patch_options(objects: kl.Cluster, kind: str, query: str, text: str) -> None:
    found = refusal(objects, "PATCH", f"{MAP}?{query}", config_map("a"), kind)
    assert found == (422, "Invalid", f'PatchOptions.meta.k8s.io "" is invalid: {text}')


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (config_map("a", foo=1), 500, "failed to create typed patch object (/a; /v1, Kind=ConfigMap): .foo: field not declared in schema"),
        (config_map("a", data={"k": 5}), 500, ".data.k: expected string, got &value.valueUnstructured{Value:5}"),
        (config_map("b"), 400, "the name of the object (b) does not match the name on the URL (a)"),
        (config_map("a", metadata={"name": "a", "uid": "x"}), 422, 'metadata.uid: Invalid value: "x": field is immutable'),
        (config_map("a", metadata={"name": "a", "resourceVersion": "1"}), 409, "the object has been modified"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_an_apply_that_does_not_fit(objects: kl.Cluster, body: Any, code: int, message: str) -> None:
    found, _, text = refusal(objects, "PATCH", f"{MAP}?fieldManager=me", body, APPLY)
    assert found == code and message in text


def test_an_apply_that_creates_may_bring_a_version_but_no_uid(objects: kl.Cluster) -> None:
    path = f"{CORE}/configmaps/new?fieldManager=me"
    found = refusal(objects, "PATCH", path, config_map("new", metadata={"name": "new", "uid": "x"}), APPLY)
    text = "uid mismatch: the provided object specified uid x, and no existing object was found"
    assert found == (409, "Conflict", f'Operation cannot be fulfilled on configmaps "new": {text}')
    code, _ = objects.request("PATCH", path, config_map("new", metadata={"name": "new", "resourceVersion": "1"}), content_type=APPLY)
    assert code == 201


def test_scale_is_patched_as_a_scale(objects: kl.Cluster) -> None:
    path = f"{WEB}/scale"
    assert refusal(objects, "PATCH", path, {"spec": {"replicas": "x"}}, STRATEGIC)[2].endswith("unrecognized type: int32")
    assert refusal(objects, "PATCH", f"{path}?fieldValidation=Strict", {"spec": {"foo": 1}}, MERGE)[2].endswith('unknown field "spec.foo"')
    assert refusal(objects, "PATCH", path, {"metadata": {"name": "z"}}, MERGE)[0] == 400
    assert objects.request("PATCH", path, {"spec": {"replicas": 2}}, content_type=MERGE)[1]["spec"] == {"replicas": 2}
