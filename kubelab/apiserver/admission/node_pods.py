"""NodeRestriction's part for pods: mirror pods alone, bound to their node, owned by it, and referring to nothing.

upstream: plugin/pkg/admission/noderestriction/admission.go (admitPod, admitPodCreate, admitPodStatus, admitPodEviction), 1.28.
"""

from __future__ import annotations

from kubelab.apiserver import status
from kubelab.apiserver.admission.api import Attributes, Cluster, forbidden
from kubelab.apiserver.authorization.node import MIRROR
from kubelab.apiserver.authorization.references import configmaps_of_pod, secrets_of_pod
from kubelab.kinds.equality import same
from kubelab.kinds.field import go_quote
from kubelab.store.log import Object


def check_pod(attributes: Attributes, cluster: Cluster, node: str) -> None:
    match attributes.subresource:
        case "":
            _check_whole(attributes, cluster, node)
        case "status":
            _check_status(attributes, node)
        case "eviction":
            pod = _existing(attributes, cluster)
            if pod["spec"].get("nodeName") != node:
                raise forbidden(attributes, f"node {node} can only evict pods with spec.nodeName set to itself")
        case other:
            why = f"unexpected pod subresource {go_quote(other)}, only 'status' and 'eviction' are allowed"
            raise forbidden(attributes, why)


def _check_whole(attributes: Attributes, cluster: Cluster, node: str) -> None:
    me = f"node {go_quote(node)}"
    if attributes.operation == "CREATE":
        _check_create(attributes, cluster, node)
    elif attributes.operation == "DELETE":
        if _existing(attributes, cluster)["spec"].get("nodeName") != node:
            raise forbidden(attributes, f"{me} can only delete pods with spec.nodeName set to itself")
    else:
        raise forbidden(attributes, f"unexpected operation {go_quote(attributes.operation)}, {me} can only create and delete mirror pods")


def _existing(attributes: Attributes, cluster: Cluster) -> Object:
    pod = cluster.state.get("pods", attributes.namespace, attributes.name)
    if pod is None:
        raise status.not_found(attributes.kind, attributes.name)
    return pod


def _check_create(attributes: Attributes, cluster: Cluster, node: str) -> None:
    pod = attributes.object or {}
    me = f"node {go_quote(node)}"
    if MIRROR not in (pod["metadata"].get("annotations") or {}):
        raise forbidden(attributes, f"pod does not have {go_quote(MIRROR)} annotation, {me} can only create mirror pods")
    if pod["spec"].get("nodeName") != node:
        raise forbidden(attributes, f"{me} can only create pods with spec.nodeName set to itself")
    _check_owner(attributes, cluster, node, pod["metadata"].get("ownerReferences") or [])
    if pod["spec"].get("serviceAccountName"):
        raise forbidden(attributes, f"{me} can not create pods that reference a service account")
    if any(secrets_of_pod(pod)):
        raise forbidden(attributes, f"{me} can not create pods that reference secrets")
    if any(configmaps_of_pod(pod)):
        raise forbidden(attributes, f"{me} can not create pods that reference configmaps")
    if any("persistentVolumeClaim" in volume for volume in pod["spec"].get("volumes") or ()):
        raise forbidden(attributes, f"{me} can not create pods that reference persistentvolumeclaims")


def _check_owner(attributes: Attributes, cluster: Cluster, node: str, owners: list[Object]) -> None:
    me = f"node {go_quote(node)}"
    only = f"{me} can only create pods with"
    if len(owners) > 1:
        raise forbidden(attributes, f"{only} a single owner reference set to itself")
    owner = owners[0] if owners else {}
    if (owner.get("apiVersion"), owner.get("kind"), owner.get("name")) != ("v1", "Node", node):
        raise forbidden(attributes, f"{only} an owner reference set to itself")
    if not owner.get("controller"):
        raise forbidden(attributes, f"{only} a controller owner reference set to itself")
    if owner.get("blockOwnerDeletion"):
        raise forbidden(attributes, f"{me} must not set blockOwnerDeletion on an owner reference")
    found = cluster.state.get("nodes", "", node)
    if found is None:
        raise status.failure(404, "NotFound", f"node {go_quote(node)} not found", {"name": node, "kind": "node"})
    if owner.get("uid") != found["metadata"]["uid"]:
        raise forbidden(attributes, f"node {node} UID mismatch: expected {owner.get('uid', '')} got {found['metadata']['uid']}")


def _check_status(attributes: Attributes, node: str) -> None:
    me = f"node {go_quote(node)}"
    if attributes.operation != "UPDATE":
        raise forbidden(attributes, f"unexpected operation {go_quote(attributes.operation)}")
    new, old = attributes.object or {}, attributes.old or {}
    if old["spec"].get("nodeName") != node:
        raise forbidden(attributes, f"{me} can only update pod status for pods with spec.nodeName set to itself")
    labels, old_labels = new["metadata"].get("labels"), old["metadata"].get("labels")
    if labels is not old_labels and (labels or {}) != (old_labels or {}):
        raise forbidden(attributes, f"{me} cannot update labels through pod status")
    claims, old_claims = ((each.get("status") or {}).get("resourceClaimStatuses") for each in (new, old))
    if not same(claims, old_claims):
        raise forbidden(attributes, f"{me} cannot update resource claim statues")
