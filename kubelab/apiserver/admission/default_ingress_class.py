"""DefaultIngressClass: an ingress that names no class gets the default one.

upstream: plugin/pkg/admission/network/defaultingressclass/admission.go, 1.28.
"""

from __future__ import annotations

from typing import Any

from kubelab.apiserver.admission.api import Attributes, Cluster, nothing
from kubelab.apiserver.admission.newest_default import newest_default

CLASSES = "ingressclasses.networking.k8s.io"
_MARK = "ingressclass.kubernetes.io/is-default-class"
_OLD_CLASS = "kubernetes.io/ingress.class"


class DefaultIngressClass:
    """The old annotation counts as a choice."""

    name = "DefaultIngressClass"
    handles = (("CREATE", "ingresses.networking.k8s.io"),)
    needs = ""
    validate: Any = nothing

    def admit(self, attributes: Attributes, cluster: Cluster) -> None:
        ingress = attributes.object
        if ingress is None or ingress["spec"].get("ingressClassName") is not None:
            return
        if _OLD_CLASS in (ingress["metadata"].get("annotations") or {}):
            return
        found = newest_default(cluster.state, CLASSES, (_MARK,))
        if found is not None:
            ingress["spec"]["ingressClassName"] = found
