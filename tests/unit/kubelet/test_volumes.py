"""Volumes: what must be there before a pod starts, what containers find in them, what stays.

upstream: pkg/kubelet/volumemanager/volume_manager_test.go, pkg/volume/{configmap,secret,projected,downwardapi}, 1.28.
"""

from __future__ import annotations

import base64
from typing import Any

import pytest

from kubelab.kubelet.pod.environment import ConfigError, Place
from kubelab.kubelet.pod.volumes import contents
from tests.unit.kubelet.world import Node, pod, shell

Object = dict[str, Any]


def reader(path: str, volume: Object, script: str = "", **mount: Any) -> Object:
    """A pod that prints a file of its volume."""
    mounted = [{"name": "v", "mountPath": "/v", **mount}]
    return pod(shell(script or f"cat {path}; sleep 1000", volumeMounts=mounted), volumes=[{"name": "v", **volume}])


def named(name: str, **more: Any) -> Object:
    return {"metadata": {"name": name, "namespace": "default"}, **more}


def with_data() -> Node:
    node = Node()
    node.create("configmaps", named("cm", data={"k": "text\n"}))
    node.create("secrets", named("s", data={"k": "cGFzcwo="}))
    return node


ITEMS = [{"key": "k", "path": "sub/name"}]
CONTENTS = [
    ({"configMap": {"name": "cm"}}, "/v/k", "text\n"),
    ({"configMap": {"name": "cm", "items": ITEMS}}, "/v/sub/name", "text\n"),
    ({"secret": {"secretName": "s"}}, "/v/k", "pass\n"),
    ({"downwardAPI": {"items": [{"path": "n", "fieldRef": {"fieldPath": "metadata.name"}}]}}, "/v/n", "web"),
    ({"projected": {"sources": [{"configMap": {"name": "cm"}}, {"secret": {"name": "s", "items": ITEMS}}]}}, "/v/sub/name", "pass\n"),
]


@pytest.mark.parametrize(("volume", "path", "expected"), CONTENTS)
def test_a_container_finds_what_the_kubelet_wrote(volume: Object, path: str, expected: str) -> None:
    node = with_data()
    node.start(reader(path, volume))
    node.run("5s")
    assert node.output() == expected


BOTH = {"data": {"foo": "foo", "bar": "bar"}}
FILES: list[tuple[Object, list[tuple[str, str]], bool, dict[str, str] | None]] = [
    # configmap_test.go TestMakePayload: the ConfigMap, its items, optional, the files (None: an error)
    (BOTH, [], False, {"foo": "foo", "bar": "bar"}),
    ({"binaryData": {"foo": "Zm9v", "bar": "YmFy"}}, [], False, {"foo": "foo", "bar": "bar"}),
    ({"binaryData": {"foo": "Zm9v"}, "data": {"bar": "bar"}}, [], False, {"foo": "foo", "bar": "bar"}),
    ({"binaryData": {"foo": "Zm9v"}}, [("foo", "a/foo.bin")], False, {"a/foo.bin": "foo"}),
    (BOTH, [("foo", "path/to/foo.txt")], False, {"path/to/foo.txt": "foo"}),
    (BOTH, [("foo", "path/to/1/2/3/foo.txt")], False, {"path/to/1/2/3/foo.txt": "foo"}),
    (
        BOTH,
        [("foo", "path/to/1/2/3/foo.txt"), ("bar", "another/path/to/the/esteemed/bar.bin")],
        False,
        {"path/to/1/2/3/foo.txt": "foo", "another/path/to/the/esteemed/bar.bin": "bar"},
    ),
    (BOTH, [("zab", "path/to/foo.txt")], False, None),
    (BOTH, [("foo", "foo.txt"), ("bar", "bar.bin")], False, {"foo.txt": "foo", "bar.bin": "bar"}),
    (BOTH, [("zab", "path/to/foo.txt")], True, {}),
]


@pytest.mark.parametrize("kind", ["configMap", "secret"])
@pytest.mark.parametrize("projected", [False, True])
@pytest.mark.parametrize(("source", "items", "optional", "files"), FILES)
def test_the_files_of_a_volume(
    source: Object, items: list[tuple[str, str]], optional: bool, files: dict[str, str] | None, projected: bool, kind: str
) -> None:
    # the same rows stand in secret_test.go TestMakePayload, projected_test.go TestCollectDataWithSecret and TestCollectDataWithConfigMap
    node = Node()
    obj = source
    if kind == "secret":
        data = {key: base64.b64encode(text.encode()).decode() for key, text in (source.get("data") or {}).items()}
        obj = {"data": data | source.get("binaryData", {})}
    node.create("configmaps" if kind == "configMap" else "secrets", named("cm", **obj))
    node.run("1s")
    listed = {"items": [{"key": key, "path": path} for key, path in items]} if items else {}
    inner = {"secretName" if kind == "secret" and not projected else "name": "cm", "optional": optional, **listed}
    volume = {"name": "v", "projected": {"sources": [{kind: inner}]}} if projected else {"name": "v", kind: inner}
    place = Place(
        node.engine.scope(node.engine.runners["kubelet/n0"], ()).view, {"metadata": named("p")["metadata"], "spec": {}}, "", "", None
    )
    if files is None:
        with pytest.raises(ConfigError, match="references non-existent .*key: zab"):
            contents(place, volume)
        return
    assert contents(place, volume) == files


