"""What a Fault may say: each type its targets and parameters, each refusal naming the path, what was found and what would work."""

from __future__ import annotations

from typing import Any

import pytest

import kubelab as kl
from kubelab.cluster.breaking import BUILT, FIELD, TYPES
from kubelab.kinds.lab.fault import TARGETS
from kubelab.kinds.lab.fault_parameters import PARAMETERS

NODE = {"nodes": ["node-1"]}


def manifest(kind: str, parameters: dict[str, str], **spec: Any) -> dict[str, Any]:
    wanted: dict[str, Any] = {"nodes": NODE, "components": {"components": ["scheduler"]}, "images": {"images": ["nginx:1"]}}.get(
        (TARGETS[kind] or ("",))[0], {}
    )
    body = {"type": kind, **wanted, **spec, "parameters": parameters}
    return {"apiVersion": "lab.kubelab.dev/v1", "kind": "Fault", "metadata": {"name": "x"}, "spec": body}


GOOD: list[tuple[str, dict[str, str]]] = [
    ("ApiError", {"share": "0.5", "verbs": "create,update", "users": "alice", "code": "503"}),
    ("ApiSlow", {"delay": "2s", "share": "25%", "verbs": "patch"}),
    ("DiskFull", {"fill": "95%"}),
    ("DiskLost", {"volumes": "all"}),
    ("NodePartition", {"from": "api-server", "direction": "in"}),
    ("WatchLag", {"delay": "30s"}),
    ("NodeCrash", {}),
]


@pytest.fixture(scope="module")
def world() -> kl.Cluster:
    return kl.Cluster(1, seed=1)


@pytest.mark.parametrize(("kind", "parameters"), GOOD, ids=[row[0] for row in GOOD])
def test_a_manifest_is_taken(world: kl.Cluster, kind: str, parameters: dict[str, str]) -> None:
    made = world.fork().apply(manifest(kind, parameters))
    assert "x" in str(made)


BAD: list[tuple[str, dict[str, str], str]] = [
    ("ApiError", {"share": "0"}, "spec.parameters[share]: Invalid value: \"0\": must be a share such as '0.25' or '25%', greater than 0"),
    ("ApiError", {"share": "most"}, 'spec.parameters[share]: Invalid value: "most": must be a share'),
    ("ApiError", {"share": "110%"}, 'spec.parameters[share]: Invalid value: "110%": must be a share'),
    ("ApiError", {"code": "404"}, 'spec.parameters[code]: Unsupported value: "404": supported values: "429", "500", "503", "504"'),
    ("ApiError", {"verbs": "post"}, 'spec.parameters[verbs]: Unsupported value: "post": supported values: "create", "delete"'),
    ("ApiError", {"verbs": ","}, 'spec.parameters[verbs]: Invalid value: ",": must name verbs, separated by commas'),
    ("ApiSlow", {"delay": "-1s"}, 'spec.parameters[delay]: Invalid value: "-1s": must be greater than 0'),
    ("ApiSlow", {"delay": "soon"}, 'spec.parameters[delay]: Invalid value: "soon": must be seconds or text such as'),
    ("ApiSlow", {"code": "500"}, 'spec.parameters[code]: Invalid value: "500": ApiSlow takes delay, share, users, verbs'),
    ("DiskFull", {"fill": "2"}, 'spec.parameters[fill]: Invalid value: "2": must be a share'),
    ("DiskLost", {"volumes": "some"}, 'spec.parameters[volumes]: Unsupported value: "some": supported values: "all", "emptyDir", "local"'),
    ("NodePartition", {"direction": "up"}, 'spec.parameters[direction]: Unsupported value: "up": supported values: "both", "in", "out"'),
    ("NodeCrash", {"delay": "1s"}, 'spec.parameters[delay]: Invalid value: "1s": NodeCrash takes no parameters'),
]


@pytest.mark.parametrize(("kind", "parameters", "words"), BAD, ids=[f"{row[0]} {row[1]}" for row in BAD])
def test_a_manifest_is_refused(world: kl.Cluster, kind: str, parameters: dict[str, str], words: str) -> None:
    revision = world._engine.store.revision
    with pytest.raises(kl.ApiError) as refused:
        world.apply(manifest(kind, parameters))
    assert refused.value.code == 422
    assert words in refused.value.message
    assert world._engine.store.revision == revision


FOREIGN: list[tuple[str, dict[str, Any], str]] = [
    ("ApiError", {"nodes": ["node-1"]}, "spec.nodes: Forbidden: ApiError takes resources or components"),
    ("NodeCrash", {"images": ["a"]}, "spec.images: Forbidden: NodeCrash takes nodes or selector"),
    ("WatchLag", {"resources": ["pods"]}, "spec.resources: Forbidden: WatchLag takes components"),
    ("ImageBroken", {"selector": {"matchLabels": {"a": "b"}}}, "spec.selector: Forbidden: ImageBroken takes images"),
]


