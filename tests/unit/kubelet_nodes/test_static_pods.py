"""What a kubelet makes of a manifest in its folder, and when it makes, replaces or removes the mirror.

upstream: pkg/kubelet/config/common_test.go, pkg/kubelet/config/file_linux_test.go, pkg/kubelet/pod/mirror_client_test.go, 1.28.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.engine.plan import Call, Plan
from kubelab.kubelet import static_pods
from kubelab.kubelet.static_pods import HASH, MIRROR, SEEN, SOURCE, MirrorSeen, of_manifest

MANIFEST: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "etcd", "namespace": "kube-system", "labels": {"tier": "control-plane"}, "annotations": {"a": "b"}},
    "spec": {"containers": [{"name": "etcd", "image": "registry.k8s.io/etcd:3.5.9-0"}], "hostNetwork": True},
}
AT_NS = 1_767_225_600_120_000_000


def static(image: str = "") -> dict[str, Any]:
    manifest = MANIFEST if not image else {**MANIFEST, "spec": {"containers": [{"name": "etcd", "image": image}]}}
    return of_manifest(manifest, "Node-1", "/etc/kubernetes/manifests/etcd.yaml", AT_NS)


def test_a_pod_is_named_after_its_node_in_lower_case_and_bound_to_it() -> None:
    pod = static()
    assert (pod["metadata"]["name"], pod["spec"]["nodeName"]) == ("etcd-node-1", "Node-1")
    assert pod["metadata"]["namespace"] == "kube-system"
    assert pod["spec"]["tolerations"] == [{"operator": "Exists", "effect": "NoExecute"}]


def test_annotations_say_where_it_comes_from() -> None:
    pod = static()
    uid = pod["metadata"]["uid"]
    assert len(uid) == 32 and set(uid) <= set("0123456789abcdef")
    assert pod["metadata"]["annotations"] == {"a": "b", HASH: uid, SEEN: "2026-01-01T00:00:00.12Z", SOURCE: "file"}


def test_the_uid_is_a_hash_of_manifest_node_and_path() -> None:
    uid = static()["metadata"]["uid"]
    assert static()["metadata"]["uid"] == uid
    assert static("etcd:2")["metadata"]["uid"] != uid
    assert of_manifest(MANIFEST, "node-2", "/etc/kubernetes/manifests/etcd.yaml", AT_NS)["metadata"]["uid"] != uid
    given = {**MANIFEST, "metadata": {**MANIFEST["metadata"], "uid": "mine"}}
    assert of_manifest(given, "node-2", "", AT_NS)["metadata"]["uid"] == "mine"


def mirror(pod: dict[str, Any] | None = None, *, going: bool = False, of: str | None = "own") -> dict[str, Any]:
    pod = pod or static()
    annotations = dict(pod["metadata"]["annotations"])
    if of is not None:
        annotations[MIRROR] = pod["metadata"]["uid"] if of == "own" else of
    meta = {**pod["metadata"], "uid": "mirror-uid", "annotations": annotations}
    return {**pod, "metadata": {**meta, "deletionTimestamp": "now"} if going else meta}


def words(plan: Plan) -> list[str]:
    return [call.verb for call in plan.calls if isinstance(call, Call)]


@pytest.mark.parametrize(
    ("pod", "shown", "node", "running", "expected"),
    [
        pytest.param(static(), None, "u", False, ["create"], id="no mirror"),
        pytest.param(static(), mirror(), "u", False, [], id="its mirror is there"),
        pytest.param(static(), mirror(going=True), "u", False, ["delete", "create"], id="somebody deletes the mirror"),
        pytest.param(static(), mirror(of="another"), "u", False, ["delete", "create"], id="the mirror of an earlier manifest"),
        pytest.param(static(), mirror(of=None), "u", False, [], id="a pod that is no mirror has the name"),
        pytest.param(static(), None, "", False, [], id="no Node object, or one that is being deleted"),
        pytest.param(static(), None, "u", True, [], id="an earlier static pod of the name still runs"),
        pytest.param(None, mirror(), "u", False, ["delete"], id="the manifest is gone"),
        pytest.param(None, mirror(), "u", True, [], id="the manifest is gone, its containers are not"),
        pytest.param(None, mirror(of=None), "u", False, [], id="a pod of the API server"),
        pytest.param(None, None, "u", False, [], id="nothing"),
    ],
)
def test_mirror(pod: Any, shown: Any, node: str, running: bool, expected: list[str]) -> None:
    assert words(static_pods.plan(MirrorSeen(pod, shown, "Node-1", node, running))) == expected


def test_a_mirror_is_owned_by_its_node_and_deleted_without_grace() -> None:
    planned = static_pods.plan(MirrorSeen(static(), mirror(going=True), "Node-1", "u", False))
    delete, create = (call for call in planned.calls if isinstance(call, Call))
    assert delete.body == {"gracePeriodSeconds": 0, "preconditions": {"uid": "mirror-uid"}}
    meta = create.body["metadata"]
    assert meta["ownerReferences"] == [{"apiVersion": "v1", "kind": "Node", "name": "Node-1", "uid": "u", "controller": True}]
    assert meta["annotations"][MIRROR] == meta["annotations"][HASH] == static()["metadata"]["uid"]
    assert "uid" not in meta
