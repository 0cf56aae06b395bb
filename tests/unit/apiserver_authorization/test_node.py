"""The node authorizer: what a kubelet may see and touch, and why not.

upstream: plugin/pkg/auth/authorizer/node/node_authorizer_test.go TestAuthorizer, 1.28, with its sample data for two nodes.
"""

from __future__ import annotations

import pytest

from kubelab.apiserver.authorization import check
from kubelab.apiserver.request import User
from kubelab.apiserver.server import ApiServer
from tests.unit.apiserver_authorization import builders as b

NODE0 = b.node_user("node0")
UNRELATED = "no relationship found between node 'node0' and this object"
LEASES, CSI_NODES = "leases.coordination.k8s.io", "csinodes.storage.k8s.io"
CLAIMS, ATTACHMENTS = "resourceclaims.resource.k8s.io", "volumeattachments.storage.k8s.io"


def sample() -> ApiServer:
    """Two nodes with two pods each, in two namespaces; every pod with its own secret, configmap, claim, volume and resource claim."""
    server = b.empty()
    for node in ("node0", "node1"):
        for index in (0, 1):
            name, namespace = f"pod{index}-{node}", f"ns{index}"
            b.put(server, "pods", _pod(name, namespace, node, f"svcacct{index}-{node}"))
            b.put(server, "persistentvolumes", _volume(f"pv0-{name}-{namespace}", namespace, f"pvc0-{name}"))
        b.put(server, ATTACHMENTS, {"metadata": {"name": f"attachment0-{node}"}, "spec": {"nodeName": node}})
    return server


def _pod(name: str, namespace: str, node: str, account: str) -> b.Object:
    volumes = [
        {"name": "s", "secret": {"secretName": f"secret0-{name}"}},
        {"name": "t", "secret": {"secretName": "secret0-shared"}},
        {"name": "m", "configMap": {"name": f"configmap0-{name}"}},
        {"name": "p", "persistentVolumeClaim": {"claimName": f"pvc0-{name}"}},
    ]
    claims = [
        {"name": "claim0", "source": {"resourceClaimName": f"claim0-{name}-{namespace}"}},
        {"name": "made", "source": {"resourceClaimTemplateName": f"{name}-claimtemplate0"}},
    ]
    made = {"name": "made", "resourceClaimName": f"generated-claim-{name}-{namespace}-0"}
    spec = {"nodeName": node, "serviceAccountName": account, "volumes": volumes, "resourceClaims": claims}
    return {"metadata": {"name": name, "namespace": namespace}, "spec": spec, "status": {"resourceClaimStatuses": [made]}}


def _volume(name: str, namespace: str, claim: str) -> b.Object:
    spec = {"flexVolume": {"secretRef": {"name": f"secret-{name}"}}, "claimRef": {"namespace": namespace, "name": claim}}
    return {"metadata": {"name": name}, "spec": spec}


SAMPLE = sample()

# (verb, resource, subresource, namespace, name)
ALLOWED = [
    ("get", "configmaps", "", "ns0", "configmap0-pod0-node0"),
    ("get", "secrets", "", "ns0", "secret0-pod0-node0"),
    ("list", "secrets", "", "ns0", "secret0-pod0-node0"),
    ("watch", "secrets", "", "ns0", "secret0-pod0-node0"),
    ("get", "secrets", "", "ns0", "secret0-shared"),
    ("get", "secrets", "", "ns0", "secret-pv0-pod0-node0-ns0"),
    ("get", "persistentvolumeclaims", "", "ns0", "pvc0-pod0-node0"),
    ("update", "persistentvolumeclaims", "status", "ns0", "pvc0-pod0-node0"),
    ("get", CLAIMS, "", "ns0", "claim0-pod0-node0-ns0"),
    ("get", CLAIMS, "", "ns0", "generated-claim-pod0-node0-ns0-0"),
    ("get", "persistentvolumes", "", "", "pv0-pod0-node0-ns0"),
    ("get", ATTACHMENTS, "", "", "attachment0-node0"),
    ("create", "serviceaccounts", "token", "ns0", "svcacct0-node0"),
    *((verb, LEASES, "", "kube-node-lease", "node0") for verb in ("get", "create", "update", "patch", "delete")),
    *((verb, CSI_NODES, "", "", "node0") for verb in ("get", "create", "update", "patch", "delete")),
    ("create", "nodes", "", "", "node0"),
    ("create", "pods", "", "ns0", "x"),
    ("delete", "pods", "", "ns0", "x"),
    ("list", "pods", "", "", ""),
]


@pytest.mark.parametrize("verb, resource, subresource, namespace, name", ALLOWED)
def test_a_kubelet_gets_what_its_pods_need(verb: str, resource: str, subresource: str, namespace: str, name: str) -> None:
    assert check.can(SAMPLE, NODE0, verb, resource, subresource, namespace, name) == (True, "")


