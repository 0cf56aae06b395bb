"""NodeRestriction: a kubelet changes its own node, the pods bound to it, and nothing that would draw more to it.

upstream: plugin/pkg/admission/noderestriction/admission.go, staging/src/k8s.io/kubelet/pkg/apis/well_known_labels.go, 1.28.
"""

from __future__ import annotations

from typing import Any

from kubelab.apiserver import status
from kubelab.apiserver.admission.api import Attributes, Cluster, forbidden, nothing
from kubelab.apiserver.admission.node_pods import check_pod
from kubelab.apiserver.authorization.node import CSI_NODES, LEASE_NAMESPACE, LEASES, PREFIX, identity
from kubelab.kinds.equality import same
from kubelab.kinds.field import go_quote
from kubelab.store.log import Object

_OPERATIONS = ("CREATE", "UPDATE", "DELETE")
_RESOURCES = (
    "pods",
    "pods/status",
    "pods/eviction",
    "pods/ephemeralcontainers",
    "nodes",
    "nodes/status",
    "persistentvolumeclaims",
    "persistentvolumeclaims/status",
    "serviceaccounts/token",
    LEASES,
    CSI_NODES,
)
_ANY_NAME = ("kubelet.kubernetes.io", "node.kubernetes.io")
_RESERVED = "node-restriction.kubernetes.io"
_KUBELET_LABELS = (
    "kubernetes.io/hostname",
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
    "beta.kubernetes.io/instance-type",
    "node.kubernetes.io/instance-type",
    "kubernetes.io/os",
    "kubernetes.io/arch",
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/arch",
)


class NodeRestriction:
    """Looks only at callers that are nodes."""

    name = "NodeRestriction"
    handles = tuple((operation, resource) for operation in _OPERATIONS for resource in _RESOURCES)
    needs = ""
    validate: Any = nothing

    def admit(self, attributes: Attributes, cluster: Cluster) -> None:
        user = attributes.user
        if not user.name.startswith(PREFIX):
            return
        node = identity(user)
        if node is None:
            return
        if not node:
            raise forbidden(attributes, f"could not determine node from user {go_quote(user.name)}")
        match attributes.kind.resource:
            case "pods":
                check_pod(attributes, cluster, node)
            case "nodes":
                _check_node(attributes, node)
            case "persistentvolumeclaims":
                _check_claim(attributes, node)
            case "serviceaccounts":
                _check_token(attributes, cluster, node)
            case "leases.coordination.k8s.io":
                _check_own_name(attributes, node, "node lease", LEASE_NAMESPACE)
            case _:
                _check_own_name(attributes, node, "CSINode", "")


# -- nodes ---------------------------------------------------------------------------------------------------------------
def _check_node(attributes: Attributes, node: str) -> None:
    me = f"node {go_quote(node)}"
    if attributes.name != node:
        raise forbidden(attributes, f"{me} is not allowed to modify node {go_quote(attributes.name)}")
    obj = attributes.object
    if obj is None:
        return
    spec = obj.get("spec") or {}
    labels = obj["metadata"].get("labels") or {}
    if attributes.operation == "CREATE":
        if spec.get("configSource") is not None:
            raise forbidden(attributes, f"{me} is not allowed to create pods with a non-nil configSource")
        if refused := forbidden_labels(labels, {}):
            raise forbidden(attributes, f"{me} is not allowed to set the following labels: {', '.join(refused)}")
        return
    old = attributes.old or {}
    old_spec = old.get("spec") or {}
    if spec.get("configSource") is not None and not same(spec["configSource"], old_spec.get("configSource")):
        raise forbidden(attributes, f"{me} is not allowed to update configSource to a new non-nil configSource")
    if not same(spec.get("taints"), old_spec.get("taints")):
        raise forbidden(attributes, f"{me} is not allowed to modify taints")
    if refused := forbidden_labels(labels, old["metadata"].get("labels") or {}):
        raise forbidden(attributes, f"is not allowed to modify labels: {', '.join(refused)}")


def forbidden_labels(labels: dict[str, str], old: dict[str, str]) -> list[str]:
    """The labels added, changed or removed that are not a kubelet's to set, sorted."""
    if labels == old:
        return []
    changed = [key for key in sorted({**labels, **old}) if labels.get(key) != old.get(key)]
    return [key for key in changed if _under(_prefix(key), _RESERVED) or (_is_kubernetes(key) and not _is_kubelet(key))]


def _prefix(key: str) -> str:
    head, slash, _ = key.partition("/")
    return head if slash else ""


def _under(prefix: str, domain: str) -> bool:
    return prefix == domain or prefix.endswith(f".{domain}")


def _is_kubernetes(key: str) -> bool:
    return _under(_prefix(key), "kubernetes.io") or _under(_prefix(key), "k8s.io")


def _is_kubelet(key: str) -> bool:
    return key in _KUBELET_LABELS or any(_under(_prefix(key), domain) for domain in _ANY_NAME)


# -- the rest ------------------------------------------------------------------------------------------------------------
def _check_claim(attributes: Attributes, node: str) -> None:
    if attributes.subresource != "status":
        raise forbidden(attributes, "may only update PVC status")
    if attributes.operation != "UPDATE":
        raise forbidden(attributes, f"unexpected operation {go_quote(attributes.operation)}")
    new, old = _without_sizes(attributes.object or {}), _without_sizes(attributes.old or {})
    changed = [name for name in {**new, **old} if not same(new.get(name), old.get(name))]
    if changed:
        fields = "fields other than status.capacity and status.conditions"
        raise forbidden(attributes, f"node {go_quote(node)} is not allowed to update {fields}: {', '.join(changed)}")


def _without_sizes(claim: Object) -> Object:
    meta = {name: value for name, value in claim.get("metadata", {}).items() if name not in ("resourceVersion", "managedFields")}
    rest = {name: value for name, value in (claim.get("status") or {}).items() if name not in ("capacity", "conditions")}
    return {**claim, "metadata": meta, "status": rest}


def _check_token(attributes: Attributes, cluster: Cluster, node: str) -> None:
    if attributes.operation != "CREATE" or attributes.subresource != "token" or attributes.object is None:
        return
    bound = (attributes.object.get("spec") or {}).get("boundObjectRef") or {}
    if bound.get("apiVersion") != "v1" or bound.get("kind") != "Pod" or not bound.get("name"):
        raise forbidden(attributes, "node requested token not bound to a pod")
    if not bound.get("uid"):
        raise forbidden(attributes, "node requested token with a pod binding without a uid")
    pod = cluster.state.get("pods", attributes.namespace, bound["name"])
    if pod is None:
        details = {"name": bound["name"], "kind": "pod"}
        raise status.failure(404, "NotFound", f"pod {go_quote(bound['name'])} not found", details)
    if pod["metadata"]["uid"] != bound["uid"]:
        why = f"the UID in the bound object reference ({bound['uid']}) does not match the UID in record. "
        raise forbidden(attributes, f"{why}The object might have been deleted and then recreated")
    if pod["spec"].get("nodeName") != node:
        raise forbidden(attributes, "node requested token bound to a pod scheduled on a different node")


def _check_own_name(attributes: Attributes, node: str, what: str, namespace: str) -> None:
    if namespace and attributes.namespace != namespace:
        raise forbidden(attributes, f"can only access leases in the {go_quote(namespace)} system namespace")
    name = attributes.object["metadata"].get("name") if attributes.operation == "CREATE" and attributes.object else attributes.name
    if name != node:
        raise forbidden(attributes, f"can only access {what} with the same name as the requesting node")
