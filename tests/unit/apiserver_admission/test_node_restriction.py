"""NodeRestriction: what a kubelet may write.

upstream: plugin/pkg/admission/noderestriction/admission_test.go, 1.28; recorded: security-errors 22 to 29.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.apiserver.admission.api import Attributes, Cluster
from kubelab.apiserver.admission.node_restriction import NodeRestriction, forbidden_labels
from kubelab.apiserver.request import NO_OPTIONS, User
from kubelab.apiserver.server import ApiServer
from kubelab.apiserver.status import ApiFailure
from kubelab.kinds import registry
from tests.unit.apiserver_authorization import builders as b

Object = dict[str, Any]
ME = b.node_user("mynode")
MIRROR = {"kubernetes.io/config.mirror": "true"}
OWNER = {"apiVersion": "v1", "kind": "Node", "name": "mynode", "uid": "uid-mynode", "controller": True}


def pod(node: str = "mynode", *, mirror: bool = True, owners: list[Object] | None = None, **spec: Any) -> Object:
    meta: Object = {"annotations": MIRROR} if mirror else {}
    meta["ownerReferences"] = [OWNER] if owners is None else owners
    return b.pod("p", "ns", meta=meta, nodeName=node, **spec)


def node(name: str = "mynode", labels: dict[str, str] | None = None, **spec: Any) -> Object:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels or {}}, "spec": spec}


def server() -> ApiServer:
    made = b.empty()
    b.put(made, "nodes", node())
    for name, where in (("mine", "mynode"), ("theirs", "othernode"), ("unbound", "")):
        b.put(made, "pods", {**b.pod(name, "ns", nodeName=where)})
    return made


SERVER = server()


def refusal(operation: str, resource: str, obj: Object | None, old: Object | None = None, name: str = "", user: User = ME) -> str:
    """What NodeRestriction says ("" lets through); ``resource`` may have a subresource."""
    plural, _, subresource = resource.partition("/")
    name = name or str((obj or old or {"metadata": {}})["metadata"].get("name", ""))
    namespace = (obj or old or {"metadata": {"namespace": "ns"}})["metadata"].get("namespace", "ns")
    kind = registry.by_resource(plural)
    attributes = Attributes(operation, kind, subresource, namespace, name, obj, old, user, NO_OPTIONS, SERVER.context(b.NOW_NS))
    cluster = Cluster(SERVER.store.head, SERVER.streams, lambda *_: None, lambda *_: False)
    try:
        NodeRestriction().admit(attributes, cluster)
    except ApiFailure as failure:
        return failure.message
    return ""


def said(why: str, what: str = 'pods "p"') -> str:
    return f"{what} is forbidden: {why}"


SELF = 'node "mynode" can only create pods with'
PODS = [
    (pod(), ""),
    (pod(mirror=False), 'pod does not have "kubernetes.io/config.mirror" annotation, node "mynode" can only create mirror pods'),
    (pod("othernode"), f"{SELF} spec.nodeName set to itself"),
    (pod(""), f"{SELF} spec.nodeName set to itself"),
    (pod(owners=[OWNER, OWNER]), f"{SELF} a single owner reference set to itself"),
    (pod(owners=[]), f"{SELF} an owner reference set to itself"),
    (pod(owners=[{**OWNER, "name": "othernode"}]), f"{SELF} an owner reference set to itself"),
    (pod(owners=[{**OWNER, "apiVersion": "v2"}]), f"{SELF} an owner reference set to itself"),
    (pod(owners=[{**OWNER, "kind": "Pod"}]), f"{SELF} an owner reference set to itself"),
    (pod(owners=[{**OWNER, "controller": False}]), f"{SELF} a controller owner reference set to itself"),
    (pod(owners=[{**OWNER, "blockOwnerDeletion": True}]), 'node "mynode" must not set blockOwnerDeletion on an owner reference'),
    (pod(owners=[{**OWNER, "uid": "x"}]), "node mynode UID mismatch: expected x got uid-mynode"),
    (pod(serviceAccountName="foo"), 'node "mynode" can not create pods that reference a service account'),
    (pod(volumes=[{"name": "v", "secret": {"secretName": "foo"}}]), 'node "mynode" can not create pods that reference secrets'),
    (pod(volumes=[{"name": "v", "configMap": {"name": "foo"}}]), 'node "mynode" can not create pods that reference configmaps'),
    (
        pod(volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "foo"}}]),
        'node "mynode" can not create pods that reference persistentvolumeclaims',
    ),
]


@pytest.mark.parametrize("obj, why", PODS)
def test_a_node_creates_only_mirror_pods_of_its_own(obj: Object, why: str) -> None:
    assert refusal("CREATE", "pods", obj) == (said(why) if why else "")


# operation, resource, name of a pod that is there, what is said
BY_NAME = [
    ("DELETE", "pods", "mine", ""),
    ("DELETE", "pods", "theirs", 'node "mynode" can only delete pods with spec.nodeName set to itself'),
    ("DELETE", "pods", "unbound", 'node "mynode" can only delete pods with spec.nodeName set to itself'),
    ("CREATE", "pods/eviction", "mine", ""),
    ("CREATE", "pods/eviction", "theirs", "node mynode can only evict pods with spec.nodeName set to itself"),
]


@pytest.mark.parametrize("operation, resource, name, why", BY_NAME)
def test_a_node_removes_only_its_own_pods(operation: str, resource: str, name: str, why: str) -> None:
    body = {"metadata": {"name": name, "namespace": "ns"}} if operation == "CREATE" else None
    assert refusal(operation, resource, body, name=name) == (said(why, f'pods "{name}"') if why else "")


def test_a_node_changes_no_pod_but_its_status() -> None:
    why = 'unexpected operation "UPDATE", node "mynode" can only create and delete mirror pods'
    assert refusal("UPDATE", "pods", pod(), pod()) == said(why)
    assert refusal("UPDATE", "pods/status", pod(), pod()) == ""
    other = 'node "mynode" can only update pod status for pods with spec.nodeName set to itself'
    assert refusal("UPDATE", "pods/status", pod("othernode"), pod("othernode")) == said(other)
    labelled = pod()
    labelled["metadata"]["labels"] = {"a": "b"}
    assert refusal("UPDATE", "pods/status", labelled, pod()) == said('node "mynode" cannot update labels through pod status')


OTHER = 'node "mynode" is not allowed to modify node "other"'
LABELS = {
    "foo": "x",
    "kubernetes.io/hostname": "x",
    "node.kubernetes.io/foo": "x",
    "sub.kubelet.kubernetes.io/foo": "x",
    "node-restriction.kubernetes.io/foo": "x",
    "foo.node-restriction.kubernetes.io/foo": "x",
    "other.k8s.io/foo": "x",
    "other.kubernetes.io/foo": "x",
}
BAD_LABELS = "foo.node-restriction.kubernetes.io/foo, node-restriction.kubernetes.io/foo, other.k8s.io/foo, other.kubernetes.io/foo"
TAINT = {"key": "a", "effect": "NoSchedule"}
SOURCE = {"configMap": {"name": "c"}}
NODES = [
    ("CREATE", node(), None, ""),
    ("CREATE", node("other"), None, OTHER),
    ("CREATE", node(taints=[TAINT]), None, ""),
    ("CREATE", node(configSource=SOURCE), None, 'node "mynode" is not allowed to create pods with a non-nil configSource'),
    ("CREATE", node(labels=LABELS), None, f'node "mynode" is not allowed to set the following labels: {BAD_LABELS}'),
    ("UPDATE", node(), node(), ""),
    ("UPDATE", node("other"), node("other"), OTHER),
    ("UPDATE", node(labels=LABELS), node(), f"is not allowed to modify labels: {BAD_LABELS}"),
    ("UPDATE", node(), node(labels=LABELS), f"is not allowed to modify labels: {BAD_LABELS}"),
    ("UPDATE", node(labels=LABELS), node(labels=LABELS), ""),
    ("UPDATE", node(taints=[TAINT]), node(), 'node "mynode" is not allowed to modify taints'),
    ("UPDATE", node(taints=[]), node(taints=[TAINT]), 'node "mynode" is not allowed to modify taints'),
    ("UPDATE", node(configSource=SOURCE), node(), 'node "mynode" is not allowed to update configSource to a new non-nil configSource'),
    ("UPDATE", node(), node(configSource=SOURCE), ""),
    ("DELETE", None, node("other"), OTHER),
]


@pytest.mark.parametrize("operation, obj, old, why", NODES)
def test_a_node_keeps_to_itself(operation: str, obj: Object | None, old: Object | None, why: str) -> None:
    name = (obj or old or {})["metadata"]["name"]
    assert refusal(operation, "nodes", obj, old) == (said(why, f'nodes "{name}"') if why else "")


def token(**bound: str) -> Object:
    spec = {"boundObjectRef": {"apiVersion": "v1", "kind": "Pod", **bound}} if bound else {}
    return {"metadata": {"name": "default", "namespace": "ns"}, "spec": spec}


TOKENS = [
    (token(name="mine", uid="uid-mine"), ""),
    (token(), "node requested token not bound to a pod"),
    (token(name="mine"), "node requested token with a pod binding without a uid"),
    (
        token(name="mine", uid="x"),
        "the UID in the bound object reference (x) does not match the UID in record. The object might have been deleted and then recreated",
    ),
    (token(name="theirs", uid="uid-theirs"), "node requested token bound to a pod scheduled on a different node"),
]


@pytest.mark.parametrize("obj, why", TOKENS)
def test_a_node_asks_only_for_tokens_of_its_pods(obj: Object, why: str) -> None:
    assert refusal("CREATE", "serviceaccounts/token", obj) == (said(why, 'serviceaccounts "default"') if why else "")


def test_leases_and_csi_nodes_carry_the_nodes_name() -> None:
    lease = {"metadata": {"name": "other", "namespace": "kube-node-lease"}}
    resource = "leases.coordination.k8s.io"
    assert refusal("CREATE", resource, {"metadata": {"name": "mynode", "namespace": "kube-node-lease"}}) == ""
    assert refusal("CREATE", resource, lease).endswith("can only access node lease with the same name as the requesting node")
    csi = refusal("CREATE", "csinodes.storage.k8s.io", {"metadata": {"name": "other"}})
    assert csi.endswith("can only access CSINode with the same name as the requesting node")


def test_a_claims_sizes_are_all_that_a_node_may_write() -> None:
    claim = {"metadata": {"name": "c", "namespace": "ns"}, "spec": {}, "status": {"capacity": {"storage": "1Gi"}}}
    grown = {**claim, "status": {"capacity": {"storage": "2Gi"}, "conditions": [{"type": "Resizing"}]}}
    assert refusal("UPDATE", "persistentvolumeclaims/status", grown, claim) == ""
    phase = refusal("UPDATE", "persistentvolumeclaims/status", {**claim, "status": {"phase": "Bound"}}, claim)
    assert "is not allowed to update fields other than status.capacity and status.conditions" in phase


def test_others_are_not_looked_at() -> None:
    assert refusal("CREATE", "pods", pod("x"), user=User("system:node:mynode", ("dev",))) == ""
    nameless = User("system:node:", ("system:nodes",))
    assert refusal("CREATE", "pods", pod(), user=nameless) == said('could not determine node from user "system:node:"')


def test_a_removed_label_counts_as_changed() -> None:
    assert forbidden_labels({}, {"x.k8s.io/y": "1", "free": "2"}) == ["x.k8s.io/y"]