_OWN_LEASE = "can only access node lease with the same name as the requesting node"
_OWN_CSI = "can only access CSINode with the same name as the requesting node"
REFUSED = [
    ("get", "configmaps", "", "ns0", "configmap0-pod0-node1", UNRELATED),
    ("get", "secrets", "", "ns0", "secret0-pod0-node1", UNRELATED),
    ("get", "secrets", "", "ns0", "secret-pv0-pod0-node1-ns0", UNRELATED),
    ("get", "persistentvolumeclaims", "", "ns0", "pvc0-pod0-node1", UNRELATED),
    ("get", CLAIMS, "", "ns0", "claim0-pod0-node1-ns0", UNRELATED),
    ("get", CLAIMS, "", "ns0", "pod0-node1-claimtemplate0", UNRELATED),
    ("get", "persistentvolumes", "", "", "pv0-pod0-node1-ns0", UNRELATED),
    ("get", ATTACHMENTS, "", "", "attachment0-node1", UNRELATED),
    ("create", "serviceaccounts", "token", "ns0", "svcacct0-node1", UNRELATED),
    ("list", "secrets", "", "ns0", "", "No Object name found"),
    ("list", "secrets", "", "", "secret0-pod0-node0", "can only read namespaced object of this type"),
    ("update", "secrets", "", "ns0", "secret0-pod0-node0", "can only read resources of this type"),
    ("get", "configmaps", "x", "ns0", "configmap0-pod0-node0", "cannot read subresource"),
    ("list", "persistentvolumes", "", "", "", "can only get individual resources of this type"),
    ("get", "persistentvolumes", "status", "", "pv0-pod0-node0-ns0", "cannot get subresource"),
    ("get", "persistentvolumeclaims", "status", "ns0", "pvc0-pod0-node0", "can only get/update/patch this type"),
    ("create", "serviceaccounts", "", "ns0", "svcacct0-node0", "can only create token subresource of serviceaccount"),
    ("update", "serviceaccounts", "token", "ns0", "svcacct0-node0", "can only create tokens for individual service accounts"),
    ("get", LEASES, "", "foo", "node0", 'can only access leases in the "kube-node-lease" system namespace'),
    ("get", LEASES, "", "kube-node-lease", "node1", _OWN_LEASE),
    ("list", LEASES, "", "kube-node-lease", "", "can only get, create, update, patch, or delete a node lease"),
    ("get", CSI_NODES, "csiDrivers", "", "node0", "cannot authorize CSINode subresources"),
    ("patch", CSI_NODES, "", "", "node1", _OWN_CSI),
    ("watch", CSI_NODES, "", "", "", "can only get, create, update, patch, or delete a CSINode"),
    ("delete", "nodes", "", "", "node0", ""),
    ("get", "deployments.apps", "", "ns0", "x", ""),
]


@pytest.mark.parametrize("verb, resource, subresource, namespace, name, reason", REFUSED)
def test_a_kubelet_is_told_why_not(verb: str, resource: str, subresource: str, namespace: str, name: str, reason: str) -> None:
    assert check.can(SAMPLE, NODE0, verb, resource, subresource, namespace, name) == (False, reason)


def test_a_node_is_one_only_by_name_and_group() -> None:
    by_name = User("system:node:node0", ("system:authenticated",))
    assert check.can(SAMPLE, by_name, "get", "secrets", "", "ns0", "secret0-pod0-node0") == (False, "")
    nameless = User("system:node:", ("system:nodes",))
    assert check.can(SAMPLE, nameless, "list", "pods", "", "", "") == (False, 'unknown node for user "system:node:"')


def test_deleting_the_pod_takes_the_secret_away() -> None:
    server = sample()
    held = server.store.head.get("pods", "ns0", "pod0-node0")
    assert held is not None
    server.store.commit(b.NOW_NS, "DELETED", ("pods", "ns0", "pod0-node0"), held, server.store.log.commits[0].manager, 0)
    assert check.can(server, NODE0, "get", "secrets", "", "ns0", "secret0-pod0-node0") == (False, UNRELATED)


def test_a_mirror_pod_gives_access_to_nothing() -> None:
    server = b.empty()
    mirror = _pod("m", "ns0", "node0", "")
    mirror["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    b.put(server, "pods", mirror)
    assert check.can(server, NODE0, "get", "secrets", "", "ns0", "secret0-m") == (False, UNRELATED)


def test_controller_secrets_of_a_volume_are_not_the_kubelets() -> None:
    """upstream: graph.go AddPV, kubeletVisible."""
    server = b.empty()
    b.put(server, "pods", _pod("p", "ns0", "node0", ""))
    references = {
        "nodePublishSecretRef": {"namespace": "s", "name": "publish"},
        "controllerPublishSecretRef": {"namespace": "s", "name": "no"},
    }
    spec = {"csi": references, "claimRef": {"namespace": "ns0", "name": "pvc0-p"}}
    b.put(server, "persistentvolumes", {"metadata": {"name": "v"}, "spec": spec})
    assert check.can(server, NODE0, "get", "secrets", "", "s", "publish").allowed
    assert not check.can(server, NODE0, "get", "secrets", "", "s", "no").allowed