@pytest.mark.parametrize(("kind", "fields", "words"), FOREIGN, ids=[row[0] for row in FOREIGN])
def test_a_target_that_the_type_does_not_know_is_not_ignored(world: kl.Cluster, kind: str, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(kl.ApiError) as refused:
        world.apply(manifest(kind, {}, **fields))
    assert words in refused.value.message


FROM_PYTHON: list[tuple[str, dict[str, Any], str]] = [
    ("Flood", {}, "fault 'Flood' is not built: use one of ApiError, ApiSlow, "),
    ("WebhookDown", {}, "fault 'WebhookDown' is not built"),
    ("NodeCrash", {}, "NodeCrash hits nothing: give nodes= or selector="),
    ("NodeCrash", {"nodes": []}, "NodeCrash hits nothing: give nodes= or selector="),
    ("NodeCrash", {"nodes": "node-1"}, r"nodes='node-1': give a list, such as \['node-1'\]"),
    ("NodePartition", {"nodes": ["node-7"]}, "there is no node 'node-7': there are node-1"),
    ("DiskFull", {"selector": {"matchLabels": {"disk": "ssd"}}}, "DiskFull hits nothing: no node matches disk=ssd: there are node-1"),
    ("RuntimeHang", {"selector": "disk=ssd"}, "selector='disk=ssd': give a LabelSelector"),
    ("ComponentCrash", {"components": ["etcd"]}, "there is no component 'etcd': there are deployment-controller, "),
    ("ComponentCrash", {"components": ["fault-controller"]}, "there is no component 'fault-controller'"),
    ("ApiError", {"resources": ["podz"]}, "there is no resource 'podz': name one as kubectl does"),
    ("ApiSlow", {"lag": "1s"}, "ApiSlow has no 'lag': it takes resources, components, .*delay"),
    ("ImageBroken", {"images": ["a"], "nodes": ["node-1"]}, "ImageBroken has no 'nodes': it takes images, duration, name, start"),
]


@pytest.mark.parametrize(("kind", "fields", "words"), FROM_PYTHON, ids=[f"{row[0]} {row[1]}" for row in FROM_PYTHON])
def test_python_is_told_what_is_not_there(world: kl.Cluster, kind: str, fields: dict[str, Any], words: str) -> None:
    revision = world._engine.store.revision
    with pytest.raises(ValueError, match=words):
        world.fault(kind, **fields)
    assert world._engine.store.revision == revision


def test_parameters_are_arguments_and_lists_are_lists() -> None:
    world = kl.Cluster(1, seed=1)
    made = world.fault("ApiError", resources=["po", "deployments"], verbs=["create", "update"], share=0.5, code=503, duration=30)
    assert made["spec"] == {
        "type": "ApiError",
        "resources": ["pods", "deployments.apps"],
        "duration": "30s",
        "parameters": {"verbs": "create,update", "share": "0.5", "code": "503"},
    }
    assert world.fault("NodePartition", nodes=["node-1"], from_="nodes")["spec"]["parameters"] == {"from": "nodes"}
    assert world.fault("WatchLag", delay=7)["spec"]["parameters"] == {"delay": "7s"}


def test_every_type_that_is_built_has_its_place_in_every_table() -> None:
    assert set(BUILT) == set(FIELD) == set(TYPES)
    assert set(TARGETS) - set(BUILT) == {"WebhookDown"}
    assert set(PARAMETERS) <= set(BUILT)


def test_what_a_fault_hits_stands_once_it_has_begun() -> None:
    world = kl.Cluster(2, seed=1)
    world.fault("NodeCrash", nodes=["node-1"], start="2s", duration="10m", name="x")
    world.patch("fault/x", {"spec": {"nodes": ["node-2"]}}, type="merge")
    assert "startTime" not in world.run("1s")["fault/x"]["status"]
    world.run("2s")
    assert world["fault/x"]["status"] == {"phase": "Active", "startTime": "2026-01-01T00:00:02Z"}
    with pytest.raises(kl.ApiError, match=r"spec.nodes: Forbidden: the fault is Active: delete it and make another"):
        world.patch("fault/x", {"spec": {"nodes": ["node-1"]}}, type="merge")
    world.patch("fault/x", {"spec": {"duration": "5s"}}, type="merge")
    status = world.run("10s")["fault/x"]["status"]
    assert status == {"phase": "Ended", "startTime": "2026-01-01T00:00:02Z", "endTime": "2026-01-01T00:00:07Z"}
