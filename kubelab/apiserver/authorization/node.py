"""The node authorizer: a kubelet may read what the pods on its node need, and keep its own node's objects.

It never denies: where it does not allow it gives a reason and leaves the word to RBAC. Upstream keeps a graph; here the state's index of pods
by node is that graph.

upstream: plugin/pkg/auth/authorizer/node/{node_authorizer,graph,graph_populator}.go, pkg/auth/nodeidentifier/default.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache

from kubelab.apiserver.authorization import references, rules
from kubelab.apiserver.request import User
from kubelab.kinds.field import go_quote
from kubelab.kinds.rbac import bootstrap
from kubelab.store.log import Object
from kubelab.store.state import State

PREFIX = "system:node:"
NODES_GROUP = "system:nodes"
LEASES, CSI_NODES = "leases.coordination.k8s.io", "csinodes.storage.k8s.io"
LEASE_NAMESPACE = "kube-node-lease"
MIRROR = "kubernetes.io/config.mirror"
HEARTBEATS = (LEASES, "nodes")
_OWN_VERBS = ("get", "create", "update", "patch", "delete")


def identity(user: User) -> str | None:
    """The node that a user is; "" if it says it is one and does not say which; None if it is none."""
    if not user.name.startswith(PREFIX) or NODES_GROUP not in user.groups:
        return None
    return user.name[len(PREFIX) :]


def decide(state: State, user: User, node: str, verb: str, resource: str, subresource: str, namespace: str, name: str) -> str | None:
    """None: allowed. Else the reason for no opinion, which may be empty."""
    if not node:
        return f"unknown node for user {go_quote(user.name)}"
    match resource:
        case "secrets" | "configmaps":
            refusal = _reading(verb, subresource, namespace)
        case "persistentvolumeclaims" if subresource == "status":
            refusal = "" if verb in ("update", "patch") else "can only get/update/patch this type"
        case "persistentvolumeclaims" | "persistentvolumes" | "volumeattachments.storage.k8s.io" | "resourceclaims.resource.k8s.io":
            refusal = _getting(verb, subresource)
        case "serviceaccounts":
            if verb != "create" or not name:
                refusal = "can only create tokens for individual service accounts"
            else:
                refusal = "" if subresource == "token" else "can only create token subresource of serviceaccount"
        case "leases.coordination.k8s.io":
            return _lease(node, verb, namespace, name)
        case "csinodes.storage.k8s.io":
            return _csi_node(node, verb, subresource, name)
        case _:
            return None if _by_rules(verb, resource, subresource) else ""
    if refusal:
        return refusal
    if not name:
        return "No Object name found"
    if related(state, node, resource, namespace, name):
        return None
    return f"no relationship found between node '{node}' and this object"


def allows_always(user: User, verb: str, resource: str, subresource: str, namespace: str, name: str) -> bool:
    """Whether a node's request is allowed whatever the state: to renew its own lease, to change its own Node object."""
    machine = identity(user)
    if not machine or name != machine or verb not in ("update", "patch"):
        return False
    return (
        _lease(machine, verb, namespace, name) is None
        if resource == LEASES
        else resource == "nodes" and _by_rules(verb, resource, subresource)
    )


def decide_path(user: User, node: str) -> str | None:
    """The static rules name no paths."""
    return "" if node else f"unknown node for user {go_quote(user.name)}"


def _reading(verb: str, subresource: str, namespace: str) -> str:
    if verb not in ("get", "list", "watch"):
        return "can only read resources of this type"
    if subresource:
        return "cannot read subresource"
    return "" if namespace else "can only read namespaced object of this type"


def _getting(verb: str, subresource: str) -> str:
    if verb != "get":
        return "can only get individual resources of this type"
    return "cannot get subresource" if subresource else ""


def _lease(node: str, verb: str, namespace: str, name: str) -> str | None:
    if verb not in _OWN_VERBS:
        return "can only get, create, update, patch, or delete a node lease"
    if namespace != LEASE_NAMESPACE:
        return f"can only access leases in the {go_quote(LEASE_NAMESPACE)} system namespace"
    if verb != "create" and name != node:
        return "can only access node lease with the same name as the requesting node"
    return None


def _csi_node(node: str, verb: str, subresource: str, name: str) -> str | None:
    if verb not in _OWN_VERBS:
        return "can only get, create, update, patch, or delete a CSINode"
    if subresource:
        return "cannot authorize CSINode subresources"
    if verb != "create" and name != node:
        return "can only access CSINode with the same name as the requesting node"
    return None


@cache
def _node_rules() -> tuple[Object, ...]:
    """upstream: bootstrappolicy NodeRules(), which is also the ClusterRole system:node."""
    (role,) = (obj for obj in bootstrap.objects() if obj["kind"] == "ClusterRole" and obj["metadata"]["name"] == "system:node")
    return tuple(role["rules"])


@lru_cache(maxsize=4096)
def _by_rules(verb: str, resource: str, subresource: str) -> bool:
    plural, _, group = resource.partition(".")
    return any(rules.allows(rule, verb, group, plural, subresource, "") for rule in _node_rules())


# -- the graph -----------------------------------------------------------------------------------------------------------
def related(state: State, node: str, resource: str, namespace: str, name: str) -> bool:
    """Whether a path leads from an object to a node: through the pods bound to it, their claims, and the claims' volumes."""
    if resource == "volumeattachments.storage.k8s.io":
        attachment = state.get(resource, "", name)
        return attachment is not None and attachment["spec"].get("nodeName") == node
    if resource == "persistentvolumes":
        volume = state.get(resource, "", name)
        return volume is not None and _volume_reaches(state, node, volume)
    if any(name in _named(pod, resource) for pod in _pods(state, node, namespace)):
        return True
    if resource != "secrets":
        return False
    volumes = state.all("persistentvolumes").values()
    return any(
        (namespace, name) in references.node_secrets_of_volume(volume) and _volume_reaches(state, node, volume)
        for volume in volumes
        if volume["spec"].get("claimRef")
    )


def _volume_reaches(state: State, node: str, volume: Object) -> bool:
    claim = volume["spec"].get("claimRef")
    if not claim:
        return False
    namespace, name = claim.get("namespace", ""), claim.get("name", "")
    return any(name in references.claims_of_pod(pod) for pod in _pods(state, node, namespace))


def _pods(state: State, node: str, namespace: str) -> Iterator[Object]:
    """The pods bound to a node in a namespace, in whatever phase; mirror pods give access to nothing."""
    table = state.all("pods")
    for place in state.by_node.get(node, ()):
        if place[0] == namespace:
            pod = table[place]
            if MIRROR not in (pod["metadata"].get("annotations") or {}):
                yield pod


def _named(pod: Object, resource: str) -> Iterator[str]:
    match resource:
        case "secrets":
            return references.secrets_of_pod(pod)
        case "configmaps":
            return references.configmaps_of_pod(pod)
        case "persistentvolumeclaims":
            return references.claims_of_pod(pod)
        case "serviceaccounts":
            return iter((pod["spec"].get("serviceAccountName", ""),))
        case _:
            return references.resource_claims_of_pod(pod)
