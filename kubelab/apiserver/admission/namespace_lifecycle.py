"""NamespaceLifecycle: nothing new in a namespace that is missing or going, and three namespaces that stay.

upstream: apiserver/pkg/admission/plugin/namespace/lifecycle/admission.go, 1.28.
"""

from __future__ import annotations

from typing import Any

from kubelab.apiserver import status
from kubelab.apiserver.admission.api import Attributes, Cluster, forbidden, nothing
from kubelab.kinds.field import go_quote

IMMORTAL = ("default", "kube-system", "kube-public")
_REVIEWS = ("localsubjectaccessreviews.authorization.k8s.io",)


class NamespaceLifecycle:
    """Updates are let through: where the object exists its namespace does."""

    name = "NamespaceLifecycle"
    handles = (("CREATE", "*"), ("DELETE", "namespaces"))
    needs = ""
    validate: Any = nothing

    def admit(self, attributes: Attributes, cluster: Cluster) -> None:
        if attributes.operation == "DELETE":
            if attributes.name in IMMORTAL:
                raise status.forbidden(attributes.kind, attributes.name, "this namespace may not be deleted")
            return
        name = attributes.namespace
        if not name or not attributes.kind.namespaced or attributes.kind.resource in _REVIEWS:
            return
        namespace = cluster.state.get("namespaces", "", name)
        if namespace is None:
            message = f"namespaces {go_quote(name)} not found"
            raise status.failure(404, "NotFound", message, {"name": name, "kind": "namespaces"})
        if (namespace.get("status") or {}).get("phase") == "Terminating":
            raise _terminating(attributes, name)


def _terminating(attributes: Attributes, namespace: str) -> status.ApiFailure:
    refusal = forbidden(attributes, f"unable to create new content in namespace {namespace} because it is being terminated")
    cause = {"reason": "NamespaceTerminating", "message": f"namespace {namespace} is being terminated", "field": "metadata.namespace"}
    refusal.status["details"]["causes"] = [cause]
    return refusal
