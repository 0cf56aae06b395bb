"""The scale subresource.

upstream: pkg/registry/apps/deployment/storage/storage_test.go TestScaleGet, TestScaleUpdate, 1.28; recorded: workload-errors 24 to 26.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.apiserver.request import Options
from kubelab.apiserver.server import ApiServer
from tests.unit.apiserver_authorization import builders as b

Object = dict[str, Any]
PLACE = ("deployments.apps", "default", "good")


def lab() -> ApiServer:
    server = b.with_namespaces("default")
    template = {"metadata": {"labels": {"app": "good"}}, "spec": {"containers": [{"name": "c", "image": "nginx:1"}]}}
    spec = {"replicas": 3, "selector": {"matchLabels": {"app": "good"}}, "template": template}
    meta = {"name": "good", "namespace": "default"}
    b.create(server, {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec})
    return server


def stored(server: ApiServer) -> Object:
    found = server.store.head.get(*PLACE)
    assert found is not None
    return found


def scale(replicas: int, **meta: str) -> Object:
    meta = {"name": "good", "namespace": "default", **meta}
    return {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": meta, "spec": {"replicas": replicas}}


def test_a_scale_shows_replicas_and_selector() -> None:
    server = lab()
    obj = b.call(server, "get", *PLACE, "scale").object
    meta = stored(server)["metadata"]
    assert obj["metadata"] == {key: meta[key] for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")}
    assert (obj["spec"], obj["status"]) == ({"replicas": 3}, {"replicas": 0, "selector": "app=good"})


def test_a_put_scales_and_raises_the_generation() -> None:
    server = lab()
    answer = b.call(server, "update", *PLACE, "scale", body=scale(5))
    assert (answer.code, answer.object["spec"]) == (200, {"replicas": 5})
    assert (stored(server)["spec"]["replicas"], stored(server)["metadata"]["generation"]) == (5, 2)


def test_a_patch_scales() -> None:
    server = lab()
    answer = b.merge(server, *PLACE, {"spec": {"replicas": 0}}, subresource="scale")
    assert (answer.code, answer.object["spec"], stored(server)["spec"]["replicas"]) == (200, {}, 0)


def test_an_apply_scales_and_owns_the_replicas() -> None:
    server = lab()
    more: Object = {"body": scale(4), "patch_type": "apply", "options": Options(field_manager="hpa", force=True)}
    assert b.call(server, "patch", *PLACE, "scale", **more).object["spec"] == {"replicas": 4}
    entries = server.managed.of(PLACE)
    assert [entry["fieldsV1"] for entry in entries if entry["manager"] == "hpa"] == [{"f:spec": {"f:replicas": {}}}]


# recorded: workload-errors 24, 26
REFUSED = [
    ({"spec": {"replicas": -2}}, "", "spec.replicas: Invalid value: -2: must be greater than or equal to 0"),
    (
        {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "good"}, "spec": {"replicas": 5}},
        "put",
        "metadata.namespace: Required value",
    ),
]


@pytest.mark.parametrize("body, how, error", REFUSED)
def test_a_wrong_scale_is_refused_as_recorded(body: Object, how: str, error: str) -> None:
    server = lab()
    answer = b.call(server, "update", *PLACE, "scale", body=body) if how else b.merge(server, *PLACE, body, subresource="scale")
    assert (answer.code, answer.object["message"]) == (422, f'Scale.autoscaling "good" is invalid: {error}')
    assert answer.object["details"]["group"] == "autoscaling"


def test_an_old_version_is_a_conflict() -> None:
    answer = b.call(lab(), "update", *PLACE, "scale", body=scale(5, resourceVersion="1"))
    assert (answer.code, answer.object["reason"]) == (409, "Conflict")


def test_a_dry_run_scales_nothing() -> None:
    server = lab()
    answer = b.call(server, "update", *PLACE, "scale", body=scale(9), options=Options(dry_run=True))
    assert (answer.object["spec"], stored(server)["spec"]["replicas"]) == ({"replicas": 9}, 3)


def test_a_missing_workload_is_named_with_its_subresource() -> None:
    answer = b.call(lab(), "get", "deployments.apps", "default", "ghost", "scale")
    assert answer.object["message"] == 'deployments/scale.apps "ghost" not found'
    assert answer.object["details"] == {"name": "ghost", "group": "apps", "kind": "deployments/scale"}


@pytest.mark.parametrize("resource, verb, code", [("daemonsets.apps", "get", 404), ("deployments.apps", "delete", 405)])
def test_what_has_no_scale_has_none(resource: str, verb: str, code: int) -> None:
    assert b.call(lab(), verb, resource, "default", "good", "scale").code == code