MISSING = [
    ({"configMap": {"name": "no"}}, 'configmap "no" not found'),
    ({"secret": {"secretName": "no"}}, 'secret "no" not found'),
    ({"configMap": {"name": "cm", "items": [{"key": "no", "path": "p"}]}}, "configmap references non-existent config key: no"),
]


@pytest.mark.parametrize(("volume", "message"), MISSING)
def test_a_pod_waits_for_what_it_mounts(volume: Object, message: str) -> None:
    node = with_data()
    node.start(reader("/v/k", volume))
    node.run("20s")
    assert node.events("FailedMount") == [("FailedMount", f'MountVolume.SetUp failed for volume "v" : {message}')]
    assert node.state()["state"]["waiting"]["reason"] == "ContainerCreating"
    node.run("130s")
    timeout = "unmounted volumes=[v], unattached volumes=[v], failed to process volumes=[]: timed out waiting for the condition"
    assert ("FailedMount", f"Unable to attach or mount volumes: {timeout}") in node.events()


def test_a_pod_starts_when_what_it_mounts_has_come() -> None:
    node = Node()
    node.start(reader("/v/k", {"configMap": {"name": "cm"}}))
    node.run("5s")
    node.create("configmaps", named("cm", data={"k": "late\n"}))
    node.run("20s")
    assert node.output() == "late\n"


def test_a_changed_config_map_arrives_in_its_volume_after_a_while() -> None:
    # the documentation's page on ConfigMaps: "Mounted ConfigMaps are updated automatically"
    node = with_data()
    node.start(reader("", {"configMap": {"name": "cm"}}, "while true; do cat /v/k; sleep 50; done"))
    node.run("20s")
    node.ask("update", "configmaps", "cm", {**named("cm", data={"k": "new\n"})})
    node.run("120s")
    assert node.output() in ("text\ntext\nnew\n", "text\nnew\nnew\n")


def test_an_optional_source_is_not_waited_for() -> None:
    node = Node()
    node.start(reader("/v/k", {"configMap": {"name": "no", "optional": True}}, "ls /v; sleep 1000"))
    node.run("5s")
    assert (node.status()["phase"], node.output()) == ("Running", "")


def test_what_is_written_to_a_claim_is_there_on_the_next_node() -> None:
    node = Node(2)
    node.create("persistentvolumeclaims", named("data", spec={"volumeName": "pv1"}, status={"phase": "Bound"}))
    claim = {"persistentVolumeClaim": {"claimName": "data"}}
    node.start(reader("", claim, "echo kept > /v/f; sleep 1000"))
    node.run("5s")
    node.delete("web", 1)
    node.run("10s")
    moved = reader("/v/f", claim)
    node.start({**moved, "spec": {**moved["spec"], "nodeName": "n1"}})
    node.run("5s")
    assert node.output(node="n1") == "kept\n"


def test_a_claim_that_is_not_bound_holds_the_pod_back() -> None:
    node = Node()
    node.start(reader("/v/f", {"persistentVolumeClaim": {"claimName": "data"}}))
    node.run("20s")
    assert node.status()["phase"] == "Pending"
    assert not node.events("Pulling")
    (story,) = [because for key, because in node.engine.runners["kubelet/n0"].stories.items() if key[0] == "pod"]
    assert str(story[0]) == "pod/web waits for a volume: error processing PVC default/data: PVC is not found"
    node.create("persistentvolumeclaims", named("data", spec={"volumeName": "pv1"}, status={"phase": "Bound"}))
    node.run("10s")
    assert node.status()["phase"] == "Running"


def test_containers_share_an_empty_dir_that_goes_with_the_pod() -> None:
    node = Node()
    mounted = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    writer = shell("echo shared > /v/f; sleep 1000", "a", **mounted)
    node.start(pod(writer, shell("sleep 2; cat /v/f; sleep 1000", **mounted), volumes=[{"name": "v", "emptyDir": {}}]))
    node.run("10s")
    assert node.output() == "shared\n"
    node.delete("web", 1)
    node.run("10s")
    assert not node.engine.machines[""]["disks"]


def test_the_service_accounts_volume_costs_nothing() -> None:
    node = Node()
    sources = [{"serviceAccountToken": {"path": "token"}}, {"configMap": {"name": "kube-root-ca.crt"}}]
    spec = {"volumes": [{"name": "kube-api-access-x", "projected": {"sources": sources}}]}
    node.start(pod(**spec))
    node.run("5s")
    assert node.status()["phase"] == "Running"
    assert not node.engine.machines[""].get("disks")
