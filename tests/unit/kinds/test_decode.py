"""upstream: sigs.k8s.io/json (Go's encoding/json with case-sensitive names), test/integration/apiserver/field_validation_test.go, 1.28."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from kubelab.kinds import decode, schema


def decoded(group: str, kind: str, body: dict[str, Any]) -> tuple[dict[str, Any], decode.Decoded]:
    obj = copy.deepcopy(body)
    shape = schema.for_kind(group, "v1", kind)
    assert shape is not None
    return obj, decode.check(obj, shape)


def containers(**fields: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [{"name": "c", **fields}]}}}}


ERRORS = [
    ({"spec": {"replicas": "three"}}, "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"),
    ({"spec": {"replicas": 1.5}}, "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32"),
    (
        {"spec": {"replicas": 3000000000}},
        "json: cannot unmarshal number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32",
    ),
    ({"spec": {"paused": "yes"}}, "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.paused of type bool"),
    ({"spec": []}, "json: cannot unmarshal array into Go struct field Deployment.spec of type v1.DeploymentSpec"),
    ({"metadata": {"labels": {"a": 1}}}, "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string"),
    (
        {"metadata": {"labels": "a"}},
        "json: cannot unmarshal string into Go struct field ObjectMeta.metadata.labels of type map[string]string",
    ),
    (
        containers(image=5),
        "json: cannot unmarshal number into Go struct field Container.spec.template.spec.containers.image of type string",
    ),
    (
        containers(imagePullPolicy=True),
        "json: cannot unmarshal bool into Go struct field Container.spec.template.spec.containers.imagePullPolicy of type v1.PullPolicy",
    ),
    (
        containers(ports=[{"containerPort": "http"}]),
        "json: cannot unmarshal string into Go struct field ContainerPort.spec.template.spec.containers.ports.containerPort of type int32",
    ),
    (
        {"spec": {"strategy": {"rollingUpdate": {"maxSurge": True}}}},
        "json: cannot unmarshal bool into Go struct field RollingUpdateDeployment.spec.strategy.rollingUpdate.maxSurge of type int32",
    ),
    (
        containers(resources={"requests": {"memory": "1Gx"}}),
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ),
    (
        {"metadata": {"creationTimestamp": "yesterday"}},
        'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"',
    ),
    ({"metadata": {"creationTimestamp": "2026-13-01T00:00:00Z"}}, 'parsing time "2026-13-01T00:00:00Z": month out of range'),
]


@pytest.mark.parametrize(("body", "message"), ERRORS)
def test_type_errors_in_gos_words(body: dict[str, Any], message: str) -> None:
    assert decoded("apps", "Deployment", body)[1].errors == (message,)


def test_an_error_of_a_types_own_decoder_counts_more_than_a_type_error_before_it() -> None:
    body = {"spec": {"replicas": "x", "template": containers(resources={"limits": {"cpu": "?"}})["spec"]["template"]}}
    assert decoded("apps", "Deployment", body)[1].errors[0].startswith("quantities must match")


@pytest.mark.parametrize(
    ("text", "at"), [("not base64!", 3), ("a", 0), ("YQ", 0), ("YQ=", 3), ("abcd!", 4), ("YWJ=x", 4)]
)  # encoding/base64 CorruptInputError; core-errors:23
def test_where_base64_breaks(text: str, at: int) -> None:
    assert decoded("", "Secret", {"data": {"k": text}})[1].errors == (f"illegal base64 data at input byte {at}",)


def test_unknown_fields_are_dropped_and_named_in_order() -> None:
    body = {"spec": {"foo": 1, **containers(Image="x", env=[{"name": "a"}, {"bar": 2}])["spec"]}, "zoo": {}}
    obj, found = decoded("apps", "Deployment", body)
    path = "spec.template.spec.containers[0]"
    assert found.errors == ()
    assert found.unknown == ("spec.foo", f"{path}.Image", f"{path}.env[1].bar", "zoo")
    assert found.strict == tuple(f'unknown field "{each}"' for each in found.unknown)
    assert "foo" not in obj["spec"]
    assert "zoo" not in obj


def test_nulls_and_zero_values_go_as_gos_encoder_lets_them() -> None:
    body = {
        "metadata": {"name": "x", "labels": {"a": None}, "annotations": {}, "finalizers": None},
        "spec": {"replicas": 0, "paused": False, "minReadySeconds": 0, "selector": None},
    }
    obj, found = decoded("apps", "Deployment", body)
    assert found == decode.Decoded()
    assert obj["metadata"] == {"name": "x", "labels": {"a": ""}, "creationTimestamp": None}
    assert obj["spec"]["replicas"] == 0
    assert not {"paused", "minReadySeconds", "selector"} & set(obj["spec"])


def test_structs_that_go_always_writes_appear() -> None:
    obj, _ = decoded("apps", "Deployment", containers(resources=None))
    assert obj["status"] == {}
    assert obj["spec"]["strategy"] == {}
    template = obj["spec"]["template"]
    assert template["metadata"] == {"creationTimestamp": None}
    assert template["spec"]["containers"][0] == {"name": "c", "resources": {}}


def test_complete_adds_the_same_to_an_object_that_was_not_decoded() -> None:
    shape = schema.for_kind("", "v1", "Pod")
    assert shape is not None
    obj = decode.complete({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c"}]}}, shape)
    assert obj["spec"]["containers"] == [{"name": "c", "resources": {}}]
    assert obj["status"] == {}


def test_complete_writes_zeros_that_may_not_be_left_out() -> None:  # objects.json.gz: EndpointSlice without endpoints, new ReplicaSet
    for group, kind, part, zeros in (
        ("discovery.k8s.io", "EndpointSlice", None, {"addressType": "", "endpoints": None, "ports": None}),
        ("apps", "ReplicaSet", "status", {"replicas": 0}),
    ):
        shape = schema.for_kind(group, "v1", kind)
        assert shape is not None
        obj = decode.complete({"metadata": {"name": "x"}}, shape)
        found = obj[part] if part else {key: obj[key] for key in zeros}
        assert found == zeros


def test_quantities_and_times_get_their_canonical_text() -> None:
    body = {"metadata": {"creationTimestamp": "2026-01-01T01:00:00.5+01:00"}, "spec": {"capacity": {"storage": "1024Mi", "x": 0.5}}}
    obj, found = decoded("", "PersistentVolume", body)
    assert found.errors == ()
    assert obj["metadata"]["creationTimestamp"] == "2026-01-01T00:00:00Z"
    assert obj["spec"]["capacity"] == {"storage": "1Gi", "x": "500m"}


def test_micro_times_keep_six_decimals() -> None:
    obj, found = decoded("coordination.k8s.io", "Lease", {"spec": {"renewTime": "2026-01-01T00:00:00.000001Z"}})
    assert (found.errors, obj["spec"]["renewTime"]) == ((), "2026-01-01T00:00:00.000001Z")


def test_unions_and_free_form_values_pass() -> None:
    body = {"spec": {"ports": [{"port": 80, "targetPort": "http"}, {"port": 81, "targetPort": 8081}]}}
    obj, found = decoded("", "Service", body)
    assert (found.errors, [port["targetPort"] for port in obj["spec"]["ports"]]) == ((), ["http", 8081])
    obj, found = decoded("apps", "ControllerRevision", {"data": {"anything": [1, {"goes": None}]}, "revision": 1})
    assert (found, obj["data"]) == (decode.Decoded(), {"anything": [1, {"goes": None}]})
